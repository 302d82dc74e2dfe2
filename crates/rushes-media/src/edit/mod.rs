//! Edit lists, and the one ffmpeg process that turns one into all files wanted of it.
//!
//! [`EditList`] says which frames of which sources follow each other; [`Deliverables`] says which files are wanted;
//! [`render`] decodes only the needed segments, encodes each distinct picture once, each distinct sound once, and
//! writes every file from these same packets. The marked picture is drawn on the decoded frames, never on an encoded
//! remix.
//!
//! What does not live here: which cuts to make ([`crate::beat`]), and making sound ready ([`crate::loudness`]).

mod graph;
mod stickers;
#[cfg(test)]
mod tests;
mod transition;

use crate::probe::{Probe, probe};
use crate::run::encode::{Quality, VideoSpec, picture_args, plain_args, sound_args};
use crate::run::{Each, Ffmpeg, MEMORY_LIMIT_BYTES, add_input};
use graph::Graph;
pub(crate) use graph::fit;
use rushes_core::{Cancel, Code, Fault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stickers::Atlas;
pub use transition::Transition;

/// A segment costs an opened decoder; 3 s of remix have six, a long one fifty.
pub(crate) const MAX_SEGMENTS: usize = 200;

/// What each opened source adds to the address space: its frames and its threads' stacks and heaps.
const SEGMENT_BYTES: u64 = 128 << 20;

/// Sources run late by rounding; more than this much missing at the end of one is an error, in frames.
const GRACE_FRAMES: u64 = 1;

/// Frames that follow each other in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Which of the list's sources.
    pub source: usize,
    /// The first frame, counted at the list's frame rate from the source's beginning.
    pub start_frame: u64,
    /// How many frames, at the list's frame rate; at least 1.
    pub frames: u64,
    /// How it takes over from the segment before; the first one's does not matter.
    #[serde(default, skip_serializing_if = "Transition::is_cut")]
    pub transition: Transition,
}

/// What follows what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditList {
    /// Video files of any size, rate and rotation.
    pub sources: Vec<PathBuf>,
    /// In order of showing.
    pub segments: Vec<Segment>,
    /// The format of what comes out; sources of another shape are cropped a little or get bars.
    pub spec: VideoSpec,
}

impl EditList {
    /// Frames that come out.
    #[must_use]
    pub(crate) fn frames(&self) -> u64 {
        self.segments.iter().map(|segment| segment.frames).sum()
    }

    /// Length of what comes out, in milliseconds, rounded.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        let fps = u64::from(self.spec.fps.max(1));
        (self.frames() * 1000 + fps / 2) / fps
    }
}

/// Which picture a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Picture {
    /// As cut.
    Clean,
    /// With both stickers.
    Watermarked,
}

/// One file wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it is written (mp4).
    pub file: PathBuf,
    /// What it shows.
    pub picture: Picture,
    /// What it sounds like.
    pub sound: Sound,
}

/// What a file sounds like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sound {
    /// This file, cut or padded to the picture.
    File(PathBuf),
    /// A silent track.
    Silence,
    /// No track at all: for previews that play by themselves.
    NoTrack,
}

/// Two pictures with transparency, PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stickers {
    /// Bottom left, 36 % of the width.
    pub icon: PathBuf,
    /// Top right, 40 % of the width.
    pub name: PathBuf,
}

/// The versions of a remix, each where it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliverables {
    /// Clean picture, original sound.
    pub remix: Option<PathBuf>,
    /// Clean picture, music.
    pub scored: Option<PathBuf>,
    /// Marked picture, music (original sound where there is no music).
    pub watermarked: Option<PathBuf>,
    /// Marked picture where there are stickers, music.
    pub kpop: Option<PathBuf>,
    /// Marked picture where there are stickers, original sound.
    pub orig: Option<PathBuf>,
    /// The sources' own sound, mastered; None is silence.
    pub original_sound: Option<PathBuf>,
    /// The music, mastered.
    pub music: Option<PathBuf>,
    /// None leaves the picture unmarked everywhere.
    pub stickers: Option<Stickers>,
}

