//! The port that makes renditions: what a destination holds where it asked for less than the asset itself.

use crate::delivery::Pictures;
use crate::fault::Fault;
use async_trait::async_trait;
use std::path::Path;

/// Makes smaller files of larger ones. The same file and wish give the same bytes, so that a delivery cut short by a crash
/// finds what it had put there.
#[async_trait]
pub trait Compress: Send + Sync {
    /// Writes the picture `from` as JPEG into the new file `into`, upright, never larger than it was. Errors: the `file_…`
    /// codes where it cannot be decoded (permanent); `io`, `disk_full`.
    async fn picture(&self, from: &Path, into: &Path, how: Pictures) -> Result<(), Fault>;
}
