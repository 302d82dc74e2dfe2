//! A request taken apart; those of a batch are of the same shape.

use super::errors::{Outcome, Refusal};
use super::state::Account;
use axum::http::{HeaderMap, Method};
use serde_json::Value;

pub(super) struct Request {
    pub(super) method: Method,
    /// Without the leading slash and the query.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) account: Account,
}

/// Percent-decoded, `+` is a space.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => u8::from_str_radix(std::str::from_utf8(&[rest.next()?, rest.next()?]).ok()?, 16).ok()?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// One parameter of a query.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name).and_then(|(_, value)| decoded(value))
}

impl Request {
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.query, name)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Outcome<Value> {
        if self.body.is_empty() {
            return Ok(serde_json::json!({}));
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal { reason: "parseError", ..Refusal::bad("Parse Error") })
    }

    /// Without this, a shared drive is not seen.
    pub(super) fn knows_shared_drives(&self) -> bool {
        self.parameter("supportsAllDrives").as_deref() == Some("true")
    }
}
