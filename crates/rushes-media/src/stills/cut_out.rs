//! Stickers on transparency, whatever ground they came on: what is transparent stays as it is, a plain key colour is taken
//! out.
//!
//! The key itself (its colour, what is of it, how much of it is in an edge) lives in `key`.

#[cfg(test)]
mod tests;

use super::key::{Key, chroma};
use crate::inspect::decode_picture;
use image::{ColorType, DynamicImage, ImageFormat, RgbaImage};
use rushes_core::{Cancel, Code, Fault};
use serde::Serialize;
use std::io::Read;
use std::path::Path;

/// Pixels of a sticker at most: 4096 by 4096. Keying takes some eight bytes for each.
const MOST_PIXELS: u64 = 4096 * 4096;
/// A transparent border has this share of pixels through which everything is seen.
const CLEAR_SHARE: f32 = 0.05;
/// Through less than this nothing is seen.
const CLEAR_ALPHA: u8 = 8;
/// A figure fills at least and at most this share of its picture.
const FIGURE: std::ops::RangeInclusive<f64> = 0.01..=0.985;
/// A hole has at least this many pixels, and this share of them all.
const HOLE_PIXELS: usize = 16;
const HOLE_SHARE: f64 = 2e-5;

/// What a sticker came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backing {
    /// Transparency; it was taken as it is.
    Alpha,
    /// A plain colour (red, green, blue), which was taken out.
    Key([u8; 3]),
}

/// Where a pixel belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Figure,
    Ground,
    /// Of the figure, but near the ground: something of the key may be in it.
    Edge,
    /// Looked at for holes, and none.
    Kept,
}

/// Writes the sticker `picture` to `out` (PNG on transparency). With a transparent border it is taken as it is; a plain key
/// colour around it, green or any other strong one, is taken out, with what of it shines in the edges. What is of that
/// colour inside the figure stays, but for holes of the very same.
///
/// Errors: `provider_refused` where it is on neither; `file_too_large` above 4096×4096 pixels; the `file_…` codes of
/// decoding, `cancelled`, `io`, `disk_full`.
pub fn cut_out(picture: &Path, out: &Path, cancel: &Cancel) -> Result<Backing, Fault> {
    let mut decoded = decode_picture(picture, cancel)?;
    let pixels = u64::from(decoded.picture.width()) * u64::from(decoded.picture.height());
    if pixels > MOST_PIXELS {
        let why = format!("a sticker has {pixels} pixels, of {MOST_PIXELS}");
        return Err(Fault::new(Code::FileTooLarge, "cut out sticker").with("path", picture.display()).because(why));
    }
    let is_png = is_png(picture)? && decoded.picture.color() == ColorType::Rgba8;
    decoded.picture.apply_orientation(decoded.orientation);
    let has_alpha = decoded.picture.color().has_alpha();
    let mut sticker = std::mem::take(&mut decoded.picture).into_rgba8();
    if has_alpha && is_clear(&sticker) {
        if is_png {
            std::fs::copy(picture, out).map_err(|error| Fault::io("write sticker", out, &error))?;
        } else {
            write(sticker, out)?;
        }
        return Ok(Backing::Alpha);
    }
    let refuse = |why: &str| {
        let cure = "ask for it on transparency, or on plain green (#00ff00) without shadow";
        Fault::new(Code::ProviderRefused, "cut out sticker").with("path", picture.display()).because(format!("{why}; {cure}"))
    };
    let key = Key::of_border(&sticker)
        .ok_or_else(|| refuse("the sticker is neither transparent nor on a plain green ground, or one of another strong colour"))?;
    let mut sheet = Sheet::new(&sticker, key);
    sheet.flood_from_border();
    sheet.open_holes();
    let share = sheet.figure_share();
    if !FIGURE.contains(&share) {
        return Err(refuse("nothing but its ground would be left of the sticker, or nothing of it be taken away"));
    }
    let edge = sheet.find_edge();
    let found = sheet.mend_edge(&edge, cancel)?;
    let places = sheet.places;
    for (pixel, place) in sticker.pixels_mut().zip(&places) {
        if *place == Place::Ground {
            pixel.0 = [0; 4];
        }
    }
    for (at, mended) in edge.into_iter().zip(found) {
        let (x, y) = (at % sticker.width(), at / sticker.width());
        sticker.get_pixel_mut(x, y).0 = mended;
    }
    write(sticker, out)?;
    Ok(Backing::Key(key.rgb))
}

