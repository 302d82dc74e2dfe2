//! Flesh on bones: the torso's surface, arms, legs and hands as ribbons, in pixels.
//!
//! What does not live here: clothes over them (`garments`) and the order of drawing (`figure`).

use super::brush::Brush;
use super::colour::Tone;
use super::geom::{Node, Ribbon, V2, ellipse, spline, v2};
use super::rig::{Grip, Skeleton, View};
use super::spec::CharacterSpec;
use super::traits::Build;
use tiny_skia::Path;

/// Neck base to crotch along the body, heads.
pub(crate) const TRUNK: f32 = 2.08;
/// Neck base to waist, heads.
pub(crate) const WAIST: f32 = 1.22;

/// The trunk as a surface: places on it turn with the body.
pub(crate) struct Torso {
    pub(crate) ribbon: Ribbon,
    chest_yaw: f32,
    hip_yaw: f32,
}

/// Half widths down the trunk: (heads below the neck base, half width).
fn profile(build: &Build) -> [(f32, f32); 10] {
    let [chest, waist, hip] = build.torso;
    let shoulder = build.shoulders * 0.5;
    [
        (-0.02, build.neck * 1.15),
        (0.05, shoulder * 0.40),
        (0.13, shoulder * 0.74),
        (0.24, shoulder * 0.95),
        (0.46, chest * 0.96),
        (0.74, chest),
        (1.00, chest * 0.42 + waist * 0.58),
        (WAIST, waist),
        (1.70, hip * 0.985),
        (TRUNK, hip * 0.955),
    ]
}

impl Torso {
    pub(crate) fn new(build: &Build, bones: &Skeleton, view: &View) -> Self {
        let (neck, waist, pelvis) = (view.at(bones.neck), view.at(bones.waist), view.at(bones.pelvis));
        let down = (pelvis - waist).unit();
        let (mut centre, mut half) = (Vec::new(), Vec::new());
        for (below, wide) in profile(build) {
            let share = below / WAIST;
            let p = if share <= 1.0 { neck.lerp(waist, share) } else { waist + down * ((below - WAIST) * view.head) };
            let yaw = bones.chest_yaw + (bones.hip_yaw - bones.chest_yaw) * (share - 0.6).clamp(0.0, 1.0);
            let turned = (yaw.cos().powi(2) + (0.66 * yaw.sin()).powi(2)).sqrt();
            centre.push(p);
            half.push(wide * turned * view.head);
        }
        // A spine bends in a curve, not at one joint.
        let bent = centre[6].lerp((centre[5] + centre[7]) * 0.5, 0.5);
        centre[6] = bent;
        Self { ribbon: Ribbon::new(centre, half), chest_yaw: bones.chest_yaw, hip_yaw: bones.hip_yaw }
    }

    /// Station of a height in heads below the neck base, as the ribbon counts.
    pub(crate) fn along(below: f32) -> f32 {
        const HEIGHTS: [f32; 10] = [-0.02, 0.05, 0.13, 0.24, 0.46, 0.74, 1.00, WAIST, 1.70, TRUNK];
        let i = HEIGHTS.iter().rposition(|h| *h <= below).unwrap_or(0).min(8);
        let share = (below - HEIGHTS[i]) / (HEIGHTS[i + 1] - HEIGHTS[i]);
        (i as f32 + share.clamp(0.0, 1.0)) / 9.0
    }

    /// A place on the front: `u` from −1 (picture's left edge) to 1, `below` in heads under the neck base.
    pub(crate) fn spot(&self, u: f32, below: f32) -> V2 {
        let yaw = self.chest_yaw + (self.hip_yaw - self.chest_yaw) * ((below / WAIST) - 0.6).clamp(0.0, 1.0);
        let turned = (u.clamp(-1.2, 1.2) * 1.3 + yaw).clamp(-1.45, 1.45).sin() / 1.3f32.sin();
        let across = if u.abs() > 0.99 { u } else { turned.clamp(-1.0, 1.0) };
        self.ribbon.at(Self::along(below), -across)
    }

    /// A shape whose corners are places on the front.
    pub(crate) fn patch(&self, spots: &[(f32, f32)]) -> Path {
        super::geom::polygon(&spots.iter().map(|(u, below)| self.spot(*u, *below)).collect::<Vec<_>>())
    }
}

/// One limb: a single ribbon along both bones, bent smoothly at its middle joint.
pub(crate) struct Limb {
    pub(crate) ribbon: Ribbon,
}

