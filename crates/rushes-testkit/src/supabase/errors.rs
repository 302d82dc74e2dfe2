//! Refusals, worded as Supabase Storage words them: almost all are HTTP 400, and the true status stands in the body.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::json;
use tokio_postgres::error::DbError;

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// The true status, `statusCode` in the body.
    pub(super) status: u16,
    /// The status of the HTTP answer, outside of resumable uploads.
    http_status: u16,
    code: &'static str,
    /// The older name of the code, which clients compare.
    error: &'static str,
    pub(super) message: String,
    /// What Postgres said, where it was Postgres that refused.
    pub(super) cause: Option<Box<DbError>>,
}

pub(super) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    fn new(status: u16, code: &'static str, error: &'static str, message: impl Into<String>) -> Self {
        let http_status = if status == 500 { 500 } else { 400 };
        Self { status, http_status, code, error, message: message.into(), cause: None }
    }

    pub(super) fn no_bucket() -> Self {
        Self::new(404, "NoSuchBucket", "Bucket not found", "Bucket not found")
    }

    pub(super) fn no_object() -> Self {
        Self::new(404, "NoSuchKey", "not_found", "Object not found")
    }

    pub(super) fn no_route(method: &str, path: &str) -> Self {
        let refusal = Self::new(404, "InternalError", "Not Found", format!("Route {method}:{path} not found"));
        Self { http_status: 404, ..refusal }
    }

    pub(super) fn duplicate(code: &'static str) -> Self {
        Self::new(409, code, "Duplicate", "The resource already exists")
    }

    /// A refused token, a policy that says no.
    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", "Unauthorized", message)
    }

    pub(super) fn invalid_jwt(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidJWT", "InvalidJWT", message)
    }

    pub(super) fn invalid_signature() -> Self {
        Self::new(400, "InvalidSignature", "InvalidSignature", "Invalid signature")
    }

    pub(super) fn invalid_key(key: &str) -> Self {
        Self::new(400, "InvalidKey", "InvalidKey", format!("Invalid key: {key}"))
    }

    pub(super) fn invalid_bucket_name() -> Self {
        Self::new(400, "InvalidBucketName", "Invalid Input", "Bucket name invalid")
    }

    pub(super) fn invalid_mime_type(mime: &str) -> Self {
        Self::new(415, "InvalidMimeType", "invalid_mime_type", format!("mime type {mime} is not supported"))
    }

    pub(super) fn too_large() -> Self {
        Self::new(413, "EntityTooLarge", "Payload too large", "The object exceeded the maximum allowed size")
    }

    pub(super) fn invalid_range() -> Self {
        let refusal = Self::new(416, "InvalidRange", "invalid_range", "invalid range provided");
        Self { http_status: 416, ..refusal }
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", "InvalidRequest", message)
    }

    pub(super) fn invalid_upload_id() -> Self {
        Self::new(400, "InvalidUploadId", "InvalidUploadId", "Invalid upload id")
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameter", "InvalidParameter", message)
    }

    pub(super) fn no_content() -> Self {
        Self::new(400, "InvalidRequest", "InvalidRequest", "No content provided")
    }

    /// The body's own rules: a missing header, a field of the wrong kind.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", "Error", message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", "Internal", message)
    }

    /// What Postgres refused.
    pub(super) fn of_database(error: &tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else { return Self::internal(error.to_string()) };
        Self { cause: Some(Box::new(told.clone())), ..Self::of_told(told) }
    }

    fn of_told(told: &DbError) -> Self {
        match told.code().code() {
            "42501" if told.message().contains("row-level security") => Self::access_denied("new row violates row-level security policy"),
            "42501" => Self::access_denied(told.message()),
            "23505" => Self::duplicate("ResourceAlreadyExists"),
            "23503" => Self::new(404, "NoSuchBucket", "Bucket not found", "The parent resource is not found"),
            "22P02" => Self::invalid_parameter(told.message()),
            code => Self::new(500, "DatabaseError", "DatabaseError", format!("database error, code: {code}")),
        }
    }

    /// As an answer with a JSON body.
    pub(super) fn answer(&self) -> Response<Body> {
        let body = json!({"statusCode": self.status.to_string(), "code": self.code, "error": self.error, "message": self.message});
        json_answer(self.http_status, &body)
    }
}

/// A JSON answer.
pub(super) fn json_answer(status: u16, body: &serde_json::Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}
