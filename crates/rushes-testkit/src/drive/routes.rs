//! The one list of addresses.

use super::errors::{Outcome, Refusal};
use super::request::Request;
use super::{Shared, batch, files, uploads};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Response};
use std::sync::PoisonError;

/// No body is longer.
const BODY_MAX: usize = 1 << 30;

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(axum::extract::State(state): axum::extract::State<Shared>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else { return Refusal::bad("The body is broken off").answer() };
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let Some(account) = account(&state, &parts.headers) else { return Refusal::unauthorized().answer() };
    let request = Request { method: parts.method, path, query, headers: parts.headers, body: body.into(), account };
    let answered = if request.path == "batch/drive/v3" { batch::answer(&state, &request) } else { route(&state, &request) };
    let delay = state.lock().unwrap_or_else(PoisonError::into_inner).delay;
    tokio::time::sleep(delay).await;
    answered.unwrap_or_else(|refusal| refusal.answer())
}

fn account(state: &Shared, headers: &HeaderMap) -> Option<super::Account> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    let whose = state.lock().unwrap_or_else(PoisonError::into_inner).whose.clone();
    whose(token)
}

/// A request, alone or in a batch.
pub(super) fn route(state: &Shared, request: &Request) -> Outcome<Response<Body>> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let path = request.path.clone();
    let parts: Vec<&str> = path.split('/').collect();
    match (&request.method, &parts[..]) {
        (&Method::GET, ["drive", "v3", "about"]) => files::about(request),
        (&Method::GET, ["drive", "v3", "files", "generateIds"]) => files::draw(&mut state, request),
        (&Method::GET, ["drive", "v3", "files"]) => files::list(&mut state, request),
        (&Method::POST, ["drive", "v3", "files"]) => files::make(&mut state, request),
        (&Method::GET, ["drive", "v3", "files", id]) => files::get(&mut state, request, id),
        (&Method::POST, ["drive", "v3", "files", id, "copy"]) => files::copy(&mut state, request, id),
        (&Method::PATCH, ["drive", "v3", "files", id]) => files::change(&mut state, request, id),
        (&Method::DELETE, ["drive", "v3", "files", id]) => files::delete(&mut state, request, id),
        (&Method::POST, ["upload", "drive", "v3", "files"]) => uploads::begin(&mut state, request, None),
        (&Method::PATCH, ["upload", "drive", "v3", "files", id]) => uploads::begin(&mut state, request, Some(id)),
        (&Method::PUT, ["upload", "drive", "v3", "files", ..]) => uploads::append(&mut state, request),
        (&Method::DELETE, ["upload", "drive", "v3", "files", ..]) => uploads::give_up(&mut state, request),
        _ => Err(Refusal::no_route(&path)),
    }
}
