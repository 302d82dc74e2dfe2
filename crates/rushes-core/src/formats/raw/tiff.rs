//! Raw files that are TIFF inside: directories, further ones they name, and the notes of Olympus, which are directories too.

use super::super::Format;
use super::Found;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

const MAX_DIRECTORIES: usize = 64;
const MAX_ENTRIES: u16 = 1024;
const MAX_SUBDIRECTORIES: u32 = 16;

/// What begins TIFF, and what Olympus (`IIRO`, `IIRS`, `MMOR`) and Panasonic (`IIU`) begin theirs with.
pub(super) fn order(head: &[u8]) -> Option<Order> {
    match head.get(..4)? {
        b"II*\0" | b"IIRO" | b"IIRS" | b"IIU\0" => Some(Order::Little),
        b"MM\0*" | b"MMOR" => Some(Order::Big),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
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

/// A directory to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ahead {
    at: u64,
    /// What its offsets count from.
    base: u64,
    is_olympus: bool,
}

pub(super) fn walk(file: &mut (impl Read + Seek), order: Order, head: &[u8]) -> io::Result<Found> {
    let start = head.get(4..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from(order.u32(*bytes)));
    let mut found = Found::default();
    let mut told = Told { mark: head.get(..12).unwrap_or_default().to_vec(), ..Told::default() };
    let first = Ahead { at: start, base: 0, is_olympus: false };
    let (mut ahead, mut seen) = (vec![first], BTreeSet::new());
    while let Some(one) = ahead.pop() {
        if one.at <= one.base || seen.len() >= MAX_DIRECTORIES || !seen.insert(one) {
            continue;
        }
        let Some(directory) = Directory::read(file, order, one)? else { continue };
        if one == first {
            found.orientation =
                directory.orientation.and_then(|turned| u8::try_from(turned).ok()).filter(|turned| (1..=8).contains(turned));
            told.make = directory.make.map(|make| text(file, make)).transpose()?.unwrap_or_default();
        }
        told.is_sensor |= directory.is_sensor;
        told.is_dng |= directory.is_dng;
        found.places.extend(directory.places());
        for (offsets, lengths) in [directory.strips, directory.tiles] {
            let (Some(offsets), Some(lengths)) = (offsets, lengths) else { continue };
            let (Some(offset), Some(length)) = (last(file, order, offsets)?, last(file, order, lengths)?) else { continue };
            // Left open by those that say it elsewhere.
            let is_said = offset != u32::MAX && !one.is_olympus;
            found.end = found.end.max(if is_said { u64::from(offset) + u64::from(length) } else { 0 });
        }
        ahead.push(Ahead { at: one.base + u64::from(directory.next), ..one });
        for nested in directory.nested {
            let is_olympus = one.is_olympus;
            ahead.extend(numbers(file, order, nested)?.into_iter().map(|at| Ahead {
                at: one.base + u64::from(at),
                base: one.base,
                is_olympus,
            }));
        }
        if let Some(at) = directory.notes {
            ahead.extend(olympus(file, at)?);
        }
    }
    found.format = told.format();
    // Panasonic writes no lengths that hold.
    found.end = if found.format == Some(Format::Rw2) { 0 } else { found.end };
    Ok(found)
}

/// What is told of who wrote a file.
#[derive(Default)]
struct Told {
    mark: Vec<u8>,
    make: String,
    is_sensor: bool,
    is_dng: bool,
}

impl Told {
    fn format(&self) -> Option<Format> {
        let make = self.make.to_ascii_uppercase();
        let is_by = |name: &str| make.starts_with(name);
        match &*self.mark {
            [b'I', b'I', b'R', ..] | [b'M', b'M', b'O', ..] => Some(Format::Orf),
            [b'I', b'I', b'U', ..] => Some(Format::Rw2),
            [_, _, _, _, _, _, _, _, b'C', b'R', ..] => Some(Format::Cr2),
            _ if self.is_dng => Some(Format::Dng),
            // A scan or an export may name the camera, too.
            _ if !self.is_sensor => None,
            _ if is_by("NIKON") => Some(Format::Nef),
            _ if is_by("SONY") => Some(Format::Arw),
            _ if is_by("PENTAX") || is_by("RICOH") || is_by("ASAHI") => Some(Format::Pef),
            _ if is_by("SAMSUNG") => Some(Format::Srw),
            _ => None,
        }
    }
}

/// One entry: of what type its values are, how many there are, and the value or where they lie.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: u16,
    count: u32,
    value: u32,
    /// What an offset counts from.
    base: u64,
}

impl Entry {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;

    fn only(self) -> Option<u32> {
        (self.count == 1).then_some(self.value)
    }

    fn at(self) -> u64 {
        self.base + u64::from(self.value)
    }
}

/// The last of an entry's numbers. None where it holds none.
fn last(file: &mut (impl Read + Seek), order: Order, entry: Entry) -> io::Result<Option<u32>> {
    let size = if entry.kind == Entry::SHORT { 2 } else { 4 };
    match entry.count {
        0 => Ok(None),
        1 => Ok(Some(entry.value)),
        // Two short ones stand in the entry itself; so little is no photo.
        2 if size == 2 => Ok(None),
        _ if !matches!(entry.kind, Entry::SHORT | Entry::LONG) => Ok(None),
        count => {
            let mut bytes = vec![0; size];
            let at = entry.at() + u64::from(count - 1) * size as u64;
            if file.seek(SeekFrom::Start(at)).is_err() || file.read_exact(&mut bytes).is_err() {
                return Ok(None);
            }
            Ok(Some(match *bytes {
                [a, b] => order.u16([a, b]).into(),
                [a, b, c, d] => order.u32([a, b, c, d]),
                _ => 0,
            }))
        }
    }
}

