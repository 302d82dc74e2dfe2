//! Where the remix cuts: on the beats of the primary reference, between films that dance alike; and where its music shall
//! drop: where the picture moves most.

#[cfg(test)]
mod tests;

use super::{Followed, Studio};
use crate::kit::blocking;
use rushes_core::flow::{Flow, Lane, Step, StepContext, hash};
use rushes_core::{AssetRef, Code, Done, Fault, Stop};
use rushes_media::beat::BeatGrid;
use rushes_media::edit::{EditList, Segment, Transition};
use rushes_media::probe::probe;
use rushes_media::run::encode::VideoSpec;
use rushes_media::score::{Structure, beat_of, movement_of_cut};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Beats a shot lasts in quiet bars, and in the loud half.
const CALM_BEATS: usize = 4;
const LOUD_BEATS: usize = 2;
/// The shortest shot, seconds: shorter ones flicker.
const SHOT_MIN_S: f64 = 0.5;
/// Louder than this is the loud half, of the loudest.
const LOUD: f32 = 0.6;
/// Of so many cuts one may be more than a cut, beside the drop's.
const ACCENT_EVERY: usize = 4;

/// The remix as planned, and the beat it keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cut {
    pub(crate) spec: VideoSpec,
    pub(crate) segments: Vec<Segment>,
    pub(crate) duration_ms: u64,
    /// Of the reference, or of what is danced where it has none.
    pub(crate) bpm: Option<f64>,
    pub(crate) first_beat_ms: u64,
    /// The beat at which what is shown moves most.
    pub(crate) peak_ms: Option<u64>,
}

/// What music for a film goes by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Beat {
    pub(crate) duration_ms: u64,
    /// None where neither sound nor picture has a beat.
    pub(crate) bpm: Option<f64>,
    pub(crate) first_beat_ms: u64,
    /// Where it moves most.
    pub(crate) peak_ms: Option<u64>,
}

impl Cut {
    pub(crate) fn beat(&self) -> Beat {
        Beat { duration_ms: self.duration_ms, bpm: self.bpm, first_beat_ms: self.first_beat_ms, peak_ms: self.peak_ms }
    }
}

impl<F: Flow> Studio<'_, F> {
    /// Plans the remix of `sources`, the primary dance first, all danced on one reference.
    pub(crate) async fn cut(&self, reference: &Followed, sources: &[AssetRef]) -> Result<Cut, Stop> {
        let (reference, sources, seed) = (reference.asset.clone(), sources.to_vec(), self.person.take_seed());
        let step = Step::new("cut").lane(Lane::Cpu).inputs(&json!([reference.id, sources, seed]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let reference = context.path_of(&reference).await?;
                let mut files = Vec::new();
                for source in &sources {
                    files.push(context.path_of(source).await?);
                }
                let cancel = context.cancel.clone();
                Ok(Done::value(blocking(move || plan(&reference, &files, seed, &cancel)).await?))
            })
            .await
    }
}

fn plan(reference: &Path, files: &[PathBuf], seed: u64, cancel: &rushes_core::Cancel) -> Result<Cut, Fault> {
    let no_picture = || Fault::new(Code::NoVideo, "plan remix");
    let mut spec = None;
    let mut length_s = f64::INFINITY;
    for file in files {
        let found = probe(file, cancel)?;
        let own = VideoSpec::of(&found).ok_or_else(no_picture)?;
        spec = spec.or(Some(own));
        length_s = length_s.min(found.duration.map_or(0.0, |d| d.as_secs_f64()));
    }
    let spec = spec.ok_or_else(no_picture)?;
    let frames = at_frame(length_s, spec.fps).max(1);
    let grid = beat_of(reference, length_s, cancel)?;
    let segments = shots(&bounds(&grid, frames, spec.fps), files.len(), seed);
    let mut list = EditList { sources: files.to_vec(), segments, spec };
    let drop_s = Structure::new(&grid, &movement_of_cut(&list, cancel)?, length_s).drop_s;
    let drop_frame = drop_s.map(|s| at_frame(s, spec.fps));
    if let Some(drop_frame) = drop_frame {
        list.segments = cut_at_drop(&list.segments, drop_frame, spec.fps, files.len());
    }
    accent(&mut list.segments, &grid, spec.fps, drop_frame, seed);
    Ok(Cut {
        spec,
        segments: list.segments,
        duration_ms: frames * 1_000 / u64::from(spec.fps.max(1)),
        bpm: (grid.bpm > 0.0).then_some(thousandths(grid.bpm)),
        first_beat_ms: ms(grid.beats_s.first().copied().unwrap_or(0.0)),
        peak_ms: drop_s.map(ms),
    })
}

/// A number that is the same after it was written as JSON and read again, as hashes of inputs must be.
pub(super) fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of films, far below the limits")]
pub(super) fn ms(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1_000.0).round() as u64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of films, far below the limits")]
fn at_frame(seconds: f64, fps: u32) -> u64 {
    (seconds.max(0.0) * f64::from(fps)).round() as u64
}

