//! What earlier work took.

use crate::fault::Fault;
use async_trait::async_trait;

/// A job that was completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastJob {
    /// From when an engine first took it up to its end, milliseconds.
    pub took_ms: i64,
    /// How many children it had.
    pub children: u32,
}

/// A step that gave a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStep {
    /// Its name.
    pub name: String,
    /// Who did the work, where a provider did.
    pub provider: Option<String>,
    /// From its first attempt to its end, its wait for a lane included; milliseconds.
    pub took_ms: i64,
}

/// What earlier work took, the newest first; without what was only reused.
#[async_trait]
pub trait History: Send + Sync {
    /// The last completed jobs of a workflow.
    async fn past_jobs(&self, workflow: &str, limit: u32) -> Result<Vec<PastJob>, Fault>;

    /// The steps of the last `jobs` completed jobs of a workflow.
    async fn past_steps(&self, workflow: &str, jobs: u32) -> Result<Vec<PastStep>, Fault>;
}
