//! Tests of when messages are owed, leased, tried and given up.

use crate::stand::{self, HandClock};
use crate::{Mode, SqlStore};
use rushes_core::clock::Clock;
use rushes_core::delivery::Routes;
use rushes_core::job::{Asked, NewJob};
use rushes_core::store::{Events, Jobs, Messages, Room, Upkeep, Webhooks};
use rushes_core::webhook::{DueMessage, ENDPOINTS_MAX, Endpoint, Message, MessageFilter, MessageState, Try, Verdict};
use rushes_core::{Code, EndpointId, Fault, JobId};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const OWN_URL: &str = "https://app.example/own";

struct Home {
    store: SqlStore,
    clock: Arc<HandClock>,
    folder: tempfile::TempDir,
}

fn open(folder: &Path, clock: Arc<HandClock>) -> SqlStore {
    stand::open(&folder.join("rushes.db"), &Mode::Own { owner: "test".into() }, clock, Routes::default()).unwrap()
}

impl Home {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::at(1_000_000));
        Self { store: open(folder.path(), clock.clone()), clock, folder }
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    async fn endpoint(&self, url: &str, types: &[&str]) -> EndpointId {
        let id = EndpointId(self.clock.new_id());
        let types = types.iter().map(|word| (*word).to_owned()).collect();
        let new = Endpoint { id, url: url.into(), types, key: "key_1".into(), created_ms: self.clock.now_ms(), disabled_why: None };
        self.store.add_endpoint(&new).await.unwrap();
        id
    }

    async fn job(&self, url: Option<&str>, parent: Option<JobId>, collection: Option<&str>) -> JobId {
        let id = JobId(self.clock.new_id());
        let new = NewJob {
            id,
            workflow: "w".into(),
            version: 1,
            input: json!({}),
            input_hash: "h".into(),
            parent: parent.map(|parent| (parent, "child".to_owned())),
            root: parent.unwrap_or(id),
            collection: collection.map(str::to_owned),
            in_turn: parent.is_none(),
            home: None,
            asked: Asked { key: Some("key_2".into()), idem_key: None, webhook_url: url.map(str::to_owned) },
        };
        self.store.create(new).await.unwrap();
        id
    }

    async fn end(&self, id: JobId, end: Option<Result<Value, Fault>>) {
        let claims = self.store.claim("test", Room { all: 10, in_turn: 10, own_files_only: false }).await.unwrap();
        let claim = claims.into_iter().find(|claim| claim.job.id == id).expect("it was queued");
        self.store.finish(claim.lease, end).await.unwrap();
    }

    async fn log(&self, state: Option<MessageState>) -> Vec<Message> {
        self.store.messages(&MessageFilter { state, limit: 100, ..MessageFilter::default() }).await.unwrap()
    }

    async fn due(&self) -> Vec<DueMessage> {
        self.store.due_messages(10, 2).await.unwrap().messages
    }

    async fn tried(&self, due: &DueMessage, status: u16, verdict: Verdict) -> Result<(), Fault> {
        let tried = Try { at_ms: self.clock.now_ms(), ms: 3, status: Some(status), said: "words".into() };
        self.store.tried(due, &tried, verdict).await
    }
}

#[tokio::test]
async fn webhooks_each_end_of_a_topmost_job_owes_one_message_to_each_who_wants_it() {
    let home = Home::new();
    let (all, failures) =
        (home.endpoint("https://a.example/x", &[]).await, home.endpoint("https://b.example/", &["pipeline.failed"]).await);
    let done = home.job(Some(OWN_URL), None, None).await;
    home.end(done, Some(Ok(json!({"made": 1})))).await;
    let log = home.log(None).await;
    assert_eq!(log.len(), 2, "{log:?}");
    let to = |log: &[Message], url: &str| log.iter().find(|one| one.url == url).cloned().expect("a message there");
    let (own, registered) = (to(&log, OWN_URL), to(&log, "https://a.example/x"));
    assert_eq!((own.endpoint, registered.endpoint, own.job), (None, Some(all), Some(done)));
    assert_eq!((own.message_type.as_str(), own.state), ("job.completed", MessageState::Owed));
    let due = home.due().await;
    let body: Value = serde_json::from_str(&due[0].body).unwrap();
    assert_eq!(body["data"], json!({"job_id": done, "status": "completed", "results": [], "errors": []}));
    assert_eq!((body["type"].as_str(), body["timestamp"].as_str()), (Some("job.completed"), Some("1970-01-01T00:16:40.000Z")));
    let keys: Vec<&str> = due.iter().map(|one| one.key.as_str()).collect();
    assert!(keys.contains(&"key_1") && keys.contains(&"key_2"), "who registered, and who asked: {keys:?}");

    let failed = home.job(None, None, Some("pipeline_jobs")).await;
    home.end(failed, Some(Err(Fault::new(Code::FileMissing, "find it")))).await;
    let log = home.store.messages(&MessageFilter { job: Some(failed), limit: 10, ..MessageFilter::default() }).await.unwrap();
    let types: Vec<&str> = log.iter().map(|one| one.message_type.as_str()).collect();
    assert_eq!((types, log[0].endpoint), (vec!["pipeline.failed"; 2], Some(failures)), "the newest first");
    let of_one = home.store.messages(&MessageFilter { endpoint: Some(failures), limit: 10, ..MessageFilter::default() }).await.unwrap();
    assert_eq!(of_one.len(), 1, "only what it wants");
}

