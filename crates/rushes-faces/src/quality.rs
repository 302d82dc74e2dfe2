//! How well a face can be seen.

use crate::detect::Found;
use image::RgbImage;
use rushes_core::faces::Quality;

/// The variance of edges at which a chip is as sharp as it gets.
const SHARP: f32 = 500.0;

/// How far the tip of a nose stands out, in distances between the eyes.
const NOSE: f32 = 0.55;

/// `scale` is the photo's pixels for each of the picture's.
pub(crate) fn quality(face: &Found, chip: &RgbImage, scale: f32) -> Quality {
    let size_px = (face.area.width.min(face.area.height) * scale).max(0.0).round() as u32;
    Quality { score: face.score, size_px, sharpness: (edges(chip) / SHARP).clamp(0.0, 1.0), turn: turn(face.points) }
}

/// The variance of the Laplacian of a chip's middle, where the face is. What lies outside of the photo is black, and is left
/// out: its edge is the photo's, not the face's.
fn edges(chip: &RgbImage) -> f32 {
    const OUTSIDE: [u8; 3] = [0; 3];
    let light = |x: u32, y: u32| {
        let [red, green, blue] = chip.get_pixel(x, y).0.map(f32::from);
        0.299 * red + 0.587 * green + 0.114 * blue
    };
    let (from, to) = (chip.width() / 6, chip.width() - chip.width() / 6);
    let (mut sum, mut squares, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (x, y) in (from..to).flat_map(|y| (from..to).map(move |x| (x, y))) {
        let around = [(x, y), (x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
        if around.iter().any(|(x, y)| chip.get_pixel(*x, *y).0 == OUTSIDE) {
            continue;
        }
        let edge = around[1..].iter().map(|(x, y)| light(*x, *y)).sum::<f32>() - 4.0 * light(x, y);
        sum += f64::from(edge);
        squares += f64::from(edge * edge);
        count += 1.0;
    }
    let count = count.max(1.0);
    (squares / count - (sum / count).powi(2)) as f32
}

/// By where the tip of the nose stands between the eyes: over their middle 0.0, as far aside as in a profile 1.0.
fn turn(points: [[f32; 2]; 5]) -> f32 {
    let [left, right, nose, ..] = points;
    let (x, y) = (right[0] - left[0], right[1] - left[1]);
    let square = (x * x + y * y).max(f32::MIN_POSITIVE);
    let middle = [(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0];
    let aside = ((nose[0] - middle[0]) * x + (nose[1] - middle[1]) * y) / square;
    (aside.abs() / NOSE).atan() / std::f32::consts::FRAC_PI_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn quality_tells_sharp_from_blurred() {
        let board =
            |step: u32| RgbImage::from_fn(150, 150, |x, y| Rgb([if (x / step + y / step).is_multiple_of(2) { 90 } else { 160 }; 3]));
        let ramp = RgbImage::from_fn(150, 150, |x, y| Rgb([((x + y) / 2) as u8; 3]));
        assert!(edges(&board(4)) > SHARP, "{}", edges(&board(4)));
        assert!(edges(&ramp) < SHARP / 100.0, "{}", edges(&ramp));
        assert!(edges(&image::imageops::blur(&board(4), 3.0)) < SHARP / 10.0);
        let cut = RgbImage::from_fn(150, 150, |x, y| if x < 70 { Rgb([0; 3]) } else { *ramp.get_pixel(x, y) });
        assert!(edges(&cut) < SHARP / 100.0, "an edge of the photo is none of the face");
    }

    #[test]
    fn quality_tells_a_turned_head() {
        let with_nose = |x: f32| [[40.0, 50.0], [60.0, 50.0], [x, 65.0], [42.0, 80.0], [58.0, 80.0]];
        assert_eq!(turn(with_nose(50.0)), 0.0);
        assert!(turn(with_nose(53.0)) < 0.2 && turn(with_nose(53.0)) == turn(with_nose(47.0)));
        assert!((0.45..0.6).contains(&turn(with_nose(62.0))), "{}", turn(with_nose(62.0)));
        assert!(turn([[50.0, 50.0]; 5]) <= 1.0);
    }
}
