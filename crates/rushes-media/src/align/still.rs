//! The figure in a still: what is not transparent, or what its backdrop does not run through.

use super::mask::{Mask, Small, Span, apart, beside, figure, small_size};
use super::sides::Sides;
use image::imageops::FilterType;
use image::{RgbaImage, imageops};

/// Neighbours of a smooth backdrop differ by no more, 0–255.
const STEP: f32 = 5.0;
/// And it is no farther from what the sides show of its row: the shadow at dark shoes is smooth, too.
const STRAYS: f32 = 55.0;
/// A smooth stretch this wide (of the picture) is backdrop even where something cuts it off from the border: a panel or a
/// disc behind the figure, the floor below it.
const WIDE: f64 = 0.55;
/// A figure has at least and at most this share of its picture, and at least this height.
const SHARE: std::ops::RangeInclusive<f64> = 0.01..=0.9;
const LEAST_HEIGHT: f64 = 0.15;

/// A figure and the pixels it covers.
pub(super) struct Found {
    pub(super) span: Span,
    pub(super) mask: Mask,
}

/// By its transparency. None where all or nothing is transparent.
pub(super) fn by_alpha(still: &RgbaImage) -> Option<Found> {
    let (width, height) = small_size(still.width(), still.height());
    let alpha = image::GrayImage::from_fn(still.width(), still.height(), |x, y| image::Luma([still.get_pixel(x, y)[3]]));
    let alpha = imageops::resize(&alpha, width, height, FilterType::Triangle);
    let mask = Mask::new(width as usize, height as usize, |at| alpha.as_raw()[at] > 127);
    found(mask)
}

/// By its backdrop: smooth from the border on. None where nothing stands out.
pub(super) fn by_backdrop(small: &Small) -> Option<Found> {
    let (width, height) = (small.width, small.height);
    let sides = Sides::of(small);
    let mut seen = vec![false; width * height];
    let mut backdrop = vec![false; width * height];
    // The border first: where it is smooth, whatever hangs together with it is behind the figure.
    let border = (0..width).flat_map(|x| [x, (height - 1) * width + x]).chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    for at in border {
        run(small, at, &mut seen, &|at| sides.differs(small, at) <= STRAYS).iter().for_each(|at| backdrop[*at] = true);
    }
    for at in 0..width * height {
        let stretch = run(small, at, &mut seen, &|_| true);
        let columns = stretch.iter().map(|at| at % width);
        let (first, last) = columns.fold((width, 0), |(first, last), x| (first.min(x), last.max(x)));
        if last as f64 - first as f64 >= WIDE * width as f64 {
            stretch.iter().for_each(|at| backdrop[*at] = true);
        }
    }
    found(Mask::new(width, height, |at| !backdrop[at]).opened())
}

/// Everything that hangs smoothly together with a pixel and may, where that was not seen yet.
fn run(small: &Small, from: usize, seen: &mut [bool], may: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let (width, height) = (small.width, small.height);
    let mut stretch = Vec::new();
    if seen[from] || !may(from) {
        return stretch;
    }
    seen[from] = true;
    let mut waiting = vec![from];
    while let Some(at) = waiting.pop() {
        stretch.push(at);
        for next in beside(at, width, height) {
            if !seen[next] && may(next) && apart(small.rgb[at], small.rgb[next]) <= STEP {
                seen[next] = true;
                waiting.push(next);
            }
        }
    }
    stretch
}

fn found(mask: Mask) -> Option<Found> {
    let region = figure(&mask, |region| region.pixels.len() as f64)?;
    let share = region.pixels.len() as f64 / mask.set.len() as f64;
    let span = region.span(mask.width, mask.height);
    if !SHARE.contains(&share) || span.height() < LEAST_HEIGHT {
        return None;
    }
    let mut only = Mask::new(mask.width, mask.height, |_| false);
    region.pixels.iter().for_each(|at| only.set[*at] = true);
    Some(Found { span, mask: only })
}
