//! One claimed job from its journal to its end.

use super::Shared;
use super::flow::LocalFlow;
use super::idle::Idle;
use futures_util::FutureExt;
use rushes_core::faults::{self, Place};
use rushes_core::flow::Workflows;
use rushes_core::job::Job;
use rushes_core::log_lines::SPANS;
use rushes_core::store::Claim;
use rushes_core::{Cancel, Code, Fault, Stop};
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// How often one claim is driven anew; each step's own limit is far below.
const DRIVES_MAX: u32 = 1_000;
/// Between two drives of a job that the store could not write for.
const STORE_WAIT_FIRST: Duration = Duration::from_secs(1);
const STORE_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often the time of a bounded job is compared with the clock.
const CLOCK_LOOK: Duration = Duration::from_secs(10);

/// Runs a job until its workflow ends; then writes the end down. A lost lease ends it without a word. `idle` tells meanwhile
/// whether it only waits.
pub(super) async fn drive<W: Workflows>(shared: Arc<Shared<W>>, claim: Claim, idle: Idle) {
    let id = claim.job.id;
    let token = Cancel::new();
    if claim.job.cancel {
        token.cancel();
    }
    shared.driven.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, token.clone());
    let span = tracing::info_span!(target: SPANS, "job", job = %id, root = %claim.job.root, workflow = claim.job.workflow, fault = tracing::field::Empty);
    let driven = async {
        tokio::select! {
            end = persist(&shared, &claim, &token, &idle) => end,
            never = overdue(&shared, &claim) => match never {},
        }
    };
    let end = driven.instrument(span.clone()).await;
    if let Some(fault) = end.as_ref().map_or_else(Some, |job| job.fault.as_ref()) {
        span.record("fault", fault.code.name());
    }
    shared.driven.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&id);
    match end {
        Ok(job) => {
            faults::pass_quietly(Place::Finished);
            // A failed job's scratch stays, for those who want to know why; [`crate::keep`] removes it in time.
            let scratch = shared.parts.home.scratch(id);
            // Most jobs have none; asking is cheaper than a thread that finds out.
            if job.state != rushes_core::JobState::Failed && scratch.exists() {
                let _ = tokio::fs::remove_dir_all(scratch).await;
            }
        }
        Err(fault) => tracing::warn!(job = %id, %fault, "the job goes on elsewhere"),
    }
}

/// Gives the job up when its time is over; then it stops as one that is cancelled does.
async fn overdue<W: Workflows>(shared: &Shared<W>, claim: &Claim) -> Infallible {
    let (Some(longest), Some(started_ms), None) = (shared.parts.jobs.longest, claim.job.started_ms, claim.job.parent) else {
        return std::future::pending().await;
    };
    let until_ms = started_ms.saturating_add(i64::try_from(longest.as_millis()).unwrap_or(i64::MAX));
    loop {
        let left_ms = until_ms.saturating_sub(shared.parts.clock.now_ms());
        if left_ms > 0 {
            // In pieces: the clock may be set meanwhile.
            tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs()).min(CLOCK_LOOK)).await;
            continue;
        }
        let reason = format!("{} s were allowed", longest.as_secs_f64());
        let fault = Fault::new(Code::JobLimit, "run job").with("job", claim.job.id).because(reason);
        match shared.parts.store.give_up(claim.lease, &fault).await {
            Ok(()) => return std::future::pending().await,
            Err(fault) => {
                tracing::error!(job = %claim.job.id, %fault, "a job beyond its time could not be stopped");
                tokio::time::sleep(STORE_WAIT_FIRST).await;
            }
        }
    }
}

