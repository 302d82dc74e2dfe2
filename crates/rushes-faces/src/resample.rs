//! Pictures made smaller, by the average of what each pixel covers.

use image::RgbImage;

/// Halved as often as its long side stays at or above this, px.
pub(crate) fn halved(picture: RgbImage, long_px: u32) -> RgbImage {
    let long = picture.width().max(picture.height());
    let times = (long / long_px.max(1)).checked_ilog2().unwrap_or(0);
    if times == 0 {
        return picture;
    }
    let side = |side: u32| (side >> times).max(1);
    let size = (side(picture.width()), side(picture.height()));
    shrunk(&picture, Area { x: 0.0, y: 0.0, width: picture.width() as f32, height: picture.height() as f32 }, size)
}

/// A part of a picture, px; within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// Which pixels one pixel covers along a side, and how much of each.
struct Cover {
    first: usize,
    shares: Vec<f32>,
}

/// Where it is made larger, a pixel stands for the two nearest; where smaller, for all below it.
fn covers(from: f32, length: f32, limit: u32, into: u32) -> Vec<Cover> {
    let step = length / into as f32;
    (0..into)
        .map(|at| {
            let (centre, reach) = (from + (at as f32 + 0.5) * step, step.max(1.0) / 2.0);
            let (begin, end) = ((centre - reach).max(0.0), (centre + reach).min(limit as f32));
            let first = (begin as u32).min(limit - 1);
            let last = (end.ceil() as u32).clamp(first + 1, limit);
            let mut shares: Vec<f32> =
                (first..last).map(|pixel| (end.min(pixel as f32 + 1.0) - begin.max(pixel as f32)).max(0.0)).collect();
            let sum: f32 = shares.iter().sum();
            if sum > 0.0 {
                shares.iter_mut().for_each(|share| *share /= sum);
            } else {
                shares = vec![1.0];
            }
            Cover { first: first as usize, shares }
        })
        .collect()
}

/// This part of a picture at this size.
pub(crate) fn shrunk(picture: &RgbImage, area: Area, (width, height): (u32, u32)) -> RgbImage {
    let rows = covers(area.y, area.height, picture.height(), height);
    let columns = covers(area.x, area.width, picture.width(), width);
    let stride = picture.width() as usize * 3;
    let pixels = picture.as_raw();
    // Only the columns that are asked for.
    let left = columns.iter().map(|cover| cover.first).min().unwrap_or(0);
    let right = columns.iter().map(|cover| cover.first + cover.shares.len()).max().unwrap_or(0);
    let mut row = vec![0.0_f32; (right - left) * 3];
    let mut made = Vec::with_capacity((width * height * 3) as usize);
    for cover in rows {
        row.fill(0.0);
        for (index, share) in cover.shares.iter().enumerate() {
            let begin = (cover.first + index) * stride + left * 3;
            for (sum, value) in row.iter_mut().zip(&pixels[begin..begin + (right - left) * 3]) {
                *sum += f32::from(*value) * share;
            }
        }
        for cover in &columns {
            let mut colour = [0.5_f32; 3];
            let begin = (cover.first - left) * 3;
            for (share, pixel) in cover.shares.iter().zip(row[begin..].as_chunks::<3>().0) {
                colour[0] += pixel[0] * share;
                colour[1] += pixel[1] * share;
                colour[2] += pixel[2] * share;
            }
            made.extend(colour.map(|value| value as u8));
        }
    }
    RgbImage::from_raw(width, height, made).expect("as many pixels were made")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn resample_keeps_the_average_and_halves_only_what_is_large() {
        let picture = RgbImage::from_fn(64, 32, |x, y| Rgb([(x * 4) as u8, (y * 8) as u8, 100]));
        let whole = Area { x: 0.0, y: 0.0, width: 64.0, height: 32.0 };
        for size in [(1, 1), (7, 5), (16, 8), (64, 32), (100, 60)] {
            let made = shrunk(&picture, whole, size);
            let mean = made.pixels().map(|pixel| f32::from(pixel[0])).sum::<f32>() / (size.0 * size.1) as f32;
            assert!((mean - 126.0).abs() < 1.5, "{size:?}: {mean}");
            assert!(made.pixels().all(|pixel| pixel[2] == 100));
        }
        assert_eq!(shrunk(&picture, whole, (64, 32)), picture);
        assert_eq!(halved(picture.clone(), 33).dimensions(), (64, 32));
        assert_eq!(halved(picture.clone(), 32).dimensions(), (32, 16));
        assert_eq!(halved(picture, 15).dimensions(), (16, 8));
    }

    #[test]
    fn resample_takes_a_part() {
        let picture = RgbImage::from_fn(10, 10, |x, _| Rgb([if x < 5 { 0 } else { 200 }, 0, 0]));
        let right = Area { x: 5.0, y: 2.0, width: 5.0, height: 5.0 };
        assert!(shrunk(&picture, right, (3, 3)).pixels().all(|pixel| pixel[0] == 200));
    }
}
