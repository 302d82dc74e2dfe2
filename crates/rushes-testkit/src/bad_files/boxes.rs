//! Building and editing ISO base media boxes and Matroska elements, byte by byte.

/// A box of that kind.
pub(super) fn new_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).expect("a small box");
    [&size.to_be_bytes()[..], kind, content].concat()
}

/// Where the box at the end of a path begins and how long it is; on each level the first of its kind.
pub(super) fn place(bytes: &[u8], path: &[&[u8; 4]]) -> (usize, usize) {
    let (mut from, mut to) = (0, bytes.len());
    let mut found = (0, 0);
    for kind in path {
        found = place_in(bytes, from, to, kind).unwrap_or_else(|| panic!("no {} in the sample", String::from_utf8_lossy(*kind)));
        (from, to) = (found.0 + 8, found.0 + found.1);
    }
    found
}

fn place_in(bytes: &[u8], mut at: usize, to: usize, kind: &[u8; 4]) -> Option<(usize, usize)> {
    while at + 8 <= to {
        let size = read_u32(bytes, at) as usize;
        if &bytes[at + 4..at + 8] == kind {
            return Some((at, size));
        }
        at += size.max(8);
    }
    None
}

/// Puts another box in the place of the one at the end of a path, and mends the sizes of those around it. Chunk offsets
/// stay right only where the media lies before the index.
pub(super) fn replace(bytes: &[u8], path: &[&[u8; 4]], new: &[u8]) -> Vec<u8> {
    let (at, size) = place(bytes, path);
    let mut edited = bytes.to_vec();
    for depth in 1..path.len() {
        let (outer, outer_size) = place(bytes, &path[..depth]);
        write_u32(&mut edited, outer, u32::try_from(outer_size + new.len() - size).expect("a small box"));
    }
    edited.splice(at..at + size, new.iter().copied());
    edited
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn write_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

/// A Matroska element.
pub(super) fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut size = (content.len() as u64).to_be_bytes();
    size[0] = 0x01;
    [id, &size, content].concat()
}

/// Adds elements to the end of a Matroska file's segment, whose size takes eight bytes.
pub(super) fn append_to_segment(bytes: &[u8], more: &[u8]) -> Vec<u8> {
    let at = super::find(bytes, &[0x18, 0x53, 0x80, 0x67]) + 4;
    assert_eq!(bytes[at], 0x01, "the segment's size takes eight bytes");
    let mut size = [0; 8];
    size.copy_from_slice(&bytes[at..at + 8]);
    let grown = (u64::from_be_bytes(size) + more.len() as u64).to_be_bytes();
    let mut edited = [bytes, more].concat();
    edited[at..at + 8].copy_from_slice(&grown);
    edited
}
