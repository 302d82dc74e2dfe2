//! curl, which the script of the HTTP contract asks with.

use std::path::PathBuf;

/// The program, or None after saying that it is skipped.
#[must_use]
pub fn curl() -> Option<PathBuf> {
    super::find("RUSHES_CURL", "curl", &[]).or_else(|| super::skip("curl", "RUSHES_CURL"))
}
