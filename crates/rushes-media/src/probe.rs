//! What a video or sound file says about itself, by ffprobe.
//!
//! What does not live here: whether that is true ([`crate::inspect`] decodes), and pictures (crate `image`).

use crate::run::Ffprobe;
use rushes_core::{Cancel, Code, Fault, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// A file's description of itself can be this long; ours take 3 KB, 16 streams take 40.
const MAX_JSON_BYTES: usize = 1 << 20;

/// Wall time of a look at what a file declares; ffprobe reads at most five seconds of media.
const STRANGER_LIMIT: Duration = Duration::from_secs(60);

/// What a file declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// ffmpeg's name of the demuxer: `mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`, `wav`, `flac`, `mp3`.
    pub container: String,
    /// The whole file's.
    pub duration: Option<Duration>,
    /// All streams, of whatever kind.
    pub streams: usize,
    /// The names of the codecs of pictures, sounds and subtitles, empty where ffmpeg knows none; data and attachments are
    /// never decoded.
    pub codecs: Vec<String>,
    /// The first moving picture; cover pictures are none.
    pub video: Option<VideoStream>,
    /// The first sound.
    pub audio: Option<AudioStream>,
}

/// A moving picture as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoStream {
    /// `h264`, `hevc`, …
    pub codec: String,
    /// Pixels, upright (after rotation metadata).
    pub width: u32,
    /// Pixels, upright (after rotation metadata).
    pub height: u32,
    /// How far it is turned for showing, clockwise: 0, 90, 180 or 270 degrees.
    pub rotation_deg: u32,
    /// Width to height of one pixel, upright; 1:1 when not said.
    pub pixel_aspect: (u32, u32),
    /// `yuv420p`, …
    pub pix_fmt: String,
    /// Frames a second, on average.
    pub fps: f64,
    /// How many frames there are, where the container counts them.
    pub frames: Option<u64>,
    /// Its own duration, where the container says it.
    pub duration: Option<Duration>,
    /// The matrix from which RGB is made: `bt709`, `smpte170m`, …; empty when not said.
    pub color_space: String,
    /// The transfer curve: `bt709`, `smpte2084`, …; empty when not said.
    pub color_transfer: String,
    /// `tv`, `pc`, or empty when not said.
    pub color_range: String,
}

/// A sound as declared.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioStream {
    /// `aac`, `mp3`, …
    pub codec: String,
    /// Samples a second.
    pub rate_hz: u32,
    /// 1 mono, 2 stereo, …
    pub channels: u32,
    /// Its own duration, where the container says it.
    pub duration: Option<Duration>,
}

impl VideoStream {
    /// Width and height with square pixels, upright.
    #[must_use]
    pub(crate) fn display_size(&self) -> (u32, u32) {
        let (across, down) = self.pixel_aspect;
        let down = u64::from(down.max(1));
        // To the nearest: pixels that are square but for a rounding must not cost a column.
        let width = (u64::from(self.width) * u64::from(across) + down / 2) / down;
        (u32::try_from(width).unwrap_or(u32::MAX).max(1), self.height)
    }

    /// Its matrix as the scaler names it. Files that do not say follow custom: bt709 from 720 lines on, else bt601.
    #[must_use]
    pub(crate) fn matrix(&self) -> &'static str {
        match self.color_space.as_str() {
            "bt709" => "bt709",
            "bt2020nc" | "bt2020c" => "bt2020",
            "smpte240m" => "smpte240m",
            "bt470bg" | "smpte170m" => "bt601",
            _ if self.width.min(self.height) >= 720 => "bt709",
            _ => "bt601",
        }
    }

    /// The filters, each with its comma, that bring high dynamic range to bt709, limited range, 8 bit; none where there is
    /// nothing to bring. What the file does not say of itself is what such films are made with.
    #[must_use]
    pub(crate) fn tone_map(&self) -> String {
        if !self.is_hdr() {
            return String::new();
        }
        let (transfer, range) = (&self.color_transfer, if self.color_range == "pc" { "full" } else { "limited" });
        let matrix = match self.color_space.as_str() {
            said @ ("bt709" | "bt2020nc" | "bt2020c" | "smpte170m" | "bt470bg") => said,
            _ => "bt2020nc",
        };
        format!(
            "zscale=tin={transfer}:pin=bt2020:min={matrix}:rin={range}:p=bt2020:m=bt2020nc:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p,"
        )
    }

    /// Whether brightness follows one of the high-dynamic-range curves.
    #[must_use]
    pub(crate) fn is_hdr(&self) -> bool {
        matches!(self.color_transfer.as_str(), "smpte2084" | "arib-std-b67")
    }
}

