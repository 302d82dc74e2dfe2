//! Original music: composed and synthesised here, from a seed, for any length, on any beat.
//!
//! [`compose`] plans the form, lets drummer, band and tune play, mixes and finishes; [`write_wav`]
//! writes the result. Styles are rows of data in [`Styles`]. What encodes it, and asks for it, lives in
//! [`crate::builtin::music`]; what finds beats in music, in [`crate::beat`].

mod chance;
mod drums;
mod dsp;
mod effects;
mod groove;
mod master;
mod mixer;
mod parts;
mod plan;
mod stage;
mod style;
mod theory;
mod tone;
mod tune;

#[cfg(test)]
mod listener;
#[cfg(test)]
mod tests;

pub use dsp::RATE;
pub use style::{Styles, default_style, style_names};

use crate::wav;
use rushes_core::{Code, Fault};
use stage::Stage;
use std::path::Path;

/// The longest piece, milliseconds.
pub(crate) const LONGEST_MS: u64 = 600_000;
/// Tempi that can be played, beats a minute.
pub(crate) const BPM_RANGE: std::ops::RangeInclusive<f64> = 40.0..=240.0;

/// What to compose.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// One of the names of the [`Styles`] it is composed from.
    pub style: String,
    /// Equal seeds give equal samples.
    pub seed: u64,
    /// Length, milliseconds.
    pub duration_ms: u64,
    /// Beats a minute; None = the style's own.
    pub bpm: Option<f64>,
    /// Where the first beat falls, milliseconds from the start. Beyond the end only its phase counts.
    pub first_beat_ms: u64,
    /// Where the drop should begin: it does on the nearest beat. None = the arranger chooses.
    pub drop_ms: Option<u64>,
}

impl Default for Score {
    fn default() -> Self {
        Self { style: default_style().into(), seed: 0, duration_ms: 30_000, bpm: None, first_beat_ms: 0, drop_ms: None }
    }
}

/// A piece as composed: 48 kHz stereo, true peaks ≤ −1 dBTP, −14 LUFS ±0.5 (what is longer than a second).
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Left channel, −1…1.
    pub left: Vec<f32>,
    /// Right channel, as long as the left.
    pub right: Vec<f32>,
    /// Beats a minute.
    pub bpm: f64,
    /// Where the drop begins, milliseconds.
    pub drop_ms: u64,
    /// Where the beats fall, seconds.
    pub beats_s: Vec<f64>,
}

/// Writes `piece` to `path`, replacing what is there. Equal pieces give equal bytes.
/// Errors: `disk_full`, `io`, `file_missing` (no such folder).
pub fn write_wav(path: &Path, piece: &Piece) -> Result<(), Fault> {
    let frames = piece.left.iter().zip(&piece.right).map(|(left, right)| [*left, *right]);
    wav::write(path, piece.left.len(), frames).map_err(|error| Fault::io("write music", path, &error))
}

/// Composes a piece in one of `styles`. Errors: `input_invalid` for an unknown style (the fault lists those there are), a
/// length of 0 or above [`LONGEST_MS`], or a tempo outside [`BPM_RANGE`].
pub fn compose(styles: &Styles, score: &Score) -> Result<Piece, Fault> {
    compose_watched(styles, score, &mut |_| Ok(()))
}

/// As [`compose`]; `keep_on` is asked every few milliseconds of work, with how far it is (0–1), and its fault ends it.
pub(crate) fn compose_watched(styles: &Styles, score: &Score, keep_on: &mut dyn FnMut(f32) -> Result<(), Fault>) -> Result<Piece, Fault> {
    let style = styles.style(&score.style)?;
    let bpm = score.bpm.unwrap_or(style.bpm);
    let invalid =
        |key: &str, value: String, reason: String| Err(Fault::new(Code::InputInvalid, "compose music").with(key, value).because(reason));
    if score.duration_ms == 0 || score.duration_ms > LONGEST_MS {
        return invalid("duration_ms", score.duration_ms.to_string(), format!("a piece lasts 1–{LONGEST_MS} ms"));
    }
    if !BPM_RANGE.contains(&bpm) {
        let range = format!("a tempo lies between {} and {}", BPM_RANGE.start(), BPM_RANGE.end());
        return invalid("bpm", bpm.to_string(), range);
    }
    let stage = arrange(score, style, bpm);
    let mut sides = mixer::mix(&stage, &mut |done| keep_on(0.85 * done))?;
    master::finish(&mut sides, style, &mut || keep_on(0.85))?;
    keep_on(1.0)?;
    let plan = &stage.plan;
    let [left, right] = sides;
    Ok(Piece {
        left,
        right,
        bpm,
        drop_ms: (1000.0 * plan.time(plan.drop as f64)).round() as u64,
        beats_s: (0..plan.beats).map(|beat| plan.time(beat as f64)).collect(),
    })
}

/// Everybody plays.
fn arrange<'a>(score: &Score, style: &'a style::Style, bpm: f64) -> Stage<'a> {
    let mut stage = Stage::new(score, style, bpm);
    groove::play(&mut stage);
    parts::play(&mut stage);
    tune::play(&mut stage);
    stage
}

impl Piece {
    /// Both channels as one, for measuring.
    #[must_use]
    pub fn mono(&self) -> Vec<f32> {
        self.left.iter().zip(&self.right).map(|(l, r)| 0.5 * (l + r)).collect()
    }
}
