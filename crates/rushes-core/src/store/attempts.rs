//! What was sent outside for jobs: behind [`crate::ledger::Ledger`], which a step's body sees.

use super::Lease;
use crate::fault::Fault;
use crate::ids::JobId;
use crate::ledger::{Attempt, AttemptEnd, Begun, SpentADay, SpentByJob, Terms};
use async_trait::async_trait;

/// The ledger of attempts. A step that ends without a value leaves none of its attempts open: see
/// [`crate::ledger::AttemptState::NeedsReconcile`].
#[async_trait]
pub trait Attempts: Send + Sync {
    /// All of a job, in the order in which they were begun.
    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, Fault>;

    /// The job and the step of everything that was sent, or may have been, and is not over.
    async fn open_attempts(&self) -> Result<Vec<(JobId, String)>, Fault>;

    /// As [`crate::ledger::Ledger::begin`]. Errors: `lease_lost`, `provider_busy`, `budget_spent`.
    async fn begin_attempt(&self, lease: Lease, step: &str, terms: &Terms) -> Result<Begun, Fault>;

    /// Says what became of the step's open attempt; `Done` may be of one that another step of the job submitted.
    /// Errors: `lease_lost`; `not_found` when there is none.
    async fn end_attempt(&self, lease: Lease, step: &str, end: AttemptEnd) -> Result<(), Fault>;

    /// A person says what became of the step's attempt that needs it, by [`AttemptEnd::Submitted`] or
    /// [`AttemptEnd::Failed`]. Errors: `not_found` where none does; `input_invalid` while its job works.
    async fn settle_attempt(&self, job: JobId, step: &str, end: AttemptEnd) -> Result<(), Fault>;

    /// What was spent on each day since this moment (milliseconds since 1970), newest first.
    async fn spent_a_day(&self, since_ms: i64) -> Result<Vec<SpentADay>, Fault>;

    /// What jobs with anything sent since this moment have spent since then, the dearest first; so many at most.
    async fn spent_by_job(&self, since_ms: i64, limit: usize) -> Result<Vec<SpentByJob>, Fault>;
}
