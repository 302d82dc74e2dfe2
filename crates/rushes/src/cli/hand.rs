//! Commands that change something are carried out here when nobody works on the home, and handed to the engine that does
//! otherwise.

use super::{Context, print};
use crate::wire::{self, Running};
use indicatif::{ProgressBar, ProgressStyle};
use rushes_core::{Code, Fault, Job, JobId};
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

/// Many requests to one engine: ours, or that of whoever works on the home, for as long as they do.
pub(super) struct Hand<'a> {
    context: &'a Context,
    by: By,
    parts: Parts,
}

impl<'a> Hand<'a> {
    /// Starts an engine, or finds the one that works. Errors: those of starting one.
    pub(super) fn open(context: &'a Context) -> anyhow::Result<Self> {
        match wire::start(&context.home, &context.loaded.config) {
            Ok(running) => {
                let parts = running.engine.parts().clone();
                Ok(Self { context, by: By::Us(Box::new(running)), parts })
            }
            Err(fault) if fault.code == Code::HomeBusy => {
                print::note(format!("Process {} works on this home, and does the work.", fault.get("pid").unwrap_or("?")));
                Ok(Self { context, by: By::Owner, parts: wire::look(&context.home, &context.loaded.config)? })
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// What it works with; for looking.
    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Has a request carried out. When whoever worked on the home has gone, this process takes over.
    pub(super) async fn ask(&mut self, ask: Ask) -> anyhow::Result<Value> {
        if let By::Us(running) = &self.by {
            return Ok(running.engine.answer(ask).await?);
        }
        match owner::ask(&self.context.home, &ask).await {
            Err(fault) if fault.code == Code::HomeBusy => {
                *self = Self::open(self.context)?;
                match &self.by {
                    By::Us(running) => Ok(running.engine.answer(ask).await?),
                    By::Owner => Ok(owner::ask(&self.context.home, &ask).await?),
                }
            }
            answer => Ok(answer?),
        }
    }

    /// Why our engine stopped by itself, if it did.
    pub(super) fn broken(&self) -> Option<Fault> {
        match &self.by {
            By::Us(running) => running.engine.broken(),
            By::Owner => None,
        }
    }

    /// Stops the engine, where it is ours. What is unfinished goes on with the next.
    pub(super) async fn close(self) {
        if let By::Us(running) = self.by {
            running.engine.stop().await;
        }
    }
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
        if parts.routes.hold {
            return Ok(false);
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
