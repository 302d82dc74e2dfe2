//! Pictures: limits first, then every pixel is decoded.

use super::limits::{LARGE_PICTURE_BYTES, MAX_PICTURE_BYTES, MAX_PICTURE_MEMORY_BYTES, MAX_PICTURE_PIXELS};
use super::sniff::missing_riff_bytes;
use super::{Alone, alone, refuse};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use rushes_core::inspect::MediaInfo;
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

/// A picture, decoded whole.
pub(crate) struct Decoded {
    /// As it is stored, not yet turned.
    pub(crate) picture: DynamicImage,
    /// How it is to be turned.
    pub(crate) orientation: Orientation,
    /// What its colours mean, where it says.
    pub(crate) icc_profile: Option<Vec<u8>>,
    /// While this is held, no other large picture is decoded.
    _alone: Option<Alone>,
}

impl Decoded {
    /// What it is, upright.
    pub(super) fn info(&self, mime: &str, extension: &str) -> MediaInfo {
        upright((self.picture.width(), self.picture.height()), self.orientation, mime, extension)
    }
}

/// A picture stored in this size, turned as it is to be seen.
fn upright((width, height): (u32, u32), orientation: Orientation, mime: &str, extension: &str) -> MediaInfo {
    let is_turned = matches!(orientation.to_exif(), 5..=8);
    MediaInfo {
        mime: mime.into(),
        extension: extension.into(),
        width: Some(if is_turned { height } else { width }),
        height: Some(if is_turned { width } else { height }),
        duration_ms: None,
        fps: None,
        has_audio: false,
    }
}

/// Says what a picture is after decoding all of it.
pub(super) fn inspect(path: &Path, mut file: File, format: ImageFormat, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    let (mime, extension) = match format {
        ImageFormat::Png => ("image/png", "png"),
        ImageFormat::Jpeg => ("image/jpeg", "jpg"),
        _ => ("image/webp", "webp"),
    };
    if format == ImageFormat::Jpeg
        && let Some((size, orientation)) = inspect_large_jpeg(path, &mut file, cancel)?
    {
        return Ok(upright(size, orientation, mime, extension));
    }
    // Kept as a whole: the next large picture waits until this one is gone.
    Ok(decode(path, file, format, cancel)?.info(mime, extension))
}

/// Width and height of what is stored, px, and how that is turned to be seen.
type Stored = ((u32, u32), Orientation);

/// The size of a large JPEG as it is stored, and how it is turned. Every block is decoded, and one pixel made of each: that takes a
/// fiftieth of the memory. None for one that is not large, and for what is judged as all others are.
fn inspect_large_jpeg(path: &Path, file: &mut File, cancel: &Cancel) -> Result<Option<Stored>, Fault> {
    const BLOCK_PX: u16 = 8;
    let io = |error: std::io::Error| Fault::io("inspect file", path, &error);
    file.rewind().map_err(io)?;
    let mut header = jpeg_decoder::Decoder::new(BufReader::new(&mut *file));
    let Some(info) = header.read_info().ok().and_then(|()| header.info()) else { return Ok(None) };
    let pixels = u64::from(info.width) * u64::from(info.height);
    let whole_bytes = pixels * info.pixel_format.pixel_bytes() as u64;
    if whole_bytes <= LARGE_PICTURE_BYTES || pixels > MAX_PICTURE_PIXELS || file.metadata().map_err(io)?.len() > MAX_PICTURE_BYTES {
        return Ok(None);
    }
    let _alone = alone(cancel)?;
    file.rewind().map_err(io)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    let walked = walk_jpeg(&bytes);
    // What would not be decoded whole, for a thumbnail, is not taken in either.
    if !walked.is_ended || walked.kept_bytes + whole_bytes > MAX_PICTURE_MEMORY_BYTES {
        return Ok(None);
    }
    let mut decoder = jpeg_decoder::Decoder::new(&bytes[..]);
    let scaled = decoder.scale(info.width.div_ceil(BLOCK_PX), info.height.div_ceil(BLOCK_PX)).and_then(|_| decoder.decode());
    if scaled.is_err() {
        return Ok(None);
    }
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    Ok(Some(((info.width.into(), info.height.into()), orientation)))
}

/// Decodes all of a picture, in bounded memory.
pub(super) fn decode(path: &Path, mut file: File, format: ImageFormat, cancel: &Cancel) -> Result<Decoded, Fault> {
    let io = |error: std::io::Error| Fault::io("inspect file", path, &error);
    let length = file.metadata().map_err(io)?.len();
    if length > MAX_PICTURE_BYTES {
        return Err(refuse(Code::FileTooLarge, path, format!("{length} bytes of picture, of {MAX_PICTURE_BYTES}")));
    }
    if format == ImageFormat::WebP {
        let missing = missing_riff_bytes(&mut file).map_err(io)?;
        if missing > 0 {
            return Err(refuse(Code::FileTruncated, path, format!("it lacks {missing} of the bytes it declares")));
        }
    }
    file.rewind().map_err(io)?;
    let mut walked = Walked { is_ended: true, kept_bytes: 0 };
    if format == ImageFormat::Jpeg {
        // Let go of before decoding, which reads the file once more.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        walked = walk_jpeg(&bytes);
        file.rewind().map_err(io)?;
    }
    unpack(path, BufReader::new(file), format, walked, None, cancel)
}

