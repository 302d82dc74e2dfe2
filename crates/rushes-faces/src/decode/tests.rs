//! Photos of every orientation, and files that are none.

use super::*;
use rushes_testkit::photos::{corners, cr2, jpeg, quarters, turned};
use std::io::Write;
use std::path::PathBuf;

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

fn opened(bytes: &[u8]) -> Result<Picture, Fault> {
    let folder = tempfile::tempdir().unwrap();
    open(&file(&folder, "photo.jpg", bytes), None, &Cancel::new())
}

fn code(bytes: &[u8]) -> Code {
    opened(bytes).err().unwrap().code
}

#[test]
fn decode_turns_all_eight_orientations_upright() {
    let stored = jpeg(&quarters(64, 48));
    let expected = [(1, "rgbw"), (2, "grwb"), (3, "wbgr"), (4, "bwrg"), (5, "rbgw"), (6, "brwg"), (7, "wgbr"), (8, "gwrb")];
    for (orientation, corners_seen) in expected {
        let picture = opened(&turned(&stored, orientation)).unwrap();
        assert_eq!(corners(&picture.rgb), corners_seen, "orientation {orientation}");
        let size = if orientation < 5 { (64, 48) } else { (48, 64) };
        assert_eq!((picture.width, picture.height, picture.rgb.dimensions()), (size.0, size.1, size));
    }
}

#[test]
fn decode_keeps_fewer_pixels_of_a_large_photo() {
    for (width, kept) in [(4000, 4000), (4100, 2050), (9000, 2250)] {
        let stored = turned(&jpeg(&quarters(width, 64)), 6);
        let picture = opened(&stored).unwrap();
        assert_eq!((picture.width, picture.height, picture.rgb.height()), (64, width, kept));
        assert_eq!(corners(&picture.rgb), "brwg");
    }
    let mut png = Cursor::new(Vec::new());
    quarters(4100, 64).write_to(&mut png, ImageFormat::Png).unwrap();
    let picture = opened(png.get_ref()).unwrap();
    assert_eq!((picture.width, picture.rgb.width(), corners(&picture.rgb).as_str()), (4100, 2050, "rgbw"));
}

#[test]
fn decode_goes_by_content_and_not_by_name() {
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        quarters(40, 40).write_to(&mut bytes, format).unwrap();
        assert_eq!(corners(&opened(bytes.get_ref()).unwrap().rgb), "rgbw", "{format:?}");
    }
    let gray = image::GrayImage::from_pixel(4100, 16, image::Luma([77]));
    let mut bytes = Vec::new();
    gray.write_with_encoder(image::codecs::jpeg::JpegEncoder::new(&mut bytes)).unwrap();
    assert_eq!(opened(&bytes).unwrap().rgb.get_pixel(9, 3).0, [77; 3]);
}

#[test]
fn decode_says_what_is_wrong_with_a_file() {
    let whole = jpeg(&quarters(400, 300));
    assert_eq!(code(b""), Code::FileEmpty);
    assert_eq!(code(b"hello, I am no photo at all"), Code::FileForbidden);
    assert_eq!(code(b"GIF89a etc."), Code::FileForbidden);
    assert_eq!(code(b"\xff"), Code::FileForbidden);
    for cut in [4, 20, 300, whole.len() / 2, whole.len() - 2] {
        assert_eq!(code(&whole[..cut]), Code::FileTruncated, "{cut} of {} bytes", whole.len());
    }
    let large = jpeg(&quarters(4200, 100));
    assert_eq!(code(&large[..large.len() / 2]), Code::FileTruncated);
    let mut png = Cursor::new(Vec::new());
    quarters(40, 40).write_to(&mut png, ImageFormat::Png).unwrap();
    let png = png.into_inner();
    assert_eq!(code(&png[..png.len() / 2]), Code::FileTruncated);
    let folder = tempfile::tempdir().unwrap();
    let fault = open(folder.path(), None, &Cancel::new()).err().unwrap();
    assert_eq!(fault.code, Code::FileForbidden);
    assert_eq!(open(&folder.path().join("none"), None, &Cancel::new()).err().unwrap().code, Code::FileMissing);
}

#[test]
fn decode_refuses_bombs_before_it_unpacks_them() {
    let sized = |width: u16, height: u16| {
        let mut bytes = jpeg(&quarters(16, 16));
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        bytes
    };
    assert_eq!(code(&sized(65000, 65000)), Code::FileTooLarge);
    let mut in_passes = sized(15000, 15000);
    let frame = in_passes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    in_passes[frame + 1] = 0xc2;
    assert_eq!(code(&in_passes), Code::FileTooLarge, "its coefficients take 1.3 GB");
}

#[test]
fn decode_asks_the_decoder_for_what_it_cannot_open() {
    let folder = tempfile::tempdir().unwrap();
    let photo = file(&folder, "a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let fault = open(&photo, None, &Cancel::new()).err().unwrap();
    assert!(fault.code == Code::FileForbidden && fault.to_string().contains("HEIC"), "{fault}");
    let given = jpeg(&quarters(32, 32));
    let decoder: Decoder = Box::new(move |_, _| Ok(given.clone()));
    assert_eq!(corners(&open(&photo, Some(&decoder), &Cancel::new()).unwrap().rgb), "rgbw");
}

#[test]
fn decode_takes_the_largest_preview_of_a_raw_file() {
    let bytes = cr2(&jpeg(&quarters(640, 480)), &jpeg(&quarters(32, 24)), 6);
    let picture = opened(&bytes).unwrap();
    assert_eq!((picture.width, picture.height, corners(&picture.rgb).as_str()), (480, 640, "brwg"));
    let fault = opened(&cr2(b"no preview", b"nor here", 1)).err().unwrap();
    assert!(fault.code == Code::FileForbidden && fault.to_string().contains("preview"), "{fault}");
    let mut fuji = [&b"FUJIFILMCCD-RAW 0201FF129502"[..], &[0; 100]].concat();
    let inside = jpeg(&quarters(100, 80));
    fuji[84..88].copy_from_slice(&128_u32.to_be_bytes());
    fuji[88..92].copy_from_slice(&(inside.len() as u32).to_be_bytes());
    fuji.extend(&inside);
    assert_eq!(opened(&fuji).unwrap().width, 100);
}

proptest::proptest! {
    #[test]
    fn decode_survives_any_change_of_a_file(at in 0..100_000_usize, to in 0..=255_u8, kind in 0..3) {
        let mut bytes = match kind {
            0 => cr2(&jpeg(&quarters(64, 48)), &jpeg(&quarters(32, 24)), 6),
            1 => turned(&jpeg(&quarters(64, 48)), 3),
            _ => {
                let mut webp = Cursor::new(Vec::new());
                quarters(40, 40).write_to(&mut webp, ImageFormat::WebP).unwrap();
                webp.into_inner()
            }
        };
        let length = bytes.len();
        bytes[at % length] = to;
        // It opens, or says why not.
        if let Err(fault) = opened(&bytes) {
            proptest::prop_assert!(fault.code != Code::Unexpected && fault.code != Code::Panicked, "{}", fault);
        }
    }
}
