//! Forgetting a subject for good.

use crate::fault::Fault;
use async_trait::async_trait;

/// Erases what is known of a subject whose assets are gone. All may be called again.
#[async_trait]
pub trait Erase: Send + Sync {
    /// Owes the removal of its record wherever one was owed.
    async fn part(&self, subject: &str) -> Result<(), Fault>;

    /// Removes its rows, and those of its assets, deliveries and facts: all that tells of their paths. False, and nothing removed,
    /// while something of it is still to be removed elsewhere. Errors: `destination_refused` where a place keeps an object.
    async fn erase(&self, subject: &str) -> Result<bool, Fault>;

    /// Writes the database anew, so that no byte of what was removed is left in its files.
    async fn scrub(&self) -> Result<(), Fault>;
}