/// Reads a video or sound file's own description; nothing but this one file is opened, whatever its content says.
///
/// Errors: `file_missing`, `file_empty`, `file_forbidden` (playlists, scripts and formats that are not accepted),
/// `file_truncated`, `file_corrupt`; `media_tool_missing`, `cancelled`, `time_limit`.
pub fn probe(path: &Path, cancel: &Cancel) -> Result<Probe, Fault> {
    let operation = "probe file";
    let meta = std::fs::metadata(path).map_err(|error| Fault::io(operation, path, &error))?;
    if meta.len() == 0 {
        return Err(Fault::new(Code::FileEmpty, operation).with("path", path.display()));
    }
    // Every step asks about the files it is given, and most have been asked about before.
    let key = Key::of(&meta);
    if let Some(found) = known().iter().find(|(known, _)| *known == key) {
        return Ok(found.1.clone());
    }
    let probe = read(path, Ffprobe::new(operation), cancel)?;
    let mut known = known();
    known.truncate(KNOWN_MAX - 1);
    known.push_front((key, probe.clone()));
    Ok(probe)
}

/// Probes remembered at most.
const KNOWN_MAX: usize = 128;

/// One file's bytes, as the system tells them apart without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    inode: (u64, u64),
    size_bytes: u64,
    modified: (i64, i64),
}

impl Key {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self { inode: (meta.dev(), meta.ino()), size_bytes: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) }
    }
}

fn known() -> MutexGuard<'static, VecDeque<(Key, Probe)>> {
    static KNOWN: Mutex<VecDeque<(Key, Probe)>> = Mutex::new(VecDeque::new());
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`probe`], for a file nobody has looked at yet: in little memory and little time.
pub(crate) fn probe_stranger(path: &Path, cancel: &Cancel) -> Result<Probe, Fault> {
    let pixels = crate::inspect::MAX_VIDEO_PIXELS.max(crate::inspect::MAX_PICTURE_PIXELS).to_string();
    let call = Ffprobe::new("probe file").on_a_stranger().time_limit(STRANGER_LIMIT).args(["-threads", "1", "-max_pixels", &pixels]);
    read(path, call, cancel)
}

fn read(path: &Path, call: Ffprobe, cancel: &Cancel) -> Result<Probe, Fault> {
    let json = call
        .args(["-of", "json", "-show_format", "-show_streams"])
        .input(path)
        .output(cancel, MAX_JSON_BYTES)
        .map_err(|fault| blame_file(fault, path))?;
    let raw: Raw = serde_json::from_slice(&json)
        .map_err(|error| Fault::new(Code::FileCorrupt, "probe file").with("path", path.display()).because(error))?;
    Ok(raw.read())
}

/// Turns what ffmpeg says of an input into a fault of the file: `media_tool` becomes a `file_…` code.
pub(crate) fn blame_file(fault: Fault, path: &Path) -> Fault {
    if fault.code == Code::TimeLimit {
        // Longer on the same file is no likelier the next time.
        return fault.with("path", path.display()).verdict(Verdict::Permanent);
    }
    if fault.code != Code::MediaTool {
        return fault;
    }
    let said = fault.reason.unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let code = if is(&["not on whitelist"]) {
        Code::FileForbidden
    } else if is(&["moov atom not found", "partial file", "prematurely", "End of file", "after EOF"]) {
        Code::FileTruncated
    } else if is(&["No such file"]) {
        Code::FileMissing
    } else if is(&["stood still", "Cannot allocate memory", "Resource temporarily unavailable", "get_buffer() failed"]) {
        let limit = crate::run::STRANGER_MEMORY_BYTES >> 20;
        let why = format!("reading it takes more than {limit} MB of memory ({said})");
        return Fault::new(Code::FileTooLarge, fault.operation).with("path", path.display()).because(why);
    } else if is(&["exceeds specified max pixel count", "Too many channels"]) {
        Code::FileTooLarge
    } else {
        Code::FileCorrupt
    };
    Fault::new(code, fault.operation).with("path", path.display()).because(said)
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    streams: Vec<RawStream>,
    #[serde(default)]
    format: RawFormat,
}

