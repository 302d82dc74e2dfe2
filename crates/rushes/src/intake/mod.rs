//! Work that applications leave on lists becomes jobs, each item one, whatever crashes.
//!
//! An item is moved to a list of this node's own, its job is made under a key that follows from the item's id, and then it is
//! removed there. What lies in a node's own list at its start, or after any trouble, is handled first; so an answer that was lost
//! needs no other cure. The list of a node that was not there for ten minutes is emptied by another node that writes into
//! the same store, where the same key makes no second job.

mod item;
mod neighbours;
#[cfg(test)]
mod tests;

use item::Item;
pub(crate) use neighbours::NODES;
use rushes_adapters::intake::upstash::{End, Upstash};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::faults::{self, Place};
use rushes_core::record::rfc3339;
use rushes_core::{Cancel, Fault, JobId};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Items of one list taken before the others have their turn, and looked at in one go.
const BATCH: usize = 32;
/// The first wait after trouble; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Items that could be neither removed nor named, remembered so that each is handled once.
const STUCK_MAX: usize = 1_000;

/// Makes the job of an item.
pub(crate) trait Submit: Send + Sync {
    /// Makes it, once for each id however often it is asked; says which, and whether it is new. Errors: those that pass, after which
    /// it is asked again; with any other the item is refused.
    fn submit(&self, id: &str, fields: Map<String, Value>) -> impl Future<Output = Result<(JobId, bool), Fault>> + Send;
}

/// What is taken from where.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// This node's name; no two that run at once have the same.
    pub(crate) node: String,
    /// Nodes with the same word here write their jobs into the same store.
    pub(crate) store: String,
    /// The lists.
    pub(crate) queues: Vec<String>,
    /// At which end of them the oldest item is.
    pub(crate) oldest: End,
    /// Between two looks at lists that were empty.
    pub(crate) every: Duration,
}

/// Takes what is left on lists.
pub(crate) struct Intake<S> {
    pub(crate) lists: Upstash,
    pub(crate) rules: Rules,
    pub(crate) submit: S,
}

/// The list on which a node has what it took and did not finish. The oldest item is at its left.
pub(crate) fn own_list(queue: &str, node: &str) -> String {
    format!("{queue}:rushes:{node}")
}

/// The list of what was refused, each with the reason.
pub(crate) fn refused_list(queue: &str) -> String {
    format!("{queue}:refused")
}

/// What is known between two rounds.
#[derive(Default)]
struct Standing {
    /// When the others were last told of this node.
    told: Option<Instant>,
    /// Whether nothing lies in the own lists that was not handled.
    is_clear: bool,
    /// Items that stay in the own lists although they were handled: they hold signs that no command can say.
    stuck: HashSet<String>,
}

impl<S: Submit> Intake<S> {
    /// Takes items until `stop`. What is under way then is found again by the next start.
    pub(crate) async fn run(self, stop: Cancel) {
        tracing::info!(queues = self.rules.queues.join(", "), "work is taken from lists");
        let (mut standing, mut wait, mut is_down) = (Standing::default(), FIRST_WAIT, false);
        loop {
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round(&mut standing) => round,
            };
            let pause = match round {
                Ok(taken) => {
                    if std::mem::take(&mut is_down) {
                        tracing::info!("lists of work answer again");
                    }
                    wait = FIRST_WAIT;
                    if taken > 0 { Duration::ZERO } else { self.rules.every }
                }
                Err(fault) => {
                    // Each further time is a repetition.
                    if !std::mem::replace(&mut is_down, true) {
                        tracing::error!(%fault, "work could not be taken from lists; it is tried again");
                    }
                    standing.is_clear = false;
                    let asked = fault.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
                    let pause = wait.max(asked.min(LONGEST_WAIT));
                    wait = (wait * 2).min(LONGEST_WAIT);
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One look at everything; gives how many items were taken. Errors: the first that passes.
    async fn round(&self, standing: &mut Standing) -> Result<usize, Fault> {
        if standing.told.is_none_or(|at| at.elapsed() >= neighbours::TOLD_EVERY) {
            neighbours::meet(&self.lists, &self.rules).await?;
            // A move that was asked for before this process began, or given up on, may come late.
            (standing.told, standing.is_clear) = (Some(Instant::now()), false);
        }
        if !standing.is_clear {
            for queue in &self.rules.queues {
                self.clear(queue, standing).await?;
            }
            standing.is_clear = true;
        }
        let mut taken = 0;
        for queue in &self.rules.queues {
            let own = own_list(queue, &self.rules.node);
            for _ in 0..BATCH {
                let Some(text) = self.lists.take(queue, self.rules.oldest, &own).await? else { break };
                faults::pass(Place::IntakeMoved)?;
                self.handle(queue, &own, &text, standing).await?;
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// Handles what lies in the own list of a queue, so that nothing is left.
    async fn clear(&self, queue: &str, standing: &mut Standing) -> Result<(), Fault> {
        let own = own_list(queue, &self.rules.node);
        loop {
            let there = self.lists.items(&own, BATCH + standing.stuck.len()).await?;
            let left: Vec<&String> = there.iter().filter(|text| !standing.stuck.contains(*text)).collect();
            if left.is_empty() {
                return Ok(());
            }
            for text in left {
                self.handle(queue, &own, text, standing).await?;
            }
        }
    }

    /// Makes the job of an item, or sets it aside; then it is gone from the own list. Errors: those that pass: it stays there.
    async fn handle(&self, queue: &str, own: &str, text: &str, standing: &mut Standing) -> Result<(), Fault> {
        let (id, made) = match Item::read(text) {
            Ok(Item { id, fields }) => {
                let made = self.submit.submit(&id, fields).await;
                (id, made)
            }
            Err(fault) => (String::new(), Err(fault)),
        };
        match made {
            Ok((job, is_new)) => {
                faults::pass(Place::IntakeMade)?;
                let is_gone = self.lists.remove(own, text).await?;
                if is_new {
                    tracing::info!(queue, id, %job, "an item of a list has become a job");
                } else {
                    tracing::info!(queue, id, %job, "an item of a list has its job already");
                }
                if !is_gone {
                    self.note_stuck(own, text, standing).await?;
                }
                Ok(())
            }
            Err(fault) if fault.is_transient() => Err(fault),
            Err(fault) => {
                let (refused, at) = (refused_list(queue), rfc3339(SystemClock.now_ms()));
                tracing::warn!(queue, id, %fault, "an item of a list was refused; it lies in {refused}");
                let note = json!({"item": text, "code": fault.code.name(), "reason": fault.to_string(), "at": at, "node": self.rules.node});
                self.lists.set_aside(own, text, &refused, &note).await?;
                self.note_stuck(own, text, standing).await
            }
        }
    }

    /// Remembers an item that was handled and is still there.
    async fn note_stuck(&self, own: &str, text: &str, standing: &mut Standing) -> Result<(), Fault> {
        // Only what the server could not tell us letter by letter cannot be named to it.
        if text.contains('\u{fffd}')
            && standing.stuck.len() < STUCK_MAX
            && self.lists.items(own, STUCK_MAX).await?.iter().any(|one| one == text)
        {
            tracing::warn!(list = own, "an item was handled and stays where it is: it holds bytes that are no text");
            standing.stuck.insert(text.to_owned());
        }
        Ok(())
    }
}
