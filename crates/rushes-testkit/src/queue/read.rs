//! A task as it is sent, and what the reference refuses of it.

use super::Taken;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// A task of at most so many bytes.
const TASK_MAX_BYTES: usize = 100 * 1024;
/// Not further ahead.
const AHEAD_MAX_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// What the queue sets itself.
const OWN_HEADERS: [&str; 3] = ["host", "content-length", "user-agent"];

pub(super) fn task(body: &[u8], now_ms: i64) -> Result<Taken, String> {
    if body.len() > TASK_MAX_BYTES {
        return Err("Task size too large".to_owned());
    }
    let whole: Value = serde_json::from_slice(body).map_err(|e| format!("Invalid JSON payload received. {e}"))?;
    let task = whole["task"].as_object().ok_or("task is required")?;
    if let Some(strange) = task.keys().find(|key| !["httpRequest", "dispatchDeadline", "scheduleTime"].contains(&key.as_str())) {
        return Err(format!("Invalid JSON payload received. Unknown name \"{strange}\" at 'task'"));
    }
    let request = task.get("httpRequest").and_then(Value::as_object).ok_or("httpRequest is required")?;
    if request.get("httpMethod").and_then(Value::as_str) != Some("POST") {
        return Err("these tests ask by POST".to_owned());
    }
    let url = request.get("url").and_then(Value::as_str).filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    let url = url.ok_or("HttpRequest.url must start with http:// or https://")?.to_owned();
    let mut headers = HashMap::new();
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name = name.to_lowercase();
        if !OWN_HEADERS.contains(&name.as_str()) {
            headers.insert(name, value.as_str().ok_or("a header is a string")?.to_owned());
        }
    }
    if let Some(token) = request.get("oidcToken") {
        let email = token["serviceAccountEmail"].as_str().ok_or("oidcToken.serviceAccountEmail is required")?;
        let audience = token["audience"].as_str().unwrap_or(&url);
        headers.insert("authorization".to_owned(), format!("Bearer oidc:{email}:{audience}"));
    }
    let deadline = task.get("dispatchDeadline").map_or(Some("600s"), Value::as_str);
    let seconds = deadline.and_then(|text| text.strip_suffix('s')).and_then(|text| text.parse().ok());
    let seconds = seconds.filter(|seconds| (15..=1_800).contains(seconds)).ok_or("dispatchDeadline must be between [15s, 30m]")?;
    let not_before_ms = match task.get("scheduleTime") {
        None => None,
        Some(at) => {
            let at: jiff::Timestamp = at.as_str().and_then(|at| at.parse().ok()).ok_or("scheduleTime is no RFC 3339")?;
            Some(at.as_millisecond())
        }
    };
    if not_before_ms.is_some_and(|at_ms| at_ms > now_ms + AHEAD_MAX_MS) {
        return Err("scheduleTime is too far in the future".to_owned());
    }
    Ok(Taken { url, headers, answered_within: Duration::from_secs(seconds), not_before_ms })
}
