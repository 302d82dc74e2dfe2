//! `memory://`: objects in this process, for tests and rehearsals. Gone when it ends.

use async_trait::async_trait;
use rushes_core::destination::{Abilities, Condition, Copies, Destination, Listing, Proof, ProofHash, Put};
use rushes_core::digest::digest;
use rushes_core::folder::is_marker;
use rushes_core::{Blob, Code, Fault};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncWriteExt;

/// Keys on one page of a listing.
const PAGE: usize = 1_000;

type Objects = BTreeMap<String, (Arc<[u8]>, Proof)>;

/// Objects in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryDestination {
    objects: Arc<Mutex<Objects>>,
}

impl MemoryDestination {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Destination for MemoryDestination {
    fn abilities(&self) -> Abilities<'_> {
        Abilities { copies: Some(self), ..Abilities::default() }
    }

    fn uri(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let Put { key, file, blob, condition, .. } = put;
        let bytes: Arc<[u8]> = tokio::fs::read(file)
            .await
            .map_err(|e| Fault::new(Code::BlobMissing, "put object").with("path", file.display()).because(e))?
            .into();
        let held = digest(&bytes[..], &blob.mime).map_err(|e| Fault::new(Code::DestinationDown, "put object").because(e))?;
        let proof = Proof { size_bytes: held.size_bytes, hash: ProofHash::Sha256(held.sha256), etag: None };
        let mut objects = self.objects();
        match (objects.get(key), condition) {
            (Some((_, there)), _) if there.proves(blob) => return Ok(there.clone()),
            (Some((_, there)), Condition::Replace(old)) if there.hash == old.hash => {}
            (None, _) => {}
            (Some(_), _) => return Err(Fault::new(Code::DestinationConflict, "put object").with("key", key)),
        }
        objects.insert(key.to_owned(), (bytes, proof.clone()));
        Ok(proof)
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        Ok(self.objects().get(key).map(|(_, proof)| proof.clone()))
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let object = self
            .objects()
            .get(key)
            .map(|(bytes, _)| bytes.clone())
            .ok_or_else(|| Fault::new(Code::NotFound, "get object").with("key", key))?;
        let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(object.len());
        let (start, end) = bytes.map_or((0, object.len()), |range| (clamp(range.start), clamp(range.end)));
        let failed = |e: std::io::Error| Fault::io("get object", into, &e);
        let mut file = tokio::fs::File::create_new(into).await.map_err(failed)?;
        file.write_all(object.get(start..end).unwrap_or_default()).await.map_err(failed)?;
        file.flush().await.map_err(failed)
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let objects = self.objects();
        let mut keys: Vec<String> = objects
            .keys()
            .filter(|key| key.starts_with(prefix) && !is_marker(key) && cursor.is_none_or(|at| key.as_str() > at))
            .take(PAGE + 1)
            .cloned()
            .collect();
        let is_more = keys.len() > PAGE;
        keys.truncate(PAGE);
        Ok(Listing { next: if is_more { keys.last().cloned() } else { None }, keys })
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.objects().remove(key);
        Ok(())
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        let nothing = digest(&b""[..], "").map_err(|e| Fault::new(Code::DestinationDown, "make folder").because(e))?;
        let proof = Proof { size_bytes: 0, hash: ProofHash::Sha256(nothing.sha256), etag: None };
        self.objects().insert(format!("{key}/"), (Arc::default(), proof));
        Ok(())
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        self.delete(&format!("{key}/")).await
    }
}

#[async_trait]
impl Copies for MemoryDestination {
    async fn copy(&self, from: &str, proven: &Proof, to: &str, _blob: &Blob) -> Result<Proof, Fault> {
        let mut objects = self.objects();
        let (bytes, proof) = objects.get(from).cloned().ok_or_else(|| Fault::new(Code::NotFound, "copy object").with("key", from))?;
        if !proof.is_version(proven) || objects.contains_key(to) {
            return Err(Fault::new(Code::DestinationConflict, "copy object").with("key", to));
        }
        objects.insert(to.to_owned(), (bytes, proof.clone()));
        Ok(proof)
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn memory_keeps_the_destination_contract() {
        let memory = super::MemoryDestination::default();
        rushes_testkit::destination_suite(&memory).await;
        rushes_testkit::copies_suite(&memory).await;
        rushes_testkit::marker_suite(&memory, "a/b", "a/b/").await;
    }
}
