//! A server that speaks as much of S3 as objects need and shows no checksums: only etags, of whatever make it is told. Many
//! who speak S3 give such: no MD5, but sometimes something that looks like one. It asks for no signature.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const NOTED: &str = "x-amz-meta-rushes-sha256";

/// How a store names versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etags {
    /// As Amazon does.
    Md5,
    /// 32 hex digits that have nothing to do with the bytes.
    Digits,
    /// With dashes, as objects in parts have them.
    Uuid,
    /// Weak ones, of the MD5: whatever stands between changed the bytes, or might have.
    Weak,
}

/// The server. Dropping it ends it and its bytes.
pub struct EtagServer {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    state: Arc<Shelf>,
    serving: tokio::task::JoinHandle<()>,
}

struct Shelf {
    etags: Etags,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Object>,
    /// Of each upload: the note it began with, and its parts.
    uploads: HashMap<String, (String, BTreeMap<u32, Bytes>)>,
    /// Keys of what was read whole, and of what was removed.
    read: Vec<String>,
    removed: Vec<String>,
    spoils: usize,
    /// Whether conditions are passed over, as some stores do.
    is_heedless: bool,
}

struct Object {
    bytes: Bytes,
    etag: String,
    noted: String,
}

impl EtagServer {
    /// Starts the server; whatever bucket is named is there.
    pub async fn start(etags: Etags) -> Self {
        let state = Arc::new(Shelf { etags, inner: Mutex::default() });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), state, serving }
    }

    /// The bytes of an object.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        Some(self.state.lock().objects.get(key)?.bytes.to_vec())
    }

    /// How often an object was read whole.
    pub fn reads(&self, key: &str) -> usize {
        self.state.lock().read.iter().filter(|read| *read == key).count()
    }

    /// How often an object was removed.
    pub fn removals(&self, key: &str) -> usize {
        self.state.lock().removed.iter().filter(|removed| *removed == key).count()
    }

    /// Of the next so many objects or parts that arrive, one byte is kept wrong.
    pub fn spoil(&self, count: usize) {
        self.state.lock().spoils = count;
    }

    /// From now on conditions of writes are passed over: whoever comes last is kept.
    pub fn pass_over_conditions(&self) {
        self.state.lock().is_heedless = true;
    }
}

impl Drop for EtagServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn etag(&self, md5: String) -> String {
        let random = || uuid::Uuid::new_v4();
        match self.etags {
            Etags::Md5 => format!("\"{md5}\""),
            Etags::Digits => format!("\"{}\"", random().simple()),
            Etags::Uuid => format!("\"{}\"", random().hyphenated()),
            Etags::Weak => format!("W/\"{md5}\""),
        }
    }
}

impl Inner {
    fn arrived(&mut self, bytes: Bytes) -> Bytes {
        if self.spoils == 0 || bytes.is_empty() {
            return bytes;
        }
        self.spoils -= 1;
        let mut bytes = bytes.to_vec();
        bytes[0] ^= 1;
        bytes.into()
    }

