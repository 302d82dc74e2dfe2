//! Resumable uploads, TUS 1.0 (creation, creation-with-upload, expiration, termination), as Supabase speaks it.
//!
//! Here refusals have their true status and a plain text. The address of an upload is `bucket/key/version` in base64url.
//! A new request for an upload ends the one under way; what that one wrote stays.

use super::State;
use super::bytes::{self, Written};
use super::database::Caller;
use super::errors::{Outcome, Refusal};
use super::names;
use super::objects::{Row, check_mime, metadata_of};
use super::request::Request;
use super::{dates, token};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{Mutex, watch};

pub(super) const PATH: &str = "/upload/resumable";
/// As long as the real server's default.
const LIVES_S: i64 = 3_600;

/// An upload, under way or done.
pub(super) struct Upload {
    row: Row,
    size: u64,
    /// What `Upload-Metadata` said, in order.
    metadata: Vec<(String, Option<String>)>,
    expires_s: AtomicI64,
    /// Raised by whoever wants the lock: the holder ends.
    wanted: watch::Sender<u64>,
    /// Where the requests that wrote ended; held while one writes.
    ends: Mutex<Vec<u64>>,
}

impl Upload {
    fn value(&self, name: &str) -> Option<&str> {
        value(&self.metadata, name)
    }

    pub(super) fn is_of(&self, version: &str) -> bool {
        self.row.version == version
    }

    pub(super) fn expire(&self) {
        self.expires_s.store(0, Ordering::Relaxed);
    }

    fn offset(&self, state: &State) -> u64 {
        std::fs::metadata(state.shelf.file(&self.row.version)).map_or(0, |file| file.len())
    }

    pub(super) fn is_open(&self, state: &State) -> bool {
        self.offset(state) < self.size
    }

    fn is_alive(&self) -> Result<(), Told> {
        let is_alive = self.expires_s.load(Ordering::Relaxed) > token::now_s();
        if is_alive { Ok(()) } else { Err(Told(410, "The file for this url no longer exists\n".into())) }
    }
}

/// A status and a text.
struct Told(u16, String);

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.status, refusal.message)
    }
}

impl Told {
    fn new(status: u16, text: &str) -> Self {
        Self(status, text.to_owned())
    }
}

/// Every request below [`PATH`]. A bad token is refused as everywhere else; all other refusals are TUS's own.
pub(super) async fn serve(state: Arc<State>, request: Request) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let told = if request.header("tus-resumable").is_none() {
        Err(Told::new(412, "Tus-Resumable Required\n"))
    } else if let Err(told) = check_headers(&request) {
        Err(told)
    } else {
        match request.method {
            Method::POST => create(&state, &caller, request).await,
            Method::HEAD => look(&state, &request).await,
            Method::PATCH => append(&state, &caller, request).await,
            Method::DELETE => terminate(&state, &caller, &request).await,
            _ => Err(Told::new(404, "Not found\n")),
        }
    };
    let mut answer = told.unwrap_or_else(|Told(status, text)| {
        let mut answer = Response::new(Body::from(text));
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
        answer
    });
    set(&mut answer, "tus-resumable", "1.0.0");
    Ok(answer)
}

fn set(answer: &mut Response<Body>, name: &'static str, value: &str) {
    answer.headers_mut().insert(name, value.parse().expect("a value in ASCII"));
}

fn check_headers(request: &Request) -> Result<(), Told> {
    let is_number = |text: &str| text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    let mut invalid = Vec::new();
    for name in ["upload-offset", "upload-length"] {
        if request.header(name).is_some_and(|text| !is_number(text)) {
            invalid.push(name);
        }
    }
    if request.header("tus-resumable") != Some("1.0.0") {
        invalid.push("tus-resumable");
    }
    if request.header("upload-metadata").is_some_and(|text| parse_metadata(text).is_none()) {
        invalid.push("upload-metadata");
    }
    if request.method == Method::PATCH && request.header("content-type").is_some_and(|kind| kind != "application/offset+octet-stream") {
        invalid.push("content-type");
    }
    if invalid.is_empty() { Ok(()) } else { Err(Told(400, format!("Invalid {}\n", invalid.join(" ")))) }
}

