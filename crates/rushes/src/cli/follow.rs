//! Follows a job to its end: progress on stderr, Ctrl-C cancels, SIGTERM leaves it to be gone on with.

use super::{exit, print};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::job::{Job, JobState};
use rushes_core::{Code, Fault, JobId, Wait, record};
use rushes_engine::{Ask, Engine, Live, Owner, Parts, owner};
use rushes_workflows::Registry;
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Without any progress for this long, a run stops waiting for deliveries.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the figures on the screen are read anew.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After the end of who did the work, another may come for so long, as after a restart.
const ANOTHER: Duration = Duration::from_secs(10);
/// Step bars on the screen at once.
const BARS_MAX: usize = 6;

/// How far to follow a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Not at all: whoever works on the home goes on with it.
    Nothing,
    /// Until the workflow has ended; what it owes is sent later.
    Workflow,
    /// Until what it owes is proven, as long as deliveries make progress.
    Delivery,
}

/// How it came out.
pub(super) struct End {
    pub(super) job: Job,
    pub(super) code: u8,
}

/// Who does the work that is followed.
pub(super) enum By<'a> {
    /// Our own engine.
    Us(&'a Engine<Registry>),
    /// The process that works on the home; ours only looks.
    Owner(&'a Parts, Owner),
}

impl By<'_> {
    fn parts(&self) -> &Parts {
        match self {
            Self::Us(engine) => engine.parts(),
            Self::Owner(parts, _) => parts,
        }
    }

    async fn cancel(&self, job: JobId) -> Result<(), Fault> {
        match self {
            Self::Us(engine) => engine.cancel(job).await.map(drop),
            Self::Owner(parts, _) => owner::ask(&parts.home, &Ask::Cancel { job }).await.map(drop),
        }
    }

    /// Why nobody works any more: our engine stopped by itself, or the process has ended and no other has come.
    fn gone(&mut self) -> Option<Fault> {
        match self {
            Self::Us(engine) => engine.broken(),
            Self::Owner(parts, known) => {
                // One that comes in its place, such as after a restart, goes on with everything.
                *known = parts.home.owner().unwrap_or_else(|| known.clone());
                let reason = "it did the work and has ended; the same command goes on";
                (!known.is_there()).then(|| Fault::new(Code::HomeBusy, "follow job").with("pid", known.pid).because(reason))
            }
        }
    }

    /// Live reports; none of another process.
    fn live(&self) -> Option<Receiver<Live>> {
        match self {
            Self::Us(engine) => Some(engine.live()),
            Self::Owner(..) => None,
        }
    }
}

async fn next(live: &mut Option<Receiver<Live>>) -> Result<Live, RecvError> {
    match live {
        Some(live) => live.recv().await,
        None => std::future::pending().await,
    }
}

/// Follows a job. `count` is how many characters it makes, where that is shown.
pub(super) async fn follow(mut by: By<'_>, id: JobId, until: Until, count: Option<u32>) -> anyhow::Result<End> {
    let mut display = Display::new(count);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut live = by.live();
    let mut gone_since: Option<Instant> = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut progress = Progress::new();
    let mut is_cancelling = false;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {
                if is_cancelling {
                    return Ok(End { job: by.parts().store.job(id).await?, code: exit::CANCELLED });
                }
                is_cancelling = true;
                print::note("Cancelling; what is made is kept. Once more to leave at once.");
                match by.cancel(id).await {
                    // It has ended meanwhile: the next look tells how.
                    Err(fault) if fault.code == Code::InputInvalid => {}
                    other => drop(other?),
                }
            }
            _ = terminate.recv() => {
                print::note("Stopping; the same command goes on.");
                return Ok(End { job: by.parts().store.job(id).await?, code: exit::STOPPED });
            }
            report = next(&mut live) => match report {
                Ok(report) => display.step(&report),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => tokio::time::sleep(LOOK_EVERY).await,
            },
            _ = look.tick() => {
                let gone = by.gone();
                let parts = by.parts();
                let job = parts.store.job(id).await?;
                let owed = progress.owed(parts, id).await?;
                display.look(parts, &job, owed).await?;
                if (is_cancelling && job.state == JobState::Cancelled) || until == Until::Nothing {
                    display.close();
                    let code = code_of(job.state);
                    return Ok(End { job, code });
                }
                // What is held does not come while one waits.
                let until = if parts.routes.hold && until == Until::Delivery { Until::Workflow } else { until };
                if let Some(code) = ended(&job, owed, until, &progress) {
                    display.close();
                    return Ok(End { job, code });
                }
                match gone {
                    None => gone_since = None,
                    Some(fault) if matches!(by, By::Us(_)) || gone_since.is_some_and(|since| since.elapsed() > ANOTHER) => {
                        display.close();
                        return Err(fault.into());
                    }
                    Some(_) => drop(gone_since.get_or_insert_with(Instant::now)),
                }
            }
        }
    }
}

