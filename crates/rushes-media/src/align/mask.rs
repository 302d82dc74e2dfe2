//! Small pictures and masks over them: what is set, in which stretches it hangs together, and where those lie.

use image::imageops::FilterType;
use image::{RgbImage, imageops};
use serde::Serialize;

/// The longest side of a picture that is looked at, pixels: enough for a floor line within a third of a percent.
const LONGEST_PX: u32 = 320;

/// A box, as fractions of its picture's width and height.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// From the left.
    pub left: f64,
    /// From the top.
    pub top: f64,
    /// From the left.
    pub right: f64,
    /// From the top.
    pub bottom: f64,
}

impl Span {
    /// Of the picture's width.
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Of the picture's height.
    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Of the picture's width, from the left.
    pub(super) fn centre(&self) -> f64 {
        0.5 * (self.left + self.right)
    }
}

/// A small picture.
pub(super) struct Small {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rgb: Vec<[f32; 3]>,
}

/// What a picture of that size is looked at as.
pub(super) fn small_size(width: u32, height: u32) -> (u32, u32) {
    let scale = f64::from(LONGEST_PX) / f64::from(width.max(height).max(1));
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(8);
    (side(width), side(height))
}

impl Small {
    /// A picture made small, and a little softer, so that noise is no edge.
    pub(super) fn of(picture: &RgbImage) -> Self {
        Self::sized(picture, small_size(picture.width(), picture.height()))
    }

    /// The same, of that size.
    pub(super) fn sized(picture: &RgbImage, (width, height): (u32, u32)) -> Self {
        let small = imageops::resize(picture, width, height, FilterType::Triangle);
        let (width, height) = (width as usize, height as usize);
        let rgb: Vec<[f32; 3]> = small.pixels().map(|pixel| pixel.0.map(f32::from)).collect();
        let mean = |at: usize| {
            let (x, y) = (at % width, at / width);
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    sum.iter_mut().zip(rgb[y * width + x]).for_each(|(sum, v)| *sum += v);
                    count += 1.0;
                }
            }
            sum.map(|sum| sum / count)
        };
        Self { width, height, rgb: (0..width * height).map(mean).collect() }
    }
}

/// How far two colours are apart: in the channel that differs most.
pub(super) fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

/// The pixels left, right, above and below one.
pub(super) fn beside(at: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let near = [(x > 0).then(|| at - 1), (x + 1 < width).then_some(at + 1), at.checked_sub(width), (y + 1 < height).then_some(at + width)];
    near.into_iter().flatten()
}

/// Which pixels of a small picture are meant.
#[derive(Clone)]
pub(super) struct Mask {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) set: Vec<bool>,
}

/// Pixels that hang together; right and bottom are just outside.
pub(super) struct Region {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
    pub(super) pixels: Vec<usize>,
}

impl Mask {
    pub(super) fn new(width: usize, height: usize, set: impl Fn(usize) -> bool) -> Self {
        Self { width, height, set: (0..width * height).map(set).collect() }
    }

    /// Pixels around one, itself included.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let (width, height) = (self.width, self.height);
        let (x, y) = (at % width, at / width);
        let columns = x.saturating_sub(1)..(x + 2).min(width);
        (y.saturating_sub(1)..(y + 2).min(height)).flat_map(move |y| columns.clone().map(move |x| y * width + x))
    }

    /// Grown by a pixel on all sides.
    pub(super) fn grown(&self) -> Self {
        Self::new(self.width, self.height, |at| self.around(at).any(|near| self.set[near]))
    }

    /// Less a pixel on all sides.
    pub(super) fn shrunk(&self) -> Self {
        Self::new(self.width, self.height, |at| self.around(at).all(|near| self.set[near]))
    }

    /// Without specks and threads.
    pub(super) fn opened(&self) -> Self {
        self.shrunk().grown()
    }

    /// Without small gaps.
    pub(super) fn closed(&self) -> Self {
        self.grown().shrunk()
    }

    /// What hangs together, diagonally too.
    pub(super) fn regions(&self) -> Vec<Region> {
        let mut left = self.clone();
        let mut regions = Vec::new();
        for start in 0..left.set.len() {
            if !left.set[start] {
                continue;
            }
            let mut region = Region { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0, pixels: Vec::new() };
            let mut waiting = vec![start];
            left.set[start] = false;
            while let Some(at) = waiting.pop() {
                region.take(at, self.width);
                for near in self.around(at) {
                    if std::mem::take(&mut left.set[near]) {
                        waiting.push(near);
                    }
                }
            }
            regions.push(region);
        }
        regions
    }
}

impl Region {
    fn take(&mut self, at: usize, width: usize) {
        let (x, y) = (at % width, at / width);
        self.left = self.left.min(x);
        self.right = self.right.max(x + 1);
        self.top = self.top.min(y);
        self.bottom = self.bottom.max(y + 1);
        self.pixels.push(at);
    }

    /// Together with another.
    pub(super) fn join(&mut self, other: Self) {
        self.left = self.left.min(other.left);
        self.right = self.right.max(other.right);
        self.top = self.top.min(other.top);
        self.bottom = self.bottom.max(other.bottom);
        self.pixels.extend(other.pixels);
    }

    /// Where it is in a picture of that size.
    pub(super) fn span(&self, width: usize, height: usize) -> Span {
        let (w, h) = (width as f64, height as f64);
        Span { left: self.left as f64 / w, top: self.top as f64 / h, right: self.right as f64 / w, bottom: self.bottom as f64 / h }
    }
}

/// The region with the most of what counts, and the parts of the same figure that a gap keeps apart from it, above or below:
/// within a twentieth of the picture what is no mere speck, within a seventh what is a leg or a head.
pub(super) fn figure(mask: &Mask, weight: impl Fn(&Region) -> f64) -> Option<Region> {
    let mut regions = mask.regions();
    let best = (0..regions.len()).max_by(|a, b| weight(&regions[*a]).total_cmp(&weight(&regions[*b])))?;
    let mut figure = regions.swap_remove(best);
    let (near, far) = (mask.height / 20, mask.height / 7);
    let (speck, limb) = ((figure.pixels.len() / 50).max(4), figure.pixels.len() / 16);
    // Each joined part may reach the next.
    while let Some(next) = regions.iter().position(|part| {
        let is_beside = part.left < figure.right && figure.left < part.right;
        let gap = if part.pixels.len() > limb { far } else { near };
        let is_near = part.top <= figure.bottom + gap && figure.top <= part.bottom + gap;
        is_beside && is_near && part.pixels.len() > speck
    }) {
        let part = regions.swap_remove(next);
        figure.join(part);
    }
    Some(figure)
}
