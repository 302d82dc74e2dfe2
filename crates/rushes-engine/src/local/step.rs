//! One step: given from the journal, or attempted until it has an outcome, and committed with all it made.

use super::attempt::{Attempt, Made, Work};
use super::drive::panic_text;
use super::flow::LocalFlow;
use super::scratch::{Left, Room};
use crate::{ingest, staging, view};
use futures_util::FutureExt;
use rushes_core::faults::{self, Place};
use rushes_core::flow::{Branch, Data, Step, Workflows};
use rushes_core::job::Outcome;
use rushes_core::log_lines::SPANS;
use rushes_core::store::{FailedAttempt, StepCommit};
use rushes_core::{Asset, Code, Fault, NewFolder, Stop, Verdict, Wait};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::Instrument;

/// Values beyond this belong into a file.
const VALUE_MAX_BYTES: usize = 256 * 1024;
/// First wait after a failed attempt; doubles, up to `WAIT_MAX`.
const WAIT_FIRST: Duration = Duration::from_millis(200);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Between two looks whether what is waited for is there, where nothing says how long it takes.
const WAIT_LOOK: Duration = Duration::from_secs(2);

/// How an attempt ends.
enum End {
    Value(Value),
    Cancelled,
    /// It is tried again, later.
    Again {
        fault: Fault,
        after: Option<Duration>,
    },
    /// It waits for something that says nothing about the step: however long, and no try is used up.
    Wait {
        fault: Fault,
        wait: Wait,
        after: Option<Duration>,
    },
    /// Somebody else has the job.
    Lost(Fault),
    /// For good.
    Failed(Fault),
}

impl End {
    fn left(&self) -> Left {
        match self {
            Self::Value(_) => Left::Done,
            Self::Failed(_) => Left::Why,
            Self::Cancelled | Self::Again { .. } | Self::Wait { .. } | Self::Lost(_) => Left::Nothing,
        }
    }
}

impl<W: Workflows> LocalFlow<W> {
    /// `is_undoing`: the job's one `Cancelled` had been given when this call (with all its branches) began.
    pub(super) async fn run_step<T: Data>(&self, branch: Branch<T>, is_undoing: bool) -> Result<T, Stop> {
        let Branch { step, body } = branch;
        self.ask(&step.name)?;
        let done = match self.journal.get(&step.name).and_then(|row| row.outcome.clone()) {
            Some(outcome) => self.remembered(outcome)?,
            None => self.perform(&step, Work::of(body), is_undoing).await?,
        };
        serde_json::from_value(done).map_err(|e| {
            let fault = Fault::new(Code::WorkflowChanged, "read step value").with("step", &step.name);
            Stop::Failed(fault.because(format!("what it gave before has another shape: {e}")))
        })
    }

    fn remembered(&self, outcome: Outcome) -> Result<Value, Stop> {
        match outcome {
            Outcome::Value(value) => Ok(value),
            Outcome::Failed(fault) => Err(Stop::Failed(fault)),
            Outcome::Cancelled => {
                self.given.store(true, Ordering::SeqCst);
                Err(Stop::Cancelled)
            }
        }
    }

    /// Attempts a step until it has an outcome. A body can run only once; a further attempt needs the job driven
    /// again, which [`super::drive`] does on `Retry`.
    async fn perform(&self, step: &Step, work: Work, is_undoing: bool) -> Result<Value, Stop> {
        let _goes_on = self.idle.step();
        let before = self.journal.get(&step.name);
        let number = before.map_or(0, |row| row.attempts) + 1;
        let started_ms = before.map_or_else(|| self.shared.parts.clock.now_ms(), |row| row.started_ms);
        let commit = |outcome| StepCommit {
            lease: self.lease,
            step: step.name.clone(),
            input_hash: step.input_hash.clone(),
            outcome,
            attempts: number,
            started_ms,
            provider: step.provider.clone(),
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets: Vec::new(),
            shown: Vec::new(),
            gone: Vec::new(),
            folders: Vec::new(),
            folders_gone: Vec::new(),
        };
        // Every branch of a cancelled `all` is told, each in its own journal row; the call as a whole counts once.
        let is_told = || !is_undoing && self.cancel.is_cancelled();
        if is_told() {
            return self.end(commit(Outcome::Cancelled)).await;
        }
        let room = Room::of(&self.scratch, &step.name, number);
        let span = tracing::info_span!(
            target: SPANS, "step", step = step.name, job = %self.job.id, attempt = number, provider = step.provider, fault = tracing::field::Empty
        );
        let attempt = Attempt { flow: self, step, number, is_undoing, room };
        let run = async {
            let made = attempt.run(work).await?;
            self.take_in(step, made, is_undoing, commit(Outcome::Value(Value::Null))).await
        };
        // A panic between body and row is no end of the job: the step is attempted again, or its row is found.
        let result = AssertUnwindSafe(run.instrument(span.clone())).catch_unwind().await.unwrap_or_else(|panic| {
            self.shared.unlinked.notify_one();
            Err(Stop::from(Fault::new(Code::Panicked, "run step").because(panic_text(panic.as_ref()))))
        });
        if let Err(Stop::Failed(fault) | Stop::Retry { fault, .. }) = &result {
            span.record("fault", fault.code.name());
        }
        drop(span);
        let end = self.judge(step, number, is_told(), result);
        attempt.room.clear(end.left()).await;
        match end {
            End::Value(value) => Ok(value),
            End::Cancelled => self.end(commit(Outcome::Cancelled)).await,
            End::Again { fault, after } => self.again(step, number, started_ms, fault, after).await,
            End::Wait { fault, wait, after } => self.wait_for(fault, wait, after).await,
            End::Lost(fault) => Err(Stop::Failed(fault)),
            End::Failed(fault) => self.end(commit(Outcome::Failed(at_step(fault, step)))).await,
        }
    }

