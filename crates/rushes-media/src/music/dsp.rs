//! Small parts of sound: oscillators' helpers, filters, saturation. Everything at [`RATE`].

/// Samples a second of everything made here, Hz.
pub const RATE: u32 = 48_000;
pub(super) const RATE_F: f32 = RATE as f32;

/// sin(2π·phase), phase in turns (any finite value); error below 2·10⁻³, which no ear finds in a drum or a bass.
#[inline]
pub(super) fn sine(phase: f32) -> f32 {
    let p = phase - phase.floor() - 0.5;
    let y = 16.0 * p * (0.5 - p.abs());
    // The parabola, bent once towards the sine; the sign turns since p began half a turn early.
    -(0.225 * (y * y.abs() - y) + y)
}

/// What a falling step of height 2 at phase 0 needs to sound band-limited (polyBLEP); `step` in turns a sample.
#[inline]
pub(super) fn blep(phase: f32, step: f32) -> f32 {
    if phase < step {
        let t = phase / step;
        t + t - t * t - 1.0
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        t * t + t + t + 1.0
    } else {
        0.0
    }
}

/// Saturation: about x for small values, never beyond ±1.
#[inline]
pub(super) fn soft(x: f32) -> f32 {
    let x = x.clamp(-3.0, 3.0);
    x * (27.0 + x * x) / (27.0 + 9.0 * x * x)
}

/// The gain of a level in dB.
pub(super) fn db(level: f32) -> f32 {
    10.0f32.powf(level / 20.0)
}

/// State-variable filter (Zavalishin's zero-delay form): low, band and high at once.
#[derive(Clone, Copy, Default)]
pub(super) struct Svf {
    a1: f32,
    a2: f32,
    a3: f32,
    k: f32,
    s1: f32,
    s2: f32,
}

/// The three outputs of a filter for one sample.
pub(super) struct Bands {
    pub(super) low: f32,
    pub(super) band: f32,
    pub(super) high: f32,
}

impl Svf {
    /// A filter at `cutoff` Hz; `q` 0.5 (soft) … 10 (ringing).
    pub(super) fn new(cutoff: f32, q: f32) -> Self {
        let mut svf = Self::default();
        svf.tune(cutoff, q);
        svf
    }

    /// Moves the cutoff, keeping what rings.
    pub(super) fn tune(&mut self, cutoff: f32, q: f32) {
        let g = (std::f32::consts::PI * cutoff.clamp(10.0, 0.45 * RATE_F) / RATE_F).tan();
        self.k = 1.0 / q;
        self.a1 = 1.0 / (1.0 + g * (g + self.k));
        self.a2 = g * self.a1;
        self.a3 = g * self.a2;
    }

    /// One sample.
    #[inline]
    pub(super) fn run(&mut self, x: f32) -> Bands {
        let v3 = x - self.s2;
        let v1 = self.a1 * self.s1 + self.a2 * v3;
        let v2 = self.s2 + self.a2 * self.s1 + self.a3 * v3;
        self.s1 = 2.0 * v1 - self.s1;
        self.s2 = 2.0 * v2 - self.s2;
        Bands { low: v2, band: v1, high: x - self.k * v1 - v2 }
    }
}

/// A bell or shelf of `gain_db` (RBJ cookbook), direct form 2 transposed, f64 inside.
#[derive(Clone, Copy)]
pub(super) struct Bell {
    b: [f64; 3],
    a: [f64; 2],
    s: [f64; 2],
}

impl Bell {
    /// Around `centre` Hz, `q` wide.
    pub(super) fn new(centre: f64, q: f64, gain_db: f64) -> Self {
        let amp = 10f64.powf(gain_db / 40.0);
        let w = std::f64::consts::TAU * centre / f64::from(RATE);
        let alpha = w.sin() / (2.0 * q);
        let a0 = 1.0 + alpha / amp;
        let (b0, b1, b2) = (1.0 + alpha * amp, -2.0 * w.cos(), 1.0 - alpha * amp);
        Self { b: [b0 / a0, b1 / a0, b2 / a0], a: [b1 / a0, (1.0 - alpha / amp) / a0], s: [0.0; 2] }
    }

    /// One sample.
    #[inline]
    pub(super) fn run(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.s[0];
        self.s[0] = self.b[1] * x - self.a[0] * y + self.s[1];
        self.s[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn music_sine_is_a_sine() {
        for i in -200..400 {
            let phase = i as f32 / 100.0;
            let error = (sine(phase) - (std::f32::consts::TAU * phase).sin()).abs();
            assert!(error < 2e-3, "{phase}: {error}");
        }
    }
}
