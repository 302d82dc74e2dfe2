//! Forgetting for good, with what people browse: rows that tell of a path go after nothing is shown there any more.

use crate::blobs::Blobs;
use crate::parts::Parts;
use crate::view;
use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::store::{Erase, Store};
use std::path::PathBuf;
use std::sync::Arc;

/// Erases from a home: from its library, then from its store.
pub struct Eraser {
    store: Arc<dyn Store>,
    library: PathBuf,
    blobs: Blobs,
}

impl Eraser {
    /// That of a home.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        Self { store: parts.store.clone(), library: parts.home.library(), blobs: parts.blobs() }
    }
}

#[async_trait]
impl Erase for Eraser {
    async fn part(&self, subject: &str) -> Result<(), Fault> {
        self.store.part(subject).await
    }

    async fn erase(&self, subject: &str) -> Result<bool, Fault> {
        // What an engine that ended in between left there would be known to nobody afterwards.
        view::take_out(&self.library, &self.blobs, self.store.as_ref()).await?;
        self.store.erase(subject).await
    }

    async fn scrub(&self) -> Result<(), Fault> {
        self.store.scrub().await
    }
}
