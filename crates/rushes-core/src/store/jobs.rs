//! Jobs, as the store is asked about them: making, claiming, ending.

use crate::asset::Asset;
use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::ids::JobId;
use crate::job::{Job, JobState, NewJob};
use crate::subject::Subject;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;

/// Proof that an engine may write for a job: raised at each claim, checked in each transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The counter at the claim.
    pub fence: i64,
}

/// A job taken up by an engine.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job.
    pub job: Job,
    /// The right to write for it.
    pub lease: Lease,
    /// Whether it counts among the jobs at once.
    pub in_turn: bool,
}

/// How many jobs an engine has room for. Those that were begun are taken back whether or not it is their turn.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Jobs of every sort.
    pub all: u32,
    /// Of those, new ones that wait for their turn.
    pub in_turn: u32,
    /// Only jobs that work on files of this very node.
    pub own_files_only: bool,
}

/// Which jobs to list, newest first; topmost jobs only, unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only in this state.
    pub state: Option<JobState>,
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only of this workflow and input.
    pub same_as: Option<(String, String)>,
    /// Only those that were asked to stop, children too.
    pub cancel_asked: bool,
    /// Only those that wait for somebody's choice, children too.
    pub choosing: bool,
    /// Only those that come after this one in the list; `input_invalid` where there is no such job.
    pub after: Option<JobId>,
    /// At most this many.
    pub limit: u32,
}

/// A topmost job with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Family {
    /// The topmost job first, then its children as they began.
    pub jobs: Vec<Job>,
    /// What they made, retired versions too, with the deliveries.
    pub listed: Vec<(Asset, Vec<Delivery>)>,
    /// Whom it belongs to.
    pub subjects: Vec<Subject>,
}

/// Jobs: making, claiming, ending.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Writes a queued job. A child of the same parent and name, and a job asked for with the same `idem_key`, is
    /// returned as it is, not made twice.
    async fn create(&self, job: NewJob) -> Result<Job, Fault>;

    /// As [`Jobs::create`], unless an equal topmost job, of the same workflow and input, is unfinished and was not asked to
    /// stop, or ended at `since_ms` or later: then the newest such is returned. True where one was made.
    async fn create_or_join(&self, job: NewJob, since_ms: i64) -> Result<(Job, bool), Fault>;

    /// Takes up abandoned jobs, then queued ones that need no turn, then those whose turn it is; each oldest first. Raises
    /// their fence.
    async fn claim(&self, owner: &str, room: Room) -> Result<Vec<Claim>, Fault>;

    /// Takes up this one job, whether or not it is its turn, when it is queued, or running without a valid lease of anybody;
    /// None otherwise. Raises its fence.
    async fn claim_one(&self, owner: &str, job: JobId) -> Result<Option<Claim>, Fault>;

    /// Hands a running job back, so that anybody may take it up at once. The lease counts no more. Errors: `lease_lost`.
    async fn release(&self, lease: Lease) -> Result<(), Fault>;

    /// Ends the workflow's part: `Ok` begins the delivery, `Err` fails it, `None` means cancelled, or failed where the job
    /// was given up.
    /// Errors: `lease_lost`.
    async fn finish(&self, lease: Lease, end: Option<Result<Value, Fault>>) -> Result<Job, Fault>;

    /// Asks a job and its children to stop. Errors: `not_found`, `input_invalid` when it has ended.
    async fn cancel(&self, job: JobId) -> Result<Job, Fault>;

    /// One job. Errors: `not_found`.
    async fn job(&self, job: JobId) -> Result<Job, Fault>;

    /// Several jobs.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, Fault>;

    /// A topmost job with its children, and what they made, for results and mirrors.
    async fn family(&self, root: JobId) -> Result<Family, Fault>;

    /// How many topmost jobs there are in each state: a walk through all of them.
    async fn count(&self) -> Result<BTreeMap<JobState, u64>, Fault>;

    /// How many topmost jobs have not ended, in each state; as cheap however many have.
    async fn count_open(&self) -> Result<BTreeMap<JobState, u64>, Fault>;
}
