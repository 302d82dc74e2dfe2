//! Kling against a server that behaves so, in both generations: ordered once, whatever is lost, and nothing lent stays.

#![expect(clippy::disallowed_methods, reason = "these tests lay out what is handed in")]

use super::*;
use crate::destinations::s3::{AccessKey, Addressing, S3Destination, S3Settings};
use crate::providers::in_time::InTime;
use rushes_core::Cancel;
use rushes_core::ledger::{AttemptState, Ledger, Terms};
use rushes_core::provider::{Concept, Outfit, Provider};
use rushes_testkit::etags::{EtagServer, Etags};
use rushes_testkit::instagram::film_of_ms;
use rushes_testkit::kling::{Kling as Server, Planned};
use rushes_testkit::ledger::MemoryLedger;
use std::sync::Arc;

const GENERATIONS: [fn() -> KlingKey; 2] =
    [|| KlingKey::Current(Server::KEY.into()), || KlingKey::Older { access: Server::PAIR.0.into(), secret: Server::PAIR.1.into() }];

/// A service, the bucket it is lent from, and one order of ours.
struct Stand {
    server: Server,
    bucket: EtagServer,
    folder: tempfile::TempDir,
    ledger: Arc<MemoryLedger>,
    key: KlingKey,
    calls: u32,
}

impl Stand {
    async fn new(key: KlingKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("image.png"), b"a picture").unwrap();
        std::fs::write(folder.path().join("step.mp4"), film_of_ms(4_000)).unwrap();
        let (server, bucket) = (Server::start().await, EtagServer::start(Etags::Md5).await);
        Self { server, bucket, folder, ledger: Arc::default(), key, calls: 0 }
    }

    fn lender(&self) -> Lender {
        let destination = S3Destination::new(S3Settings {
            bucket: "bucket".into(),
            endpoint: Some(self.bucket.url.clone()),
            region: "auto".into(),
            addressing: Addressing::Path,
            key: Some(AccessKey { id: "id".into(), secret: "secret".into(), token: None }),
            public_base: None,
            part_bytes: 8 * 1024 * 1024,
            http: HttpOptions::default(),
        });
        Lender::new(Arc::new(destination.unwrap()), "p/").unwrap()
    }

    fn provider(&self, arrives_within: Duration) -> InTime<Kling> {
        let settings = KlingSettings {
            key: self.key.clone(),
            endpoint: Some(self.server.url.clone()),
            resolution: Resolution::P720,
            arrives_within,
            looks_every: Duration::from_millis(250),
        };
        InTime::new(Kling::new(settings, self.lender(), HttpOptions::default()).unwrap(), Terms::default())
    }

    fn request(&self) -> MotionRequest {
        let concept = Concept {
            name: "Mika Sol".into(),
            tagline: String::new(),
            traits: Vec::new(),
            prompt: "an adult dancer with teal hair".into(),
            seed: 1,
            style: "kpop_dance".into(),
        };
        MotionRequest {
            concept,
            outfit: Outfit::signature(),
            image: self.folder.path().join("image.png"),
            reference: self.folder.path().join("step.mp4"),
            seed: 1,
            width: 720,
            height: 1280,
            fps: 30,
            max_ms: 10_000,
        }
    }

    /// One attempt of the step, as the engine makes them.
    async fn make(&mut self) -> Result<PathBuf, Fault> {
        self.make_within(Duration::ZERO).await
    }

    async fn make_within(&mut self, arrives_within: Duration) -> Result<PathBuf, Fault> {
        self.calls += 1;
        let scratch = self.folder.path().join(format!("scratch {}", self.calls));
        std::fs::create_dir(&scratch).unwrap();
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        let (kept, cancel) = (self.folder.path().join("kept"), Cancel::new());
        let call = Call { key: "job/dance".into(), scratch, kept, cancel, progress: Arc::new(|_, _| ()), ledger };
        self.provider(arrives_within).make(&self.request(), &call).await
    }

    fn states(&self) -> Vec<AttemptState> {
        self.ledger.states().into_iter().map(|(state, _)| state).collect()
    }

    /// Whether anything that was lent is still there.
    fn lends(&self) -> bool {
        let lender = self.lender();
        LENT.iter().any(|name| self.bucket.bytes(&lender.key("job/dance", name)).is_some())
    }
}

#[tokio::test]
async fn kling_makes_a_dance_and_takes_back_what_it_was_lent() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        let film = stand.make().await.unwrap();
        assert_eq!(std::fs::read(film).unwrap(), film_of_ms(4_000));
        assert_eq!(stand.ledger.states(), [(AttemptState::Done, Some("task-1".to_owned()))]);
        let told = stand.server.tasks().remove(0).told.to_string();
        assert!(told.contains("teal hair") && told.contains("signature") || told.contains("X-Amz"), "{told}");
        assert!(!stand.lends(), "nothing lent stays");
    }
}

#[tokio::test]
async fn kling_is_asked_once_although_the_answer_is_lost() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        stand.server.plan("order", Planned::AnswerLost);
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
        assert_eq!(stand.states(), [AttemptState::Unknown]);
        stand.make().await.unwrap();
        assert_eq!((stand.server.tasks().len(), stand.states()), (1, vec![AttemptState::Done]));
    }
}

