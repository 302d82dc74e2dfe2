//! Refusals, worded as Drive words them.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

pub(super) type Outcome<T> = Result<T, Refusal>;

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(status: u16, reason: &'static str, message: &str) -> Self {
        Self { status, reason, message: message.to_owned() }
    }

    pub(super) fn bad(message: &str) -> Self {
        Self::new(400, "badRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "authError", "Invalid Credentials")
    }

    pub(super) fn scope() -> Self {
        Self::new(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
    }

    pub(super) fn forbidden(reason: &'static str) -> Self {
        Self::new(403, reason, "The user does not have sufficient permissions for this file.")
    }

    pub(super) fn quota() -> Self {
        Self::new(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self::new(404, "notFound", &format!("File not found: {id}."))
    }

    pub(super) fn id_in_use() -> Self {
        Self::new(409, "fileIdInUse", "A file already exists with the provided ID.")
    }

    pub(super) fn range() -> Self {
        Self::new(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    }

    pub(super) fn no_route(path: &str) -> Self {
        Self::new(404, "notFound", &format!("The requested URL {path} was not found on this server."))
    }

    pub(super) fn body(&self) -> Value {
        let one = json!({"domain": "global", "reason": self.reason, "message": self.message});
        json!({"error": {"code": self.status, "message": self.message, "errors": [one]}})
    }

    pub(super) fn answer(&self) -> Response<Body> {
        json_answer(self.status, &self.body())
    }
}

/// A JSON answer.
pub(super) fn json_answer(status: u16, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=UTF-8"));
    answer
}
