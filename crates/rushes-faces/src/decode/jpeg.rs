//! JPEG: a large one is decoded at a half, a quarter or an eighth of its size, which takes less time and far less memory.

use super::{Decoded, KEPT_SIDE_PX, bounded, decode_whole, pixels, refuse};
use image::metadata::Orientation;
use image::{GrayImage, ImageFormat, RgbImage};
use jpeg_decoder::PixelFormat;
use rushes_core::formats::jpeg::walk;
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

pub(super) fn decode(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<Decoded, Fault> {
    let header = walk(bytes);
    let Some(header) = header else {
        return Err(refuse(Code::FileTruncated, path, "it ends before its picture begins"));
    };
    let (width, height) = (header.width, header.height);
    let pixels = pixels(path, width, height)?;
    if !header.is_ended {
        return Err(refuse(Code::FileTruncated, path, "it has no end marker"));
    }
    let shrink = shrink(width.max(height));
    if shrink == 1 || header.components == 4 || !header.is_photo {
        // What it allocates is bounded there, but for its coefficients.
        drop(bounded(path, bytes.len() as u64 + header.kept_bytes + 3 * pixels, cancel)?);
        return decode_whole(path, bytes, ImageFormat::Jpeg, cancel);
    }
    let kept_pixels = pixels / u64::from(shrink * shrink) + u64::from(width) + u64::from(height);
    let _alone = bounded(path, bytes.len() as u64 + header.kept_bytes + 6 * kept_pixels, cancel)?;
    let judge = |error: jpeg_decoder::Error| match error {
        jpeg_decoder::Error::Io(error) => refuse(Code::FileTruncated, path, error),
        error => refuse(Code::FileCorrupt, path, error),
    };
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    // The smallest that is not below what is asked for.
    let asked = |side: u32| u16::try_from(side.div_ceil(shrink)).unwrap_or(u16::MAX);
    let (kept_width, kept_height) = decoder.scale(asked(width), asked(height)).map_err(judge)?;
    let decoded = decoder.decode().map_err(judge)?;
    let format = decoder.info().map(|info| info.pixel_format);
    let (kept_width, kept_height) = (u32::from(kept_width), u32::from(kept_height));
    let picture = match format {
        Some(PixelFormat::RGB24) => RgbImage::from_raw(kept_width, kept_height, decoded),
        Some(PixelFormat::L8) => {
            GrayImage::from_raw(kept_width, kept_height, decoded).map(|gray| image::DynamicImage::from(gray).into_rgb8())
        }
        _ => None,
    };
    let picture = picture.ok_or_else(|| refuse(Code::FileCorrupt, path, "its decoder gave fewer pixels than it said"))?;
    let orientation = header.exif.and_then(|exif| Orientation::from_exif_chunk(bytes.get(exif)?));
    Ok((picture, (width, height), orientation.unwrap_or(Orientation::NoTransforms)))
}

/// How many pixels become one: the long side stays at or above what is kept.
fn shrink(long_px: u32) -> u32 {
    [8, 4, 2].into_iter().find(|shrink| long_px / shrink >= KEPT_SIDE_PX).unwrap_or(1)
}