    /// What an attempt's result means for its step.
    fn judge(&self, step: &Step, number: u32, is_told: bool, result: Result<Value, Stop>) -> End {
        match result {
            Ok(value) => End::Value(value),
            Err(Stop::Cancelled) if is_told => End::Cancelled,
            Err(Stop::Retry { fault, after }) if let Some(wait) = Wait::of(&fault) => End::Wait { fault, wait, after },
            Err(Stop::Retry { fault, after }) if number < step.at_most => End::Again { fault, after },
            Err(Stop::Retry { fault, .. }) => End::Failed(fault.verdict(Verdict::Exhausted)),
            Err(Stop::Failed(fault)) if self.lost().is_some() => End::Lost(fault),
            Err(Stop::Failed(fault)) => End::Failed(fault),
            // The body gave up by itself: the same as a passing fault.
            Err(Stop::Cancelled) => {
                let fault = Fault::new(Code::TimeLimit, "run step");
                if number < step.at_most { End::Again { fault, after: None } } else { End::Failed(fault.verdict(Verdict::Exhausted)) }
            }
        }
    }

    /// Files through the one door, then the one transaction, then the people's view. A cancel ends the look at the files.
    async fn take_in(&self, step: &Step, made: Made, is_undoing: bool, commit: StepCommit) -> Result<Value, Stop> {
        let Made { value, files, subjects, renewed, shown, gone, folders, folders_gone, scratch } = made;
        let size_bytes = value.to_string().len();
        if size_bytes > VALUE_MAX_BYTES {
            return Err(Stop::Failed(Fault::new(Code::ValueTooLarge, "end step").with("step", &step.name).with("bytes", size_bytes)));
        }
        folders.iter().chain(&folders_gone).try_for_each(NewFolder::check)?;
        let checked = tokio::select! {
            () = self.cancel.cancelled(), if !is_undoing => return Err(Stop::Cancelled),
            checked = ingest::look(files, scratch.as_deref(), &self.shared.parts) => checked?,
        };
        let (assets, _kept) = ingest::take(checked, &self.shared.parts).await?;
        staging::stage(&self.shared.parts, &assets).await;
        let (outcome, changed) = (Outcome::Value(value.clone()), view::Folders::of(&folders, &folders_gone));
        let assets = self.commit(StepCommit { outcome, assets, subjects, renewed, shown, gone, folders, folders_gone, ..commit }).await?;
        faults::note("kept", &format_args!("{}/{}", self.job.id, step.name));
        faults::pass_quietly(Place::StepKept);
        self.show(&assets, &changed).await;
        Ok(value)
    }

    /// What stands is shown in the library, and what is gone no more. What fails follows a little later.
    async fn show(&self, assets: &[Asset], folders: &view::Folders) {
        let parts = &self.shared.parts;
        let (library, blobs) = (parts.home.library(), parts.blobs());
        let later = |shown: Result<(), Fault>| {
            if let Err(fault) = shown {
                tracing::warn!(%fault, "library link or folder not made");
                self.shared.unlinked.notify_one();
            }
        };
        folders.made.iter().for_each(|path| later(view::make_folder(&library, path)));
        for asset in assets {
            let Asset { path, blob, .. } = asset;
            later(if asset.retired_ms.is_none() {
                view::link(&library, path, &blobs.path(&blob.sha256))
            } else {
                view::unlink(&library, &blobs, parts.store.as_ref(), path, &blob.sha256).await.map(drop)
            });
            faults::pass_quietly(Place::Linked);
        }
        folders.gone.iter().for_each(|path| later(view::remove_folder(&library, path)));
    }

    async fn commit(&self, commit: StepCommit) -> Result<Vec<Asset>, Stop> {
        match self.shared.parts.store.commit(commit).await {
            Ok(assets) => Ok(assets),
            Err(fault) if fault.code == Code::LeaseLost => self.lose(fault).await,
            Err(fault) => Err(fault.into()),
        }
    }

    /// Commits an outcome without files and answers it.
    async fn end(&self, commit: StepCommit) -> Result<Value, Stop> {
        let outcome = commit.outcome.clone();
        match self.shared.parts.store.commit(commit).await {
            Ok(_) => self.remembered(outcome),
            Err(fault) => self.lose(fault).await,
        }
    }

    /// Says what the job waits for, where that can be written, and asks for another drive.
    async fn wait_for(&self, fault: Fault, wait: Wait, after: Option<Duration>) -> Result<Value, Stop> {
        tracing::warn!(job = %self.job.id, %fault, "waiting");
        self.wait(Some(wait)).await;
        Err(Stop::Retry { fault, after: Some(after.unwrap_or(WAIT_LOOK)) })
    }

    /// Writes a failed attempt down, waits, and asks for another drive.
    async fn again(&self, step: &Step, number: u32, started_ms: i64, fault: Fault, after: Option<Duration>) -> Result<Value, Stop> {
        let (name, provider) = (step.name.clone(), step.provider.clone());
        let failed = FailedAttempt { step: name.clone(), provider, attempts: number, started_ms, fault: fault.clone() };
        if let Err(fault) = self.shared.parts.store.attempt_failed(self.lease, failed).await {
            return self.lose(fault).await;
        }
        self.wait(Some(Wait::Retry(name))).await;
        let wait = after.unwrap_or_else(|| WAIT_FIRST.saturating_mul(1 << number.min(16)).min(WAIT_MAX));
        Err(Stop::Retry { fault, after: Some(wait) })
    }
}

fn at_step(fault: Fault, step: &Step) -> Fault {
    if fault.get("step").is_some() { fault } else { fault.with("step", &step.name) }
}
