//! Refusals in the service's own words.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

pub(super) type Outcome<T> = Result<T, Refusal>;

/// A request that is not carried out.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) subcode: i64,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: i64, subcode: i64, message: impl Into<String>) -> Self {
        Self { status: 400, code, subcode, message: message.into() }
    }

    pub(super) fn token() -> Self {
        let message = "Error validating access token: Session has expired. The current time is later than its end.";
        Self { status: 401, ..Self::new(190, 463, message) }
    }

    pub(super) fn unknown(id: &str) -> Self {
        let message = format!("Unsupported request. Object with ID '{id}' does not exist or cannot be loaded due to missing permissions");
        Self::new(100, 33, message)
    }

    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(100, 0, message)
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let mut error = json!({
            "message": self.message, "type": "OAuthException", "code": self.code,
            "is_transient": self.code == 2, "fbtrace_id": "AtestTraceOfThisAnswer",
        });
        if self.subcode != 0 {
            error["error_subcode"] = json!(self.subcode);
            error["error_user_title"] = json!("It did not work");
            error["error_user_msg"] = json!(self.message);
        }
        json_answer(self.status, &json!({ "error": error }))
    }
}

pub(super) fn json_answer(status: u16, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    let json = "application/json; charset=UTF-8".parse().expect("a header");
    answer.headers_mut().insert("content-type", json);
    answer
}
