//! The beats: the sequence of moments that are both strong and evenly spaced, found by dynamic programming.

use super::onset::Envelope;
use super::tempo::smoothed;

/// The beats of a piece.
pub(super) struct Track {
    /// Seconds, ascending.
    pub(super) beats_s: Vec<f64>,
    /// Beats a minute, from the beats themselves.
    pub(super) bpm: f64,
    /// 0–1: how much stronger the curve is on the beats than on average; little for beats nobody plays.
    pub(super) support: f64,
}

/// How much an uneven step costs against a strong onset.
const TIGHTNESS: f32 = 300.0;
/// A beat this little before the start is at the start.
const EDGE_S: f64 = 0.02;
/// Beats this even (RMS, seconds) were made by a machine, and are straightened out.
const STEADY_S: f64 = 0.014;

/// The beats of the curve for a period in curve values.
pub(super) fn beats(envelope: &Envelope, period: f64) -> Track {
    let mut strength = smoothed(&envelope.flux, 0.010 * envelope.rate);
    // Compressed: what is there on every beat counts for more than what is loud on some.
    strength.iter_mut().for_each(|v| *v = v.powf(0.6));
    let rms = (strength.iter().map(|v| v * v).sum::<f32>() / strength.len().max(1) as f32).sqrt().max(1e-9);
    strength.iter_mut().for_each(|v| *v /= rms);
    let frames = extended(best_path(&strength, period), period, envelope);
    let exact: Vec<f64> = frames.iter().map(|&f| refined(&strength, f, period)).collect();
    let (beats, step) = straightened(&exact, period, envelope.rate);
    let last = (envelope.level.len() as f64) / envelope.rate;
    // A beat on the very first sample may come out a few milliseconds early.
    let inside = |b: &f64| (-EDGE_S..last).contains(b);
    let beats_s: Vec<f64> = beats.iter().map(|b| b / envelope.rate).filter(inside).map(|b| b.max(0.0)).collect();
    let mean = strength.iter().sum::<f32>() / strength.len().max(1) as f32;
    let on = exact.iter().map(|&b| strength.get(b.max(0.0) as usize).copied().unwrap_or(0.0)).sum::<f32>() / exact.len().max(1) as f32;
    let support = f64::from((on / mean.max(1e-6) - 1.0) / 2.0).clamp(0.0, 1.0);
    Track { beats_s, bpm: 60.0 * envelope.rate / step, support }
}

/// Indices of the best-scoring chain, ascending.
fn best_path(strength: &[f32], period: f64) -> Vec<f64> {
    let n = strength.len();
    let (near, far) = ((period / 2.0).round().max(1.0) as usize, (period * 2.0).round() as usize);
    let cost: Vec<f32> = (0..=far)
        .map(|step| if step < near { f32::INFINITY } else { TIGHTNESS * ((step as f64 / period).ln() as f32).powi(2) })
        .collect();
    let mut score = strength.to_vec();
    let mut from = vec![usize::MAX; n];
    for i in near..n {
        // Starting afresh costs nothing, so that a long quiet opening does not drag the first beats along.
        let mut best = (0.0f32, usize::MAX);
        for (step, price) in cost.iter().enumerate().take(i.min(far) + 1).skip(near) {
            let s = score[i - step] - price;
            if s > best.0 {
                best = (s, i - step);
            }
        }
        score[i] += best.0;
        from[i] = best.1;
    }
    let tail = n.saturating_sub(period.ceil() as usize);
    let Some(mut at) = (tail..n).max_by(|&a, &b| score[a].total_cmp(&score[b]).then(b.cmp(&a))) else { return Vec::new() };
    let mut path = vec![at as f64];
    while from[at] != usize::MAX {
        at = from[at];
        path.push(at as f64);
    }
    path.reverse();
    path
}

