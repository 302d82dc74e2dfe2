//! The local engine: claims jobs of its home, or is asked for each; drives each as one task, and replays what a crash left.

mod asked;
mod attempt;
mod desk;
mod drive;
mod flow;
mod idle;
pub(crate) mod requests;
mod scratch;
mod step;

use self::idle::Idle;
use crate::halt::Halt;
use crate::home::{Anchor, Lock};
use crate::keep;
use crate::loose;
use crate::outbox;
use crate::owner;
use crate::parts::{Driver, Parts};
#[cfg(feature = "restate")]
use crate::restate::{Listening, Node};
use crate::schedules;
use crate::view;
use crate::webhooks;
pub use asked::Driven;
pub use attempt::library;
pub use desk::Desk;
use rushes_core::faults::{self, Place};
use rushes_core::flow::{Workflows, hash};
use rushes_core::job::{Asked, NewJob};
use rushes_core::store::{Claim, JobFilter, Room};
use rushes_core::{Cancel, Code, Fault, JobId};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, Notify, broadcast, mpsc};
use tokio::task::JoinSet;

/// Jobs driven at once; a waiting one costs some kilobytes.
const DRIVEN_MAX: usize = 20_000;
/// Claimed in one transaction at most.
const CLAIM_MAX: usize = 256;
/// Live reports kept for a slow listener; older ones are dropped, which loses no fact.
const LIVE_KEPT: usize = 1_024;
/// How long the loops may take to end by themselves.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How often leases of the dead are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a wait for one job looks by itself. The job's bell is not lost; this is for what nobody thought of.
pub(crate) const WAIT_LOOK: Duration = Duration::from_secs(5);
/// How often the library is looked at for links that could not be made.
const MEND_EVERY: Duration = Duration::from_mins(1);

/// What a step reports while it works; not kept.
#[derive(Debug, Clone)]
pub struct Live {
    /// Whose step.
    pub job: JobId,
    /// Which step.
    pub step: String,
    /// 0.0–1.0.
    pub fraction: f32,
    /// A few words.
    pub note: String,
}

/// A job asked for from outside.
#[derive(Debug, Clone, Default)]
pub struct NewJobRequest {
    /// Drawn beforehand, for those who put something into its scratch; None: drawn now.
    pub id: Option<JobId>,
    /// The workflow.
    pub workflow: String,
    /// Its parameters, defaults filled in.
    pub input: Value,
    /// Who asks.
    pub asked: Asked,
}

/// What every driven job shares.
pub(crate) struct Shared<W> {
    pub(crate) parts: Parts,
    pub(crate) workflows: W,
    pub(crate) live: broadcast::Sender<Live>,
    /// The tokens of the jobs driven now.
    pub(crate) driven: Mutex<HashMap<JobId, Cancel>>,
    owner: String,
    /// A library link could not be made.
    pub(crate) unlinked: Notify,
    /// Where jobs to be driven are handed in, where the engine claims none by itself.
    orders: Option<mpsc::Sender<asked::Order>>,
    /// Held while jobs without a task are looked up and asked for.
    calling: AsyncMutex<()>,
}

/// A running engine. Dropping it stops it where it stands; the next one goes on from there.
pub struct Engine<W> {
    desk: Desk<W>,
    stop: Cancel,
    tasks: JoinSet<()>,
    senders: JoinSet<()>,
    /// Where requests are taken; gone when the engine stops.
    socket: Option<PathBuf>,
    halt: Halt,
}

impl<W: Workflows> Engine<W> {
    /// Starts claiming and sending. The caller holds the home's lock; `owner` is what the store was opened with.
    #[must_use]
    pub fn start(parts: Parts, workflows: W, owner: String) -> Self {
        let (live, _) = broadcast::channel(LIVE_KEPT);
        let stop = Cancel::new();
        let halt = Halt::new(&stop);
        let senders = outbox::start(&parts, &stop, &halt);
        let unlinked = Notify::new();
        let (orders, taken) = mpsc::channel(asked::ORDERS_MAX);
        let is_asked = parts.jobs.driver == Driver::Asked;
        let (driven, orders, calling) = (Mutex::default(), is_asked.then_some(orders), AsyncMutex::default());
        let shared = Arc::new(Shared { parts, workflows, live, driven, owner, unlinked, orders, calling });
        let mut tasks = JoinSet::new();
        if is_asked {
            tasks.spawn(halt.guard("drive jobs", asked::take_orders(shared.clone(), taken, stop.clone())));
            tasks.spawn(halt.guard("ask for tasks", asked::keep_calling(shared.clone(), stop.clone())));
        }
        if !is_asked || shared.parts.node.is_some() {
            tasks.spawn(halt.guard("claim jobs", claim_loop(shared.clone(), stop.clone())));
        }
        tasks.spawn(halt.guard("cancel jobs", cancel_loop(shared.clone(), stop.clone())));
        tasks.spawn(halt.guard("mend the library", mend_view(shared.clone(), stop.clone())));
        tasks.spawn(halt.guard("send messages", webhooks::run(shared.parts.clone(), stop.clone())));
        tasks.spawn(halt.guard("keep house", keep_house(shared.parts.clone(), stop.clone())));
        Self { desk: Desk { shared }, stop, tasks, senders, socket: None, halt }
    }

