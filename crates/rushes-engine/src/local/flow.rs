//! `Flow` on the local journal: each durable call is looked up first, and done and remembered otherwise.

use super::Shared;
use super::idle::Idle;
use super::scratch::Scratch;
use super::{NewJobRequest, WAIT_LOOK, asked, new_job};
use futures_util::future::join_all;
use rushes_core::flow::{Branch, Child, Data, Flow, Step, StepContext, Workflows};
use rushes_core::job::{Job, JobState, StepRow};
use rushes_core::store::{Claim, Lease};
use rushes_core::{Cancel, Code, Done, Fault, JobId, Stop, Wait};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One drive of one job.
pub(crate) struct LocalFlow<W> {
    pub(super) shared: Arc<Shared<W>>,
    pub(super) job: Job,
    pub(super) lease: Lease,
    pub(super) cancel: Cancel,
    /// Told of each step and wait.
    pub(super) idle: Idle,
    pub(super) journal: HashMap<String, StepRow>,
    pub(super) scratch: Arc<Scratch>,
    asked: Mutex<HashSet<String>>,
    /// The job's one `Cancelled` has been given.
    pub(super) given: AtomicBool,
    lost: Mutex<Option<Fault>>,
}

impl<W: Workflows> LocalFlow<W> {
    pub(super) fn new(shared: Arc<Shared<W>>, claim: &Claim, (cancel, idle): (Cancel, Idle), steps: Vec<StepRow>) -> Self {
        let scratch = Scratch::of(&shared.parts.home, claim.lease);
        let journal = steps.into_iter().map(|row| (row.name.clone(), row)).collect();
        Self {
            shared,
            job: claim.job.clone(),
            lease: claim.lease,
            cancel,
            idle,
            journal,
            scratch,
            asked: Mutex::default(),
            given: AtomicBool::new(false),
            lost: Mutex::default(),
        }
    }

    pub(super) fn lease(&self) -> Lease {
        self.lease
    }

    /// The fault of the store that ended this drive, when one did: then nothing more may be written for the job.
    pub(super) fn lost(&self) -> Option<Fault> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A journaled step the workflow did not ask for, although it ended: it is no longer the workflow that began.
    pub(super) fn never_asked(&self) -> Option<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.journal.values().find(|row| row.outcome.is_some() && !asked.contains(&row.name)).map(|row| row.name.clone())
    }

    /// Notes that a step is asked for. Errors: `step_twice`.
    pub(super) fn ask(&self, name: &str) -> Result<(), Stop> {
        let is_new = self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        if is_new { Ok(()) } else { Err(Stop::Failed(Fault::new(Code::StepTwice, "run step").with("step", name))) }
    }

    /// A store fault while writing for the job: this drive cannot go on, and must not end the job either.
    pub(super) async fn lose<T>(&self, fault: Fault) -> Result<T, Stop> {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        // The drive ends by this `Stop`; what it says is not written anywhere.
        Err(Stop::Failed(Fault::new(Code::LeaseLost, "write for job")))
    }

    /// Whether the job's one `Cancelled` has been given.
    pub(super) fn has_given_cancel(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    /// Whether the one `Cancelled` is due now; taking it counts as giving it.
    pub(super) fn take_cancel(&self) -> bool {
        self.cancel.is_cancelled() && !self.given.swap(true, Ordering::SeqCst)
    }

    /// A remembered moment: now on the first drive, the same on every later one.
    async fn moment(&self, name: String) -> Result<i64, Stop> {
        let now_ms = self.shared.parts.clock.now_ms();
        self.step(Step::new(name), move |_: StepContext| async move { Ok(Done::value(now_ms)) }).await
    }

    async fn child(&self, child: Child) -> Result<Value, Stop> {
        let store = &self.shared.parts.store;
        let id = JobId(self.shared.parts.clock.new_id());
        let request = NewJobRequest { workflow: child.workflow, input: child.input, ..Default::default() };
        let new = new_job(&self.shared.workflows, id, request, Some((self.job.id, child.name)), self.job.root).map_err(Stop::Failed)?;
        let mut job = match store.create(new).await {
            Ok(job) => job,
            Err(fault) => return self.lose(fault).await,
        };
        asked::call_quietly(&self.shared).await;
        let mut bell = self.shared.parts.watch.job(job.id);
        let _waits = self.idle.wait(None);
        while matches!(job.state, JobState::Queued | JobState::Running) {
            bell.mark_unchanged();
            job = match store.job(job.id).await {
                Ok(job) => job,
                Err(fault) => return self.lose(fault).await,
            };
            if matches!(job.state, JobState::Queued | JobState::Running) {
                let _ = tokio::time::timeout(WAIT_LOOK, bell.changed()).await;
            }
        }
        match (job.state, job.value, job.fault) {
            // Failed after its workflow had ended: the media is made, only a destination refused; the parent goes on.
            (JobState::Delivering | JobState::Completed | JobState::Failed, Some(value), _) => Ok(value),
            // The row, not the token: the wish may have reached the child before it reached us.
            (JobState::Cancelled, ..) => match store.job(self.job.id).await {
                Ok(own) if own.cancel => {
                    self.given.store(true, Ordering::SeqCst);
                    Err(Stop::Cancelled)
                }
                Ok(_) => Err(Stop::Failed(Fault::new(Code::Cancelled, "run child job").with("job", job.id))),
                Err(fault) => self.lose(fault).await,
            },
            (_, _, fault) => Err(Stop::Failed(fault.unwrap_or_else(|| Fault::new(Code::Unexpected, "run child job").with("job", job.id)))),
        }
    }

    /// Says what the job waits for from now on; nothing, when it goes on.
    pub(super) async fn wait(&self, what: Option<Wait>) {
        // The database may lie on the very disk that is full; then only the log says it.
        if let Err(fault) = self.shared.parts.store.waiting(self.lease, what).await {
            tracing::warn!(job = %self.job.id, %fault, "the reason of a wait could not be written down");
        }
    }
}

