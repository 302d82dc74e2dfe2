//! Replicate against a server that behaves so: the suite, and when an order is certain to be nowhere.

use super::super::desk::{LENT, Motions, Patience};
use super::super::in_time::InTime;
use super::super::recipe::Recipe;
use super::super::stand::House;
use super::*;
use rushes_core::Cancel;
use rushes_core::ledger::{AttemptState, Terms};
use rushes_core::provider::{Call, MotionRequest, Provider};
use rushes_testkit::ledger::MemoryLedger;
use rushes_testkit::orders::Planned;
use rushes_testkit::provider_suite::{Abilities, Lost, Served, Stand, Trouble, provider_suite};
use rushes_testkit::replicate::Replicate as Server;
use serde_json::Map;
use std::sync::Arc;

struct ReplicateStand {
    server: Server,
    house: House,
    model: &'static str,
}

const BY_NAME: &str = "somebody/dancer";
const BY_VERSION: &str = "somebody/dancer:5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa";

impl ReplicateStand {
    async fn new(model: &'static str) -> Self {
        Self { server: Server::start().await, house: House::new().await, model }
    }

    async fn make(&self, key: &str, ledger: &Arc<MemoryLedger>) -> Result<std::path::PathBuf, Fault> {
        let folder = tempfile::tempdir_in(self.folder()).unwrap().keep();
        let call = Call { ledger: ledger.clone(), ..Call::alone(key, &folder, Cancel::new()) };
        self.provider(Duration::ZERO).make(&self.request(), &call).await
    }
}

impl Stand for ReplicateStand {
    type Asked = MotionRequest;

    fn server(&self) -> &dyn Served {
        &*self.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<MotionRequest>> {
        let endpoint = Some(format!("{}/v1", self.server.url));
        let settings = ReplicateSettings { key: Server::KEY.into(), endpoint, callback: None };
        let inputs = [("prompt", "prompt"), ("image", "image"), ("reference", "video"), ("seed", "seed")];
        let recipe = Recipe {
            model: self.model.into(),
            inputs: inputs.into_iter().map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).collect(),
            with: Map::from_iter([("mode".to_owned(), json!("pro"))]),
            reference_max_ms: None,
        };
        let patience = Patience { arrives_within, looks_every: Duration::from_millis(250) };
        let desk = Replicate::new(settings, HttpOptions::default()).unwrap();
        Arc::new(InTime::new(Motions::new(desk, recipe, self.house.lender(), patience).unwrap(), Terms::default()))
    }

    fn request(&self) -> MotionRequest {
        self.house.motion()
    }

    fn folder(&self) -> &Path {
        self.house.folder.path()
    }

    fn lends(&self, key: &str) -> bool {
        self.house.lends(key, &LENT)
    }

    fn secrets(&self) -> Vec<String> {
        vec![Server::KEY.into()]
    }

    fn abilities(&self) -> Abilities {
        Abilities { lost: Lost::Found, ..Abilities::ORDERS }
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned> {
        let status = match trouble {
            Trouble::Busy => 429,
            Trouble::Content => 422,
            Trouble::Key => 401,
            Trouble::Account => 402,
            Trouble::Down => 502,
            Trouble::BusyInSuccess => return None,
        };
        Some(Planned::Refused(status, 0, words.to_owned()))
    }
}

#[tokio::test]
async fn replicate_keeps_what_providers_keep() {
    provider_suite("replicate, by name", async || ReplicateStand::new(BY_NAME).await).await;
}

#[tokio::test]
async fn replicate_keeps_what_providers_keep_by_version() {
    provider_suite("replicate, by version", async || ReplicateStand::new(BY_VERSION).await).await;
}

#[tokio::test]
async fn replicate_finds_an_order_behind_others_of_ours() {
    let stand = ReplicateStand::new(BY_NAME).await;
    stand.server.takes(1);
    let ledger = Arc::default();
    stand.server.plan("order", Planned::AnswerLost);
    assert_eq!(stand.make("job/lost", &ledger).await.unwrap_err().code, Code::AnswerLost);
    for other in ["job/one", "job/two", "job/three"] {
        stand.make(other, &Arc::default()).await.unwrap();
    }
    stand.make("job/lost", &ledger).await.unwrap();
    assert_eq!(ledger.states(), [(AttemptState::Done, Some("task-1".to_owned()))]);
    assert_eq!((stand.server.tasks().len(), stand.server.calls().iter().filter(|call| **call == "find").count()), (4, 2), "two pages");
}

#[tokio::test]
async fn replicate_orders_nothing_again_where_an_order_might_be_ours() {
    let stand = ReplicateStand { server: Server::start_without_marks().await, ..ReplicateStand::new(BY_NAME).await };
    stand.server.takes(1);
    let ledger = Arc::default();
    stand.server.plan("order", Planned::AnswerLost);
    assert_eq!(stand.make("job/lost", &ledger).await.unwrap_err().code, Code::AnswerLost);
    let fault = stand.make("job/lost", &ledger).await.unwrap_err();
    assert!(fault.code == Code::NeedsReconcile && fault.to_string().contains("dashboard"), "{fault}");
    assert_eq!(stand.server.tasks().len(), 1);
}

#[test]
fn replicate_says_how_long_to_wait() {
    assert_eq!(resets_in("Request was throttled. Your rate limit resets in ~30s."), Some(Duration::from_secs(30)));
    assert_eq!(resets_in("Request was throttled."), None);
}

#[test]
fn replicate_takes_models_by_name_and_by_version() {
    assert_eq!(ordered("a/b"), ("/models/a/b/predictions".to_owned(), None));
    assert_eq!(ordered("a/b:c"), ("/predictions".to_owned(), Some("a/b:c")));
    assert_eq!(ordered("5c7d"), ("/predictions".to_owned(), Some("5c7d")));
}

#[test]
fn replicate_files_are_found_in_strings_and_lists() {
    assert_eq!(file(&json!("https://a")), Some("https://a"));
    assert_eq!(file(&json!(["https://a", "https://b"])), Some("https://a"));
    assert_eq!(file(&json!({"video": ["https://a"]})), Some("https://a"));
    assert_eq!((file(&json!([])), file(&Value::Null)), (None, None));
}
