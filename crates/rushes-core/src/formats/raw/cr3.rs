//! CR3 of Canon: boxes of ISO base media. The full-size JPEG is the first thing one of its tracks holds; smaller ones lie in boxes
//! of Canon's own.

use super::super::Format;
use super::super::boxes::{Numbers, first, outermost, within};
use super::{Found, tiff};
use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Where Canon keeps what the camera notes; what it holds are boxes.
const CANON: [u8; 16] = *b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
/// Where a preview of middling size lies, in a box behind eight bytes.
const PREVIEW: [u8; 16] = *b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";

pub(super) fn is_cr3(head: &[u8]) -> bool {
    head.get(4..12) == Some(b"ftypcrx ")
}

pub(super) fn walk(file: &mut (impl Read + Seek)) -> io::Result<Found> {
    let length = file.seek(SeekFrom::End(0))?;
    let (outer, missing_bytes) = outermost(file)?;
    let mut found = Found { format: Some(Format::Cr3), end: length + missing_bytes, ..Found::default() };
    for one in &outer {
        match &one.kind {
            b"moov" => {
                let Some(moov) = one.read(file)? else { continue };
                for (kind, held) in within(&moov) {
                    match &kind {
                        b"trak" => found.places.extend(track(held)),
                        b"uuid" if held.starts_with(&CANON) => found.orientation = orientation(&held[CANON.len()..]),
                        _ => {}
                    }
                }
            }
            b"uuid" => found.places.extend(preview(file, one.begin)?),
            _ => {}
        }
    }
    Ok(found)
}

/// Where the first thing in a track lies, and how long it is.
fn track(trak: &[u8]) -> Option<(u64, u64)> {
    let table = [b"mdia", b"minf", b"stbl"].into_iter().try_fold(trak, first)?;
    let size = {
        let mut numbers = Numbers(first(table, b"stsz")?);
        numbers.version()?;
        // One size for all, or each its own.
        match (numbers.u32()?, numbers.u32()?) {
            (0, 1..) => numbers.u32()?,
            (size, _) => size,
        }
    };
    let offset = |kind: &[u8; 4]| {
        let mut numbers = Numbers(first(table, kind)?);
        let (_, count) = (numbers.version()?, numbers.u32().filter(|count| *count > 0)?);
        debug_assert!(count > 0);
        if kind == b"co64" { numbers.u64() } else { numbers.u32().map(u64::from) }
    };
    Some((offset(b"co64").or_else(|| offset(b"stco"))?, size.into()))
}

/// What the first directory of the camera's notes says.
fn orientation(canon: &[u8]) -> Option<u8> {
    let notes = first(canon, b"CMT1")?;
    tiff::walk(&mut Cursor::new(notes), tiff::order(notes)?, notes).ok()?.orientation
}

/// A preview in a box of this content, if it is that.
fn preview(file: &mut (impl Read + Seek), begin: u64) -> io::Result<Option<(u64, u64)>> {
    const BEHIND: usize = 8;
    const HEAD: usize = 24;
    let mut head = Vec::with_capacity(48);
    file.seek(SeekFrom::Start(begin))?;
    file.take(48).read_to_end(&mut head)?;
    let Some(held) = head.strip_prefix(&PREVIEW).and_then(|rest| rest.get(BEHIND..BEHIND + HEAD)) else { return Ok(None) };
    if held.get(4..8) != Some(b"PRVW") {
        return Ok(None);
    }
    let length = Numbers(&held[20..]).u32().unwrap_or_default();
    Ok(Some((begin + (PREVIEW.len() + BEHIND + HEAD) as u64, length.into())))
}
