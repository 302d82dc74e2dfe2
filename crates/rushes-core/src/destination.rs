//! The port of a place where objects go: a folder, a bucket, a drive.
//!
//! Retry, timeout, rate and faults are wrapped around this port, never inside an adapter.

use crate::asset::Blob;
use crate::fault::Fault;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// What a store can show of an object it holds, strongest known part used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Bytes held.
    pub size_bytes: u64,
    /// The hash read back.
    pub hash: ProofHash,
    /// The store's own name of this very version, for a later conditional replace.
    pub etag: Option<String>,
}

/// A hash as the store gives it; hex, or the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the algorithms")]
pub enum ProofHash {
    Sha256(String),
    Md5(String),
    Crc32c(u32),
    /// The SHA-256 noted beside the object by who put it there in parts, each of them proven, where the store shows no
    /// hash of the whole. It says what is there only as long as the `etag` is the one that was proven.
    Noted(String),
}

impl Proof {
    /// Whether the object held is this blob.
    #[must_use]
    pub fn is_of(&self, blob: &Blob) -> bool {
        self.tells(blob) == Some(true)
    }

    /// Whether only the blob's MD5, which was not taken, could tell what is held.
    #[must_use]
    pub fn needs_md5_of(&self, blob: &Blob) -> bool {
        self.tells(blob).is_none()
    }

    fn tells(&self, blob: &Blob) -> Option<bool> {
        let is_same = match &self.hash {
            ProofHash::Sha256(hex) | ProofHash::Noted(hex) => *hex == blob.sha256,
            ProofHash::Md5(hex) if self.size_bytes == blob.size_bytes => hex == blob.md5.as_ref()?,
            ProofHash::Md5(_) => false,
            ProofHash::Crc32c(sum) => *sum == blob.crc32c,
        };
        Some(is_same && self.size_bytes == blob.size_bytes)
    }

    /// Whether the object held is this blob, and where its hash is only noted, also the very version that was proven.
    /// Where the hash cannot tell, it is the version or the hash that was proven, or it is not.
    #[must_use]
    pub fn holds(&self, blob: &Blob, proven: Option<&Self>) -> bool {
        match self.tells(blob) {
            Some(is_same) => is_same && (!matches!(self.hash, ProofHash::Noted(_)) || proven.is_none_or(|proven| proven.etag == self.etag)),
            None => proven.is_some_and(|proven| proven.hash == self.hash || self.etag.is_some() && proven.etag == self.etag),
        }
    }
}

/// On what condition to write.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// Only where nothing is yet.
    CreateOnly,
    /// Only over the version we last proved.
    Replace(&'a Proof),
}

/// One object to be written.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// Where.
    pub key: &'a str,
    /// The bytes.
    pub file: &'a Path,
    /// What they are.
    pub blob: &'a Blob,
    /// When to write.
    pub condition: Condition<'a>,
    /// How far an earlier try has come.
    pub session: &'a dyn Session,
}

impl<'a> Put<'a> {
    /// A put that forgets how far it came when it is cut short.
    #[must_use]
    pub fn new(key: &'a str, file: &'a Path, blob: &'a Blob, condition: Condition<'a>) -> Self {
        Self { key, file, blob, condition, session: &Forgotten }
    }
}

/// How far one upload in parts has come, kept where a crash cannot take it. The text is the adapter's own.
#[async_trait]
pub trait Session: Send + Sync {
    /// What was kept last.
    fn kept(&self) -> Option<String>;

    /// Keeps this instead. Errors: `lease_lost`, `store_failed`.
    async fn keep(&self, text: &str) -> Result<(), Fault>;
}

/// Keeps nothing.
struct Forgotten;

#[async_trait]
impl Session for Forgotten {
    fn kept(&self) -> Option<String> {
        None
    }

