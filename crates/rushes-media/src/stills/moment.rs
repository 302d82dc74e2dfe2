//! The moment of a film that makes the best poster: sharp and well lit, away from cuts, in the pose a dancer holds after a
//! hit, with much of the dancer near the middle.
//!
//! Everything is read from the film itself, in one pass over small pictures.

use crate::beat::beat_grid;
use crate::run::decode::{decode_gray, decode_mono};
use crate::score::{LOOKS_A_SECOND, Movement, SMALL, Watcher};
use rushes_core::{Cancel, Code, Fault};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Each small picture's cell is so many pixels wide and high in what is looked at.
const CELL: usize = 4;
/// Width of what is looked at: enough to tell blurred from sharp.
pub(super) const LOOK: (u32, u32) = (SMALL.0 * CELL as u32, SMALL.1 * CELL as u32);
/// Pictures the background is taken from.
const BACKGROUND_FRAMES: usize = 25;
/// A cell so much lighter or darker than the background shows the dancer.
const STANDS_OUT: u8 = 14;
/// A transition takes so many looks before and after its cut.
const CUT_BEFORE: usize = 2;
const CUT_AFTER: usize = 4;
/// A hit is at most so many looks ago.
const HIT_REACH: usize = 7;
/// A pose on the beat is held up to this long after it, seconds.
const AFTER_BEAT_S: f64 = 0.27;
/// Samples a second that are enough for beats.
const LISTEN_HZ: u32 = 22_050;

/// What is known of each look.
#[derive(Debug, Default)]
struct Seen {
    /// Sharpness and light, see [`rate`].
    quality: Vec<f64>,
    small: Vec<Vec<u8>>,
    movement: Movement,
}

/// Looks at a film, picture by picture.
#[derive(Debug, Default)]
pub(super) struct Looker {
    seen: Seen,
    watcher: Watcher,
}

impl Looker {
    /// Takes in the next picture of [`LOOK`] size.
    pub(super) fn see(&mut self, frame: &[u8]) {
        let small = shrink(frame);
        self.watcher.see(&small);
        self.seen.quality.push(rate(frame, LOOK.0 as usize));
        self.seen.small.push(small);
    }

    /// When the best moment of the film is shown, which lasts `length_s`.
    ///
    /// Errors: `no_video` where nothing was seen; those of the decoders.
    pub(super) fn best(mut self, film: &Path, length_s: f64, cancel: &Cancel) -> Result<Duration, Fault> {
        self.seen.movement = self.watcher.done();
        let grid = beat_grid(&decode_mono(film, LISTEN_HZ, length_s, cancel)?, LISTEN_HZ);
        let beats = if grid.is_followable() { grid.beats_s } else { Vec::new() };
        let best = scores(&self.seen, &beats).into_iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let (index, _) = best.ok_or_else(|| Fault::new(Code::NoVideo, "choose poster").with("path", film.display()))?;
        Ok(Duration::from_secs_f64(index as f64 / f64::from(LOOKS_A_SECOND)))
    }
}

/// When the best moment of a film of `length_s` is shown.
///
/// Errors: `no_video` where there is no picture; those of the decoders.
pub(super) fn best_moment(film: &Path, length_s: f64, cancel: &Cancel) -> Result<Duration, Fault> {
    let mut looker = Looker::default();
    decode_gray(film, LOOK, LOOKS_A_SECOND, length_s, cancel, &mut |frame| {
        looker.see(frame);
        Ok(ControlFlow::Continue(()))
    })?;
    looker.best(film, length_s, cancel)
}

/// The mean of each cell.
fn shrink(frame: &[u8]) -> Vec<u8> {
    let width = LOOK.0 as usize;
    let mean = |cell: usize| {
        let (x, y) = (cell % SMALL.0 as usize * CELL, cell / SMALL.0 as usize * CELL);
        let sum: u32 = (0..CELL).flat_map(|row| &frame[(y + row) * width + x..][..CELL]).map(|v| u32::from(*v)).sum();
        (sum / (CELL * CELL) as u32) as u8
    };
    (0..(SMALL.0 * SMALL.1) as usize).map(mean).collect()
}

/// How good a picture is as a poster, by itself: sharpness (mean strength of edges), taken down where most of it is black
/// or burnt out.
pub(super) fn rate(luma: &[u8], width: usize) -> f64 {
    let mut edges = 0.0;
    let rows: Vec<&[u8]> = luma.chunks_exact(width).collect();
    for row in rows.windows(3) {
        for x in 1..width.saturating_sub(1) {
            let at = |row: &[u8], x: usize| i32::from(row[x]);
            edges += f64::from((4 * at(row[1], x) - at(row[1], x - 1) - at(row[1], x + 1) - at(row[0], x) - at(row[2], x)).abs());
        }
    }
    let count = luma.len().max(1) as f64;
    let usable = luma.iter().filter(|value| (24..=240).contains(*value)).count() as f64 / count;
    // Squared: a picture half in the dark is worth a quarter.
    (edges / count + 0.1) * (usable * usable + 0.001)
}