#[derive(Deserialize, Default)]
struct RawFormat {
    #[serde(default)]
    format_name: String,
    duration: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawStream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    sample_aspect_ratio: String,
    pix_fmt: String,
    color_space: String,
    color_transfer: String,
    color_range: String,
    avg_frame_rate: String,
    r_frame_rate: String,
    nb_frames: Option<String>,
    duration: Option<String>,
    sample_rate: Option<String>,
    channels: u32,
    disposition: BTreeMap<String, i64>,
    tags: BTreeMap<String, serde_json::Value>,
    side_data_list: Vec<BTreeMap<String, serde_json::Value>>,
}

impl Raw {
    fn read(self) -> Probe {
        let is_picture =
            |stream: &&RawStream| stream.codec_type == "video" && stream.disposition.get("attached_pic") != Some(&1) && stream.width > 0;
        Probe {
            duration: seconds(self.format.duration.as_deref()),
            streams: self.streams.len(),
            codecs: self.streams.iter().filter(|stream| stream.is_decoded()).map(|stream| stream.codec_name.clone()).collect(),
            video: self.streams.iter().find(is_picture).map(RawStream::read_video),
            audio: self.streams.iter().find(|stream| stream.codec_type == "audio").map(RawStream::read_audio),
            container: self.format.format_name,
        }
    }
}

impl RawStream {
    fn is_decoded(&self) -> bool {
        matches!(self.codec_type.as_str(), "video" | "audio" | "subtitle")
    }

    fn read_video(&self) -> VideoStream {
        let rotation_deg = self.rotation_deg();
        let mut pixel_aspect = ratio(&self.sample_aspect_ratio, ':').unwrap_or((1, 1));
        let mut size = (self.width, self.height);
        if rotation_deg % 180 == 90 {
            size = (size.1, size.0);
            pixel_aspect = (pixel_aspect.1, pixel_aspect.0);
        }
        let rate = ratio(&self.avg_frame_rate, '/').or_else(|| ratio(&self.r_frame_rate, '/'));
        let unless_unknown = |text: &String| if text == "unknown" { String::new() } else { text.clone() };
        VideoStream {
            codec: self.codec_name.clone(),
            width: size.0,
            height: size.1,
            rotation_deg,
            pixel_aspect,
            pix_fmt: self.pix_fmt.clone(),
            fps: rate.map_or(0.0, |(frames, seconds)| f64::from(frames) / f64::from(seconds)),
            frames: self.nb_frames.as_deref().and_then(|text| text.parse().ok()),
            duration: self.own_duration(),
            color_space: unless_unknown(&self.color_space),
            color_transfer: unless_unknown(&self.color_transfer),
            color_range: unless_unknown(&self.color_range),
        }
    }

    fn read_audio(&self) -> AudioStream {
        AudioStream {
            codec: self.codec_name.clone(),
            rate_hz: self.sample_rate.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0),
            channels: self.channels,
            duration: self.own_duration(),
        }
    }

    /// The stream's duration; Matroska keeps it in a tag, as `00:00:02.000000000`.
    fn own_duration(&self) -> Option<Duration> {
        seconds(self.duration.as_deref()).or_else(|| {
            let mut parts = self.tags.get("DURATION")?.as_str()?.splitn(3, ':');
            let hours: f64 = parts.next()?.parse().ok()?;
            let minutes: f64 = parts.next()?.parse().ok()?;
            let rest: f64 = parts.next()?.parse().ok()?;
            Duration::try_from_secs_f64(hours * 3600.0 + minutes * 60.0 + rest).ok()
        })
    }

    /// ffprobe counts anticlockwise and in both signs.
    fn rotation_deg(&self) -> u32 {
        let turned = self.side_data_list.iter().find_map(|data| data.get("rotation")?.as_f64());
        let clockwise = -turned.unwrap_or(0.0);
        ((clockwise / 90.0).round() as i32).rem_euclid(4) as u32 * 90
    }
}

/// `30000/1001` as two positive numbers.
fn ratio(text: &str, separator: char) -> Option<(u32, u32)> {
    let (above, below) = text.split_once(separator)?;
    let (above, below) = (above.parse().ok()?, below.parse().ok()?);
    (above > 0 && below > 0).then_some((above, below))
}

fn seconds(text: Option<&str>) -> Option<Duration> {
    Duration::try_from_secs_f64(text?.parse().ok()?).ok()
}
