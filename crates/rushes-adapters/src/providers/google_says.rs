//! What Google's services for making things say when they do not.

use super::talk::{Said, Talk};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::time::Duration;

/// Where a limit is reached and no wait is told.
const FULL: Duration = Duration::from_secs(30);

/// What a refusal means. A server's own trouble may come after the work was done, and charged: then the answer is as good as
/// lost. An overloaded one says so before it begins.
pub(super) fn refusal(talk: &Talk, said: &Said, operation: &'static str) -> Fault {
    let error = &said.json["error"];
    let name = error["status"].as_str().unwrap_or_default();
    let words = error["message"].as_str().or(said.json.as_str()).unwrap_or_default();
    let words = format!("{} ({} {})", talk.shown(words), said.status.as_u16(), talk.shown(name));
    let later = |code, otherwise: Option<Duration>| {
        let fault = Fault::new(code, operation).because(&words);
        match told_wait(error).or(said.wait).or(otherwise) {
            Some(wait) => fault.retry_after(wait),
            None => fault,
        }
    };
    match (said.status.as_u16(), name) {
        (429, _) | (_, "RESOURCE_EXHAUSTED") => later(Code::ProviderBusy, Some(FULL)),
        (503, _) => later(Code::ProviderDown, None),
        (408 | 500.., _) => Fault::new(Code::AnswerLost, operation).because(words),
        (401 | 403, _) => Fault::new(Code::ProviderRefused, operation).because(format!("the key is not taken: {words}")),
        _ if has_bad_key(error) => Fault::new(Code::ProviderRefused, operation).because(format!("the key is not taken: {words}")),
        _ => Fault::new(Code::ProviderRefused, operation).because(words),
    }
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}

/// Gemini answers 400 where it does not know a key.
fn has_bad_key(error: &Value) -> bool {
    details(error).any(|detail| detail["reason"] == "API_KEY_INVALID")
}

/// `{"@type": "…google.rpc.RetryInfo", "retryDelay": "34.5s"}`
fn told_wait(error: &Value) -> Option<Duration> {
    let is_wait = |detail: &&Value| detail["@type"].as_str().is_some_and(|kind| kind.ends_with("google.rpc.RetryInfo"));
    let told = details(error).find(is_wait)?["retryDelay"].as_str()?;
    Duration::try_from_secs_f64(told.strip_suffix('s')?.parse().ok()?).ok()
}
