//! Each request has a number by which it is found in the log: that of the trace it came with, or one of its own. Each is
//! one line of the log and one in the figures.

use super::app::App;
use super::caller::Caller;
use super::problem::TraceId;
use crate::log::ACCESS;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use rushes_core::log_lines::SPANS;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;

/// Where an answer says its number.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// Asked for by machines every few seconds: their lines would bury the others.
const QUIET: [&str; 5] = ["/health", "/healthz", "/api/v1/health", "/readyz", "/metrics"];

/// The trace a request belongs to.
struct Trace {
    id: String,
    /// The span it was asked from; empty where it came alone.
    parent: String,
}

pub(super) async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let trace = Trace::of(request.headers());
    let method = word(request.method());
    // The address itself may hold names and secrets.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        target: SPANS, "request", trace_id = trace.id, parent_id = trace.parent, method, route, status = Empty
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("status", status);
    drop(span);
    let took = began.elapsed();
    app.metrics.request(method, &route, status, took);
    let ms = took.as_secs_f64() * 1e3;
    let key = response.extensions().get::<Caller>().map_or("", |caller| caller.key.as_str());
    if QUIET.contains(&route.as_str()) {
        tracing::debug!(target: ACCESS, method, route, status, ms, key, trace_id = trace.id, "request");
    } else {
        tracing::info!(target: ACCESS, method, route, status, ms, key, trace_id = trace.id, "request");
    }
    if let Ok(id) = HeaderValue::from_str(&trace.id) {
        response.headers_mut().insert(TRACE_ID, id);
    }
    response.extensions_mut().insert(TraceId(trace.id));
    response
}

/// A method by its name; whatever else somebody sends is one thing.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// As good as random, without asking the system each time: each thread is seeded once.
fn new_id() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

impl Trace {
    /// As W3C's Trace Context has it: `00-{trace}-{span}-{flags}`, or a new one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(Self::parse);
        given.unwrap_or_else(|| Self { id: new_id(), parent: String::new() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version, id, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_some = |part: &str| part.bytes().any(|b| b != b'0');
        // Later versions may have more behind it; the first has not.
        let has_end = version != "00" || parts.next().is_none();
        let is_one = is_hex(version, 2) && version != "ff" && is_hex(id, 32) && is_hex(parent, 16) && is_hex(flags, 2);
        (is_one && has_end && is_some(id) && is_some(parent)).then(|| Self { id: id.to_owned(), parent: parent.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_goes_on_with_what_it_came_with() {
        let (id, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(Trace::parse(&format!("00-{id}-{span}-01")).unwrap().id, id);
        assert_eq!(Trace::parse(&format!("cc-{id}-{span}-01-more")).unwrap().parent, span);
        for wrong in [
            String::new(),
            format!("00-{id}-{span}"),
            format!("00-{id}-{span}-01-more"),
            format!("ff-{id}-{span}-01"),
            format!("00-{}-{span}-01", id.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00-{id}x-{span}-01"),
        ] {
            assert!(Trace::parse(&wrong).is_none(), "{wrong}");
        }
        let new: std::collections::BTreeSet<String> = (0..10_000).map(|_| Trace::of(&HeaderMap::new()).id).collect();
        assert!(new.len() == 10_000 && new.iter().all(|id| id.len() == 32), "each has a number of its own");
    }
}
