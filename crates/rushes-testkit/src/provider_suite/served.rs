//! What the suite wants of a server, whoever it plays.

use crate::orders::{Moment, Planned};
use async_trait::async_trait;

/// Which request is never answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// This one from now on, the first being 1.
    Nth(usize),
    /// The next that asks how an order stands.
    Look,
}

/// How fast a server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Orders are made after so many looks, where it counts them.
    Looks(u32),
    /// What was ordered is not made.
    Never,
    /// What is ordered from now on does not even begin.
    Queues,
    /// Everything that is under way is made.
    Finish,
}

/// A server that is told what to do, and tells what it saw.
#[async_trait]
pub trait Served: Send + Sync {
    /// The next request of that name goes wrong: `order`, `look`, `find`, `fetch`. What it never does is left out.
    fn plan(&self, call: &'static str, planned: Planned);
    /// Nothing goes wrong any more.
    fn forget_plans(&self);
    /// From now on it works at this pace.
    fn pace(&self, pace: Pace);
    /// Everything that is under way is made while nobody looks.
    async fn made_meanwhile(&self);
    /// So many may be unfinished at once; servers that refuse for other reasons only leave it.
    fn allow(&self, _at_once: usize) {}
    /// This request is never answered; [`Served::reached`] ends then.
    fn hold(&self, held: Held, moment: Moment);
    /// Until the held request is there.
    async fn reached(&self);
    /// Whether anybody has asked how an order stands.
    fn is_looked_at(&self) -> bool;
    /// How many orders were carried out.
    fn orders(&self) -> usize;
    /// Whether somebody has stopped an order.
    fn is_stopped(&self) -> bool;
}
