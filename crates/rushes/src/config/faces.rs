//! The section of `rushes.toml` that says what finds faces.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How faces are found, where models are installed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FacesSection {
    /// The library of ONNX Runtime, which is three times as fast; none = `ORT_DYLIB_PATH`, else what is built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) library: Option<PathBuf>,
    /// Where `rushes models fetch` finds what finds faces, https:// or http://.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detector_url: Option<String>,
    /// Where it finds what tells them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) embedder_url: Option<String>,
}
