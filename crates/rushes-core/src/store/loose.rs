//! What a destination was left with for a while: addresses that run out, uploads nobody finishes.

use crate::delivery::{Delivery, LeftUpload, Link};
use crate::fault::Fault;
use async_trait::async_trait;

/// What runs out, or was left unfinished, at destinations.
#[async_trait]
pub trait Loose: Send + Sync {
    /// Deliveries of current assets to a destination whose links end before then, the first to end first; those `after` one.
    async fn links_ending(&self, destination: &str, before_ms: i64, after: Option<&Delivery>, limit: u32) -> Result<Vec<Delivery>, Fault>;

    /// Has a new link in place of an ending one, and owes the record that tells of it.
    async fn relink(&self, delivery: &Delivery, link: &Link) -> Result<(), Fault>;

    /// Uploads in parts of rows that are not owed any more, or were refused longer ago than `refused_before_ms`.
    async fn left_uploads(&self, refused_before_ms: i64, limit: u32) -> Result<Vec<LeftUpload>, Fault>;

    /// That one is gone.
    async fn upload_gone(&self, row: i64) -> Result<(), Fault>;
}
