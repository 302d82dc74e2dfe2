//! Boxes of ISO base media: outermost in a file, and in one another within the bytes of one.

use std::io::{self, Read, Seek, SeekFrom};

/// Outermost boxes of one file, and boxes of one list.
const MAX_BOXES: usize = 4096;
/// An index that is read whole. That of a photo has some kilobytes.
const MAX_INDEX_BYTES: u64 = 16 << 20;

/// A box of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) kind: [u8; 4],
    /// Where what it holds begins.
    pub(super) begin: u64,
    /// How long that is.
    pub(super) length: u64,
}

impl Outer {
    /// What it holds. None where that is not there, or larger than any index.
    pub(super) fn read(&self, file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
        if self.length > MAX_INDEX_BYTES {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.begin))?;
        file.take(self.length).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 == self.length).then_some(bytes))
    }
}

/// The outermost boxes of a file, and how many of the bytes they declare are not there.
pub(super) fn outermost(file: &mut (impl Read + Seek)) -> io::Result<(Vec<Outer>, u64)> {
    let length = file.seek(SeekFrom::End(0))?;
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 8 <= length && found.len() < MAX_BOXES {
        file.seek(SeekFrom::Start(at))?;
        let mut head = Vec::with_capacity(16);
        file.take(16).read_to_end(&mut head)?;
        let Some((kind, from, size)) = head_of(&head) else { break };
        let size = if size == 0 { length - at } else { size };
        if size < from {
            break;
        }
        found.push(Outer { kind, begin: at + from, length: size - from });
        at = at.saturating_add(size);
    }
    Ok((found, at.saturating_sub(length)))
}

/// Its kind, how long its head is, and how long it is as a whole; 0 to the end.
fn head_of(bytes: &[u8]) -> Option<([u8; 4], u64, u64)> {
    let (short, kind) = (u32::from_be_bytes(*bytes.first_chunk()?), *bytes.get(4..)?.first_chunk()?);
    match short {
        1 => Some((kind, 16, u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?))),
        short => Some((kind, 8, short.into())),
    }
}

/// The boxes in these bytes, each with what it holds, as far as they are whole.
pub(super) fn within(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    let next = move || {
        let (kind, from, size) = head_of(rest)?;
        let size = if size == 0 { rest.len() } else { usize::try_from(size).ok()? };
        let held = rest.get(usize::try_from(from).ok()?..size)?;
        rest = &rest[size..];
        Some((kind, held))
    };
    std::iter::from_fn(next).take(MAX_BOXES)
}

/// What the first box of this kind holds.
pub(super) fn first<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    within(bytes).find(|(found, _)| found == kind).map(|(_, held)| held)
}

/// Reads numbers from bytes, first to last.
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// Of 16 bits, or of 32.
    pub(super) fn id(&mut self, is_long: bool) -> Option<u32> {
        if is_long { self.u32() } else { self.u16().map(u32::from) }
    }

    /// What stands before all else in many boxes: a version and flags.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        self.u32().map(|both| (both.to_be_bytes()[0], both & 0x00ff_ffff))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Cursor;

    pub(in super::super) fn boxed(kind: &[u8; 4], held: &[u8]) -> Vec<u8> {
        [&(held.len() as u32 + 8).to_be_bytes()[..], kind, held].concat()
    }

    #[test]
    fn boxes_are_walked_as_far_as_they_are_whole() {
        let long = [&1_u32.to_be_bytes()[..], b"long", &18_u64.to_be_bytes(), b"ab"].concat();
        let bytes = [boxed(b"ftyp", b"heic"), long, boxed(b"mdat", b"cdef")].concat();
        let kinds = |bytes: &[u8]| within(bytes).map(|(kind, held)| (kind, held.to_vec())).collect::<Vec<_>>();
        assert_eq!(kinds(&bytes), [(*b"ftyp", b"heic".to_vec()), (*b"long", b"ab".to_vec()), (*b"mdat", b"cdef".to_vec())]);
        assert_eq!(kinds(&bytes[..bytes.len() - 1]).len(), 2, "the last is not whole");
        let (outer, missing_bytes) = outermost(&mut Cursor::new(&bytes[..bytes.len() - 1])).unwrap();
        assert_eq!((outer.len(), missing_bytes, outer[1].begin, outer[1].length), (3, 1, 28, 2));
        assert_eq!(outer[2].read(&mut Cursor::new(&bytes[..bytes.len() - 1])).unwrap(), None);
        // Some say nothing of their length, or lie.
        for lie in [0_u32, 1, 7] {
            let bytes = [&lie.to_be_bytes()[..], b"mdat", &[0; 8], b"rest"].concat();
            assert!(outermost(&mut Cursor::new(&bytes)).unwrap().0.len() <= 1, "{lie}");
        }
        assert_eq!(outermost(&mut Cursor::new(&boxed(b"free", b"").repeat(MAX_BOXES + 5))).unwrap().0.len(), MAX_BOXES);
    }
}
