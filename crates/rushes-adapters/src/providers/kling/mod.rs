//! Kling: a character dances as a reference film does (motion control), by both generations of its API.
//!
//! There is no place to upload to: the picture and the reference are lent from a destination. Each order carries a key of
//! ours, by which it is found again when the answer to it was lost. Nothing here stops an order: their API has no such call.
//! Sources: Kling's public API reference, both generations, as of November 2026.

mod codec;
#[cfg(test)]
mod tests;

use super::in_time::{Progress, Service};
use super::lend::Lender;
use super::talk::{Said, Talk};
use crate::http::HttpOptions;
use async_trait::async_trait;
use codec::Codec;
use http::{Method, StatusCode};
use rushes_core::flow::{Lane, hash};
use rushes_core::provider::{Call, MotionRequest, ProviderCard};
use rushes_core::{Code, Fault};
use std::path::PathBuf;
use std::time::Duration;

pub use codec::KlingKey;

const ENDPOINT: &str = "https://api-singapore.klingai.com";
/// What is lent: under these names.
const LENT: [&str; 2] = ["image.png", "reference.mp4"];
/// Where the dancer faces as the reference's does.
const REFERENCE_MAX_MS: u64 = 30_000;
const REFERENCE_MAX_BYTES: u64 = 100_000_000;
/// The older API's code for a task that it does not know.
const NO_SUCH_TASK: &str = "1203";
/// Too many orders at once end when one of ours ends.
const FULL: Duration = Duration::from_secs(20);

/// How Kling is reached, and what is ordered.
#[derive(Debug, Clone)]
pub struct KlingSettings {
    /// Which generation of the API, by the key that opens it.
    pub key: KlingKey,
    /// None: Kling's own.
    pub endpoint: Option<String>,
    /// `720p` or `1080p`.
    pub resolution: Resolution,
    /// Where it calls when an order changes; None: nowhere.
    pub callback: Option<String>,
    /// What was sent and is not found this long afterwards never arrived.
    pub arrives_within: Duration,
    /// The longest wait between two looks.
    pub looks_every: Duration,
}

/// How fine the film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// 720 lines; `std` in the older API.
    P720,
    /// 1,080 lines; `pro` in the older API.
    P1080,
}

/// One account.
pub struct Kling {
    talk: Talk,
    codec: Codec,
    lender: Lender,
    settings: KlingSettings,
}

impl Kling {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: KlingSettings, lender: Lender, http: HttpOptions) -> Result<Self, Fault> {
        let codec = Codec::new(&settings.key)?;
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        let talk = Talk::new("kling", endpoint, settings.key.secrets(), http)?;
        Ok(Self { talk, codec, lender, settings })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
        operation: &'static str,
        lost: Code,
    ) -> Result<serde_json::Value, Fault> {
        let said = self.talk.ask(method, path, self.codec.headers()?, body, (operation, lost)).await?;
        let code = said.json["code"].as_i64().unwrap_or(0);
        if said.status.is_success() && code == 0 {
            return Ok(said.json);
        }
        Err(self.refusal(&said, code, operation, lost))
    }

    /// What a refusal means. Troubles of a server may come after it has taken an order: then its answer is as good as lost.
    fn refusal(&self, said: &Said, code: i64, operation: &'static str, lost: Code) -> Fault {
        let words = said.json["message"].as_str().or(said.json.as_str()).unwrap_or_default();
        let words = format!("{} ({}, code {code})", self.talk.shown(words), said.status.as_u16());
        let fault = match (code, said.status) {
            (1302 | 1303, _) | (0, StatusCode::TOO_MANY_REQUESTS) => {
                Fault::new(Code::ProviderBusy, operation).retry_after(said.wait.unwrap_or(FULL))
            }
            (5000..=5002, _) => Fault::new(lost, operation),
            (0, status) if status.is_server_error() => Fault::new(lost, operation),
            (1000..=1004, _) => return Fault::new(Code::ProviderRefused, operation).because(format!("the key is not taken: {words}")),
            (1101 | 1102, _) => {
                return Fault::new(Code::ProviderRefused, operation).because(format!("the account cannot pay for it: {words}"));
            }
            _ => Fault::new(Code::ProviderRefused, operation).with("kling_code", code),
        };
        fault.because(words)
    }
}

/// Our key as they take it.
fn external(key: &str) -> String {
    hash(&key)[..40].to_owned()
}

#[async_trait]
impl Service<MotionRequest> for Kling {
    fn card(&self) -> ProviderCard {
        ProviderCard { name: "kling", model: self.codec.model(), version: 1, lane: Lane::Net }
    }

    fn works_from_picture(&self) -> bool {
        true
    }

    fn reference_max_ms(&self) -> Option<u64> {
        Some(REFERENCE_MAX_MS)
    }

    fn looks_every(&self) -> Duration {
        self.settings.looks_every
    }

    fn arrives_within(&self) -> Duration {
        self.settings.arrives_within
    }

    async fn submit(&self, request: &MotionRequest, key: &str, call: &Call) -> Result<String, Fault> {
        let bytes = request.reference.metadata().map_err(|e| Fault::io("read reference", &request.reference, &e))?.len();
        if bytes > REFERENCE_MAX_BYTES {
            let reason = format!("Kling takes references of up to 100 MB, and this one has {} MB; make it smaller", bytes / 1_000_000);
            return Err(Fault::new(Code::FileTooLarge, "order dance").with("path", request.reference.display()).because(reason));
        }
        let image_url = self.lender.lend(&call.key, LENT[0], "image/png", &request.image).await?;
        let video_url = self.lender.lend(&call.key, LENT[1], "video/mp4", &request.reference).await?;
        let body = self.codec.order(request, [&image_url, &video_url], &external(key), &self.settings);
        let said = self.ask(Method::POST, self.codec.motion_path(), Some(&body), "order dance", Code::AnswerLost).await?;
        // An order that was taken and whose name cannot be read is looked for by our key.
        let nameless = || Fault::new(Code::AnswerLost, "order dance").because("its answer names no task");
        self.codec.name_of(&said).ok_or_else(nameless)
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        let path = self.codec.find_path(&external(key));
        match self.ask(Method::GET, &path, None, "look for dance", Code::ProviderDown).await {
            Ok(said) => Ok(self.codec.task(&said).and_then(codec::Task::name)),
            // The older API answers so for a task that is not there; any other refusal says nothing about the task.
            Err(fault) if fault.get("kling_code") == Some(NO_SUCH_TASK) && self.codec.is_older() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        let said = self.ask(Method::GET, &self.codec.look_path(id), None, "look at dance", Code::ProviderDown).await?;
        let gone = || Fault::new(Code::ProviderRefused, "look at dance").with("task", id).because("Kling does not know this task any more");
        self.codec.task(&said).ok_or_else(gone)?.progress(|words| self.talk.shown(words))
    }

    async fn fetch(&self, id: &str, call: &Call) -> Result<PathBuf, Fault> {
        let said = self.ask(Method::GET, &self.codec.look_path(id), None, "fetch dance", Code::ProviderDown).await?;
        let none = || Fault::new(Code::ProviderDown, "fetch dance").with("task", id).because("it is made, and no film is named");
        let url = self.codec.task(&said).and_then(codec::Task::film).ok_or_else(none)?;
        let film = call.scratch.join("kling.mp4");
        self.talk.fetch(&url, &film, "fetch dance").await?;
        Ok(film)
    }

    async fn clear(&self, key: &str) -> Result<(), Fault> {
        self.lender.take_back(key, &LENT).await
    }
}
