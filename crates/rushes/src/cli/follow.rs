//! Follows a job to its end, whoever does it: progress on stderr, Ctrl-C cancels, SIGTERM leaves it to be gone on with.

use super::hand::{Hand, PATIENCE};
use super::{exit, print};
use crate::words;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::job::{Job, JobState};
use rushes_core::{Code, Fault, JobId, Wait, record};
use rushes_engine::{Ask, Live, Parts};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often the figures on the screen are read anew.
const LOOK_EVERY: Duration = Duration::from_millis(250);
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

async fn next(live: &mut Option<Receiver<Live>>) -> Result<Live, RecvError> {
    match live {
        Some(live) => live.recv().await,
        None => std::future::pending().await,
    }
}

/// Follows a job. `count` is how many characters it makes, where that is shown. Errors: `engine_gone` where nobody works on
/// it any more.
pub(super) async fn follow(hand: &mut Hand<'_>, id: JobId, until: Until, count: Option<u32>) -> anyhow::Result<End> {
    let mut display = Display::new(count);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut live = hand.live();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut progress = Progress::new();
    let mut is_cancelling = false;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {
                if is_cancelling {
                    return Ok(End { job: hand.parts().store.job(id).await?, code: exit::CANCELLED });
                }
                is_cancelling = true;
                print::note("Cancelling; what is made is kept. Once more to leave at once.");
                cancel(hand, id).await?;
                live = hand.live();
            }
            _ = terminate.recv() => {
                print::note("Stopping; the same command goes on.");
                return Ok(End { job: hand.parts().store.job(id).await?, code: exit::STOPPED });
            }
            report = next(&mut live) => match report {
                Ok(report) => display.step(&report),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => tokio::time::sleep(LOOK_EVERY).await,
            },
            _ = look.tick() => {
                let gone = hand.gone();
                let parts = hand.parts();
                let job = parts.store.job(id).await?;
                let owed = progress.owed(parts, id).await?;
                display.look(parts, &job, owed).await?;
                // What is held does not come while one waits.
                let until = if parts.routes.hold && until == Until::Delivery { Until::Workflow } else { until };
                let is_cancelled = is_cancelling && job.state == JobState::Cancelled;
                let ended = if is_cancelled { Some(exit::CANCELLED) } else { ended(&job, owed, until, &progress) };
                if let Some(code) = ended {
                    display.close();
                    if code == exit::PARTLY {
                        print::note("Not everything is delivered yet. The same command goes on; `rushes status` shows what is owed.");
                    }
                    return Ok(End { job, code });
                }
                match gone {
                    None => {}
                    Some(gone) if hand.was_for_one_command() => {
                        hand.take_over(gone).await?;
                        live = hand.live();
                    }
                    Some(gone) => {
                        display.close();
                        return Err(gone.into());
                    }
                }
            }
        }
    }
}

/// Asks the job to stop; one that has ended meanwhile is no error: the next look tells how.
async fn cancel(hand: &mut Hand<'_>, job: JobId) -> anyhow::Result<()> {
    match hand.ask(Ask::Cancel { job }).await {
        Err(error) if error.downcast_ref::<Fault>().is_some_and(|fault| fault.code == Code::InputInvalid) => Ok(()),
        other => other.map(drop),
    }
}

/// The exit code once there is nothing more to wait for.
fn ended(job: &Job, owed: u64, until: Until, progress: &Progress) -> Option<u8> {
    let has_waited = progress.since.elapsed() > PATIENCE;
    match job.state {
        // To have been handed over is all that was asked for.
        JobState::Queued | JobState::Running | JobState::Delivering if until == Until::Nothing => Some(exit::DONE),
        JobState::Queued | JobState::Running => None,
        JobState::Delivering if until == Until::Workflow || has_waited => Some(exit::PARTLY),
        JobState::Delivering => None,
        // Its own mirror in the catalogs is the last thing owed.
        _ if owed > 0 && until == Until::Delivery && !has_waited => None,
        JobState::Completed => Some(if owed == 0 || until == Until::Nothing { exit::DONE } else { exit::PARTLY }),
        JobState::Failed => Some(exit::FAILED),
        JobState::Cancelled => Some(exit::CANCELLED),
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
                    print::note(format!("{how} {step} ({})", words::took(event.data["ms"].as_i64().unwrap_or(0))));
                }
            } else if event.event_type == "job.waiting" {
                let what = text("for");
                if !what.parse::<Wait>().is_ok_and(|wait| wait.is_routine()) {
                    print::note(format!("waiting  for {what}"));
                }
            } else if event.event_type == "delivery.proven" && self.bars.is_none() {
                print::note(format!("arrived  {} after {}", text("uri"), words::took(event.data["ms"].as_i64().unwrap_or(0))));
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
