//! Photos of telephones and cameras, as the door and the pages see them.

use super::super::{inspect_file, inspect_photo};
use super::*;
use crate::compress::compress_picture;
use crate::run::{Ffmpeg, sample};
use image::{Rgb, RgbImage};
use rushes_core::delivery::Pictures;
use rushes_testkit::photos::{self, DNG};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    photos::jpeg(&photos::quarters(width, height))
}

#[expect(clippy::disallowed_methods, reason = "a test's own scratch")]
fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let file = folder.join("photo.jpg");
    std::fs::write(&file, bytes).unwrap();
    file
}

/// The four corners of the rendition that is shown of it: r, g, b or w.
fn shown(path: &Path) -> String {
    let into = path.with_extension("shown");
    // There may be one of an earlier photo.
    std::fs::remove_file(&into).ok();
    compress_picture(path, &into, Pictures { max_px: 480, quality: 80 }, &Cancel::new()).unwrap();
    photos::corners(&image::load_from_memory(&std::fs::read(&into).unwrap()).unwrap().into_rgb8())
}

fn code(path: &Path) -> Code {
    inspect_photo(path, &Cancel::new()).map(|info| panic!("{info:?}")).unwrap_err().code
}

/// Which program of libheif is here, if any.
fn has_heif(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_here = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !is_here {
        eprintln!("skipped: {program} (apt-get install libheif-examples)");
    }
    is_here
}

#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
fn heif_enc(args: &[&str], pictures: &[&Path], into: &Path) {
    let made = std::process::Command::new("heif-enc").args(args).args(pictures).arg("-o").arg(into).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Raw files of all makers around one preview, each turned by a quarter, with what they are.
fn raws() -> Vec<(Vec<u8>, Format)> {
    let (large, small) = (jpeg(640, 480), jpeg(64, 48));
    let tiff = |mark: &[u8], make: &str| photos::tiff(mark, make, &large, 6, &[]);
    vec![
        (photos::cr2(&large, &small, 6), Format::Cr2),
        (photos::cr3(&large, &small, 6), Format::Cr3),
        (tiff(b"MM\0*", "NIKON CORPORATION"), Format::Nef),
        (tiff(b"II*\0", "SONY"), Format::Arw),
        (tiff(b"MM\0*", "PENTAX Corporation"), Format::Pef),
        (tiff(b"II*\0", "SAMSUNG"), Format::Srw),
        (photos::tiff(b"II*\0", "NIKON CORPORATION", &large, 6, &[DNG]), Format::Dng),
        (photos::orf(&large, 6), Format::Orf),
        (photos::rw2(&large, 6), Format::Rw2),
    ]
}

#[test]
fn photo_raw_files_are_told_by_content_and_shown_by_their_preview() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, format) in raws() {
        let path = write(folder.path(), &bytes);
        let info = inspect_photo(&path, &Cancel::new()).unwrap_or_else(|fault| panic!("{format:?}: {fault}"));
        assert_eq!((info.mime.as_str(), info.extension.as_str()), (format.mime(), format.extension()));
        assert_eq!((info.width, info.height), (Some(480), Some(640)), "{format:?} is turned");
        assert_eq!(shown(&path), "brwg", "{format:?}");
        assert_eq!(inspect_file(&path, &Cancel::new()).unwrap_err().code, Code::FileForbidden, "nothing but shoots takes {format:?}");
    }
    // Fuji's JPEG says itself how it is turned.
    let path = write(folder.path(), &photos::raf(&jpeg(640, 480)));
    let info = inspect_photo(&path, &Cancel::new()).unwrap();
    assert_eq!((info.mime.as_str(), info.width, shown(&path).as_str()), ("image/x-fuji-raf", Some(640), "rgbw"));
}

