//! What a reference tells a dancer: its beat, its energy, and where on the picture the movement is.
//!
//! This is beat-following, not pose transfer. What does not live here: beat finding in sound (`crate::beat`).

use crate::beat::beat_grid;
use crate::draw::choreography::Music;
use crate::run::decode::{decode_gray, decode_mono};
use rushes_core::{Cancel, Code, Fault};
use std::ops::ControlFlow;
use std::path::Path;

/// Samples a second that are enough for beats.
const RATE_HZ: u32 = 22_050;
/// Size and rate of the small pictures movement is read from.
const SMALL: (u32, u32) = (36, 64);
const LOOKS_A_SECOND: u32 = 15;
/// Danced to where neither sound nor picture has a beat, beats a minute.
const USUAL_BPM: f64 = 120.0;
/// Values a second of the curves handed on.
const CURVE_RATE: f64 = 10.0;

/// Movement over time.
#[derive(Debug, Default)]
struct Movement {
    /// Mean difference of neighbouring frames, 0–1 of the strongest.
    energy: Vec<f32>,
    /// Horizontal centre of the differences, −1 to 1.
    centre: Vec<f32>,
}

/// Listens to and looks at the first `length_s` seconds of a reference.
/// Errors: those of the decoders.
pub(super) fn watch(reference: &Path, length_s: f64, cancel: &Cancel) -> Result<Music, Fault> {
    let sound = decode_mono(reference, RATE_HZ, length_s, cancel)?;
    let grid = beat_grid(&sound, RATE_HZ);
    let movement = movement(reference, length_s, cancel)?;
    if cancel.is_cancelled() {
        return Err(Fault::new(Code::Cancelled, "analyse reference"));
    }
    let steps = (length_s * CURVE_RATE).ceil().max(2.0) as usize;
    let at = |i: usize| i as f64 / CURVE_RATE;
    let heard = sound.iter().any(|v| v.abs() > 1e-3);
    let seen = |t: f64| pick(&movement.energy, t * f64::from(LOOKS_A_SECOND), 0.5);
    let energy = (0..steps).map(|i| if heard { 0.65 * grid.energy(at(i)) + 0.35 * seen(at(i)) } else { seen(at(i)) }).collect();
    let onset = (0..steps).map(|i| grid.onset_at(at(i))).collect();
    let centre = smooth(&(0..steps).map(|i| pick(&movement.centre, at(i) * f64::from(LOOKS_A_SECOND), 0.0)).collect::<Vec<_>>(), 15);
    let (beats_s, downbeat) = if grid.is_followable() && grid.beats_s.len() > 1 {
        (grid.beats_s.clone(), grid.downbeat)
    } else {
        let (bpm, first) = seen_beat(&movement.energy).unwrap_or((USUAL_BPM, 0.0));
        (Music::steady(bpm, length_s).beats_s.iter().map(|t| t + first).collect(), 0)
    };
    Ok(Music { beats_s, downbeat, length_s, energy: smooth(&energy_or_medium(energy), 8), onset, centre })
}

fn energy_or_medium(energy: Vec<f32>) -> Vec<f32> {
    let strongest = energy.iter().copied().fold(0.0, f32::max);
    if strongest < 1e-3 { vec![0.5; energy.len()] } else { energy }
}

fn pick(curve: &[f32], index: f64, otherwise: f32) -> f32 {
    curve.get(index.max(0.0) as usize).or(curve.last()).copied().unwrap_or(otherwise)
}

/// Mean over `reach` values to both sides.
fn smooth(curve: &[f32], reach: usize) -> Vec<f32> {
    (0..curve.len())
        .map(|i| {
            let part = &curve[i.saturating_sub(reach)..(i + reach + 1).min(curve.len())];
            part.iter().sum::<f32>() / part.len() as f32
        })
        .collect()
}

fn movement(reference: &Path, length_s: f64, cancel: &Cancel) -> Result<Movement, Fault> {
    let mut made = Movement::default();
    let mut before: Vec<u8> = Vec::new();
    decode_gray(reference, SMALL, LOOKS_A_SECOND, length_s, cancel, &mut |frame| {
        if before.len() == frame.len() {
            let (mut sum, mut weighted) = (0.0f32, 0.0f32);
            for (i, (a, b)) in frame.iter().zip(&before).enumerate() {
                // Noise of the encoder is not movement.
                let change = f32::from(a.abs_diff(*b).saturating_sub(6));
                sum += change;
                weighted += change * ((i % SMALL.0 as usize) as f32 / (SMALL.0 - 1) as f32 * 2.0 - 1.0);
            }
            made.energy.push(sum / frame.len() as f32);
            made.centre.push(if sum > 40.0 { weighted / sum } else { 0.0 });
        }
        before = frame.to_vec();
        Ok(ControlFlow::Continue(()))
    })?;
    let strongest = made.energy.iter().copied().fold(0.0, f32::max);
    if strongest > 0.05 {
        for value in &mut made.energy {
            *value /= strongest;
        }
    }
    Ok(made)
}

/// Tempo and first beat of the picture's movement, where it has one: the lag at which the curve resembles itself.
fn seen_beat(energy: &[f32]) -> Option<(f64, f64)> {
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
    Some((60.0 * rate / best as f64, phase as f64 / rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_motion_sees_the_beat_of_a_picture() {
        let curve: Vec<f32> = (0..150).map(|i| if i % 8 == 3 { 1.0 } else { 0.1 }).collect();
        let (bpm, first) = seen_beat(&curve).unwrap();
        assert!((bpm - 112.5).abs() < 0.1 && (first - 0.2).abs() < 0.01, "{bpm} {first}");
        assert!(seen_beat(&vec![0.5; 150]).is_none());
    }
}