/// The exit code once there is nothing more to wait for.
fn ended(job: &Job, owed: u64, until: Until, progress: &Progress) -> Option<u8> {
    let has_waited = progress.since.elapsed() > PATIENCE;
    match job.state {
        JobState::Queued | JobState::Running => None,
        JobState::Delivering if until == Until::Workflow || has_waited => Some(exit::PARTLY),
        JobState::Delivering => None,
        // Its own mirror in the catalogs is the last thing owed.
        _ if owed > 0 && until == Until::Delivery && !has_waited => None,
        JobState::Completed => Some(if owed == 0 { exit::DONE } else { exit::PARTLY }),
        JobState::Failed => Some(exit::FAILED),
        JobState::Cancelled => Some(exit::CANCELLED),
    }
}

/// The exit code of a job as it stands, for those who do not follow it.
pub(super) fn code_of(state: JobState) -> u8 {
    match state {
        JobState::Failed => exit::FAILED,
        JobState::Cancelled => exit::CANCELLED,
        JobState::Queued | JobState::Running | JobState::Delivering | JobState::Completed => exit::DONE,
    }
}

/// When deliveries last made progress.
struct Progress {
    last: (u64, u64),
    since: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { last: (u64::MAX, 0), since: Instant::now() }
    }

    /// What this job, its children and its own mirror still owe.
    async fn owed(&mut self, parts: &Parts, id: JobId) -> anyhow::Result<u64> {
        let owed = parts.store.owed_by(id).await?;
        if self.last != (owed.open, owed.proven) {
            self.last = (owed.open, owed.proven);
            self.since = Instant::now();
        }
        Ok(owed.open)
    }
}

/// Bars on a terminal, plain lines elsewhere; both on stderr.
struct Display {
    bars: Option<MultiProgress>,
    head: ProgressBar,
    steps: HashMap<String, ProgressBar>,
    count: Option<u32>,
    told_seq: i64,
}

impl Display {
    fn new(count: Option<u32>) -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        let head = bars.as_ref().map_or_else(ProgressBar::hidden, |bars| bars.add(ProgressBar::new_spinner()));
        head.enable_steady_tick(Duration::from_millis(120));
        Self { bars, head, steps: HashMap::new(), count, told_seq: -1 }
    }

    fn step(&mut self, report: &Live) {
        let Some(bars) = &self.bars else { return };
        let key = format!("{}/{}", report.job, report.step);
        if report.fraction >= 1.0 {
            if let Some(bar) = self.steps.remove(&key) {
                bar.finish_and_clear();
            }
            return;
        }
        if !self.steps.contains_key(&key) && self.steps.len() >= BARS_MAX {
            return;
        }
        let bar = self.steps.entry(key).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(1_000));
            if let Ok(style) = ProgressStyle::with_template("  {prefix:<22} {bar:24} {percent:>3} % {msg}") {
                bar.set_style(style.progress_chars("▮▮▯"));
            }
            bar.set_prefix(report.step.clone());
            bar
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a thousand")]
        bar.set_position((report.fraction.clamp(0.0, 1.0) * 1_000.0) as u64);
        bar.set_message(report.note.clone());
    }

    /// The head line, and on plain output a line for each step done and each file arrived.
    async fn look(&mut self, parts: &Parts, job: &Job, owed: u64) -> anyhow::Result<()> {
        let store = &parts.store;
        if self.told_seq < 0 {
            self.told_seq = store.last_seq().await?;
        }
        let events = store.events(self.told_seq, 1_000).await?;
        for event in &events {
            self.told_seq = event.seq;
            let text = |field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
            if event.event_type == "step.done" {
                let step = text("step");
                self.clear(event.job.as_deref().unwrap_or_default(), &step);
                if self.bars.is_none() {
                    let how = if event.data["reused"] == true { "reused  " } else { "done    " };
                    print::note(format!("{how} {step} ({})", print::duration(event.data["ms"].as_i64().unwrap_or(0))));
                }
            } else if event.event_type == "job.waiting" {
                let what = text("for");
                if !what.parse::<Wait>().is_ok_and(|wait| wait.is_routine()) {
                    print::note(format!("waiting  for {what}"));
                }
            } else if event.event_type == "delivery.proven" && self.bars.is_none() {
                print::note(format!("arrived  {} after {}", text("uri"), print::duration(event.data["ms"].as_i64().unwrap_or(0))));
            }
        }
        if !events.is_empty() && self.bars.is_some() {
            let listed = store.family(job.id).await?.listed;
            let stage = record::stage(job, &listed).unwrap_or(job.state.name()).replace('_', " ");
            let count = self.count.filter(|count| *count > 1).map_or_else(String::new, |count| format!(" of {count} characters"));
            let is_proven = |delivery: &Delivery| delivery.state == DeliveryState::Proven;
            let arrived = listed.iter().filter(|(_, deliveries)| deliveries.iter().all(is_proven)).count();
            self.head.set_message(format!("{stage}{count}: {} files made, {arrived} delivered, {owed} owed", listed.len()));
        }
        Ok(())
    }

    fn clear(&mut self, job: &str, step: &str) {
        if let Some(bar) = self.steps.remove(&format!("{job}/{step}")) {
            bar.finish_and_clear();
        }
    }

    fn close(&mut self) {
        for (_, bar) in self.steps.drain() {
            bar.finish_and_clear();
        }
        self.head.finish_and_clear();
    }
}
