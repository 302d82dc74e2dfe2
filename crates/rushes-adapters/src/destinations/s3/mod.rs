//! `s3://`: Amazon S3 and whatever speaks as it does. Small objects are put in one request, large ones in parts that a
//! restart goes on with.
//!
//! An object's proof is what the store says of the bytes it holds: the SHA-256 it checked, or an etag that is their MD5, or
//! the bytes themselves.

mod answers;
mod copy;
mod keys;
mod parts;
mod put;
mod setup;
mod sign;

use super::call::{About, Place, Said, into_file, range_of};
use super::proving::{There, read_back};
use crate::http::{Answer, Body, Client, HttpOptions, Request, empty_file, encode_path, query_of};
use answers::{NOTED, document, etag_in, proof_in, refusal, skew_in};
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
pub use keys::AccessKey;
use keys::KeyRing;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::destination::{Abilities, Destination, Links, Listing, Proof, Put, Uploads};
use rushes_core::{Code, Fault, Verdict};
use sign::{Scope, Signed, UNSIGNED};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// The longest an address may be valid by this signature.
const LINK_MAX: Duration = Duration::from_hours(7 * 24);

/// Where the bucket's name stands in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    Host,
}

/// One bucket and how to reach it.
pub struct S3Settings {
    /// Its name.
    pub bucket: String,
    /// `https://host[:port][/path]`; None: Amazon's own for the region.
    pub endpoint: Option<String>,
    /// As the store calls it: `eu-central-1`, `auto`.
    pub region: String,
    /// Where the bucket's name goes.
    pub addressing: Addressing,
    /// Whose it is; None: what the machine offers.
    pub key: Option<AccessKey>,
    /// Goes before the encoded key in public addresses: `https://cdn.example.com/`; None: the endpoint's.
    pub public_base: Option<String>,
    /// Bytes of one part, at least 5 MiB; files of more than four go in parts.
    pub part_bytes: u64,
    /// Patience.
    pub http: HttpOptions,
}

/// A bucket as a destination.
pub struct S3Destination {
    settings: S3Settings,
    client: Client,
    keys: KeyRing,
    /// `https://`, the host with its port, and what comes before each encoded key.
    scheme: String,
    host: String,
    base: String,
    /// How far the store's clock is ahead of ours, where that has mattered.
    skew_ms: AtomicI64,
    /// Whether the store refuses a second create of one key, as the first small new object showed.
    keeps_conditions: OnceLock<bool>,
    /// Held by the first new object, which learns that for all that come meanwhile; closed after it.
    first: Semaphore,
    /// Whether the store shows the SHA-256 it was given, also to who looks later, as the first new object showed.
    shows_sums: OnceLock<bool>,
    /// Whether the bucket was seen.
    has_bucket: AtomicBool,
    /// Whether the store takes sums of parts that add up to the sum of the whole.
    sums_parts: AtomicBool,
}

/// One request to the bucket.
struct Call<'a> {
    method: Method,
    /// Empty: the bucket itself.
    key: &'a str,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
    /// SHA-256 of the body in hex, or [`UNSIGNED`].
    payload: &'a str,
    operation: &'static str,
    needs: &'static str,
    answers_within: Option<Duration>,
}

impl<'a> Call<'a> {
    fn new(method: Method, key: &'a str, operation: &'static str, needs: &'static str) -> Self {
        let (query, headers) = (Vec::new(), HeaderMap::new());
        Self { method, key, query, headers, body: Body::Empty, payload: EMPTY, operation, needs, answers_within: None }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    fn asking(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl S3Destination {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: S3Settings) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("bucket", &settings.bucket).because(reason);
        let amazon = format!("https://s3.{}.amazonaws.com", settings.region);
        let endpoint = settings.endpoint.as_deref().unwrap_or(&amazon).trim_end_matches('/');
        let (scheme, rest) = endpoint.split_once("://").ok_or_else(|| invalid("an endpoint is written https://host"))?;
        if !matches!(scheme, "https" | "http") || settings.bucket.is_empty() || settings.bucket.contains('/') {
            return Err(invalid("an endpoint is written https://host, and a bucket s3://name"));
        }
        if !(5 * 1024 * 1024..=5 * 1024 * 1024 * 1024).contains(&settings.part_bytes) {
            return Err(invalid("a part has 5 MiB to 5 GiB"));
        }
        let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{}", encode_path(path))));
        let (host, base) = match settings.addressing {
            Addressing::Path => (host.to_owned(), format!("{path}/{}", encode_path(&settings.bucket))),
            Addressing::Host => (format!("{}.{host}", settings.bucket), path),
        };
        let client = Client::new(settings.http)?;
        Ok(Self {
            keys: KeyRing::new(settings.key.clone(), &client),
            client,
            scheme: scheme.to_owned(),
            host: host.to_ascii_lowercase(),
            base,
            skew_ms: AtomicI64::new(0),
            keeps_conditions: OnceLock::new(),
            first: Semaphore::new(1),
            shows_sums: OnceLock::new(),
            has_bucket: AtomicBool::new(false),
            sums_parts: AtomicBool::new(true),
            settings,
        })
    }

    fn path(&self, key: &str) -> String {
        format!("{}/{}", self.base, encode_path(key))
    }

    fn about<'a>(&'a self, call: &Call<'a>) -> About<'a> {
        About { operation: call.operation, needs: call.needs, place: self.place(), key: call.key }
    }

    fn place(&self) -> Place<'_> {
        ("bucket", &self.settings.bucket)
    }

