//! What shoots are worked with: their folders and albums, and who finds faces.

use rushes_core::clock::SystemClock;
use rushes_core::faces::FaceFinder;
use rushes_engine::Home;
use rushes_store::AlbumFiles;
use rushes_workflows::Shoots;
use std::sync::Arc;

/// What workflows of shoots work with.
pub(crate) fn shoots(home: &Home) -> Shoots {
    Shoots {
        root: home.shoots(),
        finder: finder(home),
        albums: Arc::new(AlbumFiles::below(home.shoots(), Arc::new(SystemClock))),
        turns: Arc::default(),
    }
}

/// Who finds faces, where the models are installed.
pub(crate) fn finder(_home: &Home) -> Option<Arc<dyn FaceFinder>> {
    #[cfg(test)]
    if _home.root().join("drawn figures").exists() {
        return Some(Arc::new(rushes_testkit::drawn::Drawn));
    }
    None
}
