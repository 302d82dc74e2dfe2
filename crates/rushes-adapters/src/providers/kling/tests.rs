//! Kling against a server that behaves so, in both generations: the suite, and what is Kling's alone.

use super::super::stand::House;
use super::*;
use crate::providers::in_time::InTime;
use rushes_core::Cancel;
use rushes_core::ledger::{AttemptState, Terms};
use rushes_core::provider::Provider;
use rushes_testkit::instagram::film_of_ms;
use rushes_testkit::kling::Kling as Server;
use rushes_testkit::orders::Planned;
use rushes_testkit::provider_suite::{Abilities, Lost, Served, Stand, Trouble, provider_suite};
use std::path::Path;
use std::sync::Arc;

fn current() -> KlingKey {
    KlingKey::Current(Server::KEY.into())
}

fn older() -> KlingKey {
    KlingKey::Older { access: Server::PAIR.0.into(), secret: Server::PAIR.1.into() }
}

const CALLBACK: &str = "https://rushes.example/api/v1/callbacks/kling";

struct KlingStand {
    server: Server,
    house: House,
    key: KlingKey,
}

impl KlingStand {
    async fn new(key: KlingKey) -> Self {
        Self { server: Server::start().await, house: House::new().await, key }
    }
}

impl Stand for KlingStand {
    type Asked = MotionRequest;

    fn server(&self) -> &dyn Served {
        &*self.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<MotionRequest>> {
        let settings = KlingSettings {
            key: self.key.clone(),
            endpoint: Some(self.server.url.clone()),
            resolution: Resolution::P720,
            callback: Some(CALLBACK.into()),
            arrives_within,
            looks_every: Duration::from_millis(250),
        };
        Arc::new(InTime::new(Kling::new(settings, self.house.lender(), HttpOptions::default()).unwrap(), Terms::default()))
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
        vec![Server::KEY.into(), Server::PAIR.1.into()].into_iter().filter(|secret| self.key.secrets().contains(secret)).collect()
    }

    fn abilities(&self) -> Abilities {
        Abilities { lost: Lost::Found, stops: false, ..Abilities::ORDERS }
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned> {
        let (status, code) = match trouble {
            Trouble::Busy => (429, 1303),
            Trouble::BusyInSuccess => (200, 1302),
            Trouble::Content => (400, 1301),
            Trouble::Key => (401, 1002),
            Trouble::Account => (429, 1102),
            Trouble::Down => (500, 5000),
        };
        Some(Planned::Refused(status, code, words.to_owned()))
    }
}

#[tokio::test]
async fn kling_keeps_what_providers_keep() {
    provider_suite("kling", async || KlingStand::new(current()).await).await;
}

#[tokio::test]
async fn kling_keeps_what_providers_keep_by_the_older_api() {
    provider_suite("kling, older", async || KlingStand::new(older()).await).await;
}

#[tokio::test]
async fn kling_is_told_what_to_make() {
    for key in [current(), older()] {
        let stand = KlingStand::new(key).await;
        let call = Call::alone("job/dance", stand.folder(), Cancel::new());
        let call = Call { ledger: Arc::new(rushes_testkit::ledger::MemoryLedger::default()), ..call };
        let film = stand.provider(Duration::ZERO).make(&stand.request(), &call).await.unwrap();
        assert_eq!(std::fs::read(film).unwrap(), film_of_ms(4_000));
        let told = stand.server.tasks().remove(0).told.to_string();
        assert!(told.contains("teal hair") && told.contains("X-Amz"), "{told}");
        assert!(told.contains(&format!("\"callback_url\":\"{CALLBACK}\"")), "{told}");
    }
}

#[tokio::test]
async fn kling_refuses_what_it_cannot_take_before_anything_is_ordered() {
    let stand = KlingStand::new(current()).await;
    let large = std::fs::File::create(stand.folder().join("step.mp4")).unwrap();
    large.set_len(REFERENCE_MAX_BYTES + 1).unwrap();
    let call = Call::alone("job/dance", stand.folder(), Cancel::new());
    let call = Call { ledger: Arc::new(rushes_testkit::ledger::MemoryLedger::default()), ..call };
    let fault = stand.provider(Duration::ZERO).make(&stand.request(), &call).await.unwrap_err();
    assert!(fault.code == Code::FileTooLarge && fault.to_string().contains("100 MB"), "{fault}");
    assert!(stand.server.calls().is_empty());
}

#[tokio::test]
async fn kling_that_refuses_to_be_asked_is_not_taken_for_one_that_has_nothing() {
    for key in [current(), older()] {
        let stand = KlingStand::new(key).await;
        let ledger = Arc::new(rushes_testkit::ledger::MemoryLedger::default());
        let make = async || {
            let call = Call { ledger: ledger.clone(), ..Call::alone("job/dance", stand.folder(), Cancel::new()) };
            stand.provider(Duration::ZERO).make(&stand.request(), &call).await.map_err(|fault| fault.code)
        };
        stand.server.plan("order", Planned::AnswerLost);
        assert_eq!(make().await, Err(Code::AnswerLost));
        stand.server.plan("find", Planned::Refused(429, 1102, "Account balance not enough".into()));
        assert_eq!(make().await, Err(Code::ProviderRefused));
        assert_eq!(ledger.states(), [(AttemptState::Unknown, None)], "nothing is sent again");
        make().await.unwrap();
        assert_eq!(stand.server.tasks().len(), 1);
    }
}