    /// Whether the conditions of a write are met.
    fn allows(&self, key: &str, headers: &HeaderMap) -> bool {
        let bare = |etag: &str| etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let there = self.objects.get(key).map(|object| bare(&object.etag));
        match (header(headers, "if-none-match"), header(headers, "if-match")) {
            _ if self.is_heedless => true,
            ("*", _) => there.is_none(),
            (_, "") => true,
            (_, etag) => there == Some(bare(etag)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    rushes_core::flow::hex(bytes)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refused(status: u16, code: &str) -> Response<Body> {
    xml(status, format!("<Error><Code>{code}</Code><Message>as it says</Message></Error>"))
}

fn xml(status: u16, text: String) -> Response<Body> {
    let head = Response::builder().status(status).header("content-type", "application/xml");
    head.body(text.into()).expect("an answer")
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = plain(head.uri.path());
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key).to_owned();
    let query: HashMap<String, String> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect();
    let mut inner = shelf.lock();
    match (&head.method, query.get("uploadId"), key.as_str()) {
        (&Method::GET, _, "") => list(&inner, &query),
        (method, Some(upload), _) => parts(&shelf, &mut inner, method, upload, &key, &query, &head.headers, body),
        (&Method::POST, None, _) if query.contains_key("uploads") => {
            let upload = uuid::Uuid::new_v4().simple().to_string();
            let answer = format!("<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>");
            inner.uploads.insert(upload, (header(&head.headers, NOTED).to_owned(), BTreeMap::new()));
            xml(200, answer)
        }
        (&Method::PUT, ..) if !inner.allows(&key, &head.headers) => refused(412, "PreconditionFailed"),
        (&Method::PUT, ..) => {
            let bytes = inner.arrived(body);
            let etag = shelf.etag(hex(&Md5::digest(&bytes)));
            inner.objects.insert(key, Object { bytes, etag: etag.clone(), noted: header(&head.headers, NOTED).to_owned() });
            Response::builder().header("etag", etag).body(Body::empty()).expect("an answer")
        }
        (&Method::DELETE, ..) => {
            inner.objects.remove(&key);
            inner.removed.push(key);
            Response::builder().status(204).body(Body::empty()).expect("an answer")
        }
        (method, ..) => {
            let range = header(&head.headers, "range");
            let Some(object) = inner.objects.get(&key) else { return refused(404, "NoSuchKey") };
            let answer = shown(object, method, range);
            if *method == Method::GET && range.is_empty() {
                inner.read.push(key);
            }
            answer
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "what a request consists of")]
fn parts(
    shelf: &Shelf,
    inner: &mut Inner,
    method: &Method,
    upload: &str,
    key: &str,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if !inner.uploads.contains_key(upload) {
        return refused(404, "NoSuchUpload");
    }
    match *method {
        Method::PUT => {
            let bytes = inner.arrived(body);
            let etag = shelf.etag(hex(&Md5::digest(&bytes)));
            let number = query.get("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
            inner.uploads.get_mut(upload).expect("it is there").1.insert(number, bytes);
            Response::builder().header("etag", etag).body(Body::empty()).expect("an answer")
        }
        Method::POST if !inner.allows(key, headers) => refused(412, "PreconditionFailed"),
        Method::POST => {
            let (noted, parts) = inner.uploads.remove(upload).expect("it is there");
            let mut md5s = Md5::new();
            parts.values().for_each(|part| md5s.update(Md5::digest(part)));
            let etag = shelf.etag(format!("{}-{}", hex(&md5s.finalize()), parts.len()));
            let bytes = parts.values().flatten().copied().collect::<Vec<u8>>().into();
            let answer =
                format!("<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>", etag.replace('"', "&quot;"));
            inner.objects.insert(key.to_owned(), Object { bytes, etag, noted });
            xml(200, answer)
        }
        _ => {
            inner.uploads.remove(upload);
            Response::builder().status(204).body(Body::empty()).expect("an answer")
        }
    }
}

fn shown(object: &Object, method: &Method, range: &str) -> Response<Body> {
    let whole = object.bytes.len();
    let asked = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let asked = asked.and_then(|(start, end)| Some(start.parse::<usize>().ok()?..end.parse::<usize>().ok()?.saturating_add(1).min(whole)));
    let (status, bytes) = match asked {
        Some(range) if range.start >= whole => return refused(416, "InvalidRange"),
        Some(range) => (StatusCode::PARTIAL_CONTENT, object.bytes.slice(range)),
        None => (StatusCode::OK, object.bytes.clone()),
    };
    let mut head = Response::builder().status(status).header("etag", &object.etag).header("content-length", bytes.len());
    if !object.noted.is_empty() {
        head = head.header(NOTED, &object.noted);
    }
    head.body(if *method == Method::HEAD { Body::empty() } else { bytes.into() }).expect("an answer")
}

fn list(inner: &Inner, query: &HashMap<String, String>) -> Response<Body> {
    let told = |name: &str| query.get(name).cloned().unwrap_or_default();
    if query.contains_key("uploads") {
        return xml(200, "<ListMultipartUploadsResult/>".to_owned());
    }
    let (prefix, after) = (told("prefix"), told("continuation-token"));
    let mut keys: Vec<&String> = inner.objects.keys().filter(|key| key.starts_with(&prefix) && **key > after).collect();
    let is_truncated = keys.len() > 1_000;
    keys.truncate(1_000);
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let contents: String = keys.iter().map(|key| format!("<Contents><Key>{}</Key></Contents>", escaped(key))).collect();
    let next = keys.last().filter(|_| is_truncated).map(|key| format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key)));
    let next = next.unwrap_or_default();
    xml(200, format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{next}{contents}</ListBucketResult>"))
}
