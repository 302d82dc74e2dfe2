//! Moves as tables: eight counts each, one key pose on the beats that matter. A new move is one row.
//!
//! Places are for the picture's right hand; the left hand takes their mirror image. Units are heads, counts are beats.
//! What does not live here: when which phrase is danced and how poses blend (`choreography`).

use super::geom::{V3, v3};
use super::rig::{Expression, Grip};

/// Where a hand goes, from the base of the neck; where the elbow points; what the fingers do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub at: V3,
    pub pole: V3,
    pub grip: Grip,
}

const fn place(at: (f32, f32, f32), pole: (f32, f32, f32), grip: Grip) -> Place {
    Place { at: v3(at.0, at.1, at.2), pole: v3(pole.0, pole.1, pole.2), grip }
}

const DOWN: Place = place((0.84, 2.10, 0.15), (1.0, 0.2, -0.6), Grip::Relaxed);
const HIP: Place = place((0.76, 1.36, 0.25), (0.8, 0.1, -0.9), Grip::Fist);
const SIDE: Place = place((2.4, 0.22, 0.1), (0.2, 1.0, -0.2), Grip::Open);
const LOW: Place = place((1.65, 1.45, 0.2), (1.0, 0.4, -0.3), Grip::Open);
const HIGH: Place = place((1.75, -1.15, 0.1), (1.0, 0.6, 0.0), Grip::Open);
const UP: Place = place((0.80, -1.75, 0.1), (1.0, 0.2, 0.0), Grip::Open);
const POINT: Place = place((1.90, -1.0, 0.3), (1.0, 0.7, 0.0), Grip::Point);
const AT_YOU: Place = place((0.62, 0.62, 1.5), (1.0, 0.6, 0.0), Grip::Point);
const CHEST: Place = place((0.30, 0.72, 0.65), (1.0, 0.55, -0.1), Grip::Fist);
const CROSS: Place = place((-0.30, 0.66, 0.68), (0.9, 0.8, 0.0), Grip::Relaxed);
const CLAP: Place = place((0.06, 0.50, 0.85), (1.0, 0.7, 0.0), Grip::Open);
const FACE: Place = place((0.72, -0.42, 0.5), (1.0, 0.9, 0.1), Grip::Peace);
const FRAME: Place = place((0.66, -0.18, 0.45), (1.0, 0.9, 0.1), Grip::Open);
const CROWN: Place = place((0.62, -1.02, 0.1), (1.3, -0.2, -0.1), Grip::Relaxed);
const HEART: Place = place((0.16, -1.72, 0.2), (1.4, 0.0, 0.0), Grip::Relaxed);
const WAVE1: Place = place((1.70, -0.35, 0.2), (0.8, 0.9, 0.0), Grip::Relaxed);
const WAVE2: Place = place((1.80, 0.80, 0.2), (0.8, -0.5, 0.2), Grip::Relaxed);
const FRONT: Place = place((0.50, 1.02, 1.05), (1.0, 0.5, -0.1), Grip::Fist);
const BENT: Place = place((1.15, -0.30, 0.35), (0.9, 1.0, -0.1), Grip::Fist);

/// One key pose, reached on its count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Key {
    pub count: f32,
    pub left: Place,
    pub right: Place,
    /// Sideways and down, heads.
    pub hips: (f32, f32),
    pub hip_roll: f32,
    pub turn: f32,
    pub chest_turn: f32,
    pub lean: f32,
    /// Yaw, pitch, roll.
    pub head: (f32, f32, f32),
    /// Each foot: sideways, towards the viewer, lifted.
    pub feet: [(f32, f32, f32); 2],
    pub mood: Mood,
}

/// What the face does on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Smile,
    Sing,
    Laugh,
    Wink,
    Cool,
}

impl Mood {
    /// The face of this mood; a wink is on the picture's right.
    #[must_use]
    pub(crate) fn face(self) -> Expression {
        let smile = Expression::default();
        match self {
            Self::Smile => smile,
            Self::Sing => Expression { mouth: 0.55, smile: 0.5, brows: 0.6, ..smile },
            Self::Laugh => Expression { mouth: 0.85, smile: 1.0, brows: 0.7, ..smile },
            Self::Wink => Expression { eyes: [1.0, 0.0], mouth: 0.35, smile: 0.95, brows: 0.5, ..smile },
            Self::Cool => Expression { eyes: [0.86, 0.86], smile: 0.25, brows: 0.05, ..smile },
        }
    }
}

