//! Turns a face upright and cuts the chip that the embedder learned from: 150 px, as dlib cuts it.
//!
//! dlib fits corners of eyes and the base of the nose to its mean face, with a quarter of its size around it. The detector
//! gives the middle of the eyes, the tip of the nose and the corners of the mouth. Where those lie in dlib's chips was
//! measured: the median over the faces of our test photos, each cut by dlib with its own points, made symmetric. dlib's mean
//! face of 68 points, averaged over each eye, says the same within 2 px.

use crate::detect::Found;
use image::RgbImage;

/// A side of a chip, px.
pub(crate) const CHIP_PX: u32 = 150;

/// Where the five points lie in a chip, px.
const PLACES: [[f32; 2]; 5] = [[47.75, 44.8], [102.25, 44.8], [75.0, 78.95], [50.115, 102.965], [99.885, 102.965]];

/// Chip to picture: x' = a·x − b·y + c, y' = b·x + a·y + d.
#[derive(Debug, Clone, Copy)]
struct Similar {
    a: f32,
    b: f32,
    c: f32,
    d: f32,
}

/// Places in a chip, brought as near as they come to these points: turned, scaled and moved, no more.
fn fit(points: [[f32; 2]; 5]) -> Similar {
    let mean = |of: [[f32; 2]; 5]| [0, 1].map(|axis| of.iter().map(|point| point[axis]).sum::<f32>() / 5.0);
    let (from, to) = (mean(PLACES), mean(points));
    let (mut along, mut across, mut square) = (0.0, 0.0, 0.0);
    for (place, point) in PLACES.iter().zip(points) {
        let (x, y) = (place[0] - from[0], place[1] - from[1]);
        let (u, v) = (point[0] - to[0], point[1] - to[1]);
        along += x * u + y * v;
        across += x * v - y * u;
        square += x * x + y * y;
    }
    let (a, b) = (along / square, across / square);
    Similar { a, b, c: to[0] - a * from[0] + b * from[1], d: to[1] - b * from[0] - a * from[1] }
}

/// The face's chip. What lies outside of the picture is black, as dlib has it.
pub(crate) fn chip(picture: &RgbImage, face: &Found) -> RgbImage {
    let Similar { a, b, c, d } = fit(face.points);
    // So many samples a pixel and side as it covers pixels: large faces are averaged, not picked from.
    let times = (a.hypot(b).ceil() as u32).clamp(1, 8);
    let share = 1.0 / times as f32;
    let weight = share * share;
    RgbImage::from_fn(CHIP_PX, CHIP_PX, |x, y| {
        let mut colour = [0.5_f32; 3];
        for sub in 0..times * times {
            let at = |pixel: u32, sub: u32| pixel as f32 + (sub as f32 + 0.5) * share - 0.5;
            let (x, y) = (at(x, sub % times), at(y, sub / times));
            let sample = between(picture, a * x - b * y + c, b * x + a * y + d);
            colour.iter_mut().zip(sample).for_each(|(sum, value)| *sum += value * weight);
        }
        image::Rgb(colour.map(|value| value as u8))
    })
}

/// The colour between four pixels.
fn between(picture: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (right, below) = (x - left, y - top);
    let is_inside = left >= 0.0 && top >= 0.0 && left + 1.0 < picture.width() as f32 && top + 1.0 < picture.height() as f32;
    if !is_inside {
        return [0.0; 3];
    }
    let stride = picture.width() as usize * 3;
    let at = top as usize * stride + left as usize * 3;
    let pixels = picture.as_raw();
    let (upper, lower) = (&pixels[at..at + 6], &pixels[at + stride..at + stride + 6]);
    [0, 1, 2].map(|colour| {
        let mix = |row: &[u8]| f32::from(row[colour]) * (1.0 - right) + f32::from(row[colour + 3]) * right;
        mix(upper) * (1.0 - below) + mix(lower) * below
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Area;

    fn found(points: [[f32; 2]; 5]) -> Found {
        Found { score: 1.0, area: Area { x: 0.0, y: 0.0, width: 1.0, height: 1.0 }, points }
    }

    #[test]
    fn align_finds_turn_scale_and_place_again() {
        let turned = PLACES.map(|[x, y]| [3.0 * x - 1.5 * y + 20.0, 1.5 * x + 3.0 * y - 7.0]);
        let Similar { a, b, c, d } = fit(turned);
        for (is, should) in [(a, 3.0), (b, 1.5), (c, 20.0), (d, -7.0)] {
            assert!((is - should).abs() < 1e-2, "{is}, not {should}");
        }
    }

    #[test]
    fn align_cuts_the_face_upright() {
        // Red above, blue below; then lying on its side.
        let upright = RgbImage::from_fn(300, 300, |_, y| image::Rgb(if y < 150 { [200, 0, 0] } else { [0, 0, 200] }));
        let whole = chip(&upright, &found(PLACES.map(|[x, y]| [2.0 * x, 2.0 * y])));
        let lying = image::imageops::rotate90(&upright);
        let same = chip(&lying, &found(PLACES.map(|[x, y]| [299.0 - 2.0 * y, 2.0 * x])));
        for cut in [whole, same] {
            assert_eq!((cut.get_pixel(75, 20)[0], cut.get_pixel(75, 130)[2]), (200, 200));
            assert_eq!((cut.get_pixel(75, 20)[2], cut.get_pixel(75, 130)[0]), (0, 0));
        }
    }

    #[test]
    fn align_leaves_what_lies_outside_black() {
        let white = RgbImage::from_pixel(100, 100, image::Rgb([255; 3]));
        let cut = chip(&white, &found(PLACES.map(|[x, y]| [x - 75.0, y])));
        assert_eq!((cut.get_pixel(10, 50)[0], cut.get_pixel(120, 50)[0]), (0, 255));
    }
}
