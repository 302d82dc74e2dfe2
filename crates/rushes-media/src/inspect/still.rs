//! Pictures: limits first, then every pixel is decoded.

use super::sniff::missing_riff_bytes;
use super::{MAX_IMAGE_PIXELS, refuse};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use rushes_core::inspect::MediaInfo;
use rushes_core::{Code, Fault};
use std::io::{BufReader, Seek};
use std::path::Path;

/// What decoding a picture may allocate: 16 bits a channel at the largest size.
const MAX_DECODED_BYTES: u64 = MAX_IMAGE_PIXELS * 8;

/// Longest encoded picture that is looked at; what decodes to 200 megapixels is far below.
const MAX_FILE_BYTES: u64 = 512 << 20;

pub(super) fn inspect(path: &Path, format: ImageFormat) -> Result<MediaInfo, Fault> {
    let io = |error: std::io::Error| Fault::io("inspect file", path, &error);
    let mut file = std::fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > MAX_FILE_BYTES {
        return Err(refuse(Code::FileTooLarge, path, format!("more than {MAX_FILE_BYTES} bytes of picture")));
    }
    if format == ImageFormat::WebP {
        let missing = missing_riff_bytes(&mut file).map_err(io)?;
        if missing > 0 {
            return Err(refuse(Code::FileTruncated, path, format!("it lacks {missing} of the bytes it declares")));
        }
        file.rewind().map_err(io)?;
    }
    let judge = |error: ImageError| refuse(judge(&error), path, error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(judge)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_IMAGE_PIXELS {
        return Err(refuse(Code::FileTooLarge, path, format!("{width}×{height} are {pixels} pixels, of {MAX_IMAGE_PIXELS}")));
    }
    let orientation = decoder.orientation().map_err(judge)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(judge)?;
    // The JPEG decoder fills what is missing with gray and says nothing.
    if format == ImageFormat::Jpeg && !is_jpeg_ended(&std::fs::read(path).map_err(io)?) {
        return Err(refuse(Code::FileTruncated, path, "it has no end marker"));
    }
    drop(decoded);
    let is_turned = matches!(orientation.to_exif(), 5..=8);
    let (mime, extension) = match format {
        ImageFormat::Png => ("image/png", "png"),
        ImageFormat::Jpeg => ("image/jpeg", "jpg"),
        _ => ("image/webp", "webp"),
    };
    Ok(MediaInfo {
        mime: mime.into(),
        extension: extension.into(),
        width: Some(if is_turned { height } else { width }),
        height: Some(if is_turned { width } else { height }),
        duration_ms: None,
        fps: None,
        has_audio: false,
    })
}

/// The code for what a decoder says.
fn judge(error: &ImageError) -> Code {
    match error {
        ImageError::Limits(_) => Code::FileTooLarge,
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Code::FileTruncated,
        ImageError::Unsupported(_) => Code::FileForbidden,
        error => {
            let said = error.to_string().to_lowercase();
            let is_cut = ["unexpected end", "end of file", "eof", "exhausted", "not enough"].iter().any(|word| said.contains(word));
            if is_cut { Code::FileTruncated } else { Code::FileCorrupt }
        }
    }
}

/// Walks the markers of a JPEG to its end marker. What follows that (cameras append previews) does not count.
fn is_jpeg_ended(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let mut at = 2;
    while at + 4 <= bytes.len() || (at + 2 <= bytes.len() && bytes[at + 1] == END) {
        if bytes[at] != 0xff {
            return false;
        }
        match bytes[at + 1] {
            END => return true,
            // Fill bytes before a marker.
            0xff => at += 1,
            marker => {
                at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
                if marker == SCAN {
                    // In a scan, 0xff is followed by 0 or a restart number; anything else is the next marker.
                    let is_data = |pair: &[u8]| pair[0] != 0xff || matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
                    let Some(rest) = bytes.get(at..) else { return false };
                    let Some(length) = rest.windows(2).position(|pair| !is_data(pair)) else { return false };
                    at += length;
                }
            }
        }
    }
    false
}