/// Carries the chain on evenly to both ends, as far as there is sound.
fn extended(mut path: Vec<f64>, period: f64, envelope: &Envelope) -> Vec<f64> {
    let top = envelope.level.iter().fold(0.0f32, |m, &v| m.max(v));
    let is_heard = |at: f64| at >= 0.0 && envelope.level.get(at.round() as usize).is_some_and(|&v| v > top * 0.003);
    while path.len() > 1 && !is_heard(path[0]) {
        path.remove(0);
    }
    while path.len() > 1 && !is_heard(path[path.len() - 1]) {
        path.pop();
    }
    while let Some(&first) = path.first()
        && first - period >= -EDGE_S * envelope.rate
        && is_heard((first - period).max(0.0))
    {
        path.insert(0, first - period);
    }
    while let Some(&last) = path.last()
        && is_heard(last + period)
    {
        path.push(last + period);
    }
    path
}

/// The top of the parabola through the strongest value near `at` (within a sixteenth note) and its neighbours.
fn refined(strength: &[f32], at: f64, period: f64) -> f64 {
    let reach = (period / 16.0).ceil() as usize;
    let centre = at.round().max(0.0) as usize;
    let (from, to) = (centre.saturating_sub(reach), (centre + reach + 1).min(strength.len()));
    let Some(top) = (from..to).max_by(|&a, &b| strength[a].total_cmp(&strength[b])) else { return at };
    // Too weak to say more than the chain does.
    if strength[top] < 0.5 || top == 0 || top + 1 >= strength.len() || top == from || top + 1 == to {
        return at;
    }
    let (a, b, c) = (f64::from(strength[top - 1]), f64::from(strength[top]), f64::from(strength[top + 1]));
    let bend = a - 2.0 * b + c;
    top as f64 + if bend < -1e-9 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// Fits a line through the beats; even ones are replaced by it. Gives the beats and the step, in curve values.
fn straightened(beats: &[f64], period: f64, rate: f64) -> (Vec<f64>, f64) {
    let n = beats.len() as f64;
    if beats.len() < 4 {
        let step = if beats.len() > 1 { (beats[beats.len() - 1] - beats[0]) / (n - 1.0) } else { period };
        return (beats.to_vec(), step);
    }
    // Weighted twice: the second fit leaves out beats that something off the grid pulled aside.
    let mut keep = vec![true; beats.len()];
    let (mut start, mut step) = line(beats, &keep);
    let off = |start: f64, step: f64, i: usize| (beats[i] - start - step * i as f64).abs();
    for (i, kept) in keep.iter_mut().enumerate() {
        *kept = off(start, step, i) < 0.02 * rate;
    }
    let kept = keep.iter().filter(|k| **k).count();
    if kept * 4 >= beats.len() * 3 {
        (start, step) = line(beats, &keep);
    }
    let rms = ((0..beats.len()).filter(|&i| keep[i]).map(|i| off(start, step, i).powi(2)).sum::<f64>() / kept.max(1) as f64).sqrt();
    if kept * 4 >= beats.len() * 3 && rms < STEADY_S * rate {
        return ((0..beats.len()).map(|i| start + step * i as f64).collect(), step);
    }
    let mut steps: Vec<f64> = beats.windows(2).map(|w| w[1] - w[0]).collect();
    steps.sort_by(f64::total_cmp);
    (beats.to_vec(), steps[steps.len() / 2])
}

/// Least squares through the kept beats: where the first would fall, and the step.
fn line(beats: &[f64], keep: &[bool]) -> (f64, f64) {
    let points = || beats.iter().enumerate().filter(|(i, _)| keep[*i]).map(|(i, &b)| (i as f64, b));
    let n = points().count() as f64;
    let (mean_x, mean_y) = (points().map(|p| p.0).sum::<f64>() / n, points().map(|p| p.1).sum::<f64>() / n);
    let cross: f64 = points().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let square: f64 = points().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let step = cross / square;
    (mean_y - step * mean_x, step)
}
