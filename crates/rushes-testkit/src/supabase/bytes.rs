//! The bytes of objects: one file per version in a temporary folder, and the ETag S3 would give them.

use super::errors::{Outcome, Refusal};
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use md5::{Digest, Md5};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// What the storage server sends S3 in one piece; larger bodies become multipart objects.
pub(super) const PART_BYTES: u64 = 16 * 1024 * 1024;
/// S3 takes no smaller part, except the last.
const SMALLEST_PART_BYTES: u64 = 5 * 1024 * 1024;

/// A folder of versions.
pub(super) struct Shelf {
    folder: PathBuf,
}

/// What is known of bytes when they are written.
pub(super) struct Written {
    pub(super) size: u64,
    /// With its quotes.
    pub(super) etag: String,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder for bytes");
        Self { folder }
    }

    pub(super) fn file(&self, version: &str) -> PathBuf {
        self.folder.join(version)
    }

    pub(super) fn remove(&self, version: &str) {
        let _ = std::fs::remove_file(self.file(version));
    }

    /// Writes a whole body as a new version. A body that breaks off leaves nothing.
    pub(super) async fn write(&self, version: &str, body: Body) -> Outcome<Written> {
        let mut etag = Etag::new(PART_BYTES);
        let appended = append(&self.file(version), body, |piece| etag.add(piece), None, std::future::pending()).await;
        match appended {
            Ok(Appended { size, end: End::Whole }) => Ok(Written { size, etag: etag.single() }),
            other => {
                self.remove(version);
                Err(other.err().unwrap_or_else(Refusal::no_content))
            }
        }
    }

    /// The bytes of a version once more, as another one.
    pub(super) async fn copy(&self, from: &str, to: &str) -> Outcome<()> {
        tokio::fs::copy(self.file(from), self.file(to)).await.map(drop).map_err(|error| Refusal::internal(error.to_string()))
    }

    /// The ETag of a resumable upload: S3's of an object whose parts end where its requests ended.
    pub(super) async fn etag_of_parts(&self, version: &str, ends: &[u64]) -> Outcome<String> {
        let bytes = tokio::fs::read(self.file(version)).await.map_err(|error| Refusal::internal(error.to_string()))?;
        let (mut etag, mut start) = (Etag::new(u64::MAX), 0);
        for end in ends.iter().copied() {
            let is_last = end == bytes.len() as u64;
            if end - start < SMALLEST_PART_BYTES && !is_last {
                continue;
            }
            etag.add(&bytes[place(start)..place(end)]);
            etag.end_part();
            start = end;
        }
        Ok(etag.multipart())
    }
}

fn place(at: u64) -> usize {
    usize::try_from(at).expect("a place in memory")
}

/// What came of appending a body.
pub(super) struct Appended {
    /// Bytes that are in the file now, besides those that were.
    pub(super) size: u64,
    pub(super) end: End,
}

/// Why a body ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The connection broke.
    Broken,
    /// Somebody else wants to write.
    Stopped,
    /// It went beyond the limit.
    TooLong,
}

/// Appends a body to a file until it ends or `stop` is ready. What came stays, up to `limit` bytes.
pub(super) async fn append(
    file: &Path,
    body: Body,
    mut each: impl FnMut(&[u8]),
    limit: Option<u64>,
    stop: impl Future<Output = ()>,
) -> Outcome<Appended> {
    let failed = |error: std::io::Error| Refusal::internal(error.to_string());
    let mut out = tokio::fs::File::options().create(true).append(true).open(file).await.map_err(failed)?;
    let mut pieces = body.into_data_stream();
    let mut stop = std::pin::pin!(stop);
    let mut size = 0;
    let end = loop {
        let piece = tokio::select! {
            biased;
            () = &mut stop => break End::Stopped,
            piece = pieces.next() => piece,
        };
        let piece = match piece {
            None => break End::Whole,
            Some(Err(_)) => break End::Broken,
            Some(Ok(piece)) => piece,
        };
        if limit.is_some_and(|limit| size + piece.len() as u64 > limit) {
            break End::TooLong;
        }
        each(&piece);
        size += piece.len() as u64;
        out.write_all(&piece).await.map_err(failed)?;
    };
    out.flush().await.map_err(failed)?;
    Ok(Appended { size, end })
}

/// A part of a file as an answer's body.
pub(super) async fn read(file: &Path, from: u64, length: u64) -> std::io::Result<Body> {
    let mut file = tokio::fs::File::open(file).await?;
    file.seek(std::io::SeekFrom::Start(from)).await?;
    let pieces = futures_util::stream::try_unfold(file.take(length), |mut file| async move {
        let mut piece = vec![0; 64 * 1024];
        let count = file.read(&mut piece).await?;
        piece.truncate(count);
        Ok::<_, std::io::Error>((count > 0).then(|| (Bytes::from(piece), file)))
    });
    Ok(Body::from_stream(pieces))
}

/// Collects what an ETag is made of.
struct Etag {
    part_bytes: u64,
    part: Md5,
    in_part: u64,
    parts: Vec<u8>,
}

impl Etag {
    fn new(part_bytes: u64) -> Self {
        Self { part_bytes, part: Md5::new(), in_part: 0, parts: Vec::new() }
    }

    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.in_part == self.part_bytes {
                self.end_part();
            }
            let room = usize::try_from(self.part_bytes - self.in_part).unwrap_or(usize::MAX).min(bytes.len());
            self.part.update(&bytes[..room]);
            self.in_part += room as u64;
            bytes = &bytes[room..];
        }
    }

    fn end_part(&mut self) {
        self.parts.extend_from_slice(&self.part.finalize_reset());
        self.in_part = 0;
    }

    /// The MD5 of the bytes where they are one part at most, else as for multipart objects.
    fn single(mut self) -> String {
        if self.parts.is_empty() { quoted(&self.part.finalize_reset(), "") } else { self.close().multipart() }
    }

    fn close(mut self) -> Self {
        if self.in_part > 0 {
            self.end_part();
        }
        self
    }

    /// The MD5 of the parts' MD5s, and how many they are.
    fn multipart(self) -> String {
        quoted(&Md5::digest(&self.parts), &format!("-{}", self.parts.len() / 16))
    }
}

fn quoted(md5: &[u8], rest: &str) -> String {
    let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}{rest}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_etags_are_md5_of_one_part_and_of_digests_of_many() {
        let mut one = Etag::new(4);
        one.add(b"abcd");
        assert_eq!(one.single(), "\"e2fc714c4727ee9395f324cd2e7f331f\"");
        let mut two = Etag::new(4);
        two.add(b"abcde");
        let digests = [Md5::digest(b"abcd"), Md5::digest(b"e")].concat();
        assert_eq!(two.single(), quoted(&Md5::digest(digests), "-2"));
        assert_eq!(Etag::new(4).single(), "\"d41d8cd98f00b204e9800998ecf8427e\"");
    }
}
