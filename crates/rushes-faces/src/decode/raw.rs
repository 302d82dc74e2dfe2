//! The largest JPEG in a camera's raw file: a full-size preview, made by the camera. CR2, NEF, ARW, DNG, ORF, RW2, PEF and
//! their like are TIFF inside; RAF says at its beginning where its JPEG lies.
//!
//! Whatever the file says of itself is bounded: directories, entries, bytes of a preview.

use super::jpeg;
use image::metadata::Orientation;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

const MAX_DIRECTORIES: usize = 64;
const MAX_ENTRIES: u16 = 1024;
const MAX_SUBDIRECTORIES: u32 = 16;
const MIN_PREVIEW_BYTES: u64 = 128;
const MAX_PREVIEW_BYTES: u64 = 64 << 20;

/// A JPEG and how the raw file is to be turned, where that says so.
pub(super) struct Preview {
    pub(super) jpeg: Vec<u8>,
    pub(super) orientation: Option<Orientation>,
}

/// By the first bytes of a file.
pub(super) fn is_raw(head: &[u8]) -> bool {
    is_raf(head) || order(head).is_some()
}

fn is_raf(head: &[u8]) -> bool {
    head.starts_with(b"FUJIFILMCCD-RAW")
}

/// TIFF's marks, and those of Olympus (`IIRO`, `IIRS`, `MMOR`) and Panasonic (`IIU`).
fn order(head: &[u8]) -> Option<Order> {
    match head.get(..4)? {
        b"II*\0" | b"IIRO" | b"IIRS" | b"IIU\0" => Some(Order::Little),
        b"MM\0*" | b"MMOR" => Some(Order::Big),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    }
}

/// The largest preview that is a JPEG to its end. None where there is none.
pub(super) fn preview(file: &mut (impl Read + Seek)) -> io::Result<Option<Preview>> {
    let mut head = [0; 96];
    let length = file.take(96).read(&mut head)?;
    let (places, orientation) = match order(&head) {
        Some(order) => walk(file, order, order.u32([head[4], head[5], head[6], head[7]]))?,
        None if is_raf(&head[..length]) => {
            let at = |from: usize| u64::from(Order::Big.u32([head[from], head[from + 1], head[from + 2], head[from + 3]]));
            (vec![(at(84), at(88))], None)
        }
        None => return Ok(None),
    };
    let mut largest: Option<(u64, Vec<u8>)> = None;
    for (offset, length) in places {
        let Some(bytes) = read(file, offset, length)? else { continue };
        // What a sensor gave is a JPEG too, in some: lossless, and of no use here.
        let Some(header) = jpeg::walk(&bytes).filter(|header| header.is_photo) else { continue };
        let pixels = u64::from(header.width) * u64::from(header.height);
        if largest.as_ref().is_none_or(|(most, _)| *most < pixels) {
            largest = Some((pixels, bytes));
        }
    }
    Ok(largest.map(|(_, jpeg)| Preview { jpeg, orientation }))
}

/// These bytes, if they begin as a JPEG and are there.
fn read(file: &mut (impl Read + Seek), offset: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
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

/// (offset, bytes) of all that may be a preview, and the orientation.
type Places = (Vec<(u64, u64)>, Option<Orientation>);

fn walk(file: &mut (impl Read + Seek), order: Order, first: u32) -> io::Result<Places> {
    let (mut places, mut orientation) = (Vec::new(), None);
    let (mut ahead, mut seen) = (vec![first], BTreeSet::new());
    while let Some(offset) = ahead.pop() {
        if offset == 0 || seen.len() >= MAX_DIRECTORIES || !seen.insert(offset) {
            continue;
        }
        let Some(directory) = Directory::read(file, order, offset) else { continue };
        orientation = orientation.or_else(|| {
            directory.orientation.filter(|_| offset == first).and_then(|turned| Orientation::from_exif(u8::try_from(turned).ok()?))
        });
        places.extend(directory.places());
        ahead.push(directory.next);
        for (offset, count) in directory.nested {
            ahead.extend(numbers(file, order, offset, count).unwrap_or_default());
        }
    }
    Ok((places, orientation))
}

/// So many offsets from a list of them.
fn numbers(file: &mut (impl Read + Seek), order: Order, at: u32, count: u32) -> io::Result<Vec<u32>> {
    if count == 1 {
        return Ok(vec![at]);
    }
    file.seek(SeekFrom::Start(at.into()))?;
    let mut one = [0; 4];
    (0..count.min(MAX_SUBDIRECTORIES)).map(|_| file.read_exact(&mut one).map(|()| order.u32(one))).collect()
}

/// What a directory says that matters here.
#[derive(Default)]
struct Directory {
    compression: Option<u32>,
    strip: (Option<u32>, Option<u32>),
    thumbnail: (Option<u32>, Option<u32>),
    whole: Option<(u32, u32)>,
    orientation: Option<u32>,
    /// Where lists of further directories lie, or one itself does, and how many.
    nested: Vec<(u32, u32)>,
    next: u32,
}

impl Directory {
    fn read(file: &mut (impl Read + Seek), order: Order, offset: u32) -> Option<Self> {
        let mut directory = Self::default();
        file.seek(SeekFrom::Start(offset.into())).ok()?;
        let mut two = [0; 2];
        file.read_exact(&mut two).ok()?;
        let entries = order.u16(two);
        if entries > MAX_ENTRIES {
            return None;
        }
        for _ in 0..entries {
            let mut entry = [0; 12];
            file.read_exact(&mut entry).ok()?;
            let (tag, kind) = (order.u16([entry[0], entry[1]]), order.u16([entry[2], entry[3]]));
            let count = order.u32([entry[4], entry[5], entry[6], entry[7]]);
            const SHORT: u16 = 3;
            let is_short = kind == SHORT && count == 1;
            let value = match is_short {
                true => order.u16([entry[8], entry[9]]).into(),
                false => order.u32([entry[8], entry[9], entry[10], entry[11]]),
            };
            directory.take(tag, count, value);
        }
        let mut four = [0; 4];
        directory.next = file.read_exact(&mut four).map_or(0, |()| order.u32(four));
        Some(directory)
    }

    fn take(&mut self, tag: u16, count: u32, value: u32) {
        match tag {
            // JpgFromRaw of Panasonic: the value is the bytes' place, the count their number.
            0x002e => self.whole = Some((value, count)),
            0x0103 => self.compression = Some(value),
            0x0111 if count == 1 => self.strip.0 = Some(value),
            0x0117 if count == 1 => self.strip.1 = Some(value),
            0x0112 => self.orientation = Some(value),
            0x0201 => self.thumbnail.0 = Some(value),
            0x0202 => self.thumbnail.1 = Some(value),
            // SubIFDs, and the directory of Exif.
            0x014a | 0x8769 => self.nested.push((value, count)),
            _ => {}
        }
    }

    fn places(&self) -> Vec<(u64, u64)> {
        const JPEG: [u32; 2] = [6, 7];
        let strip = self.strip.0.zip(self.strip.1).filter(|_| self.compression.is_some_and(|by| JPEG.contains(&by)));
        let all = [strip, self.thumbnail.0.zip(self.thumbnail.1), self.whole];
        all.into_iter().flatten().map(|(offset, length)| (offset.into(), length.into())).collect()
    }
}
