//! The drums and noises: each struck once, as samples; which is struck when lives in `groove`.

use super::chance::Chance;
use super::dsp::{RATE_F, Svf, sine, soft};
use serde::Deserialize;

/// A drum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Drum {
    Kick,
    Snare,
    Clap,
    Hat,
    OpenHat,
    Shaker,
    Rim,
    Tom,
    Crash,
}

pub(super) const DRUMS: [Drum; 9] =
    [Drum::Kick, Drum::Snare, Drum::Clap, Drum::Hat, Drum::OpenHat, Drum::Shaker, Drum::Rim, Drum::Tom, Drum::Crash];

/// How a style's drums sound.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kit {
    /// Pitch of the kick: at the stroke and after it, Hz; seconds to fade; level of its click.
    pub(super) kick_hz: (f32, f32),
    pub(super) kick_s: f32,
    pub(super) click: f32,
    /// Saturation of kick and snare: 0 none … 6 fierce.
    pub(super) drive: f32,
    /// Pitch of the snare's skin, Hz, and seconds its wires rattle.
    pub(super) snare_hz: f32,
    pub(super) snare_s: f32,
    /// Where the hats begin, Hz.
    pub(super) hat_hz: f32,
    /// Everything above is gone, Hz: 20 000 = bright, 6 000 = an old record.
    pub(super) dull_hz: f32,
    /// Levels.
    pub(super) kick_gain: f32,
    pub(super) snare_gain: f32,
    pub(super) clap_gain: f32,
    pub(super) hat_gain: f32,
    pub(super) cymbal_gain: f32,
}

/// How often each drum is recorded, so that hats do not sound like a machine gun.
pub(super) const TAKES: usize = 4;

/// One stroke, mono.
pub(super) fn strike(drum: Drum, kit: &Kit, chance: &mut Chance) -> Vec<f32> {
    let (mut sound, gain) = match drum {
        Drum::Kick => (kick(kit, chance), kit.kick_gain),
        Drum::Snare => (snare(kit, chance), kit.snare_gain),
        Drum::Clap => (clap(chance), kit.clap_gain),
        Drum::Hat => (metal(kit.hat_hz, 0.028 + 0.008 * chance.unit(), 0.35, chance), kit.hat_gain),
        Drum::OpenHat => (metal(kit.hat_hz, 0.16, 0.35, chance), kit.hat_gain),
        Drum::Shaker => (shaker(kit.hat_hz, chance), 0.8 * kit.hat_gain),
        Drum::Rim => (rim(chance), 0.5 * kit.snare_gain),
        Drum::Tom => (tom(kit, chance), kit.snare_gain),
        Drum::Crash => (metal(3_200.0, 0.75, 0.15, chance), kit.cymbal_gain),
    };
    let mut dull = Svf::new(kit.dull_hz, 0.7);
    for v in &mut sound {
        *v = gain * if kit.dull_hz < 15_000.0 { dull.run(*v).low } else { *v };
    }
    // The last 2 ms to zero.
    let length = sound.len();
    for (i, v) in sound.iter_mut().rev().take(96.min(length)).enumerate() {
        *v *= i as f32 / 96.0;
    }
    sound
}

fn seconds(length: f32) -> impl Iterator<Item = f32> {
    (0..(length * RATE_F) as usize).map(|i| i as f32 / RATE_F)
}

fn kick(kit: &Kit, chance: &mut Chance) -> Vec<f32> {
    let mut phase = 0.0f32;
    let mut air = Svf::new(3_000.0, 0.7);
    seconds(kit.kick_s * 4.5)
        .map(|t| {
            let (from, to) = kit.kick_hz;
            let hz = to + (from - to) * (-t / 0.022).exp() + from * 1.5 * (-t / 0.004).exp();
            phase += hz / RATE_F;
            let body = sine(phase) * (t / 0.0006).min(1.0) * (-t / kit.kick_s).exp();
            let click = kit.click * air.run(chance.both()).high * (-t / 0.0035).exp();
            soft((body + click) * (1.0 + kit.drive)) / soft(1.0 + kit.drive)
        })
        .collect()
}

fn snare(kit: &Kit, chance: &mut Chance) -> Vec<f32> {
    let (mut a, mut b) = (0.0f32, 0.0f32);
    let mut wires = Svf::new(1_400.0, 0.6);
    seconds(kit.snare_s * 5.0)
        .map(|t| {
            let drop = 1.0 + 0.35 * (-t / 0.012).exp();
            a += kit.snare_hz * drop / RATE_F;
            b += kit.snare_hz * 1.78 * drop / RATE_F;
            let skin = (0.7 * sine(a) + 0.35 * sine(b)) * (-t / 0.065).exp();
            let noise = wires.run(chance.both()).high * (0.55 * (-t / kit.snare_s).exp() + 0.5 * (-t / 0.012).exp());
            soft((skin + 0.8 * noise) * (1.0 + 0.5 * kit.drive)) * (t / 0.0004).min(1.0)
        })
        .collect()
}