/// `name base64,name base64,…`; `None` where it is anything else.
fn parse_metadata(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut pairs: Vec<(String, Option<String>)> = Vec::new();
    for pair in text.split(',') {
        let (name, value) = pair.split_once(' ').map_or((pair, None), |(name, value)| (name, Some(value)));
        let value = value
            .map(|value| STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
            .map_or(Some(None), |v| v.map(Some))?;
        if name.is_empty() || !name.is_ascii() || pairs.iter().any(|(known, _)| known == name) {
            return None;
        }
        pairs.push((name.to_owned(), value));
    }
    Some(pairs)
}

fn value<'a>(metadata: &'a [(String, Option<String>)], name: &str) -> Option<&'a str> {
    metadata.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref())
}

async fn create(state: &Arc<State>, caller: &Caller, request: Request) -> Result<Response<Body>, Told> {
    let size = request.header("upload-length").and_then(|text| text.parse::<u64>().ok());
    let size = size.ok_or_else(|| Told::new(400, "Upload-Length or Upload-Defer-Length header required\n"))?;
    let metadata = request.header("upload-metadata").and_then(parse_metadata);
    let mut metadata = metadata.ok_or_else(|| Told::new(400, "Metadata header is required"))?;
    let [bucket, key] = ["bucketName", "objectName"].map(|name| value(&metadata, name).unwrap_or_default());
    names::check_bucket(bucket)?;
    names::check_key(key)?;
    let found = state.bucket(bucket).await?;
    if size > state.limit_of(&found) {
        return Err(Told::new(413, "Maximum size exceeded\n"));
    }
    let mime = value(&metadata, "contentType");
    let row = Row {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: uuid::Uuid::now_v7().to_string(),
        owner: caller.owner().map(str::to_owned),
        metadata: json!({"mimetype": mime, "contentLength": size}),
        user_metadata: value(&metadata, "metadata").and_then(|text| serde_json::from_str::<Value>(text).ok()),
    };
    state.may_upload(caller, &row, request.is_upsert()).await?;
    if let Some(mime) = mime {
        check_mime(&found, mime)?;
    }
    let seconds = value(&metadata, "cacheControl").filter(|text| text.parse::<i64>().is_ok());
    let cache_control = seconds.map_or_else(|| "no-cache".to_owned(), |seconds| format!("max-age={seconds}"));
    metadata.retain(|(name, _)| name != "cacheControl");
    metadata.push(("cacheControl".into(), Some(cache_control)));
    let id = format!("{}/{}/{}", row.bucket, row.key, row.version);
    let expires_s = AtomicI64::new(token::now_s() + LIVES_S);
    let upload = Arc::new(Upload { row, size, metadata, expires_s, wanted: watch::Sender::new(0), ends: Mutex::default() });
    std::fs::File::create(state.shelf.file(&upload.row.version)).map_err(|error| Told(500, error.to_string()))?;
    state.uploads().insert(id.clone(), Arc::clone(&upload));
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::CREATED;
    let host = request.header("host").unwrap_or_default();
    set(&mut answer, "location", &format!("http://{host}/storage/v1{PATH}/{}", URL_SAFE_NO_PAD.encode(id)));
    set(&mut answer, "upload-expires", &dates::header(token::now_s() + LIVES_S));
    if size == 0 || request.header("content-type") == Some("application/offset+octet-stream") {
        write(state, &upload, 0, request, &mut answer).await?;
    }
    Ok(answer)
}

/// The upload an address names.
fn find(state: &State, request: &Request) -> Result<Arc<Upload>, Told> {
    let name = request.path.strip_prefix(PATH).unwrap_or_default().trim_matches('/');
    let id = URL_SAFE_NO_PAD.decode(name).ok().and_then(|bytes| String::from_utf8(bytes).ok()).filter(|id| id.split('/').count() >= 3);
    let id = id.ok_or_else(Refusal::invalid_upload_id)?;
    let found = state.uploads().get(&id).cloned();
    found.ok_or_else(|| Told::new(404, "The file for this url was not found\n"))
}

