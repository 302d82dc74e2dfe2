//! Every service that answers with what it made, against a server that behaves so: carried out once, whatever is lost.

use super::at_once::AtOnce;
use crate::google::Credentials;
use crate::http::HttpOptions;
use crate::providers::elevenlabs::{ElevenLabs, ElevenLabsSettings};
use crate::providers::gemini::{Gemini, GeminiSettings};
use crate::providers::lyria::{Lyria, LyriaSettings};
use crate::providers::minimax::{MiniMax, MiniMaxSettings};
use crate::providers::openai_chat::{OpenAiChat, OpenAiChatSettings};
use rushes_core::ledger::{Attempt, AttemptEnd, AttemptState, Ledger, Terms};
use rushes_core::provider::{
    Call, ChatMessage, ChatRequest, ChatRole, Concept, ConceptRequest, ImageRequest, MusicRequest, Outfit, Picture, Provider, Shape,
};
use rushes_core::{Cancel, Code, Fault};
use rushes_testkit::answers::{Answers, Planned};
use rushes_testkit::ledger::MemoryLedger;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// What one answer costs in these tests.
const PRICE: i64 = 40_000;

/// What the server's model replies.
const SAID: &str = "a reply of the test model";

/// What is asked of whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Who {
    GeminiText,
    GeminiImage,
    GeminiTalk,
    Chat,
    ChatTalk,
    ElevenLabs,
    Lyria,
    MiniMax,
}

/// All of them that are paid.
const PAID: [Who; 6] = [Who::GeminiText, Who::GeminiImage, Who::GeminiTalk, Who::ElevenLabs, Who::Lyria, Who::MiniMax];

/// One step of ours and the server. Each attempt has a new process: nothing but folder and ledger stays.
pub(crate) struct Stand {
    pub(crate) who: Who,
    pub(crate) server: Answers,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) keys: Vec<String>,
    pub(crate) cancel: Cancel,
    endpoint: Option<String>,
    calls: u32,
}

impl Stand {
    pub(crate) async fn new(who: Who) -> Self {
        let (server, folder) = (Answers::start().await, tempfile::tempdir().unwrap());
        let keys = vec![Answers::KEYS[0].to_owned()];
        Self { who, server, ledger: Arc::default(), folder, keys, cancel: Cancel::new(), endpoint: None, calls: 0 }
    }

    fn call(&mut self) -> Call {
        self.calls += 1;
        let scratch = self.folder.path().join(format!("scratch {}", self.calls));
        std::fs::create_dir_all(&scratch).unwrap();
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        let kept = self.folder.path().join("kept");
        Call { key: "job/step".into(), scratch, kept, cancel: self.cancel.clone(), progress: Arc::new(|_, _| ()), ledger }
    }

    /// One attempt of the step, as the engine makes them; gives what was made, as text.
    pub(crate) async fn make(&mut self) -> Result<String, Fault> {
        self.make_draw(0).await
    }

    pub(crate) async fn make_draw(&mut self, draw: u32) -> Result<String, Fault> {
        let call = self.call();
        let file = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        match self.who {
            Who::GeminiText | Who::Chat => self.invents().make(&concept(draw), &call).await.map(|made| made.name),
            Who::GeminiImage => self.draws().make(&picture(), &call).await.map(|made| file(&made)),
            Who::GeminiTalk | Who::ChatTalk => self.talks().make(&talk(), &call).await.map(|made| reply(&made)),
            Who::ElevenLabs | Who::Lyria | Who::MiniMax => self.composes().make(&music(), &call).await.map(|made| file(&made.file)),
        }
    }

    pub(crate) fn invents(&self) -> Arc<dyn Provider<ConceptRequest>> {
        if self.who == Who::GeminiText {
            return Arc::new(AtOnce::new(self.gemini(), terms()));
        }
        Arc::new(AtOnce::new(self.openai_chat(), terms()))
    }

    pub(crate) fn talks(&self) -> Arc<dyn Provider<ChatRequest>> {
        match self.who {
            Who::GeminiTalk => Arc::new(AtOnce::new(self.gemini(), terms())),
            _ => Arc::new(AtOnce::new(self.openai_chat(), terms())),
        }
    }

    pub(crate) fn draws(&self) -> Arc<dyn Provider<ImageRequest>> {
        Arc::new(AtOnce::new(self.gemini(), terms()))
    }

