//! Characters in words, and answers in a shape, by whoever speaks OpenAI's chat completions: Ollama, vLLM and llama.cpp on
//! this machine, or OpenAI.
//!
//! A model on this machine needs no key and costs nothing: what was lost there is simply asked for again.
//! Sources: OpenAI's public API reference and what the servers named say of their own.

#[cfg(test)]
mod tests;

use super::at_once::{Answering, answers, json_in, last_answer};
use super::music::seed_of;
use super::talk::{Said, Talk};
use super::{chat, concept};
use crate::http::HttpOptions;
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, ChatRequest, Concept, ConceptRequest, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ENDPOINT: &str = "https://api.openai.com";
const INVENT: &str = "invent character";
/// Where a limit is reached and no wait is told.
const FULL: Duration = Duration::from_secs(20);

/// How it is reached, and who is asked.
#[derive(Clone)]
pub struct OpenAiChatSettings {
    /// None: it is asked without.
    pub key: Option<String>,
    /// None: OpenAI's own. What comes before `/v1`, or with it.
    pub endpoint: Option<String>,
    /// As the server names it.
    pub model: &'static str,
}

/// One server.
pub struct OpenAiChat {
    talk: Talk,
    bearer: Option<HeaderValue>,
    model: &'static str,
    is_here: bool,
}

impl OpenAiChat {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &OpenAiChatSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |setting: &str, reason: &str| {
            let setting = format!("providers.openai_chat.{setting}");
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason)
        };
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let endpoint = endpoint.strip_suffix("/v1").unwrap_or(endpoint);
        let talk = Talk::new("providers.openai_chat", endpoint, settings.key.iter().cloned().collect(), http)?;
        // Without a certificate it is on this machine, or it would have been refused.
        let is_here = endpoint.starts_with("http://");
        if settings.key.is_none() && !is_here {
            return Err(refuse("key", "say where its key stands: env:NAME or file:/path; only a model of this machine needs none"));
        }
        let bearer = settings.key.as_ref().map(|key| {
            let mut bearer =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| refuse("key", "the key holds signs that no key has"))?;
            bearer.set_sensitive(true);
            Ok::<_, Fault>(bearer)
        });
        Ok(Self { talk, bearer: bearer.transpose()?, model: settings.model, is_here })
    }

    fn card(&self) -> ProviderCard {
        ProviderCard { name: "openai_chat", model: self.model, version: 1, lane: Lane::Net }
    }

    /// Errors: as [`Answering::send`].
    async fn ask(&self, body: &Value, into: &Path, operation: &'static str) -> Result<Option<i64>, Fault> {
        let headers = self.bearer.iter().map(|bearer| (AUTHORIZATION, bearer.clone())).collect::<HeaderMap>();
        match self.talk.ask_into("/v1/chat/completions", headers, body, into, operation).await? {
            None => Ok(None),
            Some(said) => Err(self.refusal(&said, operation)),
        }
    }

    fn refusal(&self, said: &Said, operation: &'static str) -> Fault {
        let error = &said.json["error"];
        let words = [&error["message"], error, &said.json["message"], &said.json["detail"], &said.json];
        let words = words.iter().find_map(|words| words.as_str()).unwrap_or_default();
        let words = format!("{} ({})", self.talk.shown(words), said.status.as_u16());
        let name = error["code"].as_str().unwrap_or_default();
        let fault = match said.status.as_u16() {
            429 if name == "insufficient_quota" => {
                return Fault::new(Code::ProviderRefused, operation).because(format!("the account cannot pay for it: {words}"));
            }
            429 => Fault::new(Code::ProviderBusy, operation).retry_after(said.wait.unwrap_or(FULL)),
            503 => said.wait.into_iter().fold(Fault::new(Code::ProviderDown, operation), Fault::retry_after),
            408 | 500.. => Fault::new(Code::AnswerLost, operation),
            401 | 403 => return Fault::new(Code::ProviderRefused, operation).because(format!("the key is not taken: {words}")),
            _ => Fault::new(Code::ProviderRefused, operation),
        };
        fault.because(words)
    }
    /// What an answer says. Errors: as [`Answering::read`].
    async fn words(&self, answer: &Path, operation: &'static str) -> Result<String, Fault> {
        let json = json_in(answer, operation).await?;
        let refused = |reason: String| Fault::new(Code::ProviderRefused, operation).because(reason);
        if let Some(words) = json["error"]["message"].as_str().or(json["error"].as_str()) {
            return Err(refused(self.talk.shown(words)));
        }
        let choice = &json["choices"][0];
        if let Some(words) = choice["message"]["refusal"].as_str().filter(|words| !words.is_empty()) {
            return Err(refused(self.talk.shown(words)));
        }
        match choice["finish_reason"].as_str() {
            Some("length") => return Err(refused("its answer is cut off at the model's limit (finish_reason length)".into())),
            Some("content_filter") => {
                return Err(refused("it was stopped by the server's content filter (finish_reason content_filter)".into()));
            }
            _ => {}
        }
        let nothing = || Fault::new(Code::ProviderDown, operation).because("it says nothing");
        choice["message"]["content"].as_str().map(str::to_owned).ok_or_else(nothing)
    }
}

#[async_trait]
impl Answering<ConceptRequest> for OpenAiChat {
    fn card(&self) -> ProviderCard {
        self.card()
    }

    fn is_free(&self) -> bool {
        self.is_here
    }

    async fn send(&self, request: &ConceptRequest, call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let body = json!({
            "model": self.model,
            "messages": [{"role": "system", "content": concept::instruction()}, {"role": "user", "content": concept::wanted(request)}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "character", "strict": true, "schema": concept::schema()}},
            // Who asks again, asks for another answer.
            "seed": seed_of(request.seed.wrapping_add(answers(call).into())),
        });
        self.ask(&body, into, INVENT).await
    }

    async fn read(&self, request: &ConceptRequest, _call: &Call, answer: &Path) -> Result<Concept, Fault> {
        concept::read(&self.words(answer, INVENT).await?, request)
    }
}

#[async_trait]
impl Answering<ChatRequest> for OpenAiChat {
    fn card(&self) -> ProviderCard {
        self.card()
    }

    fn is_free(&self) -> bool {
        self.is_here
    }

    async fn send(&self, request: &ChatRequest, call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let before = match last_answer(call) {
            Some(answer) => Some(self.words(&answer, chat::OPERATION).await),
            None => None,
        };
        let system = json!({"role": "system", "content": request.instruction});
        let turns = chat::turns(request, before).into_iter().map(|turn| json!(turn));
        let messages: Vec<Value> = [system].into_iter().chain(turns).collect();
        let body = json!({
            "model": self.model,
            "messages": messages,
            "response_format": {"type": "json_schema", "json_schema": {"name": request.kind, "strict": true, "schema": request.shape.schema()}},
            "max_completion_tokens": request.max_tokens,
            "seed": seed_of(request.seed.wrapping_add(answers(call).into())),
        });
        self.ask(&body, into, chat::OPERATION).await
    }

    async fn read(&self, request: &ChatRequest, _call: &Call, answer: &Path) -> Result<Value, Fault> {
        chat::read(&self.words(answer, chat::OPERATION).await?, request)
    }
}
