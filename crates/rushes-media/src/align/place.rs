//! Where the still's figure goes, and the picture made of it: the still scaled and moved, its backdrop continued.

use super::mask::{Mask, Span};
use image::imageops::FilterType;
use image::{Rgb, RgbImage, imageops};

/// Room left at the picture's sides and top, of its width and height.
const MARGIN: f64 = 0.015;
/// Rows of an edge that are taken together, so that its noise draws no streaks.
const EDGE_ROWS: u32 = 3;

/// Where a still goes in a picture of `width` by `height` pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The picture's pixels for one of the still's.
    pub(super) scale: f64,
    /// Where the still's left and top come to lie, pixels.
    pub(super) left: f64,
    pub(super) top: f64,
    /// Whether it is smaller than was asked for, so that nothing of the figure is cut off.
    pub(super) is_smaller: bool,
}

/// What the figure is brought to: its height and its feet's line as shares of the picture's height, its middle in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    pub(super) height: f64,
    pub(super) floor: f64,
    pub(super) middle_px: f64,
}

/// Fits a figure at `span` of a still of `from` pixels into a picture of `to` pixels.
pub(super) fn fit(span: Span, from: (u32, u32), to: (u32, u32), goal: Goal) -> Place {
    let [from_w, from_h, to_w, to_h] = [from.0, from.1, to.0, to.1].map(f64::from);
    let (figure_w, figure_h) = ((span.width() * from_w).max(1.0), (span.height() * from_h).max(1.0));
    let (margin_x, margin_y) = (MARGIN * to_w, MARGIN * to_h);
    let floor = goal.floor * to_h;
    let wanted = goal.height * to_h / figure_h;
    // Above the floor there is so much room, from side to side so much.
    let most = ((to_w - 2.0 * margin_x) / figure_w).min((floor - margin_y.min(floor * 0.1)).max(1.0) / figure_h);
    let scale = wanted.min(most);
    let half = 0.5 * figure_w * scale;
    let middle = goal.middle_px.clamp(margin_x + half, (to_w - margin_x - half).max(margin_x + half));
    Place {
        scale,
        left: middle - span.centre() * from_w * scale,
        top: floor - span.bottom * from_h * scale,
        is_smaller: scale < wanted * 0.999,
    }
}

/// The still at its place, in a picture of that size; beyond its edges its backdrop goes on. `figure` is what of the still
/// is no backdrop.
pub(super) fn lay(still: &RgbImage, figure: &Mask, place: Place, (width, height): (u32, u32)) -> RgbImage {
    let (still_w, still_h) = (f64::from(still.width()), f64::from(still.height()));
    // Only what is seen is scaled, whole pixels of it.
    let cut = |start: f64, length: f64, room: f64| {
        let first = (-start / place.scale).floor().clamp(0.0, length - 1.0);
        let last = ((room - start) / place.scale).ceil().clamp(first + 1.0, length);
        (first, last)
    };
    let ((x0, x1), (y0, y1)) = (cut(place.left, still_w, f64::from(width)), cut(place.top, still_h, f64::from(height)));
    let to_px = |start: f64, at: f64| (start + at * place.scale).round();
    let (left, top) = (to_px(place.left, x0), to_px(place.top, y0));
    let (wide, tall) = ((to_px(place.left, x1) - left).max(1.0) as u32, (to_px(place.top, y1) - top).max(1.0) as u32);
    let seen = imageops::crop_imm(still, x0 as u32, y0 as u32, (x1 - x0) as u32, (y1 - y0) as u32).to_image();
    let seen = imageops::resize(&seen, wide, tall, FilterType::CatmullRom);
    let is_figure = |x: u32, y: u32| {
        let along = |at: u32, count: u32, from: f64, to: f64, of: f64| (from + (f64::from(at) + 0.5) / f64::from(count) * (to - from)) / of;
        let column = (along(x, wide, x0, x1, still_w) * figure.width as f64) as usize;
        let row = (along(y, tall, y0, y1, still_h) * figure.height as f64) as usize;
        figure.set[row.min(figure.height - 1) * figure.width + column.min(figure.width - 1)]
    };
    let beyond = Beyond::of(&seen, &is_figure);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x) - left as i64, i64::from(y) - top as i64);
        if (0..i64::from(wide)).contains(&x) && (0..i64::from(tall)).contains(&y) {
            *seen.get_pixel(x as u32, y as u32)
        } else {
            beyond.at(x, y)
        }
    })
}

