//! The skeleton: a pose in, joints out. Arms and legs are solved by two-bone inverse kinematics in the scene, so
//! bones keep their length and a planted foot stays where it is planted.
//!
//! Units are heads; the floor is y = 0, up is negative, z comes towards the viewer. Side 0 is the picture's left.
//! What does not live here: when to be in which pose (`choreography`), and flesh and cloth (`figure`).

use super::geom::{V2, V3, v2, v3};
use super::traits::Build;

/// Lengths of upper arm and forearm, heads.
pub(crate) const ARM: (f32, f32) = (1.06, 0.93);
/// Neck base to hip joints, heads.
const TORSO: f32 = 1.84;
/// Chin to neck base, heads.
const NECK: f32 = 0.285;
/// Ankle joint over the sole, heads.
pub(crate) const ANKLE: f32 = 0.24;

/// What the fingers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Grip {
    #[default]
    Relaxed,
    Open,
    Fist,
    Point,
    Peace,
}

/// What the face does. All 0.0–1.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expression {
    /// How open each eye is.
    pub eyes: [f32; 2],
    /// Corners of the mouth.
    pub smile: f32,
    /// How open the mouth is.
    pub mouth: f32,
    /// Raised brows.
    pub brows: f32,
    /// Where the eyes look: −1 left to 1 right.
    pub gaze: f32,
}

impl Default for Expression {
    fn default() -> Self {
        Self { eyes: [1.0, 1.0], smile: 0.6, mouth: 0.0, brows: 0.3, gaze: 0.0 }
    }
}

/// One pose. Hands are given from the base of the neck in the chest's own frame, feet on the floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    pub hips: V3,
    pub hip_yaw: f32,
    pub hip_roll: f32,
    pub chest_yaw: f32,
    pub lean: f32,
    pub head_yaw: f32,
    pub head_pitch: f32,
    pub head_roll: f32,
    pub hands: [V3; 2],
    /// Where the elbows point.
    pub poles: [V3; 2],
    /// Sole positions; negative y is lifted.
    pub feet: [V3; 2],
    /// How far each heel is off the floor while its toes stay; heads.
    pub heels: [f32; 2],
    pub grips: [Grip; 2],
    pub face: Expression,
}

impl Default for Pose {
    /// Standing at ease.
    fn default() -> Self {
        Self {
            hips: v3(0.0, 0.0, 0.0),
            hip_yaw: 0.0,
            hip_roll: 0.0,
            chest_yaw: 0.0,
            lean: 0.0,
            head_yaw: 0.0,
            head_pitch: 0.0,
            head_roll: 0.0,
            hands: [v3(-0.82, 2.12, 0.12), v3(0.82, 2.12, 0.12)],
            poles: [v3(-1.0, 0.2, -0.4), v3(1.0, 0.2, -0.4)],
            feet: [v3(-0.34, 0.0, 0.0), v3(0.34, 0.0, 0.0)],
            heels: [0.0; 2],
            grips: [Grip::Relaxed; 2],
            face: Expression::default(),
        }
    }
}

impl Pose {
    /// Where an ankle must be, so that the foot stands where it is wanted.
    fn ankle(&self, side: usize) -> V3 {
        self.feet[side] - v3(0.0, ANKLE + self.heels[side], 0.0)
    }
}

/// Two bones from `root` towards `target`: the middle joint, bent to the side of `pole`, and the end.
/// A target out of reach is approached as far as the bones go.
#[must_use]
pub(crate) fn two_bones(root: V3, target: V3, bones: (f32, f32), pole: V3) -> (V3, V3) {
    let (a, b) = bones;
    let way = target - root;
    let reach = way.len().clamp((a - b).abs() + 1e-3, (a + b) * 0.9995);
    let axis = way.unit();
    let end = root + axis * reach;
    let along = (a * a - b * b + reach * reach) / (2.0 * reach);
    let aside = (a * a - along * along).max(0.0).sqrt();
    let mut side = pole - axis * pole.dot(axis);
    if side.len() < 1e-3 {
        side = v3(0.0, 0.0, 1.0) - axis * axis.z;
    }
    (root + axis * along + side.unit() * aside, end)
}

/// Joints of one pose, in heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Skeleton {
    pub pelvis: V3,
    pub waist: V3,
    pub neck: V3,
    pub head: V3,
    pub shoulders: [V3; 2],
    pub elbows: [V3; 2],
    pub wrists: [V3; 2],
    pub hips: [V3; 2],
    pub knees: [V3; 2],
    pub ankles: [V3; 2],
    pub hip_yaw: f32,
    pub chest_yaw: f32,
    /// Roll of the chest and of the head on the picture.
    pub lean: f32,
    pub head_roll: f32,
    pub head_yaw: f32,
    pub head_pitch: f32,
}

/// −1 for the picture's left side, 1 for its right.
#[must_use]
pub(crate) const fn sign(side: usize) -> f32 {
    if side == 0 { -1.0 } else { 1.0 }
}

impl Build {
    /// Thigh and shin, heads.
    #[must_use]
    pub(crate) fn leg(&self) -> (f32, f32) {
        let leg = self.heads - 1.0 - NECK - TORSO - ANKLE;
        (leg * 0.515, leg * 0.485)
    }
}

