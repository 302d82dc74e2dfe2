//! The tempo: autocorrelation of the onset curve, weighed by how people tap.

use super::onset::Envelope;

/// A tempo as heard.
pub(super) struct Tempo {
    /// Curve values a beat (fractional).
    pub(super) period: f64,
    /// 0 (noise) … 1 (every beat repeats exactly).
    pub(super) clarity: f64,
}

const SLOWEST_BPM: f64 = 50.0;
const FASTEST_BPM: f64 = 220.0;
/// Nobody asked prefers half or double time inside this range; outside it, the other octave is taken if it fits.
const PREFERRED_BPM: (f64, f64) = (84.0, 160.0);

/// The tempo of the curve; None when nothing repeats, or less than about three beats are there.
pub(super) fn tempo(envelope: &Envelope) -> Option<Tempo> {
    let rate = envelope.rate;
    let smooth = smoothed(&envelope.flux, 0.012 * rate);
    let longest = ((16.0 * 60.0 / PREFERRED_BPM.0) * rate) as usize;
    let acf = autocorrelation(&smooth, longest.min(smooth.len() * 2 / 3))?;
    let score = |bpm: f64| {
        let period = 60.0 * rate / bpm;
        let (mut sum, mut weight) = (0.0, 0.0);
        for (multiple, w) in [(1.0, 1.0), (2.0, 0.6), (4.0, 0.8)] {
            if let Some(r) = at(&acf, period * multiple) {
                sum += w * r;
                weight += w;
            }
        }
        if weight > 0.0 { prior(bpm) * sum / weight } else { 0.0 }
    };
    let steps = ((FASTEST_BPM - SLOWEST_BPM) / 0.25) as usize;
    let mut best = (0.0, 0.0);
    for i in 0..=steps {
        let bpm = SLOWEST_BPM + 0.25 * i as f64;
        let s = score(bpm);
        if s > best.1 {
            best = (bpm, s);
        }
    }
    if best.1 <= 0.0 {
        return None;
    }
    let period = refined(&acf, 60.0 * rate / best.0);
    Some(Tempo { period, clarity: ((clarity(&acf, period) - 0.12) / 0.33).clamp(0.0, 1.0) })
}

/// 1 inside the preferred range, falling off steeply outside (σ = 0.06 octaves).
fn prior(bpm: f64) -> f64 {
    let octaves = (PREFERRED_BPM.0 / bpm).log2().max((bpm / PREFERRED_BPM.1).log2()).max(0.0);
    0.35 + 0.65 * (-0.5 * (octaves / 0.06).powi(2)).exp()
}

/// How well the beat repeats after one, two and four beats.
fn clarity(acf: &[f64], period: f64) -> f64 {
    let near =
        |lag: f64| (-2..=2).filter_map(|d| at(acf, lag + f64::from(d))).fold(None, |m: Option<f64>, v| Some(m.map_or(v, |m| m.max(v))));
    let heard: Vec<f64> = [1.0, 2.0, 4.0].iter().filter_map(|k| near(k * period)).collect();
    let mean = heard.iter().sum::<f64>() / heard.len().max(1) as f64;
    // Syncopated drums repeat by the bar more than by the beat; either is a beat one can follow.
    heard.last().map_or(0.0, |bar| 0.5 * mean + 0.5 * bar.max(mean))
}

/// The period within 2 % that lines up the most beats far apart.
fn refined(acf: &[f64], period: f64) -> f64 {
    let fit = |p: f64| {
        let heard: Vec<f64> = (1..=16).filter_map(|k| at(acf, p * f64::from(k))).collect();
        heard.iter().sum::<f64>() / heard.len().max(1) as f64
    };
    (-80..=80).map(|i| period * (1.0 + f64::from(i) * 0.000_25)).max_by(|a, b| fit(*a).total_cmp(&fit(*b))).unwrap_or(period)
}

/// Unbiased, normalised to 1 at lag 0, for lags 0..=`longest`; None for a flat curve.
fn autocorrelation(curve: &[f32], longest: usize) -> Option<Vec<f64>> {
    let n = curve.len();
    let mean = curve.iter().sum::<f32>() / n.max(1) as f32;
    let centred: Vec<f32> = curve.iter().map(|v| v - mean).collect();
    let dot = |lag: usize| -> f64 {
        // Partial sums in f32 vectorise; their total in f64 keeps long pieces exact enough.
        let sum: f64 = centred[lag..]
            .chunks(1024)
            .zip(centred[..n - lag].chunks(1024))
            .map(|(a, b)| f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>()))
            .sum();
        sum / (n - lag) as f64
    };
    let power = dot(0);
    (power > 1e-12).then(|| (0..=longest).map(|lag| dot(lag) / power).collect())
}

/// The value at a fractional lag; None beyond the end.
fn at(acf: &[f64], lag: f64) -> Option<f64> {
    let low = lag as usize;
    let (a, b) = (*acf.get(low)?, *acf.get(low + 1)?);
    Some(a + (b - a) * (lag - low as f64))
}

/// Gaussian smoothing, `sigma` in curve values.
pub(super) fn smoothed(curve: &[f32], sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f32> = (-reach..=reach).map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp() as f32).collect();
    let total: f32 = kernel.iter().sum();
    (0..curve.len() as isize)
        .map(|i| {
            let sum: f32 = (-reach..=reach)
                .filter_map(|k| usize::try_from(i + k).ok().and_then(|at| curve.get(at)).map(|v| v * kernel[(k + reach) as usize]))
                .sum();
            sum / total
        })
        .collect()
}
