//! The server as the suite of providers wants it.

use super::{Answers, Planned};
use crate::orders::{self, Moment, RUBBISH};
use crate::provider_suite::{Held, Pace, Served};
use async_trait::async_trait;
use serde_json::Value;

#[async_trait]
impl Served for Answers {
    fn plan(&self, _: &'static str, planned: orders::Planned) {
        let planned = match planned {
            orders::Planned::Told(status, body) => Planned::Refused(status, body, None),
            orders::Planned::Refused(status, _, words) => Planned::Refused(status, Value::String(words), None),
            orders::Planned::AnswerLost => Planned::AnswerLost,
            orders::Planned::Dropped => Planned::Dropped,
            orders::Planned::HalfFetched => Planned::Half,
            orders::Planned::Rubbish => Planned::Says(Value::String(String::from_utf8_lossy(RUBBISH).into_owned())),
            // Nothing waits here, and nothing is kept.
            orders::Planned::Fails(_) | orders::Planned::Expired => return,
        };
        Self::plan(self, planned);
    }

    fn forget_plans(&self) {
        let mut inner = self.shared.inner();
        inner.planned.clear();
        inner.hold = None;
    }

    fn pace(&self, _: Pace) {}

    async fn made_meanwhile(&self) {}

    fn hold(&self, held: Held, moment: Moment) {
        self.shared.inner().hold = Some((held, moment));
    }

    async fn reached(&self) {
        self.shared.reached.notified().await;
    }

    fn is_looked_at(&self) -> bool {
        false
    }

    fn orders(&self) -> usize {
        self.shared.inner().carried.len()
    }

    fn is_stopped(&self) -> bool {
        false
    }
}
