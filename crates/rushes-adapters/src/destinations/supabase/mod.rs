//! `supabase://`: Supabase Storage over its REST interface. Small objects are put in one request, large ones by resumable
//! uploads (TUS) that a restart goes on with.
//!
//! An object's proof is an etag that is the MD5 of its bytes, or comes of the MD5 of each of its parts; what neither proves is
//! read back.

mod answers;
mod copy;
mod keys;
mod list;
mod project;
mod put;
mod settings;
mod setup;
#[cfg(test)]
mod tests;
mod tus;

use super::call::{About, Call, Place, Said, into_file, range_of};
use super::listings::Listings;
use super::proving::{There, read_back};
use crate::http::{Answer, Client, Request, empty_file, encode_path};
use answers::{Info, document, refusal};
use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method};
pub use project::SupabaseProject;
use rushes_core::destination::{Abilities, Destination, Links, Listing, Proof, Put, Uploads};
use rushes_core::folder::PLACEHOLDER;
use rushes_core::{Blob, Code, Fault};
use serde::Deserialize;
use serde_json::{Value, json};
pub use settings::{PART_BYTES, SupabaseSettings};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A bucket as a destination.
#[derive(Debug)]
pub struct SupabaseDestination {
    settings: SupabaseSettings,
    client: Client,
    /// `{endpoint}/storage/v1`
    base: String,
    bearer: HeaderValue,
    key: HeaderValue,
    listings: Listings,
    /// Whether the server was seen to know nothing of flat listings.
    is_old: AtomicBool,
}

/// What is noted beside an object.
fn noted(blob: &Blob) -> String {
    json!({"sha256": blob.sha256, "md5": blob.md5}).to_string()
}

impl SupabaseDestination {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: SupabaseSettings) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").with("bucket", &settings.bucket).because(reason);
        let endpoint = settings.endpoint.trim_end_matches('/').trim_end_matches("/storage/v1").trim_end_matches('/');
        if endpoint.strip_prefix("https://").or(endpoint.strip_prefix("http://")).is_none_or(str::is_empty) {
            return Err(invalid("an endpoint is written https://PROJECT.supabase.co"));
        }
        if settings.bucket.is_empty() || settings.bucket.contains('/') {
            return Err(invalid("a bucket is written supabase://name"));
        }
        if settings.part_bytes == 0 {
            return Err(invalid("a part has bytes"));
        }
        let secret = |text: &str| -> Result<HeaderValue, Fault> {
            let mut value = HeaderValue::from_str(text).map_err(|_| invalid("the key has signs that no key has"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        if settings.key.is_empty() {
            return Err(invalid("the key is missing"));
        }
        let (bearer, key) = (secret(&format!("Bearer {}", settings.key))?, secret(&settings.key)?);
        let base = format!("{endpoint}/storage/v1");
        Ok(Self {
            client: Client::new(settings.http)?,
            base,
            bearer,
            key,
            listings: Listings::default(),
            is_old: AtomicBool::new(false),
            settings,
        })
    }

    fn bucket(&self) -> &str {
        &self.settings.bucket
    }

    fn encoded_bucket(&self) -> String {
        encode_path(self.bucket())
    }

    /// The path of an object below `what`.
    fn object(&self, what: &str, key: &str) -> String {
        format!("{what}/{}/{}", self.encoded_bucket(), keys::path(key))
    }

    fn about<'a>(&'a self, operation: &'static str, needs: &'static str, key: &'a str) -> About<'a> {
        About { operation, needs, place: self.place(), key }
    }

    fn place(&self) -> Place<'_> {
        ("bucket", self.bucket())
    }

    async fn call(&self, call: Call<'_>) -> Result<Answer, Said> {
        let Call { method, path, mut headers, body, about, .. } = call;
        headers.insert(http::header::AUTHORIZATION, self.bearer.clone());
        headers.insert(HeaderName::from_static("apikey"), self.key.clone());
        let (url, operation) = (format!("{}/{path}", self.base), about.operation);
        let answer = self.client.send(Request { method, url, headers, body, operation, answers_within: None }).await;
        let answer = answer.map_err(|fault| about.of(fault))?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.discreet(refusal(answer, about).await)) }
    }

    /// Sends a request whose answer is a document, known by one of its fields (empty: a list).
    async fn ask<T: for<'de> Deserialize<'de>>(&self, call: Call<'_>, field: &str) -> Result<T, Said> {
        let about = call.about;
        document(self.call(call).await?, field, about).await.map_err(|said| self.discreet(said))
    }

    /// Without our key, in case the other side repeats it.
    fn discreet(&self, mut said: Said) -> Said {
        said.fault.reason = said.fault.reason.map(|reason| reason.replace(&self.settings.key, "…"));
        said
    }

    async fn look(&self, key: &str) -> Result<Option<There>, Fault> {
        let about = self.about("look at object", "SELECT", key);
        // The address without `authenticated` would take a key it does not know for a stranger, and deny there is a bucket.
        let call = Call::new(Method::GET, self.object("object/info/authenticated", key), about);
        let info: Info = match self.ask(call, "id").await {
            Ok(info) => info,
            Err(said) if said.is_absent() => return Ok(None),
            Err(said) => return Err(said.into()),
        };
        let proof = match info.proof() {
            Some(proof) => Some(proof),
            None => self.read(key, info.etag()).await?,
        };
        Ok(proof.map(|proof| There { proof, noted: info.noted().map(str::to_owned) }))
    }

    fn open<'a>(&'a self, key: &'a str, operation: &'static str) -> Call<'a> {
        Call::new(Method::GET, self.object("object/authenticated", key), self.about(operation, "SELECT", key))
    }

    async fn read(&self, key: &str, etag: Option<String>) -> Result<Option<Proof>, Fault> {
        let answer = match self.call(self.open(key, "read object back")).await {
            Ok(answer) => answer,
            Err(said) if said.is_absent() => return Ok(None),
            Err(said) => return Err(said.into()),
        };
        Ok(Some(read_back(answer, etag).await?))
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        let about = self.about("delete object", "SELECT and DELETE", key);
        match self.ask::<Value>(Call::new(Method::DELETE, self.object("object", key), about), "message").await {
            Err(said) if !said.is_absent() => Err(said.into()),
            _ => Ok(()),
        }
    }

    async fn sign(&self, key: &str, valid: Duration) -> Result<String, Said> {
        let about = self.about("sign address", "SELECT", key);
        // Whole seconds, none too few.
        let seconds = (valid.as_secs() + u64::from(valid.subsec_nanos() > 0)).max(1);
        let call = Call::new(Method::POST, self.object("object/sign", key), about).json(&json!({"expiresIn": seconds}));
        let signed: Signed = self.ask(call, "signedURL").await?;
        let Some((_, query)) = signed.url.split_once('?') else {
            return Err(Fault::new(Code::DestinationDown, "sign address").with("key", key).because("the address has no signature").into());
        };
        Ok(format!("{}/{}?{query}", self.base, self.object("object/sign", key)))
    }
}

