//! Replicate: predictions of any model that stands there, by its name or by a version.
//!
//! It takes no key of ours. What it lists shows what was put in, so the addresses of lent files carry a mark of ours behind
//! `#`, which is not sent when they are fetched. An order whose answer was lost is looked for by that mark; that it is nowhere
//! is said only where everything ordered since is somebody else's for certain. Results are kept there for an hour.
//! Sources: Replicate's public API reference, as of November 2026.

#[cfg(test)]
mod tests;

use super::desk::{Desk, marked, refusal};
use super::in_time::{Progress, Stopped};
use super::talk::{Said, Talk};
use crate::http::HttpOptions;
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ENDPOINT: &str = "https://api.replicate.com/v1";
/// Clocks may be apart this far.
const CLOCKS_MS: i64 = 300_000;
/// A hundred predictions each.
const PAGES_MAX: u32 = 20;
/// `2026-11-22T14:00:00`
const TO_THE_SECOND: usize = 19;

/// How Replicate is reached.
#[derive(Clone)]
pub struct ReplicateSettings {
    /// Its API token.
    pub key: String,
    /// None: Replicate's own. Ends in `/v1`.
    pub endpoint: Option<String>,
    /// Where it calls when an order is over; None: nowhere.
    pub callback: Option<String>,
}

/// One account.
pub struct Replicate {
    talk: Talk,
    bearer: HeaderValue,
    callback: Option<String>,
}

