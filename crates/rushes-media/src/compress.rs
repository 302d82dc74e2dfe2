//! Renditions: pictures as a destination wants them that asked for less than the originals.

#[cfg(test)]
mod tests;

use crate::inspect::decode_picture;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageEncoder, ImageError, Rgb, RgbImage};
use rushes_core::compress::Compress;
use rushes_core::delivery::Pictures;
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A larger colour profile would outweigh what it is for.
const MAX_PROFILE_BYTES: usize = 1 << 20;

/// Makes renditions on the blocking threads of the runtime it is called from.
#[derive(Debug)]
pub struct MediaCompressor {
    places: Arc<Semaphore>,
}

impl MediaCompressor {
    /// Makes so many at once at most.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once.max(1))) }
    }
}

#[async_trait::async_trait]
impl Compress for MediaCompressor {
    async fn picture(&self, from: &Path, into: &Path, how: Pictures) -> Result<(), Fault> {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|error| Fault::new(Code::Unexpected, "compress picture").because(error))?;
        let cancel = Cancel::new();
        // Whoever stops waiting stops the waiting for memory, too.
        let _guard = cancel.clone().drop_guard();
        let (source, target) = (from.to_owned(), into.to_owned());
        let work = move || {
            let _place = place;
            compress_picture(&source, &target, how, &cancel)
        };
        let joined = tokio::task::spawn_blocking(work).await;
        joined.map_err(|error| Fault::new(Code::Panicked, "compress picture").with("path", from.display()).because(error))?
    }
}

/// Writes the picture `from` as JPEG into the new file `into`: upright, in its own colours, without what else the camera
/// noted, transparency on white, its longest side `max_px` or as it was if that is less. The same file gives the same
/// bytes. Errors: the `file_…` codes, `cancelled`, `io`, `disk_full`.
pub(crate) fn compress_picture(from: &Path, into: &Path, how: Pictures, cancel: &Cancel) -> Result<(), Fault> {
    // Large ones are made one at a time, to the end: scaling takes more memory than decoding.
    let mut decoded = decode_picture(from, cancel)?;
    let icc_profile = decoded.icc_profile.take().filter(|profile| is_rgb(profile) && profile.len() <= MAX_PROFILE_BYTES);
    let mut picture = DynamicImage::ImageRgb8(on_white(std::mem::take(&mut decoded.picture)));
    if picture.width().max(picture.height()) > how.max_px {
        picture = picture.resize(how.max_px, how.max_px, FilterType::Lanczos3);
    }
    picture.apply_orientation(decoded.orientation);
    write(&picture, icc_profile, into, how.quality)
}

/// Whether a colour profile is of RGB pixels, as those of a rendition are: that stands in its bytes 16 to 19.
fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ".as_slice())
}

/// JPEG knows no transparency, and what lies under transparent pixels was never meant to be seen.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let mix = |colour: u32| u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX);
        Rgb([mix(red), mix(green), mix(blue)])
    })
}

fn write(picture: &DynamicImage, icc_profile: Option<Vec<u8>>, into: &Path, quality: u8) -> Result<(), Fault> {
    let io = |error: std::io::Error| Fault::io("write rendition", into, &error);
    let fault = |error: ImageError| match error {
        ImageError::IoError(error) => io(error),
        error => Fault::new(Code::Unexpected, "write rendition").with("path", into.display()).because(error),
    };
    let mut file = BufWriter::new(File::create_new(into).map_err(io)?);
    let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
    if let Some(profile) = icc_profile {
        encoder.set_icc_profile(profile).map_err(|error| fault(ImageError::Unsupported(error)))?;
    }
    encoder.encode_image(picture).map_err(fault)?;
    file.flush().map_err(io)
}