impl Deliverables {
    /// The files this comes to, in the order of the fields.
    ///
    /// Errors: `input_invalid` for a scored version without music or a marked one without stickers.
    pub(crate) fn outputs(&self) -> Result<Vec<Output>, Fault> {
        let lacks = |what: &str| Fault::new(Code::InputInvalid, "plan deliverables").because(format!("{what} is wanted but not given"));
        let original = self.original_sound.clone().map_or(Sound::Silence, Sound::File);
        let music = || self.music.clone().map(Sound::File).ok_or_else(|| lacks("music"));
        let marked = if self.stickers.is_some() { Picture::Watermarked } else { Picture::Clean };
        let mut outputs = Vec::new();
        let mut add = |file: &Path, picture, sound| outputs.push(Output { file: file.to_owned(), picture, sound });
        if let Some(file) = &self.remix {
            add(file, Picture::Clean, original.clone());
        }
        if let Some(file) = &self.scored {
            add(file, Picture::Clean, music()?);
        }
        if let Some(file) = &self.watermarked {
            if self.stickers.is_none() {
                return Err(lacks("a sticker"));
            }
            add(file, Picture::Watermarked, self.music.clone().map_or_else(|| original.clone(), Sound::File));
        }
        if let Some(file) = &self.kpop {
            add(file, marked, music()?);
        }
        if let Some(file) = &self.orig {
            add(file, marked, original);
        }
        Ok(outputs)
    }

    /// Renders them all in one process; see [`render`].
    pub fn render(
        &self,
        list: &EditList,
        quality: Quality,
        cancel: &Cancel,
        progress: &mut dyn FnMut(Duration),
    ) -> Result<Vec<PathBuf>, Fault> {
        render(list, &self.outputs()?, self.stickers.as_ref(), quality, cancel, progress)
    }
}

/// Makes all `outputs` of an edit list in one process and returns their files in the same order. Files that share a
/// picture hold the same video packets. `progress` is told the media time made so far, of `list.duration_ms()`.
///
/// Errors: `input_invalid` for lists that cannot be made (naming the segment), `no_video` and the `file_…` codes for
/// sources and stickers, `media_tool`, `disk_full`, `cancelled`, `time_limit`. After an error the files are not whole.
pub fn render(
    list: &EditList,
    outputs: &[Output],
    stickers: Option<&Stickers>,
    quality: Quality,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Duration),
) -> Result<Vec<PathBuf>, Fault> {
    if outputs.is_empty() {
        return Ok(Vec::new());
    }
    let probes = check(list, cancel)?;
    let is_marked = outputs.iter().any(|output| output.picture == Picture::Watermarked);
    let atlas = match stickers {
        Some(stickers) if is_marked => Some(Atlas::load(stickers, list.spec)?),
        None if is_marked => return Err(invalid("a marked picture is wanted, but no stickers are given")),
        _ => None,
    };
    let graph = Graph::compile(list, outputs, &probes, atlas.as_ref())?;
    let mut call = Ffmpeg::new("render edit")
        .memory_limit(MEMORY_LIMIT_BYTES + SEGMENT_BYTES * list.segments.len() as u64)
        .args(graph.inputs)
        .arg("-filter_complex")
        .arg(graph.filters);
    for label in &graph.pictures {
        call = call.arg("-map").arg(format!("[{label}]"));
    }
    for label in &graph.sounds {
        call = call.arg("-map").arg(format!("[{label}]"));
    }
    call = call.args(picture_args(list.spec, quality)).args(sound_args()).args(plain_args());
    call = call.args(["-f", "tee"]).arg(tee(outputs, &graph.streams));
    match atlas {
        Some(atlas) => call.run_fed(&atlas.rgba, cancel, progress)?,
        None => call.run(cancel, progress)?,
    };
    Ok(outputs.iter().map(|output| output.file.clone()).collect())
}

