//! A character's still fitted to a reference film: as tall, on the same floor and as far to the side as the figure in the
//! film's first frame, so that who follows the film's movement need not jump.
//!
//! `still` and `film` find the figures, `place` makes the picture. What does not live here: the film's movement.

mod film;
mod mask;
mod place;
mod sides;
mod still;
#[cfg(test)]
mod tests;

use crate::inspect::decode_picture;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};
pub use mask::Span;
use mask::{Mask, Small};
use place::Goal;
use rushes_core::{Cancel, Code, Fault};
use serde::Serialize;
use std::path::Path;

/// The floor line and the height of a figure where the reference shows none, of the picture's height.
const FLOOR: f64 = 0.92;
const HEIGHT: f64 = 0.84;
/// What stands behind a still that is transparent.
const PAPER: [u8; 3] = [0xec, 0xeb, 0xe9];
/// Sides of the picture that is made, pixels.
const SIDES: std::ops::RangeInclusive<u32> = 64..=4096;

/// How a still was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Aligned {
    /// The figure in the still; None where none stands out, and the whole still was taken for it.
    pub image: Option<Span>,
    /// The figure in the reference's first frame; None where none was found: then its feet stand at 92 % of the picture's
    /// height and it takes 84 % of that.
    pub reference: Option<Span>,
    /// The figure in the picture that was made.
    pub placed: Span,
    /// The line its feet stand on, of the picture's height.
    pub floor: f64,
    /// Pixels of the picture for one of the still.
    pub scale: f64,
    /// Whether the figure is smaller than the reference's, since something of it would have been cut off.
    pub is_smaller: bool,
}

/// Writes to `out` (PNG, `width` by `height` pixels) the still `image`, its figure as tall and at the place of the one in the
/// first frame of `reference`, its backdrop continued to the edges. The reference's frame is taken to be as high as the
/// picture, its middle in the picture's middle. On plain, drawn and moving backdrops its floor is found within 1.5 % of the
/// height; among the beams and pools of light of a stage within 5 %, its height within a fifth. Equal inputs give equal bytes.
///
/// Errors: `input_invalid` for sides beyond 64 to 4096; `no_video` for a reference without a picture; the `file_…` codes of
/// decoding, `media_tool`, `cancelled`, `io`, `disk_full`.
pub fn align(image: &Path, reference: &Path, width: u32, height: u32, out: &Path, cancel: &Cancel) -> Result<Aligned, Fault> {
    if !SIDES.contains(&width) || !SIDES.contains(&height) {
        let reason = format!("each side must be {} to {} pixels", SIDES.start(), SIDES.end());
        return Err(Fault::new(Code::InputInvalid, "align to reference").with("size", format!("{width}x{height}")).because(reason));
    }
    let first = film::first(reference, cancel)?;
    let (picture, found) = read(image, cancel)?;
    let size = picture.dimensions();
    let goal = match first.span {
        Some(span) => {
            let wide = f64::from(first.width) / f64::from(first.height) * f64::from(height);
            Goal { height: span.height(), floor: span.bottom, middle_px: f64::from(width) / 2.0 + (span.centre() - 0.5) * wide }
        }
        None => Goal { height: HEIGHT, floor: FLOOR, middle_px: f64::from(width) / 2.0 },
    };
    let whole = Span { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };
    let (span, mask) = match &found {
        Some(found) => (found.span, found.mask.grown()),
        None => (whole, Mask::new(1, 1, |_| false)),
    };
    let place = place::fit(span, size, (width, height), goal);
    let made = place::lay(&picture, &mask, place, (width, height));
    write(made, out)?;
    let at = |start: f64, share: f64, of: u32, room: u32| (start + share * f64::from(of) * place.scale) / f64::from(room);
    let placed = Span {
        left: at(place.left, span.left, size.0, width),
        top: at(place.top, span.top, size.1, height),
        right: at(place.left, span.right, size.0, width),
        bottom: at(place.top, span.bottom, size.1, height),
    };
    Ok(Aligned {
        image: found.map(|found| found.span),
        reference: first.span,
        placed,
        floor: placed.bottom,
        scale: place.scale,
        is_smaller: place.is_smaller,
    })
}

/// A still on something opaque, upright, with its figure.
fn read(image: &Path, cancel: &Cancel) -> Result<(RgbImage, Option<still::Found>), Fault> {
    let mut decoded = decode_picture(image, cancel)?;
    decoded.picture.apply_orientation(decoded.orientation);
    let picture = std::mem::take(&mut decoded.picture);
    if !picture.color().has_alpha() {
        let picture = picture.into_rgb8();
        let found = still::by_backdrop(&Small::of(&picture));
        return Ok((picture, found));
    }
    let picture = picture.into_rgba8();
    // What is opaque at its border has a backdrop after all.
    let by_alpha = if is_cut_out(&picture) { still::by_alpha(&picture) } else { None };
    let flat = on_paper(&picture);
    let found = by_alpha.or_else(|| still::by_backdrop(&Small::of(&flat)));
    Ok((flat, found))
}

/// Whether a corner can be seen through.
fn is_cut_out(picture: &RgbaImage) -> bool {
    let (right, bottom) = (picture.width() - 1, picture.height() - 1);
    [(0, 0), (right, 0), (0, bottom), (right, bottom)].iter().any(|(x, y)| picture.get_pixel(*x, *y)[3] < 128)
}

fn on_paper(picture: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let mix = |over: u32, under: u8| ((over * alpha + u32::from(under) * (255 - alpha) + 127) / 255) as u8;
        Rgb([mix(red, PAPER[0]), mix(green, PAPER[1]), mix(blue, PAPER[2])])
    })
}

fn write(picture: RgbImage, out: &Path) -> Result<(), Fault> {
    DynamicImage::ImageRgb8(picture).save_with_format(out, ImageFormat::Png).map_err(|error| match error {
        image::ImageError::IoError(error) => Fault::io("write aligned picture", out, &error),
        error => Fault::new(Code::Unexpected, "write aligned picture").with("path", out.display()).because(error),
    })
}
