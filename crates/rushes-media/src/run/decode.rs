//! Files as samples and pixels, for what measures and pictures them.
//!
//! What does not live here: strict decoding that proves a file whole ([`crate::inspect`]).

use super::{Each, Ffmpeg, add_input};
use crate::probe::{VideoStream, probe};
use rushes_core::{Cancel, Code, Fault};
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// A picture as pixels: RGBA, 8 bit, rows without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
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
pub(crate) fn decode_mono(path: &Path, rate_hz: u32, max_s: f64, cancel: &Cancel) -> Result<Vec<f32>, Fault> {
    decode_sound(path, rate_hz, 1, max_s, cancel)
}

/// The first sound of a file as two channels, left and right in turn, −1.0 to 1.0, at most `max_s` seconds. Empty when
/// there is no sound.
///
/// Errors: those of [`Ffmpeg::run`].
pub(crate) fn decode_stereo(path: &Path, rate_hz: u32, max_s: f64, cancel: &Cancel) -> Result<Vec<f32>, Fault> {
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
pub(crate) fn decode_gray(
    path: &Path,
    (width, height): (u32, u32),
    fps: u32,
    max_s: f64,
    cancel: &Cancel,
    each: &mut Each,
) -> Result<u64, Fault> {
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
pub(crate) fn decode_rgba_frame(path: &Path, at: Duration, cancel: &Cancel) -> Result<Pixels, Fault> {
    let no_video = || Fault::new(Code::NoVideo, "decode frame").with("path", path.display());
    let video = probe(path, cancel)?.video.ok_or_else(no_video)?;
    let (width, height) = video.display_size();
    let mut args: Vec<OsString> = Vec::new();
    let seek = format!("{:.6}", at.as_secs_f64());
    // One frame: more threads would only cost their start.
    let mut options = vec!["-threads", "1", "-an"];
    // The first frame needs no seek, which would pass it by where a film begins before zero.
    if !at.is_zero() {
        options.extend(["-ss", &seek]);
    }
    add_input(&mut args, &options, path);
    let graph = format!("[0:V:0]trim=end_frame=1,{}[out]", to_rgba(&video, width, height));
    let mut found = None;
    stream_rgba(args, &graph, (width, height), cancel, &mut |frame| {
        found = Some(frame);
        Ok(())
    })?;
    found.ok_or_else(|| no_video().because(format!("nothing is shown at {:.2} s", at.as_secs_f64())))
}

/// Up to this long, reading all of a video once is quicker than seeking: keyframes may be many seconds apart.
const ONE_PASS_S: f64 = 120.0;

/// `count` frames spread evenly over a video, each near the middle of its share, upright, scaled to `width` keeping the
/// shape; for pictures of a video where the exact frame does not matter. Short videos may have fewer.
///
/// Errors: `no_video` without a picture; those of [`probe`] and of `each`.
pub(crate) fn decode_moments(
    path: &Path,
    count: u32,
    width: Option<u32>,
    cancel: &Cancel,
    each: &mut dyn FnMut(Pixels) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let probed = probe(path, cancel)?;
    let Some(video) = probed.video else {
        return Err(Fault::new(Code::NoVideo, "decode moments").with("path", path.display()));
    };
    let whole_s = video.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
    let (width, height) = scaled_size(&video, width);
    let to_rgba = to_rgba(&video, width, height);
    let mut args: Vec<OsString> = Vec::new();
    let mut graph = String::new();
    let share_s = whole_s / f64::from(count.max(1));
    if whole_s <= ONE_PASS_S {
        // What no other frame is made from is not even decoded; its neighbour will do.
        add_input(&mut args, &["-skip_frame", "noref", "-an"], path);
        // The frame before a moment is still shown then; a film of one frame has no other.
        let shown_s = 1.0 / video.fps.max(1.0);
        // Variable 0 counts the frames taken so far.
        graph.push_str(&format!(
            "[0:V:0]select='if(gte(t\\,(ld(0)+0.5)*{share_s:.6}-{shown_s:.6})\\,1+0*st(0\\,ld(0)+1)\\,0)',trim=end_frame={count},{to_rgba}[out]"
        ));
    } else {
        for index in 0..count {
            let seek = format!("{:.6}", share_s * (f64::from(index) + 0.5));
            add_input(&mut args, &["-threads", "1", "-an", "-skip_frame", "nokey", "-noaccurate_seek", "-ss", &seek], path);
            graph.push_str(&format!("[{index}:V:0]trim=end_frame=1,{to_rgba}[f{index}];"));
        }
        (0..count).for_each(|index| graph.push_str(&format!("[f{index}]")));
        graph.push_str(&format!("concat=n={count}[out]"));
    }
    stream_rgba(args, &graph, (width, height), cancel, each)
}

/// Runs a graph that ends in `[out]` and hands its frames on.
fn stream_rgba(
    args: Vec<OsString>,
    graph: &str,
    (width, height): (u32, u32),
    cancel: &Cancel,
    each: &mut dyn FnMut(Pixels) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    Ffmpeg::new("decode frames")
        .args(args)
        .args(["-filter_complex", graph, "-map", "[out]", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"])
        .stream(cancel, width as usize * height as usize * 4, &mut |rgba| {
            each(Pixels { width, height, rgba: rgba.to_vec() })?;
            Ok(ControlFlow::Continue(()))
        })
}

/// The filters that make a stream's frames RGBA of that size, by its own matrix.
pub(crate) fn to_rgba(video: &VideoStream, width: u32, height: u32) -> String {
    let tone_map = video.tone_map();
    let matrix = if video.is_hdr() { "bt709" } else { video.matrix() };
    format!("{tone_map}scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix={matrix},format=rgba,setsar=1")
}

/// A stream's own size, or that of the same shape at another width.
pub(crate) fn scaled_size(video: &VideoStream, width: Option<u32>) -> (u32, u32) {
    let (full_width, full_height) = video.display_size();
    let width = width.unwrap_or(full_width).max(1);
    let height = (u64::from(full_height) * u64::from(width) + u64::from(full_width) / 2) / u64::from(full_width.max(1));
    (width, u32::try_from(height.max(1)).unwrap_or(u32::MAX))
}
