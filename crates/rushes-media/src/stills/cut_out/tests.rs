//! Tests of cutting out: stickers of known alpha on green, eyes of its hue, holes, other keys, and what is refused.

use super::*;
use crate::draw::sticker::{bust, icon_sticker, tests::someone};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage, Rgba};
use rushes_core::provider::Outfit;

const GREEN: [u8; 3] = [0, 255, 0];

/// Somebody's icon with its own alpha, straight.
fn sticker(seed: u64, side: u32) -> RgbaImage {
    let spec = someone(seed);
    let cut = spec.cut(&Outfit::signature(), &[]).unwrap();
    RgbaImage::from_raw(side, side, icon_sticker(&spec, &cut, side, side).unwrap().take_demultiplied()).unwrap()
}

/// Somebody without any border: hair, skin and clothes meet the ground.
fn person(seed: u64, side: u32) -> RgbaImage {
    let spec = someone(seed);
    let cut = spec.cut(&Outfit::signature(), &[]).unwrap();
    RgbaImage::from_raw(side, side, bust(&spec, &cut, side, side).unwrap().take_demultiplied()).unwrap()
}

/// A sticker laid on a ground, edges mixed.
fn on(sticker: &RgbaImage, ground: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(sticker.width(), sticker.height(), |x, y| {
        let [red, green, blue, alpha] = sticker.get_pixel(x, y).0.map(u32::from);
        let under = ground(x, y).map(u32::from);
        let mix = |over: u32, under: u32| ((over * alpha + under * (255 - alpha) + 127) / 255) as u8;
        Rgb([mix(red, under[0]), mix(green, under[1]), mix(blue, under[2])])
    })
}

/// As a JPEG of this quality brings it, chroma at half size.
fn packed(picture: &RgbImage, quality: u8) -> RgbImage {
    let halved = RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let block = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| {
            let at = ((x & !1) + dx).min(picture.width() - 1);
            picture.get_pixel(at, ((y & !1) + dy).min(picture.height() - 1)).0.map(f32::from)
        });
        let mean: [f32; 3] = std::array::from_fn(|i| block.iter().map(|rgb| rgb[i]).sum::<f32>() / 4.0);
        let light = |rgb: [f32; 3]| 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        let more = light(picture.get_pixel(x, y).0.map(f32::from)) - light(mean);
        Rgb(mean.map(|v| (v + more).round().clamp(0.0, 255.0) as u8))
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&halved).unwrap();
    image::load_from_memory(&bytes).unwrap().into_rgb8()
}

fn cut(picture: DynamicImage) -> Result<(RgbaImage, Backing), Fault> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to.png"));
    picture.save_with_format(&from, ImageFormat::Png).unwrap();
    let backing = cut_out(&from, &to, &Cancel::new())?;
    Ok((image::open(&to).unwrap().into_rgba8(), backing))
}

