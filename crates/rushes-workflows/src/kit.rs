//! What workflows work with beside `Flow`: the providers, the reference library, and the shape of pictures.

use rushes_core::Fault;
use rushes_core::destination::Destination;
use rushes_core::inspect::Inspect;
use rushes_core::provider::Providers;
use rushes_core::publisher::Publisher;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Everything a workflow may use; chosen by configuration, equal for all jobs of a process.
#[derive(Clone)]
pub struct Kit {
    /// Who makes media.
    pub providers: Providers,
    /// Looks at files.
    pub inspect: Arc<dyn Inspect>,
    /// Where objects may be fetched from, by name.
    pub sources: BTreeMap<String, Arc<dyn Destination>>,
    /// The folder of the reference library.
    pub references: PathBuf,
    /// Width of films and pictures, pixels, even.
    pub width: u32,
    /// Height of films and pictures, pixels, even.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// The longest dance, milliseconds.
    pub dance_max_ms: u64,
    /// Whether films are encoded for good rather than for speed.
    pub is_final_quality: bool,
    /// Who shows films to the world; None where no account is configured.
    pub publisher: Option<Arc<dyn Publisher>>,
}

/// Runs media work, which blocks, on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    rushes_media::run::behind("work on media", work).await
}
