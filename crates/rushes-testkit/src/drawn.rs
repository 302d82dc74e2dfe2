//! Drawn figures in place of people, and a finder that knows them by the colour of their heads: photos of a shoot for tests on
//! machines without models. A head of a dark colour is only perhaps that figure's.

use async_trait::async_trait;
use image::imageops::FilterType;
use image::{ImageFormat, Rgb, RgbImage};
use rushes_core::faces::{Face, FaceFinder, Quality, Region, Seen, TEMPLATE_LEN, Template};
use rushes_core::{Cancel, Code, Fault};
use std::io::Cursor;
use std::path::Path;

/// Figures there are; each has a hue of its own.
pub(crate) const FIGURES: usize = 6;
/// Photos are looked at in this width, px.
const LOOKED_PX: u32 = 320;
/// Of the photo's pixels, what a head has at least.
const HEAD_SHARE: f32 = 0.004;

/// A figure in a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Seen well.
    Clear(usize),
    /// In the dark: it may be that one.
    Dim(usize),
}

/// A photo of these figures beside each other, a JPEG; another `seed` gives other bytes.
#[must_use]
pub fn photo(figures: &[Figure], width: u32, height: u32, seed: u8) -> Vec<u8> {
    let mut picture = RgbImage::from_fn(width, height, |_, y| {
        let sky = 226 - u8::try_from(y * 48 / height.max(1)).unwrap_or(48);
        Rgb([sky, sky, sky.saturating_sub(6 + seed % 8)])
    });
    let places = u32::try_from(figures.len().max(1)).unwrap_or(1);
    for (at, figure) in (0..).zip(figures) {
        let (figure, value) = match figure {
            Figure::Clear(figure) => (*figure, 0.92),
            Figure::Dim(figure) => (*figure, 0.45),
        };
        let x = (2 * at + 1) * width / (2 * places);
        let head = height.min(width / places) / 5;
        let y = height * 2 / 5 + u32::from(seed % 7) * height / 100;
        stand(&mut picture, (x, y), head, of_hue(figure, value));
    }
    let mut jpeg = Cursor::new(Vec::new());
    // A drawing of this size is always written.
    let _ = picture.write_to(&mut jpeg, ImageFormat::Jpeg);
    jpeg.into_inner()
}

/// A body and a head with eyes and a mouth.
fn stand(picture: &mut RgbImage, (x, y): (u32, u32), head: u32, colour: Rgb<u8>) {
    let (x, y, head) = (i64::from(x), i64::from(y), i64::from(head));
    let mut fill = |centre: (i64, i64), across: i64, down: i64, colour: Rgb<u8>| {
        for row in centre.1 - down..=centre.1 + down {
            for column in centre.0 - across..=centre.0 + across {
                let (dx, dy) = ((column - centre.0) * 1_000 / across.max(1), (row - centre.1) * 1_000 / down.max(1));
                let place = (u32::try_from(column), u32::try_from(row));
                if let ((Ok(column), Ok(row)), true) = (place, dx * dx + dy * dy <= 1_000_000)
                    && column < picture.width()
                    && row < picture.height()
                {
                    picture.put_pixel(column, row, colour);
                }
            }
        }
    };
    fill((x, y + head * 5 / 2), head * 5 / 4, head * 7 / 5, Rgb([68, 64, 60]));
    fill((x, y), head, head, colour);
    for side in [-1, 1] {
        fill((x + side * head * 2 / 5, y - head / 5), head / 9, head / 7, Rgb([28, 25, 23]));
    }
    fill((x, y + head * 2 / 5), head * 2 / 5, head / 12, Rgb([28, 25, 23]));
}

/// A figure's colour, 0.0 dark to 1.0 bright.
fn of_hue(figure: usize, value: f32) -> Rgb<u8> {
    let ramp = |shift: usize| {
        let place = (figure + shift) % FIGURES;
        let share: f32 = [1.0, 1.0, 0.1, 0.1, 0.1, 1.0][place];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let byte = (255.0 * value * share) as u8;
        byte
    };
    Rgb([ramp(0), ramp(4), ramp(2)])
}

/// Whose head a pixel may be of, and whether it is bright.
fn head_of(pixel: Rgb<u8>) -> Option<(usize, bool)> {
    let [red, green, blue] = pixel.0.map(f32::from);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let span = most - least;
    if most < 70.0 || span / most < 0.6 {
        return None;
    }
    let sixths = if most == red {
        ((green - blue) / span).rem_euclid(6.0)
    } else if most == green {
        (blue - red) / span + 2.0
    } else {
        (red - green) / span + 4.0
    };
    let nearest = sixths.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 6")]
    ((sixths - nearest).abs() < 0.3).then_some((nearest as usize % FIGURES, most > 165.0))
}