/// Where the feet stand when a move says nothing of them.
pub(crate) const HOME: [(f32, f32, f32); 2] = [(-0.36, 0.0, 0.0), (0.36, 0.0, 0.0)];
const OPEN: [(f32, f32, f32); 2] = [(-0.62, 0.0, 0.0), (0.62, 0.0, 0.0)];
const RIGHT: [(f32, f32, f32); 2] = [(-0.36, 0.0, 0.0), (0.95, 0.1, 0.0)];
const RIGHT_TOUCH: [(f32, f32, f32); 2] = [(0.42, 0.2, 0.0), (0.95, 0.1, 0.0)];
const LEFT: [(f32, f32, f32); 2] = [(-0.95, 0.1, 0.0), (0.36, 0.0, 0.0)];
const LEFT_TOUCH: [(f32, f32, f32); 2] = [(-0.95, 0.1, 0.0), (-0.42, 0.2, 0.0)];
const KNEE_RIGHT: [(f32, f32, f32); 2] = [(-0.30, 0.0, 0.0), (0.46, 0.45, 0.62)];
const KNEE_LEFT: [(f32, f32, f32); 2] = [(-0.46, 0.45, 0.62), (0.30, 0.0, 0.0)];
const KICK_RIGHT: [(f32, f32, f32); 2] = [(-0.30, 0.0, 0.0), (1.12, 0.3, 0.40)];
const KICK_LEFT: [(f32, f32, f32); 2] = [(-1.12, 0.3, 0.40), (0.30, 0.0, 0.0)];
const CROSS_RIGHT: [(f32, f32, f32); 2] = [(0.62, 0.35, 0.0), (0.30, 0.0, 0.0)];
const CROSS_LEFT: [(f32, f32, f32); 2] = [(-0.30, 0.0, 0.0), (-0.62, 0.35, 0.0)];
const DIG_RIGHT: [(f32, f32, f32); 2] = [(-0.30, 0.0, 0.0), (0.62, 0.75, 0.0)];
const DIG_LEFT: [(f32, f32, f32); 2] = [(-0.62, 0.75, 0.0), (0.30, 0.0, 0.0)];
const WIDE: [(f32, f32, f32); 2] = [(-0.90, 0.0, 0.0), (0.90, 0.0, 0.0)];
const RUN_RIGHT: [(f32, f32, f32); 2] = [(-0.28, 0.0, 0.0), (0.34, 0.30, 0.50)];
const RUN_LEFT: [(f32, f32, f32); 2] = [(-0.34, 0.30, 0.50), (0.28, 0.0, 0.0)];
const AIR: [(f32, f32, f32); 2] = [(-0.50, 0.0, 0.46), (0.50, 0.0, 0.46)];

const fn key(count: f32, left: Place, right: Place) -> Key {
    Key {
        count,
        left,
        right,
        hips: (0.0, 0.0),
        hip_roll: 0.0,
        turn: 0.0,
        chest_turn: 0.0,
        lean: 0.0,
        head: (0.0, 0.0, 0.0),
        feet: HOME,
        mood: Mood::Smile,
    }
}

impl Key {
    const fn feet(mut self, feet: [(f32, f32, f32); 2], hip_x: f32) -> Self {
        self.feet = feet;
        self.hips.0 = hip_x;
        self
    }
    const fn hips(mut self, x: f32, y: f32, roll: f32) -> Self {
        self.hips = (self.hips.0 + x, y);
        self.hip_roll = roll;
        self
    }
    const fn turn(mut self, hips: f32, chest: f32, lean: f32) -> Self {
        self.turn = hips;
        self.chest_turn = chest;
        self.lean = lean;
        self
    }
    const fn head(mut self, yaw: f32, pitch: f32, roll: f32) -> Self {
        self.head = (yaw, pitch, roll);
        self
    }
    const fn mood(mut self, mood: Mood) -> Self {
        self.mood = mood;
        self
    }
}

/// Steps under moves of the arms, count by count: where the feet are, and how far the hips go with them.
pub(crate) type Footwork = [([(f32, f32, f32); 2], f32); 4];

