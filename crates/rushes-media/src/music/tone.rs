//! The pitched instruments: oscillators, an envelope, a filter and some drive, described by a [`Patch`].

use super::chance::Chance;
use super::dsp::{RATE_F, Svf, blep, sine, soft};
use super::theory::hz;
use serde::Deserialize;

/// Where an instrument's tone begins.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wave {
    /// Bright; detuned copies make the wide chords of dance music.
    Saw,
    /// Hollow.
    Square,
    /// Round.
    Sine,
    /// An electric piano: two sines, one bending the other, and a short tine.
    Keys,
    /// A glassy bell: bent by 3.5 times its own pitch.
    Bell,
    /// Two squares a crooked fifth apart, as the old drum machine made them.
    Cowbell,
}

/// An instrument.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    pub(super) wave: Wave,
    /// Copies sounding together, and how far apart: cents, and 0 (centre) … 1 (hard left to hard right).
    pub(super) copies: usize,
    pub(super) detune_cents: f32,
    pub(super) width: f32,
    /// Level of a sine one octave below.
    pub(super) sub: f32,
    /// Seconds to the top, seconds towards `sustain`, level held 0–1, seconds to fade after the note.
    pub(super) attack_s: f32,
    pub(super) decay_s: f32,
    pub(super) sustain: f32,
    pub(super) release_s: f32,
    /// Low-pass at rest, Hz; how many octaves the envelope opens it, and for how long, seconds.
    pub(super) cutoff_hz: f32,
    pub(super) open_octaves: f32,
    pub(super) open_s: f32,
    pub(super) q: f32,
    /// Saturation: 0 none … 8 fierce.
    pub(super) drive: f32,
    /// Depth of the vibrato.
    pub(super) vibrato_cents: f32,
    /// Level, and how much goes to reverb and echo.
    pub(super) gain: f32,
    pub(super) reverb: f32,
    pub(super) echo: f32,
}

/// One note to play.
#[derive(Debug, Clone)]
pub(super) struct Tone<'a> {
    pub(super) patch: &'a Patch,
    /// Pitch, MIDI.
    pub(super) midi: f32,
    /// Seconds held.
    pub(super) length_s: f32,
    /// Multiplies the cutoff; 1 = as the patch has it.
    pub(super) bright: f32,
}

/// Nothing sounds longer than this, seconds.
pub(super) const LONGEST_S: f32 = 7.5;
/// Samples between two looks at envelope and filter.
const BLOCK: usize = 16;

struct Copy {
    phase: f32,
    other: f32,
    step: f32,
    left: f32,
    right: f32,
}

/// Plays a note at `velocity` 0–1 into `out` (stereo, emptied first).
pub(super) fn play(tone: &Tone, velocity: f32, chance: &mut Chance, out: &mut Vec<[f32; 2]>) {
    let patch = tone.patch;
    let samples = (((tone.length_s + 6.0 * patch.release_s).min(LONGEST_S)) * RATE_F) as usize;
    out.clear();
    out.resize(samples, [0.0; 2]);
    let mut copies = copies(patch, hz(tone.midi), chance);
    let is_wide = patch.width > 0.0 && patch.copies > 1;
    let mut filters = [Svf::default(); 2];
    let mut sub_phase = 0.0f32;
    let sub_step = hz(tone.midi - 12.0) / RATE_F;
    let level = patch.gain * (0.25 + 0.75 * velocity);
    let mut amp = 0.0f32;
    for (index, block) in out.chunks_mut(BLOCK).enumerate() {
        let t = (index * BLOCK) as f32 / RATE_F;
        let next_amp = envelope(patch, t + BLOCK as f32 / RATE_F, tone.length_s);
        let bend = 1.0 + patch.vibrato_cents * 5.8e-4 * (t * 3.0).min(1.0) * sine(5.2 * t);
        for copy in &mut copies {
            oscillate(patch.wave, copy, bend, t, block);
        }
        let opening = (-t / patch.open_s.max(1e-3)).exp() * patch.open_octaves * (0.4 + 0.6 * velocity);
        let cutoff = (patch.cutoff_hz * tone.bright * opening.exp2()).min(18_000.0);
        filters.iter_mut().for_each(|f| f.tune(cutoff, patch.q));
        let slope = (next_amp - amp) / BLOCK as f32;
        for frame in block {
            amp += slope;
            if patch.sub > 0.0 {
                sub_phase += sub_step;
                let sub = patch.sub * sine(sub_phase);
                frame[0] += sub;
                frame[1] += sub;
            }
            let left = shaped(filters[0].run(frame[0]).low, patch.drive) * amp * level;
            let right = if is_wide { shaped(filters[1].run(frame[1]).low, patch.drive) * amp * level } else { left };
            *frame = [left, right];
        }
        amp = next_amp;
    }
}

