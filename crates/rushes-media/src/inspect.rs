//! What a file really is and whether it is whole: by content, never by name, decoded strictly to its end.
//!
//! `limits` holds how large a file may be, `door` the first look, `sniff` and `boxes` what is read of a file before any
//! decoder sees it, `film` and `still` the decoding, `photo` and `heif` that of what only telephones and cameras write,
//! `taken` when a photo was taken.
//!
//! What does not live here: what a file declares ([`crate::probe`]), and what to do with a file that is refused.

#[cfg(test)]
mod bad_files;
mod boxes;
mod door;
mod film;
mod heif;
mod limits;
mod photo;
mod sniff;
mod still;
mod taken;
#[cfg(test)]
mod tests;

use rushes_core::inspect::{Inspect, MediaInfo};
use rushes_core::{Cancel, Code, Fault};
use sniff::{Content, sniff};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use door::check_file;
pub(crate) use limits::*;
pub use photo::jpeg_of;

/// Inspects files on the blocking threads of the runtime it is called from.
#[derive(Debug, Clone, Copy, Default)]
pub struct MediaInspector;

#[async_trait::async_trait]
impl Inspect for MediaInspector {
    async fn inspect(&self, path: &Path) -> Result<MediaInfo, Fault> {
        off_the_runtime(path, inspect_file).await
    }

    async fn inspect_photo(&self, path: &Path) -> Result<MediaInfo, Fault> {
        off_the_runtime(path, inspect_photo).await
    }

    async fn taken_at(&self, path: &Path) -> Option<String> {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || taken::taken_at(&path)).await.ok()?
    }
}

async fn off_the_runtime(path: &Path, look: fn(&Path, &Cancel) -> Result<MediaInfo, Fault>) -> Result<MediaInfo, Fault> {
    let cancel = Cancel::new();
    // Whoever stops waiting stops the decoding, too.
    let _guard = cancel.clone().drop_guard();
    let owned = path.to_owned();
    let joined = tokio::task::spawn_blocking(move || look(&owned, &cancel)).await;
    joined.map_err(|error| Fault::new(Code::Panicked, "inspect file").with("path", path.display()).because(error))?
}

/// Says what a file is after decoding all of it.
///
/// Errors: `file_missing`, `file_empty`, `file_truncated`, `file_corrupt`, `file_forbidden`, `file_too_large`;
/// `media_tool`, `media_tool_missing`, `cancelled`, `time_limit`, `io`.
pub(crate) fn inspect_file(path: &Path, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    let (mut file, content) = open(path)?;
    match content {
        Some(Content::Still(format)) => still::inspect(path, file, format, cancel),
        Some(Content::Film(container)) => film::inspect(path, &mut file, container, cancel),
        Some(Content::Photo(_)) => Err(refuse(
            Code::FileForbidden,
            path,
            "it is HEIC, AVIF, TIFF or a camera's raw file, which only shoots take; hand in a JPEG of it",
        )),
        None => Err(refuse(Code::FileForbidden, path, "its content is none of png, jpg, webp, mp4, mov, webm, mkv, wav, flac, mp3, m4a")),
    }
}

/// As [`inspect_file`], and takes what telephones and cameras write beside the usual: of a raw file, its preview is what is decoded.
///
/// Errors: the same; `decoder_missing` where no program here opens it.
pub(crate) fn inspect_photo(path: &Path, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    match open(path)? {
        (file, Some(Content::Photo(family))) => photo::inspect(path, file, family, cancel),
        _ => inspect_file(path, cancel),
    }
}

/// Decodes a picture as [`inspect_photo`] does, within its limits. Errors: the same; `file_forbidden` for what is no picture.
pub(crate) fn decode_picture(path: &Path, cancel: &Cancel) -> Result<still::Decoded, Fault> {
    let (file, content) = open(path)?;
    match content {
        Some(Content::Still(format)) => still::decode(path, file, format, cancel),
        Some(Content::Photo(family)) => photo::decode(path, file, family, cancel).map(|(_, decoded)| decoded),
        _ => Err(refuse(Code::FileForbidden, path, "its content is none of png, jpg, webp")),
    }
}

/// Opens a file and looks at its head.
fn open(path: &Path) -> Result<(File, Option<Content>), Fault> {
    let mut file = door::open(path)?;
    let mut head = Vec::with_capacity(4096);
    file.by_ref().take(4096).read_to_end(&mut head).map_err(|error| Fault::io("inspect file", path, &error))?;
    let content = sniff(&head);
    Ok((file, content))
}

/// While this is held, no other large file is decoded: two at once would take twice the memory.
pub(crate) struct Alone(());

impl Drop for Alone {
    fn drop(&mut self) {
        IS_ALONE.store(false, Ordering::Release);
    }
}

/// Whether somebody is.
static IS_ALONE: AtomicBool = AtomicBool::new(false);

/// Waits until no other large file is being decoded. Errors: `cancelled`.
fn alone(cancel: &Cancel) -> Result<Alone, Fault> {
    /// How often the cancel token is looked at.
    const LOOK_EVERY: Duration = Duration::from_millis(25);
    while IS_ALONE.swap(true, Ordering::Acquire) {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "inspect file"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(Alone(()))
}

/// For others who decode this picture: waits its turn as they do here, where it is a large one. It blocks.
///
/// # Errors
/// `cancelled`.
pub fn alone_with(picture: &Path, cancel: &Cancel) -> Result<Option<impl Send + use<>>, Fault> {
    // What cannot be read is refused by whoever decodes it.
    let size = match open(picture) {
        Ok((file, Some(Content::Photo(family)))) => photo::size(file, family),
        _ => {
            let opened = image::ImageReader::open(picture).and_then(image::ImageReader::with_guessed_format);
            opened.ok().and_then(|reader| reader.into_dimensions().ok())
        }
    };
    let pixels = size.map_or(0, |(wide, high)| u64::from(wide) * u64::from(high));
    (3 * pixels > LARGE_PICTURE_BYTES).then(|| alone(cancel)).transpose()
}

fn refuse(code: Code, path: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::new(code, "inspect file").with("path", path.display()).because(why)
}
