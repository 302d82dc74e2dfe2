//! Where the remix cuts: on the beats of the primary reference, between films that dance alike.

use super::Followed;
use crate::kit::blocking;
use rushes_core::flow::{Flow, Lane, Step, StepContext, hash};
use rushes_core::{AssetRef, Code, Done, Fault, Stop};
use rushes_media::beat::{BeatGrid, beat_grid, peak_s};
use rushes_media::edit::Segment;
use rushes_media::probe::probe;
use rushes_media::run::decode::decode_mono;
use rushes_media::run::encode::VideoSpec;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Rate the beat is listened to at, Hz.
const LISTEN_HZ: u32 = 22_050;
/// Beats a shot lasts in quiet bars, and in the loud half.
const CALM_BEATS: usize = 4;
const LOUD_BEATS: usize = 2;
/// The shortest shot, seconds: shorter ones flicker.
const SHOT_MIN_S: f64 = 0.5;
/// The beat assumed where none is heard, a minute.
const SILENT_BPM: f64 = 120.0;

/// The remix as planned, and the beat it keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cut {
    pub(crate) spec: VideoSpec,
    pub(crate) segments: Vec<Segment>,
    pub(crate) duration_ms: u64,
    /// None where the reference has no beat to follow.
    pub(crate) bpm: Option<f64>,
    pub(crate) first_beat_ms: u64,
    /// Where the movement is strongest.
    pub(crate) peak_ms: Option<u64>,
}

/// Plans the remix of `sources`, the primary dance first, all danced on one reference.
pub(crate) async fn cut<F: Flow>(flow: &F, reference: &Followed, sources: &[AssetRef], seed: u64) -> Result<Cut, Stop> {
    let (reference, sources) = (reference.asset.clone(), sources.to_vec());
    let step = Step::new("cut").lane(Lane::Cpu).inputs(&json!([reference.id, sources, seed]));
    flow.step(step, move |context: StepContext| async move {
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
    let samples = decode_mono(reference, LISTEN_HZ, length_s, cancel)?;
    let heard = beat_grid(&samples, LISTEN_HZ);
    let (bpm, peak) = (heard.is_followable().then_some(heard.bpm), peak_s(&heard.level, heard.onset_rate));
    let grid = if bpm.is_some() { heard } else { heard.or_steady(SILENT_BPM, 0.0, length_s) };
    let first_beat_ms = ms(grid.beats_s.first().copied().unwrap_or(0.0));
    let peak_ms = peak.and_then(|s| grid.nearest_beat(s)).map(ms);
    let bounds = bounds(&grid, frames, spec.fps);
    Ok(Cut {
        spec,
        segments: shots(&bounds, files.len(), seed),
        duration_ms: frames * 1_000 / u64::from(spec.fps.max(1)),
        bpm,
        first_beat_ms,
        peak_ms,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of films, far below the limits")]
fn ms(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1_000.0).round() as u64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "frames of films, far below the limits")]
fn at_frame(seconds: f64, fps: u32) -> u64 {
    (seconds.max(0.0) * f64::from(fps)).round() as u64
}

/// The frames at which shots begin, 0 first, and the end last. Each inner one is the frame nearest to a beat.
fn bounds(grid: &BeatGrid, frames: u64, fps: u32) -> Vec<u64> {
    let shortest = at_frame(SHOT_MIN_S, fps).max(1);
    let mut bounds = vec![0];
    let mut next = grid.downbeat.min(grid.beats_s.len());
    while let Some(beat_s) = grid.beats_s.get(next) {
        let at = at_frame(*beat_s, fps);
        if at >= bounds.last().copied().unwrap_or(0) + shortest && at + shortest <= frames {
            bounds.push(at);
        }
        next += if grid.energy(*beat_s) > 0.6 { LOUD_BEATS } else { CALM_BEATS };
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
        shots.push(Segment { source, start_frame: pair[0], frames: pair[1] - pair[0] });
    }
    shots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_bounds_lie_on_beats_and_cover_the_film() {
        let grid = BeatGrid::none().or_steady(120.0, 0.1, 10.0);
        let bounds = bounds(&grid, 300, 30);
        assert_eq!((bounds[0], bounds[bounds.len() - 1]), (0, 300));
        for frame in &bounds[1..bounds.len() - 1] {
            let at_s = f64::from(u32::try_from(*frame).unwrap()) / 30.0;
            let beat_s = grid.nearest_beat(at_s).unwrap();
            assert!((at_s - beat_s).abs() <= 0.5 / 30.0 + 1e-9, "{at_s} is no beat, {beat_s} is");
        }
        assert!(bounds.windows(2).all(|pair| pair[1] - pair[0] >= 15), "{bounds:?}");
    }

    #[test]
    fn cut_shots_change_source_and_follow_on() {
        for sources in [1, 2, 3] {
            let shots = shots(&[0, 60, 120, 150, 240, 300], sources, 7);
            assert_eq!(shots[0].source, 0);
            assert_eq!(shots.iter().map(|shot| shot.frames).sum::<u64>(), 300);
            assert!(shots.windows(2).all(|pair| pair[0].start_frame + pair[0].frames == pair[1].start_frame));
            assert!(sources == 1 || shots.windows(2).all(|pair| pair[0].source != pair[1].source), "{shots:?}");
            assert!(shots.iter().all(|shot| shot.source < sources));
        }
    }

    #[test]
    fn cut_a_film_without_beats_is_one_shot() {
        assert_eq!(bounds(&BeatGrid::none(), 10, 30), [0, 10]);
    }
}
