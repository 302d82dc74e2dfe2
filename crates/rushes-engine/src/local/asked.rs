//! Jobs that are driven because somebody asks, each for as long as that request may last; and the calls for those that
//! nobody drives.
//!
//! An engine of this sort looks for no work: a queue outside asks for each job by its own task. What was asked of the queue
//! is noted after it has been, so a crash between the two asks twice, and loses nothing.

use super::idle::Idle;
use super::scratch;
use super::{LOOK_EVERY, NewJobRequest, Shared, WAIT_LOOK, drive, requests};
use crate::parts::Parts;
use futures_util::{StreamExt, TryStreamExt, stream};
use rushes_core::faults::{self, Place};
use rushes_core::flow::Workflows;
use rushes_core::queue::TaskQueue;
use rushes_core::store::{Claim, Lease, Seen};
use rushes_core::{Cancel, Code, Fault, Job, JobId, JobState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Requests taken and not yet begun; who comes then waits.
pub(super) const ORDERS_MAX: usize = 1_024;
/// Jobs looked up in one go, and asked for side by side.
const CALLS: u32 = 256;
const CALLS_AT_ONCE: usize = 8;
/// How long the queue may take to take one task.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// A job that was asked for is asked for again after this, should its task have been lost; in the queue it may wait for longer.
const CALLED_MS: i64 = 60 * 60 * 1_000;
/// A job that the queue would not take is tried again after this.
const REFUSED_MS: i64 = 60 * 1_000;
/// A task that was not answered is tried again by its queue within this.
const TRIED_AGAIN_MS: i64 = 10 * 60 * 1_000;
/// What waits for its children alone is looked at after this even so.
const CHILDREN_MS: i64 = 24 * 60 * 60 * 1_000;
/// How far ahead a task is asked for at most: queues keep none for longer than a month.
const AHEAD_MAX_MS: i64 = 20 * 24 * 60 * 60 * 1_000;
/// How long a request stays after its job's end for those who are told of it.
const TOLD_LIMIT: Duration = Duration::from_secs(15);
/// What is owed and gets no less for this long is not waited for.
const STILL: Duration = Duration::from_secs(5);

/// What became of a job that was to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// Nothing is left to drive: it has ended, or is a child whose workflow has.
    Ended(JobState),
    /// It is free for whoever drives it next: time was over, or it only waits. Where there is a queue, that has been asked for.
    HandedBack {
        /// From when on there is something to do, milliseconds since 1970; None: once something happens to it.
        again_ms: Option<i64>,
    },
    /// Somebody drives it already.
    Busy,
}

/// One job to be driven.
pub(crate) struct Order {
    pub(super) job: JobId,
    pub(super) deadline: Instant,
    /// Whether it also waits until everything is delivered.
    pub(super) stays: bool,
    /// Where it was claimed before.
    pub(super) claim: Option<Claim>,
    pub(super) answer: oneshot::Sender<Result<Driven, Fault>>,
}

/// Why a drive ended before its job did.
enum Left {
    Deadline,
    /// It only waits, until then at the longest.
    Waits(Option<i64>),
    /// Nobody listens any more, or the engine stops: whoever asked asks again.
    Unheard,
}

/// Drives what is asked for until `stop`; then everything is handed back.
pub(super) async fn take_orders<W: Workflows>(shared: Arc<Shared<W>>, mut orders: mpsc::Receiver<Order>, stop: Cancel) {
    let mut driven = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            order = orders.recv() => {
                let Some(mut order) = order else { break };
                let (shared, stop) = (shared.clone(), stop.clone());
                driven.spawn(async move {
                    let became = match one(&shared, &mut order, &stop).await {
                        Ok(Driven::Busy) => Ok(Driven::Busy),
                        // Its parent may have something to do now. Before the answer: after it, this may be frozen for good.
                        Ok(became) => call_for_all(&shared).await.map(|_| became),
                        Err(fault) => Err(fault),
                    };
                    // Who asked may have gone.
                    let _ = order.answer.send(became);
                });
            }
            Some(_) = driven.join_next(), if !driven.is_empty() => {}
        }
    }
    orders.close();
    while driven.join_next().await.is_some() {}
}

