//! The MD5s of blobs, which only some destinations ask for: each taken once, whatever it is sent to and however often.

use crate::blobs::hash_file;
use rushes_core::{Blob, Code, Fault};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Remembered at most; then all are forgotten.
const MAX: usize = 10_000;

/// By SHA-256.
#[derive(Default)]
pub(super) struct Md5s(Mutex<HashMap<String, Arc<OnceCell<String>>>>);

impl Md5s {
    /// The MD5 of a blob, hex; `file` holds its bytes. Errors: `blob_missing` where it holds others; `io`.
    pub(super) async fn of(&self, file: &Path, blob: &Blob) -> Result<String, Fault> {
        if let Some(md5) = &blob.md5 {
            return Ok(md5.clone());
        }
        let cell = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX && !known.contains_key(&blob.sha256) {
                known.clear();
            }
            known.entry(blob.sha256.clone()).or_default().clone()
        };
        cell.get_or_try_init(|| take(file, blob)).await.cloned()
    }
}

async fn take(file: &Path, blob: &Blob) -> Result<String, Fault> {
    let path = file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || hash_file(&path, "")).await;
    let found = hashed.map_err(|e| Fault::new(Code::Panicked, "hash bytes").because(e))??;
    match found.md5 {
        Some(md5) if found.sha256 == blob.sha256 => Ok(md5),
        _ => {
            let reason = "the local file is not what was registered";
            Err(Fault::new(Code::BlobMissing, "read what is sent").with("path", file.display()).because(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn md5s_are_taken_once_and_of_nothing_else() {
        let file = std::env::temp_dir().join(format!("rushes-md5s-{}", std::process::id()));
        let write = |bytes: &[u8]| std::fs::File::create(&file).and_then(|mut file| std::io::Write::write_all(&mut file, bytes)).unwrap();
        let blob = rushes_core::digest::digest_without_md5(&b"123456789"[..], "").unwrap();
        let md5s = Md5s::default();
        write(b"987654321");
        assert_eq!(md5s.of(&file, &blob).await.unwrap_err().code, Code::BlobMissing);
        write(b"123456789");
        assert_eq!(md5s.of(&file, &blob).await.unwrap(), "25f9e794323b453885f5181f1b624d0b");
        std::fs::remove_file(&file).unwrap();
        assert!(md5s.of(&file, &blob).await.is_ok(), "it is known");
    }
}
