//! The sounds of the drummers and their band: plain workflows, drawn by seed, and nothing of our own synthesiser.

use super::{Chance, RATE};
use std::f64::consts::TAU;

const RATE_F: f64 = RATE as f64;

/// Everybody's sound so far.
pub(super) struct Voices {
    mix: Vec<f32>,
    chance: Chance,
    kick_hz: f64,
    kick_s: f64,
    snare_hz: f64,
    snare_s: f64,
    hat_s: f64,
    stick_hz: f64,
    levels: [f64; 4],
}

impl Voices {
    pub(super) fn new(seed: u64, samples: usize) -> Self {
        let mut chance = Chance::new(seed);
        Self {
            mix: vec![0.0; samples],
            kick_hz: chance.between(42.0, 75.0),
            kick_s: chance.between(0.05, 0.22),
            snare_hz: chance.between(150.0, 260.0),
            snare_s: chance.between(0.05, 0.16),
            hat_s: chance.between(0.015, 0.06),
            stick_hz: chance.between(900.0, 2_200.0),
            levels: [chance.between(0.6, 0.9), chance.between(0.4, 0.7), chance.between(0.12, 0.4), chance.between(0.25, 0.5)],
            chance,
        }
    }

    /// Kick, snare, hat, stick: 0 to 3.
    pub(super) fn strike(&mut self, drum: usize, at: f64, hit: f64) {
        let gain = hit * self.levels[drum];
        let (mut phase, mut before) = (0.0, 0.0);
        let (kick_hz, kick_s, snare_hz, snare_s) = (self.kick_hz, self.kick_s, self.snare_hz, self.snare_s);
        let (hat_s, stick_hz) = (self.hat_s, self.stick_hz);
        let mut chance = Chance::new(self.chance.bits());
        let length = [6.0 * kick_s, 6.0 * snare_s, 7.0 * hat_s, 0.1][drum];
        self.add(at, length, &mut |t| {
            let noise = chance.between(-1.0, 1.0);
            // Its own difference: white noise without its lows.
            let bright = 0.5 * (noise - before);
            before = noise;
            gain * match drum {
                0 => {
                    phase += kick_hz * (1.0 + 4.0 * (-t / 0.013).exp()) / RATE_F;
                    (TAU * phase).sin() * (-t / kick_s).exp() + 0.2 * noise * (-t / 0.002).exp()
                }
                1 => {
                    let skin = (TAU * snare_hz * t).sin() * (-t / 0.04).exp();
                    0.5 * skin + 0.7 * (0.4 * noise + 0.6 * bright) * (-t / snare_s).exp()
                }
                2 => bright * (-t / hat_s).exp(),
                _ => (TAU * stick_hz * t).sin() * (-t / 0.012).exp(),
            }
        });
    }

    /// A plucked low string.
    pub(super) fn bass(&mut self, at: f64, length: f64, midi: f64) {
        let hz = pitch(midi);
        self.add(at, length, &mut |t| {
            let body = (TAU * hz * t).sin() + 0.4 * (2.0 * TAU * hz * t).sin() + 0.15 * (3.0 * TAU * hz * t).sin();
            0.22 * body * (t / 0.006).min(1.0) * (-t / 0.35).exp() * ((length - t) / 0.02).min(1.0)
        });
    }

    /// An organ-like chord note with a soft front.
    pub(super) fn pluck(&mut self, at: f64, length: f64, midi: f64) {
        let hz = pitch(midi);
        self.add(at, length, &mut |t| {
            let body: f64 = [1.0, 2.0, 3.0, 4.0].iter().map(|n| (TAU * hz * n * t).sin() / (n * n)).sum();
            0.06 * body * (t / 0.012).min(1.0) * (-t / 0.9).exp() * ((length - t) / 0.04).min(1.0)
        });
    }

    /// A note that comes from nowhere and goes there again.
    pub(super) fn pad(&mut self, at: f64, length: f64, midi: f64) {
        let hz = pitch(midi);
        self.add(at, length, &mut |t| {
            let body: f64 = [1.0, 1.004, 2.0, 3.0].iter().map(|n| (TAU * hz * n * t).sin() / n).sum();
            0.06 * body * (0.5 - 0.5 * (TAU * t / length).cos())
        });
    }

    fn add(&mut self, at: f64, length: f64, wave: &mut dyn FnMut(f64) -> f64) {
        let start = (at * RATE_F).round().max(0.0) as usize;
        for index in 0..(length * RATE_F) as usize {
            let value = wave(index as f64 / RATE_F);
            let Some(to) = self.mix.get_mut(start + index) else { return };
            *to += value as f32;
        }
    }

    /// The whole, with noise of that level under it, and peaks held below 1.
    pub(super) fn mixed(mut self, noise: f64) -> Vec<f32> {
        for value in &mut self.mix {
            *value = (*value + (noise * self.chance.between(-1.0, 1.0)) as f32).tanh();
        }
        self.mix
    }
}

fn pitch(midi: f64) -> f64 {
    440.0 * ((midi - 69.0) / 12.0).exp2()
}
