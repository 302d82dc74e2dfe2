//! Many requests in one body; they are carried out in another order than they stand in, as may happen.

use super::errors::{Outcome, Refusal};
use super::request::Request;
use super::{Shared, routes};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, Response};
use std::fmt::Write;

/// More are refused.
const CALLS_MAX: usize = 100;

pub(super) fn answer(state: &Shared, request: &Request) -> Outcome<Response<Body>> {
    let broken = || Refusal::bad("Failed to parse batch request.");
    let boundary = request.header("content-type").strip_prefix("multipart/mixed; boundary=").ok_or_else(broken)?;
    let text = std::str::from_utf8(&request.body).map_err(|_| broken())?;
    let delimiter = format!("--{boundary}");
    let parts: Vec<&str> = text.split(delimiter.as_str()).collect();
    let [_, parts @ .., end] = &parts[..] else { return Err(broken()) };
    if !end.starts_with("--") || parts.is_empty() || parts.len() > CALLS_MAX {
        return Err(broken());
    }
    let mut body = String::new();
    for part in parts.iter().rev() {
        let (head, inner) = part.split_once("\r\n\r\n").ok_or_else(broken)?;
        let id = head.lines().find_map(|line| line.strip_prefix("Content-ID: <")?.strip_suffix('>')).ok_or_else(broken)?;
        let (head, json) = inner.split_once("\r\n\r\n").ok_or_else(broken)?;
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let method = words.next().and_then(|method| Method::from_bytes(method.as_bytes()).ok()).ok_or_else(broken)?;
        let target = words.next().unwrap_or_default().trim_start_matches('/');
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let one = Request {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: json.trim_end().as_bytes().to_vec(),
            account: request.account.clone(),
        };
        let is_upload = one.path.starts_with("upload/") || one.parameter("alt").as_deref() == Some("media");
        let answer = if is_upload { Err(Refusal::bad("Media is not taken in batches.")) } else { routes::route(state, &one) };
        let answer = answer.unwrap_or_else(|refusal| refusal.answer());
        let status = answer.status();
        let _ = write!(
            body,
            "--batch_answer\r\nContent-Type: application/http\r\nContent-ID: <response-{id}>\r\n\r\nHTTP/1.1 {} {}\r\n\
             Content-Type: application/json; charset=UTF-8\r\n\r\n{}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            text_of(answer)
        );
    }
    body.push_str("--batch_answer--\r\n");
    let mut answer = Response::new(Body::from(body));
    answer.headers_mut().insert("content-type", HeaderValue::from_static("multipart/mixed; boundary=batch_answer"));
    Ok(answer)
}

/// The body of an answer that is in memory whole.
fn text_of(answer: Response<Body>) -> String {
    let mut body = std::pin::pin!(answer.into_body());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut text = Vec::new();
    while let std::task::Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
        text.extend(frame.into_data().unwrap_or_default());
    }
    String::from_utf8(text).expect("JSON is text")
}
