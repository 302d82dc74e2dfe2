//! Where models and photos for tests lie: outside of the project.

use rushes_testkit::shared::shared;
use std::path::PathBuf;

mod shoot;

/// The folder of the two models.
pub(crate) fn models() -> Option<PathBuf> {
    shared("models")
}

/// Photos of known persons.
pub(crate) fn photos() -> Option<PathBuf> {
    shared("data/faces")
}

/// ONNX Runtime's library.
pub(crate) fn library() -> Option<PathBuf> {
    let named = ["RUSHES_ORT", "ORT_DYLIB_PATH"].into_iter().find_map(std::env::var_os).map(PathBuf::from);
    if named.is_none() {
        eprintln!("skipped: ONNX Runtime (name its library in RUSHES_ORT)");
    }
    named
}
