//! What follows through: hanging hair and cloth, simulated in fixed steps so that equal dances swing alike.
//!
//! Everything here is in the scene's heads, y down. What does not live here: what hangs (`haircuts`, `wardrobe`).

use super::geom::{V2, v2};
use super::haircuts::Strand;
use super::rig::Skeleton;

/// Points of a hanging line.
const POINTS: usize = 8;
/// Simulation steps a second; a multiple of every usual frame rate.
const RATE: f32 = 240.0;
const GRAVITY: f32 = 15.0;

/// One hanging line (position-based, anchored at its first point).
#[derive(Debug, Clone)]
struct Line {
    now: [V2; POINTS],
    before: [V2; POINTS],
    segment: f32,
    leave: V2,
}

impl Line {
    fn new(strand: &Strand, anchor: V2) -> Self {
        let segment = strand.length / (POINTS - 1) as f32;
        let leave = v2(strand.leave.0, strand.leave.1);
        let mut now = [anchor; POINTS];
        for i in 1..POINTS {
            let way = leave.unit().lerp(v2(leave.x * 0.25, 1.0), (i as f32 / 3.0).min(1.0)).unit();
            now[i] = now[i - 1] + way * segment;
        }
        Self { now, before: now, segment, leave }
    }

    fn step(&mut self, anchor: V2, dt: f32) {
        for i in 1..POINTS {
            let speed = (self.now[i] - self.before[i]) * 0.985;
            self.before[i] = self.now[i];
            self.now[i] = self.now[i] + speed + v2(0.0, GRAVITY * dt * dt);
        }
        self.before[0] = self.now[0];
        self.now[0] = anchor;
        // Roots stand off the head a little, the rest hangs freely.
        for i in 1..3 {
            let way = self.leave.unit().lerp(v2(self.leave.x * 0.25, 1.0), i as f32 / 3.0).unit();
            let wish = self.now[i - 1] + way * self.segment;
            self.now[i] = self.now[i].lerp(wish, if i == 1 { 0.22 } else { 0.05 });
        }
        for _ in 0..4 {
            self.now[0] = anchor;
            for i in 1..POINTS {
                let way = self.now[i] - self.now[i - 1];
                let error = way.len() - self.segment;
                let pull = way.unit() * error;
                if i == 1 {
                    self.now[i] = self.now[i] - pull;
                } else {
                    self.now[i] = self.now[i] - pull * 0.5;
                    self.now[i - 1] = self.now[i - 1] + pull * 0.5;
                }
            }
            self.now[0] = anchor;
        }
    }
}

/// A damped spring for one number: sway of short hair, swing of a skirt.
#[derive(Debug, Clone, Copy, Default)]
struct Spring {
    value: f32,
    speed: f32,
}

impl Spring {
    fn step(&mut self, target: f32, stiffness: f32, damping: f32, dt: f32) {
        self.speed += ((target - self.value) * stiffness - self.speed * damping) * dt;
        self.value += self.speed * dt;
    }
}

/// What hangs and how it hangs in one frame.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hanging {
    /// One line for each of the cut's strands, in the scene's heads.
    pub strands: Vec<Vec<V2>>,
    /// Sideways sway of hair ends, heads.
    pub sway: f32,
    /// Sideways swing of a hem, heads.
    pub hem: f32,
    /// How much wider a hem flies, 0 at rest.
    pub flare: f32,
}

/// Simulates follow-through from frame to frame.
#[derive(Debug, Clone)]
pub(crate) struct Follow {
    strands: &'static [Strand],
    lines: Vec<Line>,
    head: V2,
    pelvis: V2,
    yaw: f32,
    sway: Spring,
    hem: Spring,
    flare: Spring,
}

fn anchor(strand: &Strand, head: V2, bones: &Skeleton) -> V2 {
    let (x, y) = strand.anchor;
    head + v2(x, y).turned(bones.head_roll)
}

fn flat(p: super::geom::V3) -> V2 {
    v2(p.x, p.y + p.z * 0.10)
}

impl Follow {
    /// Hanging still in the first frame's skeleton.
    #[must_use]
    pub(crate) fn new(strands: &'static [Strand], bones: &Skeleton) -> Self {
        let head = flat(bones.head);
        let lines = strands.iter().map(|s| Line::new(s, anchor(s, head, bones))).collect();
        let still = Spring::default();
        let mut made = Self { strands, lines, head, pelvis: flat(bones.pelvis), yaw: bones.hip_yaw, sway: still, hem: still, flare: still };
        // Two seconds of hanging before anybody looks.
        let _ = made.advance(bones, 2.0);
        made
    }

    /// Lets `seconds` pass while the skeleton moves to where it is now.
    pub(crate) fn advance(&mut self, bones: &Skeleton, seconds: f32) -> Hanging {
        let steps = (seconds * RATE).round().max(1.0) as usize;
        let dt = 1.0 / RATE;
        let (from, to) = (self.head, flat(bones.head));
        let speed = (to - from) * (1.0 / seconds);
        let hips = (flat(bones.pelvis) - self.pelvis) * (1.0 / seconds);
        let spin = (bones.hip_yaw - self.yaw) / seconds;
        for step in 1..=steps {
            let head = from.lerp(to, step as f32 / steps as f32);
            for (line, strand) in self.lines.iter_mut().zip(self.strands) {
                line.step(anchor(strand, head, bones), dt);
            }
            self.sway.step(-speed.x * 0.10 - bones.head_roll * 0.9, 130.0, 9.0, dt);
            self.hem.step(-hips.x * 0.16, 90.0, 8.0, dt);
            self.flare.step((hips.y.abs() * 0.10 + spin.abs() * 0.07).min(0.5), 70.0, 9.0, dt);
        }
        self.head = to;
        self.pelvis = flat(bones.pelvis);
        self.yaw = bones.hip_yaw;
        Hanging {
            strands: self.lines.iter().map(|l| l.now.to_vec()).collect(),
            sway: self.sway.value.clamp(-0.35, 0.35),
            hem: self.hem.value.clamp(-0.4, 0.4),
            flare: self.flare.value.clamp(0.0, 0.5),
        }
    }
}
