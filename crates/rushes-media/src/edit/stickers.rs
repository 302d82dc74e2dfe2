//! The two stickers, at their size, in one picture: what the graph cuts apart and lays on.

use super::Stickers;
use crate::run::encode::VideoSpec;
use image::imageops::FilterType;
use image::{ImageReader, Limits, Rgba, Rgba32FImage, RgbaImage};
use rushes_core::{Code, Fault};
use std::path::Path;

/// Between a sticker and the edges.
const PADDING_PX: u32 = 20;

/// Of the picture's width.
const ICON_PERCENT: u32 = 36;

/// Of the picture's width.
const NAME_PERCENT: u32 = 40;

/// A sticker's side may be this long before it is scaled.
const MAX_SIDE_PX: u32 = 8192;

/// Where a sticker lies, in pixels; all even, so that chroma lies on it as it does in the sticker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Its top in the atlas.
    pub(super) atlas_y: u32,
}

/// Both stickers above one another: one raw frame for ffmpeg's stdin.
pub(super) struct Atlas {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgba: Vec<u8>,
    pub(super) icon: Place,
    pub(super) name: Place,
}

impl Atlas {
    /// Reads and scales the stickers for a picture of that size.
    pub(super) fn load(stickers: &Stickers, spec: VideoSpec) -> Result<Self, Fault> {
        let icon = scaled(&stickers.icon, spec, ICON_PERCENT)?;
        let name = scaled(&stickers.name, spec, NAME_PERCENT)?;
        let icon_place = Place {
            x: PADDING_PX,
            y: spec.height.saturating_sub(PADDING_PX + icon.height()),
            width: icon.width(),
            height: icon.height(),
            atlas_y: 0,
        };
        let name_place = Place {
            x: spec.width.saturating_sub(PADDING_PX + name.width()),
            y: PADDING_PX,
            width: name.width(),
            height: name.height(),
            atlas_y: icon.height(),
        };
        let (width, height) = (icon.width().max(name.width()), icon.height() + name.height());
        let mut atlas = RgbaImage::new(width, height);
        image::imageops::replace(&mut atlas, &icon, 0, 0);
        image::imageops::replace(&mut atlas, &name, 0, i64::from(icon.height()));
        Ok(Self { width, height, rgba: atlas.into_raw(), icon: icon_place, name: name_place })
    }
}

fn scaled(path: &Path, spec: VideoSpec, percent: u32) -> Result<RgbaImage, Fault> {
    let operation = "read sticker";
    let broken = |error: &dyn std::fmt::Display| Fault::new(Code::FileCorrupt, operation).with("path", path.display()).because(error);
    let io = |error: std::io::Error| Fault::io(operation, path, &error);
    let mut reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| broken(&error))?.into_rgba8();
    let even = |side: u32| (side + 1) & !1;
    let width = even((spec.width * percent + 50) / 100).max(2);
    let tall = (u64::from(width) * u64::from(picture.height()) / u64::from(picture.width().max(1))) as u32;
    let height = even(tall).clamp(2, spec.height.saturating_sub(2 * PADDING_PX).max(2) & !1);
    Ok(resize(&picture, width, height))
}

/// Scales with the colours weighted by their alpha, so that what is transparent does not darken the edges.
fn resize(picture: &RgbaImage, width: u32, height: u32) -> RgbaImage {
    let weighted = Rgba32FImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(f32::from);
        let share = alpha / 255.0;
        Rgba([red * share / 255.0, green * share / 255.0, blue * share / 255.0, share])
    });
    let scaled = image::imageops::resize(&weighted, width, height, FilterType::Lanczos3);
    RgbaImage::from_fn(width, height, |x, y| {
        let [red, green, blue, alpha] = scaled.get_pixel(x, y).0;
        let level = |value: f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
        if alpha <= 0.0 { Rgba([0; 4]) } else { Rgba([level(red / alpha), level(green / alpha), level(blue / alpha), level(alpha)]) }
    })
}
