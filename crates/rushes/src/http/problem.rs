//! Every refusal in one shape: `application/problem+json` (RFC 9457), with a code of the one table. What was asked for on
//! the pipeline routes also carries `success: false` and `error`, which older clients read.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rushes_core::{Code, Fault, FaultKind};
use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    fault: Fault,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self { fault }
    }
}

impl Problem {
    /// Of this code, in these words.
    pub(crate) fn new(code: Code, operation: &str, reason: impl std::fmt::Display) -> Self {
        Fault::new(code, operation).because(reason).into()
    }

    /// What it tells of.
    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        status(self.fault.code)
    }

    fn body(&self, is_pipeline: bool, trace_id: Option<&str>) -> Value {
        let row = self.fault.code.row();
        let is_ours = self.status().is_server_error();
        // What went wrong inside is for the log; who asks gets the sentence of the table.
        let detail = if is_ours { row.title.to_owned() } else { said(&self.fault) };
        let mut body = json!({
            "type": format!("/docs#{}", row.name), "title": row.title, "status": self.status().as_u16(),
            "detail": detail, "cure": row.cure, "code": row.name, "retryable": self.fault.is_transient(), "trace_id": trace_id,
        });
        if is_pipeline {
            body["success"] = json!(false);
            body["error"] = json!(row.title);
        }
        body
    }
}

/// What a caller may know of a fault: the reason where there is one, else what it was done to.
fn said(fault: &Fault) -> String {
    let about: Vec<String> = fault.context.iter().map(|(key, value)| format!("{key} {value}")).collect();
    match (&fault.reason, about.is_empty()) {
        (Some(reason), _) => reason.clone(),
        (None, false) => format!("{}: {}", fault.operation, about.join(", ")),
        (None, true) => fault.code.row().title.to_owned(),
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::KeyMissing => StatusCode::UNAUTHORIZED,
        Code::ScopeMissing | Code::OriginForeign => StatusCode::FORBIDDEN,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::BodyTooLarge | Code::FileTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::MediaTypeWrong | Code::FileForbidden => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        // What was handed in is broken, nothing here is.
        Code::FileTruncated | Code::FileCorrupt => StatusCode::BAD_REQUEST,
        Code::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
        Code::MethodUnknown => StatusCode::METHOD_NOT_ALLOWED,
        Code::RequestDiffers => StatusCode::UNPROCESSABLE_ENTITY,
        Code::EventsGone => StatusCode::GONE,
        Code::RequestSlow => StatusCode::REQUEST_TIMEOUT,
        // A name in a request, not the thing the address names.
        Code::ReferenceUnknown => StatusCode::BAD_REQUEST,
        _ => match code.row().kind {
            FaultKind::NotFound => StatusCode::NOT_FOUND,
            FaultKind::AlreadyExists | FaultKind::Conflict => StatusCode::CONFLICT,
            FaultKind::InvalidInput => StatusCode::BAD_REQUEST,
            FaultKind::RateLimited | FaultKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            FaultKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            FaultKind::Unauthorized | FaultKind::Refused => StatusCode::BAD_GATEWAY,
            FaultKind::ConfigInvalid | FaultKind::Corrupt | FaultKind::Cancelled | FaultKind::Unexpected => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        },
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of refusals, once, on the way out.
pub(super) async fn write(request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let path = uri.path();
    let mut response = next.run(request).await;
    // Names in answers are anybody's text: it is what it is said to be, and no page.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        // What the router itself refuses.
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodUnknown, "answer request", format!("{path} does not take {method}"))
        }
        None => return response,
    };
    if problem.status().is_server_error() {
        // The address of a guest's page is a secret.
        let path = if path.starts_with("/guest/") || path.starts_with("/join/") { "a guest's" } else { path };
        tracing::error!(%method, %path, fault = %problem.fault, "a request failed");
    }
    let trace_id = response.extensions().get::<TraceId>().map(|id| id.0.clone());
    let body = problem.body(path.starts_with("/api/v1/pipeline/"), trace_id.as_deref());
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    if problem.status() == StatusCode::UNAUTHORIZED {
        parts.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait_ms) = problem.fault.retry_after_ms {
        parts.headers.insert(RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1_000)));
    }
    Response::from_parts(parts, Body::from(body.to_string()))
}

/// By what a request is found in the log; set by whoever numbers requests.
#[derive(Debug, Clone)]
pub(crate) struct TraceId(pub(crate) String);

/// A panic of a handler, as a refusal.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::from(Fault::new(Code::Unexpected, "answer request").because("the handler panicked")).into_response()
}