/// So many offsets from a list of them, or the one.
fn numbers(file: &mut (impl Read + Seek), order: Order, entry: Entry) -> io::Result<Vec<u32>> {
    if let Some(only) = entry.only() {
        return Ok(vec![only]);
    }
    file.seek(SeekFrom::Start(entry.at()))?;
    let mut bytes = Vec::new();
    file.take(u64::from(entry.count.min(MAX_SUBDIRECTORIES)) * 4).read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|one| order.u32(*one)).collect())
}

/// Words of an entry, as far as they are there.
fn text(file: &mut (impl Read + Seek), entry: Entry) -> io::Result<String> {
    const MAX_BYTES: u64 = 64;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(entry.at()))?;
    file.take(u64::from(entry.count).min(MAX_BYTES)).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().to_owned())
}

/// The directory of the notes at this place, if they are of Olympus: its offsets count from where they begin.
fn olympus(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<Ahead>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(16).read_to_end(&mut head)?;
    let behind = match &*head {
        head if head.starts_with(b"OLYMPUS\0") => 12,
        head if head.starts_with(b"OM SYSTEM\0") => 16,
        _ => return Ok(None),
    };
    Ok(Some(Ahead { at: at + behind, base: at, is_olympus: true }))
}

/// What a directory says that matters here.
#[derive(Default)]
struct Directory {
    base: u64,
    compression: Option<u32>,
    strips: (Option<Entry>, Option<Entry>),
    tiles: (Option<Entry>, Option<Entry>),
    thumbnail: (Option<u32>, Option<u32>),
    whole: Option<(u32, u32)>,
    orientation: Option<u32>,
    make: Option<Entry>,
    is_sensor: bool,
    is_dng: bool,
    /// Lists of further directories.
    nested: Vec<Entry>,
    /// What the camera's maker notes, where it is.
    notes: Option<u64>,
    next: u32,
}

impl Directory {
    /// None where it is not there, or no directory.
    fn read(file: &mut (impl Read + Seek), order: Order, place: Ahead) -> io::Result<Option<Self>> {
        let mut directory = Self { base: place.base, ..Self::default() };
        file.seek(SeekFrom::Start(place.at))?;
        let mut bytes = Vec::new();
        file.take(2).read_to_end(&mut bytes)?;
        let Some(entries) = bytes.first_chunk().map(|two| order.u16(*two)).filter(|entries| *entries <= MAX_ENTRIES) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(u64::from(entries) * 12 + 4).read_to_end(&mut bytes)?;
        let (listed, behind) = bytes.split_at(bytes.len().min(usize::from(entries) * 12));
        for entry in listed.as_chunks::<12>().0 {
            let (tag, kind) = (order.u16([entry[0], entry[1]]), order.u16([entry[2], entry[3]]));
            let count = order.u32([entry[4], entry[5], entry[6], entry[7]]);
            let value = match kind == Entry::SHORT && count == 1 {
                true => order.u16([entry[8], entry[9]]).into(),
                false => order.u32([entry[8], entry[9], entry[10], entry[11]]),
            };
            let entry = Entry { kind, count, value, base: place.base };
            if place.is_olympus { directory.take_olympus(tag, entry) } else { directory.take(tag, entry) }
        }
        directory.next = behind.first_chunk().map_or(0, |four| order.u32(*four));
        Ok(Some(directory))
    }

    fn take(&mut self, tag: u16, entry: Entry) {
        /// Each pixel behind a filter of one colour; or all of them, not yet made a picture.
        const SENSOR: [u32; 2] = [32_803, 34_892];
        match tag {
            // JpgFromRaw of Panasonic: the value is the bytes' place, the count their number.
            0x002e => self.whole = Some((entry.value, entry.count)),
            0x0103 => self.compression = entry.only(),
            0x0106 => self.is_sensor = entry.only().is_some_and(|what| SENSOR.contains(&what)),
            0x010f if entry.count > 4 => self.make = Some(entry),
            0x0111 => self.strips.0 = Some(entry),
            0x0117 => self.strips.1 = Some(entry),
            0x0112 => self.orientation = entry.only(),
            0x0144 => self.tiles.0 = Some(entry),
            0x0145 => self.tiles.1 = Some(entry),
            0x0201 => self.thumbnail.0 = entry.only(),
            0x0202 => self.thumbnail.1 = entry.only(),
            0xc612 => self.is_dng = true,
            // SubIFDs, and the directory of Exif.
            0x014a | 0x8769 => self.nested.push(entry),
            0x927c => self.notes = Some(entry.at()),
            _ => {}
        }
    }

    fn take_olympus(&mut self, tag: u16, entry: Entry) {
        match tag {
            0x0101 => self.thumbnail.0 = entry.only(),
            0x0102 => self.thumbnail.1 = entry.only(),
            // The settings of the camera, in which its preview is named: a directory, written as one offset or as that many bytes.
            0x2020 => self.nested.push(Entry { count: 1, ..entry }),
            _ => {}
        }
    }

    fn places(&self) -> Vec<(u64, u64)> {
        const JPEG: [u32; 2] = [6, 7];
        let only = |entry: Option<Entry>| entry.and_then(Entry::only);
        let strip = only(self.strips.0).zip(only(self.strips.1)).filter(|_| self.compression.is_some_and(|by| JPEG.contains(&by)));
        let all = [strip, self.thumbnail.0.zip(self.thumbnail.1), self.whole];
        all.into_iter().flatten().map(|(offset, length)| (self.base + u64::from(offset), length.into())).collect()
    }
}