    pub(crate) fn composes(&self) -> Arc<dyn Provider<MusicRequest>> {
        let (key, endpoint, http) = (self.keys[0].clone(), Some(self.url()), HttpOptions::default());
        match self.who {
            Who::ElevenLabs => {
                let settings = ElevenLabsSettings { key, endpoint, model: "music_v1" };
                Arc::new(AtOnce::new(ElevenLabs::new(&settings, http).unwrap(), terms()))
            }
            Who::MiniMax => {
                let settings = MiniMaxSettings { key, endpoint, model: "music-2.6" };
                Arc::new(AtOnce::new(MiniMax::new(&settings, http).unwrap(), terms()))
            }
            _ => {
                let credentials = Credentials::parse(&self.server.google.service_account()).unwrap();
                let settings = LyriaSettings { credentials, project: None, location: "us-central1".into(), endpoint, model: "lyria-002" };
                Arc::new(AtOnce::new(Lyria::new(&settings, http).unwrap(), terms()))
            }
        }
    }

    pub(crate) fn gemini(&self) -> Gemini {
        let settings = GeminiSettings {
            keys: self.keys.clone(),
            endpoint: Some(self.url()),
            text_model: "gemini-2.5-flash",
            image_model: "gemini-2.5-flash-image",
        };
        Gemini::new(&settings, HttpOptions::default()).unwrap()
    }

    fn openai_chat(&self) -> OpenAiChat {
        let settings = OpenAiChatSettings { key: self.keys.first().cloned(), endpoint: Some(self.url()), model: "test-model" };
        OpenAiChat::new(&settings, HttpOptions::default()).unwrap()
    }

    fn url(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| self.server.url.clone())
    }

    pub(crate) fn states(&self) -> Vec<AttemptState> {
        self.ledger.states().into_iter().map(|(state, _)| state).collect()
    }

    /// A refusal in these words, which shows no key; and the attempt is over.
    pub(crate) async fn refuses(&mut self, planned: Planned, code: Code, words: &str) -> Fault {
        self.server.plan(planned);
        let fault = self.make().await.expect_err(words);
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.to_string().contains(words), "{fault}");
        assert!(self.keys.iter().all(|key| !format!("{fault:?}").contains(key)), "{fault:?}");
        assert_eq!(self.states().last(), Some(&AttemptState::Failed), "nothing stands outside: {fault}");
        fault
    }
}

fn terms() -> Terms {
    Terms { price_micros: PRICE, ..Terms::default() }
}

pub(crate) fn concept(draw: u32) -> ConceptRequest {
    ConceptRequest { seed: 5, draw, style: "kpop_dance".into(), name: None, wish: Some("somebody calm".into()) }
}

pub(crate) fn talk() -> ChatRequest {
    let said = |role, content: &str| ChatMessage { role, content: content.into() };
    ChatRequest {
        kind: "reply".into(),
        instruction: "Reply in one sentence.".into(),
        messages: vec![said(ChatRole::User, "Hello"), said(ChatRole::Assistant, "Yes?"), said(ChatRole::User, "Which light for dusk?")],
        shape: Shape::object([("reply", Shape::Text { least: 1, most: 200 })]),
        seed: 5,
        max_tokens: 1_000,
    }
}

fn reply(made: &Value) -> String {
    made["reply"].as_str().unwrap().to_owned()
}

pub(crate) fn picture() -> ImageRequest {
    let concept = Concept {
        name: "Mika Sol".into(),
        tagline: String::new(),
        traits: Vec::new(),
        prompt: "an adult dancer with teal hair".into(),
        seed: 1,
        style: "kpop_dance".into(),
    };
    ImageRequest { concept, picture: Picture::Anime, outfit: Outfit::signature(), width: 720, height: 1280, like: None }
}

pub(crate) fn music() -> MusicRequest {
    MusicRequest { style: "kpop_dance".into(), seed: 9, duration_ms: 12_000, bpm: Some(124.0), first_beat_ms: 0, drop_ms: Some(6_000) }
}

fn overloaded(status: u16) -> Planned {
    Planned::Refused(status, json!({"error": {"message": "try later"}, "detail": "try later"}), Some(9))
}

#[tokio::test]
async fn answering_services_make_what_they_are_asked_for_and_are_asked_once() {
    for (who, made) in [
        (Who::GeminiText, "Mika Sol"),
        (Who::GeminiImage, "gemini.png"),
        (Who::GeminiTalk, SAID),
        (Who::Chat, "Mika Sol"),
        (Who::ChatTalk, SAID),
        (Who::ElevenLabs, "elevenlabs.mp3"),
        (Who::Lyria, "lyria.wav"),
        (Who::MiniMax, "minimax.mp3"),
    ] {
        let mut stand = Stand::new(who).await;
        assert_eq!(stand.make().await.unwrap(), made, "{who:?}");
        assert_eq!(stand.make().await.unwrap(), made, "{who:?}: a step that is begun again reads what is kept");
        assert_eq!((stand.server.carried().len(), stand.states()), (1, vec![AttemptState::Done]), "{who:?}");
        assert_eq!(stand.ledger.spent_micros(), PRICE);
    }
}

