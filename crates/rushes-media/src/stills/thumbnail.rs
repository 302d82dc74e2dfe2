//! Small pictures for lists: of a picture, or of a film's first seconds.

use super::best_frame;
use crate::inspect::decode_picture;
use crate::run::Ffmpeg;
use image::imageops::FilterType;
use image::{DynamicImage, RgbaImage};
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Of 100.
const QUALITY: &str = "80";

/// Writes a picture, upright, or the moment of a film that its poster shows, to `out` (WebP), so that it fits into a square of
/// `side_px`; what is smaller stays as it is.
///
/// Errors: the `file_…` codes, `no_video`, `media_tool`, `cancelled`, `io`, `disk_full`.
pub fn write_thumbnail(file: &Path, is_film: bool, side_px: u32, out: &Path, cancel: &Cancel) -> Result<(), Fault> {
    let mut picture = if is_film {
        let frame = best_frame(file, cancel)?;
        let pixels = RgbaImage::from_raw(frame.width, frame.height, frame.rgba);
        DynamicImage::ImageRgba8(pixels.ok_or_else(|| Fault::new(Code::Unexpected, "make thumbnail"))?)
    } else {
        let decoded = decode_picture(file, cancel)?;
        let mut picture = decoded.picture;
        picture.apply_orientation(decoded.orientation);
        picture
    };
    if picture.width().max(picture.height()) > side_px {
        picture = picture.resize(side_px, side_px, FilterType::Lanczos3);
    }
    // The library has no encoder of this size's worth for WebP; ffmpeg's is asked, with bare pixels.
    let (size, bare) = (format!("{}x{}", picture.width(), picture.height()), out.with_extension("rgba"));
    let written = File::create(&bare).and_then(|mut file| file.write_all(picture.into_rgba8().as_raw()));
    written.map_err(|e| Fault::io("make thumbnail", &bare, &e))?;
    let made = Ffmpeg::new("make thumbnail")
        .args(["-f", "rawvideo", "-pixel_format", "rgba", "-video_size", &size, "-i"])
        .arg(&bare)
        .args(["-frames:v", "1", "-c:v", "libwebp", "-quality", QUALITY, "-f", "webp"])
        .to(out)
        .run(cancel, &mut |_| ());
    std::fs::remove_file(&bare).map_err(|e| Fault::io("make thumbnail", &bare, &e))?;
    made.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageFormat;

    fn size(path: &Path) -> (u32, u32) {
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::WebP);
        image::image_dimensions(path).unwrap()
    }

    #[test]
    fn stills_thumbnails_fit_and_keep_their_shape() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (film, picture, tiny, out) = (at("film.mp4"), at("picture.png"), at("tiny.png"), at("out.webp"));
        let source = Ffmpeg::new("make film").args(["-f", "lavfi", "-i", "testsrc2=size=180x320:rate=16:duration=1"]);
        source.args(["-c:v", "libx264", "-pix_fmt", "yuv420p"]).to(&film).run(&Cancel::new(), &mut |_| ()).unwrap();
        image::RgbaImage::from_pixel(1024, 768, image::Rgba([200, 40, 90, 128])).save(&picture).unwrap();
        image::RgbImage::from_pixel(40, 30, image::Rgb([9, 9, 9])).save(&tiny).unwrap();
        for (file, is_film, wanted) in [(&film, true, (144, 256)), (&picture, false, (256, 192)), (&tiny, false, (40, 30))] {
            write_thumbnail(file, is_film, 256, &out, &Cancel::new()).unwrap();
            assert_eq!(size(&out), wanted);
        }
    }
}
