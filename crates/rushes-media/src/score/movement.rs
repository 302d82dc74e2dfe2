//! Movement over time: how much neighbouring frames differ, and where on the picture.
//!
//! What does not live here: what is made of it (`structure`), and decoding (`crate::run`).

use crate::edit::{EditList, look_at_cut};
use crate::run::decode::decode_gray;
use rushes_core::{Cancel, Fault};
use std::ops::ControlFlow;
use std::path::Path;

/// Size and rate of the small pictures movement is read from.
pub(crate) const SMALL: (u32, u32) = (36, 64);
/// Looks a second, Hz.
pub(crate) const LOOKS_A_SECOND: u32 = 15;
/// Beside this much of what is usual around it, a difference is a cut and no movement.
const CUT_TIMES: f32 = 3.0;
/// What is usual is taken from so many looks to both sides.
const CUT_REACH: usize = 7;
/// What has its like among so many looks to both sides is danced, not cut: shots last longer. Where nothing moves between,
/// it may be farther off: then the jumps are what moves.
const LIKE_REACH: usize = 6;
const LIKE_REACH_STILL: usize = 11;
const STILL: f32 = 0.01;
/// A cut and what is done to the frames around it take so many looks to both sides.
const CUT_LOOKS: usize = 2;

/// Movement over time.
#[derive(Debug, Clone, Default)]
pub struct Movement {
    /// Mean difference of each look and the one before, 0–1 of the strongest; the first value belongs to the second look.
    pub energy: Vec<f32>,
    /// Horizontal centre of the differences, −1 to 1.
    pub centre: Vec<f32>,
}

/// Looks at the first `length_s` seconds of a film.
///
/// Errors: those of [`decode_gray`].
pub(crate) fn movement(film: &Path, length_s: f64, cancel: &Cancel) -> Result<Movement, Fault> {
    let mut watcher = Watcher::default();
    decode_gray(film, SMALL, LOOKS_A_SECOND, length_s, cancel, &mut |frame| {
        watcher.see(frame);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(watcher.done())
}

/// Looks at what an edit list will show, without making it.
///
/// Errors: those of [`crate::edit::render`].
pub fn movement_of_cut(list: &EditList, cancel: &Cancel) -> Result<Movement, Fault> {
    let mut watcher = Watcher::default();
    look_at_cut(list, SMALL, LOOKS_A_SECOND, cancel, &mut |frame| {
        watcher.see(frame);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(watcher.done())
}

/// Compares each small picture with the one before.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    before: Vec<u8>,
    made: Movement,
}

impl Watcher {
    /// Takes in the next picture of [`SMALL`] size.
    pub(crate) fn see(&mut self, frame: &[u8]) {
        if self.before.len() == frame.len() {
            let (mut sum, mut weighted) = (0.0f32, 0.0f32);
            for (i, (a, b)) in frame.iter().zip(&self.before).enumerate() {
                // Noise of the encoder is not movement.
                let change = f32::from(a.abs_diff(*b).saturating_sub(6));
                sum += change;
                weighted += change * ((i % SMALL.0 as usize) as f32 / (SMALL.0 - 1) as f32 * 2.0 - 1.0);
            }
            self.made.energy.push(sum / frame.len() as f32);
            self.made.centre.push(if sum > 40.0 { weighted / sum } else { 0.0 });
        }
        self.before.clear();
        self.before.extend_from_slice(frame);
    }

    /// All of it, in shares of the strongest.
    pub(crate) fn done(mut self) -> Movement {
        let strongest = self.made.energy.iter().copied().fold(0.0, f32::max);
        if strongest > 0.05 {
            self.made.energy.iter_mut().for_each(|value| *value /= strongest);
        }
        self.made
    }
}

impl Movement {
    /// The energy without what cuts and flashes add: where one value stands out from its neighbourhood, the usual value
    /// there takes its place. So a dance and the remix of it move alike.
    #[must_use]
    pub(crate) fn without_cuts(&self) -> Vec<f32> {
        let all = &self.energy;
        let near = |i: usize, reach: usize| i.saturating_sub(reach)..(i + reach + 1).min(all.len());
        let has_like = |i: usize, reach: usize| near(i, reach).any(|k| k.abs_diff(i) > CUT_LOOKS && all[k] > 0.5 * all[i]);
        (0..all.len())
            .map(|i| {
                let mut around = all[near(i, CUT_REACH)].to_vec();
                around.sort_by(f32::total_cmp);
                let usual = around[around.len() / 2];
                let is_cut = all[i] > CUT_TIMES * usual + 0.02 && !has_like(i, if usual > STILL { LIKE_REACH } else { LIKE_REACH_STILL });
                if is_cut { usual } else { all[i] }
            })
            .collect()
    }

    /// Tempo (beats a minute), first beat (seconds) and clarity (0–1) of the movement, where it has a beat: the lag at
    /// which the curve resembles itself.
    #[must_use]
    pub(crate) fn beat(&self) -> Option<(f64, f64, f64)> {
        let energy = &self.energy;
        let mean = energy.iter().sum::<f32>() / energy.len().max(1) as f32;
        let curve: Vec<f32> = energy.iter().map(|v| v - mean).collect();
        let power: f32 = curve.iter().map(|v| v * v).sum();
        let lags = 5usize..=15;
        if curve.len() < 45 || power < 0.05 {
            return None;
        }
        let likeness = |lag: usize| curve.iter().zip(&curve[lag..]).map(|(a, b)| a * b).sum::<f32>() / power;
        let best = lags.max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))?;
        if likeness(best) < 0.25 {
            return None;
        }
        let phase = (0..best).max_by(|a, b| {
            let sum = |p: usize| curve.iter().skip(p).step_by(best).sum::<f32>();
            sum(*a).total_cmp(&sum(*b))
        })?;
        let rate = f64::from(LOOKS_A_SECOND);
        Some((60.0 * rate / best as f64, phase as f64 / rate, f64::from(likeness(best)).min(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_movement_has_the_beat_of_a_picture() {
        let moving = |energy| Movement { energy, centre: Vec::new() };
        let curve: Vec<f32> = (0..150).map(|i| if i % 8 == 3 { 1.0 } else { 0.1 }).collect();
        let (bpm, first, clarity) = moving(curve).beat().unwrap();
        assert!((bpm - 112.5).abs() < 0.1 && (first - 0.2).abs() < 0.01 && clarity > 0.5, "{bpm} {first} {clarity}");
        assert!(moving(vec![0.5; 150]).beat().is_none());
    }

    #[test]
    fn score_movement_is_not_misled_by_cuts() {
        let mut energy: Vec<f32> = (0..60).map(|i| 0.2 + 0.1 * (i as f32 * 0.7).sin()).collect();
        let before = energy.clone();
        // Two of them half a second apart.
        for cut in [9, 30, 31, 38, 53] {
            energy[cut] = 1.0;
        }
        let after = Movement { energy, centre: Vec::new() }.without_cuts();
        assert!(after.iter().zip(&before).all(|(a, b)| (a - b).abs() < 0.15), "{after:?}");
    }
}