    /// Why the engine stopped by itself: one of its own loops panicked, or its home was moved away. The next start goes on with everything.
    #[must_use]
    pub fn broken(&self) -> Option<Fault> {
        self.halt.fault()
    }

    /// A way to ask of this engine, for those who outlive the one that holds it.
    #[must_use]
    pub fn desk(&self) -> Desk<W> {
        self.desk.clone()
    }

    /// Takes requests of other processes from now on, at the address the lock then names. Errors: `io`.
    pub fn listen(&mut self, lock: &mut Lock) -> Result<(), Fault> {
        if !lock.is_alone() {
            return Ok(());
        }
        let (listener, path) = owner::listen(&self.desk.parts().home)?;
        lock.announce(path.clone())?;
        let anchor = self.desk.parts().home.anchor()?;
        self.tasks.spawn(watch_home(anchor, self.halt.clone(), self.stop.clone()));
        self.tasks.spawn(requests::take_requests(self.desk.shared.clone(), listener, self.stop.clone()));
        self.socket = Some(path);
        Ok(())
    }

    /// Starts by the clock what is configured to be, from now on.
    pub fn follow_schedules(&mut self) {
        if !self.desk.parts().schedules.is_empty() {
            self.tasks.spawn(self.halt.guard("follow schedules", schedules::run(self.desk.shared.clone(), self.stop.clone())));
        }
    }

    /// Answers Restate from now on, for these workflows. Errors: `config_invalid` where Restate would not take a workflow's name.
    #[cfg(feature = "restate")]
    pub fn answer_restate(&mut self, listening: Listening, workflows: &[&str]) -> Result<(), Fault> {
        let node = Arc::new(Node::new(self.desk(), workflows, listening.patience())?);
        self.tasks.spawn(self.halt.guard("answer Restate", listening.serve(node, self.stop.clone())));
        Ok(())
    }

    /// Stops: bodies are cancelled, children killed, uploads handed back. Jobs stay as they are and go on later.
    pub async fn stop(mut self) {
        // Where the home is another's by now, so is what lies at that path.
        if let Some(socket) = self.socket.as_ref().filter(|_| self.halt.fault().is_none()) {
            let _ = std::fs::remove_file(socket);
        }
        self.stop.cancel();
        self.senders.join_all().await;
        // A loop that is ended in the middle of a claim would leave a claim that is written after whoever comes next has
        // made theirs.
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(STOP_LIMIT, ended).await;
        self.tasks.shutdown().await;
        // Whoever waited for the end of a job may stop the engine between that end and the removal of its scratch.
        if self.halt.fault().is_none()
            && let Err(fault) = keep::sweep_scratch(&self.desk.shared.parts).await
        {
            tracing::warn!(%fault, "scratch of jobs that have ended stays until the next start");
        }
    }
}

impl<W> std::ops::Deref for Engine<W> {
    type Target = Desk<W>;

    fn deref(&self) -> &Desk<W> {
        &self.desk
    }
}

