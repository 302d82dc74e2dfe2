//! What adapters share of HTTP: one client, bodies read from files and watched for standing still, and answers read with
//! a bound. What an answer means is each adapter's own business.

mod body;
mod buffers;

pub(crate) use body::{Body, Sums, body_of, bytes_of, crc32c_of, damaged, file_of, md5_of, unless_damaged};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use body::{SLICE_BYTES, pieces, slices};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::{Code, Fault};
use sha2::Digest;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;

/// Of an answer that is no object, at most this much is read.
const ANSWER_MAX_BYTES: usize = 8 * 1024 * 1024;
/// What of an answer is shown to people.
const WORDS_MAX: usize = 300;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Closed connections that one look goes through at most.
const STALE_MAX: u32 = 3;
/// Connections that nobody used for this long are closed: most servers close theirs after a minute.
const IDLE_LIMIT: Duration = Duration::from_secs(50);

/// RFC 3986: a path keeps its unreserved characters and the separators.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const QUERY: &AsciiSet = &PATH.add(b'/');

/// A key as the path of an address.
pub(crate) fn encode_path(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// A name or value as part of a query.
pub(crate) fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// A query as it is sent and signed: encoded and in order.
pub(crate) fn query_of(pairs: &[(String, String)]) -> String {
    let mut encoded: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode_query(name), encode_query(value))).collect();
    encoded.sort_unstable();
    encoded.join("&")
}

/// A hash in hex as headers and JSON carry it: in base64.
pub(crate) fn base64_of(hex: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    STANDARD.encode(bytes)
}

/// How HTTP is spoken: patience, and nothing else so far.
#[derive(Debug, Clone, Copy)]
pub struct HttpOptions {
    /// A transfer in which nothing moves for this long counts as broken.
    pub stalled_after: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { stalled_after: Duration::from_secs(30) }
    }
}

/// One request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Named in faults.
    pub(crate) operation: &'static str,
    /// How long the answer may take to begin once all is sent; None: as long as any other standing still.
    pub(crate) answers_within: Option<Duration>,
}

/// How it was answered; the body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    response: reqwest::Response,
    operation: &'static str,
    stalled_after: Duration,
}

/// Why none came.
pub(crate) struct NoAnswer {
    pub(crate) fault: Fault,
    /// Whether anything of it may have arrived there.
    pub(crate) was_reached: bool,
}

/// A pool of connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: reqwest::Client,
    options: HttpOptions,
    /// As the last answer's date said; [`UNTOLD`] before.
    clock_ahead_ms: Arc<AtomicI64>,
}

const UNTOLD: i64 = i64::MIN;

impl Client {
    /// Errors: `config_invalid` where the machine's certificates cannot be read.
    pub(crate) fn new(options: HttpOptions) -> Result<Self, Fault> {
        // Whoever comes second finds it installed; both mean the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let inner = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT.min(options.stalled_after))
            .pool_idle_timeout(IDLE_LIMIT)
            .tcp_nodelay(true)
            // What another address answers was not asked of it, and a signature holds for one address only.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rushes/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Fault::new(Code::ConfigInvalid, "make HTTP client").because(told(&e)))?;
        Ok(Self { inner, options, clock_ahead_ms: Arc::new(AtomicI64::new(UNTOLD)) })
    }

    /// How far this machine's clock is ahead of the other side's, to about a second; None before the first answer.
    pub(crate) fn clock_ahead_ms(&self) -> Option<i64> {
        Some(self.clock_ahead_ms.load(Ordering::Relaxed)).filter(|ms| *ms != UNTOLD)
    }

