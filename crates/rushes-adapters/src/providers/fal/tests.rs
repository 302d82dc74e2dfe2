//! fal against a server that behaves so: the suite with dances and with pictures, and where its key goes.

use super::super::desk::{Images, LENT, Motions, Patience};
use super::super::in_time::InTime;
use super::super::stand::House;
use super::*;
use rushes_core::Cancel;
use rushes_core::ledger::{AttemptState, Ledger, Terms};
use rushes_core::provider::{Call, ImageRequest, MotionRequest, Provider};
use rushes_testkit::fal::Fal as Server;
use rushes_testkit::ledger::MemoryLedger;
use rushes_testkit::orders::Planned;
use rushes_testkit::provider_suite::{Abilities, Served, Stand, Trouble, provider_suite};
use std::sync::Arc;
use std::time::Duration;

struct FalStand {
    server: Server,
    house: House,
}

impl FalStand {
    async fn new() -> Self {
        Self { server: Server::start().await, house: House::new().await }
    }

    fn fal(&self) -> Fal {
        let settings = FalSettings { key: Server::KEY.into(), endpoint: Some(self.server.url.clone()), callback: None };
        Fal::new(settings, HttpOptions::default()).unwrap()
    }

    fn motions(&self, arrives_within: Duration) -> InTime<Motions<Fal>> {
        InTime::new(Motions::new(self.fal(), motion_recipe(), self.house.lender(), patience(arrives_within)).unwrap(), Terms::default())
    }
}

fn patience(arrives_within: Duration) -> Patience {
    Patience { arrives_within, looks_every: Duration::from_millis(250) }
}

fn refusal(trouble: Trouble, words: &str) -> Option<Planned> {
    let status = match trouble {
        Trouble::Busy => 429,
        Trouble::Content => 422,
        Trouble::Key => 401,
        Trouble::Account => 403,
        Trouble::Down => 503,
        Trouble::BusyInSuccess => return None,
    };
    Some(Planned::Refused(status, 0, words.to_owned()))
}

fn secrets() -> Vec<String> {
    vec![Server::KEY.into(), "fal-test-secret".into()]
}

impl Stand for FalStand {
    type Asked = MotionRequest;

    fn server(&self) -> &dyn Served {
        &*self.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<MotionRequest>> {
        Arc::new(self.motions(arrives_within))
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
        secrets()
    }

    fn abilities(&self) -> Abilities {
        Abilities::ORDERS
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned> {
        refusal(trouble, words)
    }
}

/// The same with pictures.
struct Pictures(FalStand);

impl Stand for Pictures {
    type Asked = ImageRequest;

    fn server(&self) -> &dyn Served {
        &*self.0.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<ImageRequest>> {
        let inputs = [("prompt", "prompt"), ("like", "image_url"), ("seed", "seed")];
        let recipe = Recipe {
            model: "fal-ai/flux/dev".into(),
            inputs: inputs.into_iter().map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).collect(),
            with: Map::new(),
            reference_max_ms: None,
        };
        let images = Images::new(self.0.fal(), recipe, Some(self.0.house.lender()), patience(arrives_within)).unwrap();
        Arc::new(InTime::new(images, Terms::default()))
    }

    fn request(&self) -> ImageRequest {
        self.0.house.image()
    }

    fn folder(&self) -> &Path {
        self.0.folder()
    }

    fn lends(&self, key: &str) -> bool {
        self.0.house.lends(key, &LENT)
    }

    fn secrets(&self) -> Vec<String> {
        secrets()
    }

    fn abilities(&self) -> Abilities {
        self.0.abilities()
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned> {
        refusal(trouble, words)
    }
}

#[tokio::test]
async fn fal_keeps_what_providers_keep_with_dances() {
    provider_suite("fal, dances", async || FalStand::new().await).await;
}

#[tokio::test]
async fn fal_keeps_what_providers_keep_with_pictures() {
    provider_suite("fal, pictures", async || Pictures(FalStand::new().await)).await;
}

#[tokio::test]
async fn fal_is_told_what_to_make_and_what_it_says_is_kept_in_the_name() {
    let stand = FalStand::new().await;
    let ledger = Arc::new(MemoryLedger::default());
    let call = Call { ledger: ledger.clone(), ..Call::alone("job/step", stand.folder(), Cancel::new()) };
    stand.provider(Duration::ZERO).make(&stand.request(), &call).await.unwrap();
    let told = stand.server.tasks().remove(0).told;
    assert_eq!((&told["keep_original_sound"], &told["character_orientation"]), (&json!(true), &json!("video")));
    let base = "/fal-ai/kling-video/requests/task-1";
    let name = format!("task-1 {base}/status {base} {base}/cancel");
    assert_eq!(ledger.states(), [(AttemptState::Done, Some(name))]);
}

#[tokio::test]
async fn fal_hands_its_key_to_the_configured_endpoint_only() {
    let elsewhere = Server::start().await;
    let stand = FalStand { server: Server::start_leading_to(&elsewhere.url).await, house: House::new().await };
    let ledger: Arc<MemoryLedger> = Arc::default();
    let call = Call { ledger: ledger.clone() as Arc<dyn Ledger>, ..Call::alone("job/step", stand.folder(), Cancel::new()) };
    let fault = stand.motions(Duration::ZERO).make(&stand.request(), &call).await.unwrap_err();
    assert!(fault.code == Code::AnswerLost && fault.to_string().contains("configured endpoint"), "{fault}");
    assert!(elsewhere.calls().is_empty(), "nobody asks elsewhere");
    assert_eq!(ledger.states(), [(AttemptState::Unknown, None)], "it was taken, and a person is asked");
}

#[test]
fn fal_reads_names_of_its_own_only() {
    for broken in ["task-1", "task-1 /a /b", "task-1 https://elsewhere/a /b /c", ""] {
        assert!(Place::of(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn fal_words_are_found_wherever_they_stand() {
    let says = |said: Value| words(&said);
    assert_eq!(says(json!({"detail": [{"msg": "one"}, {"msg": "two"}]})), "one; two");
    assert_eq!(says(json!({"detail": "locked"})), "locked");
    assert_eq!(says(json!({"error": "broken"})), "broken");
    assert_eq!(says(json!({})), "fal gives no reason");
}