/// The shoulder itself is part of the trunk: an arm begins narrow within it.
const UPPER_ARM: [f32; 5] = [0.108, 0.143, 0.132, 0.115, 0.103];
const FOREARM: [f32; 5] = [0.102, 0.112, 0.100, 0.080, 0.066];
const THIGH: [f32; 5] = [0.250, 0.250, 0.222, 0.184, 0.152];
const SHIN: [f32; 5] = [0.150, 0.160, 0.156, 0.116, 0.086];

/// Where along each bone a limb's stations are; the joint itself is cut off by a curve.
const STATIONS: [f32; 5] = [0.0, 0.25, 0.5, 0.72, 0.88];

impl Limb {
    pub(crate) fn arm(build: &Build, bones: &Skeleton, side: usize, view: &View) -> Self {
        let joints = [view.at(bones.shoulders[side]), view.at(bones.elbows[side]), view.at(bones.wrists[side])];
        Self::new(joints, [&UPPER_ARM, &FOREARM], build.limbs * view.head)
    }

    pub(crate) fn leg(build: &Build, bones: &Skeleton, side: usize, view: &View) -> Self {
        let joints = [view.at(bones.hips[side]), view.at(bones.knees[side]), view.at(bones.ankles[side])];
        Self::new(joints, [&THIGH, &SHIN], build.limbs * view.head)
    }

    /// From three joints and the half widths of both bones at even stations.
    pub(crate) fn new([root, joint, end]: [V2; 3], [first, second]: [&[f32; 5]; 2], scale: f32) -> Self {
        let width = |profile: &[f32; 5], t: f32| {
            let i = ((t * 4.0) as usize).min(3);
            (profile[i] + (profile[i + 1] - profile[i]) * (t * 4.0 - i as f32)) * scale
        };
        let (mut centre, mut half) = (Vec::with_capacity(11), Vec::with_capacity(11));
        for t in STATIONS {
            centre.push(root.lerp(joint, t));
            half.push(width(first, t));
        }
        centre.push((root.lerp(joint, 0.88) + end.lerp(joint, 0.88)) * 0.25 + joint * 0.5);
        half.push(width(second, 0.0));
        for t in STATIONS.into_iter().rev() {
            centre.push(end.lerp(joint, t));
            half.push(width(second, 1.0 - t));
        }
        Self { ribbon: Ribbon::new(centre, half) }
    }

    /// The limb's first `reach` bones (0–2) with a width factor at its start and at its end: sleeves, socks.
    pub(crate) fn cover(&self, reach: f32, start: f32, end: f32) -> Ribbon {
        let mut part = self.ribbon.part(0.0, (reach * 0.5).clamp(0.05, 1.0));
        let last = (part.half.len() - 1) as f32;
        for (i, half) in part.half.iter_mut().enumerate() {
            *half *= start + (end - start) * (i as f32 / last).powf(1.1);
        }
        part
    }

    /// The same line with other half widths, in pixels: at its root, its joint and its end.
    pub(crate) fn cloth(&self, root: f32, joint: f32, end: f32) -> Ribbon {
        let half = (0..self.ribbon.half.len())
            .map(|i| {
                let t = i as f32 / 5.0;
                if t < 1.0 { root + (joint - root) * t } else { joint + (end - joint) * (t - 1.0) }
            })
            .collect();
        Ribbon::new(self.ribbon.centre.clone(), half)
    }
}

/// A finger: place across the knuckles (−1 inner to 1 outer), spread in radians, length against the hand's.
type Finger = (f32, f32, f32);

const fn fingers(grip: Grip) -> ([Finger; 4], (f32, f32)) {
    match grip {
        Grip::Relaxed => ([(-0.72, -0.10, 0.42), (-0.25, -0.04, 0.47), (0.25, 0.02, 0.45), (0.70, 0.08, 0.37)], (-0.55, 0.34)),
        Grip::Open => ([(-0.74, -0.34, 0.50), (-0.26, -0.11, 0.56), (0.26, 0.11, 0.54), (0.72, 0.34, 0.44)], (-0.95, 0.42)),
        Grip::Fist => ([(-0.66, 0.0, 0.15), (-0.22, 0.0, 0.18), (0.22, 0.0, 0.17), (0.62, 0.0, 0.12)], (-0.25, 0.30)),
        Grip::Point => ([(-0.66, -0.03, 0.60), (-0.20, 0.0, 0.17), (0.24, 0.0, 0.16), (0.62, 0.0, 0.12)], (-0.40, 0.30)),
        Grip::Peace => ([(-0.66, -0.22, 0.58), (-0.15, 0.20, 0.60), (0.28, 0.0, 0.15), (0.62, 0.0, 0.12)], (-0.30, 0.30)),
    }
}

