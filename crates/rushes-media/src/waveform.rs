//! A picture of a file's sound: rounded bars, amber on paper.

use crate::run::decode::decode_mono;
use image::{ImageFormat, RgbaImage};
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Rect, Transform};

const WIDTH_PX: u32 = 1200;
const HEIGHT_PX: u32 = 240;
/// Left, right, above and below.
const MARGIN_PX: f32 = 12.0;
const BAR_PX: f32 = 4.0;
/// From one bar's beginning to the next's.
const STEP_PX: f32 = 6.0;
const PAPER: [u8; 3] = [0xfa, 0xf9, 0xf7];
const AMBER: [u8; 3] = [0xb4, 0x53, 0x09];
/// Enough to see where it is loud; highs count through their peaks.
const RATE_HZ: u32 = 16_000;
const MAX_S: f64 = 4.0 * 3600.0;

/// Writes a picture of the first sound of `sound` to `out` (PNG, 1200×240). Returns whether there is any: without a
/// sound nothing is written. Equal inputs give equal bytes.
///
/// Errors: those of [`decode_mono`]; `disk_full`, `io`.
pub fn write_waveform(sound: &Path, out: &Path, cancel: &Cancel) -> Result<bool, Fault> {
    let samples = decode_mono(sound, RATE_HZ, MAX_S, cancel)?;
    if samples.is_empty() {
        return Ok(false);
    }
    let picture = draw(&levels(&samples))?;
    let io = |error: std::io::Error| Fault::io("write waveform", out, &error);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|error| Fault::new(Code::Unexpected, "write waveform").because(error))?;
    let mut file = BufWriter::new(File::create(out).map_err(io)?);
    file.write_all(bytes.get_ref()).and_then(|()| file.flush()).map_err(io)?;
    Ok(true)
}

/// One level for each bar, 0.0 to 1.0, the loudest being 1.0: between mean and peak, so that beats show and single
/// clicks do not rule.
fn levels(samples: &[f32]) -> Vec<f32> {
    let bars = ((WIDTH_PX as f32 - 2.0 * MARGIN_PX) / STEP_PX) as usize;
    let mut levels: Vec<f32> = (0..bars)
        .map(|bar| {
            let (start, end) = (samples.len() * bar / bars, (samples.len() * (bar + 1) / bars).max(samples.len() * bar / bars + 1));
            let part = &samples[start..end.min(samples.len())];
            let peak = part.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            let mean = (part.iter().map(|sample| sample * sample).sum::<f32>() / part.len().max(1) as f32).sqrt();
            0.4 * peak + 0.6 * mean
        })
        .collect();
    let loudest = levels.iter().copied().fold(0.0, f32::max);
    // Below −60 dB all is silence, not something to be blown up.
    if loudest > 0.001 {
        levels.iter_mut().for_each(|level| *level = (*level / loudest).powf(0.8));
    } else {
        levels.fill(0.0);
    }
    levels
}

fn draw(levels: &[f32]) -> Result<RgbaImage, Fault> {
    let fail = || Fault::new(Code::Unexpected, "draw waveform");
    let mut picture = Pixmap::new(WIDTH_PX, HEIGHT_PX).ok_or_else(fail)?;
    picture.fill(Color::from_rgba8(PAPER[0], PAPER[1], PAPER[2], 255));
    let mut bars = PathBuilder::new();
    let middle = HEIGHT_PX as f32 / 2.0;
    let radius = BAR_PX / 2.0;
    for (index, level) in levels.iter().enumerate() {
        let reach = (level * (middle - MARGIN_PX)).max(radius);
        let left = MARGIN_PX + index as f32 * STEP_PX;
        // A bar is its body and two round ends; where nothing sounds, a dot remains.
        if let Some(body) = Rect::from_ltrb(left, middle - reach + radius, left + BAR_PX, middle + reach - radius) {
            bars.push_rect(body);
        }
        bars.push_circle(left + radius, middle - reach + radius, radius);
        bars.push_circle(left + radius, middle + reach - radius, radius);
    }
    let mut paint = Paint::default();
    paint.set_color_rgba8(AMBER[0], AMBER[1], AMBER[2], 255);
    picture.fill_path(&bars.finish().ok_or_else(fail)?, &paint, FillRule::Winding, Transform::identity(), None);
    // Opaque everywhere, so premultiplied and plain are the same.
    RgbaImage::from_raw(WIDTH_PX, HEIGHT_PX, picture.take()).ok_or_else(fail)
}
