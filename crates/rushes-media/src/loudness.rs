//! How loud sound is, and making it as loud as it should be: EBU R128 loudness, one linear gain, a true-peak limiter.
//!
//! What does not live here: encoding ([`crate::run::encode`]), and composing ([`crate::music`]).

mod limiter;
#[cfg(test)]
mod tests;

use crate::probe::probe;
use crate::run::Ffmpeg;
use crate::run::decode::decode_stereo;
use crate::run::encode::{SAMPLE_RATE_HZ, plain_args, sound_args};
use crate::wav;
use ebur128::{EbuR128, Mode};
use limiter::Limiter;
use rushes_core::{Cancel, Code, Fault};
use std::path::{Path, PathBuf};

/// What deliverables are brought to.
pub(crate) const TARGET_LUFS: f64 = -14.0;

/// The highest true peak before encoding, to begin with: AAC adds about a decibel to what it is given.
pub(crate) const CEILING_DBTP: f64 = -2.0;

/// The highest true peak promised of what is heard, after encoding.
pub(crate) const PROMISED_DBTP: f64 = -1.0;

/// What is heard may differ from the target by this much; the promise is half a unit.
const HEARD_NEAR_LU: f64 = 0.3;

/// Below the promise by this much, since players measure a little differently.
const HEARD_MARGIN_DB: f64 = 0.1;

/// Encoded and listened to this often at most; dense music takes two or three rounds.
const HEARD_ROUNDS: usize = 6;

/// What is quieter than this is silence with noise: it is not raised.
pub(crate) const SILENCE_LUFS: f64 = -60.0;

/// At the end of everything mastered.
const FADE_OUT_S: f64 = 1.0;

/// Where a piece that is too short begins again, its end and beginning overlap.
const OVERLAP_S: f64 = 0.02;

/// The limiter takes loudness away; gain and limiter are brought together in this many rounds at most.
const MAX_ROUNDS: usize = 12;

/// Loudness this near to the target is there.
const NEAR_LU: f64 = 0.05;

/// The limiter may not be asked for more than this above what plain gain needs: clicks are not worth distortion.
const MAX_PUSH_DB: f64 = 9.0;

/// How loud something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loudness {
    /// Integrated loudness in LUFS; None for silence and for less than 0.4 s.
    pub integrated_lufs: Option<f64>,
    /// The highest true peak in dBTP; None when every sample is zero.
    pub true_peak_dbtp: Option<f64>,
}

/// What mastering came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Mastered {
    /// The file: WAV, 48 kHz, stereo, 24 bit.
    pub file: PathBuf,
    /// As it came in, already at its final length and with its fade.
    pub before: Loudness,
    /// As it is in the file.
    pub after: Loudness,
    /// As it is heard after AAC; None for silence, which is not encoded to find out.
    pub heard: Option<Loudness>,
    /// What was added, in decibels; 0 for silence.
    pub gain_db: f64,
}

/// Measures left and right in turn.
///
/// Errors: `input_invalid` for a rate that cannot be measured.
pub(crate) fn measure(stereo: &[f32], rate_hz: u32) -> Result<Loudness, Fault> {
    let fail = |error: ebur128::Error| Fault::new(Code::InputInvalid, "measure loudness").because(error);
    let mut meter = EbuR128::new(2, rate_hz, Mode::I | Mode::TRUE_PEAK).map_err(fail)?;
    meter.add_frames_f32(stereo).map_err(fail)?;
    let integrated = meter.loudness_global().map_err(fail)?;
    let peak = meter.true_peak(0).map_err(fail)?.max(meter.true_peak(1).map_err(fail)?);
    Ok(Loudness {
        integrated_lufs: (integrated.is_finite() && integrated > -70.0).then_some(integrated),
        true_peak_dbtp: (peak > 0.0).then(|| 20.0 * peak.log10()),
    })
}

/// Measures a file's first sound; None when there is none.
///
/// Errors: those of [`decode_stereo`].
pub(crate) fn measure_file(path: &Path, max_s: f64, cancel: &Cancel) -> Result<Option<Loudness>, Fault> {
    let stereo = decode_stereo(path, SAMPLE_RATE_HZ, max_s, cancel)?;
    if stereo.is_empty() { Ok(None) } else { measure(&stereo, SAMPLE_RATE_HZ).map(Some) }
}

