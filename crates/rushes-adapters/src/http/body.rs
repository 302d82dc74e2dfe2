//! What is sent along with a request: bytes, or parts of a file, read off the runtime, summed on the way, and counted as
//! they leave.

use super::buffers::Buffer;
use bytes::Bytes;
use futures_util::stream;
use md5::{Digest, Md5};
use rushes_core::destination::Put;
use rushes_core::digest::digest;
use rushes_core::{Blob, Code, Fault};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Files are read in pieces of this many bytes; of up to four such, whole before they are sent.
const PIECE_BYTES: u64 = 256 * 1024;
/// Larger bodies in memory are handed over in pieces of this many bytes.
pub(super) const SLICE_BYTES: usize = 128 * 1024;

/// What is sent along.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    /// These bytes of a file, and where to leave their sums.
    File {
        file: Arc<File>,
        range: Range<u64>,
        sums: Option<Arc<Sums>>,
    },
    /// These bytes of a file between two texts.
    Framed {
        head: Bytes,
        file: Arc<File>,
        range: Range<u64>,
        tail: Bytes,
    },
}

impl Body {
    /// The same once more, its sums taken anew.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Self::File { file, range, sums } => {
                sums.iter().for_each(|sums| sums.reset());
                Self::File { file: file.clone(), range: range.clone(), sums: sums.clone() }
            }
            Self::Framed { head, file, range, tail } => {
                Self::Framed { head: head.clone(), file: file.clone(), range: range.clone(), tail: tail.clone() }
            }
        }
    }

    /// The same between two texts, as a body of several parts has it.
    pub(crate) fn framed(self, head: String, tail: String) -> Self {
        match self {
            Self::File { file, range, .. } => Self::Framed { head: head.into(), file, range, tail: tail.into() },
            Self::Bytes(bytes) => Self::Bytes([head.as_bytes(), &bytes, tail.as_bytes()].concat().into()),
            other => other,
        }
    }
}

/// The sums of what was sent, taken on the way.
#[derive(Debug, Default)]
pub(crate) struct Sums(Mutex<(Md5, u32)>);

impl Sums {
    fn add(&self, bytes: &[u8]) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.0.update(bytes);
        sums.1 = crc32c::crc32c_append(sums.1, bytes);
    }

    fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
    }

    /// MD5 and CRC-32C of all that has passed.
    pub(crate) fn taken(&self) -> ([u8; 16], u32) {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (sums.0.clone().finalize().into(), sums.1)
    }
}

/// Bytes in pieces, each counted when it is taken: a large body on a slow line is not standing still.
pub(super) fn slices(
    bytes: Bytes,
    moved: Arc<AtomicU64>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    stream::unfold(bytes, move |mut rest| {
        moved.fetch_add(1, Ordering::Relaxed);
        let piece = rest.split_to(rest.len().min(SLICE_BYTES));
        std::future::ready((!piece.is_empty()).then_some((Ok(piece), rest)))
    })
}

/// A file in pieces, each read off the runtime, summed on the way, and counted when it is taken.
pub(super) fn pieces(
    file: Arc<File>,
    range: Range<u64>,
    sums: Option<Arc<Sums>>,
    moved: Arc<AtomicU64>,
    broken: Arc<Mutex<Option<Fault>>>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    stream::try_unfold(range, move |rest| {
        let (file, sums, moved, broken) = (file.clone(), sums.clone(), moved.clone(), broken.clone());
        async move {
            moved.fetch_add(1, Ordering::Relaxed);
            if rest.is_empty() {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || read_piece(&file, &rest, sums.as_deref()).map(|bytes| (bytes, rest)));
            let read = read.await.unwrap_or_else(|e| Err(Fault::new(Code::Panicked, "read what is sent").because(e)));
            match read {
                Ok((bytes, rest)) => {
                    let start = rest.start + bytes.len() as u64;
                    Ok(Some((bytes, start..rest.end)))
                }
                Err(fault) => {
                    let error = std::io::Error::other(fault.to_string());
                    *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                    Err(error)
                }
            }
        }
    })
}

fn read_piece(file: &File, rest: &Range<u64>, sums: Option<&Sums>) -> Result<Bytes, Fault> {
    let length = usize::try_from((rest.end - rest.start).min(PIECE_BYTES)).unwrap_or_default();
    let mut buffer = Buffer::of(length);
    read_exact(file, buffer.as_mut(), rest.start)?;
    if let Some(sums) = sums {
        sums.add(buffer.as_ref());
    }
    Ok(buffer.filled())
}

/// Reads what the system holds in memory, without ever waiting for the disk; gives how many bytes those were.
fn read_held(file: &File, bytes: &mut [u8], at: u64) -> usize {
    #[cfg(target_os = "linux")]
    {
        let mut into = [std::io::IoSliceMut::new(bytes)];
        rustix::io::preadv2(file, &mut into, at, rustix::io::ReadWriteFlags::NOWAIT).unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, bytes, at);
        0
    }
}

