//! The head and the face: skull, ears, brows, nose, mouth.
//!
//! Coordinates are the head's own (see `haircuts`). What does not live here: eyes (`eye`), glasses and such (`worn`),
//! hair (`hair`).

use super::brush::{Brush, radial, white};
use super::colour::Rgb;
use super::eye::Eye;
use super::geom::{V2, blob, curve, ellipse, polygon, s, spline, v2};
use super::rig::{Expression, Skeleton, View, sign};
use super::spec::CharacterSpec;
use super::worn;

/// Height of the eyes' middle, and of the mouth.
pub(crate) const EYES_Y: f32 = 0.075;
const MOUTH_Y: f32 = 0.305;

/// Where the head is on the picture and which way it looks.
pub(crate) struct HeadFrame {
    centre: V2,
    pub(crate) unit: f32,
    pub(crate) roll: f32,
    pub(crate) yaw: f32,
    pitch: f32,
}

impl HeadFrame {
    pub(crate) fn new(bones: &Skeleton, view: &View) -> Self {
        Self {
            centre: view.at(bones.head),
            unit: view.head,
            roll: bones.head_roll,
            yaw: bones.head_yaw.clamp(-0.6, 0.6),
            pitch: bones.head_pitch.clamp(-0.4, 0.4),
        }
    }

    /// A place that moves with the skull but does not turn with the face: outlines.
    pub(crate) fn skull(&self, p: V2) -> V2 {
        self.centre + p.turned(self.roll) * self.unit
    }

    /// A place on the front of the head: turns with the face.
    pub(crate) fn front(&self, p: V2) -> V2 {
        const RADIUS: f32 = 0.46;
        let angle = (p.x / RADIUS).clamp(-0.99, 0.99).asin() + self.yaw;
        let x = angle.clamp(-1.5, 1.5).sin() * RADIUS;
        self.skull(v2(x, p.y + self.pitch * 0.22 * (1.0 - p.y * p.y)))
    }

    /// The outline of face and jaw: the chin follows the turn, the skull does not.
    pub(crate) fn jaw(&self, p: V2) -> V2 {
        let low = (p.y + 0.1).clamp(0.0, 0.6);
        self.skull(v2(p.x + self.yaw * 0.16 * low, p.y + self.pitch * 0.10 * low))
    }
}

fn mirrored(right: &[super::geom::Node]) -> Vec<super::geom::Node> {
    use super::geom::Node;
    let mut nodes = right.to_vec();
    nodes.extend(right[1..right.len() - 1].iter().rev().map(|n| match *n {
        Node::Smooth(p) => Node::Smooth(v2(-p.x, p.y)),
        Node::Corner(p) => Node::Corner(v2(-p.x, p.y)),
    }));
    nodes
}

/// Skull, ears and skin, before the features.
pub(crate) fn skin(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
    let (tone, shape) = (spec.skin_tone(), spec.face);
    for side in [-1.0, 1.0] {
        let centre = frame.skull(v2(side * 0.372 - frame.yaw * 0.10, 0.10));
        let ear = ellipse(centre, v2(0.058, 0.095) * frame.unit, frame.roll - side * 0.2);
        brush.solid(&[&ear], tone);
        brush.fill(&ellipse(centre, v2(0.028, 0.055) * frame.unit, frame.roll - side * 0.2), tone.shade.alpha(0.8));
    }
    let nodes = mirrored(&[
        s(0.0, -0.5),
        s(0.25, -0.43),
        s(0.355, -0.22),
        s(0.365, 0.0),
        s(0.345, 0.16),
        s(shape.jaw + 0.012, 0.315),
        s(shape.jaw * 0.5 + shape.chin * 0.5, 0.425),
        s(shape.chin, 0.488),
        s(0.0, 0.5),
    ]);
    let face = spline(&nodes, true, |p| frame.jaw(p));
    brush.outline(&[&face], tone);
    if brush.look.soft {
        let centre = frame.front(v2(-0.06, 0.02));
        let stops = [
            (0.0, tone.base.mix(tone.light, 0.6).alpha(1.0)),
            (0.55, tone.base.alpha(1.0)),
            (0.86, tone.base.mix(tone.shade, 0.45).alpha(1.0)),
            (1.0, tone.shade.alpha(1.0)),
        ];
        brush.shaded(&face, radial(centre, 0.56 * frame.unit, &stops));
    } else {
        brush.fill(&face, tone.base.alpha(1.0));
        // The side away from the light.
        let cheek = [
            s(0.352, -0.10),
            s(0.362, 0.02),
            s(0.343, 0.16),
            s(shape.jaw + 0.010, 0.315),
            s(shape.chin + 0.09, 0.435),
            s(shape.jaw - 0.035, 0.31),
            s(0.295, 0.16),
            s(0.319, 0.02),
        ];
        brush.fill(&spline(&cheek, true, |p| frame.jaw(p)), tone.shade.alpha(1.0));
    }
}