/// Shows `each` what a list comes to, without making it: small gray pictures (`width * height` bytes, all of the picture
/// squeezed into them), `looks` a second. Returns how many there were.
///
/// Errors: those of [`render`], and those of `each`.
pub(crate) fn look_at_cut(
    list: &EditList,
    (width, height): (u32, u32),
    looks: u32,
    cancel: &Cancel,
    each: &mut Each,
) -> Result<u64, Fault> {
    let probes = check(list, cancel)?;
    let graph = Graph::of_cut(list, &probes);
    let filters = format!("{};[cut]fps={looks}:start_time=0,scale={width}:{height}:flags=area,format=gray[small]", graph.filters);
    Ffmpeg::new("look at edit")
        .memory_limit(MEMORY_LIMIT_BYTES + SEGMENT_BYTES * list.segments.len() as u64)
        .args(graph.inputs)
        .args(["-filter_complex", &filters, "-map", "[small]", "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"])
        .stream(cancel, width as usize * height as usize, each)
}

/// Looks at the list and its sources; returns what the used ones declare.
fn check(list: &EditList, cancel: &Cancel) -> Result<BTreeMap<usize, Probe>, Fault> {
    list.spec.check()?;
    if list.segments.is_empty() || list.segments.len() > MAX_SEGMENTS {
        return Err(invalid(&format!("an edit has 1 to {MAX_SEGMENTS} segments, this one {}", list.segments.len())));
    }
    let mut probes = BTreeMap::new();
    for (index, segment) in list.segments.iter().enumerate() {
        let Some(path) = list.sources.get(segment.source) else {
            return Err(invalid(&format!("segment {index} names source {}, of {}", segment.source, list.sources.len())));
        };
        let probed = match probes.entry(segment.source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(probe(path, cancel)?),
        };
        let Some(video) = &probed.video else {
            return Err(Fault::new(Code::NoVideo, "render edit").with("path", path.display()));
        };
        let seconds = video.duration.max(probed.duration).unwrap_or_default().as_secs_f64();
        let there = (seconds * f64::from(list.spec.fps)).round() as u64;
        let end = segment.start_frame.saturating_add(segment.frames);
        if segment.frames == 0 || end > there + GRACE_FRAMES {
            let why = format!("segment {index} is frames {} to {end} of a source of {there}", segment.start_frame);
            return Err(invalid(&why).with("path", path.display()));
        }
    }
    Ok(probes)
}

fn invalid(why: &str) -> Fault {
    Fault::new(Code::InputInvalid, "render edit").because(why)
}

/// The tee muxer's list of files: each with the picture and the sound it takes.
fn tee(outputs: &[Output], streams: &[(usize, Option<usize>)]) -> OsString {
    let mut list = Vec::new();
    for (output, (picture, sound)) in outputs.iter().zip(streams) {
        if !list.is_empty() {
            list.push(b'|');
        }
        let select = sound.map_or_else(|| format!("v:{picture}"), |sound| format!("v:{picture},a:{sound}"));
        // The quotes are escaped once for the list and kept for the option.
        let options = format!(r"[f=mp4:movflags=+faststart:fflags=+bitexact:select=\'{select}\']file:");
        list.extend_from_slice(options.as_bytes());
        for byte in output.file.as_os_str().as_bytes() {
            if matches!(byte, b'\\' | b'\'' | b'|' | b' ' | b'\t' | b'\n' | b'\r') {
                list.push(b'\\');
            }
            list.push(*byte);
        }
    }
    OsString::from_vec(list)
}

/// Adds one segment's source, opened a little before its first frame; returns how many frames before.
fn add_segment(args: &mut Vec<OsString>, list: &EditList, segment: Segment) -> u64 {
    let fps = u64::from(list.spec.fps);
    // A quarter of a second: where frames come irregularly, the one that is still shown at the start is among these.
    let lead = segment.start_frame.min(fps.div_ceil(4));
    let at = |frame: u64| format!("{:.6}", frame as f64 / fps as f64);
    let (seek, length) = (at(segment.start_frame - lead), at(lead + segment.frames + fps.div_ceil(2)));
    // Many decoders are open at once, but one works at a time.
    add_input(args, &["-threads", "2", "-an", "-ss", &seek, "-t", &length], &list.sources[segment.source]);
    lead
}