fn read_exact(file: &File, bytes: &mut [u8], at: u64) -> Result<(), Fault> {
    file.read_exact_at(bytes, at).map_err(|e| match e.kind() {
        // Blobs do not shrink by themselves.
        std::io::ErrorKind::UnexpectedEof => damaged().because("the local file is shorter than it was"),
        _ => Fault::new(Code::Io, "read what is sent").because(e),
    })
}

/// A file to send in parts. Errors: `blob_missing` where it is gone or has another length.
pub(crate) fn file_of(path: &Path, size_bytes: u64) -> Result<Arc<File>, Fault> {
    let missing = |e: std::io::Error| damaged().with("path", path.display()).because(e);
    let file = File::open(path).map_err(missing)?;
    let there = file.metadata().map_err(missing)?.len();
    if there != size_bytes {
        return Err(damaged().with("path", path.display()).because(format!("it has {there} instead of {size_bytes} bytes")));
    }
    Ok(Arc::new(file))
}

/// These bytes of a file, in memory. Errors: `blob_missing`, `io`.
pub(crate) async fn bytes_of(file: Arc<File>, range: Range<u64>) -> Result<Bytes, Fault> {
    let mut buffer = Buffer::of(usize::try_from(range.end - range.start).unwrap_or_default());
    // What was just made is still in memory; then no other thread need be woken for it.
    let held = read_held(&file, buffer.as_mut(), range.start);
    if held == buffer.as_ref().len() {
        return Ok(buffer.filled());
    }
    let read = tokio::task::spawn_blocking(move || {
        read_exact(&file, &mut buffer.as_mut()[held..], range.start + held as u64)?;
        Ok(buffer.filled())
    });
    read.await.map_err(|e| Fault::new(Code::Panicked, "read what is sent").because(e))?
}

/// The CRC-32C of these bytes of a file. Errors: `blob_missing`, `io`.
pub(crate) async fn crc32c_of(file: Arc<File>, range: Range<u64>) -> Result<u32, Fault> {
    let summed = tokio::task::spawn_blocking(move || {
        let (mut rest, mut sum) = (range, 0);
        while !rest.is_empty() {
            let piece = read_piece(&file, &rest, None)?;
            sum = crc32c::crc32c_append(sum, &piece);
            rest.start += piece.len() as u64;
        }
        Ok(sum)
    });
    summed.await.map_err(|e| Fault::new(Code::Panicked, "read what is sent").because(e))?
}

/// The MD5 of what is put, hex. Errors: `blob_missing` where the file holds other bytes.
pub(crate) async fn md5_of(put: &Put<'_>) -> Result<String, Fault> {
    let file = put.file.to_owned();
    let hashed = tokio::task::spawn_blocking(move || File::open(file).and_then(|file| digest(file, ""))).await;
    let hashed = hashed.map_err(|e| Fault::new(Code::Panicked, "hash what is sent").because(e))?;
    let found = hashed.map_err(|e| damaged().with("path", put.file.display()).because(e))?;
    if found.sha256 != put.blob.sha256 {
        return Err(damaged().with("path", put.file.display()).because("the local file is not what was registered"));
    }
    Ok(found.md5.unwrap_or_default())
}

/// The local file is no longer what was registered: sending it again would not help, mending it does.
pub(crate) fn damaged() -> Fault {
    Fault::new(Code::BlobMissing, "read what is sent")
}

/// This fault, unless the file is no longer what was registered: a store that does not take such bytes is right, in whatever
/// words, and sending them again would not help.
pub(crate) async fn unless_damaged(path: &Path, blob: &Blob, fault: Fault) -> Fault {
    if !fault.is_transient() {
        return fault;
    }
    let file = match file_of(path, blob.size_bytes) {
        Ok(file) => file,
        Err(damaged) => return damaged,
    };
    match crc32c_of(file, 0..blob.size_bytes).await {
        Ok(sum) if sum != blob.crc32c => damaged().with("path", path.display()).because("the local file is not what was registered"),
        _ => fault,
    }
}

/// A file to send: read whole where it is small. Errors: `blob_missing` where it is gone, has another length, or, where it
/// is read, other bytes.
pub(crate) async fn body_of(path: &Path, blob: &Blob) -> Result<Body, Fault> {
    let (file, range) = (file_of(path, blob.size_bytes)?, 0..blob.size_bytes);
    if blob.size_bytes > PIECE_BYTES * 4 {
        return Ok(Body::File { file, range, sums: None });
    }
    let bytes = bytes_of(file, range).await?;
    if crc32c::crc32c(&bytes) != blob.crc32c {
        return Err(damaged().with("path", path.display()).because("the local file is not what was registered"));
    }
    Ok(Body::Bytes(bytes))
}
