//! Pictures of a video that people expect beside it: a poster, a contact sheet, a short silent preview.
//!
//! What does not live here: pictures of its sound ([`crate::waveform`]).

mod cut_out;
mod fit;
mod key;
mod moment;
#[cfg(test)]
mod tests;
mod thumbnail;
mod together;

use crate::edit::{EditList, Output, Picture, Segment, Sound, Transition, render};
use crate::probe::{Probe, probe};
use crate::run::decode::{Pixels, decode_moments, decode_rgba_frame};
use crate::run::encode::{Quality, VideoSpec};
pub use cut_out::{Backing, cut_out};
pub use fit::{Shape, fit};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;
pub use thumbnail::write_thumbnail;
pub use together::Companions;

/// Up to this long, a film is watched whole for its poster, seconds.
const WATCHED_S: f64 = 120.0;

/// Moments of a longer one that its poster is chosen from.
const CANDIDATES: u32 = 9;

/// Of 100.
const JPEG_QUALITY: u8 = 88;

/// Rows and columns of a contact sheet.
const SHEET_SIDE: u32 = 3;

/// Width of one picture on it.
const SHEET_WIDTH_PX: u32 = 300;

/// Between its pictures and around them.
const SHEET_GAP_PX: u32 = 10;

/// What shows between them: the colour of the product's paper.
const PAPER: Rgb<u8> = Rgb([0xfa, 0xf9, 0xf7]);

/// Width of a preview.
const PREVIEW_WIDTH_PX: u32 = 360;

/// Smoother costs size and nobody sees it at this size.
const PREVIEW_MAX_FPS: u32 = 30;

/// How long a preview is at most: three glimpses of 0.8 s.
const PREVIEW_MS: u64 = 2400;

/// Where its glimpses begin, in hundredths of the whole.
const GLIMPSES: [u64; 3] = [15, 45, 72];

/// Writes the video's best moment to `out` (JPEG, full size, upright): sharp, neither black nor burnt out, away from cuts,
/// and where there is dance, the pose held after a hit.
///
/// Errors: `no_video`, the `file_…` codes, `media_tool`, `cancelled`, `disk_full`.
pub fn write_poster(video: &Path, out: &Path, cancel: &Cancel) -> Result<(), Fault> {
    write_jpeg(&to_rgb(&best_frame(video, cancel)?), out)
}

/// What [`write_poster`] shows.
fn best_frame(video: &Path, cancel: &Cancel) -> Result<Pixels, Fault> {
    let no_video = || Fault::new(Code::NoVideo, "choose poster").with("path", video.display());
    let probed = probe(video, cancel)?;
    let stream = probed.video.as_ref().ok_or_else(no_video)?;
    let seconds = stream.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
    // What is very long is only looked at in a few places; so is what does not say how long it is.
    if seconds > 0.0 && seconds <= WATCHED_S {
        let at = moment::best_moment(video, seconds, cancel)?;
        return frame_at(video, at, seconds, stream.fps, cancel);
    }
    let mut best: Option<(f64, Pixels)> = None;
    decode_moments(video, CANDIDATES, None, cancel, &mut |frame| {
        let luma = |p: &[u8]| ((u32::from(p[0]) * 54 + u32::from(p[1]) * 183 + u32::from(p[2]) * 19) / 256) as u8;
        let score = moment::rate(&frame.rgba.chunks_exact(4).map(luma).collect::<Vec<_>>(), frame.width as usize);
        if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
            best = Some((score, frame));
        }
        Ok(())
    })?;
    best.map(|(_, frame)| frame).ok_or_else(no_video)
}

/// What a video of that length and rate shows at a time.
fn frame_at(video: &Path, at: Duration, seconds: f64, fps: f64, cancel: &Cancel) -> Result<Pixels, Fault> {
    // Seeking finds the first frame not before a time: a little early, and never behind the last one.
    let last_s = (seconds - 1.2 / fps.max(1.0)).max(0.0);
    let at = Duration::from_secs_f64((at.as_secs_f64() - 0.002).clamp(0.0, last_s));
    decode_rgba_frame(video, at, cancel)
}

