//! Laying a piece of music so that its drop falls on a moment: shifted, begun again by whole bars where it is too short.
//!
//! What does not live here: loudness ([`crate::loudness`]).

use super::structure::LISTEN_HZ;
use crate::beat::{BeatGrid, beat_grid};
use crate::run::decode::decode_stereo;
use crate::run::encode::SAMPLE_RATE_HZ;
use rushes_core::{Cancel, Fault};
use std::path::Path;

/// Pieces overlap by this much, before the bar line, so that the beat on it stays sharp.
const SEAM_S: f64 = 0.03;
/// A piece's last moments are its ending: what begins again, leaves off before.
const ENDING_S: f64 = 1.0;
/// What rises earlier is the beginning itself.
const BEGINS_S: f64 = 1.0;
/// Less than this at either end is not filled: a rest is better than a crumb of music.
const CRUMB_S: f64 = 0.6;
/// Music is not read beyond this.
const MAX_S: f64 = 1_200.0;
/// How softly a lead-in made of the strong part begins.
const LEAD_IN_GAIN: f32 = 0.12;

/// What is known of a piece of music, and where its drop shall fall.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cue {
    /// Where its drop is, milliseconds from its start; None: it is listened for.
    pub drop_ms: Option<u64>,
    /// Beats a minute; None: they are listened for.
    pub bpm: Option<f64>,
    /// Where the drop was asked for when it was made: of several strong beats the one nearest to it is taken.
    pub asked_ms: Option<u64>,
    /// Where the drop shall fall, milliseconds; None: the music begins with the film.
    pub at_ms: Option<u64>,
}

/// Music as laid under a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Laid {
    /// Left and right in turn, 48 kHz, exactly as long as asked for.
    pub stereo: Vec<f32>,
    /// Where in the music its drop is, milliseconds; None where it does not matter.
    pub drop_ms: Option<u64>,
    /// The film's time at which the music's zero lies, milliseconds; may be negative.
    pub offset_ms: i64,
    /// How many times it begins again.
    pub repeats: usize,
}

/// What is heard of a piece of music.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Heard {
    /// Beats a minute; None where there is no beat to follow.
    pub bpm: Option<f64>,
    /// Where its drop is, milliseconds from its start; None where there is no beat.
    pub drop_ms: Option<u64>,
}

/// Listens to the first sound of `music`. Its drop is the beat at which it rises most, or one near `asked_ms` that rises nearly
/// as much.
///
/// Errors: those of [`decode_stereo`].
pub fn heard(music: &Path, asked_ms: Option<u64>, cancel: &Cancel) -> Result<Heard, Fault> {
    let grid = listen(&decode_stereo(music, SAMPLE_RATE_HZ, MAX_S, cancel)?);
    let drop_s = drop_heard(&grid, asked_ms.map(|ms| ms as f64 / 1000.0));
    Ok(Heard { bpm: grid.is_followable().then_some(grid.bpm), drop_ms: drop_s.map(|s| (s * 1000.0).round() as u64) })
}

