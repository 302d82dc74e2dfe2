//! The port that looks at a file before it may become an asset: what it really is, and whether it is whole.

use crate::asset::Blob;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a file was found to be, by its content and never by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// `image/png`, `video/mp4`, `audio/flac`, …
    pub mime: String,
    /// Without the dot: `png`, `mp4`, `flac`, …
    pub extension: String,
    /// Pixels, after rotation metadata is applied.
    pub width: Option<u32>,
    /// Pixels, after rotation metadata is applied.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// Frames a second, on average.
    pub fps: Option<f64>,
    /// Whether there is sound.
    pub has_audio: bool,
}

/// What was found of a file, and of which bytes: whoever gets the file with this need not look again, once he has seen that
/// it still is as long and has the same CRC-32C.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// What [`Inspect`] said.
    pub info: MediaInfo,
    /// Its bytes then.
    pub blob: Blob,
}

/// Looks at files. Idempotent; changes nothing.
#[async_trait::async_trait]
pub trait Inspect: Send + Sync {
    /// Decodes strictly. Errors: `file_missing`, `file_empty`, `file_truncated`, `file_corrupt`, `file_forbidden`,
    /// `file_too_large` (permanent); `media_tool` (transient).
    async fn inspect(&self, path: &Path) -> Result<MediaInfo, Fault>;

    /// As [`Inspect::inspect`], and takes what telephones and cameras write beside the usual: HEIC, AVIF, raw files. Their sizes are
    /// those of what is shown of them. Errors: the same; `decoder_missing` where no program here opens it.
    async fn inspect_photo(&self, path: &Path) -> Result<MediaInfo, Fault> {
        self.inspect(path).await
    }

    /// When a photo was taken, as its camera noted it: `2026:05:30 14:03:22`. An edited photo keeps it. None where nothing is noted.
    async fn taken_at(&self, path: &Path) -> Option<String> {
        let _ = path;
        None
    }
}
