//! Uploads: whole with a description (multipart), or in parts (resumable).

use super::errors::{Outcome, Refusal, json_answer};
use super::files::shown;
use super::request::Request;
use super::state::{State, Upload};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

/// All parts but the last are multiples of this.
const GRAIN: u64 = 256 * 1024;
/// Larger files must go in parts.
const WHOLE_MAX: usize = 5 * 1024 * 1024;

/// `POST` makes a file, `PATCH` writes over one.
pub(super) fn begin(state: &mut State, request: &Request, over: Option<&str>) -> Outcome<Response<Body>> {
    match request.parameter("uploadType").as_deref() {
        Some("multipart") => {
            let (description, bytes) = related(request)?;
            finish(state, request, over, &description, bytes)
        }
        Some("resumable") => {
            let description = request.json()?;
            if let Some(id) = over {
                state.writable(&request.account, id)?;
            } else if description["id"].as_str().is_some_and(|id| state.files.contains_key(id)) {
                return Err(Refusal::id_in_use());
            }
            let size = request.header("x-upload-content-length").parse().map_err(|_| Refusal::bad("X-Upload-Content-Length is missing"))?;
            let name = uuid::Uuid::now_v7().simple().to_string();
            let (account, over) = (request.account.clone(), over.map(str::to_owned));
            state.uploads.insert(name.clone(), Upload { account, over, description, size, bytes: Vec::new() });
            let (host, path, query) = (request.header("host"), &request.path, &request.query);
            let mut answer = Response::new(Body::empty());
            let location = format!("http://{host}/{path}?{query}&upload_id={name}");
            answer.headers_mut().insert("location", HeaderValue::from_str(&location).map_err(|_| Refusal::bad("a strange address"))?);
            Ok(answer)
        }
        _ => Err(Refusal::bad("Invalid value for uploadType")),
    }
}

fn finish(state: &mut State, request: &Request, over: Option<&str>, description: &Value, bytes: Vec<u8>) -> Outcome<Response<Body>> {
    let id = match over {
        Some(id) => state.change(&request.account, id, description, Some(bytes))?,
        None => state.make(&request.account, description, Some(bytes))?,
    };
    Ok(json_answer(200, &shown(state, request, &state.files[&id])))
}

/// The description and the bytes of a body in two parts.
fn related(request: &Request) -> Outcome<(Value, Vec<u8>)> {
    let broken = || Refusal::bad("Malformed multipart body.");
    if request.body.len() > WHOLE_MAX + 64 * 1024 {
        return Err(Refusal { status: 413, reason: "uploadTooLarge", ..broken() });
    }
    let boundary = request.header("content-type").strip_prefix("multipart/related; boundary=").ok_or_else(broken)?;
    let delimiter = format!("--{boundary}");
    let find = |text: &[u8], from: usize| {
        request.body[from..].windows(text.len()).position(|window| window == text).map(|at| from + at).ok_or_else(broken)
    };
    let first = find(delimiter.as_bytes(), 0)?;
    let description_at = find(b"\r\n\r\n", first)? + 4;
    let between = format!("\r\n{delimiter}\r\n");
    let second = find(between.as_bytes(), description_at)?;
    let media_at = find(b"\r\n\r\n", second + between.len())? + 4;
    let end = format!("\r\n{delimiter}--");
    let length = request.body.len();
    let tail = length.saturating_sub(end.len() + 2).max(media_at);
    let end = find(end.as_bytes(), tail)?;
    let description = serde_json::from_slice(&request.body[description_at..second])
        .map_err(|_| Refusal { reason: "parseError", ..Refusal::bad("Parse Error") })?;
    Ok((description, request.body[media_at..end].to_vec()))
}

fn name(request: &Request) -> String {
    request.parameter("upload_id").unwrap_or_default()
}

/// `PUT` with `Content-Range: bytes 0-9/100`, or `bytes */100` to ask how many are there.
pub(super) fn append(state: &mut State, request: &Request) -> Outcome<Response<Body>> {
    let upload = state.uploads.get_mut(&name(request)).ok_or_else(|| Refusal::not_found("upload"))?;
    let range = request.header("content-range").strip_prefix("bytes ").and_then(|range| range.split_once('/'));
    let (range, size) = range.ok_or_else(|| Refusal::bad("Content-Range is missing"))?;
    if size.parse() != Ok(upload.size) {
        return Err(Refusal::bad("the size is another than at the beginning"));
    }
    if range != "*" {
        let parsed = range.split_once('-').and_then(|(from, to)| Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?)));
        let (from, to) = parsed.ok_or_else(|| Refusal::bad("Content-Range is malformed"))?;
        if to + 1 - from != request.body.len() as u64 || to >= upload.size {
            return Err(Refusal::bad("Content-Range does not fit the body"));
        }
        if to + 1 < upload.size && (to + 1 - from) % GRAIN != 0 {
            return Err(Refusal::bad("the part is no multiple of 256 KiB"));
        }
        // Bytes that are there already, or that would leave a gap, are not taken.
        if from == upload.bytes.len() as u64 {
            upload.bytes.extend_from_slice(&request.body);
        }
    }
    let there = upload.bytes.len() as u64;
    if there < upload.size {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
        if there > 0 {
            let range = HeaderValue::from_str(&format!("bytes=0-{}", there - 1)).expect("digits");
            answer.headers_mut().insert("range", range);
        }
        return Ok(answer);
    }
    let upload = state.uploads.remove(&name(request)).expect("just found");
    let Upload { account, over, description, bytes, .. } = upload;
    let of = Request {
        account,
        method: request.method.clone(),
        path: String::new(),
        query: request.query.clone(),
        headers: request.headers.clone(),
        body: Vec::new(),
    };
    let answer = finish(state, &of, over.as_deref(), &description, bytes)?;
    Ok(answer)
}

pub(super) fn give_up(state: &mut State, request: &Request) -> Outcome<Response<Body>> {
    state.uploads.remove(&name(request)).ok_or_else(|| Refusal::not_found("upload"))?;
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(499).expect("Google's own status");
    Ok(answer)
}
