//! A service that cannot be asked again: whatever breaks off, it is paid once, and its answer is kept.

use super::*;
use rushes_core::Cancel;
use rushes_core::flow::Lane;
use rushes_core::ledger::{AttemptState, Ledger};
use rushes_core::provider::MusicRequest;
use rushes_testkit::ledger::MemoryLedger;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Counts what it carried out; the next answer may be planned.
#[derive(Default)]
struct Quiet {
    paid: AtomicU32,
    next: Mutex<Option<Code>>,
}

#[async_trait]
impl Answering<MusicRequest> for Arc<Quiet> {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "quiet", model: "test", version: 1, lane: Lane::Net }
    }

    async fn send(&self, _: &MusicRequest, _: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let planned = self.next.lock().unwrap().take();
        if planned.is_none_or(|code| code == Code::AnswerLost) {
            self.paid.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(code) = planned {
            return Err(Fault::new(code, "ask"));
        }
        std::fs::File::create(into).and_then(|mut file| std::io::Write::write_all(&mut file, b"a song")).unwrap();
        Ok(Some(20_000))
    }

    async fn read(&self, _: &MusicRequest, _: &Call, answer: &Path) -> Result<rushes_core::provider::Music, Fault> {
        assert_eq!(std::fs::read(answer).unwrap(), b"a song");
        Ok(rushes_core::provider::Music { file: answer.to_owned(), bpm: Some(120.0), drop_ms: Some(0) })
    }
}

struct Stand {
    service: Arc<Quiet>,
    ledger: Arc<MemoryLedger>,
    folder: tempfile::TempDir,
    calls: u32,
}

impl Stand {
    fn new() -> Self {
        Self { service: Arc::default(), ledger: Arc::default(), folder: tempfile::tempdir().unwrap(), calls: 0 }
    }

    /// One attempt of the step, by a program that has just begun.
    async fn make(&mut self) -> Result<rushes_core::provider::Music, Fault> {
        self.calls += 1;
        let scratch = self.folder.path().join(self.calls.to_string());
        std::fs::create_dir(&scratch).unwrap();
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        let call = Call { kept: self.folder.path().join("kept"), ledger, ..Call::alone("job/music", &scratch, Cancel::new()) };
        let request = MusicRequest { style: "lofi".into(), seed: 1, duration_ms: 3_000, bpm: None, first_beat_ms: 0, drop_ms: None };
        AtOnce::new(self.service.clone(), Terms::default()).make(&request, &call).await
    }

    fn states(&self) -> Vec<AttemptState> {
        self.ledger.states().into_iter().map(|(state, _)| state).collect()
    }

    fn paid(&self) -> u32 {
        self.service.paid.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn at_once_keeps_what_was_paid_for() {
    let mut stand = Stand::new();
    for _ in 0..3 {
        // A program that ends between the answer and the step's own row begins the step again.
        stand.make().await.unwrap();
    }
    assert_eq!((stand.paid(), stand.states()), (1, vec![AttemptState::Done]));
}

#[tokio::test]
async fn at_once_sends_again_what_was_declined_and_never_what_may_have_arrived() {
    let mut stand = Stand::new();
    *stand.service.next.lock().unwrap() = Some(Code::ProviderRefused);
    assert_eq!(stand.make().await.unwrap_err().code, Code::ProviderRefused);
    *stand.service.next.lock().unwrap() = Some(Code::AnswerLost);
    assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
    for _ in 0..3 {
        let fault = stand.make().await.unwrap_err();
        assert!(fault.code == Code::NeedsReconcile && !fault.is_transient() && fault.get("provider") == Some("quiet"), "{fault}");
    }
    assert_eq!((stand.paid(), stand.states()), (1, vec![AttemptState::Failed, AttemptState::Unknown]));
    // A person has looked: it never arrived.
    stand.ledger.end(AttemptEnd::Failed(Fault::new(Code::AnswerLost, "look"))).await.unwrap();
    stand.make().await.unwrap();
    assert_eq!(stand.paid(), 2);
}

#[tokio::test]
async fn at_once_says_so_when_an_answer_went_with_its_machine() {
    let mut stand = Stand::new();
    stand.make().await.unwrap();
    std::fs::remove_dir_all(stand.folder.path().join("kept")).unwrap();
    let fault = stand.make().await.unwrap_err();
    assert!(fault.code == Code::NeedsReconcile && fault.to_string().contains("the machine that had it"), "{fault}");
    assert_eq!(stand.paid(), 1);
}
