//! `rushes worker`: does the work of another Rushes' jobs beside a graphics card.
//!
//! One round: it asks what waits, measures the card, asks [`rushes_core::gpu::next`] what to do, and does that. What it knows
//! beyond a restart is one file: the lease it holds. [`job`] does one job's work, [`card`] measures and clears, [`child`] keeps
//! ComfyUI running.

mod card;
mod child;
mod job;
mod note;

use card::Card;
use job::{Bench, Ended};
use note::Note;
use rushes_adapters::work::WorkServer;
use rushes_core::gpu::{self, Seen, State, Step};
use rushes_core::work::{NewWorker, WaitingWork};
use rushes_core::{Cancel, Code, Fault, JobId};
use std::time::{Duration, Instant};

pub(crate) use card::Families;
pub(crate) use child::Command;

/// Where there is no work, it is waited for so long at the server.
const WAIT: Duration = Duration::from_secs(20);
/// Between two looks at work that is let wait on purpose.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two words that it is there, while it waits.
const REGISTER_EVERY: Duration = Duration::from_secs(60);
/// Between two tries at a server or a ComfyUI that does not answer; it doubles up to the second.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(15)];

/// A worker, ready to work.
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    pub(crate) server: WorkServer,
    pub(crate) families: Families,
    /// Where it keeps its note, and files on their way.
    pub(crate) folder: std::path::PathBuf,
    /// The address of ComfyUI.
    pub(crate) comfyui: String,
    /// What starts it, where this worker does.
    pub(crate) command: Option<Command>,
    /// How long ComfyUI may take to answer after its start.
    pub(crate) starts_within: Duration,
    /// How long one file may take.
    pub(crate) file_limit: Duration,
}

/// How it is told to end.
#[derive(Clone)]
pub(crate) struct Leave {
    /// Takes nothing more, and ends what it has.
    pub(crate) soon: Cancel,
    /// Gives back what it has.
    pub(crate) now: Cancel,
}

/// What is tried again until it is there; whoever waits may be told to leave.
struct Again(Duration);

impl Again {
    fn new() -> Self {
        Self(AGAIN[0])
    }

    async fn wait(&mut self, fault: &Fault, leave: &Cancel) {
        let pause = fault.retry_after_ms.map_or(self.0, Duration::from_millis).min(AGAIN[1]);
        self.0 = (self.0 * 2).min(AGAIN[1]);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = leave.cancelled() => {}
        }
    }
}

impl Worker {
    /// Works until it is told to leave. Errors: `config_invalid`; `key_missing`, `scope_missing`, `input_invalid` of the server.
    pub(crate) async fn run(self, leave: &Leave) -> Result<(), Fault> {
        let note = Note::at(&self.folder)?;
        let mut card = Card::new(&self)?;
        let bench = Bench::new(&self, card.client().clone());
        self.take_up(&bench, &note, leave).await?;
        let (mut state, mut registered) = (State::default(), None::<Instant>);
        let mut again = Again::new();
        while !leave.soon.is_cancelled() {
            let round = self.round(&bench, &mut card, &note, &mut state, &mut registered, leave).await;
            match round {
                Ok(()) => again = Again::new(),
                // Another server, or one that was set up anew: it is told again who this is.
                Err(fault) if fault.code == Code::NotFound => registered = None,
                Err(fault) if fault.is_transient() => {
                    tracing::warn!(%fault, "the worker waits");
                    again.wait(&fault, &leave.soon).await;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn round(
        &self,
        bench: &Bench<'_>,
        card: &mut Card,
        note: &Note,
        state: &mut State,
        registered: &mut Option<Instant>,
        leave: &Leave,
    ) -> Result<(), Fault> {
        let Some(memory) = card.ready(&leave.soon).await? else { return Ok(()) };
        if registered.is_none_or(|at| at.elapsed() >= REGISTER_EVERY) {
            let me = NewWorker {
                name: self.name.clone(),
                families: self.families.that_fit(memory.total_mb)?,
                labels: self.labels.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                card_mb: Some(memory.total_mb),
            };
            self.server.register(&me).await?;
            *registered = Some(Instant::now());
        }
        let waiting = tokio::select! {
            waiting = self.server.waiting(&self.name, WAIT) => waiting?,
            () = leave.soon.cancelled() => return Ok(()),
        };
        let waiting: Vec<gpu::Waiting> = waiting.into_iter().map(as_waiting).collect();
        let seen = Seen { now_ms: self.server.now_ms(), memory, loaded: card.loaded(), waiting: &waiting };
        let (step, next) = gpu::next(card.declared(), &seen, std::mem::take(state));
        *state = next;
        match step {
            Step::Run { job, loads } => self.work(bench, card, note, (job, loads), leave).await,
            Step::Free => card.free().await,
            Step::Restart => {
                card.restart();
                Ok(())
            }
            Step::Refuse { job, fault } => self.refuse(job, &fault).await,
            Step::Wait { .. } if waiting.is_empty() => Ok(()),
            Step::Wait { until_ms } => {
                let left_ms = until_ms.map_or(i64::MAX, |until_ms| until_ms - self.server.now_ms()).max(0);
                tokio::select! {
                    () = tokio::time::sleep(PATIENCE.min(Duration::from_millis(left_ms.unsigned_abs()))) => {}
                    () = leave.soon.cancelled() => {}
                }
                Ok(())
            }
        }
    }

    async fn work(&self, bench: &Bench<'_>, card: &mut Card, note: &Note, (job, loads): (JobId, bool), leave: &Leave) -> Result<(), Fault> {
        let work = match self.server.lease(&self.name, job).await {
            Ok(work) => work,
            // Another worker was first.
            Err(fault) if matches!(fault.code, Code::JobTaken | Code::NotFound) => return Ok(()),
            Err(fault) => return Err(fault),
        };
        note.write(work.token)?;
        tracing::info!(%job, family = work.family, files = work.order.seeds.len(), loads, "work begins");
        card.runs(&work.family);
        let ended = bench.perform(&work, &leave.now).await;
        note.clear()?;
        tracing::info!(%job, %ended, "work ended");
        match ended {
            // What is in its memory after a failure is anybody's guess.
            Ended::Failed(fault) if fault.is_transient() => card.free().await,
            _ => Ok(()),
        }
    }

    /// What this card can never do, or not now, is given back with the reason.
    async fn refuse(&self, job: JobId, fault: &Fault) -> Result<(), Fault> {
        match self.server.lease(&self.name, job).await {
            Ok(work) => self.server.fail(work.token, fault, false).await,
            Err(taken) if matches!(taken.code, Code::JobTaken | Code::NotFound) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Goes on with what an earlier run of this worker held; where another has it by now, ComfyUI need not end it.
    async fn take_up(&self, bench: &Bench<'_>, note: &Note, leave: &Leave) -> Result<(), Fault> {
        let Some(token) = note.read() else { return Ok(()) };
        let mut again = Again::new();
        while !leave.soon.is_cancelled() {
            match self.server.leased(token).await {
                Ok(work) => {
                    tracing::info!(job = %work.job, "work goes on that was begun before");
                    let ended = bench.perform(&work, &leave.now).await;
                    tracing::info!(job = %work.job, %ended, "work ended");
                    return note.clear();
                }
                Err(fault) if fault.code == Code::LeaseLost => {
                    bench.stop_all(token).await;
                    return note.clear();
                }
                Err(fault) if fault.is_transient() => again.wait(&fault, &leave.soon).await,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

fn as_waiting(work: WaitingWork) -> gpu::Waiting {
    gpu::Waiting { job: work.job, family: work.family, since_ms: work.since_ms }
}
