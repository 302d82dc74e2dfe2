//! What is read of pictures and films before they are handed on: their size; and PNGs are freed of all they carry besides
//! the picture. ComfyUI writes the whole prompt into them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// What a picture is made of, and what says how its colours are meant.
const KEPT: [&[u8; 4]; 10] = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"];
/// Deeper than any box that is looked for.
const BOXES_MAX: usize = 10_000;

/// A PNG without anything but its picture, and its size in pixels; None for what is no whole PNG.
pub(super) fn bare(png: &[u8]) -> Option<(Vec<u8>, (u32, u32))> {
    let mut rest = png.strip_prefix(SIGNATURE)?;
    let mut kept = SIGNATURE.to_vec();
    let mut size = None;
    loop {
        let length = usize::try_from(u32::from_be_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
        let chunk = rest.get(..length.checked_add(12)?)?;
        let kind: &[u8; 4] = chunk[4..8].try_into().ok()?;
        if kind == b"IHDR" {
            let side = |at: usize| Some(u32::from_be_bytes(chunk.get(at..at + 4)?.try_into().ok()?));
            size = Some((side(8)?, side(12)?));
        }
        if KEPT.contains(&kind) {
            kept.extend_from_slice(chunk);
        }
        if kind == b"IEND" {
            return Some((kept, size?));
        }
        rest = &rest[chunk.len()..];
    }
}

/// A box of an mp4: its type, and where its inside begins and ends.
fn next_box(file: &mut File, at: u64, end: u64) -> Option<([u8; 4], u64, u64)> {
    let mut head = [0; 16];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut head[..8]).ok()?;
    let kind = head[4..8].try_into().ok()?;
    let (inside, size) = match u32::from_be_bytes(head[..4].try_into().ok()?) {
        0 => (at + 8, end - at),
        1 => {
            file.read_exact(&mut head[8..]).ok()?;
            (at + 16, u64::from_be_bytes(head[8..].try_into().ok()?))
        }
        size => (at + 8, u64::from(size)),
    };
    let box_end = at.checked_add(size)?;
    (inside <= box_end && box_end <= end).then_some((kind, inside, box_end))
}

/// The boxes between two places.
fn boxes(file: &mut File, mut at: u64, end: u64) -> Vec<([u8; 4], u64, u64)> {
    let mut found = Vec::new();
    while found.len() < BOXES_MAX && at < end {
        let Some(one) = next_box(file, at, end) else { break };
        at = one.2;
        found.push(one);
    }
    found
}

/// The size of an mp4's first picture in pixels, as its index has it; None for what is no whole mp4.
pub(super) fn film_size(file: &mut File) -> Option<(u32, u32)> {
    let end = file.metadata().ok()?.len();
    let top = boxes(file, 0, end);
    if top.first()?.0 != *b"ftyp" || top.last()?.2 != end {
        return None;
    }
    let &(_, from, to) = top.iter().find(|one| &one.0 == b"moov")?;
    for (_, from, to) in boxes(file, from, to).into_iter().filter(|one| &one.0 == b"trak") {
        let Some((_, _, to)) = boxes(file, from, to).into_iter().find(|one| &one.0 == b"tkhd") else { continue };
        // The last eight bytes of a track's header are its width and height, 16.16.
        let mut sides = [0; 8];
        file.seek(SeekFrom::Start(to.checked_sub(8)?)).ok()?;
        file.read_exact(&mut sides).ok()?;
        let side = |at: usize| u32::from(u16::from_be_bytes([sides[at], sides[at + 1]]));
        if side(0) > 0 && side(4) > 0 {
            return Some((side(0), side(4)));
        }
    }
    None
}
