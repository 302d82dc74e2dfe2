//! Where a running engine is asked: by its own process, by others over its socket, over HTTP.

use super::asked::{self, Driven, Order};
use super::requests;
use super::{Live, NewJobRequest, Shared, WAIT_LOOK};
use crate::owner::Ask;
use crate::parts::Parts;
use crate::schedules;
use rushes_core::flow::Workflows;
use rushes_core::job::Job;
use rushes_core::{Code, Fault, JobId};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};
use tokio::time::Instant;

/// Longer than any job.
#[cfg(feature = "restate")]
const FOR_EVER: std::time::Duration = std::time::Duration::from_hours(24 * 365);

/// A way to ask of a running engine. What is asked after it stopped is written down, and done by the next.
pub struct Desk<W> {
    pub(super) shared: Arc<Shared<W>>,
}

// Derived, it would ask the workflows themselves to be `Clone`.
impl<W> Clone for Desk<W> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<W: Workflows> Desk<W> {
    /// What the engine works with.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    /// The workflows it runs.
    #[must_use]
    pub fn workflows(&self) -> &W {
        &self.shared.workflows
    }

    /// Live reports from now on.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Live> {
        self.shared.live.subscribe()
    }

    /// Queues a job. Errors: `workflow_unknown`.
    pub async fn submit(&self, request: NewJobRequest) -> Result<Job, Fault> {
        requests::submit(&self.shared, request).await
    }

    /// As [`Self::submit`], for a job that needs what lies on this machine alone: with [`crate::Driver::Asked`] it is claimed at
    /// once and driven here, for so long at most, whether or not anybody asks.
    pub async fn submit_here(&self, request: NewJobRequest, limit: Duration) -> Result<Job, Fault> {
        let Some(orders) = &self.shared.orders else { return self.submit(request).await };
        let (job, claim) = asked::create_claimed(&self.shared, request).await?;
        if claim.is_some() {
            let (answer, became) = oneshot::channel();
            // An engine that stops lets its leases run out.
            let _ = orders.send(Order { job: job.id, deadline: Instant::now() + limit, stays: true, claim, answer }).await;
            // What nobody waits for is handed back.
            tokio::spawn(became);
        }
        Ok(job)
    }

    /// Asks a job to stop; it takes effect within a second of its being driven.
    pub async fn cancel(&self, job: JobId) -> Result<Job, Fault> {
        let job = self.shared.parts.store.cancel(job).await?;
        asked::call_quietly(&self.shared).await;
        Ok(job)
    }

    /// Drives one job, with [`crate::Driver::Asked`], until nothing is left to do for it, it only waits, or this moment, and
    /// hands it back then. Its children are jobs of their own, to be asked for by themselves. What drops this hands it back.
    /// Errors: `not_found`; `input_invalid` where the engine claims by itself; `engine_gone` when it stops; those of the store and
    /// the queue: then it is to be asked for again.
    pub async fn drive(&self, job: JobId, deadline: Instant) -> Result<Driven, Fault> {
        self.order(job, deadline, true).await
    }

    /// As [`Desk::drive`], for as long as it takes, and without a wait for what it delivers: for engines that stay.
    #[cfg(feature = "restate")]
    pub(crate) async fn drive_only(&self, job: JobId) -> Result<Driven, Fault> {
        self.order(job, Instant::now() + FOR_EVER, false).await
    }

    async fn order(&self, job: JobId, deadline: Instant, stays: bool) -> Result<Driven, Fault> {
        let fault = |code, why: &str| Fault::new(code, "drive job").with("job", job).because(why);
        let orders = self.shared.orders.as_ref();
        let orders =
            orders.ok_or_else(|| fault(Code::InputInvalid, "this engine takes up its jobs by itself, and drives none it is asked for"))?;
        let gone = || fault(Code::EngineGone, "the engine stops");
        let (answer, became) = oneshot::channel();
        orders.send(Order { job, deadline, stays, claim: None, answer }).await.map_err(|_| gone())?;
        became.await.map_err(|_| gone())?
    }

    /// Asks the queue for every job that nobody drives and nobody was called for; gives how many. Errors: those of the store and
    /// the queue.
    pub async fn call_for_all(&self) -> Result<usize, Fault> {
        asked::call_for_all(&self.shared).await
    }

    /// Waits until nothing is owed to any place, for as long as that gets less, and at most so long; gives how much is.
    /// Errors: those of the store.
    pub async fn sent_within(&self, limit: Duration) -> Result<u64, Fault> {
        asked::sent_within(&self.shared.parts, limit).await
    }

    /// Does what is asked, as for another process. Errors: those of each request.
    pub async fn answer(&self, ask: Ask) -> Result<Value, Fault> {
        requests::answer(&self.shared, ask).await
    }

    /// Starts what is due by the clock at this moment; gives when the next is, milliseconds since 1970.
    pub async fn look_at_schedules(&self) -> i64 {
        schedules::look(&self.shared).await
    }

    /// Waits until nothing more happens to a job.
    pub async fn ended(&self, id: JobId) -> Result<Job, Fault> {
        let mut bell = self.shared.parts.watch.job(id);
        loop {
            bell.mark_unchanged();
            let job = self.shared.parts.store.job(id).await?;
            if job.state.has_ended() {
                return Ok(job);
            }
            let _ = tokio::time::timeout(WAIT_LOOK, bell.changed()).await;
        }
    }

    /// The name under which it works, unique to this start.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.shared.owner
    }
}
