//! Opens a photo by what it is, never by its name, within bounds, and turns it upright. The file is only read.
//!
//! JPEG in `jpeg`, PNG and WebP here; of a camera's raw file what [`rushes_core::formats::raw`] finds in it. What nothing here opens
//! (HEIC, AVIF) is the [`Decoder`]'s, where one is given.

mod jpeg;
#[cfg(test)]
mod tests;

use crate::resample;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use rushes_core::formats::{self, Family, Format, raw};
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

/// Makes a JPEG of a photo that is opened by a program (HEIC, AVIF); answers its bytes. It may block.
pub type Decoder = Box<dyn Fn(&Path, &Cancel) -> Result<Vec<u8>, Fault> + Send + Sync>;

/// What is kept of a photo has at least this long side, and less than twice of it, where the photo is larger.
pub(crate) const KEPT_SIDE_PX: u32 = 2048;

/// Of a JPEG, PNG or WebP: each is held in memory whole.
const MAX_FILE_BYTES: u64 = 128 << 20;

/// Of a file's beginning that is looked at.
const HEAD_BYTES: usize = 64;

/// Pixels of one photo: beyond what any camera makes.
const MAX_PIXELS: u64 = 250_000_000;

/// Of a photo's bytes and what decoding allocates: 100 megapixels of three bytes, or in passes, and their file.
const MAX_MEMORY_BYTES: u64 = 380_000_000;

/// What takes more than this is decoded one at a time.
const LARGE_BYTES: u64 = 64_000_000;

/// While this is held, no other large photo is decoded.
static LARGE: Mutex<()> = Mutex::new(());

/// A photo, upright.
pub(crate) struct Picture {
    /// Its pixels, perhaps fewer than the photo has.
    pub(crate) rgb: RgbImage,
    /// Of the photo itself, px.
    pub(crate) width: u32,
    /// Of the photo itself, px.
    pub(crate) height: u32,
}

/// Opens a photo. Errors: `file_missing`, `file_empty`, `file_truncated`, `file_corrupt`, `file_forbidden`, `file_too_large`,
/// `cancelled`, `io`; what `decoder` says.
pub(crate) fn open(path: &Path, decoder: Option<&Decoder>, cancel: &Cancel) -> Result<Picture, Fault> {
    let io = |error: std::io::Error| Fault::io("open photo", path, &error);
    let mut file = File::open(path).map_err(io)?;
    let about = file.metadata().map_err(io)?;
    if !about.is_file() {
        return Err(refuse(Code::FileForbidden, path, "it is no regular file"));
    }
    if about.len() == 0 {
        return Err(Fault::new(Code::FileEmpty, "open photo").with("path", path.display()));
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io)?;
    file.rewind().map_err(io)?;
    let (bytes, format, turned) = match sniff(&head) {
        Content::Still(format) => {
            if about.len() > MAX_FILE_BYTES {
                return Err(refuse(Code::FileTooLarge, path, format!("{} bytes, of {MAX_FILE_BYTES}", about.len())));
            }
            let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
            file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(io)?;
            (bytes, format, None)
        }
        Content::Raw => {
            let preview = raw::read(&mut BufReader::new(file)).map_err(io)?.and_then(|raw| raw.preview);
            let preview =
                preview.ok_or_else(|| refuse(Code::FileForbidden, path, "there is no JPEG preview in it; hand in a JPEG of it"))?;
            (preview.jpeg, ImageFormat::Jpeg, preview.orientation.and_then(Orientation::from_exif))
        }
        Content::Foreign(what) => {
            let Some(decoder) = decoder else {
                return Err(refuse(Code::FileForbidden, path, format!("it is {what}, which is not opened here; hand in a JPEG")));
            };
            (decoder(path, cancel)?, ImageFormat::Jpeg, None)
        }
        Content::Unknown => {
            return Err(refuse(Code::FileForbidden, path, "its content is none of JPEG, PNG, WebP, HEIC, a camera's raw file"));
        }
    };
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(path, &bytes, format, turned, cancel)));
    decoded.unwrap_or_else(|_| Err(refuse(Code::FileCorrupt, path, "its decoder gave up")))
}