/// A hand: palm, four fingers and a thumb towards the body.
pub(crate) fn hand(brush: &mut Brush<'_>, wrist: V2, arm: V2, middle: f32, grip: Grip, tone: Tone) {
    let head = brush.head;
    let along = arm.unit();
    // The thumb is on the side that faces the middle of the body.
    let inner = if (along.left().x) * (middle - wrist.x) >= 0.0 { along.left() } else { -along.left() };
    let size = 0.43 * head;
    let knuckles = wrist + along * (size * 0.46);
    let half = 0.088 * head;
    let (rows, thumb) = fingers(grip);
    let turn = |angle: f32| along * angle.cos() + inner * -angle.sin();
    let digit = |from: V2, way: V2, length: f32, thick: f32| {
        Ribbon::bone(from, from + way * length, &[thick, thick * 0.96, thick * 0.72], 0.0).rounded()
    };
    let palm = Ribbon::new(
        vec![wrist - along * (0.03 * head), wrist + along * (size * 0.16), knuckles, knuckles + along * (size * 0.08)],
        vec![0.062 * head, half * 0.88, half, half * 0.88],
    )
    .rounded();
    let mut paths: Vec<Path> = vec![palm];
    for (place, spread, length) in rows {
        paths.push(digit(knuckles + inner * (-place * half * 0.78), turn(spread), length * size, 0.0255 * head));
    }
    let root = wrist + along * (size * 0.18) + inner * (half * 0.62);
    paths.push(digit(root, turn(thumb.0), thumb.1 * size, 0.029 * head));
    let refs: Vec<&Path> = paths.iter().collect();
    brush.outline(&refs, tone);
    for path in &refs {
        brush.fill(path, tone.base.alpha(1.0));
    }
    if matches!(grip, Grip::Relaxed | Grip::Fist) {
        let ink = tone.shade.mix(tone.line, 0.35).alpha(0.8);
        for gap in [-0.46, 0.0, 0.46] {
            let from = knuckles + inner * (-gap * half) - along * (size * if grip == Grip::Fist { 0.12 } else { -0.05 });
            brush.line(&super::geom::curve(&[from, from + along * (size * 0.24)]), 0.009, ink);
        }
    }
    let edge = if along.left().x < 0.0 { -along.left() } else { along.left() };
    let shade = ellipse(wrist + along * (size * 0.26) + edge * (half * 0.62), v2(size * 0.22, half * 0.34), along.y.atan2(along.x));
    brush.fill(&shade, tone.shade.alpha(0.7));
}

/// Neck and throat, with the head's shadow on it.
pub(crate) fn neck(brush: &mut Brush<'_>, spec: &CharacterSpec, bones: &Skeleton, view: &View) {
    let (base, head) = (view.at(bones.neck), view.at(bones.head));
    let up = (head - base).unit();
    let wide = spec.build.neck * view.head;
    let top = base + up * (0.56 * view.head);
    let ribbon = Ribbon::new(
        vec![top, base + up * (0.22 * view.head), base + up * (0.04 * view.head), base - up * (0.10 * view.head)],
        vec![wide * 0.98, wide * 0.96, wide * 1.14, wide * 1.5],
    );
    let tone = spec.skin_tone();
    brush.ribbon(&ribbon, tone);
    // The chin's shadow falls on the throat in a curve.
    let cast = [
        ribbon.at(0.0, 1.0),
        ribbon.at(0.0, -1.0),
        ribbon.at(0.62, -1.0),
        ribbon.at(0.84, -0.3),
        ribbon.at(0.80, 0.35),
        ribbon.at(0.55, 1.0),
    ];
    let nodes = [
        Node::Corner(cast[0]),
        Node::Corner(cast[1]),
        Node::Corner(cast[2]),
        Node::Smooth(cast[3]),
        Node::Smooth(cast[4]),
        Node::Corner(cast[5]),
    ];
    let path = spline(&nodes, true, |p| p);
    let alpha = if brush.look.soft { 0.6 } else { 1.0 };
    brush.fill(&path, tone.shade.alpha(alpha));
}