impl<W: Workflows> Flow for LocalFlow<W> {
    fn id(&self) -> &JobId {
        &self.job.id
    }

    async fn step<T: Data, F, Fut>(&self, step: Step, body: F) -> Result<T, Stop>
    where
        F: FnOnce(StepContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Done<T>, Stop>> + Send + 'static,
    {
        let is_undoing = self.has_given_cancel();
        self.run_step(Branch::new(step, body), is_undoing).await
    }

    async fn all<T: Data>(&self, branches: Vec<Branch<T>>) -> Vec<Result<T, Stop>> {
        let is_undoing = self.has_given_cancel();
        join_all(branches.into_iter().map(|branch| self.run_step(branch, is_undoing))).await
    }

    async fn children(&self, jobs: Vec<Child>) -> Vec<Result<Value, Stop>> {
        if self.take_cancel() {
            return jobs.iter().map(|_| Err(Stop::Cancelled)).collect();
        }
        join_all(jobs.into_iter().map(|child| self.child(child))).await
    }

    async fn sleep(&self, name: &str, duration: Duration) -> Result<(), Stop> {
        let began_ms = self.moment(format!("sleep {name}")).await?;
        let until_ms = began_ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        let left_ms = until_ms.saturating_sub(self.shared.parts.clock.now_ms());
        let Ok(left_ms @ 1..) = u64::try_from(left_ms) else { return Ok(()) };
        self.wait(Some(Wait::Sleep(name.to_owned()))).await;
        let waits = self.idle.wait(Some(until_ms));
        let is_awake = tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => true,
            () = self.cancel.cancelled(), if !self.given.load(Ordering::SeqCst) => false,
        };
        drop(waits);
        self.wait(None).await;
        if !is_awake && self.take_cancel() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    async fn signal<T: Data>(&self, name: &str, at: &str, limit: Duration) -> Result<Option<T>, Stop> {
        let began_ms = self.moment(format!("signal {name} {at}")).await?;
        let until_ms = began_ms.saturating_add(i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
        let got = format!("signal {name} {at} got");
        let mut value = None;
        if !self.journal.contains_key(&got) {
            self.wait(Some(Wait::Signal(name.to_owned()))).await;
            let _waits = self.idle.wait(Some(until_ms));
            let mut bell = self.shared.parts.watch.job(self.job.id);
            loop {
                bell.mark_unchanged();
                match self.shared.parts.store.take_signal(self.lease, name, at).await {
                    Ok(Some(sent)) => {
                        value = Some(sent);
                        break;
                    }
                    Ok(None) => {}
                    Err(fault) => return self.lose(fault).await,
                }
                let left_ms = until_ms.saturating_sub(self.shared.parts.clock.now_ms());
                if left_ms <= 0 || (self.cancel.is_cancelled() && !self.given.load(Ordering::SeqCst)) {
                    break;
                }
                tokio::select! {
                    () = bell.changed() => {}
                    () = self.cancel.cancelled(), if !self.given.load(Ordering::SeqCst) => {}
                    () = tokio::time::sleep(WAIT_LOOK.min(Duration::from_millis(left_ms.unsigned_abs()))) => {}
                }
            }
            self.wait(None).await;
        }
        let kept: Value =
            self.step(Step::new(got), move |_: StepContext| async move { Ok(Done::value(json!({ "value": value }))) }).await?;
        serde_json::from_value(kept["value"].clone())
            .map_err(|e| Stop::Failed(Fault::new(Code::InputInvalid, "read signal").with("name", name).because(e)))
    }
}
