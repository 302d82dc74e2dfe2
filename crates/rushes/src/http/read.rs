//! What requests carry, read strictly: unknown fields and parameters are refused, and each refusal says what is wrong.

use super::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use rushes_core::Code;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::time::Duration;

/// A JSON body at most.
pub(super) const BODY_MAX_BYTES: usize = 1024 * 1024;
/// How long a client may take for a body.
const BODY_LIMIT: Duration = Duration::from_secs(20);

/// A JSON body that is an object.
pub(crate) struct Body<T>(pub(crate) T);

/// Any JSON body.
pub(crate) struct AnyBody(pub(crate) Value);

fn unreadable(reason: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InputInvalid, "read request", reason)
}

/// What JSON makes of it where it is an object: by itself a struct would also be read from an array of its fields.
pub(crate) fn object<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let fields = Map::deserialize(from)?;
    serde_json::from_value(Value::Object(fields)).map_err(serde::de::Error::custom)
}

impl<S: Send + Sync> FromRequest<S> for AnyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        serde_json::from_slice(&json(request).await?).map(Self).map_err(unreadable)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json(request).await?;
        if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(unreadable("the body must be a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Body).map_err(unreadable)
    }
}

/// The bytes of a body that is JSON by its type. Errors: `media_type_wrong`, those of [`whole`].
async fn json(request: Request) -> Result<Bytes, Problem> {
    let mime = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = mime.split(';').next().is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        let reason = format!("the body must be application/json, not {}", if mime.is_empty() { "of no named type" } else { mime });
        return Err(Problem::new(Code::MediaTypeWrong, "read request", reason));
    }
    whole(request.into_body()).await
}

/// A whole body. Errors: `body_too_large`, `request_slow`.
pub(crate) async fn whole(body: axum::body::Body) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_LIMIT, axum::body::to_bytes(body, BODY_MAX_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("length limit")) => {
            Err(Problem::new(Code::BodyTooLarge, "read request", format!("a body may have {BODY_MAX_BYTES} bytes")))
        }
        Ok(Err(error)) => Err(Problem::new(Code::InputInvalid, "read request", error)),
        Err(_) => Err(Problem::new(Code::RequestSlow, "read request", format!("the body did not come within {} s", BODY_LIMIT.as_secs()))),
    }
}

/// The query of an address.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(Code::InputInvalid, "read query", error.body_text())),
        }
    }
}

/// The names in an address. What cannot be one names nothing.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) => Err(Problem::new(Code::NotFound, "read address", error.body_text())),
        }
    }
}
