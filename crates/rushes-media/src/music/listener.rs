//! What a listener would measure: peaks and loudness, balance against pink noise, strokes on the grid, the lift of the drop.

use super::*;
use drums::Drum;
use ebur128::{EbuR128, Mode};
use realfft::RealFftPlanner;

/// Every style, at tempi and seeds of its own: the style's tempo and two from the edges of what is danced to.
fn pieces(duration_ms: u64) -> impl Iterator<Item = (String, Piece)> {
    let asked = move |(row, style): (usize, &str)| {
        [None, Some(88.0), Some(152.0)].map(|bpm| {
            let seed = 17 * row as u64 + bpm.map_or(0, |bpm: f64| bpm as u64);
            Score { style: style.into(), seed, duration_ms, bpm, ..Score::default() }
        })
    };
    let scores: Vec<Score> = style_names().enumerate().flat_map(asked).collect();
    scores
        .into_iter()
        .map(|score| (format!("{} {:?} seed {}", score.style, score.bpm, score.seed), compose(&Styles::builtin(), &score).unwrap()))
}

#[test]
fn music_is_as_loud_as_promised_and_nowhere_clipped() {
    for (what, piece) in pieces(12_000) {
        let mut meter = EbuR128::new(2, RATE, Mode::I | Mode::TRUE_PEAK).unwrap();
        meter.add_frames_planar_f32(&[&piece.left, &piece.right]).unwrap();
        let peak = 20.0 * meter.true_peak(0).unwrap().max(meter.true_peak(1).unwrap()).log10();
        let loudness = meter.loudness_global().unwrap();
        println!("{what}: {loudness:.2} LUFS, {peak:.2} dBTP");
        assert!((loudness + 14.0).abs() <= 0.5, "{what}: {loudness:.2} LUFS");
        assert!(peak <= -1.0, "{what}: {peak:.2} dBTP");
        let top = piece.left.iter().chain(&piece.right).fold(0.0_f32, |m, v| m.max(v.abs()));
        // What was cut off flat would stay at its highest for several samples.
        let is_flat = |side: &[f32]| side.windows(3).any(|w| w.iter().all(|v| v.abs() >= 0.9999 * top));
        assert!(!is_flat(&piece.left) && !is_flat(&piece.right), "{what}: tops are cut off");
    }
}

/// Level of each octave band from 63 Hz to 8 kHz (44 Hz to 11.3 kHz), dB against pink noise (which has the same in all),
/// their mean taken out. Both sides, by their power.
fn octaves(piece: &Piece) -> Vec<(f64, f64)> {
    const SIZE: usize = 8192;
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(SIZE);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let mut power = vec![0.0_f64; output.len()];
    for side in [&piece.left, &piece.right] {
        for start in (0..side.len() - SIZE).step_by(SIZE / 2) {
            for (k, slot) in input.iter_mut().enumerate() {
                *slot = side[start + k] * (0.5 - 0.5 * (std::f32::consts::TAU * k as f32 / SIZE as f32).cos());
            }
            fft.process(&mut input, &mut output).unwrap();
            power.iter_mut().zip(&output).for_each(|(sum, v)| *sum += f64::from(v.norm_sqr()));
        }
    }
    let bin_hz = f64::from(RATE) / SIZE as f64;
    let level = |centre: f64| {
        let (from, to) = (centre / 2.0_f64.sqrt(), centre * 2.0_f64.sqrt());
        let share = |bin: usize| (((bin as f64 + 0.5) * bin_hz).min(to) - ((bin as f64 - 0.5) * bin_hz).max(from)).max(0.0) / bin_hz;
        let energy: f64 = power.iter().enumerate().skip(1).map(|(bin, v)| v * share(bin)).sum();
        (centre, 10.0 * (energy / (to / from).log2()).log10())
    };
    let mut levels: Vec<(f64, f64)> = (0..8).map(|octave| level(63.0 * f64::from(1 << octave))).collect();
    let mean = levels.iter().map(|(_, level)| level).sum::<f64>() / levels.len() as f64;
    levels.iter_mut().for_each(|(_, level)| *level -= mean);
    levels
}

#[test]
fn music_is_balanced_like_pink_noise() {
    for (what, piece) in pieces(12_000) {
        let levels = octaves(&piece);
        let shown: Vec<String> = levels.iter().map(|(hz, level)| format!("{hz:.0}: {level:+.1}")).collect();
        println!("{what}: {}", shown.join(", "));
        assert!(levels.iter().all(|(_, level)| level.abs() <= 6.0), "{what}, dB by octave: {}", shown.join(", "));
    }
}