    /// Sends one request. Errors: `destination_down` when no answer begins; `blob_missing`, `io` from reading the file.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Fault> {
        self.exchange(request).await.map_err(|none| none.fault)
    }

    /// As [`Client::send`], for those who must know whether what they sent may have arrived.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Answer, NoAnswer> {
        let operation = request.operation;
        let is_look = matches!(request.method, Method::GET | Method::HEAD) && matches!(request.body, Body::Empty);
        let moved = Arc::new(AtomicU64::new(0));
        let broken = Arc::new(Mutex::new(None));
        let mut builder = self.inner.request(request.method, &request.url).headers(request.headers);
        builder = match request.body {
            Body::Empty => builder,
            Body::Bytes(bytes) if bytes.len() <= SLICE_BYTES => builder.body(bytes),
            Body::Bytes(bytes) => {
                let length = bytes.len();
                builder.header(http::header::CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(slices(bytes, moved.clone())))
            }
            Body::Framed { head, file, range, tail } => {
                let length = (head.len() + tail.len()) as u64 + range.end - range.start;
                let [head, tail] = [head, tail].map(|bytes| stream::iter([Ok(bytes)]));
                let body = head.chain(pieces(file, range, None, moved.clone(), broken.clone())).chain(tail);
                builder.header(http::header::CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(body))
            }
            Body::File { file, range, sums } => {
                let length = range.end - range.start;
                let body = pieces(file, range, sums, moved.clone(), broken.clone());
                builder.header(http::header::CONTENT_LENGTH, length).body(reqwest::Body::wrap_stream(body))
            }
        };
        let sent = async {
            // Connections that the other side closed while nobody used them fail one look each; then on another one.
            let mut left = if is_look { STALE_MAX } else { 0 };
            loop {
                let again = builder.try_clone().filter(|_| left > 0);
                match (builder.send().await, again) {
                    (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => builder = again,
                    (answer, _) => break answer,
                }
                left -= 1;
            }
        };
        let response = tokio::select! {
            response = sent => response.map_err(|e| {
                let own = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
                NoAnswer { fault: own.unwrap_or_else(|| down(operation, &e)), was_reached: !e.is_connect() }
            })?,
            () = standing_still(&moved, self.options.stalled_after, request.answers_within) => {
                let seconds = self.options.stalled_after.as_secs_f32();
                let fault = Fault::new(Code::DestinationDown, operation).because(format!("nothing moved for {seconds} s"));
                return Err(NoAnswer { fault, was_reached: true });
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let date = headers.get(http::header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        if let Some(date) = date.and_then(|date| i64::try_from(date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()) {
            self.clock_ahead_ms.store(SystemClock.now_ms() - date, Ordering::Relaxed);
        }
        Ok(Answer { status, headers, response, operation, stalled_after: self.options.stalled_after })
    }
}

/// Ends when no piece was taken for so long.
async fn standing_still(moved: &AtomicU64, limit: Duration, answers_within: Option<Duration>) {
    let limit = answers_within.map_or(limit, |within| within.max(limit));
    let mut seen = moved.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(limit).await;
        let now = moved.load(Ordering::Relaxed);
        if now == seen {
            return;
        }
        seen = now;
    }
}

/// Makes a new file without content.
pub(crate) async fn empty_file(into: &Path) -> Result<(), Fault> {
    tokio::fs::File::create_new(into).await.map(drop).map_err(|e| Fault::io("get object", into, &e))
}

impl Answer {
    /// One header as text; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, at most 8 MiB of it. Errors: `destination_down`.
    pub(crate) async fn bytes(self) -> Result<Bytes, Fault> {
        let (operation, limit) = (self.operation, self.stalled_after);
        let mut whole = Vec::new();
        let mut body = self.response.bytes_stream();
        while let Some(piece) = next_within(&mut body, limit, operation).await? {
            if whole.len() + piece.len() > ANSWER_MAX_BYTES {
                return Err(Fault::new(Code::DestinationDown, operation).because("the answer is too long to be one"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// The body into a new file, which is removed when it does not come whole; not synced. Errors: `destination_down`, `disk_full`, `io`.
    pub(crate) async fn into_file(self, into: &Path) -> Result<(), Fault> {
        self.into_file_up_to(into, u64::MAX).await
    }

    /// As [`Answer::into_file`], of at most so many bytes. Errors: `file_too_large` too.
    pub(crate) async fn into_file_up_to(self, into: &Path, max_bytes: u64) -> Result<(), Fault> {
        let (operation, limit) = (self.operation, self.stalled_after);
        let mut size_bytes = 0;
        let local = |e: std::io::Error| Fault::io(operation, into, &e);
        let mut file = tokio::fs::File::create_new(into).await.map_err(local)?;
        let mut body = self.response.bytes_stream();
        let copied = async {
            while let Some(piece) = next_within(&mut body, limit, operation).await? {
                size_bytes += piece.len() as u64;
                if size_bytes > max_bytes {
                    let reason = format!("it has more than {} MB, which is more than is taken", max_bytes / 1_000_000);
                    return Err(Fault::new(Code::FileTooLarge, operation).because(reason));
                }
                file.write_all(&piece).await.map_err(local)?;
            }
            file.flush().await.map_err(local)
        };
        let copied = copied.await;
        if copied.is_err() {
            let _ = tokio::fs::remove_file(into).await;
        }
        copied
    }

    /// The connection itself, where the other side has agreed to speak something else on it. Errors: `destination_down`.
    pub(crate) async fn upgraded(self) -> Result<reqwest::Upgraded, Fault> {
        let operation = self.operation;
        self.response.upgrade().await.map_err(|e| down(operation, &e))
    }

    /// The SHA-256 in hex and the length of the body, which goes nowhere. Errors: `destination_down`.
    pub(crate) async fn sha256(self) -> Result<(String, u64), Fault> {
        let (operation, limit) = (self.operation, self.stalled_after);
        let (mut hash, mut size_bytes) = (sha2::Sha256::new(), 0);
        let mut body = self.response.bytes_stream();
        while let Some(piece) = next_within(&mut body, limit, operation).await? {
            hash.update(&piece);
            size_bytes += piece.len() as u64;
        }
        Ok((rushes_core::flow::hex(&hash.finalize()), size_bytes))
    }

    /// How long the other side asks to wait: `Retry-After` in seconds or as a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let now_ms = u64::try_from(SystemClock.now_ms()).unwrap_or_default();
        retry_after(&self.headers, SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms))
    }
}

pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    // The date is by their clock; ours may differ, so theirs is asked first.
    let theirs = headers.get(http::header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    httpdate::parse_http_date(text).ok()?.duration_since(theirs.unwrap_or(now)).ok()
}

async fn next_within(
    body: &mut (impl futures_util::Stream<Item = reqwest::Result<Bytes>> + Unpin),
    limit: Duration,
    operation: &'static str,
) -> Result<Option<Bytes>, Fault> {
    match tokio::time::timeout(limit, body.next()).await {
        Ok(piece) => piece.transpose().map_err(|e| down(operation, &e)),
        Err(_) => Err(Fault::new(Code::DestinationDown, operation).because(format!("nothing came for {} s", limit.as_secs_f32()))),
    }
}

fn down(operation: &'static str, error: &reqwest::Error) -> Fault {
    let host = error.url().filter(|_| error.is_connect()).and_then(reqwest::Url::host_str);
    let reason = host.map_or_else(|| told(error), |host| format!("{host} could not be reached: {}", told(error)));
    Fault::new(Code::DestinationDown, operation).because(reason)
}

/// The innermost words of an error. Never its outermost, which may show an address, whose query may hold a signature.
pub(crate) fn told<E: std::error::Error + 'static>(error: &E) -> String {
    let mut at: &dyn std::error::Error = error;
    while let Some(source) = at.source() {
        at = source;
    }
    if std::ptr::addr_eq(at, std::ptr::from_ref(error)) { "the connection failed".to_owned() } else { at.to_string() }
}

/// What an answer says, shortened for people and without line breaks.
pub(crate) fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

/// A fault for an answer that is the same for every protocol: too many requests and troubles of the other side, which pass.
pub(crate) fn passing(status: StatusCode, operation: &'static str, wait: Option<Duration>) -> Option<Fault> {
    let passes = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
    let code = if status == StatusCode::TOO_MANY_REQUESTS { Code::DestinationBusy } else { Code::DestinationDown };
    let fault = Fault::new(code, operation);
    passes.then(|| wait.map_or(fault.clone(), |wait| fault.retry_after(wait)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_keys_are_encoded_once_and_wholly() {
        assert_eq!(encode_path("a b/[kpop]#1%+é~.mp4"), "a%20b/%5Bkpop%5D%231%25%2B%C3%A9~.mp4");
        assert_eq!(encode_query("a/b c=&"), "a%2Fb%20c%3D%26");
        let pairs = [("b", "2 "), ("a", "1/+")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(query_of(&pairs), "a=1%2F%2B&b=2%20");
        assert_eq!(base64_of("25f9e794323b453885f5181f1b624d0b"), "JfnnlDI7RTiF9RgfG2JNCw==");
    }

    #[test]
    fn http_retry_after_is_seconds_or_a_date_by_their_clock() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
                .collect::<HeaderMap>()
        };
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(retry_after(&headers(&[("retry-after", "120")]), now), Some(Duration::from_mins(2)));
        let date = headers(&[("retry-after", "Fri, 21 Nov 2025 10:00:30 GMT"), ("date", "Fri, 21 Nov 2025 10:00:00 GMT")]);
        assert_eq!(retry_after(&date, now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")]), now), None);
        assert_eq!(retry_after(&headers(&[]), now), None);
    }

    #[test]
    fn http_words_are_short_and_on_one_line() {
        assert_eq!(words(b"one\n  two"), "one two");
        assert!(words("é".repeat(1_000).as_bytes()).chars().count() < 310);
    }
}