impl Replicate {
    /// Speaks to nobody yet. Errors: `config_invalid`, naming the setting.
    pub fn new(settings: ReplicateSettings, http: HttpOptions) -> Result<Self, Fault> {
        let broken = |_| {
            let fault = Fault::new(Code::ConfigInvalid, "read configuration").with("setting", "replicate.key");
            fault.because("the key holds signs that no key has")
        };
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", settings.key)).map_err(broken)?;
        bearer.set_sensitive(true);
        let endpoint = settings.endpoint.as_deref().unwrap_or(ENDPOINT);
        let talk = Talk::new("replicate", endpoint, vec![settings.key], http)?;
        Ok(Self { talk, bearer, callback: settings.callback })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, (operation, lost): (&'static str, Code)) -> Result<Value, Fault> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, self.bearer.clone())]);
        let said = self.talk.ask(method, path, headers, body, (operation, lost)).await?;
        if said.status.is_success() { Ok(said.json) } else { Err(self.refusal(said, operation, lost)) }
    }

    fn refusal(&self, mut said: Said, operation: &'static str, lost: Code) -> Fault {
        let words = ["detail", "error", "title"].iter().find_map(|field| said.json[*field].as_str()).or(said.json.as_str());
        let words = words.unwrap_or("Replicate gives no reason").to_owned();
        if said.status == StatusCode::TOO_MANY_REQUESTS {
            said.wait = said.wait.or_else(|| resets_in(&words));
        }
        refusal(&self.talk, &said, &words, operation, lost)
    }

    async fn prediction(&self, id: &str, operation: &'static str) -> Result<Value, Fault> {
        self.ask(Method::GET, &format!("/predictions/{}", crate::http::encode_query(id)), None, (operation, Code::ProviderDown)).await
    }
}

/// What their words say: `Your rate limit resets in ~30s.`
fn resets_in(words: &str) -> Option<Duration> {
    let (_, after) = words.split_once("resets in ")?;
    let digits: String = after.trim_start_matches('~').chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

/// Where a model of this name is ordered, and by which version; a name without one is ordered by itself.
fn ordered(model: &str) -> (String, Option<&str>) {
    match model.split_once('/') {
        Some(_) if !model.contains(':') => (format!("/models/{model}/predictions"), None),
        _ => ("/predictions".to_owned(), Some(model)),
    }
}

/// The mark in what was put in: ours, or of another order of ours.
fn mark_in(prediction: &Value) -> Option<&str> {
    let input = prediction["input"].as_object()?;
    input.values().filter_map(Value::as_str).find_map(|text| text.find("#rushes-").map(|at| &text[at..]))
}

/// The address of the first file.
fn file(output: &Value) -> Option<&str> {
    match output {
        Value::String(address) => Some(address),
        Value::Array(parts) => parts.first().and_then(file),
        Value::Object(parts) => parts.values().find_map(file),
        _ => None,
    }
}

#[async_trait]
impl Desk for Replicate {
    fn name(&self) -> &'static str {
        "replicate"
    }

    fn mark(&self, key: &str) -> String {
        marked(key)
    }

    async fn order(&self, model: &str, input: Value) -> Result<String, Fault> {
        let about = ("order at Replicate", Code::AnswerLost);
        let (path, version) = ordered(model);
        let mut body = json!({"input": input});
        if let Some(version) = version {
            body["version"] = json!(version);
        }
        if let Some(callback) = &self.callback {
            body["webhook"] = json!(callback);
            body["webhook_events_filter"] = json!(["completed"]);
        }
        let said = self.ask(Method::POST, &path, Some(&body), about).await?;
        let nameless = || Fault::new(about.1, about.0).because("its answer names no prediction");
        said["id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned).ok_or_else(nameless)
    }

    async fn find(&self, key: &str, since_ms: i64) -> Result<Option<String>, Fault> {
        let about = ("look for order", Code::ProviderDown);
        let unclear = |reason: &str| Err(Fault::new(Code::NeedsReconcile, about.0).because(reason));
        let (ours, since) = (marked(key), rfc3339(since_ms - CLOCKS_MS));
        let mut path = "/predictions".to_owned();
        let mut has_strangers = false;
        for _ in 0..PAGES_MAX {
            let said = self.ask(Method::GET, &path, None, about).await?;
            let Some(page) = said["results"].as_array() else {
                return Err(Fault::new(about.1, about.0).because("its list cannot be read"));
            };
            if let Some(found) = page.iter().find(|prediction| mark_in(prediction) == Some(ours.as_str())) {
                return Ok(found["id"].as_str().map(str::to_owned));
            }
            // The newest come first. One made on their pages is nobody's order.
            let is_earlier = |prediction: &Value| {
                let created = prediction["created_at"].as_str().and_then(|text| text.get(..TO_THE_SECOND));
                created.is_some_and(|created| created < &since[..TO_THE_SECOND])
            };
            let since_then = page.iter().take_while(|prediction| !is_earlier(prediction));
            has_strangers |= since_then.clone().any(|prediction| prediction["source"] != "web" && mark_in(prediction).is_none());
            let is_over = since_then.count() < page.len();
            match said["next"].as_str().filter(|_| !is_over).map(|next| self.talk.path_of(next)) {
                None if has_strangers => return unclear("Replicate has orders of that time that may be this one; look at its dashboard"),
                None => return Ok(None),
                Some(Some(next)) => next.clone_into(&mut path),
                Some(None) => return unclear("Replicate's list goes on at an address that is not the configured endpoint's"),
            }
        }
        unclear("Replicate has more orders of that time than are looked through; look at its dashboard")
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        let said = self.prediction(id, "look at order").await?;
        let failed = |code, reason: String| Ok(Progress::Failed(Fault::new(code, "make it").with("prediction", id).because(reason)));
        match said["status"].as_str().unwrap_or_default() {
            "starting" | "processing" => Ok(Progress::Working(None)),
            "succeeded" => Ok(Progress::Made { cost_micros: None }),
            "failed" => failed(Code::ProviderRefused, self.talk.shown(said["error"].as_str().unwrap_or("Replicate gives no reason"))),
            "canceled" => failed(Code::ProviderRefused, "somebody stopped it there".to_owned()),
            // Ended before it began: nothing is paid.
            "aborted" => failed(Code::ProviderDown, "Replicate ended it before it began".to_owned()),
            other => {
                Err(Fault::new(Code::ProviderDown, "look at order").because(format!("its prediction is {:?}", self.talk.shown(other))))
            }
        }
    }

    async fn fetch(&self, id: &str, into: &Path) -> Result<(), Fault> {
        let operation = "fetch what was made";
        let said = self.prediction(id, operation).await?;
        let none = || {
            let is_gone = said["data_removed"] == true || said["output"].is_null();
            let reason = if is_gone {
                "what was made is not kept there any more: Replicate keeps it for an hour; start the job again for another"
            } else {
                "it is made, and no file is named; is this a model of such things?"
            };
            Fault::new(Code::ProviderRefused, operation).with("prediction", id).because(reason)
        };
        self.talk.fetch(file(&said["output"]).ok_or_else(none)?, into, operation).await
    }

    async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        let path = format!("/predictions/{}/cancel", crate::http::encode_query(id));
        let said = match self.ask(Method::POST, &path, None, ("stop order", Code::ProviderDown)).await {
            // It may be over: then that is what its state says.
            Err(fault) if fault.code == Code::ProviderRefused => self.prediction(id, "stop order").await?,
            said => said?,
        };
        // What had begun is paid for as far as it came.
        let has_begun = !said["started_at"].is_null();
        Ok(match said["status"].as_str() {
            Some("aborted") => Stopped::Ended,
            Some("canceled") if !has_begun => Stopped::Ended,
            _ => Stopped::GoesOn,
        })
    }
}
