//! Where the beats of a piece of sound fall, how sure that is, and how loud it is when.
//!
//! Spectral-flux onsets → autocorrelation tempo → dynamic-programming beats, after Ellis,
//! "Beat Tracking by Dynamic Programming" (2007). Pure arithmetic on samples: decoding lives in `run`, and what is cut
//! or danced to the beats in `edit` and `draw`. Equal samples give equal grids.

mod bars;
mod onset;
mod tempo;
mod track;

#[cfg(test)]
mod tests;

/// Below this confidence there is no beat worth following, and the grid holds none.
pub(crate) const FOLLOWABLE: f64 = 0.1;

/// The beats of one piece of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct BeatGrid {
    /// Beats a minute; 0 when no beat was found.
    pub bpm: f64,
    /// 0 (silence, noise, drumless) … 1 (a metronome).
    pub confidence: f64,
    /// Beat times in seconds, ascending; empty when no beat was found.
    pub beats_s: Vec<f64>,
    /// Index into `beats_s` (0–3) of the first beat that seems to open a bar of four.
    pub downbeat: usize,
    /// How strongly something begins, 0–1, one value every `1 / onset_rate` seconds.
    pub onset: Vec<f32>,
    /// How loud it is, 0–1 (RMS over 0.2 s, relative to the loudest moment); same rate as `onset`.
    pub level: Vec<f32>,
    /// Values of `onset` and `level` a second, Hz.
    pub onset_rate: f64,
}

/// Finds the beats of `mono` (samples −1…1 at `rate` Hz). Safe on silence and on any length, empty included.
#[must_use]
pub fn beat_grid(mono: &[f32], rate: u32) -> BeatGrid {
    let Some(envelope) = onset::envelope(mono, rate) else {
        return BeatGrid::none();
    };
    let without = BeatGrid {
        onset: onset::scaled(&envelope.flux),
        level: onset::scaled(&envelope.level),
        onset_rate: envelope.rate,
        ..BeatGrid::none()
    };
    let Some(tempo) = tempo::tempo(&envelope) else {
        return without;
    };
    let track = track::beats(&envelope, tempo.period);
    let confidence = (tempo.clarity * track.support).clamp(0.0, 1.0);
    if confidence < FOLLOWABLE || track.beats_s.len() < 2 {
        return BeatGrid { confidence: confidence.min(FOLLOWABLE / 2.0), ..without };
    }
    let downbeat = bars::downbeat(mono, rate, &envelope, &track.beats_s);
    BeatGrid { bpm: track.bpm, confidence, beats_s: track.beats_s, downbeat, ..without }
}

impl BeatGrid {
    /// A grid that claims nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { bpm: 0.0, confidence: 0.0, beats_s: Vec::new(), downbeat: 0, onset: Vec::new(), level: Vec::new(), onset_rate: 1.0 }
    }

    /// An even grid to fall back on where none was heard: `bpm`, first beat at `first_s`, up to `duration_s` (seconds).
    /// Its confidence is 0, since nothing was measured; keeps the curves of `self`.
    #[must_use]
    pub fn or_steady(self, bpm: f64, first_s: f64, duration_s: f64) -> Self {
        if self.is_followable() || bpm <= 0.0 {
            return self;
        }
        let step = 60.0 / bpm;
        let count = ((duration_s - first_s) / step).ceil().max(0.0) as usize;
        Self { bpm, beats_s: (0..count).map(|i| first_s + i as f64 * step).collect(), ..self }
    }

    /// Whether a beat was heard.
    #[must_use]
    pub fn is_followable(&self) -> bool {
        self.confidence >= FOLLOWABLE && !self.beats_s.is_empty()
    }

    /// The beat time nearest to `t` (seconds); None without beats.
    #[must_use]
    pub fn nearest_beat(&self, t: f64) -> Option<f64> {
        let after = self.beats_s.partition_point(|&b| b < t);
        let around = self.beats_s.get(after.saturating_sub(1)..(after + 1).min(self.beats_s.len()))?;
        around.iter().copied().min_by(|a, b| (a - t).abs().total_cmp(&(b - t).abs()))
    }

    /// Times of the beats that seem to open a bar of four, seconds.
    pub(crate) fn downbeats(&self) -> impl Iterator<Item = f64> + '_ {
        self.beats_s.iter().copied().skip(self.downbeat).step_by(4)
    }

    /// How loud it is at `t` (seconds): 0–1, relative to the loudest moment; 0 outside the sound.
    #[must_use]
    pub fn energy(&self, t: f64) -> f32 {
        at(&self.level, t * self.onset_rate)
    }

    /// How strongly something begins at `t` (seconds), 0–1; 0 outside the sound.
    #[must_use]
    pub(crate) fn onset_at(&self, t: f64) -> f32 {
        at(&self.onset, t * self.onset_rate)
    }
}

/// The curve's value at a fractional index; 0 outside.
fn at(curve: &[f32], index: f64) -> f32 {
    if index < 0.0 || !index.is_finite() {
        return 0.0;
    }
    let low = index as usize;
    let Some(&a) = curve.get(low) else { return 0.0 };
    let b = curve.get(low + 1).copied().unwrap_or(a);
    a + (b - a) * (index - low as f64) as f32
}

/// The strongest moment of a curve sampled at `rate` Hz, in seconds: the middle of the 2 s (or the whole, if shorter)
/// with the largest sum, so that one spike does not outvote a chorus; the earliest of equals. None when flat at zero.
#[must_use]
pub(crate) fn peak_s(curve: &[f32], rate: f64) -> Option<f64> {
    let width = ((2.0 * rate) as usize).clamp(1, curve.len().max(1));
    let mut sum: f64 = curve.iter().take(width).map(|&v| f64::from(v)).sum();
    let (mut best, mut start) = (sum, 0);
    for i in width..curve.len() {
        sum += f64::from(curve[i]) - f64::from(curve[i - width]);
        if sum > best + 1e-9 {
            (best, start) = (sum, i + 1 - width);
        }
    }
    (best > 1e-6).then(|| (start as f64 + width as f64 / 2.0) / rate)
}
