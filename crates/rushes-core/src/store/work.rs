//! Work that is leased to workers.

use crate::fault::Fault;
use crate::ids::JobId;
use crate::work::{Handed, LeasedWork, NewWork, NewWorker, WaitingWork, Worker};
use async_trait::async_trait;
use uuid::Uuid;

/// Work, one piece for each job, and who does it. Whoever shows a token that is not the newest of its work gets `lease_lost`.
/// A lease that ran out is still its worker's until another takes the work.
#[async_trait]
pub trait Works: Send + Sync {
    /// Offers work; a second time changes nothing.
    async fn offer_work(&self, job: JobId, work: NewWork) -> Result<(), Fault>;

    /// See [`crate::work::Workers::go_on`].
    async fn go_on_with_work(&self, job: JobId) -> Result<(), Fault>;

    /// A file that was handed in for a job.
    async fn handed_in(&self, job: JobId, index: u32) -> Result<Option<Handed>, Fault>;

    /// Forgets a file whose bytes are lost, and offers the work anew for it.
    async fn handed_in_is_lost(&self, job: JobId, index: u32) -> Result<(), Fault>;

    /// Notes a worker, and that it is there. Gives how it is known now.
    async fn note_worker(&self, worker: NewWorker) -> Result<Worker, Fault>;

    /// Tells a worker to take nothing more, or that it may again. Errors: `not_found`.
    async fn drain_worker(&self, name: &str, is_draining: bool) -> Result<Worker, Fault>;

    /// The workers that were heard of within a day, by name.
    async fn workers(&self) -> Result<Vec<Worker>, Fault>;

    /// The work of live jobs that a worker could take now, the oldest first. Errors: `not_found` for a worker nobody noted.
    async fn waiting_work(&self, worker: &str, limit: u32) -> Result<Vec<WaitingWork>, Fault>;

    /// Gives a worker the work of a job. Errors: `not_found`; `job_taken` where somebody else was first, the job is over, or its
    /// work was begun too often: then it fails.
    async fn lease_work(&self, worker: &str, job: JobId) -> Result<LeasedWork, Fault>;

    /// Says that a worker is still there, and how far it is. False where nobody wants the work any more.
    /// Errors: `lease_lost`.
    async fn renew_work(&self, token: Uuid, share: Option<f32>) -> Result<bool, Fault>;

    /// The work of a lease. Errors: `lease_lost`.
    async fn leased_work(&self, token: Uuid) -> Result<LeasedWork, Fault>;

    /// Notes a file whose bytes are in the blob store, and wakes its job; one that is there already stays.
    /// Errors: `lease_lost`; `input_invalid` for an index the job has no file of.
    async fn hand_in(&self, token: Uuid, handed: Handed) -> Result<(), Fault>;

    /// The work is done. Errors: `lease_lost`; `input_invalid` while a file is missing.
    async fn complete_work(&self, token: Uuid) -> Result<(), Fault>;

    /// The work came to nothing: what may pass is offered again, later where the fault says when, and anything else fails.
    /// `is_given_back`: its worker goes, and it counts as not begun. Errors: `lease_lost`.
    async fn fail_work(&self, token: Uuid, fault: &Fault, is_given_back: bool) -> Result<(), Fault>;

    /// Forgets work that nothing has happened to since then, so many at most. Gives how many.
    async fn forget_work(&self, before_ms: i64, limit: u32) -> Result<u64, Fault>;
}