    /// Now, by the store's clock.
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    /// Sends a signed request; once more where our clock was wrong or the keys too old.
    async fn call(&self, call: &Call<'_>) -> Result<Answer, Said> {
        match self.send(call).await {
            Err((said, Some(skew_ms))) => {
                tracing::warn!(skew_ms, fault = %said.fault, "this machine's clock is wrong; requests are signed by the store's");
                self.skew_ms.fetch_add(skew_ms, Ordering::Relaxed);
            }
            Err((said, None)) if &*said.code == "ExpiredToken" && self.keys.is_lent() => self.keys.forget().await,
            answer => return answer.map_err(|(said, _)| said),
        }
        self.send(call).await.map_err(|(said, _)| said)
    }

    /// A refusal comes with how far the store's clock is ahead of ours, where that is too far.
    async fn send(&self, call: &Call<'_>) -> Result<Answer, (Said, Option<i64>)> {
        let unanswered = |fault: Fault| (Said::from(fault), None::<i64>);
        let keys = self.keys.keys().await.map_err(unanswered)?;
        let (path, at_ms) = (self.path(call.key), self.now_ms());
        let signed = Signed { method: &call.method, host: &self.host, path: &path, query: &call.query, payload: call.payload };
        let mut headers = call.headers.clone();
        sign::sign(&signed, &Scope { region: &self.settings.region, keys: &keys, at_ms }, &mut headers);
        let mut url = format!("{}://{}{path}", self.scheme, self.host);
        if !call.query.is_empty() {
            url = format!("{url}?{}", query_of(&call.query));
        }
        let body = call.body.again();
        let (method, operation, answers_within) = (call.method.clone(), call.operation, call.answers_within);
        let answer = self.client.send(Request { method, url, headers, body, operation, answers_within }).await;
        let answer = answer.map_err(|fault| unanswered(self.about(call).of(fault)))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let skew_ms = skew_in(&answer, at_ms);
        Err((refusal(answer, self.about(call)).await, skew_ms))
    }

    async fn look(&self, key: &str) -> Result<Option<There>, Fault> {
        let call = Call::new(Method::HEAD, key, "look at object", "s3:GetObject and s3:ListBucket").with("x-amz-checksum-mode", "ENABLED");
        match self.call(&call).await {
            Ok(answer) => {
                let noted = Some(answer.header(NOTED).to_owned()).filter(|noted| !noted.is_empty());
                let proof = match proof_in(&answer) {
                    Some(proof) => Some(proof),
                    None => self.read(key).await?,
                };
                Ok(proof.map(|proof| There { proof, noted }))
            }
            Err(said) if said.status == 404 => self.none_there(key).await,
            // A refused HEAD has no body to say why.
            Err(said) if matches!(said.status, 400 | 401 | 403) => match self.why(key).await {
                Some(fault) if fault.code == Code::NotFound => Ok(None),
                why => Err(why.unwrap_or_else(|| said.fault.verdict(Verdict::Transient))),
            },
            Err(said) => Err(said.into()),
        }
    }

    /// A missing object and a missing bucket look alike to a HEAD; the bucket is looked at once.
    async fn none_there(&self, key: &str) -> Result<Option<There>, Fault> {
        if self.has_bucket.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match self.why(key).await {
            Some(fault) if fault.code != Code::NotFound => Err(fault),
            _ => {
                self.has_bucket.store(true, Ordering::Relaxed);
                Ok(None)
            }
        }
    }

