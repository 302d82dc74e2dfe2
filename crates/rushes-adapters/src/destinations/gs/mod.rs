//! `gs://`: Google Cloud Storage over its JSON interface. Small objects go in one request, large ones in resumable uploads
//! that a restart goes on with.
//!
//! The store is told the hashes beforehand and refuses other bytes; it keeps conditions (a generation names each version).
//! An object's proof is the MD5 it shows, or the CRC-32C of what went in parts.

mod answers;
mod copy;
mod links;
mod put;
mod resumable;
mod setup;
#[cfg(test)]
mod tests;

use super::call::{About, Call, Place, Said, into_file, range_of};
use super::proving::read_back;
use crate::google::{Credentials, Tokens};
use crate::http::{Answer, Client, HttpOptions, Request, empty_file, encode_query, query_of};
use answers::{Object, Page, document, refusal};
use async_trait::async_trait;
use http::{Method, StatusCode};
use rushes_core::destination::{Abilities, Destination, Links, Listing, Proof, Put, Uploads};
use rushes_core::folder::is_marker;
use rushes_core::{Code, Fault};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

const GOOGLE: &str = "https://storage.googleapis.com";
/// Parts have a multiple of this many bytes.
const STEP_BYTES: u64 = 256 * 1024;
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// Who signs by IAM asks IAM with the same token.
const SCOPE_TO_SIGN: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What an object is told by.
const FIELDS: &str = "size,generation,md5Hash,crc32c";

/// One bucket and how to reach it.
#[derive(Debug)]
pub struct GsSettings {
    /// Its name.
    pub bucket: String,
    /// `https://host[:port]`; None: Google's own.
    pub endpoint: Option<String>,
    /// Who asks.
    pub credentials: Credentials,
    /// Where a missing bucket is made; None: the account's own.
    pub project: Option<String>,
    /// Goes before the encoded key in public addresses: `https://cdn.example.com/`; None: the endpoint and the bucket.
    pub public_base: Option<String>,
    /// Bytes of one part, a multiple of 256 KiB; larger files go in parts.
    pub part_bytes: u64,
    /// Patience.
    pub http: HttpOptions,
}

/// A bucket as a destination.
#[derive(Debug)]
pub struct GsDestination {
    settings: GsSettings,
    client: Client,
    tokens: Tokens,
    /// `https://host[:port]`
    base: String,
}

