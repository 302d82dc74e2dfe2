//! What a film does when: its beat, its calm and strong parts, and the moment its music should drop.
//!
//! What does not live here: beat finding in sound ([`crate::beat`]), and laying music under a film (`lay`).

use super::movement::{LOOKS_A_SECOND, Movement, movement};
use crate::beat::{BeatGrid, beat_grid, peak_s};
use crate::run::decode::decode_mono;
use rushes_core::{Cancel, Fault};
use std::path::Path;

/// Samples a second that are enough for beats.
pub(super) const LISTEN_HZ: u32 = 22_050;
/// The beat assumed where none is heard and none is seen, a minute.
pub(crate) const USUAL_BPM: f64 = 120.0;
/// Where there are no beats, sections are whole spans of this, seconds.
const SPAN_S: f64 = 2.0;
/// A film whose strongest bar exceeds its calmest by less than this share has no sections.
const FLAT: f32 = 0.15;

/// How a part of a film feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Little happens.
    Calm,
    /// It rises to what follows.
    Build,
    /// Most happens.
    Peak,
}

/// A part of a film, of whole bars where there is a beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Section {
    /// How it feels.
    pub mood: Mood,
    /// Seconds.
    pub start_s: f64,
    /// Seconds.
    pub end_s: f64,
}

/// What a film does when.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// Beats a minute of its sound, or of its movement; None where neither has a beat.
    pub bpm: Option<f64>,
    /// Beat times, seconds, ascending; empty where there is no beat.
    pub beats_s: Vec<f64>,
    /// How sure the beat is, 0–1.
    pub confidence: f64,
    /// In order, without gaps, over all of the film.
    pub sections: Vec<Section>,
    /// The middle of the 2 s that move most, seconds; None where nothing moves.
    pub peak_s: Option<f64>,
    /// The beat nearest to that (or that itself, where no beat is near), seconds.
    pub drop_s: Option<f64>,
    /// How far those 2 s stand out from the rest, 0 (not at all) – 1.
    pub drop_confidence: f64,
}

/// Listens to and looks at the first `max_s` seconds of a film.
///
/// Errors: those of the decoders; `media_tool` without a picture.
pub fn structure(film: &Path, max_s: f64, cancel: &Cancel) -> Result<Structure, Fault> {
    let sound = decode_mono(film, LISTEN_HZ, max_s, cancel)?;
    let moved = movement(film, max_s, cancel)?;
    let length_s = (moved.energy.len() + 1) as f64 / f64::from(LOOKS_A_SECOND);
    let grid = or_seen(beat_grid(&sound, LISTEN_HZ), &moved, length_s);
    Ok(Structure::new(&grid, &moved, length_s))
}

/// The beat of a film's first `length_s` seconds: of its sound; of its movement where the sound has none; else an even one
/// of [`USUAL_BPM`], of confidence 0.
///
/// Errors: those of the decoders.
pub fn beat_of(film: &Path, length_s: f64, cancel: &Cancel) -> Result<BeatGrid, Fault> {
    let heard = beat_grid(&decode_mono(film, LISTEN_HZ, length_s, cancel)?, LISTEN_HZ);
    if heard.is_followable() {
        return Ok(heard);
    }
    let moved = movement(film, length_s, cancel)?;
    Ok(or_seen(heard, &moved, length_s).or_steady(USUAL_BPM, 0.0, length_s))
}

/// The heard beat, or that of the movement where there is none to be heard.
pub(crate) fn or_seen(heard: BeatGrid, moved: &Movement, length_s: f64) -> BeatGrid {
    if heard.is_followable() && heard.beats_s.len() > 1 {
        return heard;
    }
    let Some((bpm, first_s, clarity)) = moved.beat() else { return heard };
    // Where it is silent, movement also tells the strong parts.
    let is_silent = heard.level.is_empty();
    let (level, onset_rate) =
        if is_silent { (smooth(&moved.energy, 8), f64::from(LOOKS_A_SECOND)) } else { (heard.level, heard.onset_rate) };
    let onset = if is_silent { Vec::new() } else { heard.onset };
    let grid = BeatGrid { level, onset, onset_rate, ..BeatGrid::none() }.or_steady(bpm, first_s, length_s);
    BeatGrid { confidence: clarity, ..grid }
}

/// Mean over `reach` values to both sides.
pub(crate) fn smooth(curve: &[f32], reach: usize) -> Vec<f32> {
    (0..curve.len())
        .map(|i| {
            let part = &curve[i.saturating_sub(reach)..(i + reach + 1).min(curve.len())];
            part.iter().sum::<f32>() / part.len() as f32
        })
        .collect()
}

