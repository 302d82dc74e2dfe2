//! Folders that are there whether anything lies in them or not.

use crate::fault::Fault;
use crate::folder::Folder;
use async_trait::async_trait;

/// The folders of the library that steps asked for.
#[async_trait]
pub trait Folders: Send + Sync {
    /// Those whose paths come after this one, in order: at most `limit`; also those that are not wanted any more.
    async fn folders_after(&self, path: &str, limit: u32) -> Result<Vec<Folder>, Fault>;

    /// Owes a destination every folder that it should have and was never asked to make. Gives how many.
    async fn owe_folders(&self, destination: &str) -> Result<u64, Fault>;
}