async fn one<W: Workflows>(shared: &Arc<Shared<W>>, order: &mut Order, stop: &Cancel) -> Result<Driven, Fault> {
    let (store, id) = (&shared.parts.store, order.job);
    let mut bell = shared.parts.watch.job(id);
    loop {
        bell.mark_unchanged();
        let job = store.job(id).await?;
        match job.state {
            JobState::Queued | JobState::Running => {
                let claimed = match order.claim.take() {
                    Some(claim) => Some(claim),
                    None => store.claim_one(&shared.owner, id).await?,
                };
                let Some(claim) = claimed else {
                    // It may have ended in between.
                    let is_going_on = matches!(store.job(id).await?.state, JobState::Queued | JobState::Running);
                    if is_going_on {
                        return Ok(Driven::Busy);
                    }
                    continue;
                };
                faults::pass_quietly(Place::Claimed);
                let (lease, idle) = (claim.lease, Idle::default());
                let left = tokio::select! {
                    () = drive::drive(shared.clone(), claim, idle.clone()) => continue,
                    left = leave(order, stop) => left,
                    until_ms = idle.is_long(&shared.parts) => Left::Waits(until_ms),
                };
                return hand_back(shared, lease, left).await;
            }
            JobState::Delivering if job.parent.is_none() && order.stays => {
                let left = tokio::select! {
                    _ = tokio::time::timeout(WAIT_LOOK, bell.changed()) => continue,
                    left = leave(order, stop) => left,
                };
                return match left {
                    Left::Unheard => Err(gone(id)),
                    Left::Deadline | Left::Waits(_) => call_again(shared, id).await,
                };
            }
            state => {
                if job.parent.is_none() && order.stays {
                    tell(shared, id, stop).await?;
                }
                return Ok(Driven::Ended(state));
            }
        }
    }
}

/// Makes a job and claims it, before anybody is asked for it. One that was made before is given as it is.
pub(super) async fn create_claimed<W: Workflows>(shared: &Shared<W>, request: NewJobRequest) -> Result<(Job, Option<Claim>), Fault> {
    let new = requests::asked_for(shared, request)?;
    let id = new.id;
    let _alone = shared.calling.lock().await;
    let job = shared.parts.store.create(new).await?;
    let is_new = job.id == id && job.state == JobState::Queued;
    let claim = if is_new { shared.parts.store.claim_one(&shared.owner, id).await? } else { None };
    Ok((job, claim))
}

/// Ends when a drive must end although its job has not.
async fn leave(order: &mut Order, stop: &Cancel) -> Left {
    tokio::select! {
        () = tokio::time::sleep_until(order.deadline) => Left::Deadline,
        () = order.answer.closed() => Left::Unheard,
        () = stop.cancelled() => Left::Unheard,
    }
}

/// The drive has been dropped, and with it its bodies and their children: its folders go, and its lease.
pub(super) async fn let_go<W: Workflows>(shared: &Shared<W>, lease: Lease) {
    clear(shared, lease).await;
    release(shared, lease).await;
}

async fn clear<W: Workflows>(shared: &Shared<W>, lease: Lease) {
    if let Some(token) = shared.driven.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&lease.job) {
        token.cancel();
    }
    scratch::clear(&shared.parts.home, lease).await;
}

