//! Tests of the beat grid, on clicks, noise and pieces of our own.

use super::*;
use rushes_testkit::rhythms::{self, FEELS, Score, Track, f_measure};

const RATE: u32 = 48_000;

/// Decaying 1 kHz clicks at exact times.
fn clicks(bpm: f64, first_s: f64, duration_s: f64, rate: u32) -> (Vec<f32>, Vec<f64>) {
    let mut sound = vec![0.0f32; (duration_s * f64::from(rate)) as usize];
    let mut beats = Vec::new();
    let mut t = first_s;
    while t < duration_s - 0.02 {
        beats.push(t);
        let start = (t * f64::from(rate)).round() as usize;
        for k in 0..(rate as usize / 50) {
            let s = k as f32 / rate as f32;
            if let Some(v) = sound.get_mut(start + k) {
                *v += 0.7 * (-s * 250.0).exp() * (std::f32::consts::TAU * 1000.0 * s).sin();
            }
        }
        t += 60.0 / bpm;
    }
    (sound, beats)
}

fn noise(len: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

#[test]
fn beat_finds_clicks_at_any_tempo_and_phase() {
    for bpm in [84.0, 97.3, 110.0, 120.0, 128.0, 143.7, 160.0] {
        for first in [0.0, 0.11, 0.37] {
            let (sound, truth) = clicks(bpm, first, 12.0, RATE);
            let grid = beat_grid(&sound, RATE);
            let f = f_measure(&grid.beats_s, &truth);
            let off: f64 = truth.iter().map(|t| grid.nearest_beat(*t).unwrap() - t).sum::<f64>() / truth.len() as f64;
            println!("{bpm} {first}: {} f {f:.3} conf {:.2} off {:.1} ms", grid.bpm, grid.confidence, off * 1e3);
            assert!((grid.bpm / bpm - 1.0).abs() < 0.01, "{bpm} heard as {}", grid.bpm);
            assert!(f >= 0.95, "{bpm} from {first}: F {f}");
            assert!(off.abs() < 0.006, "{bpm} from {first}: {off} s late");
            assert!(grid.confidence > 0.7, "{bpm}: {}", grid.confidence);
        }
    }
}

#[test]
fn beat_does_not_depend_on_rate_or_loudness() {
    for rate in [8000, 22_050, 44_100, 96_000] {
        let (mut sound, truth) = clicks(126.0, 0.2, 8.0, rate);
        sound.iter_mut().for_each(|v| *v *= 0.02);
        let grid = beat_grid(&sound, rate);
        assert!((grid.bpm / 126.0 - 1.0).abs() < 0.02, "{rate}: {}", grid.bpm);
        assert!(f_measure(&grid.beats_s, &truth) > 0.95, "{rate}");
    }
}

#[test]
fn beat_makes_none_up() {
    let silence = beat_grid(&vec![0.0; 480_000], RATE);
    assert!(silence.confidence < 0.1 && silence.beats_s.is_empty() && silence.bpm == 0.0);
    let hum: Vec<f32> = (0..480_000).map(|i| 0.3 * (i as f32 * 0.0288).sin()).collect();
    for (name, sound) in [("noise", noise(480_000)), ("noise from another place", noise(700_000)[200_000..].to_vec()), ("hum", hum)] {
        let grid = beat_grid(&sound, RATE);
        assert!(grid.confidence < 0.1, "{name}: {}", grid.confidence);
        assert!(grid.beats_s.is_empty() && grid.bpm == 0.0, "{name}");
    }
}

#[test]
fn beat_survives_odd_inputs() {
    for len in [0, 1, 100, 5000, 12_000, 20_000] {
        let grid = beat_grid(&noise(len), RATE);
        assert!(grid.confidence <= 1.0, "{len}");
    }
    assert_eq!(beat_grid(&[0.5; 1000], 0), BeatGrid::none());
    let mut broken = clicks(120.0, 0.0, 4.0, RATE).0;
    broken[5000] = f32::NAN;
    broken[9000] = f32::INFINITY;
    assert!(beat_grid(&broken, RATE).bpm.is_finite());
    let empty = BeatGrid::none();
    assert_eq!((empty.nearest_beat(1.0), empty.energy(1.0)), (None, 0.0));
    assert_eq!(empty.or_steady(120.0, 0.5, 2.0).beats_s, [0.5, 1.0, 1.5]);
}

#[test]
fn beat_questions_are_answered_in_seconds() {
    let (sound, _) = clicks(120.0, 0.25, 6.0, RATE);
    let grid = beat_grid(&sound, RATE);
    assert!((grid.nearest_beat(1.3).unwrap() - 1.25).abs() < 0.01);
    assert!(grid.onset_at(1.25) > 0.5 && grid.onset_at(1.5) < 0.1);
    assert_eq!(grid, beat_grid(&sound, RATE), "equal samples, equal grids");
}

#[test]
fn beat_peak_is_the_strongest_stretch_not_a_spike() {
    let mut curve = vec![0.1f32; 2000];
    curve[300] = 1.0;
    curve[1000..1400].fill(0.5);
    assert!((peak_s(&curve, 100.0).unwrap() - 11.0).abs() < 1.1);
    assert_eq!(peak_s(&[], 100.0), None);
    assert_eq!(peak_s(&[0.0; 50], 100.0), None);
    assert!(peak_s(&[0.0, 1.0], 100.0).is_some());
}

fn heard(track: &Track) -> BeatGrid {
    beat_grid(&track.sound, rhythms::RATE)
}

#[test]
fn beat_hears_drummers_it_was_not_made_for() {
    for (row, feel) in FEELS.into_iter().enumerate() {
        let mut score = Score::default();
        for (column, bpm) in [84.0, 91.3, 99.0, 107.6, 116.0, 124.4, 133.0, 141.9, 151.0, 160.0].into_iter().enumerate() {
            let seed = (10 * row + column) as u64;
            let track = rhythms::play(feel, bpm, seed, 15.0);
            let grid = heard(&track);
            score.add(&format!("{feel:?} seed {seed}"), (bpm, &track.beats_s), (grid.bpm, &grid.beats_s));
        }
        println!("{feel:?}: {} of {} tempi, mean F {:.3}", score.right, score.tracks, score.f_mean());
        assert!(score.share() >= 0.95, "{feel:?}: {} of {} tempi, {:#?}", score.right, score.tracks, score.wrong);
        assert!(score.f_mean() >= 0.95, "{feel:?}: mean F {:.3}, {:#?}", score.f_mean(), score.wrong);
    }
}

#[test]
fn beat_follows_what_gets_faster_or_says_it_cannot() {
    for feel in FEELS {
        for (from, to) in [(100.0, 140.0), (140.0, 100.0), (90.0, 104.0), (120.0, 126.0)] {
            let track = rhythms::ramp(feel, from, to, 5, 24.0);
            let grid = heard(&track);
            let f = f_measure(&grid.beats_s, &track.beats_s);
            println!("{feel:?} {from} to {to}: F {f:.2}, confidence {:.2}", grid.confidence);
            assert!(f >= 0.9 || !grid.is_followable(), "{feel:?} {from} to {to}: F {f:.2} at confidence {:.2}", grid.confidence);
        }
    }
}

#[test]
fn beat_is_not_heard_where_nobody_drums() {
    for seed in 0..8 {
        let grid = heard(&rhythms::drumless(seed, 15.0));
        assert!(!grid.is_followable(), "seed {seed}: {:.1} at confidence {:.2}", grid.bpm, grid.confidence);
    }
}