#[tokio::test]
async fn answering_services_are_not_asked_again_when_an_answer_that_is_paid_for_is_lost() {
    for who in PAID {
        for planned in [Planned::AnswerLost, Planned::Half, overloaded(500), overloaded(504)] {
            let mut stand = Stand::new(who).await;
            stand.server.plan(planned.clone());
            let fault = stand.make().await.unwrap_err();
            assert_eq!(fault.code, Code::AnswerLost, "{who:?} {planned:?}: {fault}");
            for _ in 0..3 {
                let fault = stand.make().await.unwrap_err();
                assert!(fault.code == Code::NeedsReconcile && !fault.is_transient(), "{who:?} {planned:?}: {fault}");
            }
            assert_eq!((stand.server.asked(), stand.states()), (1, vec![AttemptState::Unknown]), "{who:?} {planned:?}");
        }
    }
}

#[tokio::test]
async fn answering_services_that_cost_nothing_are_asked_again_when_an_answer_is_lost() {
    let mut stand = Stand::new(Who::Chat).await;
    stand.server.plan(Planned::AnswerLost);
    assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost);
    assert_eq!(stand.make().await.unwrap(), "Mika Sol");
    assert_eq!((stand.server.carried().len(), stand.states()), (2, vec![AttemptState::Failed, AttemptState::Done]));
    std::fs::remove_dir_all(stand.folder.path().join("kept")).unwrap();
    assert_eq!(stand.make().await.unwrap(), "Mika Sol", "on another machine");
    assert_eq!(stand.server.carried().len(), 3);
}

#[tokio::test]
async fn answering_services_are_not_asked_again_after_a_crash_with_the_answer_kept() {
    for who in PAID {
        let mut stand = Stand::new(who).await;
        stand.ledger.lose_next_end();
        assert_eq!(stand.make().await.unwrap_err().code, Code::LeaseLost, "{who:?}: it ends before the ledger knows");
        assert_eq!(stand.states(), [AttemptState::Intent]);
        stand.make().await.unwrap();
        assert_eq!((stand.server.asked(), stand.states()), (1, vec![AttemptState::Done]), "{who:?}");
        std::fs::remove_dir_all(stand.folder.path().join("kept")).unwrap();
        let fault = stand.make().await.unwrap_err();
        assert_eq!((fault.code, stand.server.asked()), (Code::NeedsReconcile, 1), "{who:?}: the machine that had it is gone");
    }
}

#[tokio::test]
async fn answering_services_are_not_asked_again_after_a_crash_in_the_middle() {
    for who in PAID {
        let mut stand = Stand::new(who).await;
        stand.server.plan(Planned::Hangs);
        let arrives = stand.server.arrival();
        let cut = tokio::select! {
            made = stand.make() => Some(made),
            () = arrives => None,
        };
        assert!(cut.is_none(), "{who:?}: {cut:?}");
        assert_eq!(stand.make().await.unwrap_err().code, Code::NeedsReconcile, "{who:?}");
        assert_eq!(stand.states(), [AttemptState::Unknown]);
    }
}

#[tokio::test]
async fn answering_services_that_are_cancelled_leave_what_nobody_knows() {
    let mut stand = Stand::new(Who::ElevenLabs).await;
    stand.server.plan(Planned::Hangs);
    let (cancel, arrives) = (stand.cancel.clone(), stand.server.arrival());
    let (made, ()) = tokio::join!(stand.make(), async {
        arrives.await;
        cancel.cancel();
    });
    assert_eq!((made.unwrap_err().code, stand.states()), (Code::Cancelled, vec![AttemptState::Intent]));
    assert_eq!(stand.make().await.unwrap_err().code, Code::Cancelled, "and nothing is sent any more");
    assert_eq!(stand.server.asked(), 1);
}

#[tokio::test]
async fn answering_services_that_are_busy_down_or_not_there_are_asked_later() {
    for who in PAID {
        let mut stand = Stand::new(who).await;
        for (status, code) in [(429, Code::ProviderBusy), (503, Code::ProviderDown)] {
            stand.server.plan(overloaded(status));
            let fault = stand.make().await.unwrap_err();
            assert_eq!((fault.code, fault.retry_after_ms, fault.is_transient()), (code, Some(9_000), true), "{who:?}: {fault}");
        }
        stand.endpoint = Some(nobody());
        let fault = stand.make().await.unwrap_err();
        assert_eq!(fault.code, Code::ProviderDown, "{who:?}: who is not reached has nothing: {fault}");
        stand.endpoint = None;
        stand.make().await.unwrap();
        assert_eq!((stand.server.carried().len(), stand.ledger.spent_micros()), (1, PRICE), "{who:?}");
        assert_eq!(stand.states()[..3], [AttemptState::Failed; 3]);
    }
}

