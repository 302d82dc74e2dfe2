//! Indexes of HEIF files, built here: whole, odd and hostile ones.

use super::super::boxes::tests::boxed;
use super::*;
use std::io::Cursor;

/// An index of these pictures (id, type, whether hidden), the photo's id, its properties and their order.
fn file(pictures: &[(u16, &[u8; 4], u8)], photo: u16, properties: &[Vec<u8>], order: &[u8], references: &[u8]) -> Vec<u8> {
    let listed = |(id, kind, hidden): &(u16, &[u8; 4], u8)| {
        boxed(b"infe", &[&[2, 0, 0, *hidden][..], &id.to_be_bytes(), &[0; 2], &kind[..], b"\0"].concat())
    };
    let list: Vec<u8> = pictures.iter().flat_map(listed).collect();
    let list = boxed(b"iinf", &[&[0; 4][..], &(pictures.len() as u16).to_be_bytes(), &list].concat());
    let table = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &photo.to_be_bytes(), &[order.len() as u8], order].concat();
    let properties = boxed(b"iprp", &[boxed(b"ipco", &properties.concat()), boxed(b"ipma", &table)].concat());
    let photo = boxed(b"pitm", &[&[0; 4][..], &photo.to_be_bytes()].concat());
    let meta = boxed(b"meta", &[&[0; 4][..], &photo, &list, &boxed(b"iref", references), &properties].concat());
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), meta, boxed(b"mdat", &[7; 64])].concat()
}

fn size(width: u32, height: u32) -> Vec<u8> {
    boxed(b"ispe", &[&[0; 4][..], &width.to_be_bytes(), &height.to_be_bytes()].concat())
}

fn read_from(bytes: &[u8]) -> Option<Index> {
    read(&mut Cursor::new(bytes)).unwrap()
}

/// A photo put together of two tiles, beside a small one and another that is shown.
fn whole() -> Vec<u8> {
    let pictures: &[(u16, &[u8; 4], u8)] =
        &[(1, b"hvc1", 1), (2, b"hvc1", 1), (3, b"hvc1", 0), (4, b"hvc1", 0), (5, b"grid", 0), (6, b"Exif", 0)];
    let properties = [size(512, 512), size(4032, 3024), boxed(b"irot", &[1]), boxed(b"imir", &[1])];
    let references = [&[0; 4][..], &boxed(b"thmb", &[0, 3, 0, 1, 0, 5]), &boxed(b"dimg", &[0, 5, 0, 2, 0, 1, 0, 2])].concat();
    file(pictures, 5, &properties, &[0x82, 0x83, 0x84], &references)
}

#[test]
fn heif_says_which_picture_is_the_photo_and_how_it_is_turned() {
    let turns = vec![Turn::Quarters(1), Turn::LeftToRight];
    let expected = Index { width: 4032, height: 3024, turns, is_composed: true, place: (1, 2), missing_bytes: 0 };
    assert_eq!(read_from(&whole()), Some(expected));
    let alone = read_from(&file(&[(1, b"av01", 0)], 1, &[size(64, 48)], &[1], &[0; 4])).unwrap();
    assert_eq!((alone.width, alone.height, alone.is_composed, alone.place), (64, 48, false, (0, 1)));
}

#[test]
fn heif_that_is_cut_or_names_no_picture_says_so() {
    let whole = whole();
    // Cut before or in the head of what its index is of, only whoever decodes it tells.
    let head = whole.len() - 72..whole.len() - 64;
    for length in (25..whole.len()).filter(|length| !head.contains(length)) {
        let read = read_from(&whole[..length]);
        assert!(read.is_none_or(|index| index.missing_bytes > 0), "{length} of {} bytes", whole.len());
    }
    assert_eq!(read_from(&whole[..whole.len() - 10]).unwrap().missing_bytes, 10);
    assert_eq!(read_from(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), None);
    assert_eq!(read_from(&file(&[(1, b"hvc1", 0)], 9, &[size(64, 48)], &[1], &[0; 4])), None, "no such picture");
    assert_eq!(read_from(&file(&[(1, b"hvc1", 0)], 1, &[size(64, 48)], &[0, 7], &[0; 4])), None, "no such property");
    assert_eq!(read_from(&file(&[(1, b"hvc1", 0)], 1, &[size(0, 48)], &[1], &[0; 4])), None, "no width");
}

proptest::proptest! {
    #[test]
    fn heif_survives_any_change_of_a_file(at in 0..10_000_usize, to in proptest::array::uniform4(0..=255_u8)) {
        let mut bytes = whole();
        let at = at % (bytes.len() - 4);
        bytes[at..at + 4].copy_from_slice(&to);
        read_from(&bytes);
    }
}
