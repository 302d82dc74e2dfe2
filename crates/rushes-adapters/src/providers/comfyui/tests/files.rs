//! PNGs and films as they come.

use super::super::png::{bare, film_size};
use std::io::Write;

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    // Nothing here looks at check sums.
    [&length.to_be_bytes(), &kind[..], content, b"sums"].concat()
}

#[test]
fn comfyui_pictures_keep_their_picture_and_lose_their_words() {
    let head = chunk(b"IHDR", &[0, 0, 0, 3, 0, 0, 0, 2, 8, 6, 0, 0, 0]);
    let [data, more, end] = [chunk(b"IDAT", b"pixels"), chunk(b"IDAT", b"others"), chunk(b"IEND", b"")];
    let colours = chunk(b"gAMA", &[0, 0, 177, 143]);
    let words = [b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME", b"caBX"].map(|kind| chunk(kind, b"prompt\0{}")).concat();
    let signature = &b"\x89PNG\r\n\x1a\n"[..];
    let png = [signature, &head, &words, &colours, &data, &words, &more, &end, b"after its end"].concat();
    let (kept, size) = bare(&png).unwrap();
    assert_eq!((kept, size), ([signature, &head, &colours, &data, &more, &end].concat(), (3, 2)));
    for cut in [0, 7, 20, 33, png.len() - 30] {
        assert_eq!(bare(&png[..cut]), None, "{cut} bytes of it");
    }
    assert_eq!(bare(b"\xff\xd8\xff\xe0 no PNG at all"), None);
}

fn boxed(kind: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let size = u32::try_from(inside.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], inside].concat()
}

/// A track's header that ends in these sides.
fn track(width: u16, height: u16) -> Vec<u8> {
    let sides = [&width.to_be_bytes()[..], &[0, 0], &height.to_be_bytes(), &[0, 0]].concat();
    boxed(b"trak", &boxed(b"tkhd", &[&[0; 76][..], &sides].concat()))
}

#[test]
fn comfyui_films_are_measured_by_their_index() {
    let size = |film: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(film).unwrap();
        film_size(&mut file)
    };
    let brand = boxed(b"ftyp", b"isom");
    let media = boxed(b"mdat", &[7; 100]);
    // The sound's track has no size.
    let index = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), track(0, 0), track(720, 1280)].concat());
    let first = [&brand[..], &index, &media].concat();
    let last = [&brand[..], &media, &index].concat();
    for whole in [&first, &last] {
        assert_eq!(size(whole), Some((720, 1280)));
    }
    let long = [&1_u32.to_be_bytes()[..], b"mdat", &u64::MAX.to_be_bytes(), &[0; 50]].concat();
    for bad in
        [&first[..first.len() - 1], &last[..last.len() - 30], &last[..40], &index, b"", b"GIF89a and more", &[&brand[..], &long].concat()]
    {
        assert_eq!(size(bad), None, "{} bytes", bad.len());
    }
}
