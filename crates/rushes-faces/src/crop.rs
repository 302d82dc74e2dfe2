//! A small picture of a face, for people to look at.

use crate::resample::{Area, shrunk};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};
use rushes_core::{Code, Fault};

/// A side, px.
const CROP_PX: u32 = 160;

/// Of a JPEG: small, and without blocks on skin.
const QUALITY: u8 = 82;

/// How much is seen around a face, of its longer side.
const MARGIN: f32 = 0.3;

/// A square JPEG of a face and what is around it, moved into the picture where the face is near an edge.
pub(crate) fn crop(picture: &RgbImage, face: Area) -> Result<Vec<u8>, Fault> {
    let (wide, high) = (picture.width() as f32, picture.height() as f32);
    let side = (face.width.max(face.height) * (1.0 + 2.0 * MARGIN)).clamp(1.0, wide.min(high));
    let begin = |from: f32, length: f32, limit: f32| (from + length / 2.0 - side / 2.0).clamp(0.0, limit - side);
    let area = Area { x: begin(face.x, face.width, wide), y: begin(face.y, face.height, high), width: side, height: side };
    let small = shrunk(picture, area, (CROP_PX, CROP_PX));
    let mut jpeg = Vec::with_capacity(8 << 10);
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(small.as_raw(), CROP_PX, CROP_PX, ExtendedColorType::Rgb8)
        .map_err(|error| Fault::new(Code::Unexpected, "crop face").because(error))?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_is_square_and_within_the_picture() {
        let picture = RgbImage::from_fn(300, 200, |x, _| image::Rgb([(x / 2) as u8; 3]));
        for (x, y) in [(100.0, 50.0), (-30.0, -30.0), (280.0, 190.0)] {
            let jpeg = crop(&picture, Area { x, y, width: 50.0, height: 60.0 }).unwrap();
            let seen = image::load_from_memory(&jpeg).unwrap();
            assert_eq!((seen.width(), seen.height()), (CROP_PX, CROP_PX));
        }
        assert!(crop(&RgbImage::new(3, 2), Area { x: 0.0, y: 0.0, width: 900.0, height: 1.0 }).is_ok());
    }
}
