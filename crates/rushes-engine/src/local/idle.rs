//! Whether a job that is driven has nothing to do but to wait: for a time, a signal or its children.

use crate::parts::Parts;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A job that has only waited for this long, and would for as long again, is better handed back.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the flow of one job does at this moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Idle(Arc<watch::Sender<Doing>>);

#[derive(Debug, Default)]
struct Doing {
    /// Steps under way.
    steps: usize,
    /// Waits under way by a number of their own, each with its end, where time ends it: milliseconds since 1970.
    waits: BTreeMap<u64, Option<i64>>,
    next: u64,
}

/// Something that goes on until it is dropped.
pub(super) struct Going {
    idle: Idle,
    /// The number of a wait; None: a step.
    wait: Option<u64>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.idle.0.send_modify(|doing| match &self.wait {
            Some(wait) => drop(doing.waits.remove(wait)),
            None => doing.steps -= 1,
        });
    }
}

impl Idle {
    /// A step is under way.
    pub(super) fn step(&self) -> Going {
        self.0.send_modify(|doing| doing.steps += 1);
        Going { idle: self.clone(), wait: None }
    }

    /// It waits, until then at the longest; None: until something happens.
    pub(super) fn wait(&self, until_ms: Option<i64>) -> Going {
        let mut wait = 0;
        self.0.send_modify(|doing| {
            wait = doing.next;
            doing.next += 1;
            doing.waits.insert(wait, until_ms);
        });
        Going { idle: self.clone(), wait: Some(wait) }
    }

    /// Ends once the job has waited for a while and will go on waiting; gives until when at the longest.
    pub(super) async fn is_long(&self, parts: &Parts) -> Option<i64> {
        let mut changes = self.0.subscribe();
        loop {
            let (is_waiting, until_ms) = {
                let doing = changes.borrow_and_update();
                (doing.steps == 0 && !doing.waits.is_empty(), doing.waits.values().flatten().min().copied())
            };
            if !is_waiting {
                // The sending end is here: it cannot go.
                let _ = changes.changed().await;
                continue;
            }
            if tokio::time::timeout(PATIENCE, changes.changed()).await.is_ok() {
                continue;
            }
            let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
            if until_ms.is_none_or(|until_ms| until_ms - parts.clock.now_ms() > patience_ms) {
                return until_ms;
            }
        }
    }
}