/// The shadow the front hair throws on the forehead.
pub(crate) fn hair_shadow(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
    let mut line: Vec<V2> = spec.fringe.line.iter().map(|(x, y)| frame.front(v2(x * spec.side * 0.95, y + 0.05))).collect();
    line.push(frame.jaw(v2(-0.30 * spec.side, -0.40)));
    line.push(frame.jaw(v2(0.30 * spec.side, -0.40)));
    let alpha = if brush.look.soft { 0.45 } else { 1.0 };
    brush.fill(&polygon(&line), spec.skin_tone().shade.alpha(alpha));
}

/// Everything the face says.
pub(crate) fn features(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, mood: &Expression) {
    blush(brush, spec, frame, mood);
    nose(brush, spec, frame);
    mouth(brush, spec, frame, mood);
    for side in 0..2 {
        Eye::new(spec, frame, mood, side, brush.look.eyes).draw(brush, mood);
        brow(brush, spec, frame, mood, sign(side));
    }
    worn::under_hair(brush, spec, frame);
}

fn blush(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, mood: &Expression) {
    let colour = spec.skin.1.lit(1.05, 0.62, 0.60).mix(Rgb(240, 100, 105), 0.3);
    for side in [-1.0, 1.0] {
        let centre = frame.front(v2(side * 0.215, 0.205));
        let spot = ellipse(centre, v2(0.095, 0.058) * frame.unit, frame.roll);
        let strength = if brush.look.soft { 0.18 } else { 0.26 } + 0.18 * mood.smile;
        brush.shaded(&spot, radial(centre, 0.085 * frame.unit, &[(0.0, colour.alpha(strength)), (1.0, colour.alpha(0.0))]));
    }
}

fn nose(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
    let (tone, long) = (spec.skin_tone(), spec.face.nose);
    let at = |x: f32, y: f32| frame.front(v2(x, y));
    if brush.look.soft {
        let side = blob(&[at(0.016, 0.10), at(0.036, 0.19), at(0.030, 0.222), at(0.0, 0.230), at(0.014, 0.19)]);
        brush.fill(&side, tone.shade.alpha(0.55));
        brush.fill(&ellipse(at(-0.006, 0.195), v2(0.014, 0.022) * frame.unit, frame.roll), tone.light.alpha(0.6));
    } else {
        let mark = blob(&[at(0.012, 0.225 - long), at(0.030, 0.214), at(0.022, 0.228), at(-0.006, 0.228)]);
        brush.fill(&mark, tone.shade.alpha(1.0));
    }
    let ink = tone.line.mix(tone.shade, 0.25).alpha(0.75);
    brush.line(&curve(&[at(-0.016, 0.226), at(0.0, 0.233), at(0.018, 0.226)]), 0.010, ink);
}