/// Makes `out` (WAV) from the first sound of `input`: exactly `duration_ms` long (cut, or begun again), fading out in
/// its last second, so that after AAC it is at [`TARGET_LUFS`] and not above [`PROMISED_DBTP`]: what AAC adds depends on
/// the music, so the result is encoded, listened to, and mended until it holds. Silence stays silence, and says so by
/// having no loudness; so does a file without sound. Equal inputs give equal bytes.
///
/// Errors: `input_invalid` for no length; `disk_full`, `io`; those of [`decode_stereo`].
pub fn master(input: &Path, out: &Path, duration_ms: u64, cancel: &Cancel) -> Result<Mastered, Fault> {
    let decoded = decode_stereo(input, SAMPLE_RATE_HZ, duration_ms as f64 / 1000.0, cancel)?;
    master_samples(decoded, out, duration_ms, cancel)
}

/// As [`master`], of left and right in turn at 48 kHz.
///
/// Errors: those of [`master`].
pub(crate) fn master_samples(stereo: Vec<f32>, out: &Path, duration_ms: u64, cancel: &Cancel) -> Result<Mastered, Fault> {
    if duration_ms == 0 {
        return Err(Fault::new(Code::InputInvalid, "master sound").because("it would be 0 ms long"));
    }
    let frames = usize::try_from(duration_ms * u64::from(SAMPLE_RATE_HZ) / 1000).unwrap_or(usize::MAX);
    let mut stereo = lengthen(stereo, frames);
    fade_out(&mut stereo);
    let before = measure(&stereo, SAMPLE_RATE_HZ)?;
    let write = |stereo: &[f32]| {
        wav::write(out, stereo.len() / 2, stereo.chunks_exact(2).map(|pair| [pair[0], pair[1]]))
            .map_err(|error| Fault::io("master sound", out, &error))
    };
    let Some(lufs) = before.integrated_lufs.filter(|lufs| *lufs > SILENCE_LUFS) else {
        write(&stereo)?;
        return Ok(Mastered { file: out.to_owned(), before, after: before, heard: None, gain_db: 0.0 });
    };
    let mut goal = Goal { lufs: TARGET_LUFS, ceiling_dbtp: CEILING_DBTP };
    let mut round = 0;
    loop {
        round += 1;
        let (made, gain_db) = raise(&stereo, lufs, goal, cancel)?;
        write(&made)?;
        let heard = after_encoding(out, duration_ms, cancel)?;
        let over_db = heard.true_peak_dbtp.unwrap_or(PROMISED_DBTP) - (PROMISED_DBTP - HEARD_MARGIN_DB);
        let lacks_lu = TARGET_LUFS - heard.integrated_lufs.unwrap_or(TARGET_LUFS);
        if (over_db <= 0.0 && lacks_lu.abs() <= HEARD_NEAR_LU) || round == HEARD_ROUNDS {
            let after = measure(&made, SAMPLE_RATE_HZ)?;
            return Ok(Mastered { file: out.to_owned(), before, after, heard: Some(heard), gain_db });
        }
        goal.ceiling_dbtp -= over_db.max(0.0);
        goal.lufs += lacks_lu;
    }
}

/// What the samples are brought to before encoding.
#[derive(Debug, Clone, Copy)]
struct Goal {
    lufs: f64,
    ceiling_dbtp: f64,
}

/// How a mastered file sounds after the encoder that deliverables use.
fn after_encoding(wav: &Path, duration_ms: u64, cancel: &Cancel) -> Result<Loudness, Fault> {
    let encoded = wav.with_extension("heard.m4a");
    Ffmpeg::new("encode for measuring")
        .input(wav)
        .args(sound_args())
        .args(plain_args())
        .args(["-f", "ipod"])
        .to(&encoded)
        .run(cancel, &mut |_| ())?;
    let heard = measure_file(&encoded, duration_ms as f64 / 1000.0, cancel);
    // It was only listened to; a file that stays in scratch goes with it.
    let _ = std::fs::remove_file(&encoded);
    Ok(heard?.unwrap_or(Loudness { integrated_lufs: None, true_peak_dbtp: None }))
}

