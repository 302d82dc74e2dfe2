//! What the markers of a JPEG tell, without decoding it.

use std::ops::Range;

/// What they tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As it is stored, px.
    pub width: u32,
    /// As it is stored, px.
    pub height: u32,
    /// Colours.
    pub components: u8,
    /// What a decoder keeps beside the picture: two bytes for each coefficient, where it comes in passes.
    pub kept_bytes: u64,
    /// Of 8 bits, baseline or progressive: what photos are.
    pub is_photo: bool,
    /// Where its Exif lies, which is a TIFF.
    pub exif: Option<Range<usize>>,
    /// Whether its end marker is there. What follows that (cameras append previews) does not count.
    pub is_ended: bool,
}

/// Walks its markers to the end. None where its picture never begins.
#[must_use]
pub fn walk(bytes: &[u8]) -> Option<Header> {
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    const EXIF: &[u8] = b"Exif\0\0";
    let mut header: Option<Header> = None;
    let mut exif = None;
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
            0xe1 if segment.starts_with(EXIF) => exif = Some(at + 4 + EXIF.len()..at + 2 + length),
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
    header.map(|header| Header { exif, ..header })
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
        exif: None,
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