    async fn keep(&self, _text: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// What a destination can do beyond the port's minimum.
#[derive(Clone, Copy, Default)]
pub struct Abilities<'a> {
    /// Gives addresses that others can open.
    pub links: Option<&'a dyn Links>,
    /// Uploads in parts, which outlive the process that began them.
    pub uploads: Option<&'a dyn Uploads>,
    /// Can make the place itself, where it is missing.
    pub setup: Option<&'a dyn Setup>,
    /// Has folders that exist without objects.
    pub folders: bool,
    /// How far this machine's clock is ahead of the destination's, as its last answer said.
    pub clock_ahead_ms: Option<i64>,
    /// May show nothing but an MD5 of what it holds; what is put there has one.
    pub proves_by_md5: bool,
}

/// Addresses for people and programs without an account of ours.
#[async_trait]
pub trait Links: Send + Sync {
    /// The address anybody can open where the destination lets everybody read.
    fn public_url(&self, key: &str) -> String;

    /// An address that opens this object, and nothing else, from now for this long. Errors: `destination_refused`, also
    /// when the time is longer than the destination allows; `destination_down`.
    async fn signed_url(&self, key: &str, valid: Duration) -> Result<String, Fault>;
}

/// Uploads in parts.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Removes what an upload that nobody will finish has left there; nothing there is success. `session` is what it kept.
    async fn abandon(&self, key: &str, session: &str) -> Result<(), Fault>;
}

/// The place itself: a bucket, and who may do what in it.
#[async_trait]
pub trait Setup: Send + Sync {
    /// Makes the bucket where there is none, closed to strangers or open to every reader, and what else is missing; gives
    /// the names of what was made now. Errors: `destination_refused`, `destination_down`.
    async fn make(&self, is_public: bool) -> Result<Vec<&'static str>, Fault>;
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Keys in byte order.
    pub keys: Vec<String>,
    /// Where the next page starts; None at the end.
    pub next: Option<String>,
}

/// A place where objects go. Keys are `/`-separated UTF-8 without `.` or `..` segments.
/// Every method may be called again after a crash with the same arguments.
#[async_trait]
pub trait Destination: Send + Sync {
    /// What it can do beyond the minimum.
    fn abilities(&self) -> Abilities<'_>;

    /// The address of a key: percent-encoded where the scheme needs it.
    fn uri(&self, key: &str) -> String;

    /// Writes a file under a key and reads its proof back. An object that already holds these bytes is success.
    /// Errors: `destination_conflict` (something else is there), `destination_refused` (permanent),
    /// `destination_down`, `disk_full`, `proof_failed` (transient), `blob_missing`.
    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault>;

    /// What it holds under a key; None where nothing is.
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault>;

    /// Copies an object, or these bytes of it, into a new local file, which whoever means to keep it makes durable.
    /// Errors: `not_found` and those of `put`.
    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault>;

    /// The keys that begin with `prefix`, after `cursor`, at most 1,000.
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault>;

    /// Removes an object; nothing there is success.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// Makes a folder exist, with its parents; success where folders mean nothing.
    async fn ensure_folder(&self, key: &str) -> Result<(), Fault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(hash: ProofHash, etag: &str) -> Proof {
        Proof { size_bytes: 9, hash, etag: Some(etag.to_owned()) }
    }

    #[test]
    fn proof_by_md5_of_a_blob_without_one_is_the_proven_version_or_none() {
        let blob = crate::digest::digest_without_md5(&b"123456789"[..], "").unwrap();
        let md5 = |hex: &str| ProofHash::Md5(hex.repeat(16));
        let told = proof(md5("ab"), "e1");
        assert!(told.needs_md5_of(&blob) && !told.is_of(&blob) && !told.holds(&blob, None));
        assert!(told.holds(&blob, Some(&proof(ProofHash::Sha256(blob.sha256.clone()), "e1"))), "the very version");
        assert!(told.holds(&blob, Some(&proof(md5("ab"), "e2"))), "the very hash");
        assert!(!told.holds(&blob, Some(&proof(md5("cd"), "e2"))), "another one");
        let longer = Proof { size_bytes: 10, ..told.clone() };
        assert!(!longer.needs_md5_of(&blob) && !longer.holds(&blob, Some(&told)), "its length says it");
        let with = Blob { md5: Some("ab".repeat(16)), ..blob };
        assert!(told.is_of(&with) && told.holds(&with, None));
    }
}