#[tokio::test]
async fn answering_services_are_asked_for_another_answer_twice_at_most_and_each_is_paid() {
    let broken = |who: Who, words: &str| match who {
        Who::Chat | Who::ChatTalk => Answers::chat_says(words, "stop"),
        _ => Answers::gemini_says(words, "STOP"),
    };
    let all = [(Who::GeminiText, "Mika Sol"), (Who::Chat, "Mika Sol"), (Who::GeminiTalk, SAID), (Who::ChatTalk, SAID)];
    for (who, made) in all {
        let mut stand = Stand::new(who).await;
        stand.server.plan(Planned::Says(broken(who, "{\"given_names\": 1}")));
        stand.server.plan(Planned::Says(broken(who, "Certainly! Here is your character:")));
        assert_eq!(stand.make().await.unwrap(), made, "{who:?}: the third is whole");
        assert_eq!(stand.states(), [AttemptState::Failed, AttemptState::Failed, AttemptState::Done]);
        assert_eq!((stand.server.carried().len(), stand.ledger.spent_micros()), (3, 3 * PRICE), "{who:?}");
        let seeds: Vec<Value> = stand.server.carried().iter().map(|one| seed(&one.told)).collect();
        assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2], "another answer is asked for: {seeds:?}");
    }
    for (who, _) in all {
        let mut stand = Stand::new(who).await;
        (0..4).for_each(|_| stand.server.plan(Planned::Says(broken(who, "{}"))));
        let fault = stand.make().await.unwrap_err();
        assert!(fault.code == Code::ProviderRefused && fault.to_string().contains("3 answers were of no use"), "{fault}");
        assert_eq!((stand.server.asked(), stand.ledger.spent_micros()), (3, 3 * PRICE), "{who:?}");
    }
}

#[tokio::test]
async fn answering_services_hand_an_answer_of_no_use_back_with_the_reason() {
    for who in [Who::GeminiTalk, Who::ChatTalk] {
        let mut stand = Stand::new(who).await;
        let says = |words| if who == Who::ChatTalk { Answers::chat_says(words, "stop") } else { Answers::gemini_says(words, "STOP") };
        stand.server.plan(Planned::Says(says("{\"reply\": \"\"}")));
        // Another process goes on: what is handed back is on disk.
        stand.server.plan(Planned::Dropped);
        assert_eq!(stand.make().await.unwrap_err().code, Code::AnswerLost, "{who:?}");
        stand.ledger.end(AttemptEnd::Failed(Fault::new(Code::AnswerLost, "settle"))).await.unwrap();
        stand.make().await.unwrap();
        let told = stand.server.carried().pop().unwrap().told;
        let turns = told["messages"].as_array().or(told["contents"].as_array()).unwrap();
        let [.., asked, said, why] = &turns[..] else { panic!("{turns:?}") };
        let text = |turn: &Value| turn["content"].as_str().or(turn["parts"][0]["text"].as_str()).unwrap().to_owned();
        assert_eq!((text(asked), text(said)), ("Which light for dusk?".into(), "{\"reply\": \"\"}".into()), "{who:?}");
        assert!(said["role"] != "user" && why["role"] == "user", "{who:?}: {turns:?}");
        assert!(text(why).contains("the answer.reply has 0 characters, of 1 to 200"), "{who:?}: {turns:?}");
    }
}

#[tokio::test]
async fn answering_services_give_another_name_without_being_asked_again() {
    for who in [Who::GeminiText, Who::Chat] {
        let mut stand = Stand::new(who).await;
        let mut names = Vec::new();
        for draw in 0..6 {
            names.push(stand.make_draw(draw).await.unwrap());
        }
        assert_eq!(names[..2], ["Mika Sol", "Nova Vale"], "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 6, "{names:?}");
        assert_eq!(stand.server.carried().len(), 1, "{who:?}");
    }
}

#[tokio::test]
async fn answering_services_that_stopped_tell_what_was_answered() {
    let stand = Stand::new(Who::GeminiText).await;
    let provider = AtOnce::new(stand.gemini(), Terms::default());
    let stop = async |attempt: &Attempt| Provider::<ConceptRequest>::stop(&provider, attempt, "job/step").await.unwrap();
    stand.ledger.begin(&Terms::free("gemini")).await.unwrap();
    let mut attempt = stand.ledger.left().await.unwrap().remove(0);
    assert_eq!(stop(&attempt).await, None, "nobody knows");
    attempt.external_id = Some("1".into());
    assert!(matches!(stop(&attempt).await, Some(AttemptEnd::Done { .. })));
}

fn seed(told: &Value) -> Value {
    if told["seed"].is_null() { told["generationConfig"]["seed"].clone() } else { told["seed"].clone() }
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
