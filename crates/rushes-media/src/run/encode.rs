//! The contract of every video we make, and the encoder that is fed frame by frame.
//!
//! The contract: mp4 with its index first; h264 yuv420p, bt709 limited range, even size, constant frame rate, square
//! pixels; aac 48 kHz stereo that is exactly as long as the picture (silent where there is no sound). Equal inputs
//! give equal bytes with the same ffmpeg: bitexact flags, no metadata, a fixed number of threads.
//!
//! What does not live here: cutting and joining ([`crate::edit`]).

use super::{Feed, Ffmpeg, add_input};
use crate::probe::{Probe, probe};
use rushes_core::{Cancel, Code, Fault};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;

/// The samples a second of all sound we make.
pub(crate) const SAMPLE_RATE_HZ: u32 = 48_000;

/// x264 decides by thread: another number gives other bytes, so it does not follow the machine.
const ENCODER_THREADS: &str = "4";

/// Width and height beyond which x264's level and common players end.
const MAX_SIDE_PX: u32 = 8192;

/// The picture format of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoSpec {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Frames a second, constant.
    pub fps: u32,
}

/// What an encoding is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// x264 `veryfast` with a coarser search for movement: what is asked for when nothing is said. Drawn films lose nothing
    /// one sees by it, and take a quarter less work.
    #[default]
    Draft,
    /// x264 `medium`: about a tenth smaller at the same look, at twice the time.
    Final,
}

impl Quality {
    fn args(self) -> &'static [&'static str] {
        match self {
            Self::Draft => &["-preset", "veryfast", "-x264-params", "subme=1", "-crf", "21.5"],
            Self::Final => &["-preset", "medium", "-crf", "22"],
        }
    }
}

impl VideoSpec {
    /// The format nearest to a file's own: even sides, its frame rate rounded (60 at most), or None without a picture.
    #[must_use]
    pub fn of(probe: &Probe) -> Option<Self> {
        let video = probe.video.as_ref()?;
        let (width, height) = video.display_size();
        let fps = video.fps.round().clamp(1.0, 60.0) as u32;
        Some(Self { width: (width & !1).max(2), height: (height & !1).max(2), fps })
    }

    /// Errors: `input_invalid` naming what is wrong.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let Self { width, height, fps } = *self;
        let is_size = |side: u32| side >= 2 && side.is_multiple_of(2) && side <= MAX_SIDE_PX;
        if is_size(width) && is_size(height) && (1..=240).contains(&fps) {
            return Ok(());
        }
        let why = format!("{width}×{height} at {fps} frames a second: sides must be even, 2 to {MAX_SIDE_PX}, frames 1 to 240");
        Err(Fault::new(Code::InputInvalid, "encode video").because(why))
    }

    /// Samples of sound in so many frames.
    #[must_use]
    pub fn samples(&self, frames: u64) -> u64 {
        (frames * u64::from(SAMPLE_RATE_HZ) + u64::from(self.fps) / 2) / u64::from(self.fps)
    }

    /// Bytes of one RGBA frame.
    #[must_use]
    pub(crate) fn rgba_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 4
    }
}

/// The arguments of every picture we encode.
#[must_use]
pub fn picture_args(spec: VideoSpec, quality: Quality) -> Vec<OsString> {
    let key_every = (spec.fps * 2).to_string();
    let fps = spec.fps.to_string();
    let args = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "high"];
    let more = ["-g", &key_every, "-r", &fps, "-fps_mode", "cfr", "-threads:v", ENCODER_THREADS, "-flags:v", "+bitexact"];
    let colour = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"];
    args.iter().chain(quality.args()).chain(&more).chain(&colour).map(OsString::from).collect()
}

/// The arguments of every sound we encode.
#[must_use]
pub fn sound_args() -> Vec<OsString> {
    ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-ac", "2", "-flags:a", "+bitexact"].map(OsString::from).to_vec()
}

/// The arguments that keep dates, versions and the sources' metadata out of a file.
#[must_use]
pub fn plain_args() -> Vec<OsString> {
    ["-fflags", "+bitexact", "-map_metadata", "-1", "-map_chapters", "-1"].map(OsString::from).to_vec()
}

