//! What a job has done so far, and the one transaction that adds to it.

use super::Lease;
use crate::asset::{Asset, Blob, NewAsset};
use crate::fault::Fault;
use crate::folder::NewFolder;
use crate::ids::{AssetId, JobId};
use crate::inspect::MediaInfo;
use crate::job::{Outcome, StepRow};
use crate::subject::NewSubject;
use crate::wait::Wait;
use async_trait::async_trait;
use serde_json::Value;

/// A file whose bytes are already in the blob store, about to be registered.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// What the step asked for.
    pub asset: NewAsset,
    /// Its bytes.
    pub blob: Blob,
    /// What it was found to be.
    pub info: MediaInfo,
    /// Its path, with extension.
    pub path: String,
}

/// Everything one step commits.
#[derive(Debug, Clone)]
pub struct StepCommit {
    /// The right to write.
    pub lease: Lease,
    /// The step's name.
    pub step: String,
    /// Hash of what it worked from.
    pub input_hash: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How often its body was started.
    pub attempts: u32,
    /// When the first attempt began.
    pub started_ms: i64,
    /// Who did the work.
    pub provider: Option<String>,
    /// New subjects.
    pub subjects: Vec<NewSubject>,
    /// Subjects that are there, with the name and the fields they have from now on.
    pub renewed: Vec<NewSubject>,
    /// New assets.
    pub assets: Vec<Ingested>,
    /// Assets of the same family that were kept back, and take their places now.
    pub shown: Vec<AssetId>,
    /// Assets that go: retired, left out of every record, and then removed everywhere.
    pub gone: Vec<AssetId>,
    /// Folders that are to be there.
    pub folders: Vec<NewFolder>,
    /// Folders that are not wanted any more.
    pub folders_gone: Vec<NewFolder>,
}

/// An attempt at a step that failed in a way that may pass: the step is tried again.
#[derive(Debug, Clone)]
pub struct FailedAttempt {
    /// The step's name.
    pub step: String,
    /// Who should have done the work.
    pub provider: Option<String>,
    /// How often its body was started so far.
    pub attempts: u32,
    /// When the first attempt began.
    pub started_ms: i64,
    /// Why it failed.
    pub fault: Fault,
}

/// The journal: what the steps of jobs gave.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The steps of a job, in the order they were written.
    async fn steps(&self, job: JobId) -> Result<Vec<StepRow>, Fault>;

    /// The one transaction: value, subjects, assets, lineage, everything owed, event. Gives the assets that have their places
    /// by it, and those that went. Errors: `lease_lost`; `name_taken` when a new subject's slug exists; `not_found` for one to be shown that the
    /// family did not keep back.
    async fn commit(&self, commit: StepCommit) -> Result<Vec<Asset>, Fault>;

    /// Remembers that an attempt failed.
    async fn attempt_failed(&self, lease: Lease, failed: FailedAttempt) -> Result<(), Fault>;

    /// Says what a job waits for (None: nothing).
    async fn waiting(&self, lease: Lease, waiting_for: Option<Wait>) -> Result<(), Fault>;

    /// Asks a job and its children to stop, as a cancel does; but it then ends failed, with this fault. Nothing changes for
    /// a job that was asked to stop before. Errors: `lease_lost`.
    async fn give_up(&self, lease: Lease, fault: &Fault) -> Result<(), Fault>;

    /// Sends a value to a name of a job; the same `at` twice is once.
    async fn send_signal(&self, job: JobId, name: &str, value: Value) -> Result<(), Fault>;

    /// As [`Journal::send_signal`], once, to a job that waits for that name at this moment. Errors: `not_found`;
    /// `input_invalid` where it does not, or was answered and has not gone on yet.
    async fn answer(&self, job: JobId, name: &str, value: Value) -> Result<(), Fault>;

    /// The oldest value sent to that name that no earlier waiting took, given for good to this waiting.
    async fn take_signal(&self, lease: Lease, name: &str, at: &str) -> Result<Option<Value>, Fault>;
}
