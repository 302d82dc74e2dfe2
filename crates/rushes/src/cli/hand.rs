//! Commands that change something are carried out here when nobody works on the home, and handed to the engine that does
//! otherwise.

use super::{Context, print};
use crate::wire::{self, Running};
use indicatif::{ProgressBar, ProgressStyle};
use rushes_core::{Code, Job, JobId};
use rushes_engine::{Ask, Parts, owner};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Without any progress for this long, a command stops waiting for deliveries.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who carried a request out.
pub(super) enum By {
    /// This process, whose engine runs on.
    Us(Box<Running>),
    /// The process that works on the home.
    Owner,
}

/// Has a request carried out, here or by whoever works on the home.
pub(super) async fn ask(context: &Context, ask: Ask) -> anyhow::Result<(Value, By)> {
    match wire::start(&context.home, &context.loaded.config) {
        Ok(running) => {
            let answer = running.engine.answer(ask).await?;
            Ok((answer, By::Us(Box::new(running))))
        }
        Err(fault) if fault.code == Code::HomeBusy => {
            let answer = owner::ask(&context.home, &ask).await?;
            print::note(format!("Handed to process {}, which works on this home.", fault.get("pid").unwrap_or("?")));
            Ok((answer, By::Owner))
        }
        Err(fault) => Err(fault.into()),
    }
}

/// The job an answer names.
pub(super) fn job_of(answer: &Value) -> anyhow::Result<JobId> {
    Ok(serde_json::from_value(answer["job"].clone())?)
}

/// Waits until a job of another process has ended; gives it as it stands when nothing happens for a minute.
pub(super) async fn watch(parts: &Parts, id: JobId) -> anyhow::Result<Job> {
    let mut last = (0, 0, Instant::now());
    loop {
        let (job, owed) = (parts.store.job(id).await?, parts.store.owed_by(id).await?);
        if job.state.has_ended() && owed.open == 0 {
            return Ok(job);
        }
        let seen = (parts.store.last_seq().await?, owed.open);
        if seen != (last.0, last.1) {
            last = (seen.0, seen.1, Instant::now());
        }
        if last.2.elapsed() > PATIENCE {
            return Ok(job);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until nothing is owed anywhere, as long as deliveries make progress. False when something stayed.
pub(super) async fn drain(parts: &Parts) -> anyhow::Result<bool> {
    let (mut last, mut since) = (u64::MAX, Instant::now());
    loop {
        let owed: u64 = parts.store.backlog().await?.values().map(|backlog| backlog.owed).sum();
        if owed == 0 {
            return Ok(true);
        }
        if owed != last {
            (last, since) = (owed, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            return Ok(false);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A bar on stderr for work whose share done is known; hidden where stderr is no terminal.
pub(super) fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(1_000);
    if let Ok(style) = ProgressStyle::with_template("  {prefix:<22} {bar:24} {percent:>3} %") {
        bar.set_style(style.progress_chars("▮▮▯"));
    }
    bar.set_prefix(what);
    bar
}

/// Moves a bar to a share of its whole.
pub(super) fn advance(bar: &ProgressBar, share: f32) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a fraction of a thousand")]
    bar.set_position((share.clamp(0.0, 1.0) * 1_000.0) as u64);
}
