//! Which of four beats opens the bar: where the bass drum falls and the harmony changes. A guess, and named so.

use super::onset::Envelope;
use realfft::RealFftPlanner;

/// Index 0–3 of the first beat that seems to open a bar.
pub(super) fn downbeat(mono: &[f32], rate: u32, envelope: &Envelope, beats_s: &[f64]) -> usize {
    let changes = harmony_changes(mono, rate, beats_s);
    let low_top = envelope.low.iter().fold(1e-9f32, |m, &v| m.max(v));
    let mut votes = [0.0f32; 4];
    let mut counts = [0u32; 4];
    for (i, &beat) in beats_s.iter().enumerate() {
        let centre = (beat * envelope.rate).round() as usize;
        let near = envelope.low.get(centre.saturating_sub(6)..(centre + 7).min(envelope.low.len())).unwrap_or(&[]);
        let kick = near.iter().fold(0.0f32, |m, &v| m.max(v)) / low_top;
        votes[i % 4] += 0.5 * kick + 2.0 * changes[i];
        counts[i % 4] += 1;
    }
    let mean = |p: usize| votes[p] / counts[p].max(1) as f32;
    (0..4).max_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(b.cmp(&a))).unwrap_or(0)
}

/// For each beat, how unlike the chords of the beat before it is: 0 (the same) … 1.
fn harmony_changes(mono: &[f32], rate: u32, beats_s: &[f64]) -> Vec<f32> {
    let size = (rate as usize / 6).next_power_of_two();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(size);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let bin_hz = f64::from(rate) / size as f64;
    let pitch_of: Vec<Option<usize>> = (0..output.len())
        .map(|bin| {
            let hz = bin as f64 * bin_hz;
            (60.0..1500.0).contains(&hz).then(|| (12.0 * (hz / 440.0).log2()).round().rem_euclid(12.0) as usize)
        })
        .collect();
    let mut before: Option<[f32; 12]> = None;
    let mut changes = Vec::with_capacity(beats_s.len());
    for &beat in beats_s {
        // From a little after the beat: past the drum, into the chord.
        let start = ((beat + 0.04) * f64::from(rate)) as usize;
        for (k, slot) in input.iter_mut().enumerate() {
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * k as f32 / size as f32).cos();
            *slot = mono.get(start + k).filter(|v| v.is_finite()).copied().unwrap_or(0.0) * window;
        }
        fft.process(&mut input, &mut output).expect("the buffers are of the plan's own sizes");
        let mut chroma = [0.0f32; 12];
        for (value, pitch) in output.iter().zip(&pitch_of) {
            if let Some(pitch) = pitch {
                chroma[*pitch] += value.norm();
            }
        }
        let length = chroma.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-9);
        chroma.iter_mut().for_each(|v| *v /= length);
        let alike = before.map_or(1.0, |b| b.iter().zip(&chroma).map(|(x, y)| x * y).sum::<f32>());
        changes.push((1.0 - alike).clamp(0.0, 1.0));
        before = Some(chroma);
    }
    changes
}
