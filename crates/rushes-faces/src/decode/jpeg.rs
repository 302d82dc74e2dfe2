//! JPEG: a large one is decoded at a half, a quarter or an eighth of its size, which takes less time and far less memory.

use super::{Decoded, KEPT_SIDE_PX, bounded, decode_whole, pixels, refuse};
use image::metadata::Orientation;
use image::{GrayImage, ImageFormat, RgbImage};
use jpeg_decoder::PixelFormat;
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

/// What its markers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Colours.
    components: u8,
    /// Two bytes for each coefficient, where the picture comes in passes.
    kept_bytes: u64,
    /// Of 8 bits, baseline or progressive: what photos are.
    pub(super) is_photo: bool,
    orientation: Orientation,
    /// Whether its end marker is there. What follows that (cameras append previews) does not count.
    is_ended: bool,
}

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
    Ok((picture, (width, height), header.orientation))
}

/// How many pixels become one: the long side stays at or above what is kept.
fn shrink(long_px: u32) -> u32 {
    [8, 4, 2].into_iter().find(|shrink| long_px / shrink >= KEPT_SIDE_PX).unwrap_or(1)
}

/// Walks its markers to the end. None where its picture never begins.
pub(super) fn walk(bytes: &[u8]) -> Option<Header> {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    const EXIF: &[u8] = b"Exif\0\0";
    let mut header: Option<Header> = None;
    let mut orientation = Orientation::NoTransforms;
    let mut at = 2;
    while at + 4 <= bytes.len() || (at + 2 <= bytes.len() && bytes[at + 1] == END) {
        if bytes[at] != 0xff {
            // Some programs leave bytes between segments.
            at += 1;
            continue;
        }
        let marker = bytes[at + 1];
        match marker {
            END => {
                header = header.map(|header| Header { is_ended: true, ..header });
                break;
            }
            // Fill bytes before a marker.
            0xff => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let segment = bytes.get(at + 4..at + 2 + length).unwrap_or_default();
        match marker {
            0xe1 if segment.starts_with(EXIF) => {
                orientation = Orientation::from_exif_chunk(&segment[EXIF.len()..]).unwrap_or(orientation);
            }
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) && header.is_none() => header = frame(marker, segment),
            _ => {}
        }
        at += 2 + length;
        if marker == SCAN {
            // In a scan, 0xff is followed by 0 or a restart number; anything else is the next marker.
            let is_data = |pair: &[u8]| pair[0] != 0xff || matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
            let Some(next) = bytes.get(at..).and_then(|rest| rest.windows(2).position(|pair| !is_data(pair))) else { break };
            at += next;
        }
    }
    header.map(|header| Header { orientation, ..header })
}

/// Of a frame header.
fn frame(marker: u8, segment: &[u8]) -> Option<Header> {
    const BASELINE: [u8; 2] = [0xc0, 0xc1];
    const PROGRESSIVE: u8 = 0xc2;
    let &[bits, tall, high, wide, long, components, ref tables @ ..] = segment else { return None };
    let side = |above: u8, below: u8| u32::from(u16::from_be_bytes([above, below]));
    let (width, height) = (side(wide, long), side(tall, high));
    let is_progressive = marker == PROGRESSIVE;
    Some(Header {
        width,
        height,
        components,
        kept_bytes: if is_progressive { 2 * coefficients(width, height, tables) } else { 0 },
        is_photo: bits == 8 && (is_progressive || BASELINE.contains(&marker)),
        orientation: Orientation::NoTransforms,
        is_ended: false,
    })
}

/// Of all components: the colours of most photos have a quarter as many as the light.
fn coefficients(width: u32, height: u32, components: &[u8]) -> u64 {
    let sampled: Vec<(u64, u64)> = components.chunks_exact(3).map(|of| (u64::from(of[1] >> 4), u64::from(of[1] & 15))).collect();
    let most = |of: fn(&(u64, u64)) -> u64| sampled.iter().map(of).max().unwrap_or(1).max(1);
    let (across, down) = (most(|of| of.0), most(|of| of.1));
    let padded = |side: u32, times: u64| u64::from(side).next_multiple_of(8 * times);
    sampled.iter().map(|of| padded(width, across) * of.0 / across * padded(height, down) * of.1 / down).sum()
}
