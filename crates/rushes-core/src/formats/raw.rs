//! A camera's raw file: whose format it is, and the largest JPEG in it, a full-size preview made by the camera. CR2, NEF, ARW, DNG,
//! ORF, RW2, PEF and SRW are TIFF inside (`tiff`), CR3 is ISO base media (`cr3`); RAF says at its beginning where its JPEG lies.

mod cr3;
mod tiff;

use super::{Format, jpeg};
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

/// What no preview is smaller than.
const MIN_PREVIEW_BYTES: u64 = 128;
/// What none is larger than.
const MAX_PREVIEW_BYTES: u64 = 64 << 20;
/// Places looked at, the largest first.
const MAX_PREVIEWS: usize = 16;

/// What is known of a raw file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// None for a TIFF of which nothing says that a camera wrote it from its sensor.
    pub format: Option<Format>,
    /// The largest that is a JPEG to its end.
    pub preview: Option<Preview>,
    /// Of what it says it holds, so many bytes are not there.
    pub missing_bytes: u64,
}

/// A JPEG from within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Its bytes.
    pub jpeg: Vec<u8>,
    /// As it is stored, px.
    pub width: u32,
    /// As it is stored, px.
    pub height: u32,
    /// How the file says it is to be turned, as Exif counts, 1 to 8. None: as the JPEG itself says.
    pub orientation: Option<u8>,
}

/// What is found on the way through a file.
#[derive(Debug, Default)]
struct Found {
    format: Option<Format>,
    /// (offset, bytes) of all that may be a preview.
    places: BTreeSet<(u64, u64)>,
    orientation: Option<u8>,
    /// Where what the sensor gave ends.
    end: u64,
}

/// By the first bytes of a file. A TIFF may be none.
#[must_use]
pub(crate) fn is_raw(head: &[u8]) -> bool {
    is_raf(head) || cr3::is_cr3(head) || tiff::order(head).is_some()
}

fn is_raf(head: &[u8]) -> bool {
    head.starts_with(b"FUJIFILMCCD-RAW")
}

/// Goes through it. None where [`is_raw`] says no. Errors: of reading.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Raw>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(128);
    file.take(128).read_to_end(&mut head)?;
    let found = if is_raf(&head) {
        raf(&head)
    } else if cr3::is_cr3(&head) {
        cr3::walk(file)?
    } else if let Some(order) = tiff::order(&head) {
        tiff::walk(file, order, &head)?
    } else {
        return Ok(None);
    };
    let preview = largest(file, found.places)?.map(|preview| Preview { orientation: found.orientation, ..preview });
    Ok(Some(Raw { format: found.format, preview, missing_bytes: found.end.saturating_sub(length) }))
}

/// Its head says where the JPEG lies, which says itself how it is turned, and where what the sensor gave does.
fn raf(head: &[u8]) -> Found {
    let at = |from: usize| head.get(from..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)));
    Found { format: Some(Format::Raf), places: BTreeSet::from([(at(84), at(88))]), orientation: None, end: at(100) + at(104) }
}

fn largest(file: &mut (impl Read + Seek), places: BTreeSet<(u64, u64)>) -> io::Result<Option<Preview>> {
    let mut places: Vec<(u64, u64)> = places.into_iter().collect();
    places.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
    let mut largest: Option<Preview> = None;
    for (offset, length) in places.into_iter().take(MAX_PREVIEWS) {
        let Some(jpeg) = bytes(file, offset, length)? else { continue };
        // What a sensor gave is a JPEG too, in some: lossless, and of no use here.
        let Some(header) = jpeg::walk(&jpeg).filter(|header| header.is_photo && header.is_ended) else { continue };
        let (width, height) = (header.width, header.height);
        let pixels = |wide: u32, high: u32| u64::from(wide) * u64::from(high);
        if largest.as_ref().is_none_or(|most| pixels(most.width, most.height) < pixels(width, height)) {
            largest = Some(Preview { jpeg, width, height, orientation: None });
        }
    }
    Ok(largest)
}

/// These, if they begin as a JPEG and are there.
fn bytes(file: &mut (impl Read + Seek), offset: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    const BEGIN: &[u8] = &[0xff, 0xd8, 0xff];
    if !(MIN_PREVIEW_BYTES..=MAX_PREVIEW_BYTES).contains(&length) {
        return Ok(None);
    }
    let mut bytes = vec![0; BEGIN.len()];
    if file.seek(SeekFrom::Start(offset)).is_err() || file.read_exact(&mut bytes).is_err() || bytes != BEGIN {
        return Ok(None);
    }
    file.take(length - BEGIN.len() as u64).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == length).then_some(bytes))
}

#[cfg(test)]
mod tests;