/// What feet do by themselves.
pub(crate) const FOOTWORK: &[Footwork] = &[
    // Taps out to the side, the weight on the other foot.
    [(HOME, 0.0), ([(-0.34, 0.0, 0.0), (0.74, 0.3, 0.0)], -0.16), (HOME, 0.0), ([(-0.74, 0.3, 0.0), (0.34, 0.0, 0.0)], 0.16)],
    // Steps from side to side.
    [(RIGHT, 0.26), ([(0.14, 0.1, 0.0), (0.95, 0.1, 0.0)], 0.48), (LEFT, -0.26), ([(-0.95, 0.1, 0.0), (-0.14, 0.1, 0.0)], -0.48)],
    // Swaying in a wide stance.
    [(OPEN, 0.22), (OPEN, -0.22), (OPEN, 0.22), (OPEN, -0.22)],
    // A march with low knees.
    [([(-0.30, 0.0, 0.0), (0.40, 0.3, 0.34)], -0.12), (HOME, 0.0), ([(-0.40, 0.3, 0.34), (0.30, 0.0, 0.0)], 0.12), (HOME, 0.0)],
    // Taps to the front.
    [(DIG_RIGHT, -0.08), (HOME, 0.0), (DIG_LEFT, 0.08), (HOME, 0.0)],
];

/// Eight counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Phrase {
    /// What dancers would call it.
    pub name: &'static str,
    /// How much energy it wants, 0.0–1.0.
    pub energy: f32,
    /// Poses in order of their counts, 0 to 8 excluded.
    pub keys: &'static [Key],
}