/// The fewest frames that last [`SHOT_MIN_S`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half of what a second has")]
fn shortest(fps: u32) -> u64 {
    (SHOT_MIN_S * f64::from(fps)).ceil().max(1.0) as u64
}

/// The frames at which shots begin, 0 first, and the end last. Each inner one is the frame nearest to a beat. A beat too
/// near to the last cut is passed over and not put off to the next one: so every cut lies on the first or third beat of
/// its bar, whatever was passed over. Of the tempi that are heard (to 220 bpm) none is so fast that it comes to that.
fn bounds(grid: &BeatGrid, frames: u64, fps: u32) -> Vec<u64> {
    let shortest = shortest(fps);
    let mut bounds = vec![0];
    let mut next = grid.downbeat.min(grid.beats_s.len());
    while let Some(beat_s) = grid.beats_s.get(next) {
        let at = at_frame(*beat_s, fps);
        if at >= bounds.last().copied().unwrap_or(0) + shortest && at + shortest <= frames {
            bounds.push(at);
        }
        next += if grid.energy(*beat_s) > LOUD { LOUD_BEATS } else { CALM_BEATS };
    }
    bounds.push(frames);
    bounds
}

/// Gives each shot a source: the primary first, never one twice in a row, in an order drawn from the seed.
/// All sources dance alike, so a shot goes on at the very frame where the one before ended.
fn shots(bounds: &[u64], sources: usize, seed: u64) -> Vec<Segment> {
    let mut source = 0;
    let mut shots = Vec::with_capacity(bounds.len());
    for (index, pair) in bounds.windows(2).enumerate() {
        if index > 0 && sources > 1 {
            let drawn = usize::from_str_radix(&hash(&(seed, index))[..4], 16).unwrap_or(0);
            source = (source + 1 + drawn % (sources - 1)) % sources;
        }
        shots.push(Segment { source, start_frame: pair[0], frames: pair[1] - pair[0], transition: Transition::Cut });
    }
    shots
}

/// Makes a shot begin at the drop: cuts too near to it are given up, and the shot it falls into is parted. Only what
/// follows the drop may come from another source than before.
fn cut_at_drop(shots: &[Segment], drop: u64, fps: u32, sources: usize) -> Vec<Segment> {
    let end: u64 = shots.iter().map(|shot| shot.frames).sum();
    let shortest = shortest(fps);
    if drop < shortest || drop + shortest > end {
        return shots.to_vec();
    }
    let mut starts: Vec<(u64, usize)> = shots.iter().map(|shot| (shot.start_frame, shot.source)).collect();
    starts.retain(|(start, _)| *start == 0 || *start == drop || start.abs_diff(drop) >= shortest);
    let after = starts.partition_point(|(start, _)| *start < drop);
    if starts.get(after).is_none_or(|(start, _)| *start != drop) {
        let before = starts[after - 1].1;
        let next = starts.get(after).map(|(_, source)| *source);
        let source = (0..sources).find(|source| *source != before && Some(*source) != next).unwrap_or(before);
        starts.insert(after, (drop, source));
    }
    // Where a cut was given up, two shots of one source may have met: they are one.
    starts.dedup_by(|later, earlier| later.1 == earlier.1 && later.0 != drop);
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([end]);
    let parts = starts.iter().zip(ends);
    parts
        .map(|((start, source), end)| Segment { source: *source, start_frame: *start, frames: end - start, transition: Transition::Cut })
        .collect()
}

/// Makes a few cuts more than cuts: the drop's, and of the others at most one in [`ACCENT_EVERY`], never two in a row.
fn accent(shots: &mut [Segment], grid: &BeatGrid, fps: u32, drop: Option<u64>, seed: u64) {
    let changes_source = shots.windows(2).any(|pair| pair[0].source != pair[1].source);
    let is_drop = |shot: Option<&Segment>| shot.is_some_and(|shot| Some(shot.start_frame) == drop);
    let mut left = shots.len().saturating_sub(1) / ACCENT_EVERY;
    for index in 1..shots.len() {
        if is_drop(shots.get(index)) {
            shots[index].transition = Transition::Dip;
            continue;
        }
        let is_beside = shots[index - 1].transition != Transition::Cut || is_drop(shots.get(index + 1));
        if left == 0 || is_beside {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "frames of films, far below the limits")]
        let at_s = shots[index].start_frame as f64 / f64::from(fps);
        let (before, after) = (grid.energy(at_s - 0.5), grid.energy(at_s + 0.5));
        let drawn = u32::from_str_radix(&hash(&(seed, "accent", index))[..4], 16).unwrap_or(0) % 100;
        shots[index].transition = match drawn {
            // A sweep where it gets louder, a push where it is loud; quiet stretches keep their plain cuts.
            0..55 if changes_source && after > before + 0.12 => Transition::Whip,
            0..35 if after > LOUD => Transition::Punch,
            35..50 if changes_source && after > LOUD => Transition::Whip,
            50..56 if after > LOUD => Transition::Flash,
            _ => Transition::Cut,
        };
        left -= usize::from(shots[index].transition != Transition::Cut);
    }
}