/// Mean difference of alpha, 0–255, and PSNR over a checkerboard, dB.
fn compare(found: &RgbaImage, wanted: &RgbaImage) -> (f64, f64) {
    let board = |x: u32, y: u32| [[60, 60, 60], [200, 200, 200]][((x / 16 + y / 16) % 2) as usize];
    let pairs = || found.pixels().zip(wanted.pixels());
    let alpha: u64 = pairs().map(|(a, b)| u64::from(a[3].abs_diff(b[3]))).sum();
    let (a, b) = (on(found, board), on(wanted, board));
    let square: f64 = a.iter().zip(b.iter()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>() / a.len() as f64;
    (alpha as f64 / f64::from(found.width() * found.height()), 10.0 * (255.0 * 255.0 / square.max(1e-9)).log10())
}

/// Pixels that shine green although nothing of the original does.
fn fringe(found: &RgbaImage, wanted: &RgbaImage) -> usize {
    let green = |p: &Rgba<u8>| i32::from(p[1]) - i32::from(p[0].max(p[2]));
    found.pixels().zip(wanted.pixels()).filter(|(a, b)| a[3] > 40 && green(a) > 24 && green(b) < 12).count()
}

#[test]
fn cut_out_gives_back_what_was_laid_on_green() {
    for (seed, quality, alpha_most, least_db) in
        [(4, None, 0.6, 34.0), (4, Some(92), 1.2, 31.0), (7, Some(92), 1.2, 31.0), (9, None, 0.6, 34.0)]
    {
        let wanted = sticker(seed, 512);
        let laid = on(&wanted, |_, _| GREEN);
        let laid = quality.map_or_else(|| laid.clone(), |quality| packed(&laid, quality));
        let (found, backing) = cut(laid.into()).unwrap();
        let Backing::Key(key) = backing else { panic!("{backing:?}") };
        assert!(key.iter().zip(GREEN).all(|(a, b)| a.abs_diff(b) <= 3), "{key:?}");
        let ((alpha, db), fringe) = (compare(&found, &wanted), fringe(&found, &wanted));
        println!("seed {seed} {quality:?}: alpha {alpha:.3} off, {db:.1} dB, {fringe} pixels shine green");
        assert!(alpha <= alpha_most && db >= least_db, "seed {seed} {quality:?}: alpha {alpha:.3} off, {db:.1} dB");
        assert!(fringe <= 40, "seed {seed} {quality:?}: {fringe} pixels shine green");
    }
}

#[test]
fn cut_out_keeps_hair_and_clothes_that_meet_the_ground() {
    for seed in 1..=12 {
        let wanted = person(seed, 512);
        let laid = packed(&on(&wanted, |_, _| GREEN), 92);
        let (found, _) = cut(laid.into()).unwrap();
        let ((alpha, db), fringe) = (compare(&found, &wanted), fringe(&found, &wanted));
        println!("seed {seed}: alpha {alpha:.3} off, {db:.1} dB, {fringe} pixels shine green");
        assert!(alpha <= 1.3 && db >= 35.0 && fringe <= 60, "seed {seed}: alpha {alpha:.3} off, {db:.1} dB, {fringe} pixels shine green");
    }
}

#[test]
fn cut_out_keeps_green_eyes_and_opens_holes_of_the_key() {
    let spot = |picture: &mut RgbImage, (cx, cy): (i64, i64), radius: i64, colour: [u8; 3]| {
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (i64::from(x) - cx).pow(2) + (i64::from(y) - cy).pow(2) <= radius.pow(2) {
                *pixel = Rgb(colour);
            }
        }
    };
    let mut laid = on(&sticker(4, 512), |_, _| GREEN);
    for (at, colour) in [((200, 250), [24, 190, 60]), ((310, 250), [30, 235, 40])] {
        spot(&mut laid, at, 14, [250, 250, 250]);
        spot(&mut laid, at, 9, colour);
    }
    spot(&mut laid, (256, 380), 20, [90, 40, 120]);
    spot(&mut laid, (256, 380), 12, GREEN);
    let (found, _) = cut(packed(&laid, 95).into()).unwrap();
    for (x, y, colour) in [(200, 250, [24, 190, 60]), (310, 250, [30, 235, 40])] {
        let eye = found.get_pixel(x, y).0;
        assert!(eye[3] == 255 && eye[..3].iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 12), "{eye:?}");
    }
    assert_eq!(found.get_pixel(256, 380)[3], 0, "what is seen through the hole is the ground");
    assert_eq!(found.get_pixel(256, 364)[3], 255, "its rim stays");
}

#[test]
fn cut_out_takes_other_strong_colours_and_uneven_light() {
    let wanted = sticker(11, 400);
    for key in [[255, 0, 255], [10, 60, 240], [0, 177, 64]] {
        let light = |x: u32, y: u32| {
            let share = 1.0 - 0.06 * ((f64::from(x) - 200.0).hypot(f64::from(y) - 200.0) / 283.0);
            key.map(|v: u8| (f64::from(v) * share).round() as u8)
        };
        let (found, backing) = cut(packed(&on(&wanted, light), 90).into()).unwrap();
        let (alpha, db) = compare(&found, &wanted);
        println!("{key:?}: {backing:?}, alpha {alpha:.3} off, {db:.1} dB");
        assert!(alpha <= 2.0 && db >= 28.0, "{key:?}: alpha {alpha:.3} off, {db:.1} dB");
    }
}

#[test]
fn cut_out_leaves_transparency_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    sticker(4, 128).save(&from).unwrap();
    assert_eq!(cut_out(&from, &to, &Cancel::new()).unwrap(), Backing::Alpha);
    assert_eq!(std::fs::read(&from).unwrap(), std::fs::read(&to).unwrap());
}

#[test]
fn cut_out_refuses_what_is_neither_transparent_nor_on_a_plain_colour() {
    let wanted = sticker(4, 256);
    let sky = |x: u32, y: u32| [(40 + y / 2) as u8, (90 + y / 3 + x / 8) as u8, (220 - y / 2) as u8];
    let grass = |x: u32, y: u32| {
        let v = (x * 7919 + y * 104_729) % 97;
        [30 + (v / 3) as u8, 90 + v as u8, 20 + (v / 4) as u8]
    };
    let bare = |_, _| GREEN;
    let nobody = RgbaImage::new(256, 256);
    let all: [(&str, DynamicImage); 5] = [
        ("sky", on(&wanted, sky).into()),
        ("grass", on(&wanted, grass).into()),
        ("grey", on(&wanted, |_, _| [128, 128, 128]).into()),
        ("white", on(&wanted, |_, _| [255, 255, 255]).into()),
        ("nobody", on(&nobody, bare).into()),
    ];
    for (what, picture) in all {
        let fault = cut(picture).unwrap_err();
        assert_eq!((fault.code, fault.is_transient()), (Code::ProviderRefused, false), "{what}");
        assert!(fault.to_string().contains("plain green"), "{what}: {fault}");
    }
    let large = DynamicImage::ImageLuma8(image::GrayImage::new(4_097, 4_097));
    assert_eq!(cut(large).unwrap_err().code, Code::FileTooLarge);
}
