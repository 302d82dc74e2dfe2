//! What a reference tells a dancer: its beat, its energy, and where on the picture the movement is.
//!
//! This is beat-following, not pose transfer. What does not live here: beat finding in sound (`crate::beat`) and
//! looking at movement (`crate::score`).

use crate::beat::beat_grid;
use crate::draw::choreography::Music;
use crate::run::decode::decode_mono;
use crate::score::{LOOKS_A_SECOND, USUAL_BPM, movement, smooth};
use rushes_core::{Cancel, Code, Fault};
use std::path::Path;

/// Samples a second that are enough for beats.
const RATE_HZ: u32 = 22_050;
/// Values a second of the curves handed on.
const CURVE_RATE: f64 = 10.0;

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
        let (bpm, first, _) = movement.beat().unwrap_or((USUAL_BPM, 0.0, 0.0));
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