#[tokio::test]
async fn kling_is_asked_again_only_when_it_is_sure_that_nothing_arrived() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        stand.server.plan("order", Planned::Dropped);
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
        let early = stand.make_within(Duration::from_mins(10)).await.unwrap_err();
        assert!(early.code == Code::AnswerLost && early.is_transient() && early.retry_after_ms.is_some(), "it may be on its way: {early}");
        assert_eq!(stand.server.calls().iter().filter(|call| **call == "order").count(), 1);
        stand.make().await.unwrap();
        assert_eq!((stand.server.tasks().len(), stand.states()), (1, vec![AttemptState::Failed, AttemptState::Done]));
    }
}

#[tokio::test]
async fn kling_that_refuses_to_be_asked_is_not_taken_for_one_that_has_nothing() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        stand.server.plan("order", Planned::AnswerLost);
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
        stand.server.plan("look", Planned::Refused(429, 1102, "Account balance not enough".into()));
        assert_eq!(stand.make().await.unwrap_err().code, Code::ProviderRefused);
        assert_eq!(stand.states(), [AttemptState::Unknown], "nothing is sent again");
        stand.make().await.unwrap();
        assert_eq!((stand.server.tasks().len(), stand.states()), (1, vec![AttemptState::Done]));
    }
}

#[tokio::test]
async fn kling_work_goes_on_where_a_program_ended_in_the_middle() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        stand.server.takes(u32::MAX);
        let waiting = tokio::time::timeout(Duration::from_secs(2), stand.make()).await;
        assert!(waiting.is_err(), "it is not made yet");
        assert_eq!(stand.states(), [AttemptState::Submitted]);
        assert!(stand.lends(), "it may not have been fetched yet");
        stand.server.finish();
        stand.make().await.unwrap();
        assert_eq!((stand.server.tasks().len(), stand.states(), stand.lends()), (1, vec![AttemptState::Done], false));
    }
}

#[tokio::test]
async fn kling_says_why_it_does_not_and_what_passes_is_tried_again() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        let refused = |status, code, words: &str| Planned::Refused(status, code, words.to_owned());
        for (planned, code, says) in [
            (refused(429, 1303, "parallel task over resource pack limit"), Code::ProviderBusy, "parallel"),
            (refused(200, 1302, "too frequent"), Code::ProviderBusy, "frequent"),
            (refused(400, 1301, "risk control: unsafe"), Code::ProviderRefused, "unsafe"),
            (refused(429, 1102, "Account balance not enough"), Code::ProviderRefused, "cannot pay"),
            (refused(401, 1002, "Authorization is illegal"), Code::ProviderRefused, "key is not taken"),
        ] {
            stand.server.plan("order", planned);
            let fault = stand.make().await.unwrap_err();
            assert_eq!(fault.code, code, "{fault}");
            assert!(fault.to_string().contains(says), "{fault}");
            assert!(!fault.to_string().contains(Server::KEY) && !fault.to_string().contains(Server::PAIR.1), "{fault}");
        }
        assert!(stand.states().iter().all(|state| *state == AttemptState::Failed), "none of them stands there");
        // Troubles of its own leave open whether it was taken.
        stand.server.plan("order", refused(500, 5000, "internal error"));
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
        stand.server.plan("look", refused(503, 0, "try later"));
        assert_eq!(stand.make().await.unwrap_err().code, Code::ProviderDown, "nobody knows what became of it");
        // A look whose connection breaks at once is repeated a few times by itself.
        (0..4).for_each(|_| stand.server.plan("fetch", Planned::HalfFetched));
        let half = stand.make().await;
        assert_eq!(half.as_ref().map_err(|fault| fault.code), Err(Code::ProviderDown), "{half:?} {:?}", stand.server.calls());
        stand.make().await.unwrap();
        assert_eq!(stand.server.tasks().len(), 1);
    }
}

#[tokio::test]
async fn kling_work_that_fails_or_is_gone_is_told_in_its_words() {
    for key in GENERATIONS {
        let mut stand = Stand::new(key()).await;
        stand.server.plan("order", Planned::Fails("the picture shows no whole body".into()));
        let fault = stand.make().await.unwrap_err();
        assert!(fault.code == Code::ProviderRefused && fault.to_string().contains("no whole body"), "{fault}");
        assert_eq!((stand.states(), stand.lends()), (vec![AttemptState::Failed], false));
        stand.server.plan("order", Planned::Expired);
        let fault = stand.make().await.unwrap_err();
        assert!(fault.code == Code::ProviderRefused && fault.to_string().contains("not kept there any more"), "{fault}");
    }
}

#[tokio::test]
async fn kling_refuses_what_it_cannot_take_before_anything_is_ordered() {
    let mut stand = Stand::new(GENERATIONS[0]()).await;
    let large = std::fs::File::create(stand.folder.path().join("step.mp4")).unwrap();
    large.set_len(REFERENCE_MAX_BYTES + 1).unwrap();
    let fault = stand.make().await.unwrap_err();
    assert!(fault.code == Code::FileTooLarge && fault.to_string().contains("100 MB"), "{fault}");
    assert!(stand.server.calls().is_empty());
}
