//! The port of a place where objects go: a folder, a bucket, a drive.
//!
//! Retry, timeout, rate and faults are wrapped around this port, never inside an adapter.

use crate::asset::Blob;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::path::Path;

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
}

impl Proof {
    /// Whether the object held is this blob.
    #[must_use]
    pub fn is_of(&self, blob: &Blob) -> bool {
        self.size_bytes == blob.size_bytes
            && match &self.hash {
                ProofHash::Sha256(hex) => *hex == blob.sha256,
                ProofHash::Md5(hex) => *hex == blob.md5,
                ProofHash::Crc32c(sum) => *sum == blob.crc32c,
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

/// What a destination can do beyond the port's minimum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Can give out time-limited addresses.
    pub signed_urls: bool,
    /// Has folders that exist without objects.
    pub folders: bool,
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
#[async_trait::async_trait]
pub trait Destination: Send + Sync {
    /// What it can do beyond the minimum.
    fn abilities(&self) -> Abilities;

    /// The address of a key: percent-encoded where the scheme needs it.
    fn uri(&self, key: &str) -> String;

    /// Writes a file under a key and reads its proof back. An object that already holds these bytes is success.
    /// Errors: `destination_conflict` (something else is there), `destination_refused` (permanent),
    /// `destination_down`, `disk_full`, `proof_failed` (transient), `blob_missing`.
    async fn put(&self, key: &str, file: &Path, blob: &Blob, condition: Condition<'_>) -> Result<Proof, Fault>;

    /// What it holds under a key; None where nothing is.
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault>;

    /// Copies an object into a new local file. Errors: `not_found` and those of `put`.
    async fn get(&self, key: &str, into: &Path) -> Result<(), Fault>;

    /// The keys that begin with `prefix`, after `cursor`, at most 1,000.
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault>;

    /// Removes an object; nothing there is success.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// Makes a folder exist, with its parents; success where folders mean nothing.
    async fn ensure_folder(&self, key: &str) -> Result<(), Fault>;
}