/// Drives again after faults of the store, such as a full disk, for as long as the job is ours.
async fn persist<W: Workflows>(shared: &Arc<Shared<W>>, claim: &Claim, token: &Cancel, idle: &Idle) -> Result<Job, Fault> {
    let mut wait = STORE_WAIT_FIRST;
    // A job nobody has held before has done no step.
    let mut is_new = claim.lease.fence == 1;
    loop {
        let caught = std::panic::AssertUnwindSafe(run(shared, claim, (token, idle), std::mem::take(&mut is_new))).catch_unwind().await;
        // A panic of the engine itself leaves a job that is ours and that nobody drives; so it is driven again.
        let end = caught.unwrap_or_else(|panic| Err(Fault::new(Code::Panicked, "drive job").because(panic_text(panic.as_ref()))));
        match end {
            Err(fault) if fault.code != Code::LeaseLost => {
                tracing::error!(job = %claim.job.id, %fault, wait_s = wait.as_secs(), "the job could not be written down; it goes on after a wait");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(STORE_WAIT_MAX);
            }
            end => return end,
        }
    }
}

async fn run<W: Workflows>(
    shared: &Arc<Shared<W>>,
    claim: &Claim,
    (token, idle): (&Cancel, &Idle),
    mut is_new: bool,
) -> Result<Job, Fault> {
    let mut drives = 0;
    loop {
        drives += 1;
        let steps = if std::mem::take(&mut is_new) { Vec::new() } else { shared.parts.store.steps(claim.job.id).await? };
        let flow = LocalFlow::new(shared.clone(), claim, (token.clone(), idle.clone()), steps);
        let result = guarded(shared, &claim.job, &flow).await;
        if let Some(fault) = flow.lost() {
            return Err(fault);
        }
        let end = match result {
            Ok(value) => match flow.never_asked() {
                None => Some(Ok(value)),
                Some(step) => Some(Err(Fault::new(Code::WorkflowChanged, "end job").with("step", step))),
            },
            Err(Stop::Cancelled) => None,
            Err(Stop::Failed(fault)) => Some(Err(fault)),
            Err(Stop::Retry { fault, after }) if fault.code == Code::DiskFull => {
                drives -= 1;
                pause(after, token, &flow).await;
                flow.wait(None).await;
                continue;
            }
            Err(Stop::Retry { fault, .. }) if drives >= DRIVES_MAX => Some(Err(fault.verdict(rushes_core::Verdict::Exhausted))),
            Err(Stop::Retry { after, .. }) => {
                pause(after, token, &flow).await;
                flow.wait(None).await;
                continue;
            }
        };
        faults::pass(Place::Finish)?;
        return shared.parts.store.finish(flow.lease(), end).await;
    }
}

/// Waits before the next drive; a cancel ends the wait.
async fn pause<W: Workflows>(after: Option<Duration>, token: &Cancel, flow: &LocalFlow<W>) {
    tokio::select! {
        () = tokio::time::sleep(after.unwrap_or(Duration::from_secs(1))) => {}
        () = token.cancelled(), if !flow.has_given_cancel() => {}
    }
}

/// A panic in a workflow fails its job and nothing else.
async fn guarded<W: Workflows>(shared: &Arc<Shared<W>>, job: &Job, flow: &LocalFlow<W>) -> Result<Value, Stop> {
    if shared.workflows.version(&job.workflow) != Some(job.version) {
        let now = shared.workflows.version(&job.workflow).map_or_else(|| "none".to_owned(), |v| v.to_string());
        let reason =
            format!("the job was begun with version {} of its workflow, and no engine that has it came; this one has {now}", job.version);
        return Err(Stop::Failed(Fault::new(Code::WorkflowChanged, "go on with job").with("workflow", &job.workflow).because(reason)));
    }
    let run = shared.workflows.run(&job.workflow, flow, job.input.clone());
    let caught = std::panic::AssertUnwindSafe(run).catch_unwind().await;
    caught.unwrap_or_else(|panic| {
        Err(Stop::Failed(
            Fault::new(Code::Panicked, "run workflow").verdict(rushes_core::Verdict::Permanent).because(panic_text(panic.as_ref())),
        ))
    })
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it said nothing".to_owned())
}