/// Stops the engine when its home is moved away from under it.
async fn watch_home(anchor: Anchor, halt: Halt, stop: Cancel) {
    loop {
        if let Some(fault) = anchor.broken() {
            return halt.trip(fault);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What a start finds to put in order, and the sweeps.
async fn keep_house(parts: Parts, stop: Cancel) {
    tokio::join!(put_in_order(&parts), keep::run(parts.clone(), stop));
}

/// What the configuration has changed: places that are no longer there, and places that are new.
async fn put_in_order(parts: &Parts) {
    match parts.store.refuse_unrouted().await {
        Ok(0) => {}
        Ok(refused) => tracing::warn!(refused, "deliveries to places that are no longer configured are refused"),
        Err(fault) => tracing::error!(%fault, "deliveries to places no longer configured could not be refused"),
    }
    match loose::backfill(parts).await {
        Ok(0) => {}
        Ok(owed) => tracing::info!(owed, "assets are owed to destinations that did not have them"),
        Err(fault) => tracing::error!(%fault, "assets could not be owed to new destinations"),
    }
}

/// A job row for a request. Errors: `workflow_unknown`.
pub(crate) fn new_job<W: Workflows>(
    (workflows, parts): (&W, &Parts),
    id: JobId,
    request: NewJobRequest,
    parent: Option<(JobId, String)>,
    root: JobId,
) -> Result<NewJob, Fault> {
    let version = workflows
        .version(&request.workflow)
        .ok_or_else(|| Fault::new(Code::WorkflowUnknown, "start job").with("workflow", &request.workflow))?;
    let collection = parent.is_none().then(|| workflows.collection(&request.workflow)).flatten().map(str::to_owned);
    let NewJobRequest { workflow, input, asked, .. } = request;
    let in_turn = parent.is_none() && workflows.takes_turns(&workflow);
    let home = parts.node.clone().filter(|_| names_file(&input, &parts.home.references()));
    Ok(NewJob { home, id, version, input_hash: hash(&input), workflow, input, parent, root, collection, in_turn, asked })
}

/// Whether parameters name a file or folder of this machine: other nodes would not find it. Their own libraries of references
/// are equal.
fn names_file(input: &Value, references: &std::path::Path) -> bool {
    match input {
        Value::String(text) => {
            let path = std::path::Path::new(text);
            path.is_absolute() && !path.starts_with(references) && path.exists()
        }
        Value::Array(all) => all.iter().any(|one| names_file(one, references)),
        Value::Object(all) => all.values().any(|one| names_file(one, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

async fn claim_loop<W: Workflows>(shared: Arc<Shared<W>>, stop: Cancel) {
    // Where others hand out the jobs, nobody else can do those that work on files of this node.
    let own_files_only = shared.orders.is_some();
    let mut bell = shared.parts.watch.queued.clone();
    // Those that waited for their turn, and all others.
    let (mut in_turn, mut driven): (JoinSet<()>, JoinSet<()>) = (JoinSet::new(), JoinSet::new());
    let at_once = shared.parts.jobs.at_once.unwrap_or(DRIVEN_MAX);
    let mut heard = 0;
    // Whether a look may find something; and whether more wait for their turn than may have it.
    let (mut is_due, mut is_turn_awaited) = (true, false);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let rings = *bell.borrow_and_update();
        is_due |= std::mem::replace(&mut heard, rings) != rings;
        while driven.try_join_next().is_some() {}
        while in_turn.try_join_next().is_some() {
            is_due |= is_turn_awaited;
        }
        let free = CLAIM_MAX.min(DRIVEN_MAX.saturating_sub(driven.len() + in_turn.len()));
        let count = |jobs: usize| u32::try_from(jobs).unwrap_or(1);
        let room = Room { all: count(free), in_turn: count(at_once.saturating_sub(in_turn.len())), own_files_only };
        let is_asked = is_due && free > 0;
        let claims = if is_asked { shared.parts.store.claim(&shared.owner, room).await } else { Ok(Vec::new()) };
        let is_more = match claims {
            Ok(claims) => {
                let is_more = is_asked && claims.len() == free;
                if is_asked {
                    is_due = is_more;
                    is_turn_awaited = claims.iter().filter(|claim| claim.in_turn).count() >= room.in_turn as usize;
                }
                if !claims.is_empty() {
                    faults::pass_quietly(Place::Claimed);
                }
                for claim in claims {
                    let among = if claim.in_turn { &mut in_turn } else { &mut driven };
                    among.spawn(drive_here(shared.clone(), claim, stop.clone()));
                }
                is_more
            }
            Err(fault) => {
                tracing::error!(%fault, "jobs could not be claimed");
                false
            }
        };
        if is_more {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = bell.changed() => if changed.is_err() { break },
            Some(_) = driven.join_next(), if !driven.is_empty() => {}
            Some(_) = in_turn.join_next(), if !in_turn.is_empty() => is_due |= is_turn_awaited,
            _ = looks.tick() => is_due = true,
        }
    }
    if shared.parts.node.is_some() {
        // Each lets go of its job, which the others need not wait for then.
        while driven.join_next().await.is_some() || in_turn.join_next().await.is_some() {}
    }
    in_turn.shutdown().await;
    driven.shutdown().await;
}

/// Drives a job to its end, or until `stop`: then it is handed back where others may go on with it at once.
async fn drive_here<W: Workflows>(shared: Arc<Shared<W>>, claim: Claim, stop: Cancel) {
    let lease = claim.lease;
    tokio::select! {
        () = drive::drive(shared.clone(), claim, Idle::default()) => {}
        () = stop.cancelled(), if shared.parts.node.is_some() => asked::let_go(&shared, lease).await,
    }
}

/// Hands the wish to stop on to the tokens of the jobs driven here.
async fn cancel_loop<W: Workflows>(shared: Arc<Shared<W>>, stop: Cancel) {
    let mut bell = shared.parts.watch.jobs.clone();
    while !stop.is_cancelled() {
        bell.mark_unchanged();
        let asked = JobFilter { state: Some(rushes_core::JobState::Running), cancel_asked: true, limit: u32::MAX, ..JobFilter::default() };
        match shared.parts.store.jobs(&asked).await {
            Ok(jobs) => {
                let driven = shared.driven.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                for token in jobs.iter().filter_map(|job| driven.get(&job.id)) {
                    token.cancel();
                }
            }
            Err(fault) => tracing::error!(%fault, "cancelled jobs could not be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = bell.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Makes the links that a crash or a fault left out: at the start, and a moment after each that could not be made.
async fn mend_view<W: Workflows>(shared: Arc<Shared<W>>, stop: Cancel) {
    let parts = &shared.parts;
    loop {
        match view::mend(&parts.home.library(), &parts.blobs(), parts.store.as_ref()).await {
            Ok(0) => {}
            Ok(mended) => tracing::info!(mended, "library links made that were left out"),
            Err(fault) => {
                tracing::error!(%fault, "the library could not be mended");
                shared.unlinked.notify_one();
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.unlinked.notified() => tokio::time::sleep(LOOK_EVERY).await,
            () = tokio::time::sleep(MEND_EVERY) => {}
        }
    }
}