impl Structure {
    /// From a film's beat and movement.
    #[must_use]
    pub fn new(grid: &BeatGrid, moved: &Movement, length_s: f64) -> Self {
        let rate = f64::from(LOOKS_A_SECOND);
        let energy = moved.without_cuts();
        // The first difference belongs to the second look.
        let peak_s = peak_s(&energy, rate).map(|s| (s + 1.0 / rate).min(length_s));
        Self {
            bpm: grid.is_followable().then_some(grid.bpm),
            beats_s: grid.beats_s.clone(),
            confidence: grid.confidence,
            sections: sections(grid, &energy, length_s),
            peak_s,
            drop_s: peak_s.map(|peak| on_beat(grid, peak)),
            drop_confidence: peak_s.map_or(0.0, |peak| prominence(&energy, peak * rate)),
        }
    }
}

/// The beat nearest to a moment, where one is near.
fn on_beat(grid: &BeatGrid, moment_s: f64) -> f64 {
    let near = 0.75 * 60.0 / grid.bpm.max(1.0);
    grid.nearest_beat(moment_s).filter(|beat| (beat - moment_s).abs() <= near).unwrap_or(moment_s)
}

/// How far the second to both sides of a look stands out from all, 0–1.
fn prominence(energy: &[f32], look: f64) -> f64 {
    let (at, reach) = (look as usize, LOOKS_A_SECOND as usize);
    let mean = |part: &[f32]| f64::from(part.iter().sum::<f32>()) / part.len().max(1) as f64;
    let around = mean(&energy[at.saturating_sub(reach).min(energy.len())..(at + reach).min(energy.len())]);
    if around <= 0.0 { 0.0 } else { ((around - mean(energy)) / around).clamp(0.0, 1.0) }
}

/// Where a film's parts begin and end: by bars, each judged by its movement and loudness.
fn sections(grid: &BeatGrid, energy: &[f32], length_s: f64) -> Vec<Section> {
    let mut bounds = vec![0.0];
    let bar_s = if grid.beats_s.is_empty() { SPAN_S } else { 4.0 * 60.0 / grid.bpm.max(1.0) };
    if grid.beats_s.is_empty() {
        bounds.extend((1..).map(|i| f64::from(i) * SPAN_S).take_while(|s| *s < length_s));
    } else {
        bounds.extend(grid.downbeats().filter(|s| *s > 0.0 && *s < length_s));
    }
    // A rest of less than half a bar, before or after, belongs to its neighbour.
    bounds.push(length_s);
    let mut kept: Vec<f64> = vec![0.0];
    for bound in &bounds[1..bounds.len() - 1] {
        if bound - kept[kept.len() - 1] >= bar_s / 2.0 && length_s - bound >= bar_s / 2.0 {
            kept.push(*bound);
        }
    }
    kept.push(length_s);
    let strengths: Vec<f32> = kept.windows(2).map(|pair| strength(grid, energy, pair[0], pair[1])).collect();
    let (low, high) = strengths.iter().fold((f32::MAX, 0.0f32), |(low, high), v| (low.min(*v), high.max(*v)));
    let share = |value: f32| if high - low <= FLAT * high { 0.0 } else { (value - low) / (high - low) };
    let mut made: Vec<Section> = Vec::new();
    for (i, pair) in kept.windows(2).enumerate() {
        let leads_up = strengths.get(i + 1).is_some_and(|next| share(*next) >= 0.66);
        let mood = match share(strengths[i]) {
            v if v >= 0.66 => Mood::Peak,
            v if v >= 0.33 && leads_up => Mood::Build,
            _ => Mood::Calm,
        };
        match made.last_mut() {
            Some(last) if last.mood == mood => last.end_s = pair[1],
            _ => made.push(Section { mood, start_s: pair[0], end_s: pair[1] }),
        }
    }
    made
}

/// Mean movement and loudness of a stretch, each counted half; movement alone where it is silent.
fn strength(grid: &BeatGrid, energy: &[f32], start_s: f64, end_s: f64) -> f32 {
    let mean = |curve: &[f32], rate: f64| {
        let (from, to) = ((start_s * rate) as usize, (end_s * rate).ceil() as usize);
        let part = curve.get(from.min(curve.len())..to.min(curve.len())).unwrap_or(&[]);
        part.iter().sum::<f32>() / part.len().max(1) as f32
    };
    let moved = mean(energy, f64::from(LOOKS_A_SECOND));
    if grid.level.is_empty() { moved } else { 0.5 * moved + 0.5 * mean(&grid.level, grid.onset_rate) }
}
