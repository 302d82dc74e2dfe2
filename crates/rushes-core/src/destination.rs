//! The port of a place where objects go: a folder, a bucket, a drive.
//!
//! Retries, time limits and rates are the sender's, never an adapter's.

mod proof;

use crate::asset::Blob;
use crate::fault::Fault;
use async_trait::async_trait;
pub use proof::{Compared, Proof, ProofHash, Shows, compare};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

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
    /// Copies what it holds under another key.
    pub copies: Option<&'a dyn Copies>,
    /// Has folders that exist without objects, and makes several in fewer requests.
    pub folders: bool,
    /// How far this machine's clock is ahead of the destination's, as its last answer said.
    pub clock_ahead_ms: Option<i64>,
    /// Objects of up to so many bytes it may prove by their MD5, so that what is put there has one; larger ones otherwise.
    pub proves_by_md5_up_to: u64,
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

/// Copies within the destination, of which no byte passes through here.
#[async_trait]
pub trait Copies: Send + Sync {
    /// Writes what is under `from`, where that is the version that was `proven` to be these bytes, also under `to`, where
    /// nothing is yet; gives what is shown there then, which need not be these bytes. Whatever the error is, who asked puts the
    /// bytes themselves.
    async fn copy(&self, from: &str, proven: &Proof, to: &str, blob: &Blob) -> Result<Proof, Fault>;
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

    /// What it shows of what it holds under a key; None where nothing is.
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault>;

    /// The same by the bytes themselves, which are fetched and hashed; not needed of those that always show a SHA-256.
    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.stat(key).await
    }

    /// Copies an object, or these bytes of it, into a new local file, which whoever means to keep it makes durable.
    /// Errors: `not_found` and those of `put`.
    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault>;

    /// The keys that begin with `prefix`, after `cursor`, at most 1,000; of files only, see [`crate::folder::is_marker`].
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault>;

    /// Removes an object; nothing there is success.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// Makes a folder exist that people see, with its parents. `key` has no separator at its end. Errors: those of `put`.
    async fn ensure_folder(&self, key: &str) -> Result<(), Fault>;

    /// The same of several, in fewer requests where the destination has a way.
    async fn ensure_folders(&self, keys: &[&str]) -> Result<(), Fault> {
        for key in keys {
            self.ensure_folder(key).await?;
        }
        Ok(())
    }

    /// Removes a folder, or what stands for it, if nothing lies in it; something or nothing there is success.
    async fn remove_folder(&self, _key: &str) -> Result<(), Fault> {
        Ok(())
    }
}