/// Lays the first sound of `music` under `duration_ms` of film. A file without sound is silence.
///
/// Errors: those of [`decode_stereo`].
pub fn lay(music: &Path, cue: &Cue, duration_ms: u64, cancel: &Cancel) -> Result<Laid, Fault> {
    let rate = f64::from(SAMPLE_RATE_HZ);
    let frames = usize::try_from(duration_ms * u64::from(SAMPLE_RATE_HZ) / 1000).unwrap_or(usize::MAX);
    let stereo = decode_stereo(music, SAMPLE_RATE_HZ, MAX_S, cancel)?;
    if stereo.is_empty() {
        return Ok(Laid { stereo: vec![0.0; frames * 2], drop_ms: None, offset_ms: 0, repeats: 0 });
    }
    let length_s = stereo.len() as f64 / 2.0 / rate;
    let needs_ear = (cue.at_ms.is_some() && cue.drop_ms.is_none()) || (cue.bpm.is_none() && length_s * 1000.0 < duration_ms as f64);
    let heard = if needs_ear { listen(&stereo) } else { BeatGrid::none() };
    let drop_s = match (cue.at_ms, cue.drop_ms) {
        (None, _) => None,
        (_, Some(ms)) => Some(ms as f64 / 1000.0),
        _ => drop_heard(&heard, cue.asked_ms.map(|ms| ms as f64 / 1000.0)),
    };
    let bpm = cue.bpm.filter(|bpm| *bpm > 0.0).or((heard.bpm > 0.0).then_some(heard.bpm));
    let offset_s = match (cue.at_ms, drop_s) {
        (Some(at), Some(drop)) => at as f64 / 1000.0 - drop,
        _ => 0.0,
    };
    let line = drop_s.or(heard.downbeats().next()).unwrap_or(0.0);
    let form = Form { length_s, line_s: line, bar_s: bpm.map_or(length_s, |bpm| 240.0 / bpm), has_drop: drop_s.is_some() };
    let pieces = form.pieces(offset_s, duration_ms as f64 / 1000.0);
    Ok(Laid {
        stereo: mix(&stereo, &pieces, frames),
        drop_ms: drop_s.map(|s| (s * 1000.0).round() as u64),
        offset_ms: (offset_s * 1000.0).round() as i64,
        repeats: pieces.len() - 1,
    })
}

fn listen(stereo: &[f32]) -> BeatGrid {
    let mono: Vec<f32> = stereo.chunks_exact(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
    // A crude reduction: beats care little about what folds back from above.
    let step = (SAMPLE_RATE_HZ / LISTEN_HZ) as usize;
    let low: Vec<f32> = mono.chunks(step).map(|part| part.iter().sum::<f32>() / part.len() as f32).collect();
    beat_grid(&low, SAMPLE_RATE_HZ / step as u32)
}

/// The beat at which the music rises most, or, where one near `asked_s` rises nearly as much, that; seconds.
pub(crate) fn drop_heard(grid: &BeatGrid, asked_s: Option<f64>) -> Option<f64> {
    let mean = |from: f64, to: f64| {
        let at = |s: f64| ((s.max(0.0) * grid.onset_rate) as usize).min(grid.level.len());
        let part = &grid.level[at(from)..at(to)];
        if part.is_empty() { 0.0 } else { part.iter().sum::<f32>() / part.len() as f32 }
    };
    // Loudness is measured over 0.2 s, so the step's own edge is left out.
    let rise = |beat: f64| mean(beat + 0.1, beat + 2.1) - mean(beat - 2.1, beat - 0.1);
    let strongest_after = |s: f64| grid.beats_s.iter().copied().filter(|beat| *beat > s).max_by(|a, b| rise(*a).total_cmp(&rise(*b)));
    // Music that begins at all rises from silence: that is no drop.
    let strongest = strongest_after(BEGINS_S).or_else(|| strongest_after(0.0));
    let asked = asked_s.and_then(|s| grid.nearest_beat(s));
    match (strongest, asked) {
        (Some(strongest), Some(asked)) if rise(asked) < 0.8 * rise(strongest) => Some(strongest),
        (_, Some(asked)) => Some(asked),
        (strongest, None) => strongest,
    }
}

/// What can be begun again where.
#[derive(Debug, Clone, Copy)]
struct Form {
    length_s: f64,
    /// A bar begins here.
    line_s: f64,
    bar_s: f64,
    /// Whether what comes before the line leads up to it.
    has_drop: bool,
}

/// A stretch of music and where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    /// Where it begins in the music, seconds.
    from_s: f64,
    /// Where it begins under the film, seconds.
    at_s: f64,
    length_s: f64,
    /// Whether it is the strong part, lent to lead in.
    is_lead_in: bool,
}