/// The filter that turns any RGB picture into the contract's colours.
pub(crate) const RGB_TO_BT709: &str =
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p,setsar=1";

/// The filter chain that makes any sound as long as so many samples: resampled, padded with silence, cut.
#[must_use]
pub(crate) fn exact_sound(samples: u64) -> String {
    format!(
        "aresample={SAMPLE_RATE_HZ}:first_pts=0,aformat=sample_fmts=fltp:channel_layouts=stereo,apad,atrim=end_sample={samples},asetpts=N/SR/TB"
    )
}

/// The source chain of a silence of so many samples.
#[must_use]
pub(crate) fn silence(samples: u64) -> String {
    format!("anullsrc=r={SAMPLE_RATE_HZ}:cl=stereo,atrim=end_sample={samples}")
}

/// Encodes frames as they are drawn. Dropped before [`FrameEncoder::finish`], the process is killed and what it wrote
/// is not a video.
pub struct FrameEncoder {
    feed: Feed,
    frame_bytes: usize,
    frames: u64,
    written: u64,
}

impl FrameEncoder {
    /// Starts encoding exactly `frames` frames to `out` (mp4). `audio` is any file with sound; without one, or where
    /// that file has no sound, the track is silent.
    ///
    /// Errors: `input_invalid` for a format that cannot be encoded; those of [`probe`] for `audio`;
    /// `media_tool_missing`, `cancelled`.
    pub fn start(out: &Path, spec: VideoSpec, frames: u64, quality: Quality, audio: Option<&Path>, cancel: &Cancel) -> Result<Self, Fault> {
        spec.check()?;
        let size = format!("{}x{}", spec.width, spec.height);
        let rate = spec.fps.to_string();
        let audio = match audio {
            Some(file) if probe(file, cancel)?.audio.is_some() => Some(file),
            _ => None,
        };
        let mut inputs: Vec<OsString> = Vec::new();
        let raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", &size, "-framerate", &rate, "-i", "pipe:0"];
        inputs.extend(raw.iter().map(OsString::from));
        let samples = spec.samples(frames);
        let sound = match audio {
            Some(file) => {
                add_input(&mut inputs, &["-vn"], file);
                format!("[1:a:0]{}", exact_sound(samples))
            }
            None => silence(samples),
        };
        let graph = format!("[0:v]{RGB_TO_BT709}[v];{sound}[a]");
        let feed = Ffmpeg::new("encode frames")
            .args(inputs)
            .args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"])
            .args(picture_args(spec, quality))
            .args(sound_args())
            .args(plain_args())
            .args(["-movflags", "+faststart", "-f", "mp4"])
            .to(out)
            .feed(cancel)?;
        Ok(Self { feed, frame_bytes: spec.rgba_bytes(), frames, written: 0 })
    }

    /// Appends one frame: RGBA, 8 bit, sRGB, rows without padding; alpha is ignored.
    ///
    /// Errors: `input_invalid` for a wrong number of bytes or one frame too many; `media_tool`, `disk_full`,
    /// `cancelled`, `time_limit`.
    pub fn write_frame(&mut self, rgba: &[u8]) -> Result<(), Fault> {
        if rgba.len() != self.frame_bytes || self.written == self.frames {
            let why = format!("frame {} of {}, {} bytes of {}", self.written + 1, self.frames, rgba.len(), self.frame_bytes);
            return Err(Fault::new(Code::InputInvalid, "encode frames").because(why));
        }
        self.feed.push(rgba)?;
        self.written += 1;
        Ok(())
    }

    /// Ends the file; it is whole when this returns.
    ///
    /// Errors: `input_invalid` when frames are missing; those of [`Self::write_frame`].
    pub fn finish(self) -> Result<(), Fault> {
        if self.written != self.frames {
            let why = format!("{} of {} frames were written", self.written, self.frames);
            return Err(Fault::new(Code::InputInvalid, "encode frames").because(why));
        }
        self.feed.finish().map(drop)
    }
}
