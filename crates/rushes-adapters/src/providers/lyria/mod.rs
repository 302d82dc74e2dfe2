//! Lyria on Vertex AI: half a minute of instrumental music, as WAV.
//!
//! Whoever lays it under a longer film lets it begin again. Where its beats and its drop are, it does not say.
//! Sources: Google's public reference of Lyria on Vertex AI, as of November 2026.

#[cfg(test)]
mod tests;

use super::at_once::{Answering, answers, json_in, write};
use super::google_says::refusal;
use super::music::{seed_of, words};
use super::talk::Talk;
use crate::google::{Credentials, Tokens};
use crate::http::{Client, HttpOptions, encode_query};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, Music, MusicRequest, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::json;
use std::path::Path;

const OPERATION: &str = "make music";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What one piece has.
const LENGTH_MS: u64 = 30_000;

/// How it is reached, and by whom.
#[derive(Clone)]
pub struct LyriaSettings {
    /// Who asks.
    pub credentials: Credentials,
    /// None: the one of the credentials.
    pub project: Option<String>,
    /// Google's region, such as `us-central1`.
    pub location: String,
    /// None: Google's own in that region.
    pub endpoint: Option<String>,
    /// As Google names it.
    pub model: &'static str,
}

/// One project.
pub struct Lyria {
    talk: Talk,
    tokens: Tokens,
    path: String,
    model: &'static str,
}

impl Lyria {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &LyriaSettings, http: HttpOptions) -> Result<Self, Fault> {
        let refuse = |setting: &str, reason: &str| {
            let setting = format!("providers.lyria.options.{setting}");
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", setting).because(reason)
        };
        let project = settings.project.as_deref().or(settings.credentials.project());
        let project = project.ok_or_else(|| refuse("project", "its credentials name no project: say which one pays"))?;
        let location = &settings.location;
        // It becomes part of the address that the token is sent to.
        if location.is_empty() || !location.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            return Err(refuse("location", "a region of Google's, such as us-central1"));
        }
        let own = format!("https://{location}-aiplatform.googleapis.com");
        let talk = Talk::new("providers.lyria", settings.endpoint.as_deref().unwrap_or(&own), Vec::new(), http)?;
        let tokens = Tokens::new(settings.credentials.clone(), SCOPE, &Client::new(http)?);
        let path = format!(
            "/v1/projects/{}/locations/{location}/publishers/google/models/{}:predict",
            encode_query(project),
            encode_query(settings.model)
        );
        Ok(Self { talk, tokens, path, model: settings.model })
    }
}

/// Who gives no token is as good as down; then nothing was sent.
fn no_token(fault: Fault) -> Fault {
    let code = if fault.is_transient() { Code::ProviderDown } else { Code::ProviderRefused };
    Fault::new(code, OPERATION).because(format!("Google gives no token: {fault}"))
}

#[async_trait]
impl Answering<MusicRequest> for Lyria {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "lyria", model: self.model, version: 1, lane: Lane::Net }
    }

    async fn send(&self, request: &MusicRequest, call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let seed = seed_of(request.seed.wrapping_add(answers(call).into()));
        let instance = json!({"prompt": words(request, LENGTH_MS), "negative_prompt": "vocals, speech", "seed": seed});
        let body = json!({"instances": [instance], "parameters": {}});
        let mut is_renewed = false;
        loop {
            let mut headers = HeaderMap::new();
            let bearer = self.tokens.authorize(&mut headers).await.map_err(no_token)?;
            let Some(said) = self.talk.ask_into(&self.path, headers, &body, into, OPERATION).await? else { return Ok(None) };
            match bearer {
                // A token may end before its time; who is not let in has asked for nothing.
                Some(bearer) if said.status == StatusCode::UNAUTHORIZED && !is_renewed => {
                    self.tokens.forget(&bearer).await;
                    is_renewed = true;
                }
                _ => return Err(refusal(&self.talk, &said, OPERATION)),
            }
        }
    }

    async fn read(&self, _request: &MusicRequest, call: &Call, answer: &Path) -> Result<Music, Fault> {
        let json = json_in(answer, OPERATION).await?;
        let refused = |words: &str| Fault::new(Code::ProviderRefused, OPERATION).because(self.talk.shown(words));
        if let Some(words) = json["error"]["message"].as_str() {
            return Err(refused(words));
        }
        let made = &json["predictions"][0];
        let Some(data) = made["bytesBase64Encoded"].as_str().or(made["audioContent"].as_str()) else {
            let words = made["raiFilteredReason"].as_str().or(json["raiFilteredReason"].as_str());
            return Err(refused(words.unwrap_or("it answers with nothing, and gives no reason")));
        };
        let unusable = |reason: &str| Fault::new(Code::ProviderDown, OPERATION).because(reason);
        let bytes = STANDARD.decode(data).map_err(|_| unusable("its music is not readable"))?;
        if !matches!(bytes.as_slice(), [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]) {
            return Err(unusable("what it gives is no WAV file"));
        }
        let file = call.scratch.join("lyria.wav");
        write(&file, &bytes).await?;
        Ok(Music { file, bpm: None, drop_ms: None })
    }
}
