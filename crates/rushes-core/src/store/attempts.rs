//! What was sent outside for jobs: behind [`crate::ledger::Ledger`], which a step's body sees.

use super::Lease;
use crate::fault::Fault;
use crate::ids::JobId;
use crate::ledger::{Attempt, Begun};
use async_trait::async_trait;

/// What became of a step's open attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It has this name there, and its result is to come.
    Submitted(String),
    /// It is over.
    Done {
        /// Its name there.
        external_id: String,
        /// Millionths of a US dollar.
        cost_micros: Option<i64>,
    },
    /// Nothing stands outside.
    Failed(Fault),
    /// Whether anything does is not known.
    Unknown(Fault),
}

/// The ledger of attempts. A step that ends without a value leaves none of its attempts open: see
/// [`crate::ledger::AttemptState::NeedsReconcile`].
#[async_trait]
pub trait Attempts: Send + Sync {
    /// All of a job, in the order in which they were begun.
    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, Fault>;

    /// As [`crate::ledger::Ledger::begin`]. Errors: `lease_lost`.
    async fn begin_attempt(&self, lease: Lease, step: &str, provider: &str) -> Result<Begun, Fault>;

    /// Says what became of the step's open attempt; `Done` may be of one that another step of the job submitted.
    /// Errors: `lease_lost`; `not_found` when there is none.
    async fn end_attempt(&self, lease: Lease, step: &str, end: AttemptEnd) -> Result<(), Fault>;
}