/// How a picture goes on beyond its edges: as they are, softer and softer.
struct Beyond {
    width: i64,
    height: i64,
    /// Top, bottom, left, right.
    edges: [Edge; 4],
}

impl Beyond {
    fn of(picture: &RgbImage, is_figure: &dyn Fn(u32, u32) -> bool) -> Self {
        let (width, height) = picture.dimensions();
        let rows = EDGE_ROWS.min(width).min(height);
        let edge = |length: u32, pixel: &dyn Fn(u32, u32) -> (u32, u32)| {
            Edge::new((0..length).map(|along| {
                let (mut sum, mut count) = ([0.0; 3], 0.0);
                for depth in 0..rows {
                    let (x, y) = pixel(along, depth);
                    if !is_figure(x, y) {
                        sum.iter_mut().zip(picture.get_pixel(x, y).0).for_each(|(sum, v)| *sum += f64::from(v));
                        count += 1.0;
                    }
                }
                [sum[0], sum[1], sum[2], count]
            }))
        };
        let edges = [
            edge(width, &|along, depth| (along, depth)),
            edge(width, &|along, depth| (along, height - 1 - depth)),
            edge(height, &|along, depth| (depth, along)),
            edge(height, &|along, depth| (width - 1 - depth, along)),
        ];
        Self { width: i64::from(width), height: i64::from(height), edges }
    }

    /// The colour beyond the picture, counted from its left top corner.
    fn at(&self, x: i64, y: i64) -> Rgb<u8> {
        let over_x = (-x).max(x - self.width + 1).max(0);
        let over_y = (-y).max(y - self.height + 1).max(0);
        let reach = over_x.max(over_y) as usize / 2;
        let [top, bottom, left, right] = &self.edges;
        let across = if y < 0 { top } else { bottom }.mean(x.clamp(0, self.width - 1) as usize, reach);
        let along = if x < 0 { left } else { right }.mean(y.clamp(0, self.height - 1) as usize, reach);
        // In a corner both sides have their say, each the more the farther beyond it.
        let share = over_x as f64 / (over_x + over_y).max(1) as f64;
        Rgb(std::array::from_fn(|i| (across[i] + (along[i] - across[i]) * share).round().clamp(0.0, 255.0) as u8))
    }
}

/// The colours along an edge, summed up to each place, so that any stretch has its mean at once.
struct Edge {
    sums: Vec<[f64; 4]>,
}

impl Edge {
    fn new(pixels: impl Iterator<Item = [f64; 4]>) -> Self {
        let mut sums = vec![[0.0; 4]];
        let mut sum = [0.0; 4];
        for pixel in pixels {
            sum.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
            sums.push(sum);
        }
        Self { sums }
    }

    /// The mean of the backdrop so many places around one; where the figure stands in the way, from a little farther.
    fn mean(&self, at: usize, reach: usize) -> [f64; 3] {
        let count = self.sums.len() - 1;
        let mut reach = reach;
        loop {
            let (from, to) = (self.sums[at.saturating_sub(reach)], self.sums[(at + reach + 1).min(count)]);
            let weight = to[3] - from[3];
            if weight > 0.5 {
                return std::array::from_fn(|i| (to[i] - from[i]) / weight);
            }
            if reach >= count {
                return [128.0; 3];
            }
            reach = 2 * reach + 4;
        }
    }
}
