//! Jobs that nobody drives, for an engine that drives only those it is called for: see [`crate::queue`].

use crate::fault::Fault;
use crate::ids::JobId;
use crate::store::Lease;
use async_trait::async_trait;

/// A job as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub job: JobId,
    /// The fence it had: another one means that somebody has taken it up since.
    pub fence: i64,
    /// Its moment; another one means that something has happened to it since.
    pub wake_at_ms: i64,
}

impl Seen {
    /// A job that was handed back under this lease, and to which nothing has happened since it was taken up.
    #[must_use]
    pub fn handed_back(lease: Lease) -> Self {
        Self { job: lease.job, fence: lease.fence + 1, wake_at_ms: 0 }
    }
}

/// Which jobs somebody is to be called for.
#[async_trait]
pub trait Calls: Send + Sync {
    /// Jobs that are queued, or running without a valid lease, or topmost and delivering, and whose moment has come; at most
    /// `limit`. The moment of a new job, of one that was handed back, retried, sent a signal, asked to stop, or whose last
    /// child has ended, is now; that of one that begins to deliver is some minutes later, as who drove it waits for that.
    /// Where turns count, new jobs that wait for theirs are among them while fewer than `at_once` run, the oldest first.
    async fn undriven(&self, limit: u32, at_once: Option<u32>) -> Result<Vec<Seen>, Fault>;

    /// Puts a job's moment off by so many milliseconds: somebody was called for it, or it has nothing to do before then. Does
    /// nothing where it was taken up since it was seen, or something has happened to it.
    async fn put_off(&self, seen: Seen, by_ms: i64) -> Result<(), Fault>;
}