/// Several hands, not quite together.
fn clap(chance: &mut Chance) -> Vec<f32> {
    let mut room = Svf::new(1_350.0, 1.1);
    let mut air = Svf::new(700.0, 0.7);
    let late: Vec<f32> = (0..3).map(|i| 0.0095 * i as f32 + 0.002 * chance.unit() * i as f32).collect();
    seconds(0.42)
        .map(|t| {
            let hands: f32 = late.iter().filter(|&&at| t >= at).map(|at| (-(t - at) / 0.0045).exp()).sum();
            let tail = if t > 0.021 { 0.75 * (-(t - 0.021) / 0.075).exp() } else { 0.0 };
            let noise = chance.both() * (hands + tail);
            let body = room.run(noise).band;
            soft(1.3 * air.run(0.9 * body + 0.25 * noise).high)
        })
        .collect()
}

/// Hats and cymbals: noise and six squares that fit no scale, above `from_hz`, fading in `fade_s`.
fn metal(from_hz: f32, fade_s: f32, ring: f32, chance: &mut Chance) -> Vec<f32> {
    const RATIOS: [f32; 6] = [2.0, 3.01, 4.16, 5.43, 6.79, 8.21];
    let mut phases: Vec<f32> = RATIOS.iter().map(|_| chance.unit()).collect();
    let (mut first, mut second) = (Svf::new(from_hz, 0.7), Svf::new(from_hz, 0.7));
    seconds(fade_s * 5.5)
        .map(|t| {
            let mut squares = 0.0;
            for (phase, ratio) in phases.iter_mut().zip(RATIOS) {
                *phase += 540.0 * ratio / RATE_F;
                *phase -= phase.floor();
                squares += if *phase < 0.5 { 1.0 } else { -1.0 };
            }
            let raw = (1.0 - ring) * chance.both() + ring * squares / 4.0;
            let fade = 0.7 * (-t / fade_s).exp() + 0.3 * (-t / (0.25 * fade_s)).exp();
            second.run(first.run(raw).high).high * fade * (t / 0.0005).min(1.0)
        })
        .collect()
}

fn shaker(from_hz: f32, chance: &mut Chance) -> Vec<f32> {
    let mut filter = Svf::new(0.8 * from_hz, 1.2);
    seconds(0.11).map(|t| filter.run(chance.both()).band * (t / 0.008).min(1.0) * (-t / 0.022).exp()).collect()
}

fn rim(chance: &mut Chance) -> Vec<f32> {
    let (mut a, mut b) = (0.0f32, 0.0f32);
    seconds(0.09)
        .map(|t| {
            a += 820.0 / RATE_F;
            b += 1_710.0 / RATE_F;
            (sine(a) + 0.7 * sine(b) + 0.3 * chance.both() * (-t / 0.003).exp()) * (-t / 0.014).exp() * (t / 0.0003).min(1.0)
        })
        .collect()
}

fn tom(kit: &Kit, chance: &mut Chance) -> Vec<f32> {
    let mut phase = 0.0f32;
    seconds(0.5)
        .map(|t| {
            phase += 0.62 * kit.snare_hz * (1.0 + 0.7 * (-t / 0.05).exp()) / RATE_F;
            soft(1.4 * (sine(phase) + 0.12 * chance.both() * (-t / 0.02).exp()) * (-t / 0.11).exp())
        })
        .collect()
}

/// A rush of noise over `length_s`: rising in pitch and level (`up`), or falling.
pub(super) fn sweep(length_s: f32, up: bool, chance: &mut Chance) -> Vec<f32> {
    let mut filter = Svf::default();
    let count = (length_s * RATE_F) as usize;
    (0..count)
        .map(|i| {
            let along = i as f32 / count as f32;
            let rise = if up { along } else { (1.0 - along) * (1.0 - along) };
            if i % 32 == 0 {
                filter.tune(350.0 * (4.7 * rise).exp2(), 1.4);
            }
            let edge = ((count - i) as f32 / 240.0).min(1.0).min(i as f32 / 48.0);
            filter.run(chance.both()).band * rise * (0.35 + 0.65 * rise) * edge
        })
        .collect()
}

/// The boom under a drop.
pub(super) fn boom() -> Vec<f32> {
    let mut phase = 0.0f32;
    seconds(1.3)
        .map(|t| {
            phase += (34.0 + 55.0 * (-t / 0.12).exp()) / RATE_F;
            soft(1.5 * sine(phase)) * (-t / 0.3).exp() * (t / 0.002).min(1.0) * ((1.3 - t) / 0.1).min(1.0)
        })
        .collect()
}

/// Dust of an old record over `length_s`.
pub(super) fn crackle(length_s: f32, chance: &mut Chance) -> Vec<f32> {
    let (mut hiss, mut pop) = (Svf::new(5_500.0, 0.5), Svf::new(2_600.0, 1.5));
    seconds(length_s)
        .map(|t| {
            let tick = if chance.unit() < 14.0 / RATE_F { chance.both() * 6.0 } else { 0.0 };
            let edge = (t / 0.02).min((length_s - t) / 0.02).clamp(0.0, 1.0);
            (pop.run(tick).band + 0.05 * hiss.run(chance.both()).band) * edge
        })
        .collect()
}