/// `/object/sign/bucket/key?token=…`; its path is not encoded as an address must be.
#[derive(Deserialize)]
struct Signed {
    #[serde(rename = "signedURL")]
    url: String,
}

#[async_trait]
impl Destination for SupabaseDestination {
    fn abilities(&self) -> Abilities<'_> {
        let clock_ahead_ms = self.client.clock_ahead_ms();
        let proves_by_md5_up_to = self.settings.whole_max_bytes;
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
        format!("supabase://{}/{}", self.bucket(), encode_path(key))
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.put_checked(put).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        Ok(self.look(key).await?.map(|there| there.proof))
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        match self.look(key).await? {
            Some(there) => self.read(key, there.proof.etag).await,
            None => Ok(None),
        }
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let mut call = self.open(key, "get object");
        let about = call.about;
        if let Some(bytes) = &bytes {
            let Some(range) = range_of(bytes) else {
                self.look(key).await?.ok_or_else(|| about.fault(Code::NotFound))?;
                return empty_file(into).await;
            };
            call = call.with("range", &range);
        }
        Ok(into_file(self.call(call).await, bytes.as_ref(), into, about).await?)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.list_page(prefix, cursor).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.remove(key).await
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        self.put_marker(&format!("{key}/{PLACEHOLDER}")).await
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        self.remove(&format!("{key}/{PLACEHOLDER}")).await
    }
}

#[async_trait]
impl Links for SupabaseDestination {
    fn public_url(&self, key: &str) -> String {
        format!("{}/{}", self.base, self.object("object/public", key))
    }

    async fn signed_url(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        Ok(self.sign(key, valid).await?)
    }
}

#[async_trait]
impl Uploads for SupabaseDestination {
    async fn abandon(&self, _key: &str, session: &str) -> Result<(), Fault> {
        self.abandon_upload(session).await
    }
}
