//! A request taken apart: who asks, and what its headers and its body say.

use super::database::Caller;
use super::errors::{Outcome, Refusal};
use super::{names, token};
use axum::body::Body;
use axum::http::{HeaderMap, Method};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// A JSON body beyond this is refused.
const LARGEST_JSON: usize = 1024 * 1024;

pub(super) struct Request {
    pub(super) method: Method,
    /// Behind `/storage/v1`, still percent-encoded.
    pub(super) path: String,
    query: String,
    headers: HeaderMap,
    /// Behind a lock only because a body must not be looked at from two threads.
    body: Mutex<Body>,
}

impl Request {
    /// `None` where the address is not below `/storage/v1/`.
    pub(super) fn of(request: axum::extract::Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().strip_prefix("/storage/v1")?.to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Some(Self { method: parts.method, path, query, headers: parts.headers, body: Mutex::new(body) })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| names::decode(value))
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|value| value.parse().ok())
    }

    pub(super) fn is_upsert(&self) -> bool {
        self.header("x-upsert") == Some("true")
    }

    /// Who asks. Without a sound token: refused.
    pub(super) fn caller(&self) -> Outcome<Caller> {
        let given =
            self.header("authorization").ok_or_else(|| Refusal::malformed("headers must have required property 'authorization'"))?;
        token::verify(bare(given)).map(|claims| Caller::of(&claims)).map_err(Refusal::access_denied)
    }

    /// Who asks, where a token that is missing or bad only means: nobody known.
    pub(super) fn caller_if_known(&self) -> Option<Caller> {
        token::verify(bare(self.header("authorization")?)).ok().map(|claims| Caller::of(&claims))
    }

    /// The body, as it comes.
    pub(super) fn into_body(self) -> Body {
        self.body.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body as JSON.
    pub(super) async fn json(self) -> Outcome<Value> {
        let bytes =
            axum::body::to_bytes(self.into_body(), LARGEST_JSON).await.map_err(|_| Refusal::malformed("Request body is too large"))?;
        serde_json::from_slice(&bytes).map_err(|error| Refusal::malformed(error.to_string()))
    }
}

/// A number, also one that stands there as a text: the real server takes both.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A token without the word before it.
pub(super) fn bare(authorization: &str) -> &str {
    let (scheme, rest) = authorization.split_at_checked(7).unwrap_or(("", ""));
    if scheme.eq_ignore_ascii_case("bearer ") { rest.trim_start() } else { authorization }
}
