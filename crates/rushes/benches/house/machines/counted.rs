//! A folder that counts what is asked of it, as a bucket would charge for.

use async_trait::async_trait;
use rushes_adapters::destinations::file::FileDestination;
use rushes_core::Fault;
use rushes_core::destination::{Abilities, Destination, Listing, Proof, Put};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was asked, by name; and what was put, counted in bytes.
pub(super) const COUNTED: [&str; 6] = ["puts", "looks", "gets", "lists", "deletes", "KB put"];

#[derive(Default)]
pub(super) struct Calls([AtomicU64; COUNTED.len()]);

impl Calls {
    fn add(&self, what: usize, much: u64) {
        self.0[what].fetch_add(much, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

pub(super) struct Counted {
    folder: FileDestination,
    calls: Arc<Calls>,
}

impl Counted {
    pub(super) fn folder(path: &Path, calls: Arc<Calls>) -> Self {
        Self { folder: FileDestination::new(path.to_path_buf()), calls }
    }
}

#[async_trait]
impl Destination for Counted {
    fn abilities(&self) -> Abilities<'_> {
        self.folder.abilities()
    }

    fn uri(&self, key: &str) -> String {
        self.folder.uri(key)
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.calls.add(0, 1);
        self.calls.add(5, put.blob.size_bytes);
        self.folder.put(put).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.calls.add(1, 1);
        self.folder.stat(key).await
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.calls.add(1, 1);
        self.folder.read_back(key).await
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        self.calls.add(2, 1);
        self.folder.get(key, bytes, into).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.calls.add(3, 1);
        self.folder.list(prefix, cursor).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.calls.add(4, 1);
        self.folder.delete(key).await
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        self.folder.ensure_folder(key).await
    }
}