    /// What the store says, in words, when it is asked for the first byte of an object.
    async fn why(&self, key: &str) -> Option<Fault> {
        let call = Call::new(Method::GET, key, "look at object", "s3:GetObject and s3:ListBucket").with("range", "bytes=0-0");
        self.call(&call).await.err().map(Fault::from)
    }

    async fn read(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let call = Call::new(Method::GET, key, "read object back", "s3:GetObject");
        let answer = match self.call(&call).await {
            Ok(answer) => answer,
            Err(said) if said.status == 404 => return Ok(None),
            Err(said) => return Err(said.into()),
        };
        // Without an etag it is no object that answers, whatever the status says.
        let none = || Fault::new(Code::DestinationDown, "read object back").with("key", key).because("the answer is no object");
        let etag = Some(etag_in(&answer).ok_or_else(none)?);
        Ok(Some(read_back(answer, etag).await?))
    }

    async fn sign_link(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        if valid > LINK_MAX {
            let reason = "an address is valid for at most seven days";
            return Err(Fault::new(Code::DestinationRefused, "sign address").with("key", key).because(reason));
        }
        let keys = self.keys.keys().await?;
        let path = self.path(key);
        let signed = Signed { method: &Method::GET, host: &self.host, path: &path, query: &[], payload: UNSIGNED };
        let scope = Scope { region: &self.settings.region, keys: &keys, at_ms: self.now_ms() };
        Ok(format!("{}://{}{path}?{}", self.scheme, self.host, sign::sign_query(&signed, &scope, valid.as_secs().max(1))))
    }
}

#[async_trait]
impl Destination for S3Destination {
    fn abilities(&self) -> Abilities<'_> {
        let proves_by_md5_up_to = if self.shows_sums.get() == Some(&true) { 0 } else { self.whole_max_bytes() };
        let clock_ahead_ms = self.client.clock_ahead_ms();
        Abilities {
            links: Some(self),
            uploads: Some(self),
            setup: Some(self),
            copies: Some(self),
            folders: false,
            clock_ahead_ms,
            proves_by_md5_up_to,
        }
    }

    fn uri(&self, key: &str) -> String {
        format!("s3://{}/{}", self.settings.bucket, encode_path(key))
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.put_object(put).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        Ok(self.look(key).await?.map(|there| there.proof))
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.read(key).await
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let mut call = Call::new(Method::GET, key, "get object", "s3:GetObject");
        let about = self.about(&call);
        if let Some(bytes) = &bytes {
            let Some(range) = range_of(bytes) else {
                self.look(key).await?.ok_or_else(|| about.fault(Code::NotFound))?;
                return empty_file(into).await;
            };
            call = call.with("range", &range);
        }
        Ok(into_file(self.call(&call).await, bytes.as_ref(), into, about).await?)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let mut call = Call::new(Method::GET, "", "list objects", "s3:ListBucket")
            .asking("list-type", "2")
            .asking("encoding-type", "url")
            .asking("max-keys", "1000")
            .asking("prefix", prefix);
        if let Some(token) = cursor {
            call = call.asking("continuation-token", token);
        }
        let answer = self.call(&call).await?;
        let page: answers::Page = document(answer, self.about(&call)).await?;
        let next = page.next_continuation_token.clone().filter(|_| page.is_truncated);
        Ok(Listing { keys: page.keys(), next })
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        let call = Call::new(Method::DELETE, key, "delete object", "s3:DeleteObject");
        match self.call(&call).await {
            Err(said) if said.status != 404 || &*said.code == "NoSuchBucket" => Err(said.into()),
            _ => Ok(()),
        }
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        let marker = format!("{key}/");
        let call = Call::new(Method::PUT, &marker, "make folder", "s3:PutObject").with("if-none-match", "*");
        match self.call(&call).await {
            Err(said) if said.status != 412 => Err(said.into()),
            _ => Ok(()),
        }
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        self.delete(&format!("{key}/")).await
    }
}

#[async_trait]
impl Links for S3Destination {
    fn public_url(&self, key: &str) -> String {
        match &self.settings.public_base {
            Some(base) => format!("{}/{}", base.trim_end_matches('/'), encode_path(key)),
            None => format!("{}://{}{}", self.scheme, self.host, self.path(key)),
        }
    }

    async fn signed_url(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        self.sign_link(key, valid).await
    }
}

#[async_trait]
impl Uploads for S3Destination {
    async fn abandon(&self, key: &str, session: &str) -> Result<(), Fault> {
        self.abandon_parts(key, session).await
    }
}

#[cfg(test)]
mod tests;