fn is_png(path: &Path) -> Result<bool, Fault> {
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(|error| Fault::io("read sticker", path, &error))?;
    Ok(head == *b"\x89PNG")
}

fn is_clear(sticker: &RgbaImage) -> bool {
    let (width, height) = sticker.dimensions();
    let border = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
    let (clear, all) =
        border.fold((0_u32, 0_u32), |(clear, all), (x, y)| (clear + u32::from(sticker.get_pixel(x, y)[3] < CLEAR_ALPHA), all + 1));
    clear as f32 >= CLEAR_SHARE * all as f32
}

fn write(sticker: RgbaImage, out: &Path) -> Result<(), Fault> {
    DynamicImage::ImageRgba8(sticker).save_with_format(out, ImageFormat::Png).map_err(|error| match error {
        image::ImageError::IoError(error) => Fault::io("write sticker", out, &error),
        error => Fault::new(Code::Unexpected, "write sticker").with("path", out.display()).because(error),
    })
}

/// A sticker while its ground is looked for.
struct Sheet<'a> {
    sticker: &'a RgbaImage,
    key: Key,
    width: usize,
    height: usize,
    places: Vec<Place>,
}

impl<'a> Sheet<'a> {
    fn new(sticker: &'a RgbaImage, key: Key) -> Self {
        let (width, height) = (sticker.width() as usize, sticker.height() as usize);
        Self { sticker, key, width, height, places: vec![Place::Figure; width * height] }
    }

    fn rgb(&self, at: usize) -> [u8; 3] {
        let raw = &self.sticker.as_raw()[4 * at..];
        [raw[0], raw[1], raw[2]]
    }

    /// Everything of the key's colour that hangs together with the border.
    fn flood_from_border(&mut self) {
        let (width, height) = (self.width, self.height);
        let border = (0..width).flat_map(|x| [x, (height - 1) * width + x]);
        let sides = (0..height).flat_map(|y| [y * width, y * width + width - 1]);
        for at in border.chain(sides) {
            self.fill(at, Place::Ground, &mut |_| ());
        }
    }

