//! The server as the suite wants it.

use super::{Moment, OrderServer, Planned};
use crate::provider_suite::{Held, Pace, Served};
use async_trait::async_trait;

#[async_trait]
impl Served for OrderServer {
    fn plan(&self, call: &'static str, planned: Planned) {
        Self::plan(self, call, planned);
    }

    fn forget_plans(&self) {
        let mut inner = self.shared.inner();
        inner.planned.clear();
        inner.hold = None;
    }

    fn pace(&self, pace: Pace) {
        let mut inner = self.shared.inner();
        match pace {
            Pace::Looks(looks) => inner.looks = looks,
            Pace::Never => inner.looks = u32::MAX,
            Pace::Queues => inner.queues = true,
            Pace::Finish => {
                (inner.looks, inner.queues) = (1, false);
                inner.tasks.iter_mut().for_each(|task| task.looks_left = 1);
            }
        }
    }

    async fn made_meanwhile(&self) {
        self.shared.inner().tasks.iter_mut().filter(|task| task.end.is_none()).for_each(|task| task.end = Some(Ok(())));
    }

    fn allow(&self, at_once: usize) {
        self.shared.inner().at_once = at_once;
    }

    fn hold(&self, held: Held, moment: Moment) {
        self.shared.inner().hold = Some((held, moment));
    }

    async fn reached(&self) {
        self.shared.reached.notified().await;
    }

    fn is_looked_at(&self) -> bool {
        self.shared.inner().calls.contains(&"look")
    }

    fn orders(&self) -> usize {
        self.shared.inner().tasks.len()
    }

    fn is_stopped(&self) -> bool {
        self.shared.inner().tasks.iter().any(|task| task.is_stopped)
    }
}
