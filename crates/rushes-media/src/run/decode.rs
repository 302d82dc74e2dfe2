//! Files as samples and pixels, for what measures and pictures them.
//!
//! What does not live here: strict decoding that proves a file whole ([`crate::inspect`]).

use super::{Each, Ffmpeg, add_input};
use crate::probe::probe;
use rushes_core::{Cancel, Code, Fault};
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// A picture as pixels: RGBA, 8 bit, rows without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `width * height * 4` bytes.
    pub rgba: Vec<u8>,
}

/// The first sound of a file mixed to one channel, −1.0 to 1.0, at most `max_s` seconds. Empty when there is no sound.
///
/// Errors: those of [`Ffmpeg::run`].
pub fn decode_mono(path: &Path, rate_hz: u32, max_s: f64, cancel: &Cancel) -> Result<Vec<f32>, Fault> {
    decode_sound(path, rate_hz, 1, max_s, cancel)
}

/// The first sound of a file as two channels, left and right in turn, −1.0 to 1.0, at most `max_s` seconds. Empty when
/// there is no sound.
///
/// Errors: those of [`Ffmpeg::run`].
pub fn decode_stereo(path: &Path, rate_hz: u32, max_s: f64, cancel: &Cancel) -> Result<Vec<f32>, Fault> {
    decode_sound(path, rate_hz, 2, max_s, cancel)
}

fn decode_sound(path: &Path, rate_hz: u32, channels: usize, max_s: f64, cancel: &Cancel) -> Result<Vec<f32>, Fault> {
    let samples = (max_s.max(0.0) * f64::from(rate_hz)).ceil() as usize;
    // Starts at the file's zero: a track that begins later is preceded by silence, as it is heard.
    let filter = format!("aresample={rate_hz}:first_pts=0,atrim=end_sample={samples}");
    let (rate, count) = (rate_hz.to_string(), channels.to_string());
    let bytes = Ffmpeg::new("decode sound")
        .arg("-vn")
        .input(path)
        .args(["-map", "0:a:0", "-af", &filter, "-ac", &count, "-ar", &rate, "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"])
        .output(cancel, (samples + 1) * channels * 4);
    match bytes {
        Ok(bytes) => Ok(bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()),
        Err(fault) if fault.reason.as_ref().is_some_and(|reason| reason.contains("matches no streams")) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// Small gray frames (`width * height` bytes each, the whole picture squeezed into them, upright) at a constant rate,
/// for at most `max_s` seconds; `each` may break off. Returns how many there were.
///
/// Errors: those of [`Ffmpeg::run`], `media_tool` when there is no picture, and those of `each`.
pub fn decode_gray(path: &Path, (width, height): (u32, u32), fps: u32, max_s: f64, cancel: &Cancel, each: &mut Each) -> Result<u64, Fault> {
    let filter = format!("fps={fps}:start_time=0,scale={width}:{height}:flags=area,format=gray");
    let seconds = max_s.to_string();
    Ffmpeg::new("decode frames")
        .arg("-an")
        .input(path)
        .args(["-map", "0:V:0", "-vf", &filter, "-t", &seconds, "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"])
        .stream(cancel, width as usize * height as usize, each)
}

/// The frame shown at a time, upright, at full size.
///
/// Errors: `no_video` without a picture or beyond its end; those of [`probe`].
pub fn decode_rgba_frame(path: &Path, at: Duration, cancel: &Cancel) -> Result<Pixels, Fault> {
    let frame = decode_rgba_frames(path, &[at], None, cancel)?.pop();
    frame.ok_or_else(|| Fault::new(Code::NoVideo, "decode frame").because(format!("nothing is shown at {:.2} s", at.as_secs_f64())))
}

/// The frames shown at some times, upright, in one process; times beyond the end are left out. `width` scales them,
/// keeping the shape.
///
/// Errors: `no_video` without a picture; those of [`probe`].
pub fn decode_rgba_frames(path: &Path, at: &[Duration], width: Option<u32>, cancel: &Cancel) -> Result<Vec<Pixels>, Fault> {
    let probed = probe(path, cancel)?;
    let Some(video) = probed.video else {
        return Err(Fault::new(Code::NoVideo, "decode frame"));
    };
    let (full_width, full_height) = video.display_size();
    let width = width.unwrap_or(full_width).max(1);
    let height = if width == full_width { full_height } else { scale_side(full_height, width, full_width) };
    let mut args: Vec<OsString> = Vec::new();
    let mut graph = String::new();
    let matrix = video.matrix();
    for (index, time) in at.iter().enumerate() {
        let seek = format!("{:.6}", time.as_secs_f64());
        // One frame each: more threads would only cost their start.
        add_input(&mut args, &["-threads", "1", "-an", "-ss", &seek], path);
        graph.push_str(&format!(
            "[{index}:V:0]trim=end_frame=1,scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix={matrix},format=rgba,setsar=1[f{index}];"
        ));
    }
    for index in 0..at.len() {
        graph.push_str(&format!("[f{index}]"));
    }
    graph.push_str(&format!("concat=n={}[out]", at.len()));
    let piece = width as usize * height as usize * 4;
    let mut frames = Vec::with_capacity(at.len());
    Ffmpeg::new("decode frame")
        .args(args)
        .args(["-filter_complex", &graph, "-map", "[out]", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"])
        .stream(cancel, piece, &mut |rgba| {
            frames.push(Pixels { width, height, rgba: rgba.to_vec() });
            Ok(ControlFlow::Continue(()))
        })?;
    Ok(frames)
}

/// `side * to / from`, rounded, at least 1.
fn scale_side(side: u32, to: u32, from: u32) -> u32 {
    let scaled = (u64::from(side) * u64::from(to) + u64::from(from) / 2) / u64::from(from.max(1));
    u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
}
