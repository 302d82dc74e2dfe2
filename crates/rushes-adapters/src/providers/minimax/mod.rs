//! MiniMax: instrumental music, as mp3.
//!
//! It answers 200 to nearly everything, and says in `base_resp` what became of it. It takes neither a seed nor a length, so
//! equal requests give other pieces, of whatever length; where their beats and their drop are, it does not say. The audio
//! comes as hex within the answer, so that one answer is all there is to keep. Sources: its public list of codes, and public
//! clients of its API, as of November 2026. Unconfirmed: whether output that it finds offensive (1027) is charged; it counts
//! as charged here.

#[cfg(test)]
mod tests;

use super::at_once::{Answering, json_in, write};
use super::music::{is_mp3, words};
use super::talk::{Said, Talk};
use crate::http::HttpOptions;
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use rushes_core::flow::Lane;
use rushes_core::provider::{Call, Music, MusicRequest, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ENDPOINT: &str = "https://api.minimax.io";
const PATH: &str = "/v1/music_generation";
const OPERATION: &str = "make music";
/// Where a limit is reached; no wait is told.
const FULL: Duration = Duration::from_secs(30);
/// What its plans allow comes back in windows of hours.
const WINDOW: Duration = Duration::from_mins(30);
/// What it finds offensive of what it made.
const OUTPUT_REFUSED: i64 = 1_027;

/// How it is reached, and who composes.
#[derive(Clone)]
pub struct MiniMaxSettings {
    /// Its API key.
    pub key: String,
    /// None: its own.
    pub endpoint: Option<String>,
    /// As it names it; one that knows `is_instrumental`.
    pub model: &'static str,
}

/// One account.
pub struct MiniMax {
    talk: Talk,
    bearer: HeaderValue,
    model: &'static str,
}

impl MiniMax {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: &MiniMaxSettings, http: HttpOptions) -> Result<Self, Fault> {
        let broken = |_| {
            let fault = Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "providers.minimax.key");
            fault.because("the key holds signs that no key has")
        };
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", settings.key)).map_err(broken)?;
        bearer.set_sensitive(true);
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        Ok(Self { talk: Talk::new("providers.minimax", endpoint, vec![settings.key.clone()], http)?, bearer, model: settings.model })
    }

    /// What a refusal says, of its status or of its code. Troubles of theirs may come after the work was done, and charged:
    /// then the answer is as good as lost.
    fn refusal(&self, status: u16, code: i64, words: &str, wait: Option<Duration>) -> Fault {
        let words = format!("{} ({status}, code {code})", self.talk.shown(words));
        let refused = |why: &str| Fault::new(Code::ProviderRefused, OPERATION).because(format!("{why}: {words}"));
        let busy = |otherwise| Fault::new(Code::ProviderBusy, OPERATION).retry_after(wait.unwrap_or(otherwise));
        let fault = match (code, status) {
            (1_002 | 1_039 | 1_041 | 2_045, _) | (_, 429) => busy(FULL),
            (2_056, _) => busy(WINDOW),
            (1_004 | 2_049, _) | (0, 401 | 403) => return refused("the key is not taken"),
            (1_008, _) | (0, 402) => return refused("the account cannot pay for it"),
            (0, 503) => wait.into_iter().fold(Fault::new(Code::ProviderDown, OPERATION), Fault::retry_after),
            (1_000 | 1_001 | 1_024 | 1_033, _) | (0, 408 | 500..) => Fault::new(Code::AnswerLost, OPERATION),
            _ => Fault::new(Code::ProviderRefused, OPERATION),
        };
        fault.because(words)
    }
}

/// `{"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}`: code and words.
fn outcome(json: &Value) -> (i64, &str) {
    let said = &json["base_resp"];
    (said["status_code"].as_i64().unwrap_or(0), said["status_msg"].as_str().or(json.as_str()).unwrap_or_default())
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.bytes().map(|digit| u8::try_from(char::from(digit).to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[async_trait]
impl Answering<MusicRequest> for MiniMax {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "minimax", model: self.model, version: 1, lane: Lane::Net }
    }

    async fn send(&self, request: &MusicRequest, _call: &Call, into: &Path) -> Result<Option<i64>, Fault> {
        let body = json!({
            "model": self.model,
            "prompt": words(request, request.duration_ms),
            "is_instrumental": true,
            "audio_setting": {"sample_rate": 44_100, "bitrate": 256_000, "format": "mp3"},
            "output_format": "hex",
        });
        let headers = HeaderMap::from_iter([(AUTHORIZATION, self.bearer.clone())]);
        if let Some(Said { status, json, wait }) = self.talk.ask_into(PATH, headers, &body, into, OPERATION).await? {
            let (code, words) = outcome(&json);
            return Err(self.refusal(status.as_u16(), code, words, wait));
        }
        // One that cannot be read is an answer all the same: whoever reads it says so.
        let said = json_in(into, OPERATION).await.unwrap_or_default();
        match outcome(&said) {
            (0 | OUTPUT_REFUSED, _) => Ok(None),
            (code, words) => Err(self.refusal(200, code, words, None)),
        }
    }

    async fn read(&self, _request: &MusicRequest, call: &Call, answer: &Path) -> Result<Music, Fault> {
        let json = json_in(answer, OPERATION).await?;
        let unusable = |reason: &str| Fault::new(Code::ProviderDown, OPERATION).because(reason);
        let (code, words) = outcome(&json);
        if code != 0 {
            return Err(self.refusal(200, code, words, None));
        }
        let audio = json["data"]["audio"].as_str().filter(|audio| !audio.is_empty());
        let audio = audio.ok_or_else(|| unusable("it answers with nothing, and gives no reason"))?;
        let bytes = bytes_of(audio).filter(|bytes| is_mp3(bytes)).ok_or_else(|| unusable("what it gives is no mp3"))?;
        let file = call.scratch.join("minimax.mp3");
        write(&file, &bytes).await?;
        Ok(Music { file, bpm: None, drop_ms: None })
    }
}
