//! What is owed to webhooks, and how its tries went.

use crate::fault::Fault;
use crate::ids::MessageId;
use crate::webhook::{DueMessage, DueMessages, Message, MessageFilter, Try, Verdict};
use async_trait::async_trait;

/// The messages that ends of jobs owe. What is owed is written with the end itself, see [`Jobs`] and [`Outbox`].
#[async_trait]
pub trait Messages: Send + Sync {
    /// Leases messages whose time has come, at most `limit`, and of each host so many that no more than `per_host` are under
    /// way. A lease runs out after a minute; its message is due again.
    async fn due_messages(&self, limit: u32, per_host: u32) -> Result<DueMessages, Fault>;

    /// Writes down a try and what follows from it. Errors: `lease_lost`.
    async fn tried(&self, due: &DueMessage, tried: &Try, verdict: Verdict) -> Result<(), Fault>;

    /// The log.
    async fn messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, Fault>;

    /// One message with its tries. Errors: `not_found`.
    async fn message(&self, id: MessageId) -> Result<Message, Fault>;

    /// How many wait to be taken.
    async fn owed_messages(&self) -> Result<u64, Fault>;

    /// Has a message sent at once, with the same id and bytes; one that was taken or given up begins its schedule anew.
    /// Errors: `not_found`, `input_invalid` when nothing is sent to its endpoint now.
    async fn redeliver(&self, id: MessageId) -> Result<Message, Fault>;

    /// Forgets messages that ended before then, at most `limit`. Gives how many.
    async fn forget_messages(&self, before_ms: i64, limit: u32) -> Result<u64, Fault>;
}
