//! Refusals in the words of the real server.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    reason: &'static str,
    pub(super) message: String,
    /// Whether it comes as plain words.
    is_plain: bool,
}

pub(super) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), is_plain: false }
    }

    /// As uploads and downloads word most of theirs.
    pub(super) fn plain(self) -> Self {
        Self { is_plain: true, ..self }
    }

    pub(super) fn credentials() -> Self {
        Self::new(401, "authError", "Invalid Credentials")
    }

    pub(super) fn anonymous(permission: &str, thing: &str) -> Self {
        let words = format!(
            "Anonymous caller does not have {permission} access to the Google Cloud Storage {thing}. Permission '{permission}' denied on resource (or it may not exist)."
        );
        Self::new(401, "required", words)
    }

    pub(super) fn scope() -> Self {
        Self::new(403, "forbidden", "Request had insufficient authentication scopes.")
    }

    pub(super) fn forbidden(email: &str, permission: &str, thing: &str) -> Self {
        let words = format!(
            "{email} does not have {permission} access to the Google Cloud Storage {thing}. Permission '{permission}' denied on resource (or it may not exist)."
        );
        Self::new(403, "forbidden", words)
    }

    pub(super) fn no_bucket() -> Self {
        Self::new(404, "notFound", "The specified bucket does not exist.")
    }

    pub(super) fn no_object(bucket: &str, key: &str) -> Self {
        Self::new(404, "notFound", format!("No such object: {bucket}/{key}"))
    }

    pub(super) fn no_route() -> Self {
        Self::new(404, "", "Not Found").plain()
    }

    pub(super) fn no_session() -> Self {
        Self::new(404, "", "Not Found").plain()
    }

    pub(super) fn expired_session() -> Self {
        Self::new(410, "", "Gone").plain()
    }

    pub(super) fn unmet() -> Self {
        Self::new(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
    }

    pub(super) fn taken() -> Self {
        Self::new(409, "conflict", "Your previous request to create the named bucket succeeded and you already own it.")
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(super) fn unparsed() -> Self {
        Self::new(400, "parseError", "Parse Error")
    }

    pub(super) fn length_required() -> Self {
        Self::new(411, "", "Length Required").plain()
    }

    pub(super) fn range() -> Self {
        Self::new(416, "requestedRangeNotSatisfiable", "Request range not satisfiable").plain()
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "backendError", message)
    }

    pub(super) fn answer(&self) -> Response<Body> {
        if self.is_plain {
            return text_answer(self.status, "text/html; charset=UTF-8", self.message.clone());
        }
        let error = json!({"message": self.message, "domain": "global", "reason": self.reason});
        json_answer(self.status, &json!({"error": {"code": self.status, "message": self.message, "errors": [error]}}))
    }
}

pub(super) fn json_answer(status: u16, body: &Value) -> Response<Body> {
    text_answer(status, "application/json; charset=UTF-8", body.to_string())
}

pub(super) fn text_answer(status: u16, mime: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    set(&mut answer, "content-type", mime);
    answer
}

pub(super) fn set(answer: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        answer.headers_mut().insert(name, value);
    }
}