#[test]
fn photo_raw_files_without_their_ends_or_previews_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, format) in raws() {
        for part in 1..8 {
            let cut = write(folder.path(), &bytes[..bytes.len() * part / 8]);
            let (found, begun) = (inspect_photo(&cut, &Cancel::new()), Instant::now());
            let code = found.map(|info| panic!("{format:?}, {part} of 8: {info:?}")).unwrap_err().code;
            assert!(matches!(code, Code::FileTruncated | Code::FileForbidden), "{format:?}, {part} of 8: {code:?}");
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
    }
    let scan = photos::tiff(b"II*\0", "A scanner", &jpeg(64, 48), 1, &[]);
    assert_eq!(code(&write(folder.path(), &scan)), Code::FileForbidden);
    let none = photos::cr2(b"no JPEG", b"nor here", 1);
    let fault = inspect_photo(&write(folder.path(), &none), &Cancel::new()).unwrap_err();
    assert!(fault.code == Code::FileForbidden && fault.to_string().contains("preview"), "{fault}");
    assert_eq!(code(&write(folder.path(), &photos::heic(20_000, 20_000))), Code::FileTooLarge);
}

#[test]
fn photo_heic_and_avif_are_decoded_upright_by_libheif() {
    if !has_heif("heif-enc") || !has_heif("heif-convert") && !has_heif("heif-dec") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, two, path) = (folder.path().join("one.png"), folder.path().join("two.png"), folder.path().join("photo.jpg"));
    let made = folder.path().join("made.heic");
    photos::quarters(320, 240).save(&one).unwrap();
    RgbImage::from_pixel(200, 100, Rgb([10, 10, 220])).save(&two).unwrap();
    for (args, mime) in [(&["-q", "90"][..], "image/heic"), (&["-A", "-q", "90"], "image/avif")] {
        heif_enc(args, &[&one], &made);
        std::fs::copy(&made, &path).unwrap();
        let info = inspect_photo(&path, &Cancel::new()).unwrap();
        assert_eq!((info.mime.as_str(), info.width, info.height), (mime, Some(320), Some(240)));
        assert_eq!(shown(&path), "rgbw", "{mime}");
        assert_eq!(jpeg_of(&path, &Cancel::new()).unwrap()[..3], [0xff, 0xd8, 0xff]);
        let bytes = std::fs::read(&made).unwrap();
        assert_eq!(code(&write(folder.path(), &bytes[..bytes.len() / 2])), Code::FileTruncated, "{mime}");
        let mut damaged = bytes.clone();
        let length = damaged.len();
        let data = damaged.windows(4).position(|word| word == b"mdat").unwrap() + 4;
        damaged[data..length].fill(0xff);
        assert_eq!(code(&write(folder.path(), &damaged)), Code::FileCorrupt, "{mime}");
    }
    // Of several pictures, the one that the file says is the photo.
    heif_enc(&[], &[&one, &two], &made);
    let mut bytes = std::fs::read(&made).unwrap();
    let photo = bytes.windows(4).position(|word| word == b"pitm").unwrap() + 8;
    let first = inspect_photo(&write(folder.path(), &bytes), &Cancel::new()).unwrap();
    bytes[photo + 1] = 2;
    let second = inspect_photo(&write(folder.path(), &bytes), &Cancel::new()).unwrap();
    assert_eq!((first.width, second.width), (Some(320), Some(200)));
}

#[test]
fn photo_avif_is_decoded_by_ffmpeg_where_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let (source, path) = (folder.path().join("one.png"), folder.path().join("photo.avif"));
    photos::quarters(160, 120).save(&source).unwrap();
    let call = Ffmpeg::new("make photo").args(["-i"]).args([&source]).args(["-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1"]);
    if call.to(&path).run(&Cancel::new(), &mut |_| ()).is_err() {
        eprintln!("skipped: an ffmpeg that writes AVIF");
        return;
    }
    let index = heif::index(&path, &mut File::open(&path).unwrap()).unwrap();
    for (turns, corners, size) in [
        (vec![], "rgbw", (160, 120)),
        (vec![heif::Turn::Quarters(1)], "gwrb", (120, 160)),
        (vec![heif::Turn::Quarters(3), heif::Turn::UpsideDown], "wgbr", (120, 160)),
        (vec![heif::Turn::Quarters(2), heif::Turn::LeftToRight], "bwrg", (160, 120)),
    ] {
        let jpeg = heif::by_ffmpeg(&path, &heif::Index { turns, ..index.clone() }, &Cancel::new()).unwrap().unwrap();
        let picture = write(folder.path(), &jpeg);
        assert_eq!((image::image_dimensions(&picture).unwrap(), shown(&picture).as_str()), (size, corners));
    }
    // What says it is larger than what comes of it is a part of something else.
    let larger = heif::Index { width: 320, ..index.clone() };
    assert_eq!(heif::by_ffmpeg(&path, &larger, &Cancel::new()).unwrap(), None);
    assert_eq!(heif::by_ffmpeg(&path, &heif::Index { is_composed: true, ..index }, &Cancel::new()).unwrap(), None);
    assert!(sample::processes("photo.avif").is_empty());
}

