//! Pictures of other sizes, shapes and types.

use super::*;
use image::RgbImage;

const RED: [u8; 3] = [200, 30, 40];
const BLUE: [u8; 3] = [20, 40, 210];

fn saved(folder: &Path, name: &str, picture: DynamicImage) -> std::path::PathBuf {
    let path = folder.join(name);
    picture.save(&path).unwrap();
    path
}

/// Red in the middle third from above, blue around.
fn striped(width: u32, height: u32) -> DynamicImage {
    let colour = |y: u32| if (height / 3..height * 2 / 3).contains(&y) { RED } else { BLUE };
    RgbImage::from_fn(width, height, |_, y| image::Rgb(colour(y))).into()
}

fn is_near(found: &[u8], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 12)
}

#[test]
fn fit_leaves_alone_what_has_the_size_and_the_type() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (saved(folder.path(), "a.png", striped(18, 32)), folder.path().join("out.png"));
    assert!(!fit(&path, (18, 32), Shape::Fill, &out, &Cancel::new()).unwrap());
    assert!(!out.exists());
    let deep = saved(folder.path(), "deep.png", DynamicImage::ImageRgb16(striped(18, 32).into_rgb16()));
    assert!(fit(&deep, (18, 32), Shape::Fill, &out, &Cancel::new()).unwrap(), "16 bit become 8");
    assert_eq!(image::open(&out).unwrap().color(), ColorType::Rgb8);
}

#[test]
fn fit_makes_a_png_of_that_size_of_any_picture() {
    let folder = tempfile::tempdir().unwrap();
    for (name, from, to) in [
        ("other.jpg", (90, 160), (90, 160)),
        ("larger.png", (768, 1_344), (720, 1_280)),
        ("smaller.webp", (36, 64), (90, 160)),
        ("tiny.png", (2, 3), (64, 112)),
        ("wide.png", (300, 90), (64, 112)),
    ] {
        let (path, out) = (saved(folder.path(), name, striped(from.0, from.1)), folder.path().join(format!("{name}.out")));
        assert!(fit(&path, to, Shape::Fill, &out, &Cancel::new()).unwrap(), "{name}");
        assert!(is_png(&out).unwrap(), "{name}");
        let made = image::load_from_memory(&std::fs::read(&out).unwrap()).unwrap();
        assert_eq!(((made.width(), made.height()), made.color()), (to, ColorType::Rgb8), "{name}");
        if from.1 < 10 {
            // All of it is edge.
            continue;
        }
        let made = made.into_rgb8();
        assert!(is_near(&made.get_pixel(to.0 / 2, to.1 / 2).0, RED), "{name}: the middle stays the middle");
        assert!(is_near(&made.get_pixel(to.0 / 2, 0).0, BLUE), "{name}: nothing is cut off above");
    }
}

#[test]
fn fit_keeps_stickers_whole_and_their_edges_clean() {
    let folder = tempfile::tempdir().unwrap();
    // Green under transparency, which nobody must ever see, around a red square.
    let sticker = RgbaImage::from_fn(100, 60, |x, y| {
        let is_in = (20..80).contains(&x) && (10..50).contains(&y);
        Rgba(if is_in { [RED[0], RED[1], RED[2], 255] } else { [0, 255, 0, 0] })
    });
    let (path, out) = (saved(folder.path(), "sticker.png", sticker.into()), folder.path().join("out.png"));
    assert!(fit(&path, (72, 26), Shape::Whole, &out, &Cancel::new()).unwrap());
    let made = image::open(&out).unwrap().into_rgba8();
    assert_eq!(made.dimensions(), (72, 26));
    for (x, y, pixel) in made.enumerate_pixels() {
        assert!(pixel[3] < 8 || is_near(&pixel.0[..3], RED), "{x} {y}: {pixel:?}");
    }
    let seen: Vec<u32> = made.enumerate_pixels().filter(|(.., pixel)| pixel[3] > 250).map(|(x, ..)| x).collect();
    let (left, right) = (*seen.iter().min().unwrap(), *seen.iter().max().unwrap());
    assert!(left + right >= 70 && left + right <= 72 && right - left < 30, "in the middle, and not stretched: {left} to {right}");
}

#[test]
fn fit_refuses_what_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"<html>no picture</html>").unwrap();
    let fault = fit(&path, (2, 2), Shape::Fill, &folder.path().join("out.png"), &Cancel::new()).unwrap_err();
    assert_eq!(fault.code, Code::FileForbidden, "{fault}");
}