impl Form {
    /// The stretches that fill `duration_s` of film when the music's zero lies at `offset_s`; at least one.
    fn pieces(&self, offset_s: f64, duration_s: f64) -> Vec<Piece> {
        let first_line = self.line_s.rem_euclid(self.bar_s);
        let bars = |from: f64, to: f64| ((to - from) / self.bar_s + 1e-6).floor().max(0.0);
        // The last bar line with the ending behind it; the whole length where there is none.
        let usable = first_line + bars(first_line, self.length_s - ENDING_S) * self.bar_s;
        let usable = if usable > first_line { usable } else { self.length_s };
        let mut pieces = Vec::new();
        let mut start_s = offset_s.max(0.0);
        // Before the music: bars of what leads up to the drop; where nothing does, of the strong part, softly.
        let lead = bars(first_line, self.line_s) * self.bar_s;
        let (loop_from, loop_s, is_lead_in) = if self.has_drop && lead > 0.0 {
            (first_line, lead, false)
        } else {
            (self.line_s.min(usable), bars(self.line_s, usable) * self.bar_s, true)
        };
        let mut music_from = (-offset_s).max(0.0);
        if offset_s > CRUMB_S && loop_s > 0.0 {
            music_from = if is_lead_in { self.line_s } else { first_line };
            let mut end = offset_s + music_from;
            start_s = end;
            while end > 1e-6 {
                let length_s = loop_s.min(end);
                pieces.insert(0, Piece { from_s: loop_from + loop_s - length_s, at_s: end - length_s, length_s, is_lead_in });
                end -= length_s;
            }
        }
        let mut rest = duration_s - start_s;
        let own = self.length_s - music_from;
        if own >= rest - CRUMB_S {
            pieces.push(Piece { from_s: music_from, at_s: start_s, length_s: own.min(rest).max(0.0), is_lead_in: false });
            return pieces;
        }
        // After the music: the strong part again, from its first bar line; without one, everything.
        let again_from =
            if self.has_drop && usable - self.line_s >= self.bar_s * 0.999 { self.line_s } else { first_line.min(usable * 0.5) };
        let mut from_s = music_from;
        while rest > 1e-6 {
            let end = if self.length_s - from_s >= rest - CRUMB_S { self.length_s } else { usable.max(from_s + 0.1) };
            let length_s = (end - from_s).min(rest);
            pieces.push(Piece { from_s, at_s: duration_s - rest, length_s, is_lead_in: false });
            if end >= self.length_s && length_s >= rest - CRUMB_S {
                break;
            }
            rest -= length_s;
            from_s = again_from;
        }
        pieces
    }
}

/// Adds the pieces up; each fades in just before its first beat, while the one before fades out.
fn mix(music: &[f32], pieces: &[Piece], frames: usize) -> Vec<f32> {
    let rate = f64::from(SAMPLE_RATE_HZ);
    let seam = (SEAM_S * rate) as i64;
    let at = |seconds: f64| (seconds * rate).round() as i64;
    let mut made = vec![0.0f32; frames * 2];
    let lead_s = pieces.iter().filter(|piece| piece.is_lead_in).map(|piece| piece.at_s + piece.length_s).fold(0.0, f64::max);
    for (index, piece) in pieces.iter().enumerate() {
        let (from, start, length) = (at(piece.from_s), at(piece.at_s), at(piece.at_s + piece.length_s) - at(piece.at_s));
        let fades_in = index > 0 && from >= seam;
        let fades_out = index + 1 < pieces.len();
        for i in (if fades_in { -seam } else { 0 })..length {
            let (source, target) = (from + i, start + i);
            if source < 0 || target < 0 || target as usize >= frames || (source as usize) * 2 + 1 >= music.len() {
                continue;
            }
            let mut gain = 1.0f32;
            if i < 0 {
                gain *= (i + seam) as f32 / seam as f32;
            }
            if fades_out && i >= length - seam {
                gain *= (length - i) as f32 / seam as f32;
            }
            if piece.is_lead_in {
                let share = (target as f64 / rate / lead_s) as f32;
                gain *= LEAD_IN_GAIN + 0.28 * share * share;
            }
            for side in 0..2 {
                made[target as usize * 2 + side] += gain * music[source as usize * 2 + side];
            }
        }
    }
    made
}