#[test]
fn photo_large_ones_wait_for_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let large = write(folder.path(), &photos::heic(6_000, 4_000));
    let small = folder.path().join("small.cr2");
    std::fs::copy(write(&folder.path().join("."), &photos::cr2(&jpeg(640, 480), &jpeg(64, 48), 1)), &small).unwrap();
    write(folder.path(), &photos::heic(6_000, 4_000));
    let gone = Cancel::new();
    gone.cancel();
    let held = super::super::alone_with(&large, &Cancel::new()).unwrap();
    assert!(held.is_some() && super::super::alone_with(&large, &gone).is_err());
    assert_eq!(inspect_photo(&large, &gone).unwrap_err().code, Code::Cancelled, "it would wait");
    assert!(super::super::alone_with(&small, &gone).unwrap().is_none() && inspect_photo(&small, &gone).is_ok());
}

#[test]
fn photo_tells_when_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = "2026:05:30 14:03:22";
    let taken = |bytes: &[u8]| super::super::taken::taken_at(&write(folder.path(), bytes));
    let dated = photos::taken(&jpeg(64, 48), at);
    assert_eq!(taken(&dated).as_deref(), Some(at));
    assert_eq!(taken(&photos::turned(&jpeg(64, 48), 6)), None, "it says other things");
    for unset in ["    :  :     :  :  ", "0000:00:00 00:00:00"] {
        assert_eq!(taken(&photos::taken(&jpeg(64, 48), unset)), None);
    }
    assert_eq!(taken(b"no photo"), None);
    assert_eq!(super::super::taken::taken_at(&folder.path().join("none")), None);
    // Of a raw file, however much follows; the directory of the camera's settings stands behind the preview here.
    for mark in [b"MM\0*", b"II*\0"] {
        let tiff = |at: usize| photos::tiff(mark, "SONY", &jpeg(640, 480), 1, &[(0x8769, 4, 1, u32::try_from(at).unwrap())]);
        let behind = tiff(0).len();
        let is_big = mark.starts_with(b"M");
        let short = |value: u16| if is_big { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: usize| {
            let value = u32::try_from(value).unwrap();
            if is_big { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let settings = [&short(1)[..], &short(0x9003), &short(2), &long(20), &long(behind + 18), &long(0), at.as_bytes(), b"\0"].concat();
        assert_eq!(taken(&[tiff(behind), settings, vec![7; 3 << 20]].concat()).as_deref(), Some(at));
    }
    // Cut and damaged, it says something or nothing.
    for end in (0..dated.len().min(160)).step_by(3) {
        taken(&dated[..end]);
        let mut damaged = dated.clone();
        damaged[end] ^= 0xff;
        taken(&damaged);
    }
}

#[test]
fn photo_of_a_telephone_tells_when_it_was_taken() {
    if !has_heif("heif-enc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (at, heic) = ("2026:05:30 14:03:22", folder.path().join("a.heic"));
    heif_enc(&[], &[&write(folder.path(), &photos::taken(&jpeg(640, 480), at))], &heic);
    assert_eq!(super::super::taken::taken_at(&heic).as_deref(), Some(at));
}
