//! The index of HEIC and AVIF: which picture is the photo, how large it is, and how it is turned.

use super::boxes::{Numbers, first, outermost, within};
use std::collections::BTreeSet;
use std::io::{self, Read, Seek};

/// Pictures, properties and references looked at.
const MAX_ENTRIES: u32 = 65_536;

/// What the index says of the photo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Before it is turned, px.
    pub width: u32,
    /// Before it is turned, px.
    pub height: u32,
    /// What is to be done to it, in this order.
    pub turns: Vec<Turn>,
    /// Put together of others, as telephones' are: not every decoder can.
    pub is_composed: bool,
    /// How many pictures stand before it that are shown by themselves, and how many there are.
    pub place: (usize, usize),
    /// Of what the outermost boxes declare, so many bytes are not there.
    pub missing_bytes: u64,
}

/// What is to be done to a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// So many quarters, against the clock.
    Quarters(u8),
    /// What is above comes below.
    UpsideDown,
    /// What is left comes right.
    LeftToRight,
}

/// Reads it. None where it names no picture. Errors: of reading.
pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Index>> {
    let (outer, missing_bytes) = outermost(file)?;
    let Some(meta) = outer.iter().find(|one| &one.kind == b"meta") else {
        return Ok((missing_bytes > 0).then(|| Index { missing_bytes, ..Index::default() }));
    };
    let bytes = meta.read(file)?;
    let index = bytes.as_deref().and_then(index).map(|index| Index { missing_bytes, ..index });
    // One that is cut says so, whatever its index says.
    Ok(index.or_else(|| (missing_bytes > 0).then(|| Index { missing_bytes, ..Index::default() })))
}

fn index(meta: &[u8]) -> Option<Index> {
    // Behind version and flags.
    let meta = meta.get(4..)?;
    let primary = {
        let mut numbers = Numbers(first(meta, b"pitm")?);
        let (version, _) = numbers.version()?;
        numbers.id(version > 0)?
    };
    let pictures = pictures(first(meta, b"iinf")?)?;
    let beside = first(meta, b"iref").map(beside).unwrap_or_default();
    let shown: Vec<u32> = pictures.iter().filter(|one| one.is_shown && !beside.contains(&one.id)).map(|one| one.id).collect();
    let (kind, place) = (pictures.iter().find(|one| one.id == primary)?.kind, shown.iter().filter(|id| **id < primary).count());
    let mut index =
        Index { is_composed: !matches!(&kind, b"hvc1" | b"av01"), place: (place, shown.len().max(place + 1)), ..Index::default() };
    let properties = first(meta, b"iprp")?;
    let all: Vec<([u8; 4], &[u8])> = within(first(properties, b"ipco")?).collect();
    for number in associated(first(properties, b"ipma")?, primary)? {
        let Some((kind, held)) = number.checked_sub(1).and_then(|number| all.get(number)) else { continue };
        match (kind, held) {
            (b"ispe", _) => {
                let mut numbers = Numbers(held.get(4..)?);
                (index.width, index.height) = (numbers.u32()?, numbers.u32()?);
            }
            (b"irot", [quarters, ..]) if quarters & 3 != 0 => index.turns.push(Turn::Quarters(quarters & 3)),
            (b"imir", [axis, ..]) => index.turns.push(if axis & 1 == 0 { Turn::UpsideDown } else { Turn::LeftToRight }),
            _ => {}
        }
    }
    (index.width > 0 && index.height > 0).then_some(index)
}

struct Picture {
    id: u32,
    kind: [u8; 4],
    is_shown: bool,
}

/// What is listed and is a picture.
fn pictures(list: &[u8]) -> Option<Vec<Picture>> {
    let mut numbers = Numbers(list);
    let (version, _) = numbers.version()?;
    numbers.id(version > 0)?;
    let picture = |held: &[u8]| {
        let mut numbers = Numbers(held);
        let (version, flags) = numbers.version()?;
        let (id, _, kind) = (numbers.id(version > 2)?, numbers.u16()?, numbers.u32()?.to_be_bytes());
        let is_picture = !matches!(&kind, b"Exif" | b"mime" | b"uri ");
        is_picture.then_some(Picture { id, kind, is_shown: flags & 1 == 0 })
    };
    Some(within(numbers.0).filter(|(kind, _)| kind == b"infe").filter_map(|(_, held)| picture(held)).collect())
}

/// What only belongs to another: small ones, and maps of depth or transparency.
fn beside(references: &[u8]) -> BTreeSet<u32> {
    let mut numbers = Numbers(references);
    let is_long = numbers.version().is_some_and(|(version, _)| version > 0);
    let of = within(numbers.0).filter(|(kind, _)| matches!(kind, b"thmb" | b"auxl"));
    of.filter_map(|(_, held)| Numbers(held).id(is_long)).collect()
}

/// The numbers of a picture's properties, from 1, in their order.
fn associated(table: &[u8], picture: u32) -> Option<Vec<usize>> {
    let mut numbers = Numbers(table);
    let (version, flags) = numbers.version()?;
    let entries = numbers.u32()?.min(MAX_ENTRIES);
    for _ in 0..entries {
        let (id, count) = (numbers.id(version > 0)?, numbers.u8()?);
        let mut own = Vec::with_capacity(count.into());
        for _ in 0..count {
            // The highest bit says whether it must be understood.
            own.push(usize::from(if flags & 1 == 1 { numbers.u16()? & 0x7fff } else { u16::from(numbers.u8()? & 0x7f) }));
        }
        if id == picture {
            return Some(own);
        }
    }
    None
}

#[cfg(test)]
mod tests;
