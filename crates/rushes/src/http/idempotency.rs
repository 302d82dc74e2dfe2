//! `Idempotency-Key`: a POST that carries one is done once, and answered the same for a day.

use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use super::read::whole;
use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rushes_core::key::{IdemKey, Replied, Reply};
use rushes_core::{Code, Job};
use serde::Serialize;
use serde_json::Value;

/// The longest key.
const KEY_MAX: usize = 255;
/// Answers larger than this are not kept; none of ours is.
const KEPT_MAX_BYTES: usize = 256 * 1024;
/// Says that an answer was given before.
const REPLAYED: &str = "idempotency-replayed";

/// What a request carries, for those who make a job of it.
#[derive(Debug, Clone)]
pub(crate) struct Carried(pub(crate) String);

/// What is kept of an answer that shows a secret: the same without it.
#[derive(Clone)]
pub(super) struct Instead(String);

impl Instead {
    pub(super) fn of(answer: &impl Serialize) -> Extension<Self> {
        Extension(Self(serde_json::to_string(answer).unwrap_or_default()))
    }
}

/// Answers a second asking as the first was answered.
pub(super) async fn once(app: &App, caller: &Caller, request: Request, next: Next) -> Result<Response, Problem> {
    let carried = request.headers().get("idempotency-key").filter(|_| request.method() == Method::POST);
    let Some(carried) = carried else { return Ok(next.run(request).await) };
    let carried = carried.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
    let Some(idem_key) = carried.map(str::to_owned) else {
        return Err(Problem::new(Code::InputInvalid, "read request", format!("Idempotency-Key has 1 to {KEY_MAX} printable characters")));
    };
    let (mut parts, body) = request.into_parts();
    // Its job is found again by the same key, whatever became of the answer.
    parts.extensions.insert(Carried(format!("{}/{idem_key}", caller.key)));
    let is_form = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|mime| mime.starts_with("multipart/"));
    if is_form {
        // A file that is handed in is known by its bytes.
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let bytes = whole(body).await?;
    let mime = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let asked = (parts.method.as_str(), parts.uri.to_string(), mime, String::from_utf8_lossy(&bytes));
    let ask = IdemKey { key: caller.key.clone(), idem_key, request: rushes_core::flow::hash(&asked) };
    let store = &app.parts().store;
    match store.begin_reply(app.desk.owner(), &ask).await? {
        Replied::Never => {}
        Replied::Underway => {
            return Err(Problem::new(Code::RequestUnderway, "answer request", "a request with this Idempotency-Key is being answered"));
        }
        Replied::Otherwise => {
            return Err(Problem::new(Code::RequestDiffers, "answer request", "another request was sent with this Idempotency-Key"));
        }
        Replied::With(reply) => return Ok(replay(reply)),
    }
    // The answer is kept even when who asked has gone: they ask again.
    let app = app.clone();
    let answered = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
        keep(&app, &ask, response).await
    });
    answered.await.unwrap_or_else(|_| Err(Problem::new(Code::Unexpected, "answer request", "the handler panicked")))
}

/// A job as it was asked for. One that an earlier request with the same key brought is given only where that asked for the
/// same; `seed`, where the door draws one anew each time, is left aside. Errors: `request_differs`.
pub(super) fn same(job: Job, workflow: &str, mut input: Value, draws_seed: bool) -> Result<Job, Problem> {
    if draws_seed && let Some(seed) = job.input.get("seed") {
        input["seed"] = seed.clone();
    }
    if job.workflow == workflow && job.input == input {
        return Ok(job);
    }
    Err(Problem::new(Code::RequestDiffers, "start job", "another request was sent with this Idempotency-Key"))
}

async fn keep(app: &App, ask: &IdemKey, response: Response) -> Result<Response, Problem> {
    let store = &app.parts().store;
    // A refusal may be mended, and is found out again at no cost.
    if !response.status().is_success() {
        store.forget_reply(ask).await?;
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, KEPT_MAX_BYTES).await else {
        store.forget_reply(ask).await?;
        return Err(Problem::new(Code::Unexpected, "keep answer", "the answer is too long"));
    };
    let mime = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let body = parts.extensions.remove::<Instead>().map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), |Instead(kept)| kept);
    store.end_reply(ask, &Reply { status: parts.status.as_u16(), mime, body }).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replay(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body).into_response();
    if let Ok(mime) = HeaderValue::from_str(&reply.mime) {
        response.headers_mut().insert(CONTENT_TYPE, mime);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
