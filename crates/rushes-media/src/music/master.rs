//! The finish: balance against pink noise, loudness, limiter, fades. Changes no timing.

use super::dsp::{Bell, RATE, RATE_F, db};
use super::style::Style;
use realfft::RealFftPlanner;
use rushes_core::{Code, Fault};

/// What a composed piece is brought to. What films get is [`crate::loudness`]'s, whatever they are given.
const LOUDNESS_LUFS: f64 = -14.0;
/// Nothing is louder, dBTP; a little below what is promised, since meters look more closely.
const CEILING_DBTP: f32 = -1.2;
/// How far the limiter sees ahead, samples (4 ms).
const AHEAD: usize = 192;

/// Centres of the bands the balance is judged in, Hz.
pub(super) const BANDS_HZ: [f64; 9] = [63.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 12_000.0];

/// Asked every few milliseconds of work; its fault ends it.
type KeepOn<'a> = &'a mut dyn FnMut() -> Result<(), Fault>;

/// Samples between two questions whether to keep on: a second.
const PIECE: usize = RATE as usize;

/// Finishes a mix in place.
pub(super) fn finish(sides: &mut [Vec<f32>; 2], style: &Style, keep_on: KeepOn) -> Result<(), Fault> {
    floor(sides);
    for _ in 0..3 {
        balance(sides, &style.tilt_db, keep_on)?;
    }
    fade(sides);
    // Again and again, since the limiter takes away some of what the gain gave.
    for _ in 0..3 {
        let loudness = loudness(sides, keep_on)?;
        if loudness.is_finite() {
            let gain = 10f64.powf((LOUDNESS_LUFS - loudness) / 20.0) as f32;
            sides.iter_mut().flatten().for_each(|v| *v *= gain);
        }
        round_off(sides, db(CEILING_DBTP));
        limit(sides, db(CEILING_DBTP), keep_on)?;
    }
    Ok(())
}

/// Takes out what lies below hearing (28 Hz, second order), which would only eat headroom.
fn floor(sides: &mut [Vec<f32>; 2]) {
    for side in sides {
        let mut filter = super::dsp::Svf::new(28.0, 0.7);
        side.iter_mut().for_each(|v| *v = filter.run(*v).high);
    }
}

/// Level of each band in dB relative to pink noise, their mean taken out.
pub(super) fn tilt(sides: &[Vec<f32>; 2]) -> [f64; 9] {
    const SIZE: usize = 4096;
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(SIZE);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let mut power = vec![0.0f64; output.len()];
    let count = sides[0].len();
    // At most some four hundred looks: enough for a mean, whatever the length.
    let hop = (count / 400).max(SIZE / 2);
    for start in (0..count).step_by(hop) {
        for (k, slot) in input.iter_mut().enumerate() {
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * k as f32 / SIZE as f32).cos();
            let at = start + k;
            *slot = if at < count { 0.5 * (sides[0][at] + sides[1][at]) * window } else { 0.0 };
        }
        fft.process(&mut input, &mut output).expect("the buffers are of the plan's own sizes");
        power.iter_mut().zip(&output).for_each(|(sum, v)| *sum += f64::from(v.norm_sqr()));
    }
    let bin_hz = f64::from(RATE) / SIZE as f64;
    let mut levels = BANDS_HZ.map(|centre| {
        // Equal energy in equal ratios is what pink means; half an octave to each side, less at the top.
        let (from, to) = (centre / 2f64.sqrt(), (centre * 2f64.sqrt()).min(16_000.0));
        let bins = (from / bin_hz).round() as usize..=(to / bin_hz).round() as usize;
        10.0 * (power[bins].iter().sum::<f64>() / (to / from).log2() + 1e-20).log10()
    });
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    levels.iter_mut().for_each(|v| *v -= mean);
    levels
}

/// Draws each band two thirds of the way to the style's target, at most 5 dB at a time.
fn balance(sides: &mut [Vec<f32>; 2], target: &[f32; 9], keep_on: KeepOn) -> Result<(), Fault> {
    let now = tilt(sides);
    let mean = target.iter().sum::<f32>() / target.len() as f32;
    let gains: Vec<f64> = (0..9).map(|i| (0.66 * (f64::from(target[i] - mean) - now[i])).clamp(-5.0, 5.0)).collect();
    let bell = |i: usize| Bell::new(BANDS_HZ[i], if BANDS_HZ[i] > 7_000.0 { 1.6 } else { 1.2 }, gains[i]);
    let mut bells: [[Bell; 2]; 9] = std::array::from_fn(|i| [bell(i), bell(i)]);
    let [left, right] = sides;
    for (left, right) in left.chunks_mut(PIECE).zip(right.chunks_mut(PIECE)) {
        keep_on()?;
        // Both sides at once: their chains do not wait for each other.
        for (l, r) in left.iter_mut().zip(right) {
            let (mut x, mut y) = (f64::from(*l), f64::from(*r));
            for [a, b] in &mut bells {
                x = a.run(x);
                y = b.run(y);
            }
            (*l, *r) = (x as f32, y as f32);
        }
    }
    Ok(())
}