async fn look(state: &State, request: &Request) -> Result<Response<Body>, Told> {
    let upload = find(state, request)?;
    upload.wanted.send_modify(|wanted| *wanted += 1);
    let _held = upload.ends.lock().await;
    upload.is_alive()?;
    let mut answer = Response::new(Body::empty());
    set(&mut answer, "cache-control", "no-store");
    set(&mut answer, "upload-offset", &upload.offset(state).to_string());
    set(&mut answer, "upload-length", &upload.size.to_string());
    let pairs = upload
        .metadata
        .iter()
        .map(|(name, value)| value.as_ref().map_or_else(|| name.clone(), |value| format!("{name} {}", STANDARD.encode(value))));
    set(&mut answer, "upload-metadata", &pairs.collect::<Vec<_>>().join(","));
    Ok(answer)
}

async fn append(state: &Arc<State>, caller: &Caller, request: Request) -> Result<Response<Body>, Told> {
    let offset = request.header("upload-offset").and_then(|text| text.parse::<u64>().ok());
    let offset = offset.ok_or_else(|| Told::new(403, "Upload-Offset header required\n"))?;
    if request.header("content-type").is_none() {
        return Err(Told::new(403, "Content-Type header required\n"));
    }
    let upload = find(state, &request)?;
    state.may_upload(caller, &upload.row, request.is_upsert()).await?;
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    write(state, &upload, offset, request, &mut answer).await?;
    Ok(answer)
}

/// Appends a body, and completes the object when it is whole.
async fn write(state: &Arc<State>, upload: &Upload, offset: u64, request: Request, answer: &mut Response<Body>) -> Result<(), Told> {
    upload.wanted.send_modify(|wanted| *wanted += 1);
    let mut ends = upload.ends.lock().await;
    let mut wanted = upload.wanted.subscribe();
    upload.is_alive()?;
    if upload.offset(state) != offset {
        return Err(Told::new(409, "Upload-Offset conflict\n"));
    }
    if request.content_length().is_some_and(|length| offset + length > upload.size) {
        return Err(Told::new(413, "upload's size exceeded\n"));
    }
    let file = state.shelf.file(&upload.row.version);
    let stop = async { drop(wanted.changed().await) };
    let appended = bytes::append(&file, request.into_body(), |_| {}, Some(upload.size - offset), stop).await?;
    let offset = offset + appended.size;
    ends.push(offset);
    match appended.end {
        bytes::End::Whole => {}
        bytes::End::Broken => return Err(Told::new(500, "Something went wrong receiving the file\n")),
        bytes::End::Stopped => return Err(Told::new(400, "Request aborted due to lock acquired")),
        bytes::End::TooLong => return Err(Told::new(413, "upload's size exceeded\n")),
    }
    set(answer, "upload-offset", &offset.to_string());
    if offset == upload.size {
        let etag = state.shelf.etag_of_parts(&upload.row.version, &ends).await?;
        let mime = upload.value("contentType").unwrap_or("application/octet-stream");
        let cache_control = upload.value("cacheControl").unwrap_or("no-cache");
        let metadata = metadata_of(&Written { size: offset, etag }, mime, cache_control);
        state.complete(&Row { metadata, ..upload.row.clone() }).await?;
        set(answer, "tus-complete", "1");
    }
    Ok(())
}

async fn terminate(state: &State, caller: &Caller, request: &Request) -> Result<Response<Body>, Told> {
    let upload = find(state, request)?;
    state.may_upload(caller, &upload.row, request.is_upsert()).await?;
    upload.wanted.send_modify(|wanted| *wanted += 1);
    let _held = upload.ends.lock().await;
    if !upload.is_open(state) {
        return Err(Told::new(400, "Cannot terminate an already completed upload"));
    }
    state.forget(&upload.row.version);
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}