impl GsDestination {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: GsSettings) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("bucket", &settings.bucket).because(reason);
        let base = settings.endpoint.as_deref().unwrap_or(GOOGLE).trim_end_matches('/').to_owned();
        let host = base.strip_prefix("https://").or(base.strip_prefix("http://")).unwrap_or_default();
        if host.is_empty() || host.contains('/') || settings.bucket.is_empty() || settings.bucket.contains('/') {
            return Err(invalid("an endpoint is written https://host, and a bucket gs://name"));
        }
        let is_here = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.split(':').next() == Some(name) || host.starts_with(name));
        if base.starts_with("http://") && !is_here && !matches!(settings.credentials, Credentials::None) {
            return Err(invalid("a token goes over https:// only; emulators want none"));
        }
        if settings.part_bytes == 0 || !settings.part_bytes.is_multiple_of(STEP_BYTES) {
            return Err(invalid("a part has a multiple of 256 KiB"));
        }
        let client = Client::new(settings.http)?;
        let signs_itself = matches!(settings.credentials, Credentials::ServiceAccount(_));
        let tokens = Tokens::new(settings.credentials.clone(), if signs_itself { SCOPE } else { SCOPE_TO_SIGN }, &client);
        Ok(Self { settings, client, tokens, base })
    }

    fn bucket(&self) -> &str {
        &self.settings.bucket
    }

    /// The path of the bucket's objects below `area`: `/storage/v1`, `/upload/storage/v1`.
    fn objects(&self, area: &str) -> String {
        format!("{area}/b/{}/o", encode_query(self.bucket()))
    }

    fn object(&self, key: &str) -> String {
        format!("{}/{}", self.objects("/storage/v1"), encode_query(key))
    }

    fn about<'a>(&'a self, operation: &'static str, needs: &'static str, key: &'a str) -> About<'a> {
        About { operation, needs, place: self.place(), key }
    }

    fn place(&self) -> Place<'_> {
        ("bucket", self.bucket())
    }

    /// Sends a request; once more where its token was refused. An upload that is not whole yet (308) is no refusal.
    async fn call(&self, call: &Call<'_>) -> Result<Answer, Said> {
        let (mut answer, bearer) = self.send(call).await?;
        if let (StatusCode::UNAUTHORIZED, Some(bearer)) = (answer.status, bearer) {
            self.tokens.forget(&bearer).await;
            (answer, _) = self.send(call).await?;
        }
        let is_going_on = answer.status == StatusCode::PERMANENT_REDIRECT && !answer.headers.contains_key(http::header::LOCATION);
        if answer.status.is_success() || is_going_on { Ok(answer) } else { Err(refusal(answer, call.about).await) }
    }

    async fn send(&self, call: &Call<'_>) -> Result<(Answer, Option<String>), Fault> {
        let mut headers = call.headers.clone();
        let bearer = self.tokens.authorize(&mut headers).await?;
        let mut url = format!("{}{}", self.base, call.path);
        if !call.query.is_empty() {
            url = format!("{url}?{}", query_of(&call.query));
        }
        let (method, body, operation) = (call.method.clone(), call.body.again(), call.about.operation);
        let answer = self.client.send(Request { method, url, headers, body, operation, answers_within: None }).await;
        Ok((answer.map_err(|fault| call.about.of(fault))?, bearer))
    }

    /// Sends a request whose answer is a document.
    async fn ask<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Said> {
        document(self.call(call).await?, call.about).await
    }

    async fn look(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let about = self.about("look at object", "storage.objects.get", key);
        match self.ask::<Object>(&Call::new(Method::GET, self.object(key), about).asking("fields", FIELDS)).await {
            Ok(object) => Ok(Some(object.proof(about, self.settings.part_bytes)?)),
            Err(said) if said.is_absent() => Ok(None),
            Err(said) => Err(said.into()),
        }
    }

    async fn read(&self, key: &str, generation: Option<String>) -> Result<Option<Proof>, Fault> {
        let about = self.about("read object back", "storage.objects.get", key);
        match self.call(&Call::new(Method::GET, self.object(key), about).asking("alt", "media")).await {
            Ok(answer) => Ok(Some(read_back(answer, generation).await?)),
            Err(said) if said.is_absent() => Ok(None),
            Err(said) => Err(said.into()),
        }
    }

    /// Removes an object, where it is still this version if one is given.
    async fn remove(&self, key: &str, generation: Option<&str>) -> Result<(), Fault> {
        let about = self.about("delete object", "storage.objects.delete", key);
        let mut call = Call::new(Method::DELETE, self.object(key), about);
        if let Some(generation) = generation {
            call = call.asking("ifGenerationMatch", generation);
        }
        match self.call(&call).await {
            Err(said) if !said.is_absent() && said.status != 412 => Err(said.into()),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Destination for GsDestination {
    fn abilities(&self) -> Abilities<'_> {
        let clock_ahead_ms = self.client.clock_ahead_ms();
        let proves_by_md5_up_to = self.settings.part_bytes;
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

    /// As Google's own tools write it: nothing is encoded.
    fn uri(&self, key: &str) -> String {
        format!("gs://{}/{key}", self.bucket())
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.put_checked(put).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.look(key).await
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        match self.look(key).await? {
            Some(there) => self.read(key, there.etag).await,
            None => Ok(None),
        }
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let about = self.about("get object", "storage.objects.get", key);
        let mut call = Call::new(Method::GET, self.object(key), about).asking("alt", "media");
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
        let about = self.about("list objects", "storage.objects.list", "");
        let mut call = Call::new(Method::GET, self.objects("/storage/v1"), about)
            .asking("prefix", prefix)
            .asking("maxResults", "1000")
            .asking("fields", "kind,items(name),nextPageToken");
        if let Some(token) = cursor {
            call = call.asking("pageToken", token);
        }
        let page: Page = self.ask(&call).await?;
        Ok(Listing {
            keys: page.items.into_iter().map(|item| item.name).filter(|key| !is_marker(key)).collect(),
            next: page.next_page_token,
        })
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.remove(key, None).await
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        self.put_marker(&format!("{key}/")).await
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        self.remove(&format!("{key}/"), None).await
    }
}

#[async_trait]
impl Links for GsDestination {
    fn public_url(&self, key: &str) -> String {
        self.public_address(key)
    }

    async fn signed_url(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        self.sign_link(key, valid).await
    }
}

#[async_trait]
impl Uploads for GsDestination {
    async fn abandon(&self, _key: &str, session: &str) -> Result<(), Fault> {
        self.abandon_upload(session).await
    }
}
