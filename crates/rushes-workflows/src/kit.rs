//! What workflows work with beside `Flow`: the providers, the reference library, and the shape of pictures.

use rushes_core::album::Albums;
use rushes_core::delivery::Routes;
use rushes_core::destination::Destination;
use rushes_core::faces::FaceFinder;
use rushes_core::former::Layout;
use rushes_core::inspect::Inspect;
use rushes_core::provider::Providers;
use rushes_core::publisher::Publisher;
use rushes_core::store::Erase;
use rushes_core::{Fault, Stop};
use rushes_media::music::Styles;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A destination to read from.
#[derive(Clone)]
pub struct Source {
    /// What it is spoken to by.
    pub port: Arc<dyn Destination>,
    /// Goes before each path; empty or ending in `/`.
    pub prefix: String,
}

/// Everything a workflow may use; chosen by configuration, equal for all jobs of a process.
#[derive(Clone)]
pub struct Kit {
    /// Who makes media.
    pub providers: Providers,
    /// The styles of music there are.
    pub styles: Styles,
    /// Looks at files.
    pub inspect: Arc<dyn Inspect>,
    /// Where objects may be fetched from, by name.
    pub sources: BTreeMap<String, Source>,
    /// Where assets go, the primary destination first.
    pub routes: Routes,
    /// The folder of the reference library.
    pub references: PathBuf,
    /// The folder in which the library is shown.
    pub library: PathBuf,
    /// The folder whose films name projects to be made anew.
    pub redo: PathBuf,
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
    /// Under which paths new results of users lie.
    pub layout: Layout,
    /// What shoots are worked with.
    pub shoots: Shoots,
    /// Forgets for good.
    pub erase: Arc<dyn Erase>,
}

/// What shoots are worked with.
#[derive(Clone)]
pub struct Shoots {
    /// Below it, each shoot has its folder.
    pub root: PathBuf,
    /// Who finds faces; None where no model is installed.
    pub finder: Option<Arc<dyn FaceFinder>>,
    /// What is known of their photos.
    pub albums: Arc<dyn Albums>,
    /// One at a time carries out what an album wants.
    pub turns: Arc<Turns>,
}

/// A turn for each shoot.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn of this shoot.
    pub(crate) async fn take(&self, shoot: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(shoot.to_owned()).or_default().clone();
        turn.lock_owned().await
    }
}

/// Of children's ends, the values and how many failed: one that fails stops none of the others, and its own row keeps its
/// fault. Errors: anything but a failure.
pub(crate) fn each(ends: Vec<Result<Value, Stop>>) -> Result<(Vec<Value>, usize), Stop> {
    let (mut made, mut failed) = (Vec::new(), 0);
    for end in ends {
        match end {
            Ok(value) => made.push(value),
            Err(Stop::Failed(_)) => failed += 1,
            Err(stop) => return Err(stop),
        }
    }
    Ok((made, failed))
}

/// Runs media work, which blocks, on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    rushes_media::run::behind("work on media", work).await
}