fn mouth(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, mood: &Expression) {
    let (tone, wide) = (spec.skin_tone(), spec.face.mouth * (1.0 + 0.25 * mood.smile));
    let at = |x: f32, y: f32| frame.front(v2(x, MOUTH_Y + y));
    let lift = 0.030 * mood.smile - 0.008;
    let lip = tone.base.lit(0.98, 0.62, 0.62).mix(Rgb(196, 84, 92), 0.35);
    let full = spec.face.lips * if brush.look.soft { 1.0 } else { 0.6 };
    let open = mood.mouth.clamp(0.0, 1.0) * 0.085;
    let ink = Rgb(92, 38, 44).mix(tone.line, 0.4).alpha(0.95);
    // Lips first, the line of the mouth over them.
    let lower =
        blob(&[at(-wide * 0.62, open * 0.8), at(0.0, open + 0.010), at(wide * 0.62, open * 0.8), at(0.0, open + 0.018 + 0.026 * full)]);
    brush.fill(&lower, lip.alpha(0.22 + 0.5 * full));
    if full > 0.3 {
        let upper = blob(&[
            at(-wide * 0.7, -lift * 0.5),
            at(-wide * 0.2, -0.022 * full),
            at(0.0, -0.014 * full),
            at(wide * 0.2, -0.022 * full),
            at(wide * 0.7, -lift * 0.5),
            at(0.0, 0.008),
        ]);
        brush.fill(&upper, lip.lit(0.92, 0.9, 0.9).alpha(0.55 * full));
    }
    if open > 0.008 {
        let inside = [
            super::geom::Node::Corner(at(-wide, -lift)),
            super::geom::Node::Smooth(at(0.0, -0.002)),
            super::geom::Node::Corner(at(wide, -lift)),
            super::geom::Node::Smooth(at(wide * 0.62, open * 0.72)),
            super::geom::Node::Smooth(at(0.0, open)),
            super::geom::Node::Smooth(at(-wide * 0.62, open * 0.72)),
        ];
        let path = spline(&inside, true, |p| p);
        brush.fill(&path, Rgb(122, 36, 48).alpha(1.0));
        brush.fill(
            &blob(&[at(-wide * 0.4, open * 0.72), at(0.0, open * 0.52), at(wide * 0.4, open * 0.72), at(0.0, open * 0.95)]),
            Rgb(226, 112, 118).alpha(1.0),
        );
        brush.fill(
            &blob(&[
                at(-wide * 0.82, -lift * 0.72),
                at(0.0, 0.001),
                at(wide * 0.82, -lift * 0.72),
                at(wide * 0.5, open * 0.24),
                at(0.0, open * 0.32),
                at(-wide * 0.5, open * 0.24),
            ]),
            white(1.0),
        );
        brush.line(&path, 0.010, ink);
    } else {
        brush.line(
            &curve(&[at(-wide, -lift), at(-wide * 0.5, 0.004), at(0.0, 0.008), at(wide * 0.5, 0.004), at(wide, -lift)]),
            0.0135,
            ink,
        );
    }
    brush.line(&curve(&[at(-0.022, open + 0.052), at(0.0, open + 0.057), at(0.022, open + 0.052)]), 0.010, tone.shade.alpha(0.9));
}

fn brow(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, mood: &Expression, side: f32) {
    let (thick, height, slant) = spec.face.brow;
    let y = EYES_Y - height - 0.022 * (mood.brows - 0.3);
    let at = |x: f32, up: f32| frame.front(v2(side * x, y - up));
    let apart = spec.face.eyes_apart;
    let colour = spec.hair_colour.1.lit(0.55, 0.52, 0.56).mix(spec.skin_tone().line, 0.25);
    let path = blob(&[
        at(apart - 0.078, -0.010),
        at(apart - 0.01, 0.012 + slant * 0.5 + thick * 0.5),
        at(apart + 0.100, slant - 0.006),
        at(apart, slant * 0.5 - thick * 0.6),
        at(apart - 0.072, -0.014 - thick),
    ]);
    brush.fill(&path, colour.alpha(0.92));
}
