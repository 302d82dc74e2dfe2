//! The filter graph of an edit: from opened segments to each distinct picture and each distinct sound.

use super::transition::Touch;
use super::{EditList, Output, Picture, Sound, add_segment};
use crate::edit::stickers::Atlas;
use crate::probe::{Probe, VideoStream};
use crate::run::add_input;
use crate::run::encode::{VideoSpec, exact_sound, silence};
use rushes_core::Fault;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;

/// How much of a picture may be cropped away before bars are better.
const MAX_CROPPED: f64 = 0.12;

/// What is handed to ffmpeg, and which file takes which of its streams.
pub(super) struct Graph {
    pub(super) inputs: Vec<OsString>,
    pub(super) filters: String,
    /// Labels, in the order they are mapped.
    pub(super) pictures: Vec<&'static str>,
    /// Labels, in the order they are mapped.
    pub(super) sounds: Vec<String>,
    /// For each output: its picture, its sound.
    pub(super) streams: Vec<(usize, Option<usize>)>,
}

impl Graph {
    /// Compiles a checked list.
    pub(super) fn compile(
        list: &EditList,
        outputs: &[Output],
        probes: &BTreeMap<usize, Probe>,
        atlas: Option<&Atlas>,
    ) -> Result<Self, Fault> {
        let mut graph = Self::of_cut(list, probes);
        graph.add_pictures(list, outputs, atlas);
        graph.add_sounds(list, outputs, list.segments.len() + usize::from(atlas.is_some()));
        Ok(graph)
    }

    /// Only the cut itself: ends in `[cut]`.
    pub(super) fn of_cut(list: &EditList, probes: &BTreeMap<usize, Probe>) -> Self {
        let mut graph = Self { inputs: Vec::new(), filters: String::new(), pictures: Vec::new(), sounds: Vec::new(), streams: Vec::new() };
        graph.add_segments(list, probes);
        graph
    }

    fn add(&mut self, chain: std::fmt::Arguments) {
        if !self.filters.is_empty() {
            self.filters.push(';');
        }
        // Writing to a String cannot fail.
        self.filters.write_fmt(chain).ok();
    }

    /// Opens, cuts, fits and joins the segments: ends in `[cut]`.
    fn add_segments(&mut self, list: &EditList, probes: &BTreeMap<usize, Probe>) {
        let spec = list.spec;
        let fps = spec.fps;
        for (index, segment) in list.segments.iter().enumerate() {
            let lead = add_segment(&mut self.inputs, list, *segment);
            let start = lead as f64 / f64::from(fps);
            let frames = segment.frames;
            let fit = probes.get(&segment.source).and_then(|probe| probe.video.as_ref()).map(|video| fit(video, spec)).unwrap_or_default();
            // The rate comes first, so that frames nobody sees are not scaled; the last frame stands in for the few
            // that rounding may lack.
            let touched = touched(list, index);
            let out = if touched.is_empty() { "s" } else { "plain" };
            self.add(format_args!(
                "[{index}:V:0]fps=fps={fps}:start_time={start:.6}:round=near,tpad=stop_mode=clone:stop={frames},trim=end_frame={frames},setpts=PTS-STARTPTS,{fit}format=yuv420p,setsar=1[{out}{index}]"
            ));
            self.touch(index, frames, &touched, spec);
        }
        let mut all = String::new();
        for index in 0..list.segments.len() {
            write!(all, "[s{index}]").ok();
        }
        // Single frames tell no duration, so the times are counted anew.
        self.add(format_args!("{all}concat=n={}:v=1:a=0,setpts=N/({fps}*TB)[cut]", list.segments.len()));
    }

    /// Takes the frames that a transition touches out of a segment, each to its own filters, and joins all again; the
    /// others pass as they are.
    fn touch(&mut self, index: usize, frames: u64, touched: &BTreeMap<u64, Touch>, spec: VideoSpec) {
        if touched.is_empty() {
            return;
        }
        let mut pieces: Vec<(u64, u64, String)> = Vec::new();
        let mut next = 0;
        for (frame, touch) in touched {
            if *frame > next {
                pieces.push((next, *frame, String::new()));
            }
            pieces.push((*frame, frame + 1, touch.filters(spec)));
            next = frame + 1;
        }
        if next < frames {
            pieces.push((next, frames, String::new()));
        }
        let (mut ways, mut ends) = (String::new(), String::new());
        for piece in 0..pieces.len() {
            write!(ways, "[p{index}_{piece}]").ok();
            write!(ends, "[q{index}_{piece}]").ok();
        }
        self.add(format_args!("[plain{index}]split={}{ways}", pieces.len()));
        for (piece, (from, to, filters)) in pieces.iter().enumerate() {
            self.add(format_args!(
                "[p{index}_{piece}]trim=start_frame={from}:end_frame={to},setpts=PTS-STARTPTS{filters},setsar=1[q{index}_{piece}]"
            ));
        }
        self.add(format_args!("{ends}concat=n={}:v=1:a=0,setpts=N/({}*TB)[s{index}]", pieces.len(), spec.fps));
    }