/// Finds the heads of drawn figures.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drawn;

#[async_trait]
impl FaceFinder for Drawn {
    fn model(&self) -> &str {
        "drawn figures"
    }

    async fn look(&self, photo: &Path, _: &Cancel) -> Result<Seen, Fault> {
        let bytes = std::fs::read(photo).map_err(|e| Fault::io("look at photo", photo, &e))?;
        let picture = image::load_from_memory(&bytes).map_err(|e| Fault::new(Code::FileCorrupt, "look at photo").because(e))?;
        Ok(look(&picture.into_rgb8()))
    }
}

fn look(picture: &RgbImage) -> Seen {
    let (width, height) = picture.dimensions();
    let small = image::imageops::resize(picture, LOOKED_PX, (height * LOOKED_PX / width.max(1)).max(1), FilterType::Triangle);
    let mut boxes = [None::<(u32, u32, u32, u32, u32, u32)>; FIGURES];
    for (x, y, pixel) in small.enumerate_pixels() {
        let Some((figure, is_bright)) = head_of(*pixel) else { continue };
        let seen = boxes[figure].get_or_insert((x, y, x, y, 0, 0));
        *seen = (seen.0.min(x), seen.1.min(y), seen.2.max(x), seen.3.max(y), seen.4 + 1, seen.5 + u32::from(is_bright));
    }
    let mut faces = Vec::new();
    for (figure, seen) in boxes.into_iter().enumerate() {
        let Some((left, top, right, bottom, count, bright)) = seen else { continue };
        let pixels = small.width() * small.height();
        #[expect(clippy::cast_precision_loss, reason = "shares of a picture")]
        let (share, across, down) = (count as f32 / pixels as f32, small.width() as f32, small.height() as f32);
        if share < HEAD_SHARE {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "shares of a picture")]
        let region = Region {
            x: left as f32 / across,
            y: top as f32 / down,
            width: (right - left + 1) as f32 / across,
            height: (bottom - top + 1) as f32 / down,
        };
        let mut numbers = [0.0; TEMPLATE_LEN];
        numbers[figure] = 1.0;
        if bright * 2 < count {
            // As far from the figure as makes it perhaps that one.
            numbers[FIGURES] = 0.55;
        }
        let Ok(template) = Template::new(&numbers) else { continue };
        let quality = Quality { score: 0.95, size_px: (right - left + 1) * width / LOOKED_PX, sharpness: 0.8, turn: 0.1 };
        faces.push(Face { region, quality, template, crop: crop(&small, (left, top, right, bottom)) });
    }
    faces.sort_by(|a, b| b.region.height.total_cmp(&a.region.height));
    Seen { width, height, faces }
}

fn crop(picture: &RgbImage, (left, top, right, bottom): (u32, u32, u32, u32)) -> Vec<u8> {
    let side = (right - left + 1).max(bottom - top + 1);
    let cut = image::imageops::crop_imm(picture, left, top, side.min(picture.width() - left), side.min(picture.height() - top)).to_image();
    let mut jpeg = Cursor::new(Vec::new());
    let _ = image::imageops::resize(&cut, 160, 160, FilterType::Triangle).write_to(&mut jpeg, ImageFormat::Jpeg);
    jpeg.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_figures_are_found_each_as_itself() {
        for figure in 0..FIGURES {
            let seen = look(&image::load_from_memory(&photo(&[Figure::Clear(figure)], 640, 480, 3)).unwrap().into_rgb8());
            assert_eq!(seen.faces.len(), 1, "{figure}");
            let again = look(&image::load_from_memory(&photo(&[Figure::Clear(figure)], 900, 700, 9)).unwrap().into_rgb8());
            assert!(seen.faces[0].template.distance(&again.faces[0].template) < 0.01, "{figure}");
            let dim = look(&image::load_from_memory(&photo(&[Figure::Dim(figure)], 640, 480, 3)).unwrap().into_rgb8());
            let distance = dim.faces[0].template.distance(&seen.faces[0].template);
            assert!((0.5..0.6).contains(&distance), "{figure}: {distance}");
        }
        let both = look(&image::load_from_memory(&photo(&[Figure::Clear(0), Figure::Clear(3)], 900, 600, 1)).unwrap().into_rgb8());
        assert!(both.faces.len() == 2 && both.faces[0].template.distance(&both.faces[1].template) > 1.0);
        assert!(look(&image::load_from_memory(&photo(&[], 400, 300, 1)).unwrap().into_rgb8()).faces.is_empty());
    }
}
