//! A look-ahead true-peak limiter: both channels together, the same every time.

use std::collections::VecDeque;

/// Half the width of the look-ahead: long enough not to be heard as a click, short enough not to be heard as a dip.
const RADIUS_S: f64 = 0.0025;

/// How slowly it lets go.
const RELEASE_S: f64 = 0.08;

/// Points looked at per sample.
const OVERSAMPLING: usize = 4;

/// Samples on each side that shape a point between two samples.
const REACH: usize = 8;

/// Knows how high the signal rises around each sample; made once, applied at any gain.
pub(super) struct Limiter {
    peaks: Vec<f32>,
    radius: usize,
    release: f32,
}

impl Limiter {
    /// Looks at left and right in turn.
    pub(super) fn new(stereo: &[f32], rate_hz: u32) -> Self {
        let frames = stereo.len() / 2;
        let phases = phases();
        let mut peaks = vec![0.0_f32; frames];
        for channel in 0..2 {
            // Zeros on both sides spare the inner loop its bounds.
            let mut line = vec![0.0_f32; frames + 2 * REACH];
            for (index, pair) in stereo.chunks_exact(2).enumerate() {
                line[REACH + index] = pair[channel];
            }
            for index in 0..frames {
                peaks[index] = peaks[index].max(line[REACH + index].abs());
                let window = &line[index + 1..index + 1 + 2 * REACH];
                for phase in &phases {
                    let point: f32 = window.iter().zip(phase).map(|(sample, weight)| sample * weight).sum();
                    // A point between two samples concerns both.
                    for peak in peaks.iter_mut().skip(index).take(2) {
                        *peak = peak.max(point.abs());
                    }
                }
            }
        }
        let rate = f64::from(rate_hz);
        Self { peaks, radius: (RADIUS_S * rate) as usize, release: (1.0 - (-1.0 / (RELEASE_S * rate)).exp()) as f32 }
    }

    /// The signal at that gain, held below that ceiling (both in decibels).
    pub(super) fn apply(&self, stereo: &[f32], gain_db: f64, ceiling_db: f64) -> Vec<f32> {
        let gain = 10_f64.powf(gain_db / 20.0) as f32;
        let ceiling = 10_f64.powf(ceiling_db / 20.0) as f32;
        let needed: Vec<f32> = self.peaks.iter().map(|peak| (ceiling / (peak * gain).max(1e-9)).min(1.0)).collect();
        let mut held = lowest_around(&needed, self.radius);
        let mut last = 1.0_f32;
        for share in &mut held {
            last = (last + (1.0 - last) * self.release).min(*share);
            *share = last;
        }
        // Each value averaged here already reaches as low as its neighbours within the radius need, so the average does.
        let smooth = average_around(&held, self.radius);
        stereo.chunks_exact(2).zip(smooth).flat_map(|(pair, share)| [pair[0] * gain * share, pair[1] * gain * share]).collect()
    }
}

/// Windowed-sinc weights for the points at 1/4, 2/4 and 3/4 between two samples.
fn phases() -> [[f32; 2 * REACH]; OVERSAMPLING - 1] {
    let mut phases = [[0.0; 2 * REACH]; OVERSAMPLING - 1];
    for (index, phase) in phases.iter_mut().enumerate() {
        let between = (index + 1) as f64 / OVERSAMPLING as f64;
        for (tap, weight) in phase.iter_mut().enumerate() {
            let x = tap as f64 - (REACH - 1) as f64 - between;
            let angle = std::f64::consts::PI * x;
            let window = 0.5 + 0.5 * (angle / (REACH as f64 + 0.5)).cos();
            *weight = (angle.sin() / angle * window) as f32;
        }
        let sum: f32 = phase.iter().sum();
        phase.iter_mut().for_each(|weight| *weight /= sum);
    }
    phases
}

/// The lowest value within `radius` of each.
fn lowest_around(values: &[f32], radius: usize) -> Vec<f32> {
    let mut lowest = Vec::with_capacity(values.len());
    // Positions of rising values; the first is the lowest in the window.
    let mut window: VecDeque<usize> = VecDeque::new();
    for index in 0..values.len() + radius {
        if let Some(value) = values.get(index) {
            while window.back().is_some_and(|last| values[*last] >= *value) {
                window.pop_back();
            }
            window.push_back(index);
        }
        if index >= radius {
            let centre = index - radius;
            while window.front().is_some_and(|first| first + radius < centre) {
                window.pop_front();
            }
            lowest.push(window.front().map_or(1.0, |first| values[*first]));
        }
    }
    lowest
}

/// The mean of the values within `radius` of each; beyond the ends, the end goes on.
fn average_around(values: &[f32], radius: usize) -> Vec<f32> {
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let at = |index: isize| f64::from(values[index.clamp(0, last as isize) as usize]);
    let reach = radius as isize;
    let mut sum: f64 = (-reach..=reach).map(at).sum();
    let width = (2 * radius + 1) as f64;
    let mut out = Vec::with_capacity(values.len());
    for index in 0..values.len() as isize {
        out.push((sum / width) as f32);
        sum += at(index + reach + 1) - at(index - reach);
    }
    out
}
