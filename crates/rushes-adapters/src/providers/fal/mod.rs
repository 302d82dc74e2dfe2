//! fal: one queue before many models, Kling's motion control among them.
//!
//! The answer to an order names the addresses to look at it, fetch it and stop it by. Their paths are kept in its name, so a
//! crash loses none; the key goes to the configured endpoint only, whatever an answer says. fal takes no key of ours, and its
//! list of requests shows those that have ended, so that nothing missing there proves anything: an order whose answer was
//! lost needs a person. Sources: fal's public API reference, as of November 2026.

#[cfg(test)]
mod tests;

use super::desk::{Desk, refusal};
use super::in_time::{Progress, Stopped};
use super::recipe::Recipe;
use super::talk::{Said, Talk};
use crate::http::{HttpOptions, encode_query};
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use rushes_core::{Code, Fault};
use serde_json::{Map, Value, json};
use std::path::Path;

const ENDPOINT: &str = "https://queue.fal.run";
const MOTION_MODEL: &str = "fal-ai/kling-video/v2.6/pro/motion-control";
/// Where the dancer faces as the reference's does.
const REFERENCE_MAX_MS: u64 = 30_000;
/// fal would try again by itself what fails there: here the ledger decides that.
const NO_RETRY: HeaderName = HeaderName::from_static("x-fal-no-retry");

/// How fal is reached.
#[derive(Clone)]
pub struct FalSettings {
    /// `id:secret`.
    pub key: String,
    /// None: fal's own.
    pub endpoint: Option<String>,
    /// Where it calls when an order is over; None: nowhere.
    pub callback: Option<String>,
}

/// One account.
pub struct Fal {
    talk: Talk,
    bearer: HeaderValue,
    callback: Option<String>,
}

/// Where an order is, as its name says: paths at the endpoint.
struct Place<'a> {
    request: &'a str,
    status: &'a str,
    response: &'a str,
    cancel: &'a str,
}

impl<'a> Place<'a> {
    fn of(id: &'a str) -> Result<Self, Fault> {
        let broken = || Fault::new(Code::ProviderRefused, "read name").with("request", id).because("no request at fal has such a name");
        let (request, rest) = id.split_once(' ').ok_or_else(broken)?;
        let mut parts = rest.split(' ');
        let mut path = || parts.next().filter(|path| path.starts_with('/')).ok_or_else(broken);
        Ok(Self { request, status: path()?, response: path()?, cancel: path()? })
    }
}

/// Kling's motion control at fal.
#[must_use]
pub fn motion_recipe() -> Recipe {
    let inputs = [("prompt", "prompt"), ("image", "image_url"), ("reference", "video_url")];
    let with = json!({"keep_original_sound": true, "character_orientation": "video"});
    Recipe {
        model: MOTION_MODEL.to_owned(),
        inputs: inputs.into_iter().map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).collect(),
        with: with.as_object().cloned().unwrap_or_else(Map::new),
        reference_max_ms: Some(REFERENCE_MAX_MS),
    }
}

impl Fal {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: FalSettings, http: HttpOptions) -> Result<Self, Fault> {
        let broken = |_| {
            Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "fal.key").because("the key holds signs that no key has")
        };
        let mut bearer = HeaderValue::from_str(&format!("Key {}", settings.key)).map_err(broken)?;
        bearer.set_sensitive(true);
        let secret = settings.key.split_once(':').map_or(String::new(), |(_, secret)| secret.to_owned());
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        let talk = Talk::new("fal", endpoint, vec![settings.key, secret], http)?;
        Ok(Self { talk, bearer, callback: settings.callback })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, about: (&'static str, Code)) -> Result<Said, Fault> {
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, self.bearer.clone())]);
        if body.is_some() {
            headers.insert(NO_RETRY, HeaderValue::from_static("1"));
        }
        self.talk.ask(method, path, headers, body, about).await
    }

    fn refusal(&self, said: &Said, (operation, lost): (&'static str, Code)) -> Fault {
        refusal(&self.talk, said, &words(&said.json), operation, lost)
    }

    /// The name of an order that was taken: its id, and the paths it is to be asked at. Addresses elsewhere are not asked.
    fn name_of(&self, said: &Value) -> Option<String> {
        let path = |field: &str| self.talk.path_of(said[field].as_str()?);
        let id = said["request_id"].as_str().filter(|id| !id.is_empty() && !id.contains(char::is_whitespace))?;
        Some(format!("{id} {} {} {}", path("status_url")?, path("response_url")?, path("cancel_url")?))
    }

    /// What was made, in words. Errors: `provider_refused` where it is not kept any more, `provider_down`.
    async fn response(&self, place: &Place<'_>, operation: &'static str) -> Result<Value, Fault> {
        let about = (operation, Code::ProviderDown);
        let said = self.ask(Method::GET, place.response, None, about).await?;
        match said.status {
            StatusCode::OK => Ok(said.json),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(gone(place, operation)),
            _ => Err(self.refusal(&said, about)),
        }
    }
}