/// How good each look is.
fn scores(seen: &Seen, beats: &[f64]) -> Vec<f64> {
    let count = seen.quality.len();
    let usual = top(&seen.quality);
    let holds = holds(&seen.movement.without_cuts(), count);
    let figures = figures(&seen.small);
    let is_cut = cuts(&seen.movement, count);
    let score = |index: usize| {
        // Squared: what is blurred or dark is no poster, whatever the pose.
        let quality = (seen.quality[index] / usual.max(1e-9)).min(1.1).powi(2);
        let at_s = index as f64 / f64::from(LOOKS_A_SECOND);
        let last_beat = beats.partition_point(|beat| *beat <= at_s + 0.03);
        let is_on_beat = last_beat.checked_sub(1).is_some_and(|last| at_s - beats[last] <= AFTER_BEAT_S);
        let pose = 0.5 + holds[index] * if is_on_beat || beats.is_empty() { 0.5 } else { 0.38 };
        let near_cut = (index.saturating_sub(CUT_AFTER)..(index + CUT_BEFORE + 1).min(count)).any(|at| is_cut[at]);
        // A little in favour of the middle, so that equal pictures are no matter of chance.
        let middle = 1.0 - 0.05 * (2.0 * (index as f64 + 0.5) / count as f64 - 1.0).abs();
        quality * pose * figures[index] * middle * if near_cut { 0.25 } else { 1.0 }
    };
    (0..count).map(score).collect()
}

/// The value that nine of ten do not reach.
fn top(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() * 9 / 10).or(sorted.last()).copied().unwrap_or(0.0)
}

/// Looks at which another shot begins.
fn cuts(movement: &Movement, count: usize) -> Vec<bool> {
    let clean = movement.without_cuts();
    let mut is_cut = vec![false; count];
    for (index, (raw, clean)) in movement.energy.iter().zip(&clean).enumerate() {
        if let Some(slot) = is_cut.get_mut(index + 1) {
            *slot = raw - clean > 0.08;
        }
    }
    is_cut
}

/// How much each look is the stillness after a hit: 0–1.
fn holds(energy: &[f32], count: usize) -> Vec<f64> {
    let strong = top(&energy.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    // The value at `look - 1` is what changed up to that look, at `look` what changes after it.
    let at = |look: usize| f64::from(energy.get(look).copied().unwrap_or(0.0));
    let hold = |look: usize| {
        if look < 2 || look >= energy.len() {
            return 0.0;
        }
        let hit = (look.saturating_sub(HIT_REACH)..look - 1).map(at).fold(0.0, f64::max);
        let still = at(look - 1).max(at(look));
        ((hit - 2.0 * still) / strong.max(1e-6)).clamp(0.0, 1.0)
    };
    (0..count).map(hold).collect()
}

/// How large and how near to the middle the dancer is: about 0.5–1. The dancer is what the background is not.
fn figures(small: &[Vec<u8>]) -> Vec<f64> {
    let step = small.len().div_ceil(BACKGROUND_FRAMES).max(1);
    let cells = (SMALL.0 * SMALL.1) as usize;
    let background: Vec<u8> = (0..cells)
        .map(|cell| {
            let mut values: Vec<u8> = small.iter().step_by(step).map(|frame| frame[cell]).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0)
        })
        .collect();
    let measured: Vec<(f64, f64)> = small
        .iter()
        .map(|frame| {
            let there = (0..cells).filter(|cell| frame[*cell].abs_diff(background[*cell]) > STANDS_OUT);
            let (sum, count) = there.fold((0.0, 0.0), |(sum, count), cell| (sum + (cell % SMALL.0 as usize) as f64, count + 1.0));
            let off = if count > 0.0 { (2.0 * sum / count / f64::from(SMALL.0 - 1) - 1.0).abs() } else { 0.0 };
            (count, off)
        })
        .collect();
    let large = top(&measured.iter().map(|(count, _)| *count).collect::<Vec<_>>()).max(1.0);
    measured.iter().map(|(count, off)| (0.7 + 0.3 * (count / large).min(1.0)) * (1.0 - 0.4 * (off - 0.1).clamp(0.0, 0.6))).collect()
}
