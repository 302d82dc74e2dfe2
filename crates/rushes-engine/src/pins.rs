//! Bytes in use: as long as somebody works from a blob, no sweep removes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Which blobs are in use, and by how many.
#[derive(Debug, Default)]
pub struct Pins(Mutex<HashMap<String, usize>>);

impl Pins {
    /// Holds these bytes here until the pin is dropped.
    #[must_use]
    pub fn pin(self: &Arc<Self>, sha256: &str) -> Pinned {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(sha256.to_owned()).or_default() += 1;
        Pinned { pins: self.clone(), sha256: sha256.to_owned() }
    }

    /// Whether somebody works from these bytes.
    #[must_use]
    pub(crate) fn is_pinned(&self, sha256: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(sha256)
    }
}

/// Holds the bytes of one blob on this machine.
#[derive(Debug)]
pub struct Pinned {
    pins: Arc<Pins>,
    sha256: String,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut pins = self.pins.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = pins.get_mut(&self.sha256) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.sha256);
            }
        }
    }
}
