//! Moving pictures and sound: is the container as long as it says, does it stay within the limits, and does all of it
//! decode without a single error.

use super::boxes::check_boxes;
use super::limits::{
    LARGE_VIDEO_PIXELS, MAX_CHANNELS, MAX_DURATION, MAX_FPS, MAX_RATE_HZ, MAX_STREAMS, MAX_VIDEO_PIXELS, MAX_VIDEO_SIDE_PX,
};
use super::sniff::{Container, WavLength, missing_boxes, missing_riff_bytes, missing_segment_bytes, wav_length};
use super::{alone, refuse};
use crate::probe::{Probe, blame_file, probe_stranger};
use crate::run::{Ffmpeg, Reached, TIME_LIMIT};
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
];

/// Less than was declared by more than this, and something is missing; more than is allowed by more than this, and it is
/// too long. Encoders' delay and edit lists explain less.
const SLACK: Duration = Duration::from_millis(500);

/// What decoders and demuxers say when they pass over damage.
const MENDED: &[&str] =
    &["error while decoding", "concealing", "Invalid data", "corrupt", "Truncat", "invalid as first byte", "exceeds containing"];

/// Wall time of one look beside decoding; then a stuck file is told from a long one.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

/// Decoding may take so many times as long as the film itself, after [`LOOK_LIMIT`].
const SLOWEST: u32 = 4;

pub(super) fn inspect(path: &Path, file: &mut File, container: Container, cancel: &Cancel) -> Result<MediaInfo, Fault> {
    let is_open = check_parts(path, file, container)?;
    let probed = probe_stranger(path, cancel)?;
    check_declared(path, &probed, is_open)?;
    let pixels = probed.video.as_ref().map_or(0, |video| u64::from(video.width) * u64::from(video.height));
    let _alone = (pixels > LARGE_VIDEO_PIXELS).then(|| alone(cancel)).transpose()?;
    let reached = decode(path, &probed, is_open, cancel)?;
    check_whole(path, &probed, is_open, &reached)?;
    let (mime, extension) = container.names(probed.video.is_some());
    let video = probed.video.as_ref();
    let duration = probed.duration.filter(|_| !is_open).unwrap_or(reached.time);
    Ok(MediaInfo {
        mime: mime.into(),
        extension: extension.into(),
        width: video.map(|video| video.width),
        height: video.map(|video| video.height),
        duration_ms: Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        fps: video.map(|video| video.fps),
        has_audio: probed.audio.is_some(),
    })
}

/// Looks at the outermost parts and the index, which ffmpeg reads over. Returns whether the
/// length was left open: then the file ends where it ends.
fn check_parts(path: &Path, file: &mut File, container: Container) -> Result<bool, Fault> {
    let io = |error: io::Error| Fault::io("inspect file", path, &error);
    let mut is_open = false;
    let missing = match container {
        Container::Mp4 | Container::QuickTime => missing_boxes(file).map_err(io)?,
        Container::Wav => match (missing_riff_bytes(file).map_err(io)?, wav_length(file).map_err(io)?) {
            (0, WavLength::Missing(bytes)) => bytes,
            (0, WavLength::Open) => {
                is_open = true;
                0
            }
            (missing, _) => missing,
        },
        Container::WebM | Container::Matroska => missing_segment_bytes(file).map_err(io)?,
        Container::Flac | Container::Mp3 => 0,
    };
    if missing > 0 {
        return Err(refuse(Code::FileTruncated, path, format!("it lacks {missing} of the bytes it declares")));
    }
    if matches!(container, Container::Mp4 | Container::QuickTime) {
        check_boxes(path, file)?;
    }
    Ok(is_open)
}

/// Whether what it declares stays within the limits, before any frame is decoded.
fn check_declared(path: &Path, probed: &Probe, is_open: bool) -> Result<(), Fault> {
    let too_large = |why: String| Err(refuse(Code::FileTooLarge, path, why));
    if probed.streams > MAX_STREAMS {
        return too_large(format!("{} streams, of {MAX_STREAMS}", probed.streams));
    }
    // A stream may claim more than the file does.
    let (picture, sound) = (probed.video.as_ref().and_then(|video| video.duration), probed.audio.as_ref().and_then(|audio| audio.duration));
    let longest = probed.duration.max(picture).max(sound).filter(|_| !is_open).unwrap_or_default();
    if longest > MAX_DURATION {
        return too_large(format!("{} s long, of {}", longest.as_secs_f64(), MAX_DURATION.as_secs()));
    }
    if let Some(video) = &probed.video {
        let (width, height) = (video.width, video.height);
        if width.max(height) > MAX_VIDEO_SIDE_PX {
            return too_large(format!("{width}×{height} pixels, of {MAX_VIDEO_SIDE_PX} a side"));
        }
        if u64::from(width) * u64::from(height) > MAX_VIDEO_PIXELS {
            return too_large(format!("{width}×{height} pixels a frame, of {MAX_VIDEO_PIXELS}"));
        }
        if video.fps > MAX_FPS {
            return too_large(format!("{:.0} frames a second, of {MAX_FPS}", video.fps));
        }
    }
    if let Some(audio) = &probed.audio {
        if audio.rate_hz > MAX_RATE_HZ {
            return too_large(format!("{} samples a second, of {MAX_RATE_HZ}", audio.rate_hz));
        }
        if audio.channels > MAX_CHANNELS {
            return too_large(format!("{} channels, of {MAX_CHANNELS}", audio.channels));
        }
    }
    if probed.video.is_none() && probed.audio.is_none() {
        return Err(refuse(Code::FileForbidden, path, "it holds neither picture nor sound"));
    }
    if let Some(codec) = probed.codecs.iter().find(|codec| !CODECS.contains(&codec.as_str())) {
        let named = if codec.is_empty() { "a codec nobody knows" } else { codec };
        return Err(refuse(Code::FileForbidden, path, format!("it holds {named}, which is not decoded here")));
    }
    Ok(())
}

