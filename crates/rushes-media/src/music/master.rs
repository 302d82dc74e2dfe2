//! The finish: balance against pink noise, loudness, limiter, fades. Changes no timing.

use super::dsp::{Bell, RATE, RATE_F, db};
use super::style::Style;
use realfft::RealFftPlanner;
use rushes_core::{Code, Fault};

/// Integrated loudness aimed for before the limiter, LUFS.
const LOUDNESS_LUFS: f64 = -13.6;
/// No sample is louder, dBFS; half a dB below what is promised, for what lies between samples.
const CEILING_DBFS: f32 = -1.5;
/// How far the limiter sees ahead, samples (4 ms).
const AHEAD: usize = 192;

/// Centres of the bands the balance is judged in, Hz.
pub(super) const BANDS_HZ: [f64; 9] = [63.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 12_000.0];

/// Finishes a mix in place.
pub(super) fn finish(sides: &mut [Vec<f32>; 2], style: &Style) -> Result<(), Fault> {
    floor(sides);
    for _ in 0..3 {
        balance(sides, &style.tilt);
    }
    fade(sides);
    let loudness = loudness(sides)?;
    if loudness.is_finite() {
        let gain = 10f64.powf((LOUDNESS_LUFS - loudness) / 20.0) as f32;
        sides.iter_mut().flatten().for_each(|v| *v *= gain);
    }
    limit(sides, db(CEILING_DBFS));
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
fn balance(sides: &mut [Vec<f32>; 2], target: &[f32; 9]) {
    let now = tilt(sides);
    let mean = target.iter().sum::<f32>() / target.len() as f32;
    let gains: Vec<f64> = (0..9).map(|i| (0.66 * (f64::from(target[i] - mean) - now[i])).clamp(-5.0, 5.0)).collect();
    for side in sides {
        let mut bells: Vec<Bell> =
            BANDS_HZ.iter().zip(&gains).map(|(hz, gain)| Bell::new(*hz, if *hz > 7_000.0 { 1.6 } else { 1.2 }, *gain)).collect();
        for v in side.iter_mut() {
            *v = bells.iter_mut().fold(f64::from(*v), |x, bell| bell.run(x)) as f32;
        }
    }
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

/// Integrated loudness, LUFS; minus infinity for silence or less than 0.4 s.
pub(super) fn loudness(sides: &[Vec<f32>; 2]) -> Result<f64, Fault> {
    let failed = |e: ebur128::Error| Fault::new(Code::Unexpected, "measure loudness").because(e);
    let mut meter = ebur128::EbuR128::new(2, RATE, ebur128::Mode::I).map_err(failed)?;
    meter.add_frames_planar_f32(&[&sides[0], &sides[1]]).map_err(failed)?;
    meter.loudness_global().map_err(failed)
}

/// Keeps every sample within ±`ceiling`: sees peaks 4 ms ahead, lets go over 80 ms, both sides alike.
fn limit(sides: &mut [Vec<f32>; 2], ceiling: f32) {
    let count = sides[0].len();
    let needed = |i: usize| {
        let peak = sides[0][i].abs().max(sides[1][i].abs());
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
}