fn gone(place: &Place<'_>, operation: &'static str) -> Fault {
    let reason = "what was made is not kept there any more; start the job again for another";
    Fault::new(Code::ProviderRefused, operation).with("request", place.request).because(reason)
}

/// What they say went wrong.
fn words(said: &Value) -> String {
    let part = |part: &Value| part["msg"].as_str().or(part.as_str()).map(str::to_owned);
    let of_detail = |detail: &Value| match detail {
        Value::Array(parts) => Some(parts.iter().filter_map(part).collect::<Vec<_>>().join("; ")).filter(|words| !words.is_empty()),
        other => part(other),
    };
    of_detail(&said["detail"]).or_else(|| part(&said["error"])).or_else(|| part(said)).unwrap_or_else(|| "fal gives no reason".to_owned())
}

/// The address of the first file, in whichever way a model names it.
fn file(said: &Value) -> Option<&str> {
    ["video", "image", "images"].iter().find_map(|field| match &said[*field] {
        Value::Array(files) => files.first()?["url"].as_str(),
        file => file["url"].as_str(),
    })
}

#[async_trait]
impl Desk for Fal {
    fn name(&self) -> &'static str {
        "fal"
    }

    async fn order(&self, model: &str, input: Value) -> Result<String, Fault> {
        let about = ("order at fal", Code::AnswerLost);
        let callback = self.callback.as_ref().map_or(String::new(), |url| format!("?fal_webhook={}", encode_query(url)));
        let said = self.ask(Method::POST, &format!("/{model}{callback}"), Some(&input), about).await?;
        if !said.status.is_success() {
            return Err(self.refusal(&said, about));
        }
        let nameless = || Fault::new(about.1, about.0).because("its answer names no request at the configured endpoint");
        self.name_of(&said.json).ok_or_else(nameless)
    }

    async fn find(&self, _key: &str, _since_ms: i64) -> Result<Option<String>, Fault> {
        let reason = "fal may have taken it, and cannot be asked by a key of ours; look at its dashboard";
        Err(Fault::new(Code::NeedsReconcile, "look for order").because(reason))
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        let (place, about) = (Place::of(id)?, ("look at order", Code::ProviderDown));
        let said = self.ask(Method::GET, place.status, None, about).await?;
        if !said.status.is_success() {
            return Err(self.refusal(&said, about));
        }
        match said.json["status"].as_str().unwrap_or_default() {
            "IN_QUEUE" | "IN_PROGRESS" => return Ok(Progress::Working(None)),
            "COMPLETED" => {}
            other => return Err(Fault::new(about.1, about.0).because(format!("its request is {:?}", self.talk.shown(other)))),
        }
        // It is over; whether well, its response says. What fails with a trouble of theirs is not charged.
        let has_failed = !said.json["error"].is_null();
        let said = self.ask(Method::GET, place.response, None, about).await?;
        let fault = || self.refusal(&said, ("make it", Code::ProviderDown)).with("request", place.request);
        match said.status {
            StatusCode::OK if !has_failed => Ok(Progress::Made { cost_micros: None }),
            StatusCode::NOT_FOUND | StatusCode::GONE if !has_failed => Err(gone(&place, about.0)),
            status if passes(status) || status.is_server_error() && !has_failed => Err(fault()),
            _ => Ok(Progress::Failed(fault())),
        }
    }

    async fn fetch(&self, id: &str, into: &Path) -> Result<(), Fault> {
        let place = Place::of(id)?;
        let said = self.response(&place, "fetch what was made").await?;
        let none = || {
            let reason = "it is made, and no file is named; is this a model of such things?";
            Fault::new(Code::ProviderRefused, "fetch what was made").with("request", place.request).because(reason)
        };
        self.talk.fetch(file(&said).ok_or_else(none)?, into, "fetch what was made").await
    }

    async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        let (place, about) = (Place::of(id)?, ("stop order", Code::ProviderDown));
        let said = self.ask(Method::PUT, place.cancel, None, about).await?;
        if said.status.is_server_error() || passes(said.status) {
            return Err(self.refusal(&said, about));
        }
        if said.json["status"] == "OK" {
            return Ok(Stopped::Ended);
        }
        // It was asked to stop, and need not: what still waits ends, and what has begun is paid for.
        let said = self.ask(Method::GET, place.status, None, about).await?;
        Ok(if said.status.is_success() && said.json["status"] == "IN_QUEUE" { Stopped::Ended } else { Stopped::GoesOn })
    }

    fn bell(&self, id: &str) -> String {
        id.split(' ').next().unwrap_or(id).to_owned()
    }
}

/// Whether the same may be asked again.
fn passes(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}
