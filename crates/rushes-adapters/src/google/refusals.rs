//! Why there is no token: what token servers answer, turned into faults a person can act on.

use crate::http::{Answer, passing, words};
use http::StatusCode;
use rushes_core::{Code, Fault, Verdict};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// A request for a token that was not granted.
pub(super) struct Said {
    /// By name: `invalid_grant`; empty where it has none.
    pub(super) error: String,
    pub(super) fault: Fault,
}

impl From<Fault> for Said {
    fn from(fault: Fault) -> Self {
        Self { error: String::new(), fault }
    }
}

impl From<Said> for Fault {
    fn from(said: Said) -> Self {
        said.fault
    }
}

/// `{"error": "invalid_grant", "error_description": "…"}`, or `{"error": {"status": "PERMISSION_DENIED", "message": "…"}}`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: Value,
    error_description: String,
}

/// What was asked, for the words.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) operation: &'static str,
    pub(super) account: &'a str,
    /// How far the other side's clock is ahead of ours, as far as it has told.
    pub(super) skew_ms: i64,
}

/// Reads a refusal.
pub(super) async fn refusal(answer: Answer, about: About<'_>) -> Said {
    let (status, wait) = (answer.status, answer.retry_after());
    match answer.bytes().await {
        Ok(body) => read(status, &body, wait, about),
        Err(fault) => fault.with("account", about.account).into(),
    }
}

fn read(status: StatusCode, body: &[u8], wait: Option<Duration>, about: About<'_>) -> Said {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let (error, message) = match &refusal.error {
        Value::String(name) => (name.clone(), refusal.error_description),
        named => (named["status"].as_str().unwrap_or_default().to_owned(), named["message"].as_str().unwrap_or_default().to_owned()),
    };
    let message = if error.is_empty() && message.is_empty() { words(body) } else { words(message.as_bytes()) };
    let fault = fault(status, &error, &message, wait, about).with("account", about.account);
    Said { error, fault }
}

/// In which direction the clock is wrong, and by how much where that is known.
pub(super) fn clock(skew_ms: i64) -> String {
    // To the nearest minute.
    match (skew_ms + 30_000 * skew_ms.signum()) / 60_000 {
        0 => "this machine's clock is wrong".to_owned(),
        minutes if minutes > 0 => format!("this machine's clock is {minutes} minutes behind"),
        minutes => format!("this machine's clock is {} minutes ahead", -minutes),
    }
}

fn fault(status: StatusCode, error: &str, message: &str, wait: Option<Duration>, about: About<'_>) -> Fault {
    let said = [status.as_str(), error, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let refused = |advice: &str| Fault::new(Code::DestinationRefused, about.operation).because(format!("{advice} ({said})"));
    if let Some(fault) = passing(status, about.operation, wait) {
        return fault.because(said);
    }
    let lower = message.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    match error {
        "invalid_grant" if has("iat and exp") || has("timeframe") => {
            refused(&format!("{}; set it", clock(about.skew_ms))).verdict(Verdict::Transient)
        }
        "invalid_grant" if has("signature") || has("key") => refused("the key was deleted or belongs to another account; make a new one"),
        "invalid_grant" if has("account not found") || has("not a valid email") => refused("the service account was deleted"),
        "invalid_grant" if has("revoked") || has("expired") => {
            refused("the login was revoked or has run out; log in again: `rushes auth google`")
        }
        "invalid_grant" => refused("the key was deleted, the login was revoked, or this machine's clock is wrong"),
        "invalid_client" | "unauthorized_client" | "deleted_client" => {
            refused("Google does not know the OAuth client, or it may not do this; compare client_id and client_secret")
        }
        "invalid_scope" => refused("the account may not ask for this scope"),
        "PERMISSION_DENIED" => refused("the account lacks a permission of its own service account; grant it"),
        _ if status == StatusCode::NOT_FOUND => refused("nobody gives tokens at this address"),
        _ => Fault::new(Code::DestinationRefused, about.operation).because(said),
    }
}
