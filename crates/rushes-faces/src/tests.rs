//! Where models and photos for tests lie: outside of the project.

use std::path::PathBuf;

mod shoot;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");

/// A folder of what is shared; None, after saying so, where it is not there.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("RUSHES_SHARED").map_or_else(|| SHARED.into(), PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {name} (it lies in ../shared/{name}, or name its parent in RUSHES_SHARED)");
    None
}

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