/// Decodes a JPEG that lay in another file or was made of it, turned as that says, or else as it says itself. Whoever has waited his
/// turn for it already says so.
pub(super) fn decode_jpeg(
    path: &Path,
    jpeg: Vec<u8>,
    turned: Option<Orientation>,
    turn: Option<Alone>,
    cancel: &Cancel,
) -> Result<Decoded, Fault> {
    let walked = walk_jpeg(&jpeg);
    let decoded = unpack(path, Cursor::new(jpeg), ImageFormat::Jpeg, walked, turn, cancel)?;
    Ok(Decoded { orientation: turned.unwrap_or(decoded.orientation), ..decoded })
}

fn unpack(
    path: &Path,
    bytes: impl BufRead + Seek,
    format: ImageFormat,
    walked: Walked,
    turn: Option<Alone>,
    cancel: &Cancel,
) -> Result<Decoded, Fault> {
    let judge = |error: ImageError| refuse(judge(&error), path, error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PICTURE_MEMORY_BYTES);
    let mut reader = ImageReader::with_format(bytes, format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(judge)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PICTURE_PIXELS {
        return Err(refuse(Code::FileTooLarge, path, format!("{width}×{height} are {pixels} pixels, of {MAX_PICTURE_PIXELS}")));
    }
    // A WebP's picture is unpacked beside the one that is handed out.
    let memory = walked.kept_bytes + decoder.total_bytes() + if format == ImageFormat::WebP { 4 * pixels } else { 0 };
    if memory > MAX_PICTURE_MEMORY_BYTES {
        let why = format!("decoding its {width}×{height} pixels takes {memory} bytes, of {MAX_PICTURE_MEMORY_BYTES}");
        return Err(refuse(Code::FileTooLarge, path, why));
    }
    let _alone = match turn {
        None if memory > LARGE_PICTURE_BYTES => Some(alone(cancel)?),
        turn => turn,
    };
    let orientation = decoder.orientation().map_err(judge)?;
    // Colours a little off are no reason to refuse a picture.
    let icc_profile = decoder.icc_profile().ok().flatten();
    let picture = DynamicImage::from_decoder(decoder).map_err(judge)?;
    // The JPEG decoder fills what is missing with gray and says nothing.
    if !walked.is_ended {
        return Err(refuse(Code::FileTruncated, path, "it has no end marker"));
    }
    Ok(Decoded { picture, orientation, icc_profile, _alone })
}

/// The code for what a decoder says.
fn judge(error: &ImageError) -> Code {
    match error {
        ImageError::Limits(_) => Code::FileTooLarge,
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Code::FileTruncated,
        ImageError::Unsupported(_) => Code::FileForbidden,
        error => {
            let said = error.to_string().to_lowercase();
            if said.contains("too large") {
                return Code::FileTooLarge;
            }
            let is_cut =
                ["unexpected end", "end of file", "eof", "exhausted", "not enough", "enough data"].iter().any(|word| said.contains(word));
            if is_cut { Code::FileTruncated } else { Code::FileCorrupt }
        }
    }
}

/// What the markers of a JPEG tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Walked {
    /// Whether its end marker is there. What follows that (cameras append previews) does not count.
    is_ended: bool,
    /// What a decoder keeps beside the picture: all coefficients, where the picture comes in passes.
    kept_bytes: u64,
}

/// Walks the markers of a JPEG to its end marker.
fn walk_jpeg(bytes: &[u8]) -> Walked {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let mut walked = Walked { is_ended: false, kept_bytes: 0 };
    let mut at = 2;
    while at + 4 <= bytes.len() || (at + 2 <= bytes.len() && bytes[at + 1] == END) {
        if bytes[at] != 0xff {
            return walked;
        }
        match bytes[at + 1] {
            END => {
                walked.is_ended = true;
                return walked;
            }
            // Fill bytes before a marker.
            0xff => at += 1,
            marker => {
                walked.kept_bytes = walked.kept_bytes.max(kept_bytes(marker, &bytes[at + 4..]));
                at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
                if marker == SCAN {
                    // In a scan, 0xff is followed by 0 or a restart number; anything else is the next marker.
                    let is_data = |pair: &[u8]| pair[0] != 0xff || matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
                    let Some(rest) = bytes.get(at..) else { return walked };
                    let Some(length) = rest.windows(2).position(|pair| !is_data(pair)) else { return walked };
                    at += length;
                }
            }
        }
    }
    walked
}

/// Of a frame header: two bytes for each coefficient, at most one for each pixel and component.
fn kept_bytes(marker: u8, frame: &[u8]) -> u64 {
    const IN_PASSES: u8 = 0xc2;
    match (marker, frame) {
        (IN_PASSES, &[_, tall, high, wide, long, components, ..]) => {
            let side = |above: u8, below: u8| u64::from(u16::from_be_bytes([above, below]));
            2 * side(tall, high) * side(wide, long) * u64::from(components)
        }
        _ => 0,
    }
}
