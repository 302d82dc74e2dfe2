//! The suite of providers over those that answer with what they made.

use super::answering_tests::{Stand as Step, Who, concept, music, picture, talk};
use rushes_core::provider::{ChatRequest, ConceptRequest, ImageRequest, MusicRequest, Provider, Request};
use rushes_testkit::answers::Answers;
use rushes_testkit::orders::Planned;
use rushes_testkit::provider_suite::{Abilities, Lost, Served, Stand, Trouble, provider_suite};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One of them that is asked for such things.
struct Asks<R: Request> {
    step: Step,
    provider: fn(&Step) -> Arc<dyn Provider<R>>,
    request: fn() -> R,
}

impl<R: Request> Stand for Asks<R> {
    type Asked = R;

    fn server(&self) -> &dyn Served {
        &self.step.server
    }

    fn provider(&self, _arrives_within: Duration) -> Arc<dyn Provider<R>> {
        (self.provider)(&self.step)
    }

    fn request(&self) -> R {
        (self.request)()
    }

    fn folder(&self) -> &Path {
        self.step.folder.path()
    }

    fn secrets(&self) -> Vec<String> {
        match self.step.who {
            // Its tokens are another each time, and end by themselves.
            Who::Lyria => Vec::new(),
            _ => vec![Answers::KEYS[0].to_owned()],
        }
    }

    fn abilities(&self) -> Abilities {
        match self.step.who {
            Who::Chat | Who::ChatTalk => Abilities { lost: Lost::AskedAgain, ..Abilities::ANSWERS },
            _ => Abilities::ANSWERS,
        }
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Planned> {
        let told = |status, body| Some(Planned::Told(status, body));
        let google = |status: u16, name: &str| told(status, json!({"error": {"code": status, "message": words, "status": name}}));
        let openai = |status, name: &str| told(status, json!({"error": {"message": words, "type": "error", "code": name}}));
        let eleven = |status, name: &str| told(status, json!({"detail": {"status": name, "message": words}}));
        let minimax = |code: i64| told(200, json!({"data": null, "base_resp": {"status_code": code, "status_msg": words}}));
        use Trouble::{Account, Busy, BusyInSuccess, Content, Down, Key};
        match (self.step.who, trouble) {
            (Who::GeminiText | Who::GeminiImage | Who::GeminiTalk | Who::Lyria, trouble) => match trouble {
                Busy => google(429, "RESOURCE_EXHAUSTED"),
                Content => google(400, "INVALID_ARGUMENT"),
                Key => google(403, "PERMISSION_DENIED"),
                Down => google(500, "INTERNAL"),
                Account | BusyInSuccess => None,
            },
            (Who::Chat | Who::ChatTalk, Busy) => openai(429, "rate_limit_exceeded"),
            (Who::Chat | Who::ChatTalk, Content) => openai(400, "content_policy_violation"),
            (Who::Chat | Who::ChatTalk, Key) => openai(401, "invalid_api_key"),
            (Who::Chat | Who::ChatTalk, Account) => openai(429, "insufficient_quota"),
            (Who::Chat | Who::ChatTalk, Down) => openai(500, "server_error"),
            (Who::ElevenLabs, Busy) => eleven(429, "too_many_concurrent_requests"),
            (Who::ElevenLabs, Content) => eleven(422, "bad_prompt"),
            (Who::ElevenLabs, Key) => eleven(401, "invalid_api_key"),
            (Who::ElevenLabs, Account) => eleven(401, "quota_exceeded"),
            (Who::ElevenLabs, Down) => eleven(500, "internal_error"),
            (Who::MiniMax, Busy) => told(429, json!({"base_resp": {"status_code": 1_002, "status_msg": words}})),
            (Who::MiniMax, BusyInSuccess) => minimax(1_002),
            (Who::MiniMax, Content) => minimax(1_026),
            (Who::MiniMax, Key) => minimax(1_004),
            (Who::MiniMax, Account) => minimax(1_008),
            (Who::MiniMax, Down) => minimax(1_000),
            (Who::Chat | Who::ChatTalk | Who::ElevenLabs, BusyInSuccess) => None,
        }
    }
}

async fn keeps<R: Request>(name: &str, who: Who, provider: fn(&Step) -> Arc<dyn Provider<R>>, request: fn() -> R) {
    provider_suite(name, async || Asks { step: Step::new(who).await, provider, request }).await;
}

fn wanted() -> ConceptRequest {
    concept(0)
}

#[tokio::test]
async fn gemini_keeps_what_providers_keep_with_characters() {
    keeps::<ConceptRequest>("gemini, characters", Who::GeminiText, Step::invents, wanted).await;
}

#[tokio::test]
async fn gemini_keeps_what_providers_keep_with_pictures() {
    keeps::<ImageRequest>("gemini, pictures", Who::GeminiImage, Step::draws, picture).await;
}

#[tokio::test]
async fn openai_chat_keeps_what_providers_keep() {
    keeps::<ConceptRequest>("openai_chat", Who::Chat, Step::invents, wanted).await;
}

#[tokio::test]
async fn gemini_and_openai_chat_keep_what_providers_keep_with_answers() {
    keeps::<ChatRequest>("gemini, answers", Who::GeminiTalk, Step::talks, talk).await;
    keeps::<ChatRequest>("openai_chat, answers", Who::ChatTalk, Step::talks, talk).await;
}

#[tokio::test]
async fn elevenlabs_keeps_what_providers_keep() {
    keeps::<MusicRequest>("elevenlabs", Who::ElevenLabs, Step::composes, music).await;
}

#[tokio::test]
async fn lyria_keeps_what_providers_keep() {
    keeps::<MusicRequest>("lyria", Who::Lyria, Step::composes, music).await;
}

#[tokio::test]
async fn minimax_keeps_what_providers_keep() {
    keeps::<MusicRequest>("minimax", Who::MiniMax, Step::composes, music).await;
}
