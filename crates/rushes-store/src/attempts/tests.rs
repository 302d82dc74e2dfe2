//! Tests of the ledger: what is written when, and by whom.

use super::*;
use crate::Mode;
use crate::stand;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::job::{Asked, NewJob, Outcome};
use rushes_core::store::{Jobs, Journal, Room, StepCommit};
use serde_json::json;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    lease: Lease,
    _folder: tempfile::TempDir,
}

impl Home {
    async fn with_a_job() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mode = Mode::Own { owner: "test".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, Arc::new(SystemClock), Routes::default()).unwrap();
        let id = JobId(SystemClock.new_id());
        let job = NewJob {
            id,
            workflow: "w".into(),
            version: 1,
            input: json!({}),
            input_hash: "h".into(),
            parent: None,
            root: id,
            in_turn: false,
            home: None,
            collection: None,
            asked: Asked::default(),
        };
        store.create(job).await.unwrap();
        let lease = store.claim("test", Room { all: 1, in_turn: 1, own_files_only: false }).await.unwrap().remove(0).lease;
        Self { store, lease, _folder: folder }
    }

    async fn begin(&self, step: &str) -> Begun {
        self.store.begin_attempt(self.lease, step, &Terms::free("there")).await.unwrap()
    }

    async fn end(&self, step: &str, end: AttemptEnd) -> Result<(), Code> {
        self.store.end_attempt(self.lease, step, end).await.map_err(|fault| fault.code)
    }

    async fn states(&self) -> Vec<(String, u32, AttemptState)> {
        let all = self.store.attempts(self.lease.job).await.unwrap();
        all.into_iter().map(|attempt| (attempt.step, attempt.number, attempt.state)).collect()
    }

    async fn ends(&self, step: &str, outcome: Outcome) {
        let commit = StepCommit {
            shown: Vec::new(),
            gone: Vec::new(),
            lease: self.lease,
            step: step.into(),
            input_hash: String::new(),
            outcome,
            attempts: 1,
            started_ms: 0,
            provider: None,
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets: Vec::new(),
        };
        self.store.commit(commit).await.unwrap();
    }
}

fn down() -> Fault {
    Fault::new(Code::ProviderDown, "send")
}

#[tokio::test]
async fn attempts_only_what_failed_is_sent_again() {
    let home = Home::with_a_job().await;
    assert_eq!(home.begin("post").await, Begun::Send(1));
    home.end("post", AttemptEnd::Failed(down())).await.unwrap();
    assert_eq!(home.begin("post").await, Begun::Send(2));
    home.end("post", AttemptEnd::Done { external_id: "7".into(), cost_micros: Some(350_000) }).await.unwrap();
    let Begun::Before(attempt) = home.begin("post").await else { panic!("it would be sent twice") };
    assert_eq!((attempt.state, attempt.external_id.as_deref(), attempt.cost_micros), (AttemptState::Done, Some("7"), Some(350_000)));
    assert_eq!((attempt.step.as_str(), attempt.number, attempt.provider.as_str()), ("post", 2, "there"));
    let first = home.store.attempts(home.lease.job).await.unwrap().remove(0);
    assert_eq!((first.number, first.fault), (1, Some(down())));
    assert_eq!(home.end("post", AttemptEnd::Failed(down())).await, Err(Code::NotFound), "what is over stays so");
    assert_eq!(home.begin("other").await, Begun::Send(1), "each step has its own");
}

#[tokio::test]
async fn attempts_an_intent_without_an_answer_is_unknown_and_not_sent_again() {
    let home = Home::with_a_job().await;
    assert_eq!(home.begin("post").await, Begun::Send(1));
    for _ in 0..2 {
        let Begun::Before(attempt) = home.begin("post").await else { panic!("it would be sent twice") };
        assert_eq!(attempt.state, AttemptState::Unknown);
    }
    assert_eq!(home.states().await, [("post".to_owned(), 1, AttemptState::Unknown)]);
    home.end("post", AttemptEnd::Unknown(down())).await.unwrap();
    let Begun::Before(attempt) = home.begin("post").await else { panic!("it would be sent twice") };
    assert_eq!(attempt.fault, Some(down()));
}

#[tokio::test]
async fn attempts_what_one_step_submits_another_ends_by_its_name() {
    let home = Home::with_a_job().await;
    home.begin("order").await;
    home.end("order", AttemptEnd::Submitted("41".into())).await.unwrap();
    home.ends("order", Outcome::Value(json!("41"))).await;
    let done = |id: &str| AttemptEnd::Done { external_id: id.into(), cost_micros: Some(1) };
    assert_eq!(home.end("fetch", done("42")).await, Err(Code::NotFound), "another's");
    assert_eq!(home.end("fetch", AttemptEnd::Submitted("41".into())).await, Err(Code::NotFound));
    home.end("fetch", done("41")).await.unwrap();
    let attempt = home.store.attempts(home.lease.job).await.unwrap().remove(0);
    assert_eq!((attempt.step.as_str(), attempt.state, attempt.cost_micros), ("order", AttemptState::Done, Some(1)));
}

#[tokio::test]
async fn attempts_left_open_by_a_step_that_failed_are_for_a_person() {
    let home = Home::with_a_job().await;
    for step in ["failed", "cancelled", "declined", "given"] {
        home.begin(step).await;
    }
    home.end("declined", AttemptEnd::Failed(down())).await.unwrap();
    home.end("given", AttemptEnd::Submitted("7".into())).await.unwrap();
    home.ends("failed", Outcome::Failed(down())).await;
    home.ends("declined", Outcome::Failed(down())).await;
    home.ends("cancelled", Outcome::Cancelled).await;
    home.ends("given", Outcome::Value(json!("7"))).await;
    let mut states = home.states().await;
    states.sort_by(|one, other| one.0.cmp(&other.0));
    let state = |step: &str, state| (step.to_owned(), 1, state);
    let wanted = [
        state("cancelled", AttemptState::NeedsReconcile),
        state("declined", AttemptState::Failed),
        state("failed", AttemptState::NeedsReconcile),
        state("given", AttemptState::Submitted),
    ];
    assert_eq!(states, wanted);
    let Begun::Before(attempt) = home.begin("failed").await else { panic!("a retry must look first") };
    assert_eq!(attempt.state, AttemptState::NeedsReconcile);
}

#[tokio::test]
async fn attempts_are_written_by_the_engine_that_holds_the_job_and_no_other() {
    let home = Home::with_a_job().await;
    home.begin("post").await;
    let lost = Lease { fence: home.lease.fence - 1, ..home.lease };
    let begun = home.store.begin_attempt(lost, "post", &Terms::free("there")).await.unwrap_err();
    let ended = home.store.end_attempt(lost, "post", AttemptEnd::Failed(down())).await.unwrap_err();
    assert_eq!((begun.code, ended.code), (Code::LeaseLost, Code::LeaseLost));
    assert_eq!(home.states().await, [("post".to_owned(), 1, AttemptState::Intent)]);
}
