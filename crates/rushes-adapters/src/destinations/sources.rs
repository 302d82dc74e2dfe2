//! What tests of destinations put, and how a sender puts it.

use async_trait::async_trait;
use rushes_core::destination::{Condition, Destination, Proof, Put, Session};
use rushes_core::digest::digest;
use rushes_core::{Blob, Fault};
use rushes_testkit::chaos::Weather;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

pub(super) struct Source {
    pub(super) folder: tempfile::TempDir,
    pub(super) file: PathBuf,
    pub(super) blob: Blob,
}

pub(super) fn source(bytes: &[u8]) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source");
    std::fs::File::create(&file).and_then(|mut file| file.write_all(bytes)).unwrap();
    Source { file, folder, blob: digest(bytes, "video/mp4").unwrap() }
}

pub(super) fn large(bytes: u32) -> Source {
    source(&(0..bytes).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>())
}

impl Source {
    pub(super) fn create<'a>(&'a self, key: &'a str) -> Put<'a> {
        Put::new(key, &self.file, &self.blob, Condition::CreateOnly)
    }
}

#[derive(Default)]
pub(super) struct Kept(pub(super) Mutex<Option<String>>);

#[async_trait]
impl Session for Kept {
    fn kept(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    async fn keep(&self, text: &str) -> Result<(), Fault> {
        *self.0.lock().unwrap() = Some(text.to_owned());
        Ok(())
    }
}

/// Tries as a sender does, some times.
pub(super) async fn put_at_last(bucket: &dyn Destination, put: Put<'_>, weather: &Weather) -> Proof {
    for _ in 0..3 {
        match bucket.put(put).await {
            Ok(proof) => return proof,
            Err(fault) => assert!(fault.is_transient(), "{weather:?}: {fault}"),
        }
    }
    bucket.put(put).await.unwrap_or_else(|fault| panic!("{weather:?}: {fault}"))
}