    /// Each distinct picture once.
    fn add_pictures(&mut self, list: &EditList, outputs: &[Output], atlas: Option<&Atlas>) {
        let is_clean = outputs.iter().any(|output| output.picture == Picture::Clean);
        let Some(atlas) = atlas else {
            self.add(format_args!("[cut]null[clean]"));
            self.pictures = vec!["clean"];
            return;
        };
        let input = list.segments.len();
        let (size, raw) = (format!("{}x{}", atlas.width, atlas.height), "rawvideo");
        let raw = ["-f", raw, "-pix_fmt", "rgba", "-video_size", &size, "-i", "pipe:0"];
        self.inputs.extend(raw.iter().map(OsString::from));
        self.add(format_args!("[{input}:v]split[atlas0][atlas1]"));
        for (index, sticker) in [&atlas.icon, &atlas.name].into_iter().enumerate() {
            let (width, height, top) = (sticker.width, sticker.height, sticker.atlas_y);
            self.add(format_args!(
                "[atlas{index}]crop={width}:{height}:0:{top},scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuva420p[sticker{index}]"
            ));
        }
        let bare = if is_clean {
            self.add(format_args!("[cut]split[clean][bare]"));
            "bare"
        } else {
            "cut"
        };
        let (icon, name) = (&atlas.icon, &atlas.name);
        self.add(format_args!("[{bare}][sticker0]overlay={}:{}:format=yuv420:eof_action=repeat[half]", icon.x, icon.y));
        self.add(format_args!("[half][sticker1]overlay={}:{}:format=yuv420:eof_action=repeat[marked]", name.x, name.y));
        self.pictures = if is_clean { vec!["clean", "marked"] } else { vec!["marked"] };
    }

    /// Each distinct sound once, and who takes what.
    fn add_sounds(&mut self, list: &EditList, outputs: &[Output], mut input: usize) {
        let samples = list.spec.samples(list.frames());
        let mut known: BTreeMap<&Sound, usize> = BTreeMap::new();
        for output in outputs {
            let picture = usize::from(output.picture == Picture::Watermarked && self.pictures.len() == 2);
            let sound = match (&output.sound, known.get(&output.sound)) {
                (Sound::NoTrack, _) => None,
                (_, Some(index)) => Some(*index),
                (sound, None) => {
                    let index = known.len();
                    known.insert(sound, index);
                    if let Sound::File(path) = sound {
                        add_input(&mut self.inputs, &["-vn"], path);
                        self.add(format_args!("[{input}:a:0]{}[sound{index}]", exact_sound(samples)));
                        input += 1;
                    } else {
                        self.add(format_args!("{}[sound{index}]", silence(samples)));
                    }
                    self.sounds.push(format!("sound{index}"));
                    Some(index)
                }
            };
            self.streams.push((picture, sound));
        }
    }
}

/// Which frames of a segment a transition touches, and how: the first ones by its own, the last ones by the next one's.
/// A segment too short for both keeps what lies nearest to the cuts.
fn touched(list: &EditList, index: usize) -> BTreeMap<u64, Touch> {
    let (segment, fps) = (list.segments[index], list.spec.fps);
    let mut touched = BTreeMap::new();
    if let Some(next) = list.segments.get(index + 1) {
        let touches = next.transition.before(fps);
        let first = segment.frames as i64 - touches.len() as i64;
        let own = (0..).zip(touches).filter_map(|(k, touch)| Some((u64::try_from(first + k).ok()?, touch)));
        touched.extend(own);
    }
    if index > 0 {
        touched.extend((0..segment.frames).zip(segment.transition.after(fps)));
    }
    touched
}

/// The filters that bring a source to the format, each with its comma; none where it is there already.
pub(crate) fn fit(video: &VideoStream, spec: VideoSpec) -> String {
    let mut filters = String::new();
    filters.push_str(&video.tone_map());
    let matrix = video.matrix();
    let is_right_colour = video.is_hdr() || (matrix == "bt709" && video.color_range != "pc" && video.pix_fmt == "yuv420p");
    let (width, height) = (spec.width, spec.height);
    let is_right_size = video.display_size() == (width, height) && video.pixel_aspect.0 == video.pixel_aspect.1;
    if is_right_colour && is_right_size {
        return filters;
    }
    let (from_width, from_height) = video.display_size();
    let shape = f64::from(from_width) / f64::from(from_height) * f64::from(height) / f64::from(width);
    let is_cropped = shape.min(1.0 / shape) >= 1.0 - MAX_CROPPED;
    // Sizes are computed here, from square pixels: ffmpeg's own would ignore the pixels' shape.
    let grow =
        if (shape > 1.0) == is_cropped { f64::from(height) / f64::from(from_height) } else { f64::from(width) / f64::from(from_width) };
    let side = |from: u32, limit: u32| {
        let even = (f64::from(from) * grow / 2.0).round() as u32 * 2;
        if is_cropped { even.max(limit) } else { even.clamp(2, limit) }
    };
    let (to_width, to_height) = (side(from_width, width), side(from_height, height));
    let colour = if video.is_hdr() { String::new() } else { format!(":in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv") };
    write!(filters, "scale={to_width}:{to_height}:flags=bicubic+accurate_rnd{colour},").ok();
    if is_cropped {
        write!(filters, "crop={width}:{height},").ok();
    } else {
        write!(filters, "format=yuv420p,pad={width}:{height}:-1:-1,").ok();
    }
    filters
}
