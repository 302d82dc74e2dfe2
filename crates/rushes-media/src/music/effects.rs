//! Rooms and echoes.

use super::dsp::RATE_F;

/// A reverb of eight delay lines feeding each other (Jot and Chaigne's network with a Hadamard mix).
pub(super) struct Reverb {
    lines: [Vec<f32>; 8],
    at: [usize; 8],
    gains: [f32; 8],
    damped: [f32; 8],
}

/// Lengths in samples at 48 kHz, without common divisors.
const LENGTHS: [usize; 8] = [1_423, 1_657, 1_949, 2_243, 2_531, 2_861, 3_187, 3_571];
/// Brightness of the tail: 0 dark … 1 undamped.
const BRIGHT: f32 = 0.62;

impl Reverb {
    /// A room whose sound falls by 60 dB in `time_s` seconds.
    pub(super) fn new(time_s: f32) -> Self {
        Self {
            lines: LENGTHS.map(|n| vec![0.0; n]),
            at: [0; 8],
            gains: LENGTHS.map(|n| 10f32.powf(-3.0 * n as f32 / RATE_F / time_s)),
            damped: [0.0; 8],
        }
    }

    /// One sample in, left and right out.
    pub(super) fn run(&mut self, input: f32) -> [f32; 2] {
        let mut v = [0.0f32; 8];
        for (i, value) in v.iter_mut().enumerate() {
            let out = self.lines[i][self.at[i]];
            self.damped[i] += BRIGHT * (out - self.damped[i]);
            *value = self.damped[i] * self.gains[i];
        }
        let sides = [v[0] - v[2] + v[4] - v[6], v[1] - v[3] + v[5] - v[7]];
        // Hadamard: three rounds of sums and differences.
        for half in [1, 2, 4] {
            for i in 0..8 {
                if i & half == 0 {
                    let (a, b) = (v[i], v[i | half]);
                    v[i] = a + b;
                    v[i | half] = a - b;
                }
            }
        }
        for i in 0..8 {
            self.lines[i][self.at[i]] = v[i] * 0.353_553_4 + input;
            self.at[i] += 1;
            if self.at[i] == LENGTHS[i] {
                self.at[i] = 0;
            }
        }
        sides
    }
}

/// An echo that goes from side to side.
pub(super) struct Echo {
    sides: [Vec<f32>; 2],
    at: usize,
    dull: [f32; 2],
}

const FEEDBACK: f32 = 0.42;

impl Echo {
    /// Repeats after `time_s` seconds.
    pub(super) fn new(time_s: f64) -> Self {
        let length = ((time_s * f64::from(RATE_F)) as usize).max(1);
        Self { sides: [vec![0.0; length], vec![0.0; length]], at: 0, dull: [0.0; 2] }
    }

    /// One sample in, left and right out.
    pub(super) fn run(&mut self, input: f32) -> [f32; 2] {
        let out = [self.sides[0][self.at], self.sides[1][self.at]];
        for (dull, v) in self.dull.iter_mut().zip(out) {
            *dull += 0.4 * (v - *dull);
        }
        self.sides[0][self.at] = input + FEEDBACK * self.dull[1];
        self.sides[1][self.at] = self.dull[0];
        self.at = (self.at + 1) % self.sides[0].len();
        out
    }
}