#[inline]
fn shaped(x: f32, drive: f32) -> f32 {
    if drive > 0.0 { soft(x * (1.0 + drive)) / (1.0 + 0.35 * drive) } else { x }
}

/// Level of a note held for `length` at `t` seconds: 0–1.
fn envelope(patch: &Patch, t: f32, length: f32) -> f32 {
    let Patch { attack_s: attack, decay_s: decay, sustain, release_s: release, .. } = *patch;
    let held = |t: f32| {
        if t < attack { t / attack } else { sustain + (1.0 - sustain) * (-(t - attack) / decay.max(1e-3)).exp() }
    };
    // The last hundredth is taken off evenly, so that a cut-off tail ends at zero.
    if t <= length { held(t) } else { (held(length) * (-(t - length) / release.max(1e-3)).exp() - 0.003).max(0.0) }
}

fn copies(patch: &Patch, hz: f32, chance: &mut Chance) -> Vec<Copy> {
    let count = patch.copies.max(1);
    (0..count)
        .map(|i| {
            let side = if count > 1 { 2.0 * i as f32 / (count - 1) as f32 - 1.0 } else { 0.0 };
            let step = hz * (side * patch.detune_cents / 1200.0).exp2() / RATE_F;
            // A lone copy begins at 0, so that basses and keys speak at once; many begin anywhere.
            let phase = if count > 1 { chance.unit() } else { 0.0 };
            // Neighbours in pitch go to opposite sides, so that neither side is sharp.
            let pan = if i % 2 == 0 { side } else { -side } * patch.width;
            let gain = 1.0 / (count as f32).sqrt();
            Copy { phase, other: 0.0, step, left: gain * (1.0 - pan.max(0.0)), right: gain * (1.0 + pan.min(0.0)) }
        })
        .collect()
}

/// Adds one copy's samples to the block; `t` seconds since the note began.
fn oscillate(wave: Wave, copy: &mut Copy, bend: f32, t: f32, block: &mut [[f32; 2]]) {
    let step = copy.step * bend;
    let index = 1.6 * (-t * 2.2).exp() + 0.25;
    let tine = 0.22 * (-t * 14.0).exp();
    for frame in block {
        copy.phase += step;
        if copy.phase >= 1.0 {
            copy.phase -= 1.0;
        }
        let p = copy.phase;
        let v = match wave {
            Wave::Saw => 2.0 * p - 1.0 - blep(p, step),
            Wave::Square => square(p, step),
            Wave::Sine => sine(p),
            Wave::Keys => {
                copy.other += step * 14.0;
                sine(p + index * 0.16 * sine(p)) + tine * sine(copy.other)
            }
            Wave::Bell => {
                copy.other += step * 3.5;
                sine(p + index * 0.3 * sine(copy.other))
            }
            Wave::Cowbell => {
                let other_step = step * 1.483;
                copy.other += other_step;
                if copy.other >= 1.0 {
                    copy.other -= 1.0;
                }
                0.55 * square(p, step) + 0.45 * square(copy.other, other_step)
            }
        };
        frame[0] += v * copy.left;
        frame[1] += v * copy.right;
    }
    copy.other -= copy.other.floor();
}

#[inline]
fn square(p: f32, step: f32) -> f32 {
    let half = if p < 0.5 { p + 0.5 } else { p - 0.5 };
    (if p < 0.5 { 1.0 } else { -1.0 }) + blep(p, step) - blep(half, step)
}
