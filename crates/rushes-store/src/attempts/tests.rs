//! Tests of the ledger: what is written when, and by whom.

use super::*;
use crate::Mode;
use crate::stand::{self, new_job};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::job::Outcome;
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
        let job = new_job("w");
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
            folders: Vec::new(),
            folders_gone: Vec::new(),
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
    let again = |id: &str| AttemptEnd::Done { external_id: id.into(), cost_micros: None };
    home.end("post", again("7")).await.expect("a program that ended after it was written down says it again");
    assert_eq!(home.end("post", again("8")).await, Err(Code::NotFound), "and no other");
    let first = home.store.attempts(home.lease.job).await.unwrap().remove(0);
    assert_eq!((first.number, first.fault), (1, Some(down())));
    assert_eq!(home.end("post", AttemptEnd::Failed(down())).await, Err(Code::NotFound), "what is over stays so");
    assert_eq!(home.begin("other").await, Begun::Send(1), "each step has its own");
}

#[tokio::test]
async fn attempts_that_brought_nothing_of_use_are_paid_for_and_sent_again() {
    let home = Home::with_a_job().await;
    let terms = Terms { price_micros: 500_000, ..Terms::free("there") };
    let begin = async || home.store.begin_attempt(home.lease, "text", &terms).await.unwrap();
    for (number, cost_micros) in [(1, Some(20_000)), (2, None)] {
        assert_eq!(begin().await, Begun::Send(number));
        home.end("text", AttemptEnd::Done { external_id: number.to_string(), cost_micros }).await.unwrap();
        home.end("text", AttemptEnd::Wasted(down())).await.unwrap();
        assert_eq!(home.end("text", AttemptEnd::Wasted(down())).await, Err(Code::NotFound), "once");
    }
    assert_eq!(begin().await, Begun::Send(3));
    home.end("text", AttemptEnd::Wasted(down())).await.unwrap();
    let all = home.store.attempts(home.lease.job).await.unwrap();
    let told: Vec<_> = all.iter().map(|attempt| (attempt.state, attempt.cost_micros)).collect();
    assert_eq!(told, [20_000, 500_000, 500_000].map(|micros| (AttemptState::Failed, Some(micros))));
    assert_eq!(home.store.spent_a_day(0).await.unwrap()[0].micros, 1_020_000);
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

/// A provider whose orders cost half a dollar.
fn dear(bounds: Terms) -> Terms {
    Terms { provider: "there".into(), price_micros: 500_000, ..bounds }
}

#[tokio::test]
async fn attempts_stop_before_a_budget_is_gone_beyond_and_go_on_when_it_is_raised() {
    for cap in [
        |micros| dear(Terms { day_micros: Some(micros), ..Terms::default() }),
        |micros| dear(Terms { whole_day_micros: Some(micros), ..Terms::default() }),
        |micros| dear(Terms { job_micros: Some(micros), ..Terms::default() }),
    ] {
        let home = Home::with_a_job().await;
        let begin = async |step: &str, micros| home.store.begin_attempt(home.lease, step, &cap(micros)).await.map_err(|fault| fault.code);
        assert_eq!(begin("one", 1_000_000).await, Ok(Begun::Send(1)));
        home.end("one", AttemptEnd::Done { external_id: "1".into(), cost_micros: Some(600_000) }).await.unwrap();
        assert_eq!(begin("two", 1_000_000).await, Err(Code::BudgetSpent), "0.60 is spent: another half would go beyond");
        assert_eq!(begin("two", 1_100_000).await, Ok(Begun::Send(1)), "to the last cent");
        assert_eq!(begin("three", 1_100_000).await, Err(Code::BudgetSpent), "what is under way is set aside");
        assert!(matches!(begin("two", 0).await, Ok(Begun::Before(_))), "what was sent goes on, whatever the budget");
        home.end("two", AttemptEnd::Failed(down())).await.unwrap();
        assert_eq!(begin("three", 1_100_000).await, Ok(Begun::Send(1)), "what came to nothing costs nothing");
        home.end("three", AttemptEnd::Done { external_id: "3".into(), cost_micros: None }).await.unwrap();
        let spent = home.store.spent_a_day(0).await.unwrap().remove(0);
        assert_eq!((spent.provider.as_str(), spent.sent, spent.open, spent.micros), ("there", 2, 0, 1_100_000));
        let job = home.store.spent_by_job(0, 10).await.unwrap().remove(0);
        assert_eq!((job.job, job.workflow.as_str(), job.sent, job.micros), (home.lease.job, "w", 2, 1_100_000));
    }
}

#[tokio::test]
async fn attempts_budgets_of_a_provider_are_not_touched_by_others() {
    let home = Home::with_a_job().await;
    let other = Terms { provider: "elsewhere".into(), price_micros: 900_000, ..Terms::default() };
    home.store.begin_attempt(home.lease, "one", &other).await.unwrap();
    let here = dear(Terms { day_micros: Some(500_000), ..Terms::default() });
    assert_eq!(home.store.begin_attempt(home.lease, "two", &here).await.unwrap(), Begun::Send(1));
    let both = dear(Terms { whole_day_micros: Some(1_800_000), ..Terms::default() });
    let fault = home.store.begin_attempt(home.lease, "three", &both).await.unwrap_err();
    assert_eq!(fault.code, Code::BudgetSpent);
    assert!(fault.to_string().contains("1.40 USD of 1.80 USD") && fault.to_string().contains("budgets.day_usd"), "{fault}");
}

#[tokio::test]
async fn attempts_are_bounded_at_once_and_within_a_minute() {
    let home = Home::with_a_job().await;
    let two = Terms { at_once: Some(2), ..Terms::free("there") };
    let begin = async |step: &str, terms: &Terms| home.store.begin_attempt(home.lease, step, terms).await;
    assert_eq!(begin("one", &two).await.unwrap(), Begun::Send(1));
    assert_eq!(begin("two", &two).await.unwrap(), Begun::Send(1));
    let full = begin("three", &two).await.unwrap_err();
    assert_eq!((full.code, full.get("provider")), (Code::ProviderBusy, Some("there")));
    assert_eq!(begin("three", &Terms { at_once: Some(2), ..Terms::free("elsewhere") }).await.unwrap(), Begun::Send(1));
    home.end("one", AttemptEnd::Done { external_id: "1".into(), cost_micros: None }).await.unwrap();
    assert_eq!(begin("four", &two).await.unwrap(), Begun::Send(1), "one has ended");
    let often = begin("five", &Terms { per_minute: Some(3), ..Terms::free("there") }).await.unwrap_err();
    assert_eq!(often.code, Code::ProviderBusy);
    assert!(often.retry_after_ms.is_some_and(|wait| (50_000..=60_000).contains(&wait)), "until the first is a minute old: {often}");
    assert_eq!(begin("five", &Terms { per_minute: Some(4), ..Terms::free("there") }).await.unwrap(), Begun::Send(1));
}

#[tokio::test]
async fn attempts_that_need_a_person_are_settled_when_their_job_has_ended() {
    let home = Home::with_a_job().await;
    let settle = async |step: &str, end| home.store.settle_attempt(home.lease.job, step, end).await.map_err(|fault| fault.code);
    home.begin("post").await;
    assert_eq!(settle("post", AttemptEnd::Submitted("7".into())).await, Err(Code::InputInvalid), "it is at work");
    home.ends("post", Outcome::Failed(down())).await;
    home.store.finish(home.lease, Some(Err(down()))).await.unwrap();
    assert_eq!(settle("other", AttemptEnd::Submitted("7".into())).await, Err(Code::NotFound));
    settle("post", AttemptEnd::Submitted("7".into())).await.unwrap();
    assert_eq!(home.states().await, [("post".to_owned(), 1, AttemptState::Submitted)]);
    assert_eq!(settle("post", AttemptEnd::Failed(down())).await, Err(Code::NotFound), "it was settled");
}
