//! The port of a queue that calls for jobs: an engine that does not look for work by itself asks it for a task, and the
//! task, once its moment has come, asks an engine to drive that job.

use crate::fault::Fault;
use crate::ids::JobId;
use async_trait::async_trait;
use std::time::Duration;

/// What every service has for a handler; its request is `{"job": ID}`.
pub const HANDLER: &str = "drive";

/// The name by which a job is called for that no engine has the version of.
pub const STRAYS: &str = "rushes.strays";

/// The name by which jobs of this version of a workflow are called for, where a queue tells versions apart.
#[must_use]
pub fn service_of(workflow: &str, version: u32) -> String {
    format!("rushes.{workflow}.v{version}")
}

/// A queue of tasks outside.
#[async_trait]
pub trait TaskQueue: Send + Sync {
    /// Asks that this job be driven, not before `not_before_ms` (milliseconds since 1970; None: at once). Each call asks for a
    /// task of its own; two tasks for one job do no harm, as the second finds it taken or ended. The queue keeps a task until
    /// it was answered well.
    /// Errors: `queue_down`, and then nobody knows whether the task is there; `queue_refused`.
    async fn ask(&self, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault>;

    /// Makes this engine known to the queue, where that is needed. Asked again until it is done.
    /// Errors: transient where the queue does not answer.
    async fn announce(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether new jobs that wait for their turn are asked for one after the other, as bounded over all engines.
    fn heeds_turns(&self) -> bool {
        false
    }

    /// Within how many milliseconds the queue itself tries a task again that was not answered well.
    fn tries_again_ms(&self) -> i64 {
        600_000
    }

    /// How often jobs that nobody drives are looked for while nothing rings.
    fn look_every(&self) -> Duration {
        Duration::from_secs(30)
    }
}
