//! Tests of scoring, on films whose strongest moment is known and music whose drop is known.

use super::*;
use crate::edit::{EditList, Segment, Transition};
use crate::music::{Score, Styles, compose, write_wav};
use crate::run::decode::{decode_gray, decode_mono};
use crate::run::encode::VideoSpec;
use crate::run::sample;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// A film of 12 s with a click on every beat of 120 a minute (or none): a square that wanders slowly, and between
/// `strong_s` and two seconds later fast.
fn film(folder: &Path, name: &str, strong_s: f64, has_sound: bool) -> PathBuf {
    // The way grows evenly, and eight times as fast in the strong part.
    let way = format!("(30*T+240*clip(T-{strong_s},0,2))");
    let picture = format!(
        "color=gray:s=180x320:r=30:d=12,format=yuv420p,geq=lum='if(lt(abs(mod(X-{way},180)-90),24)*lt(abs(Y-160),60),220,60)':cb=128:cr=128"
    );
    let clicks = "aevalsrc='0.8*sin(880*2*PI*t)*exp(-30*mod(t,0.5))':s=44100:d=12";
    let encoded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16"];
    let sources: &[&str] = if has_sound { &[&picture, clicks] } else { &[&picture] };
    sample::make(folder, name, sources, &encoded)
}

/// Frame differences of a film, thirty a second: measured apart from what is tested.
fn differences(film: &Path) -> Vec<f64> {
    let (mut made, mut before) = (Vec::new(), Vec::<u8>::new());
    decode_gray(film, (45, 80), 30, 60.0, &Cancel::new(), &mut |frame| {
        if !before.is_empty() {
            made.push(frame.iter().zip(&before).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / frame.len() as f64);
        }
        before = frame.to_vec();
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    made
}

/// The middle of the two seconds with the largest differences.
fn strongest_s(differences: &[f64]) -> f64 {
    let sum = |at: usize| differences[at..at + 60].iter().sum::<f64>();
    let best = (0..differences.len() - 60).max_by(|a, b| sum(*a).total_cmp(&sum(*b))).unwrap();
    (best as f64 + 30.5) / 30.0
}

/// Where loudness rises most between the half second before and after, seconds, to a hundredth.
fn step_s(file: &Path) -> f64 {
    let sound = decode_mono(file, 8_000, 60.0, &Cancel::new()).unwrap();
    let power = |from: usize| sound[from..from + 4_000].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let best = (4_000..sound.len() - 12_000).step_by(80).max_by(|a, b| {
        let rise = |at: usize| power(at) - power(at - 4_000);
        rise(*a).total_cmp(&rise(*b))
    });
    best.unwrap() as f64 / 8_000.0
}

/// Soft, then loud from `drop_s` on: a tone with a sharp edge on each beat of 120 a minute.
fn music(folder: &Path, name: &str, drop_s: f64, length_s: f64) -> PathBuf {
    let source =
        format!("aevalsrc='(0.05+0.75*gte(t,{drop_s}))*sin(330*2*PI*t)*(0.5+0.5*exp(-12*mod(t-{drop_s}+60,0.5)))':s=48000:d={length_s}");
    sample::make(folder, name, &[&source], &["-ac", "2"])
}

#[test]
fn score_structure_finds_beat_sections_and_drop() {
    let folder = tempfile::tempdir().unwrap();
    for strong_s in [3.0, 7.0] {
        let found = structure(&film(folder.path(), "f.mp4", strong_s, true), 20.0, &Cancel::new()).unwrap();
        assert!((found.bpm.unwrap() - 120.0).abs() < 1.0 && found.confidence > 0.3, "{found:?}");
        assert!((found.peak_s.unwrap() - (strong_s + 1.0)).abs() < 0.1, "{found:?}");
        let drop = found.drop_s.unwrap();
        assert!((drop - (strong_s + 1.0)).abs() < 0.27 && ((drop * 2.0).round() - drop * 2.0).abs() < 0.1, "on a beat: {drop}");
        assert!(found.drop_confidence > 0.4, "{found:?}");
        assert_eq!((found.sections[0].start_s, found.sections[found.sections.len() - 1].end_s), (0.0, 12.0));
        assert!(found.sections.windows(2).all(|pair| pair[0].end_s == pair[1].start_s && pair[0].mood != pair[1].mood));
        let at = |s: f64| found.sections.iter().find(|part| part.start_s <= s && s < part.end_s).unwrap().mood;
        assert_eq!(at(drop), Mood::Peak, "{:?}", found.sections);
        assert_eq!(at(11.0), Mood::Calm, "{:?}", found.sections);
    }
}

#[test]
fn score_a_silent_film_goes_by_its_movement() {
    let folder = tempfile::tempdir().unwrap();
    // It jumps eight times in five seconds: 96 beats a minute.
    let jumps =
        "color=gray:s=180x320:r=30:d=10,format=yuv420p,geq=lum='if(lt(abs(mod(X-37*floor(T*1.6+0.01),180)-90),40),230,50)':cb=128:cr=128";
    let silent = sample::make(folder.path(), "s.mp4", &[jumps], &["-c:v", "libx264", "-preset", "ultrafast"]);
    let found = structure(&silent, 20.0, &Cancel::new()).unwrap();
    assert!((found.bpm.unwrap() - 96.0).abs() < 7.0, "{found:?}");
    assert!(!found.beats_s.is_empty() && found.drop_s.is_some());
    let still = sample::make(folder.path(), "still.mp4", &["color=gray:s=96x96:r=30:d=3"], &["-c:v", "libx264"]);
    let found = structure(&still, 20.0, &Cancel::new()).unwrap();
    assert_eq!((found.bpm, found.drop_s, found.sections.len()), (None, None, 1));
    assert_eq!(found.sections[0].mood, Mood::Calm);
    let steady = beat_of(&still, 3.0, &Cancel::new()).unwrap();
    assert_eq!((steady.bpm, steady.confidence, steady.beats_s.len()), (USUAL_BPM, 0.0, 6));
}

#[test]
fn score_music_drops_where_the_picture_moves_most() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // The film's strongest two seconds lie around a beat, so that beat and peak are one moment.
    let film = film(at, "f.mp4", 6.0, true);
    for (name, drop_s, length_s, says) in [
        ("late", 9.3, 20.0, true),
        ("early", 2.9, 20.0, true),
        ("short", 4.21, 9.0, true),
        ("first", 0.4, 9.0, true),
        ("mute", 5.0, 14.0, false),
    ] {
        let music = music(at, &format!("{name}.wav"), drop_s, length_s);
        let out = at.join(format!("{name}.mp4"));
        let cue = Cue { drop_ms: says.then_some((drop_s * 1000.0) as u64), bpm: says.then_some(120.0), ..Cue::default() };
        let found = structure(&film, 12.0, &Cancel::new()).unwrap();
        let (bed_file, at_ms) = (at.join(format!("{name}.bed.wav")), found.drop_s.map(|s| (s * 1000.0).round() as u64));
        bed(&music, &Cue { at_ms, ..cue }, &bed_file, 12_000, &Cancel::new()).unwrap();
        with_sound(&film, &bed_file, &out, &Cancel::new()).unwrap();
        let (peak, step) = (strongest_s(&differences(&out)), step_s(&out));
        assert!((step - peak).abs() <= 0.05, "{name}: the music steps up at {step}, the picture is strongest at {peak}; {found:?}");
        let (picture, sound) = sample::decoded_lengths(&out, 30);
        assert!((picture - 12.0).abs() < 1e-9 && (picture - sound).abs() <= 1.0 / 30.0, "{name}: {picture} {sound}");
        assert_eq!(sample::packets_md5(&out, "0:v"), sample::packets_md5(&film, "0:v"), "the picture is not encoded again");
        let heard = crate::loudness::measure_file(&out, 20.0, &Cancel::new()).unwrap().unwrap();
        assert!((heard.integrated_lufs.unwrap() + 14.0).abs() <= 0.5 && heard.true_peak_dbtp.unwrap() <= -1.0, "{name}: {heard:?}");
    }
}

#[test]
fn score_short_music_begins_again_on_its_bars() {
    let folder = tempfile::tempdir().unwrap();
    let piece =
        compose(&Styles::builtin(), &Score { seed: 5, duration_ms: 9_000, bpm: Some(120.0), drop_ms: Some(4_000), ..Score::default() })
            .unwrap();
    let music = folder.path().join("m.wav");
    write_wav(&music, &piece).unwrap();
    let cue = Cue { drop_ms: Some(piece.drop_ms), bpm: Some(120.0), at_ms: Some(10_250), asked_ms: None };
    let laid = lay(&music, &cue, 30_000, &Cancel::new()).unwrap();
    assert_eq!((laid.offset_ms, laid.drop_ms, laid.stereo.len()), (6_250, Some(4_000), 30_000 * 48 * 2));
    assert!(laid.repeats >= 5, "{}", laid.repeats);
    let mono: Vec<f32> = laid.stereo.chunks(2).map(|pair| pair[0]).collect();
    // Every half second holds music, and the beat never stumbles.
    let quietest = mono.chunks(24_000).map(|part| part.iter().map(|v| v * v).sum::<f32>() / part.len() as f32).fold(f32::MAX, f32::min);
    assert!(quietest > 1e-6, "{quietest}");
    let heard = crate::beat::beat_grid(&mono, 48_000);
    let truth: Vec<f64> = (0..60).map(|i| 0.25 + 0.5 * f64::from(i)).filter(|t| *t < 30.0).collect();
    let found = rushes_testkit::rhythms::f_measure(&heard.beats_s, &truth);
    assert!(found > 0.9, "{found}: {:?}", heard.beats_s);
    // No jump between two samples larger than the music's own.
    let jump = |samples: &[f32]| samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    let own: Vec<f32> = piece.left.clone();
    assert!(jump(&mono) <= jump(&own) * 1.05, "{} {}", jump(&mono), jump(&own));
}

#[test]
fn score_music_without_a_drop_or_a_beat_or_a_sound_is_laid_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let hum = sample::make(folder.path(), "hum.wav", &["sine=f=200:d=2"], &["-ac", "2"]);
    let laid = lay(&hum, &Cue::default(), 5_000, &Cancel::new()).unwrap();
    assert_eq!((laid.stereo.len(), laid.offset_ms), (5_000 * 48 * 2, 0));
    assert!(laid.stereo.chunks(9_600).all(|part| part.iter().any(|v| v.abs() > 0.01)));
    let mute = sample::make(folder.path(), "mute.mp4", &["color=gray:s=64x64:d=1"], &[]);
    let laid = lay(&mute, &Cue { at_ms: Some(500), ..Cue::default() }, 2_000, &Cancel::new()).unwrap();
    assert!(laid.stereo.len() == 2_000 * 48 * 2 && laid.stereo.iter().all(|v| *v == 0.0));
}

#[test]
fn score_the_cut_moves_as_the_film_it_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let sources = vec![film(folder.path(), "a.mp4", 5.0, true), film(folder.path(), "b.mp4", 5.0, true)];
    let segments = [0u64, 60, 120, 150, 210, 300, 360].windows(2).enumerate().map(|(index, pair)| Segment {
        source: index % 2,
        start_frame: pair[0],
        frames: pair[1] - pair[0],
        transition: if index == 3 { Transition::Dip } else { Transition::Cut },
    });
    let list = EditList { sources: sources.clone(), segments: segments.collect(), spec: VideoSpec { width: 180, height: 320, fps: 30 } };
    let of_cut = movement_of_cut(&list, &Cancel::new()).unwrap();
    let whole = movement(&sources[0], 12.0, &Cancel::new()).unwrap();
    assert_eq!(of_cut.energy.len(), whole.energy.len());
    let peak = |moved: &Movement| crate::beat::peak_s(&moved.without_cuts(), f64::from(LOOKS_A_SECOND)).unwrap();
    assert!((peak(&of_cut) - peak(&whole)).abs() < 0.1, "{} {}", peak(&of_cut), peak(&whole));
}
