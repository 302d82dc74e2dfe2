//! What shoots are worked with: their folders and albums, and who finds faces.

use crate::config::Config;
use async_trait::async_trait;
use rushes_core::clock::SystemClock;
use rushes_core::faces::{FaceFinder, Seen};
use rushes_core::{Cancel, Code, Fault};
use rushes_engine::Home;
use rushes_faces::models::MODELS;
use rushes_faces::{Finder, MODEL, Runtime};
use rushes_media::inspect::{alone_with, jpeg_of};
use rushes_store::AlbumFiles;
use rushes_workflows::Shoots;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What workflows of shoots work with.
pub(crate) fn shoots(home: &Home, config: &Config) -> Shoots {
    let albums = Arc::new(AlbumFiles::below(home.shoots(), Arc::new(SystemClock)));
    Shoots { root: home.shoots(), finder: finder(home, config), albums, turns: Arc::default() }
}

/// Who finds faces; None where the models are not installed.
pub(crate) fn finder(home: &Home, config: &Config) -> Option<Arc<dyn FaceFinder>> {
    #[cfg(test)]
    if home.root().join("drawn figures").exists() {
        return Some(Arc::new(rushes_testkit::drawn::Drawn));
    }
    let models = home.models();
    let is_installed = MODELS.iter().all(|model| models.join(model.file).is_file());
    let runtime = Runtime::Auto(config.faces.library.clone());
    is_installed.then(|| Arc::new(Late { models, runtime, finder: OnceCell::new() }) as Arc<dyn FaceFinder>)
}

/// Loads the models when the first photo is looked at: most commands look at none.
struct Late {
    models: PathBuf,
    runtime: Runtime,
    finder: OnceCell<Finder>,
}

#[async_trait]
impl FaceFinder for Late {
    fn model(&self) -> &str {
        MODEL
    }

    async fn look(&self, photo: &Path, cancel: &Cancel) -> Result<Seen, Fault> {
        let open = || async {
            let (models, runtime) = (self.models.clone(), self.runtime.clone());
            let opened = tokio::task::spawn_blocking(move || Finder::open(&models, &runtime, Some(Box::new(jpeg_of)))).await;
            opened.map_err(|e| Fault::new(Code::Panicked, "load models").because(e))?
        };
        let finder = self.finder.get_or_try_init(open).await?;
        // Of large photos, one is in memory: while it is inspected, or while it is looked at.
        let (path, token) = (photo.to_owned(), cancel.clone());
        let waited = tokio::task::spawn_blocking(move || alone_with(&path, &token)).await;
        let _alone = waited.map_err(|e| Fault::new(Code::Panicked, "look at photo").because(e))??;
        finder.look(photo, cancel).await
    }
}