impl Skeleton {
    /// Solves a pose for a body.
    #[must_use]
    pub(crate) fn solve(build: &Build, pose: &Pose) -> Self {
        let leg = build.leg();
        let rest = -(leg.0 + leg.1 + ANKLE) + 0.025;
        let mut pelvis = v3(pose.hips.x, rest + pose.hips.y, pose.hips.z);
        let socket =
            |pelvis: V3, side: usize| pelvis + v3(sign(side) * build.torso[2] * 0.50, 0.0, 0.0).rolled(pose.hip_roll).yawed(pose.hip_yaw);
        for _ in 0..6 {
            for side in 0..2 {
                let short = (pose.ankle(side) - socket(pelvis, side)).len() - (leg.0 + leg.1) * 0.999;
                pelvis.y += short.max(0.0) * 1.02;
            }
        }
        let yaw = pose.hip_yaw + pose.chest_yaw;
        let up = |angle: f32| v3(angle.sin(), -angle.cos(), 0.0);
        let waist = pelvis + up(pose.lean * 0.35 - pose.hip_roll * 0.4) * 0.62;
        let neck = waist + up(pose.lean) * (TORSO - 0.62);
        let roll = pose.lean + pose.head_roll;
        let throat = neck + up(pose.lean + pose.head_roll * 0.4) * (NECK + 0.06);
        let head = throat + up(roll) * 0.44;
        let mut made = Self {
            pelvis,
            waist,
            neck,
            head,
            shoulders: [neck; 2],
            elbows: [neck; 2],
            wrists: [neck; 2],
            hips: [socket(pelvis, 0), socket(pelvis, 1)],
            knees: [pelvis; 2],
            ankles: [pelvis; 2],
            hip_yaw: pose.hip_yaw,
            chest_yaw: yaw,
            lean: pose.lean,
            head_roll: roll,
            head_yaw: pose.head_yaw + yaw * 0.35,
            head_pitch: pose.head_pitch,
        };
        made.limbs(build, pose, leg);
        made
    }

    fn limbs(&mut self, build: &Build, pose: &Pose, leg: (f32, f32)) {
        for side in 0..2 {
            // A raised arm lifts its shoulder.
            let raised = (0.4 - pose.hands[side].y).clamp(0.0, 1.2) * 0.10;
            let joint = v3(sign(side) * (build.shoulders * 0.5 - 0.065 - raised * 0.5), 0.25 - raised, 0.0);
            let chest = |p: V3| self.neck + p.rolled(self.lean).yawed(self.chest_yaw);
            self.shoulders[side] = chest(joint);
            let target = chest(pose.hands[side]);
            let pole = pose.poles[side].yawed(self.chest_yaw);
            (self.elbows[side], self.wrists[side]) = two_bones(self.shoulders[side], target, ARM, pole);
            // Knees bend mostly towards the viewer and a little outwards, so that they do not splay on the picture.
            let knee_pole = v3(sign(side) * 0.26, 0.0, 1.0).yawed(self.hip_yaw);
            (self.knees[side], self.ankles[side]) = two_bones(self.hips[side], pose.ankle(side), leg, knee_pole);
        }
    }
}

/// From the scene to the picture: where the floor's middle is, and pixels a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// Where (0, 0, 0) lands, pixels.
    pub floor: V2,
    /// Pixels a head.
    pub head: f32,
}

impl View {
    /// The picture place of a scene point: seen from slightly above, without perspective.
    #[must_use]
    pub(crate) fn at(&self, p: V3) -> V2 {
        self.floor + v2(p.x, p.y + p.z * 0.10) * self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::rng::Dice;
    use crate::draw::traits::BUILDS;

    #[test]
    fn draw_ik_reaches_targets_and_keeps_bone_lengths() {
        let mut dice = Dice::new(7, "ik");
        for _ in 0..500 {
            let root = v3(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0), 0.0);
            let way = v3(dice.range(-1.0, 1.0), dice.range(-1.0, 1.0), dice.range(-0.5, 0.9));
            let target = root + way.unit() * dice.range(0.25, 1.95);
            let (middle, end) = two_bones(root, target, ARM, v3(1.0, 0.3, 0.2));
            assert!((end - target).len() < 2e-3, "reaches {target:?}, came to {end:?}");
            assert!(((middle - root).len() - ARM.0).abs() < 1e-3 && ((end - middle).len() - ARM.1).abs() < 1e-3);
        }
        let (middle, end) = two_bones(v3(0.0, 0.0, 0.0), v3(9.0, 0.0, 0.0), ARM, v3(0.0, 1.0, 0.0));
        assert!((end.x - (ARM.0 + ARM.1)).abs() < 0.01 && (middle.len() - ARM.0).abs() < 1e-3, "out of reach: stretched, not torn");
    }

    #[test]
    fn draw_bodies_are_six_and_a_half_to_seven_heads() {
        for build in BUILDS {
            let bones = Skeleton::solve(build, &Pose::default());
            let (crown, sole) = (bones.head.y - 0.5, bones.ankles[0].y + ANKLE);
            let heads = sole - crown;
            assert!((6.45..=7.0).contains(&heads), "{}: {heads} heads", build.word);
        }
    }
}
