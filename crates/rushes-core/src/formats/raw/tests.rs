//! Hostile files; those of every maker are read where they are decoded.

use super::*;
use std::io::Cursor;

type Entry = (u16, u16, u32, u32);

/// A JPEG as far as its markers go.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [&[0xff, 0xc0, 0, 11, 8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    [&[0xff, 0xd8][..], &frame, &[0xff, 0xda, 0, 2], &[5; 200], &[0xff, 0xd9]].concat()
}

/// Directories one behind the other from byte 8, and then these bytes.
fn tiff(directories: &[Vec<Entry>], behind: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for entries in directories {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
        }
        bytes.extend((bytes.len() as u32 + 4).to_le_bytes());
    }
    let end = bytes.len();
    bytes[end - 4..].fill(0);
    [&bytes, behind].concat()
}

fn read_from(bytes: &[u8]) -> Raw {
    read(&mut Cursor::new(bytes)).unwrap().unwrap()
}

#[test]
fn raw_directories_in_a_ring_come_to_an_end() {
    let shown = jpeg(64, 48);
    let at = 8 + 2 + 4 * 12 + 4;
    // The directory names itself, below itself and as the next.
    let entries = vec![(0x014a, 4, 1, 8), (0x8769, 4, 1, 8), (0x0201, 4, 1, at), (0x0202, 4, 1, shown.len() as u32)];
    let mut ring = tiff(&[entries], &shown);
    ring[8 + 2 + 48..8 + 2 + 52].copy_from_slice(&8_u32.to_le_bytes());
    assert_eq!(read_from(&ring).preview.unwrap().width, 64);
    // Each of many names all of them; the preview is in none that is still looked at.
    let list = 8 + 200 * (2 + 12 + 4);
    let places: Vec<u8> = (0..16_u32).flat_map(|nth| (8 + (100 + nth) * 18).to_le_bytes()).collect();
    let many: Vec<Vec<Entry>> = (0..200).map(|_| vec![(0x014a, 4, u32::MAX, list)]).collect();
    assert_eq!(read_from(&tiff(&many, &places)).preview, None);
}

#[test]
fn raw_counts_and_places_beyond_the_file_lead_nowhere() {
    let far = u32::MAX - 3;
    for entries in [
        vec![(0x0201, 4, 1, far), (0x0202, 4, 1, far)],
        vec![(0x014a, 4, far, far), (0x010f, 2, far, far), (0x927c, 7, far, far)],
        vec![(0x002e, 7, far, 8)],
        vec![(0x0144, 4, far, far), (0x0145, 3, far, far)],
        vec![(0x0112, 3, 1, 60_000)],
    ] {
        let read = read_from(&tiff(std::slice::from_ref(&entries), b""));
        assert!(read.preview.is_none() && read.format.is_none() && read.missing_bytes == 0, "{entries:?}: {read:?}");
    }
    let strips = vec![(0x0106, 3, 1, 32_803), (0x0111, 4, 1, 1000), (0x0117, 4, 1, 24)];
    assert_eq!(read_from(&tiff(&[strips], &[0; 800])).missing_bytes, 1024 - 850, "what the sensor gave is cut");
    let mut entries = tiff(&[Vec::new()], b"");
    entries[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(read_from(&entries).preview, None);
    assert_eq!(read(&mut Cursor::new(b"\xff\xd8\xff")).unwrap(), None);
    for head in [&b"II*\0"[..], b"MM\0*\0", b"FUJIFILMCCD-RAW", b"\0\0\0\x08ftypcrx "] {
        assert_eq!(read_from(head).preview, None);
    }
}

#[test]
fn raw_previews_are_whole_jpegs_the_largest_first() {
    let (small, large) = (jpeg(64, 48), jpeg(640, 480));
    // What a sensor gave is a JPEG of another kind.
    let mut lossless = jpeg(9000, 6000);
    lossless[3] = 0xc3;
    let cut = &jpeg(8000, 6000)[..150];
    let all = [&small[..], &large, &lossless, cut].concat();
    let begin = 8 + 4 * (2 + 2 * 12 + 4) as u32;
    let mut at = begin;
    let directories: Vec<Vec<Entry>> = [small.len(), large.len(), lossless.len(), cut.len()]
        .map(|length| {
            at += length as u32;
            vec![(0x0201, 4, 1, at - length as u32), (0x0202, 4, 1, length as u32)]
        })
        .into();
    let preview = read_from(&tiff(&directories, &all)).preview.unwrap();
    assert_eq!((preview.width, preview.height, preview.jpeg), (640, 480, large));
}

proptest::proptest! {
    #[test]
    fn raw_survives_any_bytes(kind in 0..4_usize, bytes in proptest::collection::vec(0..=255_u8, 0..600)) {
        let head: &[u8] = [&b"II*\0\x08\0\0\0"[..], b"MMOR\0\0\0\x08", b"FUJIFILMCCD-RAW ", b"\0\0\0\x10ftypcrx \0\0\0\x01"][kind];
        read_from(&[head, &bytes].concat());
    }
}