/// In over 3 ms, out over the last 0.35 s (a twelfth of short pieces), so that no edge clicks.
fn fade(sides: &mut [Vec<f32>; 2]) {
    for side in sides {
        let count = side.len();
        let (rise, fall) = ((0.003 * RATE_F) as usize, ((0.35 * RATE_F) as usize).min(count / 12));
        for (i, v) in side.iter_mut().take(rise).enumerate() {
            *v *= i as f32 / rise as f32;
        }
        for (i, v) in side.iter_mut().rev().take(fall).enumerate() {
            let along = i as f32 / fall as f32;
            *v *= along * along * (3.0 - 2.0 * along);
        }
    }
}

/// Rounds off the tips above three quarters of `ceiling`, which are the kick's: it grows fuller. Left to the limiter
/// alone, all else would dip under each kick, and the beat be weakest where it should be strongest.
fn round_off(sides: &mut [Vec<f32>; 2], ceiling: f32) {
    let (knee, room) = (0.75 * ceiling, 0.32 * ceiling);
    for v in sides.iter_mut().flatten().filter(|v| v.abs() > knee) {
        *v = v.signum() * (knee + room * ((v.abs() - knee) / room).tanh());
    }
}

/// Integrated loudness, LUFS; minus infinity for silence or less than 0.4 s.
pub(super) fn loudness(sides: &[Vec<f32>; 2], keep_on: KeepOn) -> Result<f64, Fault> {
    let failed = |e: ebur128::Error| Fault::new(Code::Unexpected, "measure loudness").because(e);
    let mut meter = ebur128::EbuR128::new(2, RATE, ebur128::Mode::I).map_err(failed)?;
    for (left, right) in sides[0].chunks(PIECE).zip(sides[1].chunks(PIECE)) {
        keep_on()?;
        meter.add_frames_planar_f32(&[left, right]).map_err(failed)?;
    }
    meter.loudness_global().map_err(failed)
}

/// Samples that shape the wave between two of them.
const TAPS: usize = 12;

/// Weights for the points at 1/4, 2/4 and 3/4 between two samples: sinc under a cosine window.
fn between_taps() -> [[f32; TAPS]; 3] {
    std::array::from_fn(|point| {
        let weight = |k: usize| {
            let x = std::f32::consts::PI * (k as f32 - (TAPS / 2 - 1) as f32 - (point + 1) as f32 / 4.0);
            x.sin() / x * (x / TAPS as f32).cos().powi(2)
        };
        let sum: f32 = (0..TAPS).map(weight).sum();
        std::array::from_fn(|k| weight(k) / sum)
    })
}

/// The highest the wave rises between samples `i` and `i + 1`; 0 near the ends, where the fades are.
fn between(side: &[f32], i: usize, taps: &[[f32; TAPS]; 3]) -> f32 {
    let around = (i + 1).checked_sub(TAPS / 2).and_then(|from| side.get(from..from + TAPS));
    let point = |around: &[f32], taps: &[f32; TAPS]| around.iter().zip(taps).map(|(v, tap)| v * tap).sum::<f32>().abs();
    around.map_or(0.0, |around| taps.iter().fold(0.0, |m, taps| m.max(point(around, taps))))
}

/// Keeps every sample within ±`ceiling`: sees peaks 4 ms ahead, lets go over 80 ms, both sides alike.
fn limit(sides: &mut [Vec<f32>; 2], ceiling: f32, keep_on: KeepOn) -> Result<(), Fault> {
    let count = sides[0].len();
    let taps = between_taps();
    let needed = |i: usize| {
        let peak = sides.iter().fold(0.0f32, |m, side| {
            let here = side[i].abs().max(side.get(i + 1).map_or(0.0, |v| v.abs()));
            // Between two small samples lies no peak worth looking for.
            if here < 0.6 * ceiling { m.max(here) } else { m.max(here).max(between(side, i, &taps)) }
        });
        if peak > ceiling { ceiling / peak } else { 1.0 }
    };
    // Smallest gain needed within the next AHEAD samples, eased back slowly, then averaged over AHEAD samples:
    // each mean holds only values at or below what its own sample needs.
    let mut lowest: std::collections::VecDeque<(usize, f32)> = std::collections::VecDeque::new();
    let release = 1.0 - (-1.0 / (0.08 * RATE_F)).exp();
    let mut held = 1.0f32;
    let mut window = vec![1.0f32; AHEAD];
    let mut sum = AHEAD as f64;
    let mut gains = Vec::with_capacity(count);
    for i in 0..count + AHEAD {
        if i % PIECE == 0 {
            keep_on()?;
        }
        let gain = if i < count { needed(i) } else { 1.0 };
        while lowest.back().is_some_and(|last| last.1 >= gain) {
            lowest.pop_back();
        }
        lowest.push_back((i, gain));
        if lowest.front().is_some_and(|first| first.0 + AHEAD < i) {
            lowest.pop_front();
        }
        let least = lowest.front().map_or(1.0, |first| first.1);
        held = least.min(held + release * (1.0 - held));
        sum += f64::from(held) - f64::from(window[i % AHEAD]);
        window[i % AHEAD] = held;
        if i >= AHEAD {
            gains.push((sum / AHEAD as f64) as f32);
        }
    }
    for side in sides {
        // The clamp catches rounding only.
        side.iter_mut().zip(&gains).for_each(|(v, gain)| *v = (*v * gain).clamp(-ceiling, ceiling));
    }
    Ok(())
}
