//! The server as the suite of providers wants it.

use super::{ComfyUi, Hold, Planned};
use crate::orders::{self, Moment, RUBBISH};
use crate::provider_suite::{Held, Pace, Served};
use async_trait::async_trait;
use serde_json::json;

#[async_trait]
impl Served for ComfyUi {
    fn plan(&self, call: &'static str, planned: orders::Planned) {
        let called = match call {
            "order" => "prompt",
            "fetch" => "view",
            // Orders are looked at and looked for by the same requests.
            _ => "queue",
        };
        let (called, planned) = match planned {
            orders::Planned::Refused(status, _, words) => {
                (called, Planned::Says(status, json!({"error": {"message": words}}).to_string().into_bytes()))
            }
            orders::Planned::Told(status, body) => (called, Planned::Says(status, body.to_string().into_bytes())),
            orders::Planned::AnswerLost => (called, Planned::AnswerLost),
            orders::Planned::Dropped => (called, Planned::Dropped),
            orders::Planned::HalfFetched => (called, Planned::Half),
            orders::Planned::Fails(words) => ("run", Planned::Fails("RuntimeError", words)),
            orders::Planned::Expired => ("view", Planned::Status(404)),
            orders::Planned::Rubbish => ("view", Planned::Says(200, RUBBISH.to_vec())),
        };
        Self::plan(self, called, planned);
    }

    fn forget_plans(&self) {
        let mut inner = self.shared.inner();
        inner.planned.clear();
        inner.held = None;
    }

    fn pace(&self, pace: Pace) {
        match pace {
            Pace::Never | Pace::Queues => Self::hold(self, Hold::Queue),
            Pace::Looks(_) | Pace::Finish => Self::hold(self, Hold::Nothing),
        }
    }

    async fn made_meanwhile(&self) {
        Self::hold(self, Hold::Nothing);
        self.until(|seen| seen.pending.is_empty() && seen.running.is_none()).await;
    }

    fn hold(&self, held: Held, moment: Moment) {
        self.shared.inner().held = Some((held, moment));
    }

    async fn reached(&self) {
        self.shared.reached.notified().await;
    }

    fn is_looked_at(&self) -> bool {
        self.shared.inner().calls.contains(&"queue")
    }

    fn orders(&self) -> usize {
        self.shared.inner().taken.len()
    }

    /// One that was taken and is nowhere any more was deleted.
    fn is_stopped(&self) -> bool {
        let seen = self.seen();
        self.orders() > seen.pending.len() + seen.over.len() + usize::from(seen.running.is_some())
    }
}
