//! Folders of this machine that a shoot takes photos from, further to its own `Incoming/`. They stand in its album, for paths of
//! this machine go nowhere else.

use crate::fault::Fault;
use async_trait::async_trait;
use std::path::PathBuf;

/// The folders one shoot was pointed at.
#[async_trait]
pub trait Incoming: Send + Sync {
    /// Absolute, in the order they were said. They may be away, like a card that was pulled out.
    async fn incoming(&self) -> Result<Vec<PathBuf>, Fault>;

    /// These from now on, and no others. What was taken stays. Errors: `input_invalid` for a path that is no UTF-8.
    async fn take_from(&self, folders: Vec<PathBuf>) -> Result<(), Fault>;
}
