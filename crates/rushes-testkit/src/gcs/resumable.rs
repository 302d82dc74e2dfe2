//! Resumable uploads: begun with a POST, continued by PUTs that say where their bytes go, asked about with `bytes */N`.
//! Only multiples of 256 KiB are kept of what is not the end, as with the real server.

use super::State;
use super::errors::{Outcome, Refusal, json_answer, set, text_answer};
use super::request::Request;
use super::shelf::End;
use super::upload::{Wanted, finish};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

const STEP_BYTES: u64 = 256 * 1024;

/// An upload that was begun.
pub(super) struct Session {
    wanted: Wanted,
    file: String,
    /// As said when it was begun, or by a later part.
    size: Mutex<Option<u64>>,
    /// The answer for ever, once it is whole.
    ended: Mutex<Option<Result<Value, Refusal>>>,
    is_expired: AtomicBool,
    /// Counted up by whoever wants to write; who is writing then stops.
    writers: watch::Sender<u64>,
    writing: tokio::sync::Mutex<()>,
}

impl Session {
    pub(super) fn expire(&self) {
        if self.is_open() {
            self.is_expired.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.is_expired.load(Ordering::Relaxed) && self.ended().is_none()
    }

    fn ended(&self) -> Option<Result<Value, Refusal>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn size(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `Content-Range` says.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    /// The first byte and the one behind the last; None: only asks.
    part: Option<(u64, u64)>,
    total: Option<u64>,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (part, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let total = if total == "*" { None } else { Some(total.parse().ok()?) };
        if part == "*" {
            return Some(Self { part: None, total });
        }
        let (first, last) = part.split_once('-')?;
        let (first, end) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()? + 1);
        (first < end && total.is_none_or(|total| end <= total)).then_some(Self { part: Some((first, end)), total })
    }
}

/// `POST …?uploadType=resumable`
pub(super) async fn begin(state: &State, request: Request, wanted: impl FnOnce(Value) -> Outcome<Wanted>) -> Outcome<Response<Body>> {
    let (mime, size) = (request.header("x-upload-content-type").map(str::to_owned), request.header("x-upload-content-length"));
    let size = size.and_then(|size| size.parse().ok());
    let host = request.header("host").unwrap_or_default().to_owned();
    let (path, query) = (request.path.clone(), request.query.clone());
    let mut told = request.json().await?;
    if let (Some(mime), true) = (mime, told["contentType"].is_null()) {
        told["contentType"] = Value::String(mime);
    }
    let wanted = wanted(told)?;
    let there = state.buckets().get(&wanted.bucket).and_then(|bucket| bucket.objects.get(&wanted.key).cloned());
    wanted.conditions.check(there.as_ref())?;
    let id = format!("ABPnzm{}", uuid::Uuid::now_v7().simple());
    let session = Session {
        wanted,
        file: state.shelf.open(),
        size: Mutex::new(size),
        ended: Mutex::new(None),
        is_expired: AtomicBool::new(false),
        writers: watch::Sender::new(0),
        writing: tokio::sync::Mutex::default(),
    };
    state.sessions().insert(id.clone(), Arc::new(session));
    let mut answer = Response::new(Body::empty());
    set(&mut answer, "location", &format!("http://{host}{path}?{query}&upload_id={id}"));
    set(&mut answer, "x-guploader-uploadid", &id);
    Ok(answer)
}

fn find(state: &State, id: &str) -> Outcome<Arc<Session>> {
    state.sessions().get(id).cloned().ok_or_else(Refusal::no_session)
}

/// `DELETE` of an upload's address: 499 says that it is cancelled.
pub(super) fn cancel(state: &State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    if request.length() != Some(0) {
        return Err(Refusal::length_required());
    }
    let session = find(state, id)?;
    if session.ended().is_none() {
        session.writers.send_modify(|count| *count += 1);
        state.shelf.remove(&session.file);
    }
    state.sessions().remove(id);
    Ok(text_answer(499, "text/plain; charset=utf-8", String::new()))
}

/// `PUT` of bytes, or the question how many are there. Its address is all the permission it takes.
pub(super) async fn append(state: &State, request: Request, id: &str) -> Outcome<Response<Body>> {
    let session = find(state, id)?;
    let length = request.length().ok_or_else(Refusal::length_required)?;
    session.writers.send_modify(|count| *count += 1);
    let _alone = session.writing.lock().await;
    if session.is_expired.load(Ordering::Relaxed) {
        return Err(Refusal::expired_session());
    }
    if let Some(ended) = session.ended() {
        return ended.map(|resource| json_answer(200, &resource));
    }
    let range = match request.header("content-range") {
        Some(text) => Range::read(text).ok_or_else(|| Refusal::invalid("Failed to parse Content-Range header.").plain())?,
        None => Range { part: (length > 0).then_some((0, length)), total: Some(length) },
    };
    if let Some(total) = range.total {
        let mut known = session.size();
        if known.is_some_and(|known| known != total) {
            return Err(Refusal::invalid("Invalid request.  The size of the upload differs from what was said before.").plain());
        }
        *known = Some(total);
    }
    if let Some((first, end)) = range.part {
        write(state, &session, request, first, end, length).await?;
    }
    let (there, total) = (state.shelf.size(&session.file), *session.size());
    if total == Some(there) {
        let ended = finish(state, &session.wanted, session.file.clone()).await;
        *session.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended.clone());
        return ended.map(|resource| json_answer(200, &resource));
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if there > 0 {
        set(&mut answer, "range", &format!("bytes=0-{}", there - 1));
    }
    Ok(answer)
}

async fn write(state: &State, session: &Session, request: Request, first: u64, end: u64, length: u64) -> Outcome<()> {
    let there = state.shelf.size(&session.file);
    if length != end - first {
        return Err(Refusal::invalid("Invalid request.  Content-Length and Content-Range differ.").plain());
    }
    if first > there {
        let words = format!(
            "Invalid request.  According to the Content-Range header, the upload offset is {first} byte(s), which exceeds already uploaded size of {there} byte(s)."
        );
        return Err(Refusal::invalid(words).plain());
    }
    let is_last = *session.size() == Some(end);
    if !is_last && length < STEP_BYTES {
        let words = format!(
            "Invalid request.  The number of bytes uploaded is required to be equal or greater than {STEP_BYTES}, except for the final request \
             (it's recommended to be the exact multiple of {STEP_BYTES}).  The received request contained {length} bytes, which does not meet this requirement."
        );
        return Err(Refusal::invalid(words).plain());
    }
    let mut writers = session.writers.subscribe();
    let stop = async { drop(writers.changed().await) };
    // What is there already is not written again, whatever it is now.
    let ended = state.shelf.append(&session.file, request.into_body(), there - first, stop).await;
    if ended == End::Broken || !is_last {
        let kept = state.shelf.size(&session.file) / STEP_BYTES * STEP_BYTES;
        state.shelf.truncate(&session.file, kept.max(there));
    }
    if ended == End::Broken { Err(Refusal::internal("the body broke off")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcs_content_ranges_are_read() {
        assert_eq!(Range::read("bytes 0-9/10"), Some(Range { part: Some((0, 10)), total: Some(10) }));
        assert_eq!(Range::read("bytes 5-9/*"), Some(Range { part: Some((5, 10)), total: None }));
        assert_eq!(Range::read("bytes */10"), Some(Range { part: None, total: Some(10) }));
        for bad in ["", "bytes 9-5/10", "bytes 0-10/10", "0-9/10", "bytes a-b/c"] {
            assert_eq!(Range::read(bad), None, "{bad}");
        }
    }
}
