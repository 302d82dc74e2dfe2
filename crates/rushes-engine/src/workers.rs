//! Work that workers elsewhere do for jobs of this engine: offering it, and taking in what they make.
//!
//! Bytes that were handed in lie in the blob store, and for other nodes where staged bytes lie, before the row that tells of them
//! is written; they become assets by the step that waits for them, through the one door.

use crate::parts::Parts;
use crate::pins::Pinned;
use crate::staging;
use async_trait::async_trait;
use rushes_core::inspect::Looked;
use rushes_core::work::{Handed, NewWork, Workers};
use rushes_core::{Code, Fault, JobId};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// What steps know of workers.
pub(crate) fn of(parts: &Parts) -> impl Workers + 'static {
    LocalWorkers { parts: parts.clone(), pins: Mutex::default() }
}

struct LocalWorkers {
    parts: Parts,
    /// What the body was given paths of; let go when the attempt has ended.
    pins: Mutex<Vec<Pinned>>,
}

#[async_trait]
impl Workers for LocalWorkers {
    async fn offer(&self, job: JobId, work: &NewWork) -> Result<(), Fault> {
        self.parts.store.offer_work(job, work.clone()).await
    }

    async fn go_on(&self, job: JobId) -> Result<(), Fault> {
        self.parts.store.go_on_with_work(job).await
    }

    async fn handed(&self, job: JobId, index: u32) -> Result<Option<(Handed, PathBuf)>, Fault> {
        let Some(handed) = self.parts.store.handed_in(job, index).await? else { return Ok(None) };
        let blob = handed.blob();
        let pin = self.parts.pins.pin(&blob.sha256).await;
        let path = self.parts.blobs().path(&blob.sha256);
        let is_here = || path.metadata().is_ok_and(|there| there.len() == blob.size_bytes);
        if !is_here() && !staging::unstage(&self.parts, blob).await? {
            tracing::warn!(%job, index, sha256 = blob.sha256, "what a worker handed in is lost; it is made again");
            self.parts.store.handed_in_is_lost(job, index).await?;
            return Ok(None);
        }
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).push(pin);
        Ok(Some((handed, path)))
    }
}

/// Takes in a file that a worker has handed in: its bytes are kept, then the row is written by which its job hears of it. The
/// file is gone afterwards. Errors: those of [`rushes_core::store::Works::hand_in`], of the blob store and of the store.
pub async fn hand_in(parts: &Parts, token: Uuid, file: &Path, handed: Handed) -> Result<(), Fault> {
    let Looked { blob, .. } = handed.looked.clone();
    let _pin = parts.pins.pin(&blob.sha256).await;
    let (blobs, taken, own) = (parts.blobs(), file.to_owned(), blob.clone());
    tokio::task::spawn_blocking(move || blobs.take(&[(&taken, &own)]))
        .await
        .map_err(|e| Fault::new(Code::Panicked, "take file in").because(e))??;
    staging::stage_blob(parts, &blob).await;
    parts.store.hand_in(token, handed).await
}
