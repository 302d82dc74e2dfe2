//! The log of facts, and how far its readers have come.

use crate::event::Event;
use crate::fault::Fault;
use async_trait::async_trait;

/// The log of facts. The oldest go after their time, the newest one never.
#[async_trait]
pub trait Events: Send + Sync {
    /// The facts after `seq`, in order, at most `limit`.
    async fn events(&self, after_seq: i64, limit: u32) -> Result<Vec<Event>, Fault>;

    /// The number of the newest fact; 0 where there is none.
    async fn last_seq(&self) -> Result<i64, Fault>;

    /// The number of the oldest fact that is kept; 1 where there is none yet.
    async fn oldest_seq(&self) -> Result<i64, Fault>;

    /// Forgets facts older than `before_ms`, the oldest first, at most `limit`. Gives how many.
    async fn forget_events(&self, before_ms: i64, limit: u32) -> Result<u64, Fault>;
}

/// How far something has come that goes on where it stopped.
#[async_trait]
pub trait Marks: Send + Sync {
    /// Where it stands; 0 when it has not begun.
    async fn mark(&self, name: &'static str) -> Result<i64, Fault>;

    /// Where it stands from now on.
    async fn set_mark(&self, name: &'static str, value: i64) -> Result<(), Fault>;
}