/// All phrases.
#[rustfmt::skip]
pub(crate) const PHRASES: &[Phrase] = &[
    Phrase { name: "step touch", energy: 0.25, keys: &[
        key(0.0, HIP, LOW).feet(RIGHT, 0.30).hips(0.0, 0.04, 0.06).head(0.15, 0.0, 0.05), key(1.0, HIP, BENT).feet(RIGHT_TOUCH, 0.68).hips(0.0, 0.0, -0.05).mood(Mood::Sing),
        key(2.0, BENT, HIP).feet(HOME, 0.0).hips(0.0, 0.05, 0.0), key(3.0, LOW, HIP).feet(LEFT_TOUCH, -0.66).hips(0.0, 0.0, 0.05).head(-0.15, 0.0, -0.05).mood(Mood::Sing),
        key(4.0, LOW, HIP).feet(LEFT, -0.30).hips(0.0, 0.05, -0.06), key(5.0, BENT, BENT).feet(HOME, 0.0).hips(0.0, 0.02, 0.06), key(6.0, HIP, FACE).hips(0.08, 0.03, 0.08).head(0.1, 0.0, 0.08).mood(Mood::Wink), key(7.0, HIP, HIP).hips(-0.08, 0.03, -0.08)] },
    Phrase { name: "arm wave", energy: 0.3, keys: &[
        key(0.0, SIDE, SIDE).hips(0.0, 0.05, 0.0), key(1.0, WAVE1, SIDE).hips(-0.10, 0.03, -0.06).turn(0.0, -0.1, -0.06).head(-0.2, 0.0, -0.05), key(2.0, WAVE2, WAVE1).hips(0.0, 0.05, 0.0).mood(Mood::Sing), key(3.0, SIDE, WAVE2).hips(0.10, 0.03, 0.06).turn(0.0, 0.1, 0.06).head(0.2, 0.0, 0.05),
        key(4.0, WAVE1, HIGH).hips(0.10, 0.02, 0.07).head(0.15, -0.1, 0.0), key(5.0, WAVE2, WAVE1).hips(0.0, 0.06, 0.0).mood(Mood::Sing), key(6.0, HIGH, WAVE2).hips(-0.10, 0.02, -0.07).head(-0.15, -0.1, 0.0), key(7.0, CHEST, CHEST).hips(0.0, 0.08, 0.0)] },
    Phrase { name: "point out", energy: 0.6, keys: &[
        key(0.0, HIP, POINT).feet(OPEN, 0.10).hips(0.06, 0.03, 0.08).turn(0.0, 0.15, -0.05).head(0.25, -0.1, 0.0).mood(Mood::Sing), key(1.0, HIP, CROSS).feet(OPEN, 0.0).hips(0.0, 0.10, 0.0), key(2.0, POINT, HIP).feet(OPEN, -0.10).hips(-0.06, 0.03, -0.08).turn(0.0, -0.15, 0.05).head(-0.25, -0.1, 0.0).mood(Mood::Sing), key(3.0, CROSS, HIP).feet(OPEN, 0.0).hips(0.0, 0.10, 0.0),
        key(4.0, HIP, AT_YOU).feet(OPEN, 0.0).hips(0.05, 0.06, 0.05).mood(Mood::Wink), key(5.5, CHEST, CHEST).feet(OPEN, 0.0).hips(0.0, 0.12, 0.0).head(0.0, 0.15, 0.0), key(6.0, POINT, POINT).feet(OPEN, 0.0).hips(0.0, 0.02, 0.0).head(0.0, -0.12, 0.0).mood(Mood::Laugh), key(7.0, BENT, BENT).hips(0.0, 0.08, 0.0)] },
    Phrase { name: "body roll", energy: 0.4, keys: &[
        key(0.0, CROWN, HIP).feet(OPEN, 0.0).hips(0.10, 0.02, 0.10).turn(0.1, 0.1, -0.10).head(0.0, -0.12, -0.06), key(1.0, CROWN, HIP).feet(OPEN, 0.0).hips(-0.02, 0.14, 0.0).turn(0.0, 0.0, 0.04).head(0.0, 0.14, 0.0).mood(Mood::Cool), key(2.0, HIP, CROWN).feet(OPEN, 0.0).hips(-0.10, 0.02, -0.10).turn(-0.1, -0.1, 0.10).head(0.0, -0.12, 0.06), key(3.0, HIP, CROWN).feet(OPEN, 0.0).hips(0.02, 0.14, 0.0).turn(0.0, 0.0, -0.04).head(0.0, 0.14, 0.0).mood(Mood::Cool),
        key(4.0, LOW, LOW).feet(OPEN, 0.12).hips(0.08, 0.05, 0.12), key(5.0, LOW, LOW).feet(OPEN, -0.12).hips(-0.08, 0.05, -0.12), key(6.0, CHEST, CHEST).feet(OPEN, 0.0).hips(0.0, 0.16, 0.0).mood(Mood::Cool), key(7.0, HIGH, HIGH).feet(OPEN, 0.0).hips(0.0, 0.0, 0.0).head(0.0, -0.15, 0.0).mood(Mood::Laugh)] },
    Phrase { name: "turn hint", energy: 0.5, keys: &[
        key(0.0, CHEST, SIDE).hips(0.0, 0.05, 0.0).turn(0.45, 0.25, 0.0).head(-0.45, 0.0, 0.0).mood(Mood::Cool), key(1.0, CHEST, LOW).hips(0.0, 0.08, 0.0).turn(0.5, 0.2, 0.0).head(-0.3, 0.0, 0.0), key(2.0, SIDE, CHEST).hips(0.0, 0.05, 0.0).turn(-0.45, -0.25, 0.0).head(0.45, 0.0, 0.0).mood(Mood::Cool), key(3.0, LOW, CHEST).hips(0.0, 0.08, 0.0).turn(-0.5, -0.2, 0.0).head(0.3, 0.0, 0.0),
        key(4.0, UP, LOW).hips(0.06, 0.02, 0.06).turn(0.1, 0.1, -0.04).mood(Mood::Sing), key(5.0, LOW, UP).hips(-0.06, 0.02, -0.06).turn(-0.1, -0.1, 0.04).mood(Mood::Sing), key(6.0, UP, UP).hips(0.0, 0.0, 0.0).head(0.0, -0.15, 0.0).mood(Mood::Laugh), key(7.0, HIP, HIP).hips(0.0, 0.08, 0.0)] },
    Phrase { name: "clap up", energy: 0.55, keys: &[
        key(0.0, CLAP, CLAP).feet(RIGHT, 0.3).hips(0.0, 0.08, 0.05), key(1.0, HIGH, HIGH).feet(RIGHT, 0.42).hips(0.0, 0.0, 0.0).head(0.1, -0.12, 0.05).mood(Mood::Laugh), key(2.0, CLAP, CLAP).feet(HOME, 0.0).hips(0.0, 0.08, 0.0), key(3.0, LOW, LOW).feet(LEFT, -0.42).hips(0.0, 0.04, -0.05).head(-0.1, 0.0, -0.05),
        key(4.0, CLAP, CLAP).feet(LEFT, -0.3).hips(0.0, 0.08, -0.05), key(5.0, HIGH, HIGH).feet(HOME, 0.0).hips(0.0, 0.0, 0.0).mood(Mood::Laugh), key(6.0, CLAP, CLAP).hips(0.0, 0.1, 0.0), key(6.5, HEART, HEART).hips(0.0, 0.02, 0.0).mood(Mood::Smile), key(7.0, HEART, HEART).hips(0.06, 0.02, 0.06).head(0.0, 0.0, 0.1).mood(Mood::Wink)] },
    Phrase { name: "jump", energy: 0.95, keys: &[
        key(0.0, LOW, LOW).feet(OPEN, 0.0).hips(0.0, 0.26, 0.0).turn(0.0, 0.0, 0.0).head(0.0, 0.15, 0.0), key(0.5, HIGH, HIGH).feet(AIR, 0.0).hips(0.0, -0.42, 0.0).mood(Mood::Laugh), key(1.0, BENT, BENT).feet(OPEN, 0.0).hips(0.0, 0.20, 0.0).mood(Mood::Laugh), key(2.0, POINT, HIP).feet(OPEN, -0.1).hips(0.0, 0.02, -0.06).head(-0.2, -0.1, 0.0), key(3.0, HIP, POINT).feet(OPEN, 0.1).hips(0.0, 0.02, 0.06).head(0.2, -0.1, 0.0).mood(Mood::Sing),
        key(4.0, LOW, LOW).feet(OPEN, 0.0).hips(0.0, 0.26, 0.0).head(0.0, 0.15, 0.0), key(4.5, UP, UP).feet(AIR, 0.0).hips(0.0, -0.42, 0.0).mood(Mood::Laugh), key(5.0, BENT, BENT).feet(OPEN, 0.0).hips(0.0, 0.20, 0.0), key(6.0, UP, HIP).feet(HOME, 0.0).hips(0.05, 0.0, 0.06).mood(Mood::Wink), key(7.0, BENT, BENT).hips(0.0, 0.10, 0.0)] },
    Phrase { name: "knee lift", energy: 0.75, keys: &[
        key(0.0, UP, LOW).feet(KNEE_RIGHT, -0.16).hips(0.0, 0.0, 0.08).turn(0.0, 0.1, 0.05).mood(Mood::Sing), key(1.0, BENT, BENT).feet(HOME, 0.0).hips(0.0, 0.10, 0.0), key(2.0, LOW, UP).feet(KNEE_LEFT, 0.16).hips(0.0, 0.0, -0.08).turn(0.0, -0.1, -0.05).mood(Mood::Sing), key(3.0, BENT, BENT).feet(HOME, 0.0).hips(0.0, 0.10, 0.0),
        key(4.0, CHEST, SIDE).feet(KICK_RIGHT, -0.18).hips(0.0, 0.0, 0.08).turn(0.0, 0.0, -0.10).head(0.15, 0.0, 0.0), key(5.0, FRONT, FRONT).feet(HOME, 0.0).hips(0.0, 0.12, 0.0), key(6.0, SIDE, CHEST).feet(KICK_LEFT, 0.18).hips(0.0, 0.0, -0.08).turn(0.0, 0.0, 0.10).head(-0.15, 0.0, 0.0).mood(Mood::Laugh), key(7.0, FRONT, FRONT).feet(HOME, 0.0).hips(0.0, 0.12, 0.0)] },
    Phrase { name: "hip sway", energy: 0.2, keys: &[
        key(0.0, HIP, DOWN).hips(0.16, 0.03, 0.12).turn(0.0, 0.0, -0.04).head(0.0, 0.0, 0.08), key(1.0, HIP, LOW).hips(-0.14, 0.03, -0.12).turn(0.0, 0.0, 0.04), key(2.0, HIP, FRAME).hips(0.16, 0.03, 0.12).head(0.1, 0.0, 0.1), key(3.0, HIP, FRAME).hips(-0.14, 0.03, -0.12).head(0.1, 0.0, -0.04).mood(Mood::Sing),
        key(4.0, FRAME, FRAME).hips(0.16, 0.03, 0.12).head(0.0, 0.0, 0.08), key(5.0, FRAME, FRAME).hips(-0.14, 0.03, -0.12).head(0.0, 0.0, -0.08).mood(Mood::Wink), key(6.0, LOW, LOW).hips(0.14, 0.05, 0.10), key(7.0, DOWN, HIP).hips(-0.12, 0.03, -0.08)] },
    Phrase { name: "arm groove", energy: 0.45, keys: &[
        key(0.0, FRONT, BENT).hips(0.08, 0.10, 0.05).turn(0.12, 0.1, 0.0), key(1.0, BENT, FRONT).hips(-0.08, 0.06, -0.05).turn(-0.12, -0.1, 0.0).mood(Mood::Sing), key(2.0, FRONT, BENT).hips(0.08, 0.10, 0.05).turn(0.12, 0.1, 0.0), key(3.0, BENT, FRONT).hips(-0.08, 0.06, -0.05).turn(-0.12, -0.1, 0.0).mood(Mood::Sing),
        key(4.0, CROSS, CROSS).feet(OPEN, 0.0).hips(0.0, 0.16, 0.0).head(0.0, 0.16, 0.0).mood(Mood::Cool), key(5.0, SIDE, SIDE).feet(OPEN, 0.0).hips(0.0, 0.04, 0.0).head(0.0, -0.08, 0.0).mood(Mood::Laugh), key(6.0, CROSS, CROSS).feet(OPEN, 0.0).hips(0.0, 0.16, 0.0).head(0.0, 0.16, 0.0).mood(Mood::Cool), key(7.0, LOW, UP).feet(OPEN, 0.1).hips(0.04, 0.02, 0.06).head(0.15, -0.1, 0.0)] },
    Phrase { name: "side lunge", energy: 0.8, keys: &[
        key(0.0, SIDE, BENT).feet([(-0.40, 0.0, 0.0), (1.15, 0.2, 0.0)], 0.55).hips(0.0, 0.30, 0.0).turn(0.0, -0.1, -0.12).head(-0.25, 0.0, 0.0).mood(Mood::Cool), key(1.0, UP, BENT).feet([(-0.40, 0.0, 0.0), (1.15, 0.2, 0.0)], 0.42).hips(0.0, 0.16, 0.0).mood(Mood::Sing), key(2.0, CLAP, CLAP).feet(HOME, 0.0).hips(0.0, 0.04, 0.0), key(3.0, HIGH, HIGH).feet(HOME, 0.0).hips(0.0, 0.0, 0.0).mood(Mood::Laugh),
        key(4.0, BENT, SIDE).feet([(-1.15, 0.2, 0.0), (0.40, 0.0, 0.0)], -0.55).hips(0.0, 0.30, 0.0).turn(0.0, 0.1, 0.12).head(0.25, 0.0, 0.0).mood(Mood::Cool), key(5.0, BENT, UP).feet([(-1.15, 0.2, 0.0), (0.40, 0.0, 0.0)], -0.42).hips(0.0, 0.16, 0.0).mood(Mood::Sing), key(6.0, CLAP, CLAP).feet(HOME, 0.0).hips(0.0, 0.04, 0.0), key(7.0, HEART, HEART).feet(HOME, 0.0).hips(0.0, 0.02, 0.05).head(0.0, 0.0, 0.08).mood(Mood::Wink)] },
    Phrase { name: "shoulder hits", energy: 0.65, keys: &[
        key(0.0, HIP, CHEST).feet(OPEN, 0.0).hips(0.05, 0.08, 0.0).turn(0.0, 0.25, 0.05).mood(Mood::Cool), key(0.5, HIP, CHEST).feet(OPEN, 0.0).hips(-0.05, 0.08, 0.0).turn(0.0, -0.2, -0.05), key(1.0, HIP, CHEST).feet(OPEN, 0.0).hips(0.05, 0.08, 0.0).turn(0.0, 0.25, 0.05).mood(Mood::Cool), key(2.0, CHEST, HIP).feet(OPEN, 0.0).hips(-0.05, 0.08, 0.0).turn(0.0, -0.25, -0.05), key(2.5, CHEST, HIP).feet(OPEN, 0.0).hips(0.05, 0.08, 0.0).turn(0.0, 0.2, 0.05), key(3.0, CHEST, HIP).feet(OPEN, 0.0).hips(-0.05, 0.08, 0.0).turn(0.0, -0.25, -0.05).mood(Mood::Cool),
        key(4.0, HIGH, LOW).feet(OPEN, 0.08).hips(0.0, 0.02, 0.08).turn(0.0, 0.0, -0.08).head(-0.15, -0.1, 0.0).mood(Mood::Sing), key(5.0, LOW, HIGH).feet(OPEN, -0.08).hips(0.0, 0.02, -0.08).turn(0.0, 0.0, 0.08).head(0.15, -0.1, 0.0).mood(Mood::Sing), key(6.0, FRAME, FRAME).feet(OPEN, 0.0).hips(0.0, 0.12, 0.0).mood(Mood::Wink), key(7.0, SIDE, SIDE).feet(OPEN, 0.0).hips(0.0, 0.0, 0.0).mood(Mood::Laugh)] },
    Phrase { name: "cross step", energy: 0.5, keys: &[
        key(0.0, BENT, HIP).feet(RIGHT, 0.34).hips(0.0, 0.06, 0.05).turn(0.0, -0.1, -0.05), key(1.0, CROSS, SIDE).feet(CROSS_RIGHT, 0.44).hips(0.0, 0.12, -0.05).turn(0.15, 0.1, 0.06).head(0.15, 0.0, 0.0), key(2.0, BENT, HIP).feet(RIGHT, 0.34).hips(0.0, 0.06, 0.05).turn(0.0, -0.1, -0.05).mood(Mood::Sing), key(3.0, HIGH, LOW).feet(KICK_LEFT, 0.22).hips(0.0, 0.0, -0.08).turn(0.0, 0.0, 0.08).head(-0.12, -0.08, 0.0).mood(Mood::Laugh),
        key(4.0, HIP, BENT).feet(LEFT, -0.34).hips(0.0, 0.06, -0.05).turn(0.0, 0.1, 0.05), key(5.0, SIDE, CROSS).feet(CROSS_LEFT, -0.44).hips(0.0, 0.12, 0.05).turn(-0.15, -0.1, -0.06).head(-0.15, 0.0, 0.0), key(6.0, HIP, BENT).feet(LEFT, -0.34).hips(0.0, 0.06, -0.05).turn(0.0, 0.1, 0.05).mood(Mood::Sing), key(7.0, LOW, HIGH).feet(KICK_RIGHT, -0.22).hips(0.0, 0.0, 0.08).turn(0.0, 0.0, -0.08).head(0.12, -0.08, 0.0).mood(Mood::Laugh)] },
    Phrase { name: "heel dig", energy: 0.35, keys: &[
        key(0.0, HIP, FRAME).feet(DIG_RIGHT, -0.12).hips(0.0, 0.10, 0.06).turn(0.1, 0.1, -0.06).head(0.12, 0.0, 0.06), key(1.0, HIP, DOWN).feet(HOME, 0.0).hips(0.0, 0.02, 0.0), key(2.0, FRAME, HIP).feet(DIG_LEFT, 0.12).hips(0.0, 0.10, -0.06).turn(-0.1, -0.1, 0.06).head(-0.12, 0.0, -0.06), key(3.0, DOWN, HIP).feet(HOME, 0.0).hips(0.0, 0.02, 0.0).mood(Mood::Sing),
        key(4.0, CLAP, CLAP).feet(DIG_RIGHT, -0.12).hips(0.0, 0.12, 0.06).turn(0.0, 0.0, -0.05), key(5.0, LOW, LOW).feet(HOME, 0.0).hips(0.0, 0.02, 0.0).mood(Mood::Laugh), key(6.0, CLAP, CLAP).feet(DIG_LEFT, 0.12).hips(0.0, 0.12, -0.06).turn(0.0, 0.0, 0.05), key(7.0, HIP, FACE).feet(HOME, 0.08).hips(0.0, 0.02, 0.06).head(0.0, 0.0, 0.08).mood(Mood::Wink)] },
    Phrase { name: "running man", energy: 0.85, keys: &[
        key(0.0, FRONT, BENT).feet(RUN_RIGHT, -0.05).hips(0.0, 0.02, 0.05).turn(0.0, 0.15, 0.04).mood(Mood::Sing), key(1.0, BENT, FRONT).feet(RUN_LEFT, 0.05).hips(0.0, 0.02, -0.05).turn(0.0, -0.15, -0.04), key(2.0, FRONT, BENT).feet(RUN_RIGHT, -0.05).hips(0.0, 0.02, 0.05).turn(0.0, 0.15, 0.04).mood(Mood::Laugh), key(3.0, CROSS, CROSS).feet(WIDE, 0.0).hips(0.0, 0.26, 0.0).head(0.0, 0.16, 0.0).mood(Mood::Cool),
        key(4.0, BENT, FRONT).feet(RUN_LEFT, 0.05).hips(0.0, 0.02, -0.05).turn(0.0, -0.15, -0.04).mood(Mood::Sing), key(5.0, FRONT, BENT).feet(RUN_RIGHT, -0.05).hips(0.0, 0.02, 0.05).turn(0.0, 0.15, 0.04), key(6.0, BENT, FRONT).feet(RUN_LEFT, 0.05).hips(0.0, 0.02, -0.05).turn(0.0, -0.15, -0.04).mood(Mood::Laugh), key(7.0, HIGH, HIGH).feet(WIDE, 0.0).hips(0.0, 0.18, 0.0).head(0.0, -0.12, 0.0).mood(Mood::Laugh)] },
    Phrase { name: "wide drop", energy: 0.7, keys: &[
        key(0.0, SIDE, SIDE).feet(WIDE, 0.0).hips(0.0, 0.10, 0.0).mood(Mood::Sing), key(1.0, LOW, LOW).feet(WIDE, 0.0).hips(0.0, 0.42, 0.0).head(0.0, 0.15, 0.0).mood(Mood::Cool), key(2.0, BENT, SIDE).feet(WIDE, 0.30).hips(0.0, 0.30, 0.06).turn(0.1, 0.1, 0.10).head(0.2, 0.0, 0.0), key(3.0, SIDE, BENT).feet(WIDE, -0.30).hips(0.0, 0.30, -0.06).turn(-0.1, -0.1, -0.10).head(-0.2, 0.0, 0.0),
        key(4.0, CHEST, CHEST).feet(WIDE, 0.0).hips(0.0, 0.36, 0.0).head(0.0, 0.12, 0.0).mood(Mood::Cool), key(5.0, UP, HIP).feet(WIDE, 0.0).hips(0.0, 0.12, 0.06).turn(0.0, 0.0, -0.06).head(-0.1, -0.14, 0.0).mood(Mood::Sing), key(6.0, WAVE1, WAVE2).feet(OPEN, 0.14).hips(0.0, 0.06, 0.06).head(0.1, 0.0, 0.05), key(7.0, WAVE2, WAVE1).feet(OPEN, -0.14).hips(0.0, 0.06, -0.06).head(-0.1, 0.0, -0.05).mood(Mood::Laugh)] },
    Phrase { name: "slide", energy: 0.6, keys: &[
        key(0.0, SIDE, CHEST).feet(LEFT, -0.40).hips(0.0, 0.16, -0.06).turn(0.0, -0.1, -0.12).head(-0.2, 0.0, -0.05), key(1.0, SIDE, CHEST).feet(LEFT_TOUCH, -0.58).hips(0.0, 0.04, -0.03).turn(0.0, 0.0, -0.04).mood(Mood::Sing), key(2.0, CHEST, SIDE).feet(LEFT, -0.10).hips(0.0, 0.16, 0.06).turn(0.0, 0.1, 0.12).head(0.2, 0.0, 0.05), key(3.0, HIP, UP).feet(HOME, 0.0).hips(0.0, 0.0, 0.05).head(0.1, -0.1, 0.0).mood(Mood::Laugh),
        key(4.0, CHEST, SIDE).feet(RIGHT, 0.40).hips(0.0, 0.16, 0.06).turn(0.0, 0.1, 0.12).head(0.2, 0.0, 0.05), key(5.0, CHEST, SIDE).feet(RIGHT_TOUCH, 0.58).hips(0.0, 0.04, 0.03).turn(0.0, 0.0, 0.04).mood(Mood::Sing), key(6.0, SIDE, CHEST).feet(RIGHT, 0.10).hips(0.0, 0.16, -0.06).turn(0.0, -0.1, -0.12).head(-0.2, 0.0, -0.05), key(7.0, POINT, HIP).feet(HOME, 0.0).hips(0.0, 0.0, -0.05).head(-0.15, -0.1, 0.0).mood(Mood::Wink)] },
    Phrase { name: "kick ball", energy: 0.9, keys: &[
        key(0.0, BENT, LOW).feet(KICK_RIGHT, -0.16).hips(0.0, 0.0, 0.08).turn(0.0, 0.0, -0.10).mood(Mood::Sing), key(1.0, FRONT, FRONT).feet(OPEN, 0.0).hips(0.0, 0.20, 0.0).head(0.0, 0.1, 0.0).mood(Mood::Cool), key(2.0, LOW, BENT).feet(KICK_LEFT, 0.16).hips(0.0, 0.0, -0.08).turn(0.0, 0.0, 0.10).mood(Mood::Sing), key(3.0, FRONT, FRONT).feet(OPEN, 0.0).hips(0.0, 0.20, 0.0).head(0.0, 0.1, 0.0).mood(Mood::Cool), key(4.0, UP, UP).feet(KNEE_RIGHT, -0.10).hips(0.0, -0.02, 0.06).head(0.0, -0.12, 0.0).mood(Mood::Laugh),
        key(4.5, BENT, BENT).feet(OPEN, 0.0).hips(0.0, 0.16, 0.0), key(5.0, UP, UP).feet(KNEE_LEFT, 0.10).hips(0.0, -0.02, -0.06).head(0.0, -0.12, 0.0).mood(Mood::Laugh), key(5.5, BENT, BENT).feet(OPEN, 0.0).hips(0.0, 0.16, 0.0), key(6.0, POINT, HIP).feet(RIGHT, 0.30).hips(0.0, 0.14, 0.06).turn(0.0, -0.1, -0.08).head(-0.2, -0.08, 0.0), key(7.0, HIP, POINT).feet(LEFT, -0.30).hips(0.0, 0.14, -0.06).turn(0.0, 0.1, 0.08).head(0.2, -0.08, 0.0).mood(Mood::Wink)] },
];
