//! Gemini: characters in words, pictures of them, and answers in a shape.
//!
//! An account may have several keys: where one's limit is reached the next is asked. Pictures come in the size that the model
//! makes; whoever asked fits them. Sources: Google's public reference of the Gemini API, as of November 2026.

mod pictures;
mod said;
#[cfg(test)]
mod tests;

use super::at_once::{Answering, answers, last_answer};
use super::google_says::refusal;
use super::music::seed_of;
use super::talk::Talk;
use super::{chat, concept};
use crate::http::{HttpOptions, encode_query};
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, ChatRequest, ChatRole, Concept, ConceptRequest, ImageRequest, ProviderCard};
use rushes_core::{Code, Fault};
use said::Answer;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const ENDPOINT: &str = "https://generativelanguage.googleapis.com";
const KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
/// A key whose limit is reached, and which tells no wait, is left alone this long.
const RESTS: Duration = Duration::from_secs(30);

/// How Gemini is reached, and which models are asked.
#[derive(Clone)]
pub struct GeminiSettings {
    /// At least one; asked in this order.
    pub keys: Vec<String>,
    /// None: Google's own.
    pub endpoint: Option<String>,
    /// Who writes characters, and answers.
    pub text_model: &'static str,
    /// Who makes pictures.
    pub image_model: &'static str,
}

struct Key {
    value: HeaderValue,
    /// Not asked before.
    rests: Mutex<Option<Instant>>,
}

/// One account.
pub struct Gemini {
    talk: Talk,
    keys: Vec<Key>,
    text_model: &'static str,
    image_model: &'static str,
}

impl Gemini {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &GeminiSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse =
            |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "providers.gemini.key").because(reason);
        let key = |text: &String| {
            let mut value = HeaderValue::from_str(text).map_err(|_| refuse("a key holds signs that no key has"))?;
            value.set_sensitive(true);
            Ok(Key { value, rests: Mutex::default() })
        };
        let keys = settings.keys.iter().map(key).collect::<Result<Vec<_>, Fault>>()?;
        if keys.is_empty() {
            return Err(refuse("there is no key in it"));
        }
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        let talk = Talk::new("providers.gemini", endpoint, settings.keys.clone(), http)?;
        Ok(Self { talk, keys, text_model: settings.text_model, image_model: settings.image_model })
    }

    fn writer(&self) -> ProviderCard {
        ProviderCard { name: "gemini", model: self.text_model, version: 1, lane: Lane::Net }
    }

    /// What an answer says. Errors: as [`Answering::read`].
    async fn words(&self, answer: &Path, operation: &'static str) -> Result<String, Fault> {
        Answer::of(answer, operation).await?.text(|words| self.talk.shown(words))
    }

    /// Asks with the first key that does not rest, and with the next where its limit is reached: what is refused so is not
    /// carried out. Errors: as [`Answering::send`].
    async fn ask(&self, model: &str, body: &Value, into: &Path, operation: &'static str) -> Result<(), Fault> {
        let path = format!("/v1beta/models/{}:generateContent", encode_query(model));
        let mut busy: Option<Fault> = None;
        for (at, key) in self.keys.iter().enumerate() {
            let fault = match key.rests_for() {
                Some(left) => Fault::new(Code::ProviderBusy, operation).because("the limit of every key is reached").retry_after(left),
                None => {
                    let headers = HeaderMap::from_iter([(KEY, key.value.clone())]);
                    let Some(said) = self.talk.ask_into(&path, headers, body, into, operation).await? else { return Ok(()) };
                    refusal(&self.talk, &said, operation)
                }
            };
            if fault.code != Code::ProviderBusy {
                return Err(if self.keys.len() > 1 { fault.with("key", format!("{} of {}", at + 1, self.keys.len())) } else { fault });
            }
            key.rest(&fault);
            // The one that is free first tells how long to wait.
            busy = busy.into_iter().chain([fault]).min_by_key(|fault| fault.retry_after_ms.unwrap_or_default());
        }
        Err(busy.unwrap_or_else(|| Fault::new(Code::ProviderBusy, operation)))
    }
}

impl Key {
    fn rests_for(&self) -> Option<Duration> {
        let until = *self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    fn rest(&self, fault: &Fault) {
        let wait = fault.retry_after_ms.map_or(RESTS, Duration::from_millis);
        *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(wait);
    }
}

/// A schema as Gemini writes it: types in capitals, and what is not named is not forbidden.
fn in_capitals(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "additionalProperties").map(|(name, value)| {
                let value = match value {
                    Value::String(kind) if name == "type" => Value::String(kind.to_uppercase()),
                    other => in_capitals(other),
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

#[async_trait]
impl Answering<ConceptRequest> for Gemini {
    fn card(&self) -> ProviderCard {
        self.writer()
    }

    async fn send(&self, request: &ConceptRequest, call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let body = json!({
            "systemInstruction": {"parts": [{"text": concept::instruction()}]},
            "contents": [{"role": "user", "parts": [{"text": concept::wanted(request)}]}],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": in_capitals(&concept::schema()),
                // Who asks again, asks for another answer.
                "seed": seed_of(request.seed.wrapping_add(answers(call).into())),
            },
        });
        self.ask(self.text_model, &body, into, "invent character").await.map(|()| None)
    }

    async fn read(&self, request: &ConceptRequest, _call: &Call, answer: &Path) -> Result<Concept, Fault> {
        concept::read(&self.words(answer, "invent character").await?, request)
    }
}

#[async_trait]
impl Answering<ChatRequest> for Gemini {
    fn card(&self) -> ProviderCard {
        self.writer()
    }

    async fn send(&self, request: &ChatRequest, call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let before = match last_answer(call) {
            Some(answer) => Some(self.words(&answer, chat::OPERATION).await),
            None => None,
        };
        let turn = |role: ChatRole, text: &str| {
            let role = if role == ChatRole::User { "user" } else { "model" };
            json!({"role": role, "parts": [{"text": text}]})
        };
        let turns = chat::turns(request, before);
        let body = json!({
            "systemInstruction": {"parts": [{"text": request.instruction}]},
            "contents": turns.iter().map(|one| turn(one.role, &one.content)).collect::<Vec<_>>(),
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": in_capitals(&request.shape.schema()),
                "maxOutputTokens": request.max_tokens,
                "seed": seed_of(request.seed.wrapping_add(answers(call).into())),
            },
        });
        self.ask(self.text_model, &body, into, chat::OPERATION).await.map(|()| None)
    }

    async fn read(&self, request: &ChatRequest, _call: &Call, answer: &Path) -> Result<Value, Fault> {
        chat::read(&self.words(answer, chat::OPERATION).await?, request)
    }
}

#[async_trait]
impl Answering<ImageRequest> for Gemini {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "gemini", model: self.image_model, version: 1, lane: Lane::Net }
    }

    async fn send(&self, request: &ImageRequest, _call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let body = pictures::order(request).await?;
        self.ask(self.image_model, &body, into, "make picture").await.map(|()| None)
    }

    async fn read(&self, _request: &ImageRequest, call: &Call, answer: &Path) -> Result<PathBuf, Fault> {
        let answer = Answer::of(answer, "make picture").await?;
        let (bytes, ending) = answer.picture(|words| self.talk.shown(words))?;
        let picture = call.scratch.join(format!("gemini.{ending}"));
        super::at_once::write(&picture, &bytes).await?;
        Ok(picture)
    }
}
