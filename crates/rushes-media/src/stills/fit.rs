//! Pictures brought to the size they were asked for in.

#[cfg(test)]
mod tests;

use crate::inspect::decode_picture;
use image::imageops::{self, FilterType};
use image::{ColorType, DynamicImage, ImageFormat, ImageReader, Rgba, Rgba32FImage, RgbaImage};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

/// What becomes of a picture of another shape than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It fills the size, and what sticks out on two sides is cut off.
    Fill,
    /// All of it stays, in the middle of transparency.
    Whole,
}

/// Writes the picture to `out` (PNG, 8 bit, of exactly this size), larger or smaller as it must be. Gives false, and writes
/// nothing, where it is such a PNG already.
///
/// Errors: the `file_…` codes of decoding, `cancelled`, `io`, `disk_full`.
pub fn fit(picture: &Path, (width, height): (u32, u32), shape: Shape, out: &Path, cancel: &Cancel) -> Result<bool, Fault> {
    let mut decoded = decode_picture(picture, cancel)?;
    let is_fit = (decoded.picture.width(), decoded.picture.height()) == (width, height)
        && matches!(decoded.picture.color(), ColorType::Rgb8 | ColorType::Rgba8)
        && is_png(picture)?;
    if is_fit {
        return Ok(false);
    }
    decoded.picture.apply_orientation(decoded.orientation);
    let whole = std::mem::take(&mut decoded.picture);
    let has_alpha = whole.color().has_alpha() || shape == Shape::Whole;
    let fitted = DynamicImage::ImageRgba8(fitted(whole, (width, height), shape));
    let fitted = if has_alpha { fitted } else { DynamicImage::ImageRgb8(fitted.into_rgb8()) };
    fitted.save_with_format(out, ImageFormat::Png).map_err(|error| match error {
        image::ImageError::IoError(error) => Fault::io("write picture", out, &error),
        error => Fault::new(Code::Unexpected, "write picture").with("path", out.display()).because(error),
    })?;
    Ok(true)
}

fn is_png(path: &Path) -> Result<bool, Fault> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|error| Fault::io("read picture", path, &error))?;
    Ok(reader.format() == Some(ImageFormat::Png))
}

/// A side of this length at this scale; no picture is without any.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sides are far below the end, and above zero")]
fn scaled(side: u32, scale: f64) -> u32 {
    ((f64::from(side) * scale).round() as u32).max(1)
}

fn fitted(picture: DynamicImage, (width, height): (u32, u32), shape: Shape) -> RgbaImage {
    let (wide, high) = (picture.width(), picture.height());
    let scales = (f64::from(width) / f64::from(wide), f64::from(height) / f64::from(high));
    let (across, down) = match shape {
        Shape::Fill => {
            // Of the picture, the middle part that has the shape; then nothing is scaled that is cut off.
            let scale = scales.0.max(scales.1);
            let (part_wide, part_high) = (scaled(width, 1.0 / scale).min(wide), scaled(height, 1.0 / scale).min(high));
            let part = picture.crop_imm((wide - part_wide) / 2, (high - part_high) / 2, part_wide, part_high);
            return resized(part, width, height);
        }
        Shape::Whole => {
            let scale = scales.0.min(scales.1);
            (scaled(wide, scale).min(width), scaled(high, scale).min(height))
        }
    };
    let mut sheet = RgbaImage::new(width, height);
    let (left, top) = (i64::from((width - across) / 2), i64::from((height - down) / 2));
    imageops::replace(&mut sheet, &resized(picture, across, down), left, top);
    sheet
}

/// While pixels count as much as they are seen: filters swing over, and what goes beyond 1.0 would be cut off.
const ROOM: f32 = 0.5;

/// What is transparent has some colour, which must not be mixed into its neighbours: so each counts as much as it is seen.
fn resized(picture: DynamicImage, width: u32, height: u32) -> RgbaImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture.into_rgba8();
    }
    if !picture.color().has_alpha() {
        return picture.resize_exact(width, height, FilterType::Lanczos3).into_rgba8();
    }
    let mut seen: Rgba32FImage = picture.into_rgba32f();
    for Rgba([red, green, blue, alpha]) in seen.pixels_mut() {
        *alpha *= ROOM;
        (*red, *green, *blue) = (*red * *alpha, *green * *alpha, *blue * *alpha);
    }
    let mut small = imageops::resize(&seen, width, height, FilterType::Lanczos3);
    for Rgba([red, green, blue, alpha]) in small.pixels_mut() {
        let share = if *alpha > 0.0 { *alpha } else { 1.0 };
        (*red, *green, *blue) = ((*red / share).clamp(0.0, 1.0), (*green / share).clamp(0.0, 1.0), (*blue / share).clamp(0.0, 1.0));
        *alpha = (*alpha / ROOM).clamp(0.0, 1.0);
    }
    DynamicImage::ImageRgba32F(small).into_rgba8()
}