/// False where somebody else has the job.
async fn release<W: Workflows>(shared: &Shared<W>, lease: Lease) -> bool {
    // This engine renews its leases for as long as it lives: a job that it neither drives nor hands back would be nobody's.
    while let Err(fault) = shared.parts.store.release(lease).await {
        if fault.code == Code::LeaseLost {
            return false;
        }
        tracing::error!(job = %lease.job, %fault, "a job could not be handed back; it is tried again");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

/// Lets go of a job, and says when it is to be asked for again.
async fn hand_back<W: Workflows>(shared: &Arc<Shared<W>>, lease: Lease, left: Left) -> Result<Driven, Fault> {
    clear(shared, lease).await;
    // Until it is noted, whoever looks for jobs without a task would ask for this one, too.
    let _alone = shared.calling.lock().await;
    if !release(shared, lease).await {
        return Ok(Driven::Busy);
    }
    let store = &shared.parts.store;
    let seen = Seen::handed_back(lease);
    let now_ms = shared.parts.clock.now_ms();
    match left {
        Left::Unheard => {
            let again_ms = shared.parts.tasks.as_ref().map_or(TRIED_AGAIN_MS, |queue| queue.tries_again_ms());
            store.put_off(seen, again_ms).await?;
            Err(gone(lease.job))
        }
        Left::Waits(None) => {
            store.put_off(seen, CHILDREN_MS).await?;
            Ok(Driven::HandedBack { again_ms: None })
        }
        Left::Waits(Some(until_ms)) => {
            let again_ms = until_ms.min(now_ms + AHEAD_MAX_MS);
            store.put_off(seen, again_ms - now_ms + TRIED_AGAIN_MS).await?;
            if let Some(queue) = &shared.parts.tasks {
                call(queue.as_ref(), lease.job, Some(again_ms)).await?;
            }
            Ok(Driven::HandedBack { again_ms: Some(again_ms) })
        }
        Left::Deadline => {
            if let Some(queue) = &shared.parts.tasks {
                call(queue.as_ref(), lease.job, None).await?;
                store.put_off(seen, CALLED_MS).await?;
            }
            Ok(Driven::HandedBack { again_ms: Some(now_ms) })
        }
    }
}

/// A job that still delivers needs another request to wait for its end.
async fn call_again<W: Workflows>(shared: &Shared<W>, job: JobId) -> Result<Driven, Fault> {
    if let Some(queue) = &shared.parts.tasks {
        call(queue.as_ref(), job, None).await?;
    }
    Ok(Driven::HandedBack { again_ms: Some(shared.parts.clock.now_ms()) })
}

fn gone(job: JobId) -> Fault {
    Fault::new(Code::EngineGone, "drive job").with("job", job).because("the engine stops, or nobody waits for the answer")
}

async fn call(queue: &dyn TaskQueue, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault> {
    faults::pass(Place::Call)?;
    let asked = tokio::time::timeout(CALL_LIMIT, queue.ask(job, not_before_ms)).await;
    let slow = || Fault::new(Code::QueueDown, "ask for task").because(format!("no answer within {} s", CALL_LIMIT.as_secs()));
    asked.map_err(|_| slow()).and_then(|asked| asked).map_err(|fault| fault.with("job", job))
}

/// Stays while the end of a job is being told, so that no instance goes to sleep over it, also a little beyond its deadline, as
/// a job may end in the last moment. What is not told in a while is left to the next request.
async fn tell<W: Workflows>(shared: &Shared<W>, root: JobId, stop: &Cancel) -> Result<(), Fault> {
    let parts = &shared.parts;
    let (mut records, mut messages) = (parts.watch.outbox.clone(), parts.watch.messages.clone());
    let until = Instant::now() + TOLD_LIMIT;
    while !parts.routes.hold && Instant::now() < until && !stop.is_cancelled() {
        records.mark_unchanged();
        messages.mark_unchanged();
        if parts.store.owed_by(root).await?.open == 0 && parts.store.owed_messages().await? == 0 {
            break;
        }
        tokio::select! {
            _ = records.changed() => {}
            _ = messages.changed() => {}
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_EVERY)) => {}
        }
    }
    Ok(())
}

/// Waits until nothing is owed to any place, for as long as something moves; gives how much is.
pub(super) async fn sent_within(parts: &Parts, limit: Duration) -> Result<u64, Fault> {
    let until = Instant::now() + limit;
    let (mut records, mut messages) = (parts.watch.outbox.clone(), parts.watch.messages.clone());
    let (mut least, mut moved) = (u64::MAX, Instant::now());
    loop {
        records.mark_unchanged();
        messages.mark_unchanged();
        let places = parts.store.backlog().await?;
        let owed = places.values().map(|place| place.owed).sum::<u64>() + parts.store.owed_messages().await?;
        if owed < least {
            (least, moved) = (owed, Instant::now());
        }
        if owed == 0 || parts.routes.hold || moved.elapsed() > STILL || Instant::now() >= until {
            return Ok(owed);
        }
        tokio::select! {
            _ = records.changed() => {}
            _ = messages.changed() => {}
            () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_EVERY)) => {}
        }
    }
}

/// Asks the queue for each job that nobody drives and nobody was called for; gives how many. A job that the queue will not take
/// holds up no other. Errors: the first one of the queue or the store; what was not asked for is found by the next look.
pub(super) async fn call_for_all<W: Workflows>(shared: &Shared<W>) -> Result<usize, Fault> {
    let (Some(queue), store) = (&shared.parts.tasks, &shared.parts.store) else { return Ok(0) };
    let _alone = shared.calling.lock().await;
    let at_once = shared.parts.jobs.at_once.filter(|_| queue.heeds_turns());
    let turns = at_once.map(|jobs| u32::try_from(jobs).unwrap_or(u32::MAX));
    let mut called = 0;
    loop {
        let found = store.undriven(CALLS, turns).await?;
        let count = found.len();
        let each = |seen: Seen| async move {
            match call(queue.as_ref(), seen.job, None).await {
                Err(fault) if !fault.is_transient() => {
                    tracing::error!(%fault, "a job could not be handed to the queue; it is tried again later");
                    return store.put_off(seen, REFUSED_MS).await;
                }
                called => called?,
            }
            faults::pass(Place::Called)?;
            store.put_off(seen, CALLED_MS).await
        };
        stream::iter(found).map(each).buffer_unordered(CALLS_AT_ONCE).try_collect::<()>().await?;
        called += count;
        if count < CALLS as usize {
            return Ok(called);
        }
    }
}

/// As [`call_for_all`], for those who have made a job, which stands whether or not it could be asked for.
pub(super) async fn call_quietly<W: Workflows>(shared: &Shared<W>) {
    if let Err(fault) = call_for_all(shared).await {
        tracing::error!(%fault, "tasks could not be asked for; it is tried again");
    }
}

/// Asks for what has no task until `stop`: at the start, when something rings, and now and then.
pub(super) async fn keep_calling<W: Workflows>(shared: Arc<Shared<W>>, stop: Cancel) {
    let Some(queue) = &shared.parts.tasks else { return };
    while let Err(fault) = queue.announce().await {
        tracing::error!(%fault, "the queue could not be told of this engine; it is tried again");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    let mut bell = shared.parts.watch.queued.clone();
    while !stop.is_cancelled() {
        bell.mark_unchanged();
        call_quietly(&shared).await;
        // A queue that is down is not asked at every turn.
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = bell.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(queue.look_every()) => {}
        }
    }
}
