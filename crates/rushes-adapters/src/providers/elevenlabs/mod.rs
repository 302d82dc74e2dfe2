//! ElevenLabs: music, as mp3.
//!
//! It takes a seed only beside a plan of sections, which knows no `force_instrumental`; so it is asked in words, and equal
//! requests give other pieces. Where its beats and its drop are, it does not say. Sources: its public API reference, as of November 2026.

#[cfg(test)]
mod tests;

use super::at_once::{Answering, json_in, write};
use super::music::{is_mp3, words};
use super::talk::{Said, Talk};
use crate::http::HttpOptions;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, Music, MusicRequest, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ENDPOINT: &str = "https://api.elevenlabs.io";
const PATH: &str = "/v1/music?output_format=mp3_44100_128";
const KEY: HeaderName = HeaderName::from_static("xi-api-key");
const OPERATION: &str = "make music";
const LENGTH_MS: std::ops::RangeInclusive<u64> = 3_000..=600_000;
/// Where a limit is reached and no wait is told.
const FULL: Duration = Duration::from_secs(20);

/// How it is reached, and who composes.
#[derive(Clone)]
pub struct ElevenLabsSettings {
    /// Its API key.
    pub key: String,
    /// None: its own.
    pub endpoint: Option<String>,
    /// As it names it.
    pub model: &'static str,
}

/// One account.
pub struct ElevenLabs {
    talk: Talk,
    key: HeaderValue,
    model: &'static str,
}

impl ElevenLabs {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &ElevenLabsSettings, http: HttpOptions) -> Result<Self, Fault> {
        let broken = |_| {
            let fault = Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "providers.elevenlabs.key");
            fault.because("the key holds signs that no key has")
        };
        let mut key = HeaderValue::from_str(&settings.key).map_err(broken)?;
        key.set_sensitive(true);
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        Ok(Self { talk: Talk::new("providers.elevenlabs", endpoint, vec![settings.key.clone()], http)?, key, model: settings.model })
    }

    fn refusal(&self, said: &Said) -> Fault {
        let (name, words) = detail(&said.json);
        let words = format!("{} ({} {})", self.talk.shown(words), said.status.as_u16(), self.talk.shown(name));
        let fault = match (said.status.as_u16(), name) {
            (401, "quota_exceeded") | (402, _) => {
                return Fault::new(Code::ProviderRefused, OPERATION).because(format!("the account cannot pay for it: {words}"));
            }
            (401 | 403, _) => return Fault::new(Code::ProviderRefused, OPERATION).because(format!("the key is not taken: {words}")),
            (429, _) => Fault::new(Code::ProviderBusy, OPERATION).retry_after(said.wait.unwrap_or(FULL)),
            (503, _) => said.wait.into_iter().fold(Fault::new(Code::ProviderDown, OPERATION), Fault::retry_after),
            (408 | 500.., _) => Fault::new(Code::AnswerLost, OPERATION),
            _ => Fault::new(Code::ProviderRefused, OPERATION),
        };
        fault.because(words)
    }
}

/// `{"detail": {"status": "bad_prompt", "message": "…"}}`, `{"detail": [{"msg": "…"}]}` or `{"detail": "…"}`: name and words.
fn detail(json: &Value) -> (&str, &str) {
    let detail = &json["detail"];
    let words = [&detail["message"], &detail[0]["msg"], detail, json].into_iter().find_map(Value::as_str);
    (detail["status"].as_str().or(detail["code"].as_str()).unwrap_or_default(), words.unwrap_or_default())
}

#[async_trait]
impl Answering<MusicRequest> for ElevenLabs {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "elevenlabs", model: self.model, version: 1, lane: Lane::Net }
    }

    async fn send(&self, request: &MusicRequest, _call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let length_ms = request.duration_ms.clamp(*LENGTH_MS.start(), *LENGTH_MS.end());
        let body =
            json!({"prompt": words(request, length_ms), "music_length_ms": length_ms, "force_instrumental": true, "model_id": self.model});
        let headers = HeaderMap::from_iter([(KEY, self.key.clone())]);
        match self.talk.ask_into(PATH, headers, &body, into, OPERATION).await? {
            None => Ok(None),
            Some(said) => Err(self.refusal(&said)),
        }
    }

    async fn read(&self, _request: &MusicRequest, call: &Call, answer: &Path) -> Result<Music, Fault> {
        let bytes = tokio::fs::read(answer).await.map_err(|e| Fault::io(OPERATION, answer, &e))?;
        if !is_mp3(&bytes) {
            let json = json_in(answer, OPERATION).await.map_err(|fault| fault.because("what it gives is no mp3"))?;
            return Err(Fault::new(Code::ProviderRefused, OPERATION).because(self.talk.shown(detail(&json).1)));
        }
        let file = call.scratch.join("elevenlabs.mp3");
        write(&file, &bytes).await?;
        Ok(Music { file, bpm: None, drop_ms: None })
    }
}
