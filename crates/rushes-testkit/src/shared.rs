//! What lies outside of the project and a clean clone lacks: data, photos, and the models of faces.

use std::path::PathBuf;

/// A file or folder there; None, after saying so, where it is not.
#[must_use]
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into();
    let path = std::env::var_os("RUSHES_SHARED").map_or_else(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {name} (it lies in ../shared/{name}, or name its parent in RUSHES_SHARED)");
    None
}

/// The models of faces: what finds them, and what tells them apart. None, after saying so, where they are not there.
#[must_use]
pub fn models() -> Option<[PathBuf; 2]> {
    let folder = shared("models")?;
    Some(["yunet_n_640_640.onnx", "dlib_resnet_v1.onnx"].map(|file| folder.join(file)))
}
