//! From beats to poses: which phrase is danced when, and how one key pose flows into the next.
//!
//! Every key is reached exactly on its beat, so that hits land; feet that stay in place between two keys do not move
//! at all. What does not live here: the moves (`phrases`) and where the beats come from (`crate::beat`).

use super::geom::{V3, v3};
use super::phrases::{FOOTWORK, Footwork, HOME, Key, PHRASES, Phrase};
use super::rig::{Expression, Pose};
use super::rng::Dice;

/// What is danced to.
#[derive(Debug, Clone, PartialEq)]
pub struct Music {
    /// Beat times, seconds, ascending, at least two.
    pub beats_s: Vec<f64>,
    /// Which beat opens a bar.
    pub downbeat: usize,
    /// Length, seconds.
    pub length_s: f64,
    /// Energy over the length, 0.0–1.0, at even steps; empty means medium.
    pub energy: Vec<f32>,
    /// How strongly something begins, likewise.
    pub onset: Vec<f32>,
    /// Where the picture's movement is, −1 left to 1 right, likewise; empty means in the middle.
    pub centre: Vec<f32>,
}

impl Music {
    /// An even beat.
    #[must_use]
    pub fn steady(bpm: f64, length_s: f64) -> Self {
        let step = 60.0 / bpm.max(1.0);
        let count = (length_s / step).ceil().max(1.0) as usize + 1;
        Self {
            beats_s: (0..count).map(|i| i as f64 * step).collect(),
            downbeat: 0,
            length_s,
            energy: Vec::new(),
            onset: Vec::new(),
            centre: Vec::new(),
        }
    }

    fn sample(&self, curve: &[f32], t: f64, otherwise: f32) -> f32 {
        if curve.is_empty() {
            return otherwise;
        }
        let place = (t / self.length_s.max(1e-6) * (curve.len() - 1) as f64).clamp(0.0, (curve.len() - 1) as f64);
        let i = place as usize;
        let next = curve[(i + 1).min(curve.len() - 1)];
        curve[i] + (next - curve[i]) * (place - i as f64) as f32
    }

    /// Time of a beat that may lie before the first or after the last, seconds.
    fn time(&self, beat: f64) -> f64 {
        let last = self.beats_s.len() - 1;
        let whole = beat.floor();
        let (i, share) = (whole as i64, beat - whole);
        let at = |k: i64| -> f64 {
            let inside = k.clamp(0, last as i64) as usize;
            let step =
                if k < 0 { self.beats_s[1.min(last)] - self.beats_s[0] } else { self.beats_s[last] - self.beats_s[last.saturating_sub(1)] };
            self.beats_s[inside] + (k - inside as i64) as f64 * step.max(0.2)
        };
        at(i) + (at(i + 1) - at(i)) * share
    }

    /// Which beat a time falls on, as a fraction; the inverse of [`Self::time`].
    #[must_use]
    pub(crate) fn beat(&self, t: f64) -> f64 {
        let after = self.beats_s.partition_point(|b| *b <= t) as i64;
        let (from, to) = (self.time((after - 1) as f64), self.time(after as f64));
        let whole = if after == 0 || after as usize == self.beats_s.len() { ((t - from) / (to - from)).floor() } else { 0.0 };
        (after - 1) as f64 + whole + ((t - from) / (to - from) - whole)
    }

    /// How much goes on at a time (seconds), 0.0–1.0; medium where nothing is known.
    #[must_use]
    pub(crate) fn energy_at(&self, t: f64) -> f32 {
        self.sample(&self.energy, t, 0.55)
    }

    /// 1.0 on a beat, falling to 0.0 before the next.
    #[must_use]
    pub(crate) fn pulse(&self, t: f64) -> f32 {
        let phase = self.beat(t).rem_euclid(1.0) as f32;
        (1.0 - phase).powi(3)
    }
}

/// One key of the whole dance: when, and the pose.
#[derive(Debug, Clone, Copy)]
struct Cue {
    time: f64,
    pose: Pose,
}

/// A dance to one piece of music.
#[derive(Debug, Clone)]
pub struct Choreography {
    music: Music,
    cues: Vec<Cue>,
    names: Vec<&'static str>,
    blinks: Vec<f64>,
}

