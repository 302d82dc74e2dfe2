//! The bytes of objects: one file each in a temporary folder, hashed as they are written.

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use md5::{Digest, Md5};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

pub(super) struct Shelf {
    folder: tempfile::TempDir,
}

/// Why a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The connection broke, or somebody else asks for the same upload.
    Broken,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A new file without bytes.
    pub(super) fn open(&self) -> String {
        let name = uuid::Uuid::now_v7().to_string();
        std::fs::File::create(self.path(&name)).expect("a file for bytes");
        name
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn size(&self, name: &str) -> u64 {
        std::fs::metadata(self.path(name)).map(|told| told.len()).unwrap_or_default()
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_default()
    }

    pub(super) fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.path(name));
    }

    pub(super) fn truncate(&self, name: &str, size: u64) {
        let file = std::fs::File::options().write(true).open(self.path(name));
        file.and_then(|file| file.set_len(size)).expect("a file of ours");
    }

    /// Appends a body until it ends or `stop` is ready, but for its first bytes, which are there already.
    pub(super) async fn append(&self, name: &str, body: Body, mut skip: u64, stop: impl Future<Output = ()>) -> End {
        let mut file = tokio::fs::File::options().append(true).open(self.path(name)).await.expect("a file of ours");
        let (mut pieces, mut stop) = (body.into_data_stream(), std::pin::pin!(stop));
        let end = loop {
            let piece = tokio::select! {
                biased;
                () = &mut stop => break End::Broken,
                piece = pieces.next() => piece,
            };
            let mut piece = match piece {
                None => break End::Whole,
                Some(Err(_)) => break End::Broken,
                Some(Ok(piece)) => piece,
            };
            let known = skip.min(piece.len() as u64);
            skip -= known;
            let piece = piece.split_off(usize::try_from(known).expect("no more than a piece"));
            file.write_all(&piece).await.expect("room for bytes");
        };
        file.flush().await.expect("room for bytes");
        end
    }

    /// MD5 and CRC-32C of a file.
    pub(super) async fn sums(&self, name: &str) -> ([u8; 16], u32) {
        let path = self.path(name);
        let summed = tokio::task::spawn_blocking(move || {
            let (mut md5, mut crc, mut buffer) = (Md5::new(), 0, vec![0; 256 * 1024]);
            let mut file = std::fs::File::open(path).expect("a file of ours");
            loop {
                let read = std::io::Read::read(&mut file, &mut buffer).expect("a file that can be read");
                if read == 0 {
                    return (md5.finalize().into(), crc);
                }
                md5.update(&buffer[..read]);
                crc = crc32c::crc32c_append(crc, &buffer[..read]);
            }
        });
        summed.await.expect("sums do not panic")
    }

    /// A part of a file as an answer's body.
    pub(super) async fn read(&self, name: &str, from: u64, length: u64) -> Body {
        // What is replaced meanwhile is read to its end: the file is open.
        let Ok(mut file) = tokio::fs::File::open(self.path(name)).await else { return Body::empty() };
        if file.seek(std::io::SeekFrom::Start(from)).await.is_err() {
            return Body::empty();
        }
        Body::from_stream(futures_util::stream::try_unfold(file.take(length), |mut file| async move {
            let mut piece = vec![0; 64 * 1024];
            let count = file.read(&mut piece).await?;
            piece.truncate(count);
            Ok::<_, std::io::Error>((count > 0).then(|| (Bytes::from(piece), file)))
        }))
    }
}
