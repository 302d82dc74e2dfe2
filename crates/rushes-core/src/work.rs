//! Work that is done elsewhere: what a job offers, who takes it, and the files that come back.
//!
//! A worker is a program beside a graphics card. It leases one job's work at a time, hands in each file as it is made, and
//! whoever holds the newest lease is the only one whose files count.

use crate::asset::Blob;
use crate::fault::Fault;
use crate::ids::{AssetId, JobId};
use crate::inspect::Looked;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

/// The signal by which a job hears that something has happened to its work. It only wakes: what is true stands in the store.
pub const SIGNAL: &str = "work";
/// So often work is begun, by whomever, before it fails: a job that takes its workers down with it must end.
pub const BEGUN_MAX: u32 = 5;
/// Files of one job at most.
pub const FILES_MAX: u32 = 16;

/// What is to be made, in words that need no explanation beside the card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What fills the graph, by the names of its inputs; those it does not take are left out.
    pub inputs: Map<String, Value>,
    /// One for each file, in their order.
    pub seeds: Vec<u64>,
    /// Pictures that it is made from, by the names of the graph's inputs.
    pub pictures: BTreeMap<String, AssetId>,
    /// `image/png` or `video/mp4`.
    pub mime: String,
}

/// Work as a job offers it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWork {
    /// The family of models it needs, such as `sdxl`.
    pub family: String,
    /// What else whoever takes it must be called.
    pub labels: Vec<String>,
    /// What is to be made.
    pub order: Order,
}

/// Work that nobody has, or whose worker was not heard of for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingWork {
    /// Whose it is.
    pub job: JobId,
    /// The family of models it needs.
    pub family: String,
    /// Since when it waits, milliseconds since 1970.
    pub since_ms: i64,
}

/// Work as a worker has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeasedWork {
    /// Whose it is.
    pub job: JobId,
    /// Shown with all that is said of it; another for each lease.
    pub token: Uuid,
    /// Until when it holds unless it is renewed, milliseconds since 1970.
    pub until_ms: i64,
    /// The family of models it needs.
    pub family: String,
    /// What is to be made.
    pub order: Order,
    /// The files that an earlier worker has handed in: they need not be made again.
    pub have: Vec<u32>,
}

/// One file that a worker has handed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handed {
    /// Which of the job's files.
    pub index: u32,
    /// What was found of it, and its bytes.
    pub looked: Looked,
    /// The graph that made it.
    pub model: String,
}

/// A worker, as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWorker {
    /// Unique among those of a server.
    pub name: String,
    /// The families of models it has.
    pub families: Vec<String>,
    /// What else it is called.
    pub labels: Vec<String>,
    /// Its program's version.
    pub version: String,
    /// Its card's memory in MB; None while nobody could measure it.
    pub card_mb: Option<u32>,
}

/// A worker as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// What it says of itself.
    pub made: NewWorker,
    /// When it was heard of last, milliseconds since 1970.
    pub seen_ms: i64,
    /// The job whose work it has.
    pub job: Option<JobId>,
    /// How far that is, of 1.0.
    pub share: Option<f32>,
    /// It is to take nothing more.
    pub is_draining: bool,
}

/// What a job's steps know of the work done elsewhere. Each may be asked again.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Offers the work of this job; a second time changes nothing.
    async fn offer(&self, job: JobId, work: &NewWork) -> Result<(), Fault>;

    /// Says once why the work of this job does not go on; asked again, it is offered anew. Nothing where it goes on.
    /// Errors: that of the worker; `worker_missing` where nobody has taken it.
    async fn go_on(&self, job: JobId) -> Result<(), Fault>;

    /// A file that was handed in for this job, with a local path of its bytes; None where there is none, or its bytes are
    /// lost: then it is made again. Errors: `destination_down` while another node has its bytes.
    async fn handed(&self, job: JobId, index: u32) -> Result<Option<(Handed, PathBuf)>, Fault>;
}

impl Handed {
    /// Its bytes.
    #[must_use]
    pub fn blob(&self) -> &Blob {
        &self.looked.blob
    }
}

/// Whether this is a name that workers, families and labels may have: 1 to 64 letters, digits, `-`, `_` and `.`.
#[must_use]
pub fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
