//! What keeps a home in order: trying again, mending, forgetting.

use crate::asset::{Asset, Blob};
use crate::destination::Proof;
use crate::fault::Fault;
use crate::ids::{AssetId, JobId};
use crate::job::Job;
use crate::kinds::Kind;
use crate::subject::NewSubject;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Something to be owed, again or for the first time, and tried at once.
#[derive(Debug, Clone)]
pub enum Owe {
    /// All that a subject still owes: what was refused, what waits for its time, what was never owed.
    Subject(String),
    /// One asset at one destination, in place of what is there now.
    Object {
        /// Which asset.
        asset: AssetId,
        /// Where.
        destination: String,
        /// What the destination holds under the key, where that may be written over.
        there: Option<Proof>,
    },
    /// One document of one catalog.
    Record {
        /// Where.
        catalog: String,
        /// The collection.
        collection: String,
        /// The document.
        id: String,
        /// The revision there, which the next one must be above.
        above: u64,
    },
}

/// An asset as a catalog and a destination have it, to be known here again.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose, where that is a subject.
    pub subject: Option<NewSubject>,
    /// The revision of the record that told of it.
    pub rev: u64,
    /// The asset; its job is the one that restores.
    pub asset: Asset,
    /// Where it was found.
    pub destination: String,
    /// Under which key.
    pub key: String,
    /// Its address there.
    pub uri: String,
    /// What was read back.
    pub proof: Proof,
}

/// What keeps a home in order: trying again, mending, forgetting.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Takes a family of jobs up again at the steps that failed; where only a destination refused, it delivers again.
    /// Errors: `not_found`, `input_invalid` when nothing of it failed.
    async fn retry(&self, job: JobId) -> Result<Job, Fault>;

    /// Makes something owed. Gives how many rows of the outbox that made due.
    async fn owe(&self, what: &Owe) -> Result<u64, Fault>;

    /// Owes a destination the current assets that it should have and was never asked to take: at most `limit` of those
    /// written after `row` (0: from the beginning). Gives how many, and the row to go on from; None where no more follow.
    async fn owe_missing(&self, destination: &str, row: i64, limit: u32) -> Result<(u64, Option<i64>), Fault>;

    /// Refuses, in words, what is owed to places that are no longer configured. Gives how many rows that were.
    async fn refuse_unrouted(&self) -> Result<u64, Fault>;

    /// Those of these hashes that assets have, each with whether its bytes should be on this machine.
    async fn blob_states(&self, hashes: Vec<String>) -> Result<BTreeMap<String, bool>, Fault>;

    /// Bytes whose local copy may go, the longest unused first: those of current assets are proven at every
    /// destination; those of retired versions (`is_retired`, in no order) have a proven successor and no unfinished job.
    async fn removable_blobs(&self, is_retired: bool, limit: u32) -> Result<Vec<Blob>, Fault>;

    /// Of these hashes, those whose bytes may go as [`Upkeep::removable_blobs`] says, wherever they are, in the order given.
    async fn removable_of(&self, hashes: Vec<String>, is_retired: bool) -> Result<Vec<Blob>, Fault>;

    /// Remembers whether bytes are on this machine, and that they were used just now.
    async fn set_present(&self, sha256: &str, is_present: bool) -> Result<(), Fault>;

    /// Retires the assets of these kinds that are older than so many days, and owes the records that told of them without
    /// them, and then their removal; a slice in each transaction. What is not yet proven everywhere, and what an unfinished
    /// job made, works from or names in its input, stays until then. Gives how many.
    async fn expire(&self, days: &BTreeMap<Kind, u32>) -> Result<u64, Fault>;

    /// Paths of the library, each with the hash of what it may still show, of assets that were retired after `retired_ms`
    /// and that nothing followed; about `limit` assets are looked at. And up to when that is all; None where none follow.
    async fn left_paths(&self, retired_ms: i64, limit: u32) -> Result<(Vec<(String, String)>, Option<i64>), Fault>;

    /// Knows an asset again that was found; false when it is known already.
    async fn adopt(&self, found: &Found) -> Result<bool, Fault>;
}