/// What a file's first bytes say it is.
#[derive(Debug, PartialEq)]
enum Content {
    Still(ImageFormat),
    Raw,
    /// Something that a [`Decoder`] may open.
    Foreign(&'static str),
    Unknown,
}

fn sniff(head: &[u8]) -> Content {
    match head {
        [0xff, 0xd8, 0xff, ..] => Content::Still(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Content::Still(ImageFormat::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Content::Still(ImageFormat::WebP),
        head => match formats::sniff(head) {
            Some(Family::Heif(Format::Avif)) => Content::Foreign("AVIF"),
            Some(Family::Heif(_)) => Content::Foreign("HEIC"),
            Some(Family::Raw) => Content::Raw,
            None => Content::Unknown,
        },
    }
}

fn decode(path: &Path, bytes: &[u8], format: ImageFormat, turned: Option<Orientation>, cancel: &Cancel) -> Result<Picture, Fault> {
    let (picture, (width, height), orientation) = match format {
        ImageFormat::Jpeg => jpeg::decode(path, bytes, cancel)?,
        _ => decode_whole(path, bytes, format, cancel)?,
    };
    let orientation = turned.unwrap_or(orientation);
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    let is_turned = matches!(orientation.to_exif(), 5..=8);
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    Ok(Picture { rgb: picture.into_rgb8(), width, height })
}

/// What a format's decoder makes: some pixels, the photo's width and height before it is turned, how to turn it.
type Decoded = (RgbImage, (u32, u32), Orientation);

/// By the `image` crate, every pixel.
fn decode_whole(path: &Path, bytes: &[u8], format: ImageFormat, cancel: &Cancel) -> Result<Decoded, Fault> {
    let judge = |error: ImageError| refuse(judge(&error), path, error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(judge)?;
    let (width, height) = decoder.dimensions();
    let pixels = pixels(path, width, height)?;
    // A WebP's picture is unpacked beside the one that is handed out; one with more than three bytes a pixel is copied.
    let is_rgb = decoder.total_bytes() == 3 * pixels;
    let beside = if format == ImageFormat::WebP { 4 * pixels } else { 0 } + if is_rgb { 0 } else { 3 * pixels };
    let _alone = bounded(path, bytes.len() as u64 + decoder.total_bytes() + beside, cancel)?;
    let orientation = decoder.orientation().map_err(judge)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(judge)?.into_rgb8();
    Ok((resample::halved(picture, KEPT_SIDE_PX), (width, height), orientation))
}

/// How many there are. Errors: `file_too_large`.
fn pixels(path: &Path, width: u32, height: u32) -> Result<u64, Fault> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        return Err(refuse(Code::FileTooLarge, path, format!("{width}×{height} are {pixels} pixels, of {MAX_PIXELS}")));
    }
    Ok(pixels)
}

/// Waits for its turn where much memory is needed. Errors: `file_too_large` where it is too much, `cancelled`.
fn bounded(path: &Path, memory_bytes: u64, cancel: &Cancel) -> Result<Option<MutexGuard<'static, ()>>, Fault> {
    if memory_bytes > MAX_MEMORY_BYTES {
        return Err(refuse(Code::FileTooLarge, path, format!("decoding it takes {memory_bytes} bytes, of {MAX_MEMORY_BYTES}")));
    }
    if memory_bytes <= LARGE_BYTES {
        return Ok(None);
    }
    loop {
        match LARGE.try_lock() {
            Ok(guard) => return Ok(Some(guard)),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(Some(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) if cancel.is_cancelled() => return Err(Fault::new(Code::Cancelled, "open photo")),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The code for what a decoder says.
fn judge(error: &ImageError) -> Code {
    match error {
        ImageError::Limits(_) => Code::FileTooLarge,
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Code::FileTruncated,
        ImageError::Unsupported(_) => Code::FileForbidden,
        error => {
            let said = error.to_string().to_lowercase();
            let is_cut = ["unexpected end", "end of file", "eof", "exhausted", "not enough", "enough data"];
            if is_cut.iter().any(|word| said.contains(word)) { Code::FileTruncated } else { Code::FileCorrupt }
        }
    }
}

fn refuse(code: Code, path: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::new(code, "open photo").with("path", path.display()).because(why)
}