/// Samples of known loudness brought to a goal, and the gain it took in decibels.
fn raise(stereo: &[f32], lufs: f64, goal: Goal, cancel: &Cancel) -> Result<(Vec<f32>, f64), Fault> {
    let limiter = Limiter::new(stereo, SAMPLE_RATE_HZ);
    let plain_db = goal.lufs - lufs;
    let (mut gain_db, mut ceiling_db) = (plain_db, goal.ceiling_dbtp);
    let mut made = Vec::new();
    for _ in 0..MAX_ROUNDS {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "master sound"));
        }
        made = limiter.apply(stereo, gain_db, ceiling_db);
        let now = measure(&made, SAMPLE_RATE_HZ)?;
        let over_db = now.true_peak_dbtp.unwrap_or(goal.ceiling_dbtp) - goal.ceiling_dbtp;
        let lacks_lu = goal.lufs - now.integrated_lufs.unwrap_or(goal.lufs);
        let next_db = (gain_db + lacks_lu).min(plain_db + MAX_PUSH_DB);
        let is_there = lacks_lu.abs() <= NEAR_LU || (next_db - gain_db).abs() < NEAR_LU;
        if is_there && over_db <= 0.0 {
            break;
        }
        if over_db > 0.0 {
            // A gain that moves makes peaks of its own between the samples; a little lower, and they fit.
            ceiling_db -= over_db + 0.01;
        }
        gain_db = next_db;
    }
    Ok((made, gain_db))
}

/// Cuts, or begins again, until there are so many frames; nothing becomes silence.
fn lengthen(mut stereo: Vec<f32>, frames: usize) -> Vec<f32> {
    let once = stereo.len() / 2;
    if once == 0 || once >= frames {
        stereo.resize(frames * 2, 0.0);
        return stereo;
    }
    let overlap = ((OVERLAP_S * f64::from(SAMPLE_RATE_HZ)) as usize).min(once / 4);
    let piece = stereo.clone();
    while stereo.len() / 2 < frames {
        let seam = stereo.len() / 2 - overlap;
        for index in 0..overlap * 2 {
            let share = (index / 2) as f32 / overlap as f32;
            let sample = &mut stereo[seam * 2 + index];
            *sample = *sample * (1.0 - share) + piece[index] * share;
        }
        stereo.extend_from_slice(&piece[overlap * 2..]);
    }
    stereo.truncate(frames * 2);
    stereo
}

/// Lets the last second (a quarter of what is shorter than four) die away.
fn fade_out(stereo: &mut [f32]) {
    let frames = stereo.len() / 2;
    let fade = ((FADE_OUT_S * f64::from(SAMPLE_RATE_HZ)) as usize).min(frames / 4);
    let start = frames - fade;
    for (index, pair) in stereo[start * 2..].chunks_mut(2).enumerate() {
        let share = (index + 1) as f32 / fade as f32;
        let gain = 0.5 + 0.5 * (share * std::f32::consts::PI).cos();
        pair.iter_mut().for_each(|sample| *sample *= gain);
    }
}

/// Takes a file's first sound out without encoding it again: AAC as `.m4a`, MP3 as `.mp3`; anything else becomes
/// lossless `.flac`. The ending is appended to `out_stem`. None when there is no sound.
///
/// Errors: those of [`probe`] and of [`Ffmpeg::run`].
pub fn extract_original(path: &Path, out_stem: &Path, cancel: &Cancel) -> Result<Option<PathBuf>, Fault> {
    let Some(audio) = probe(path, cancel)?.audio else {
        return Ok(None);
    };
    let (ending, args) = match audio.codec.as_str() {
        "aac" => (".m4a", ["-c:a", "copy", "-f", "ipod", "-movflags", "+faststart"]),
        "mp3" => (".mp3", ["-c:a", "copy", "-f", "mp3", "-id3v2_version", "3"]),
        _ => (".flac", ["-c:a", "flac", "-f", "flac", "-flags:a", "+bitexact"]),
    };
    let mut name = out_stem.as_os_str().to_owned();
    name.push(ending);
    let out = PathBuf::from(name);
    Ffmpeg::new("take out sound")
        .arg("-vn")
        .input(path)
        .args(["-map", "0:a:0"])
        .args(args)
        .args(plain_args())
        .to(&out)
        .run(cancel, &mut |_| {})?;
    Ok(Some(out))
}