#[tokio::test]
async fn webhooks_children_owe_nothing_and_a_cancelled_job_one_message() {
    let home = Home::new();
    let parent = home.job(Some(OWN_URL), None, None).await;
    let child = home.job(None, Some(parent), None).await;
    home.endpoint("https://a.example/", &["job.cancelled"]).await;
    // Both queued: the wish ends them where they stand.
    home.store.cancel(parent).await.unwrap();
    home.store.cancel(parent).await.unwrap_err();
    let log = home.log(None).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log.iter().all(|one| one.message_type == "job.cancelled" && one.job == Some(parent)), "{child} {log:?}");

    let running = home.job(Some(OWN_URL), None, None).await;
    let claim = home.store.claim("test", Room { all: 10, in_turn: 10, own_files_only: false }).await.unwrap().remove(0);
    home.store.cancel(running).await.unwrap();
    assert_eq!(home.log(None).await.len(), 2, "it is only asked to stop");
    home.store.finish(claim.lease, None).await.unwrap();
    assert_eq!(home.log(None).await.len(), 4);
}

#[tokio::test]
async fn webhooks_a_retried_job_ends_again_and_says_so_again() {
    let home = Home::new();
    let job = home.job(Some(OWN_URL), None, None).await;
    home.end(job, Some(Err(Fault::new(Code::FileMissing, "find it")))).await;
    home.store.retry(job).await.unwrap();
    home.end(job, Some(Ok(json!({})))).await;
    let types: Vec<String> = home.log(None).await.into_iter().map(|one| one.message_type).collect();
    assert_eq!(types, ["job.completed", "job.failed"]);
}

#[tokio::test]
async fn webhooks_one_host_has_so_many_under_way_and_others_go_on() {
    let home = Home::new();
    for _ in 0..5 {
        let job = home.job(Some("https://slow.example/"), None, None).await;
        home.store.cancel(job).await.unwrap();
    }
    let job = home.job(Some("https://quick.example/"), None, None).await;
    home.store.cancel(job).await.unwrap();
    let due = home.due().await;
    let of = |due: &[DueMessage], host: &str| due.iter().filter(|one| one.url.contains(host)).count();
    assert_eq!((of(&due, "slow"), of(&due, "quick")), (2, 1));
    assert!(home.due().await.is_empty(), "those under way count");
    let slow = due.iter().find(|one| one.url.contains("slow")).unwrap();
    home.tried(slow, 200, Verdict::Done).await.unwrap();
    assert_eq!(of(&home.due().await, "slow"), 1);
    assert_eq!(home.store.due_messages(0, 9).await.unwrap().messages.len(), 0);
}