    /// Fills what hangs together with `from` and is of the key, row by row.
    fn fill(&mut self, from: usize, with: Place, seen: &mut dyn FnMut([u8; 3])) {
        let is_open = |sheet: &Self, at: usize| sheet.places[at] == Place::Figure && sheet.key.is_near(sheet.rgb(at));
        if !is_open(self, from) {
            return;
        }
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            if !is_open(self, at) {
                continue;
            }
            let row = at / self.width * self.width;
            let (mut first, mut last) = (at, at);
            while first > row && is_open(self, first - 1) {
                first -= 1;
            }
            while last + 1 < row + self.width && is_open(self, last + 1) {
                last += 1;
            }
            for at in first..=last {
                seen(self.rgb(at));
                self.places[at] = with;
            }
            for next_row in [row.checked_sub(self.width), Some(row + self.width).filter(|next| *next < self.places.len())] {
                let Some(next_row) = next_row else { continue };
                // One of each stretch is enough.
                let mut was_open = false;
                for at in next_row + (first - row)..=next_row + (last - row) {
                    let open = is_open(self, at);
                    if open && !was_open {
                        waiting.push(at);
                    }
                    was_open = open;
                }
            }
        }
    }

    /// What is enclosed by the figure and of the very key, flat as it is, is a hole; what is only like it stays.
    fn open_holes(&mut self) {
        let least = HOLE_PIXELS.max((HOLE_SHARE * self.places.len() as f64) as usize);
        for at in 0..self.places.len() {
            if self.places[at] != Place::Figure || !self.key.is_near(self.rgb(at)) {
                continue;
            }
            let (mut sum, mut count) = ([0_u64; 3], 0_u64);
            self.fill(at, Place::Kept, &mut |rgb| {
                sum.iter_mut().zip(rgb).for_each(|(sum, v)| *sum += u64::from(v));
                count += 1;
            });
            let mean = sum.map(|sum| sum as f32 / count.max(1) as f32);
            if count as usize >= least && self.key.is_same(mean) {
                self.turn_to_ground(at);
            }
        }
    }

    /// A stretch just looked at becomes ground.
    fn turn_to_ground(&mut self, from: usize) {
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            if self.places[at] != Place::Kept {
                continue;
            }
            self.places[at] = Place::Ground;
            self.around(at).into_iter().flatten().filter(|next| self.places[*next] == Place::Kept).for_each(|next| waiting.push(next));
        }
    }

    /// The pixels left, right, above and below.
    fn around(&self, at: usize) -> [Option<usize>; 4] {
        let x = at % self.width;
        [
            (x > 0).then(|| at - 1),
            (x + 1 < self.width).then_some(at + 1),
            at.checked_sub(self.width),
            Some(at + self.width).filter(|next| *next < self.places.len()),
        ]
    }

    fn figure_share(&self) -> f64 {
        self.places.iter().filter(|place| **place != Place::Ground).count() as f64 / self.places.len() as f64
    }

    /// How far from the ground something of it may shine in, pixels.
    fn reach(&self) -> usize {
        (self.width.min(self.height) / 160).clamp(3, 16)
    }

    /// Pixels of the figure near the ground; farther in, those that are plainly mixed with it.
    fn find_edge(&mut self) -> Vec<u32> {
        let near = self.reach();
        let mut front: Vec<u32> = (0..self.places.len() as u32).filter(|at| self.places[*at as usize] == Place::Ground).collect();
        front.retain(|at| self.around(*at as usize).into_iter().flatten().any(|next| self.places[next] != Place::Ground));
        let mut edge = Vec::new();
        for depth in 0..4 * near {
            let mut next_front = Vec::new();
            for at in &front {
                for next in self.around(*at as usize).into_iter().flatten() {
                    let is_new = !matches!(self.places[next], Place::Ground | Place::Edge);
                    if is_new && (depth < near || self.key.is_mixed(self.rgb(next))) {
                        self.places[next] = Place::Edge;
                        next_front.push(next as u32);
                    }
                }
            }
            edge.extend_from_slice(&next_front);
            front = next_front;
        }
        edge.sort_unstable();
        edge
    }

    /// The edge's pixels without what of the key is in them: colour and alpha.
    fn mend_edge(&self, edge: &[u32], cancel: &Cancel) -> Result<Vec<[u8; 4]>, Fault> {
        let usual = self.usual_share();
        let mut mended = Vec::with_capacity(edge.len());
        for (count, at) in edge.iter().enumerate() {
            if count % 4_096 == 0 && cancel.is_cancelled() {
                return Err(Fault::new(Code::Cancelled, "cut out sticker"));
            }
            let at = *at as usize;
            let (rgb, alpha) = self.key.without(self.rgb(at), self.figure_near(at), usual);
            let own = f32::from(self.sticker.as_raw()[4 * at + 3]);
            mended.push([rgb[0], rgb[1], rgb[2], (alpha * own).round() as u8]);
        }
        Ok(mended)
    }

    /// How much of the key is in nine of ten of the figure's own pixels: hair that is green is no spill.
    fn usual_share(&self) -> f32 {
        let mut levels = [0_usize; 101];
        let mut count = 0;
        for (at, place) in self.places.iter().enumerate() {
            if matches!(place, Place::Figure | Place::Kept) {
                levels[(100.0 * self.key.share(chroma(self.rgb(at).map(f32::from))).clamp(0.0, 1.0)) as usize] += 1;
                count += 1;
            }
        }
        let mut below = 0;
        let level = levels.iter().position(|level| {
            below += level;
            below * 10 >= count * 9
        });
        level.unwrap_or(0) as f32 / 100.0
    }

    /// What the figure looks like near an edge: the mean of the pixels around it with the least of the key in them.
    fn figure_near(&self, at: usize) -> [f32; 3] {
        let reach = self.reach().min(6);
        let (x, y) = (at % self.width, at / self.width);
        let rows = y.saturating_sub(reach)..=(y + reach).min(self.height - 1);
        let columns = x.saturating_sub(reach)..=(x + reach).min(self.width - 1);
        let near = || rows.clone().flat_map(|y| columns.clone().map(move |x| y * self.width + x));
        let figure = || {
            near().filter(|at| self.places[*at] != Place::Ground).map(|at| {
                let rgb = self.rgb(at).map(f32::from);
                (rgb, self.key.share(chroma(rgb)))
            })
        };
        let least = figure().fold(f32::MAX, |least, (_, share)| least.min(share));
        let (sum, count) = figure()
            .filter(|(_, share)| *share <= least + 0.05)
            .fold(([0.0; 3], 0.0), |(sum, count), (rgb, _)| ([sum[0] + rgb[0], sum[1] + rgb[1], sum[2] + rgb[2]], count + 1.0));
        sum.map(|sum| sum / f32::max(count, 1.0))
    }
}