#[test]
fn music_drums_strike_on_the_grid() {
    let styles = Styles::builtin();
    for (row, name) in style_names().enumerate() {
        for (drum, least) in [(Drum::Kick, 6), (Drum::Snare, 4), (Drum::Clap, 0), (Drum::Rim, 0), (Drum::Hat, 15)] {
            let asked = Score { style: name.into(), seed: 5 + row as u64, duration_ms: 14_000, first_beat_ms: 137, ..Score::default() };
            let style = styles.style(name).unwrap();
            let mut stage = arrange(&asked, style, style.bpm);
            stage.events.retain(|e| matches!(e.sound, stage::Sound::Drum(struck) if struck == drum));
            let asked_for = stage.events.len();
            let [left, _] = mixer::mix(&stage, &mut |_| Ok(())).unwrap();
            let strokes = strokes_s(&left);
            let worst = strokes.iter().map(|t| off_grid_s(&stage, *t).abs()).fold(0.0, f64::max);
            println!("{name} {drum:?}: {} strokes heard of {asked_for}, at most {:.2} ms off", strokes.len(), worst * 1e3);
            assert!(strokes.len() >= least.min(asked_for), "{name} {drum:?}: {} strokes heard of {asked_for}", strokes.len());
            assert!(worst <= 0.005, "{name} {drum:?}: {:.1} ms off the grid", worst * 1e3);
        }
    }
}

/// How far a time is from the nearest sixteenth, where every second one comes as late as the style has it.
fn off_grid_s(stage: &Stage, t: f64) -> f64 {
    let step_s = stage.plan.beat_s / 4.0;
    let at = (t - stage.plan.first_s) / step_s;
    let near = |even: bool| {
        let late = if even { 0.0 } else { 1.0 + stage.style.swing };
        at - (((at - late) / 2.0).round() * 2.0 + late)
    };
    [near(true), near(false)].into_iter().min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0) * step_s
}

/// When something strikes, seconds: where what is left after two differences (clicks, not tails) jumps within 0.5 ms.
fn strokes_s(sound: &[f32]) -> Vec<f64> {
    const HOP: usize = 24;
    let sharp: Vec<f32> = sound.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).collect();
    let levels: Vec<f32> = sharp.chunks(HOP).map(|c| c.iter().sum::<f32>() / HOP as f32).collect();
    let mut strokes: Vec<f64> = Vec::new();
    for i in 0..levels.len() {
        let before = levels[i.saturating_sub(20)..i].iter().fold(0.0_f32, |m, v| m.max(*v));
        let t = (i * HOP) as f64 / f64::from(RATE);
        if levels[i] > 1e-3 && levels[i] > 5.0 * before && strokes.last().is_none_or(|last| t - last > 0.08) {
            strokes.push(t);
        }
    }
    strokes
}

/// Mean power of a stretch, and of its differences, which is what is bright in it.
fn power(piece: &Piece, from_s: f64, to_s: f64) -> (f64, f64) {
    let stretch = &piece.mono()[(from_s * 48e3) as usize..(to_s * 48e3) as usize];
    let mean = |sum: f64| sum / stretch.len() as f64;
    let bright = stretch.windows(2).map(|w| f64::from(w[1] - w[0]).powi(2)).sum();
    (mean(stretch.iter().map(|v| f64::from(*v).powi(2)).sum()), mean(bright))
}

#[test]
fn music_drop_lifts_from_where_the_build_began() {
    for (row, style) in style_names().enumerate() {
        for seed in [1, 2] {
            let asked =
                Score { style: style.into(), seed: 10 * row as u64 + seed, duration_ms: 20_000, bpm: Some(120.0), ..Score::default() };
            let plan = plan::Plan::new(&asked, 120.0);
            let build = plan.sections.iter().find(|s| s.role == plan::Role::Build).unwrap();
            let piece = compose(&Styles::builtin(), &asked).unwrap();
            let (bar, build_s, drop_s) = (2.0, plan.time(build.start as f64), plan.time(plan.drop as f64));
            let (begin, drop) = (power(&piece, build_s, build_s + bar), power(&piece, drop_s, drop_s + bar));
            // The half beat before the drop is held back.
            let gap = power(&piece, drop_s - 0.11, drop_s - 0.01);
            let db = |ratio: f64| 10.0 * ratio.log10();
            let (louder, brighter, held) = (db(drop.0 / begin.0), db(drop.1 / begin.1), db(gap.0 / drop.0));
            println!(
                "{style} seed {seed}: {louder:+.1} dB louder, {brighter:+.1} dB brighter than the build's beginning, gap {held:+.1} dB"
            );
            assert!(louder >= 2.0, "{style} seed {seed}: the drop is {louder:+.1} dB above the build's beginning");
            assert!(brighter >= 3.0, "{style} seed {seed}: the drop is {brighter:+.1} dB brighter than the build's beginning");
            assert!(held <= -6.0, "{style} seed {seed}: nothing makes room for the drop ({held:+.1} dB)");
        }
    }
}
