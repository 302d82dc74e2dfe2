//! Commands that change something are carried out by an engine: by ours when nobody works on the home, by that of whoever
//! does otherwise. When they go, the work is taken over.

use super::{Context, print};
use crate::wire::{self, Running};
use indicatif::{ProgressBar, ProgressStyle};
use rushes_core::{Code, Fault, JobId};
use rushes_engine::{Ask, Live, Owner, Parts, Role, owner};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;

/// Without any progress for this long, a command stops waiting for deliveries.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After the end of a server, another may come for so long, as after a restart.
const ANOTHER: Duration = Duration::from_secs(10);
/// A command that works on the home may be over in a moment; a long one is not waited for.
const BRIEF: Duration = Duration::from_secs(3);

/// Who carries requests out.
enum By {
    /// This process, whose engine runs on.
    Us(Box<Running>),
    /// The process that works on the home; ours only looks.
    Owner(Owner),
}

/// To whom work may be handed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Anybody,
    /// A server only: what works for one command would leave a long job to nobody.
    Servers,
}

/// Requests to one engine: ours, or that of whoever works on the home, for as long as they do.
pub(super) struct Hand<'a> {
    context: &'a Context,
    to: To,
    by: By,
    parts: Parts,
    gone_since: Option<Instant>,
}

impl<'a> Hand<'a> {
    /// Starts an engine, or finds the one that works. Errors: those of starting one.
    pub(super) async fn open(context: &'a Context) -> anyhow::Result<Self> {
        Self::find(context, To::Anybody, None).await
    }

    /// As [`Hand::open`], for long jobs. Errors: `home_busy` where the one that works does so for one command only, and has
    /// not ended in a while.
    pub(super) async fn open_for_long(context: &'a Context) -> anyhow::Result<Self> {
        Self::find(context, To::Servers, None).await
    }

    /// `told` is whose process was told of already.
    async fn find(context: &'a Context, to: To, told: Option<u32>) -> anyhow::Result<Self> {
        let (home, config) = (&context.home, &context.loaded.config);
        let (began, mut waits_for) = (Instant::now(), None);
        loop {
            let busy = match wire::start(home, config) {
                Ok(running) => {
                    let parts = running.engine.parts().clone();
                    return Ok(Self { context, to, by: By::Us(Box::new(running)), parts, gone_since: None });
                }
                Err(fault) if fault.code == Code::HomeBusy => fault,
                Err(fault) => return Err(fault.into()),
            };
            match owner::of(home).await.filter(Owner::is_there) {
                Some(owner) if to == To::Anybody || owner.role == Role::Service => {
                    if told != Some(owner.pid) {
                        print::note(format!("Handed to process {}, which works on this home.", owner.pid));
                    }
                    return Ok(Self { context, to, by: By::Owner(owner), parts: wire::look(home, config)?, gone_since: None });
                }
                Some(owner) if began.elapsed() < BRIEF => {
                    if waits_for.replace(owner.pid) != Some(owner.pid) {
                        print::note(format!("Waiting for process {}, which works on this home, to end.", owner.pid));
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                // It went between the two looks: the next one finds the home free, or who came.
                None if began.elapsed() < ANOTHER => tokio::time::sleep(LOOK_EVERY).await,
                _ => return Err(busy.into()),
            }
        }
    }

    /// What it works with; for looking.
    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Whether it is our own engine that works.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.by, By::Us(_))
    }

    /// Live reports; none of another process.
    pub(super) fn live(&self) -> Option<Receiver<Live>> {
        match &self.by {
            By::Us(running) => Some(running.engine.live()),
            By::Owner(_) => None,
        }
    }

    /// Has a request carried out. When whoever worked on the home has gone, this process takes over.
    pub(super) async fn ask(&mut self, ask: Ask) -> anyhow::Result<Value> {
        let end = Instant::now() + ANOTHER;
        loop {
            if let By::Us(running) = &self.by {
                return Ok(running.engine.answer(ask).await?);
            }
            let unanswered = match owner::Line::open(&self.context.home).await {
                Ok(line) => match line.ask(&ask).await {
                    Err(fault) if fault.code == Code::EngineGone && ask.may_be_repeated() => fault,
                    answer => return Ok(answer?),
                },
                Err(fault) => fault,
            };
            if Instant::now() > end {
                return Err(unanswered.into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.find_anew().await?;
        }
    }

    /// Why nobody works any more, once that is sure: our engine has stopped by itself; or the process that worked has
    /// ended, and no other has come in its place.
    pub(super) fn gone(&mut self) -> Option<Fault> {
        let known = match &mut self.by {
            By::Us(running) => return running.engine.broken(),
            By::Owner(known) => known,
        };
        // One that comes in its place, such as after a restart, goes on with everything.
        *known = self.context.home.owner().unwrap_or_else(|| known.clone());
        if known.is_there() {
            self.gone_since = None;
            return None;
        }
        let since = *self.gone_since.get_or_insert_with(Instant::now);
        let is_sure = known.role == Role::Command || since.elapsed() > ANOTHER;
        let reason = "no other has come in its place; the same command goes on";
        is_sure.then(|| Fault::new(Code::EngineGone, "follow job").with("pid", known.pid).because(reason))
    }

    /// Has the work go on after whoever did it has gone: here, or with whoever came. Errors: `gone`, where our own engine
    /// stopped.
    pub(super) async fn take_over(&mut self, gone: Fault) -> anyhow::Result<()> {
        if self.is_ours() {
            return Err(gone.into());
        }
        self.find_anew().await
    }

    async fn find_anew(&mut self) -> anyhow::Result<()> {
        let told = match &self.by {
            By::Us(_) => None,
            By::Owner(owner) => Some(owner.pid),
        };
        *self = Self::find(self.context, self.to, told).await?;
        Ok(())
    }

    /// Whether the one that worked did so for its own command only, so that no other comes in its place.
    pub(super) fn was_for_one_command(&self) -> bool {
        matches!(&self.by, By::Owner(owner) if owner.role == Role::Command)
    }

    /// Stops the engine, where it is ours. What is unfinished goes on with the next.
    pub(super) async fn close(self) {
        if let By::Us(running) = self.by {
            running.engine.stop().await;
        }
    }
}

/// Has one request carried out, here or by whoever works on the home.
pub(super) async fn ask_once(context: &Context, ask: Ask) -> anyhow::Result<Value> {
    let mut hand = Hand::open(context).await?;
    let answer = hand.ask(ask).await;
    hand.close().await;
    answer
}

/// The job an answer names.
pub(super) fn job_of(answer: &Value) -> anyhow::Result<JobId> {
    Ok(serde_json::from_value(answer["job"].clone())?)
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
