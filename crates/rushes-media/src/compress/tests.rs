//! Tests of renditions: their size, their right side up, their bytes.

use super::*;
use crate::inspect::inspect_file;
use image::codecs::png::PngEncoder;
use image::{ImageFormat, Rgba, RgbaImage};
use std::path::PathBuf;

const HOW: Pictures = Pictures { max_px: 64, quality: 85 };

/// Red above, blue below, with detail.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let noise = ((x * 7 + y * 13) % 32) as u8;
        if y < height / 2 { Rgb([255 - noise, noise, noise]) } else { Rgb([noise, noise, 255 - noise]) }
    })
}

fn saved(folder: &Path, name: &str, format: ImageFormat) -> PathBuf {
    let file = folder.join(name);
    picture(200, 100).save_with_format(&file, format).unwrap();
    file
}

fn made(from: &Path, how: Pictures) -> Result<Vec<u8>, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("made");
    compress_picture(from, &into, how, &Cancel::new())?;
    assert_eq!(inspect_file(&into, &Cancel::new()).unwrap().mime, "image/jpeg", "it is whole");
    Ok(std::fs::read(into).unwrap())
}

fn decoded(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8()
}

#[test]
fn compress_scales_down_never_up_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.png", ImageFormat::Png), ("b.jpg", ImageFormat::Jpeg), ("c.webp", ImageFormat::WebP)] {
        let file = saved(folder.path(), name, format);
        let small = made(&file, HOW).unwrap();
        assert_eq!(decoded(&small).dimensions(), (64, 32), "{name}");
        assert_eq!(small, made(&file, HOW).unwrap(), "{name}");
        let own = made(&file, Pictures { max_px: 4096, ..HOW }).unwrap();
        assert_eq!(decoded(&own).dimensions(), (200, 100), "{name}");
        let coarse = made(&file, Pictures { quality: 20, ..HOW }).unwrap();
        assert!(coarse.len() < small.len(), "{name}: {} and {} bytes", coarse.len(), small.len());
    }
}

#[test]
fn compress_turns_what_the_camera_held_on_its_side() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turned.jpg");
    let mut encoder = JpegEncoder::new_with_quality(File::create(&file).unwrap(), 90);
    // One entry: tag 0x0112, a short, one of them, 6: to be turned right by a quarter.
    let exif = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"[..], &[0; 4]].concat();
    encoder.set_exif_metadata(exif).unwrap();
    encoder.encode_image(&picture(200, 100)).unwrap();
    let jpeg = made(&file, HOW).unwrap();
    let upright = decoded(&jpeg);
    assert_eq!(upright.dimensions(), (32, 64));
    let (left, right) = (upright.get_pixel(4, 32).0, upright.get_pixel(28, 32).0);
    assert!(left[2] > 180 && left[0] < 80 && right[0] > 180 && right[2] < 80, "{left:?} {right:?}");
    assert!(!jpeg.windows(4).any(|four| four == b"Exif"), "what else the camera noted stays with the original");
}

#[test]
fn compress_keeps_colours_and_shows_nothing_that_was_transparent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clear.png");
    let clear = RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([0, 0, 0, 0]) } else { Rgba([0, 128, 0, 255]) });
    let profile = [&[0; 16][..], b"RGB ", &[7; 200]].concat();
    let mut encoder = PngEncoder::new(File::create(&file).unwrap());
    encoder.set_icc_profile(profile.clone()).unwrap();
    encoder.write_image(&clear, 64, 64, image::ExtendedColorType::Rgba8).unwrap();
    let jpeg = made(&file, HOW).unwrap();
    let shown = decoded(&jpeg);
    let (left, right) = (shown.get_pixel(4, 4).0, shown.get_pixel(60, 60).0);
    assert!(left.iter().all(|part| *part > 245) && right[1] > 118 && right[0] < 10, "{left:?} {right:?}");
    assert!(jpeg.windows(profile.len()).any(|part| part == profile));
}

#[test]
fn compress_refuses_what_is_damaged_or_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |file: &Path| made(file, HOW).unwrap_err();
    for (name, format) in [("a.png", ImageFormat::Png), ("b.jpg", ImageFormat::Jpeg), ("c.webp", ImageFormat::WebP)] {
        let file = saved(folder.path(), name, format);
        let length = file.metadata().unwrap().len();
        File::options().write(true).open(&file).unwrap().set_len(length * 2 / 3).unwrap();
        let fault = refused(&file);
        assert!(matches!(fault.code, Code::FileTruncated | Code::FileCorrupt) && !fault.is_transient(), "{name}: {fault}");
    }
    let text = folder.path().join("text.jpg");
    File::create(&text).unwrap().write_all(b"no picture at all").unwrap();
    assert_eq!(refused(&text).code, Code::FileForbidden);
    assert_eq!(refused(&folder.path().join("nothing")).code, Code::FileMissing);
}

#[tokio::test]
async fn compress_makes_as_many_at_once_as_there_are_places() {
    let folder = tempfile::tempdir().unwrap();
    let file = saved(folder.path(), "a.png", ImageFormat::Png);
    let compressor = MediaCompressor::new(1);
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    let (one, two) = tokio::join!(compressor.picture(&file, &first, HOW), compressor.picture(&file, &second, HOW));
    one.and(two).unwrap();
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
}
