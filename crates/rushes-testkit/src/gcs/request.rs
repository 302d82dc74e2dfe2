//! A request taken apart: who asks, and what its address and headers say.

use super::State;
use super::errors::{Outcome, Refusal};
use crate::google::Denied;
use axum::body::Body;
use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// A body that is no object's bytes is at most this long.
pub(super) const LARGEST_JSON: usize = 1024 * 1024;
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/devstorage.read_write", "https://www.googleapis.com/auth/devstorage.full_control"];

pub(super) struct Request {
    pub(super) method: Method,
    /// Still percent-encoded.
    pub(super) path: String,
    pub(super) query: String,
    headers: HeaderMap,
    /// Behind a lock only because a body must not be looked at from two threads.
    body: Mutex<Body>,
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Request {
    pub(super) fn of(request: axum::extract::Request) -> Self {
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        Self { method: parts.method, path, query, headers: parts.headers, body: Mutex::new(body) }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| decoded(&value.replace('+', " "))).next()
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|value| value.parse().ok())
    }

    /// Who asks, where they have this permission. `thing`: `object`, `bucket`.
    pub(super) fn may(&self, state: &State, permission: &str, thing: &str) -> Outcome<String> {
        if state.is_open {
            return Ok("anybody".to_owned());
        }
        let bearer = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let email = state.accounts.who(bearer, &SCOPES).map_err(|denied| match denied {
            Denied::Missing => Refusal::anonymous(permission, thing),
            Denied::Invalid => Refusal::credentials(),
            Denied::Scope => Refusal::scope(),
        })?;
        if state.forbidden().contains(permission) { Err(Refusal::forbidden(&email, permission, thing)) } else { Ok(email) }
    }

    /// The body, as it comes.
    pub(super) fn into_body(self) -> Body {
        self.body.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body as JSON; none is an empty object.
    pub(super) async fn json(self) -> Outcome<Value> {
        let bytes = axum::body::to_bytes(self.into_body(), LARGEST_JSON).await.map_err(|_| Refusal::unparsed())?;
        if bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&bytes).ok().filter(Value::is_object).ok_or_else(Refusal::unparsed)
    }
}