/// Writes nine moments, evenly spread, to `out` (JPEG, three by three).
///
/// Errors: as [`write_poster`].
pub(crate) fn write_contact_sheet(video: &Path, out: &Path, cancel: &Cancel) -> Result<(), Fault> {
    let mut frames = Vec::new();
    decode_moments(video, SHEET_SIDE * SHEET_SIDE, Some(SHEET_WIDTH_PX), cancel, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    lay_out_sheet(&frames, video, out)
}

/// Lays pictures of one size out, three by three.
fn lay_out_sheet(frames: &[Pixels], video: &Path, out: &Path) -> Result<(), Fault> {
    let Some(first) = frames.first() else {
        return Err(Fault::new(Code::NoVideo, "make contact sheet").with("path", video.display()));
    };
    let (step_x, step_y) = (first.width + SHEET_GAP_PX, first.height + SHEET_GAP_PX);
    let mut sheet = RgbImage::from_pixel(step_x * SHEET_SIDE + SHEET_GAP_PX, step_y * SHEET_SIDE + SHEET_GAP_PX, PAPER);
    for place in 0..SHEET_SIDE * SHEET_SIDE {
        // Videos of less than nine frames repeat some.
        let frame = &frames[place as usize * frames.len() / (SHEET_SIDE * SHEET_SIDE) as usize];
        let x = SHEET_GAP_PX + place % SHEET_SIDE * step_x;
        let y = SHEET_GAP_PX + place / SHEET_SIDE * step_y;
        image::imageops::replace(&mut sheet, &to_rgb(frame), i64::from(x), i64::from(y));
    }
    write_jpeg(&sheet, out)
}

/// Writes a preview to `out` (mp4, h264, 360 wide, no sound track): three glimpses of 0.8 s, or all of a video that is
/// not longer than that.
///
/// Errors: as [`write_poster`].
pub fn write_preview(video: &Path, out: &Path, cancel: &Cancel) -> Result<(), Fault> {
    let probed = probe(video, cancel)?;
    let preview = Preview::of(&probed).ok_or_else(|| Fault::new(Code::NoVideo, "make preview").with("path", video.display()))?;
    let list = EditList { sources: vec![video.to_owned()], segments: preview.segments, spec: preview.spec };
    let output = Output { file: out.to_owned(), picture: Picture::Clean, sound: Sound::NoTrack };
    render(&list, &[output], None, Quality::Draft, cancel, &mut |_| {}).map(drop)
}

/// What a preview shows.
struct Preview {
    spec: VideoSpec,
    segments: Vec<Segment>,
    /// How long the whole video is.
    seconds: f64,
}

impl Preview {
    /// None without a picture.
    fn of(probed: &Probe) -> Option<Self> {
        let (own, stream) = (VideoSpec::of(probed)?, probed.video.as_ref()?);
        let (width, height) = stream.display_size();
        let tall = (u64::from(PREVIEW_WIDTH_PX) * u64::from(height) / u64::from(width)) as u32;
        let spec = VideoSpec { width: PREVIEW_WIDTH_PX, height: (tall & !1).clamp(2, 4096), fps: own.fps.min(PREVIEW_MAX_FPS) };
        let seconds = stream.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
        let all = ((seconds * f64::from(spec.fps)).round() as u64).max(1);
        let wanted = PREVIEW_MS * u64::from(spec.fps) / 1000;
        let segment = |start_frame, frames| Segment { source: 0, start_frame, frames, transition: Transition::Cut };
        let segments = if all <= wanted {
            vec![segment(0, all)]
        } else {
            let frames = wanted / GLIMPSES.len() as u64;
            GLIMPSES.iter().map(|share| segment((all * share / 100).min(all - frames), frames)).collect()
        };
        Some(Self { spec, segments, seconds })
    }
}

fn to_rgb(pixels: &Pixels) -> RgbImage {
    RgbImage::from_fn(pixels.width, pixels.height, |x, y| {
        let at = (y as usize * pixels.width as usize + x as usize) * 4;
        Rgb([pixels.rgba[at], pixels.rgba[at + 1], pixels.rgba[at + 2]])
    })
}

fn write_jpeg(picture: &RgbImage, out: &Path) -> Result<(), Fault> {
    let io = |error: std::io::Error| Fault::io("write picture", out, &error);
    let mut file = BufWriter::new(File::create(out).map_err(io)?);
    let encoded = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(picture);
    encoded.map_err(|error| match error {
        image::ImageError::IoError(error) => io(error),
        error => Fault::new(Code::Unexpected, "write picture").with("path", out.display()).because(error),
    })?;
    file.flush().map_err(io)
}
