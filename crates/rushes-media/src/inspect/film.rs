//! Moving pictures and sound: is the container as long as it says, does it stay within the limits, and does all of it
//! decode without a single error.

use super::sniff::{Container, missing_boxes, missing_riff_bytes};
use super::{MAX_DURATION_S, MAX_FPS, MAX_STREAMS, MAX_VIDEO_SIDE_PX, refuse};
use crate::probe::{Probe, blame_file, probe};
use crate::run::{Ffmpeg, Reached};
use rushes_core::inspect::MediaInfo;
use rushes_core::{Cancel, Code, Fault};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The decoders that may be started; the many others are old, rare and less looked after.
const CODECS: &[&str] = &[
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "av1",
    "mpeg4",
    "h263",
    "mjpeg",
    "png",
    "prores",
    "aac",
    "mp3",
    "opus",
    "vorbis",
    "flac",
    "alac",
    "ac3",
    "eac3",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_f32le",
    "pcm_f64le",
    "pcm_u8",
    "pcm_mulaw",
    "pcm_alaw",
    "mov_text",
    "subrip",
    "ass",
    "webvtt",
    "bin_data",
    "",
];

/// Less than was declared by more than this, and something is missing. Encoders' delay and edit lists explain less.
const SLACK_S: f64 = 0.5;

pub(super) fn inspect(path: &Path, container: Container, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    let missing = missing_bytes(path, container).map_err(|error| Fault::io("inspect file", path, &error))?;
    if missing > 0 {
        return Err(refuse(Code::FileTruncated, path, format!("it lacks {missing} of the bytes it declares")));
    }
    let probed = probe(path, cancel)?;
    check_limits(path, &probed)?;
    let reached = decode(path, &probed, cancel)?;
    check_length(path, &probed, &reached)?;
    let (mime, extension) = container.names(probed.video.is_some());
    let video = probed.video.as_ref();
    Ok(MediaInfo {
        mime: mime.into(),
        extension: extension.into(),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        duration_ms: Some(u64::try_from(probed.duration.unwrap_or(reached.time).as_millis()).unwrap_or(u64::MAX)),
        fps: video.map(|video| video.fps),
        has_audio: probed.audio.is_some(),
    })
}

/// Before any frame is decoded.
fn check_limits(path: &Path, probed: &Probe) -> Result<(), Fault> {
    let too_large = |why: String| Err(refuse(Code::FileTooLarge, path, why));
    if probed.streams > MAX_STREAMS {
        return too_large(format!("{} streams, of {MAX_STREAMS}", probed.streams));
    }
    let seconds = probed.duration.unwrap_or_default().as_secs();
    if seconds > MAX_DURATION_S {
        return too_large(format!("{seconds} s long, of {MAX_DURATION_S}"));
    }
    if let Some(video) = &probed.video {
        if video.width.max(video.height) > MAX_VIDEO_SIDE_PX {
            return too_large(format!("{}×{} pixels, of {MAX_VIDEO_SIDE_PX} a side", video.width, video.height));
        }
        if video.fps > MAX_FPS {
            return too_large(format!("{:.0} frames a second, of {MAX_FPS}", video.fps));
        }
    }
    if let Some(codec) = probed.codecs.iter().find(|codec| !CODECS.contains(&codec.as_str())) {
        return Err(refuse(Code::FileForbidden, path, format!("it holds {codec}, which is not decoded here")));
    }
    if probed.video.is_none() && probed.audio.is_none() {
        return Err(refuse(Code::FileCorrupt, path, "it holds neither picture nor sound"));
    }
    Ok(())
}

/// One strict pass over picture and sound.
fn decode(path: &Path, probed: &Probe, cancel: &Cancel) -> Result<Reached, Fault> {
    let strict = ["-xerror", "-err_detect", "crccheck+explode"];
    let reached = plan(path, probed, &strict).run(cancel, &mut |_| {}).map_err(|fault| {
        let fault = blame_file(fault, path);
        if fault.code == Code::FileCorrupt && is_cut(path, probed, cancel) { Fault { code: Code::FileTruncated, ..fault } } else { fault }
    })?;
    // Some decoders mend what is damaged, say so, and count it as success.
    let is_mended =
        ["error while decoding", "concealing", "Invalid data", "corrupt", "Truncat"].iter().any(|word| reached.messages.contains(word));
    if is_mended {
        return Err(refuse(Code::FileCorrupt, path, reached.messages));
    }
    Ok(reached)
}

/// Whether a damaged file is one that ends too early: read on over all errors, and see how far that goes.
fn is_cut(path: &Path, probed: &Probe, cancel: &Cancel) -> bool {
    let lenient = plan(path, probed, &[]).run(cancel, &mut |_| {});
    lenient.is_ok_and(|reached| check_length(path, probed, &reached).is_err())
}

/// Decodes the picture and all sound, and throws the result away.
fn plan(path: &Path, probed: &Probe, options: &[&str]) -> Ffmpeg {
    let mut call = Ffmpeg::new("inspect file").args(options).args(["-threads", "0"]).input(path);
    if probed.video.is_some() {
        call = call.args(["-map", "0:V:0", "-fps_mode", "passthrough"]);
    }
    if probed.audio.is_some() {
        call = call.args(["-map", "0:a"]);
    }
    call.args(["-f", "null", "-"])
}

/// Compares what came out with what was declared.
fn check_length(path: &Path, probed: &Probe, reached: &Reached) -> Result<(), Fault> {
    if let Some(video) = &probed.video {
        let declared = video.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
        let frames = video.frames.map_or(declared * video.fps, |frames| frames as f64);
        if reached.frames == 0 {
            return Err(refuse(Code::FileTruncated, path, "not one frame decodes"));
        }
        // Where frames come irregularly and are not counted, only time tells.
        let is_short = video.frames.is_some() && (reached.frames as f64) < frames - (video.fps * SLACK_S).max(1.0);
        if is_short {
            return Err(refuse(Code::FileTruncated, path, format!("{} of {frames} frames decode", reached.frames)));
        }
    }
    let declared = probed.duration.unwrap_or_default();
    if reached.time + Duration::from_secs_f64(SLACK_S) < declared {
        let (found, said) = (reached.time.as_secs_f64(), declared.as_secs_f64());
        return Err(refuse(Code::FileTruncated, path, format!("{found:.1} of {said:.1} s decode")));
    }
    Ok(())
}

/// How many of the bytes its outermost parts declare are not there; ffmpeg reads over this.
fn missing_bytes(path: &Path, container: Container) -> io::Result<u64> {
    let mut file = File::open(path)?;
    match container {
        Container::Mp4 | Container::QuickTime => missing_boxes(&mut file),
        Container::Wav => missing_riff_bytes(&mut file),
        Container::WebM | Container::Matroska | Container::Flac | Container::Mp3 => Ok(0),
    }
}