impl Choreography {
    /// Chooses phrases by seed and by how much energy there is, from before the first to after the last frame.
    #[must_use]
    pub fn new(music: Music, seed: u64) -> Self {
        let mut dice = Dice::new(seed, "choreography");
        let first = music.beat(0.0).floor() - 8.0;
        let start = first - (first - music.downbeat as f64).rem_euclid(8.0);
        let end = music.beat(music.length_s) + 9.0;
        let (mut cues, mut names) = (Vec::new(), Vec::new());
        let mut beat = start;
        let mut previous = "";
        while beat < end {
            let (from, to) = (music.time(beat), music.time(beat + 8.0));
            let energy = music.energy_at((from + to) * 0.5);
            let phrase = choose(&mut dice, energy, previous);
            let mirror = dice.chance(0.5);
            let drift = music.sample(&music.centre, (from + to) * 0.5, 0.0) * 0.55;
            previous = phrase.name;
            names.push(phrase.name);
            let footwork = dice.pick(FOOTWORK);
            for key in phrase.keys {
                let time = music.time(beat + f64::from(key.count));
                cues.push(Cue { time, pose: pose(&stepping(key, footwork), mirror, drift, energy) });
            }
            beat += 8.0;
        }
        let mut blinks = Vec::new();
        let mut t = f64::from(dice.range(0.4, 2.0));
        while t < music.length_s {
            blinks.push(t);
            t += f64::from(dice.range(1.8, 4.2));
        }
        Self { music, cues, names, blinks }
    }

    /// The names of the phrases, in order.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// What is danced to.
    #[must_use]
    pub(crate) fn music(&self) -> &Music {
        &self.music
    }

    /// The pose at a time, seconds.
    #[must_use]
    pub(crate) fn pose(&self, t: f64) -> Pose {
        let after = self.cues.partition_point(|c| c.time <= t).clamp(1, self.cues.len() - 1);
        let (from, to) = (&self.cues[after - 1], &self.cues[after]);
        let share = ((t - from.time) / (to.time - from.time)).clamp(0.0, 1.0) as f32;
        let mut pose = blend(&from.pose, &to.pose, share);
        let beat = self.music.beat(t) as f32;
        if pose.feet.iter().any(|f| f.y > -0.05) {
            groove(&mut pose, beat, self.music.energy_at(t));
        }
        pose.head_pitch += 0.05 * (beat * std::f32::consts::TAU).cos();
        pose.face.mouth = (pose.face.mouth + 0.2 * self.music.sample(&self.music.onset, t, 0.0)).min(1.0);
        for blink in &self.blinks {
            let open = ((t - blink).abs() / 0.085).min(1.0) as f32;
            pose.face.eyes = pose.face.eyes.map(|eye| eye.min(open * open));
        }
        pose
    }
}

/// What a dancer does under every move: down on each beat, weight from foot to foot, the free heel up between beats.
fn groove(pose: &mut Pose, beat: f32, energy: f32) {
    use std::f32::consts::{PI, TAU};
    let on = 0.5 + 0.5 * (beat * TAU).cos();
    pose.hips.y += (0.05 + 0.07 * energy) * on;
    let side = (beat * PI).sin() * (0.5 + 0.5 * energy);
    pose.hips.x += 0.045 * side;
    pose.hip_roll += 0.05 * side;
    pose.lean -= 0.03 * side;
    let stance = (pose.feet[1].x - pose.feet[0].x).abs().max(0.4);
    let weight = ((pose.hips.x - (pose.feet[0].x + pose.feet[1].x) * 0.5) / stance * 4.0).clamp(-1.0, 1.0);
    for (foot, free) in [(0, weight.max(0.0)), (1, (-weight).max(0.0))] {
        let planted = (1.0 + pose.feet[foot].y * 8.0).clamp(0.0, 1.0);
        pose.heels[foot] = 0.15 * free * (1.0 - 0.55 * on) * planted;
    }
}

fn choose(dice: &mut Dice, energy: f32, previous: &str) -> &'static Phrase {
    let weight = |p: &Phrase| if p.name == previous { 0.0 } else { (1.05 - (p.energy - energy).abs()).max(0.05).powi(3) };
    let sum: f32 = PHRASES.iter().map(weight).sum();
    let mut left = dice.unit() * sum;
    for phrase in PHRASES {
        left -= weight(phrase);
        if left <= 0.0 {
            return phrase;
        }
    }
    &PHRASES[0]
}

/// A key whose feet have nothing else to do, with steps of its phrase's footwork.
fn stepping(key: &Key, footwork: &Footwork) -> Key {
    if key.feet != HOME {
        return *key;
    }
    let (feet, hips) = footwork[key.count as usize % footwork.len()];
    Key { feet, hips: (key.hips.0 + hips, key.hips.1), ..*key }
}

