//! From samples to curves: how strongly something begins (spectral flux), the same for the bass, and the level.

use realfft::RealFftPlanner;

/// The curves a piece is judged by, all at `rate` values a second; value `i` belongs to the time `i / rate` s.
pub(super) struct Envelope {
    /// Rises of loudness over all bands (log-compressed, bass counted much more, hats less), local mean removed, ≥ 0.
    pub(super) flux: Vec<f32>,
    /// The same below 150 Hz only: kicks and bass notes.
    pub(super) low: Vec<f32>,
    /// RMS over 0.2 s, linear.
    pub(super) level: Vec<f32>,
    /// Hz.
    pub(super) rate: f64,
}

const CURVE_HZ: u32 = 200;
const BANDS: usize = 40;
/// Quieter than −70 dBFS RMS at the loudest moment is silence.
const SILENCE_RMS: f32 = 3.2e-4;
/// Log compression: what is this many times quieter than the loudest band barely counts.
const COMPRESSION: f32 = 1000.0;
/// A band must rise by this much (nepers of compressed loudness, mean over bands) for the sound to have onsets at all.
const FLAT: f32 = 0.03;

/// The curves of `mono` at `rate` Hz; None for silence, for less than a quarter of a second, and below 4 kHz.
pub(super) fn envelope(mono: &[f32], rate: u32) -> Option<Envelope> {
    if rate < 4000 || mono.len() < rate as usize / 4 {
        return None;
    }
    let hop = (rate / CURVE_HZ) as usize;
    let curve_rate = f64::from(rate) / hop as f64;
    let level = level(mono, hop, (rate / 5) as usize);
    if level.iter().fold(0.0f32, |m, &v| m.max(v)) < SILENCE_RMS {
        return None;
    }
    let (bands, edges) = band_loudness(mono, rate, hop);
    let low_bands = edges.iter().take_while(|&&hz| hz < 150.0).count().max(1);
    // Kick and bass carry the beat; hats above 5 kHz as often play between the beats as on them.
    let weights: Vec<f32> =
        edges.iter().map(|&hz| if hz < 150.0 { 8.0 } else if hz > 5_000.0 { 0.25 } else { 1.0 }).collect();
    let lag = (0.015 * curve_rate).round().max(1.0) as usize;
    let mut flux = vec![0.0; level.len()];
    let mut low = vec![0.0; level.len()];
    for i in lag..bands.len() {
        let (now, before) = (&bands[i], &bands[i - lag]);
        for b in 0..BANDS {
            // Against the loudest neighbour, so that a gliding note does not look like a new one.
            let was = before[b.saturating_sub(1)..(b + 2).min(BANDS)].iter().fold(0.0f32, |m, &v| m.max(v));
            let rise = (now[b] - was).max(0.0) / BANDS as f32;
            flux[i] += weights[b] * rise;
            if b < low_bands {
                low[i] += rise;
            }
        }
    }
    if flux.iter().fold(0.0f32, |m, &v| m.max(v)) < FLAT {
        flux.fill(0.0);
    }
    Some(Envelope { flux: above_mean(&flux, curve_rate), low: above_mean(&low, curve_rate), level, rate: curve_rate })
}

/// A curve scaled so that its largest value is 1.
pub(super) fn scaled(curve: &[f32]) -> Vec<f32> {
    let top = curve.iter().fold(0.0f32, |m, &v| m.max(v));
    curve.iter().map(|v| if top > 0.0 { v / top } else { 0.0 }).collect()
}

/// RMS around every `hop`-th sample, over `width` samples; a non-finite sample counts as silence.
fn level(mono: &[f32], hop: usize, width: usize) -> Vec<f32> {
    let mut sums = Vec::with_capacity(mono.len() + 1);
    let mut sum = 0.0f64;
    sums.push(0.0);
    for &v in mono {
        sum += f64::from(sane(v)).powi(2);
        sums.push(sum);
    }
    (0..mono.len().div_ceil(hop))
        .map(|i| {
            let (from, to) = ((i * hop).saturating_sub(width / 2), (i * hop + width / 2).min(mono.len()));
            ((sums[to] - sums[from]) / (to - from).max(1) as f64).max(0.0).sqrt() as f32
        })
        .collect()
}

fn sane(v: f32) -> f32 {
    if v.is_finite() { v.clamp(-8.0, 8.0) } else { 0.0 }
}

/// Compressed loudness of each band around every `hop`-th sample, and the bands' upper edges in Hz.
fn band_loudness(mono: &[f32], rate: u32, hop: usize) -> (Vec<[f32; BANDS]>, Vec<f64>) {
    let size = (rate as usize / 50).next_power_of_two();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
    let window: Vec<f32> =
        (0..size).map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * (i as f32 + 0.5) / size as f32).cos()).collect();
    let (bins, edges) = band_bins(rate, size);
    let (mut input, mut output, mut scratch) = (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
    let mut frames = Vec::with_capacity(mono.len() / hop + 1);
    let mut top = 1e-9f32;
    for i in 0..mono.len().div_ceil(hop) {
        let start = (i * hop) as isize - (size / 2) as isize;
        for (k, slot) in input.iter_mut().enumerate() {
            let sample = usize::try_from(start + k as isize).ok().and_then(|at| mono.get(at));
            *slot = sample.map_or(0.0, |&v| sane(v)) * window[k];
        }
        fft.process_with_scratch(&mut input, &mut output, &mut scratch).expect("the buffers are of the plan's own sizes");
        let mut frame = [0.0f32; BANDS];
        for b in 0..BANDS {
            let power: f32 = output[bins[b]..bins[b + 1]].iter().map(realfft::num_complex::Complex::norm_sqr).sum();
            frame[b] = power.sqrt();
            top = top.max(frame[b]);
        }
        frames.push(frame);
    }
    for v in frames.iter_mut().flatten() {
        *v = (1.0 + COMPRESSION * *v / top).ln();
    }
    (frames, edges)
}

/// Bin limits of bands evenly wide in mel from 30 Hz to 16 kHz (or what the rate allows), each at least one bin.
fn band_bins(rate: u32, size: usize) -> (Vec<usize>, Vec<f64>) {
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let hz = |mel: f64| 700.0 * ((mel / 1127.0).exp() - 1.0);
    let bin_hz = f64::from(rate) / size as f64;
    let (bottom, top) = (mel(30.0), mel((0.45 * f64::from(rate)).min(16_000.0)));
    let mut bins = vec![1usize];
    let mut edges = Vec::with_capacity(BANDS);
    for b in 1..=BANDS {
        let ideal = hz(bottom + (top - bottom) * b as f64 / BANDS as f64) / bin_hz;
        let limit = (ideal.round() as usize).max(bins[b - 1] + 1).min(size / 2 + 1 - (BANDS - b));
        bins.push(limit.max(bins[b - 1]));
        edges.push((bins[b] as f64 - 0.5) * bin_hz);
    }
    (bins, edges)
}

/// What stands out above the mean of the second around it.
fn above_mean(curve: &[f32], rate: f64) -> Vec<f32> {
    let half = (0.5 * rate) as usize;
    let mut sums = vec![0.0f64];
    for &v in curve {
        sums.push(sums[sums.len() - 1] + f64::from(v));
    }
    (0..curve.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(half), (i + half + 1).min(curve.len()));
            (f64::from(curve[i]) - (sums[to] - sums[from]) / (to - from) as f64).max(0.0) as f32
        })
        .collect()
}