#[tokio::test]
async fn webhooks_tries_are_put_off_logged_and_end() {
    let home = Home::new();
    let job = home.job(Some(OWN_URL), None, None).await;
    home.store.cancel(job).await.unwrap();
    let first = home.due().await.remove(0);
    home.tried(&first, 500, Verdict::Again(Duration::from_secs(5))).await.unwrap();
    let waits = home.store.due_messages(10, 2).await.unwrap();
    assert!(waits.messages.is_empty());
    assert_eq!(waits.next_ms, Some(home.clock.now_ms() + 5_000));
    home.later(5_000);
    let second = home.due().await.remove(0);
    assert_eq!((second.id, &second.body, second.attempts), (first.id, &first.body, 1));
    home.tried(&second, 204, Verdict::Done).await.unwrap();
    let log = home.log(Some(MessageState::Done)).await;
    assert_eq!(log[0].tries.iter().map(|one| one.status).collect::<Vec<_>>(), [Some(204), Some(500)]);
    assert_eq!((log[0].attempts, log[0].next_ms, log[0].ended_ms), (2, None, Some(home.clock.now_ms())));

    let again = home.store.redeliver(first.id).await.unwrap();
    assert_eq!((again.state, again.attempts, again.tries.len()), (MessageState::Owed, 0, 2));
    let third = home.due().await.remove(0);
    assert_eq!((third.id, &third.body), (first.id, &first.body));
    home.tried(&third, 500, Verdict::Again(Duration::ZERO)).await.unwrap();
    let fourth = home.due().await.remove(0);
    home.tried(&fourth, 400, Verdict::Refused).await.unwrap();
    assert_eq!(home.log(Some(MessageState::Refused)).await.len(), 1);
    assert_eq!(home.store.forget_messages(home.clock.now_ms(), 10).await.unwrap(), 0, "not before its time");
    assert_eq!(home.store.forget_messages(home.clock.now_ms() + 1, 10).await.unwrap(), 1);
    assert_eq!(home.store.message(first.id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn webhooks_a_lease_that_ran_out_is_worth_nothing_and_the_message_the_same() {
    let home = Home::new();
    let job = home.job(Some(OWN_URL), None, None).await;
    home.store.cancel(job).await.unwrap();
    let lost = home.due().await.remove(0);
    home.later(60_001);
    let again = home.due().await.remove(0);
    assert_eq!((again.id, &again.body), (lost.id, &lost.body));
    assert_eq!(home.tried(&lost, 200, Verdict::Done).await.unwrap_err().code, Code::LeaseLost);
    // A start finds what an engine that is gone had under way.
    let next = open(home.folder.path(), home.clock.clone());
    assert_eq!(next.due_messages(10, 2).await.unwrap().messages[0].id, lost.id);
}

#[tokio::test]
async fn webhooks_an_endpoint_that_is_gone_or_removed_gets_nothing_more() {
    let home = Home::new();
    let endpoint = home.endpoint("https://a.example/", &[]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(home.store.owe_test(endpoint).await.unwrap());
    }
    let due = home.due().await;
    home.tried(&due[0], 410, Verdict::Gone).await.unwrap();
    assert!(home.store.endpoints().await.unwrap()[0].disabled_why.as_ref().is_some_and(|why| why.contains("410")));
    home.tried(&due[1], 500, Verdict::Again(Duration::ZERO)).await.unwrap();
    let log = home.log(Some(MessageState::Refused)).await;
    assert_eq!(log.len(), 3, "{log:?}");
    let waiting = log.iter().find(|one| one.attempts == 0).unwrap();
    assert!(waiting.tries[0].said.contains("410"), "the log says why: {waiting:?}");
    assert_eq!(home.store.owe_test(endpoint).await.unwrap_err().code, Code::InputInvalid);
    assert_eq!(home.store.redeliver(ids[0]).await.unwrap_err().code, Code::InputInvalid);

    home.store.set_endpoint(endpoint, None).await.unwrap();
    home.store.redeliver(ids[0]).await.unwrap();
    home.store.remove_endpoint(endpoint).await.unwrap();
    assert_eq!(home.log(Some(MessageState::Refused)).await.len(), 3);
    let facts = home.store.events(0, 100).await.unwrap();
    let refused = facts.iter().filter(|fact| fact.event_type == "webhook.refused").count();
    assert_eq!(refused, 4, "each time one was given up, and the first was twice: {facts:#?}");
    assert_eq!(home.store.remove_endpoint(endpoint).await.unwrap_err().code, Code::NotFound);
    assert_eq!(home.store.redeliver(ids[0]).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn webhooks_secrets_are_made_once_and_rotated() {
    let home = Home::new();
    assert_eq!(home.store.secrets("", "one").await.unwrap().current, "one");
    assert_eq!(home.store.secrets("", "two").await.unwrap().current, "one");
    assert_eq!(home.store.secrets("key_1", "three").await.unwrap().current, "three", "each key has its own");
    let rotated = home.store.rotate_secret("", "two", 7).await.unwrap();
    assert_eq!((rotated.current.as_str(), rotated.previous), ("two", Some(("one".into(), 7))));
    assert_eq!(home.store.rotate_secret("new", "first", 7).await.unwrap().previous, None);
    for n in 0..ENDPOINTS_MAX {
        home.endpoint(&format!("https://a.example/{n}"), &[]).await;
    }
    let endpoint = home.store.endpoints().await.unwrap().remove(0);
    let one_more = Endpoint { id: EndpointId(home.clock.new_id()), ..endpoint };
    assert_eq!(home.store.add_endpoint(&one_more).await.unwrap_err().code, Code::InputInvalid);
}