/// A key as a pose; `drift` moves the whole dancer, `energy` enlarges the move.
fn pose(key: &Key, mirror: bool, drift: f32, energy: f32) -> Pose {
    let size = 0.82 + 0.36 * energy.clamp(0.0, 1.0);
    let (left, right) = if mirror { (key.right, key.left) } else { (key.left, key.right) };
    let m = if mirror { -1.0 } else { 1.0 };
    let foot = |side: usize| {
        let (x, z, lift) = key.feet[if mirror { 1 - side } else { side }];
        v3(x * m + drift, -lift, z)
    };
    let mut face = key.mood.face();
    if mirror {
        face.eyes.swap(0, 1);
    }
    Pose {
        hips: v3(key.hips.0 * m * 1.2 + drift, key.hips.1 * size, 0.0),
        hip_yaw: key.turn * m * size,
        hip_roll: key.hip_roll * m * size * 1.4,
        chest_yaw: key.chest_turn * m * size,
        lean: key.lean * m * size * 1.5,
        head_yaw: key.head.0 * m,
        head_pitch: key.head.1,
        head_roll: key.head.2 * m,
        hands: [left.at.flipped(), right.at],
        poles: [left.pole.flipped(), right.pole],
        feet: [foot(0), foot(1)],
        heels: [0.0; 2],
        grips: [left.grip, right.grip],
        face: Expression { gaze: key.head.0 * m * -0.5, ..face },
    }
}

/// Rest, then a quick move that arrives on the beat.
fn ease(share: f32, rest: f32) -> f32 {
    let s = ((share - rest) / (1.0 - rest)).clamp(0.0, 1.0);
    s * s * s * (s * (s * 6.0 - 15.0) + 10.0)
}

fn blend(a: &Pose, b: &Pose, share: f32) -> Pose {
    let body = ease(share, 0.10);
    let arms = ease(share, 0.22);
    let feet = ease(share, 0.30);
    let mix = |x: f32, y: f32, s: f32| x + (y - x) * s;
    let hand = |side: usize| {
        let (from, to) = (a.hands[side], b.hands[side]);
        // Hands swing round the body, not through it.
        let way = (to - from).len().min(2.0);
        from.lerp(to, arms) + v3(0.0, 0.0, 0.22 * way * (arms * std::f32::consts::PI).sin())
    };
    let foot = |side: usize| -> V3 {
        let (from, to) = (a.feet[side], b.feet[side]);
        if from == to {
            return to;
        }
        let way = (to - from).len().min(1.0);
        let mut p = from.lerp(to, feet);
        p.y -= 0.20 * way * (feet * std::f32::consts::PI).sin();
        p
    };
    let late = if arms > 0.5 { b } else { a };
    Pose {
        hips: a.hips.lerp(b.hips, body),
        hip_yaw: mix(a.hip_yaw, b.hip_yaw, body),
        hip_roll: mix(a.hip_roll, b.hip_roll, body),
        chest_yaw: mix(a.chest_yaw, b.chest_yaw, body),
        lean: mix(a.lean, b.lean, body),
        head_yaw: mix(a.head_yaw, b.head_yaw, arms),
        head_pitch: mix(a.head_pitch, b.head_pitch, body),
        head_roll: mix(a.head_roll, b.head_roll, body),
        hands: [hand(0), hand(1)],
        poles: [0, 1].map(|side| a.poles[side].lerp(b.poles[side], arms)),
        feet: [foot(0), foot(1)],
        heels: [0.0; 2],
        grips: late.grips,
        face: Expression {
            eyes: [0, 1].map(|i| mix(a.face.eyes[i], b.face.eyes[i], ease(share, 0.6))),
            smile: mix(a.face.smile, b.face.smile, arms),
            mouth: mix(a.face.mouth, b.face.mouth, arms),
            brows: mix(a.face.brows, b.face.brows, arms),
            gaze: mix(a.face.gaze, b.face.gaze, arms),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draw_hits_land_on_beats() {
        let music = Music {
            beats_s: (0..40).map(|i| 0.31 + f64::from(i) * 0.5 + 0.004 * f64::from(i % 3)).collect(),
            ..Music::steady(120.0, 16.0)
        };
        let dance = Choreography::new(music.clone(), 5);
        let inside: Vec<f64> = dance.cues.iter().map(|cue| cue.time).filter(|t| (0.4..15.5).contains(t)).collect();
        assert!(inside.len() > 24, "{} hits", inside.len());
        for hit in &inside {
            let half = (music.beat(*hit) * 2.0).rem_euclid(1.0);
            assert!(!(0.01..=0.99).contains(&half), "a hit at {hit} s is off the beat by {half}");
        }
        // On a hit the arms have arrived: they move less than half way into the next key's rest.
        for hit in &inside {
            let speed = |t: f64| (dance.pose(t + 0.01).hands[1] - dance.pose(t - 0.01).hands[1]).len();
            assert!(speed(*hit) <= 0.06, "hands still move on the hit at {hit} s: {}", speed(*hit));
        }
    }

    #[test]
    fn draw_seeds_dance_differently() {
        let names = |seed| Choreography::new(Music::steady(120.0, 30.0), seed).names().to_vec();
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }
}