/// One strict pass over picture and sound, which ends where the file becomes too long: it may go on after what it declares,
/// or declare nothing.
fn decode(path: &Path, probed: &Probe, is_open: bool, cancel: &Cancel) -> Result<Reached, Fault> {
    // Where the length is open, ffmpeg takes the last, shorter piece for damage. It is WAV: nothing in it could be.
    let strict: &[&str] = if is_open { &["-ignore_length", "1"] } else { &["-xerror", "-err_detect", "crccheck+explode"] };
    let stop = cancel.child_token();
    let mut furthest = Duration::ZERO;
    let ran = plan(path, probed, is_open, strict).run(&stop, &mut |time| {
        furthest = furthest.max(time);
        if time > MAX_DURATION + SLACK {
            stop.cancel();
        }
    });
    if furthest > MAX_DURATION + SLACK {
        return Err(refuse(Code::FileTooLarge, path, format!("it goes on after {} s", MAX_DURATION.as_secs())));
    }
    let reached = ran.map_err(|fault| {
        let fault = blame_file(fault, path);
        if fault.code == Code::FileCorrupt && is_cut(path, probed, cancel) { Fault { code: Code::FileTruncated, ..fault } } else { fault }
    })?;
    // Some decoders mend what is damaged, say so, and count it as success.
    let is_mended = MENDED.iter().any(|word| reached.messages.contains(word));
    if is_mended && !is_open {
        return Err(refuse(Code::FileCorrupt, path, reached.messages));
    }
    Ok(reached)
}

/// Whether a damaged file is one that ends too early: read on over all errors, and see how far that goes.
fn is_cut(path: &Path, probed: &Probe, cancel: &Cancel) -> bool {
    let lenient = plan(path, probed, false, &[]).run(cancel, &mut |_| {});
    lenient.is_ok_and(|reached| check_whole(path, probed, false, &reached).is_err())
}

/// How long decoding may take. What does not say how long it is, may be as long as any.
fn time_limit(declared: Option<Duration>) -> Duration {
    (LOOK_LIMIT + declared.unwrap_or(MAX_DURATION) * SLOWEST).min(TIME_LIMIT)
}

/// Films up to this, and those that do not say, are decoded by one thread.
const SHORT: Duration = Duration::from_secs(60);

/// Decodes the picture and all sound, and throws the result away.
fn plan(path: &Path, probed: &Probe, is_open: bool, options: &[&str]) -> Ffmpeg {
    let (pixels, declared) = (MAX_VIDEO_PIXELS.to_string(), probed.duration.filter(|_| !is_open));
    // Short films are many at a time; for long ones somebody waits. Each thread keeps another frame, and frames may grow
    // in the middle of a film.
    let threads = if declared > Some(SHORT) { "2" } else { "1" };
    // What a filter smooths over afterwards says nothing of whether the bytes are whole, and is a third of the work.
    let unseen: &[&str] = if probed.video.is_some() { &["-skip_loop_filter", "all"] } else { &[] };
    let mut call = Ffmpeg::new("inspect file")
        .on_a_stranger()
        .time_limit(time_limit(declared))
        .args(options)
        .args(["-threads", threads, "-max_pixels", &pixels])
        .args(unseen)
        .input(path);
    if probed.video.is_some() {
        call = call.args(["-map", "0:V:0", "-fps_mode", "passthrough"]);
    }
    if probed.audio.is_some() {
        call = call.args(["-map", "0:a"]);
    }
    call.args(["-f", "null", "-"])
}

/// Whether as much came out as was declared; more is no damage.
fn check_whole(path: &Path, probed: &Probe, is_open: bool, reached: &Reached) -> Result<(), Fault> {
    if let Some(video) = &probed.video {
        if reached.frames > 1 && reached.time.is_zero() {
            return Err(refuse(Code::FileCorrupt, path, format!("its {} frames are shown for no time", reached.frames)));
        }
        let declared = video.duration.or(probed.duration).unwrap_or_default().as_secs_f64();
        let frames = video.frames.map_or(declared * video.fps, |frames| frames as f64);
        if reached.frames == 0 {
            return Err(refuse(Code::FileTruncated, path, "not one frame decodes"));
        }
        // Where frames come irregularly and are not counted, only time tells.
        let is_short = video.frames.is_some() && (reached.frames as f64) < frames - (video.fps * SLACK.as_secs_f64()).max(1.0);
        if is_short {
            return Err(refuse(Code::FileTruncated, path, format!("{} of {frames} frames decode", reached.frames)));
        }
    }
    let declared = probed.duration.unwrap_or_default();
    if !is_open && reached.time + SLACK < declared {
        let (found, said) = (reached.time.as_secs_f64(), declared.as_secs_f64());
        return Err(refuse(Code::FileTruncated, path, format!("{found:.1} of {said:.1} s decode")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn film_of_unknown_length_has_the_time_of_the_longest() {
        assert_eq!(time_limit(Some(Duration::ZERO)), LOOK_LIMIT);
        assert_eq!(time_limit(Some(Duration::from_secs(10))), LOOK_LIMIT + Duration::from_secs(40));
        assert_eq!((time_limit(Some(MAX_DURATION)), time_limit(None)), (TIME_LIMIT, TIME_LIMIT));
    }
}
