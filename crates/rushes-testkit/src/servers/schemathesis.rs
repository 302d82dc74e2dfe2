//! Schemathesis, a client made from an OpenAPI document: it asks what the document allows, and what it does not.

use std::path::PathBuf;

/// The program, or None after saying that it is skipped.
#[must_use]
pub fn schemathesis() -> Option<PathBuf> {
    let found = super::find("RUSHES_SCHEMATHESIS", "schemathesis", &[super::installed("schemathesis/bin")]);
    found.or_else(|| super::skip("schemathesis", "RUSHES_SCHEMATHESIS"))
}
