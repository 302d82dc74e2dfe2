//! The head and the face: skull, ears, eyes, brows, nose, mouth, and what is worn on them.
//!
//! Coordinates are the head's own (see `haircuts`). Eyes are made of two lid functions, so that irises are cut off by
//! the lids without any clip. What does not live here: hair.

use super::brush::{Brush, linear, radial, white};
use super::colour::{Rgb, Tone};
use super::geom::{V2, blob, curve, ellipse, polygon, s, spline, star, v2};
use super::rig::{Expression, Skeleton, View, sign};
use super::spec::CharacterSpec;
use tiny_skia::Path;

/// Height of the eyes' middle, and of the mouth.
const EYES_Y: f32 = 0.075;
const MOUTH_Y: f32 = 0.305;

/// Where the head is on the picture and which way it looks.
pub(crate) struct HeadFrame {
    centre: V2,
    unit: f32,
    roll: f32,
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
    fn jaw(&self, p: V2) -> V2 {
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
        let stops = [(0.0, tone.base.mix(tone.light, 0.6).alpha(1.0)), (0.55, tone.base.alpha(1.0)), (0.86, tone.base.mix(tone.shade, 0.45).alpha(1.0)), (1.0, tone.shade.alpha(1.0))];
        brush.shaded(&face, radial(centre, 0.56 * frame.unit, &stops));
    } else {
        brush.fill(&face, tone.base.alpha(1.0));
        // The side away from the light.
        let cheek = [s(0.352, -0.10), s(0.362, 0.02), s(0.343, 0.16), s(shape.jaw + 0.010, 0.315), s(shape.chin + 0.09, 0.435), s(shape.jaw - 0.035, 0.31), s(0.295, 0.16), s(0.319, 0.02)];
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
    worn(brush, spec, frame);
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
    let lower = blob(&[at(-wide * 0.62, open * 0.8), at(0.0, open + 0.010), at(wide * 0.62, open * 0.8), at(0.0, open + 0.018 + 0.026 * full)]);
    brush.fill(&lower, lip.alpha(0.22 + 0.5 * full));
    if full > 0.3 {
        let upper = blob(&[at(-wide * 0.7, -lift * 0.5), at(-wide * 0.2, -0.022 * full), at(0.0, -0.014 * full), at(wide * 0.2, -0.022 * full), at(wide * 0.7, -lift * 0.5), at(0.0, 0.008)]);
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
        brush.fill(&blob(&[at(-wide * 0.4, open * 0.72), at(0.0, open * 0.52), at(wide * 0.4, open * 0.72), at(0.0, open * 0.95)]), Rgb(226, 112, 118).alpha(1.0));
        brush.fill(&blob(&[at(-wide * 0.82, -lift * 0.72), at(0.0, 0.001), at(wide * 0.82, -lift * 0.72), at(wide * 0.5, open * 0.24), at(0.0, open * 0.32), at(-wide * 0.5, open * 0.24)]), white(1.0));
        brush.line(&path, 0.010, ink);
    } else {
        brush.line(&curve(&[at(-wide, -lift), at(-wide * 0.5, 0.004), at(0.0, 0.008), at(wide * 0.5, 0.004), at(wide, -lift)]), 0.0135, ink);
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

/// One eye: its lids as functions of the place across it.
struct Eye<'a> {
    spec: &'a CharacterSpec,
    frame: &'a HeadFrame,
    side: f32,
    centre: V2,
    half: V2,
    tilt: f32,
    open: f32,
    smile: f32,
}

impl<'a> Eye<'a> {
    fn new(spec: &'a CharacterSpec, frame: &'a HeadFrame, mood: &Expression, side: usize, size: f32) -> Self {
        let (w, h) = spec.eyes.half;
        Self {
            spec,
            frame,
            side: sign(side),
            centre: v2(sign(side) * spec.face.eyes_apart, EYES_Y),
            half: v2(w * (0.5 + 0.5 * size), h * size * 1.12),
            tilt: spec.eyes.tilt,
            open: mood.eyes[side].clamp(0.0, 1.15),
            smile: mood.smile,
        }
    }

    /// `t` from −1 (inner corner) to 1 (outer corner); `y` in heads from the eye's middle.
    fn at(&self, t: f32, y: f32) -> V2 {
        self.frame.front(self.centre + v2(self.side * t * self.half.x, y))
    }
    fn upper(&self, t: f32) -> f32 {
        let arch = (1.0 - (t + 0.06).abs().min(1.0).powf(2.3)).max(0.0).powf(0.72);
        -self.half.y * (arch * (1.24 * self.open - 0.30)) - self.tilt * t
    }
    fn lower(&self, t: f32) -> f32 {
        let arch = (1.0 - (t - 0.08).abs().min(1.0).powf(2.6)).max(0.0).powf(0.8);
        self.half.y * arch * (0.86 - 0.16 * self.smile) - self.tilt * t
    }

    fn lids(&self, steps: usize, upper: bool) -> Vec<V2> {
        (0..=steps)
            .map(|i| {
                let t = i as f32 / steps as f32 * 2.0 - 1.0;
                self.at(t, if upper { self.upper(t) } else { self.lower(t) })
            })
            .collect()
    }

    /// An ellipse on the eyeball, cut off by the lids.
    fn disc(&self, centre: V2, half: V2) -> Path {
        let points: Vec<V2> = (0..20)
            .map(|i| {
                let a = i as f32 * std::f32::consts::TAU / 20.0;
                let (x, y) = (centre.x + a.cos() * half.x, centre.y + a.sin() * half.y);
                let t = self.side * x / self.half.x;
                let (top, bottom) = (self.upper(t.clamp(-1.0, 1.0)), self.lower(t.clamp(-1.0, 1.0)));
                self.frame.front(self.centre + v2(x, y.clamp(top, bottom.max(top))))
            })
            .collect();
        polygon(&points)
    }

    fn draw(&self, brush: &mut Brush<'_>, mood: &Expression) {
        let tone = self.spec.skin_tone();
        let lash = Rgb(38, 24, 32).mix(self.spec.hair_colour.1.lit(0.3, 0.28, 0.32), 0.35);
        if self.open < 0.22 {
            return self.shut(brush, lash, tone);
        }
        let mut outline = self.lids(10, true);
        outline.extend(self.lids(10, false).into_iter().rev());
        let white_of_eye = polygon(&outline);
        brush.fill(&white_of_eye, Rgb(252, 250, 249).alpha(1.0));
        self.iris(brush, mood.gaze);
        // The upper lid's shadow on the eyeball.
        let mut shade = self.lids(10, true);
        shade.extend((0..=10).rev().map(|i| {
            let t = i as f32 / 5.0 - 1.0;
            self.at(t, (self.upper(t) + self.half.y * 0.30).min(self.lower(t)))
        }));
        brush.fill(&polygon(&shade), Rgb(70, 58, 92).alpha(0.26));
        self.lashes(brush, lash);
        let crease = curve(&[self.at(-0.72, self.upper(-0.72) - self.half.y * 0.36), self.at(0.0, self.upper(0.0) - self.half.y * 0.36), self.at(0.85, self.upper(0.85) - self.half.y * 0.42)]);
        brush.line(&crease, 0.009, tone.line.mix(tone.shade, 0.4).alpha(0.75));
        let below = curve(&[self.at(-0.35, self.lower(-0.35)), self.at(0.3, self.lower(0.3)), self.at(0.92, self.lower(0.92))]);
        brush.line(&below, 0.0085, lash.mix(tone.shade, 0.35).alpha(0.85));
    }

    fn iris(&self, brush: &mut Brush<'_>, gaze: f32) {
        let colour = self.spec.eye_colour.1;
        let centre = v2(gaze.clamp(-1.0, 1.0) * self.half.x * 0.25 - self.side * 0.003, -self.half.y * 0.06);
        let half = v2(self.half.y * 0.72 + 0.008, self.half.y * 0.98);
        let rim = self.disc(centre, half);
        brush.fill(&rim, colour.lit(0.34, 0.32, 0.38).alpha(1.0));
        let (top, bottom) = (self.frame.front(self.centre + centre - v2(0.0, half.y)), self.frame.front(self.centre + centre + v2(0.0, half.y)));
        let stops = [(0.0, colour.lit(0.42, 0.40, 0.48).alpha(1.0)), (0.5, colour.alpha(1.0)), (1.0, colour.mix(Rgb(255, 246, 226), 0.55).alpha(1.0))];
        brush.shaded(&self.disc(centre, half * 0.87), linear(top, bottom, &stops));
        brush.fill(&self.disc(centre - v2(0.0, half.y * 0.05), half * 0.42), Rgb(24, 16, 28).alpha(1.0));
        brush.fill(&self.disc(centre + v2(-half.x * 0.34, -half.y * 0.40), v2(half.x * 0.33, half.y * 0.29)), white(0.96));
        brush.fill(&self.disc(centre + v2(half.x * 0.36, half.y * 0.42), v2(half.x * 0.18, half.y * 0.16)), white(0.8));
    }

    fn lashes(&self, brush: &mut Brush<'_>, lash: Rgb) {
        let weight = self.spec.eyes.lash * 0.026 * (1.0 - 0.35 * self.spec.build.angular);
        let mut band = self.lids(10, true);
        let tip = self.upper(1.0);
        band.push(self.at(1.0, tip + 0.006));
        band.push(self.at(1.0 + 2.6 * weight / self.half.x * 0.55, tip - weight * 0.75));
        band.extend((0..=10).rev().map(|i| {
            let t = i as f32 / 5.0 - 1.0;
            self.at(t * 1.01, self.upper(t) - weight * (0.28 + 0.72 * ((t + 1.0) * 0.5).powf(0.7)))
        }));
        brush.fill(&polygon(&band), lash.alpha(1.0));
    }

    /// A closed eye smiles.
    fn shut(&self, brush: &mut Brush<'_>, lash: Rgb, tone: Tone) {
        let y = self.half.y * 0.35;
        let arc = curve(&[self.at(-1.0, y), self.at(-0.4, y - self.half.y * 0.42), self.at(0.4, y - self.half.y * 0.44), self.at(1.05, y - self.tilt)]);
        brush.line(&arc, 0.022, lash.alpha(1.0));
        let crease = curve(&[self.at(-0.6, y - self.half.y * 0.8), self.at(0.3, y - self.half.y * 0.9), self.at(0.9, y - self.half.y * 0.6)]);
        brush.line(&crease, 0.007, tone.shade.alpha(0.9));
    }
}

/// What is worn on the face, under the hair.
fn worn(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
    let skin = spec.skin_tone();
    match spec.accessory {
        "round glasses" => {
            let ink = Rgb(58, 46, 52).alpha(0.95);
            for side in [-1.0, 1.0] {
                let ring: Vec<V2> = (0..12)
                    .map(|i| {
                        let a = i as f32 * std::f32::consts::TAU / 12.0;
                        frame.front(v2(side * (spec.face.eyes_apart + 0.003) + a.cos() * 0.122, EYES_Y + 0.006 + a.sin() * 0.108))
                    })
                    .collect();
                let lens = blob(&ring);
                brush.fill(&lens, white(0.10));
                brush.line(&lens, 0.013, ink);
            }
            brush.line(&curve(&[frame.front(v2(-0.045, EYES_Y - 0.01)), frame.front(v2(0.0, EYES_Y - 0.025)), frame.front(v2(0.045, EYES_Y - 0.01))]), 0.013, ink);
        }
        "freckles" => {
            for (x, y) in [(0.15, 0.175), (0.19, 0.195), (0.225, 0.175), (0.11, 0.195), (0.17, 0.215)] {
                for side in [-1.0, 1.0] {
                    brush.fill(&ellipse(frame.front(v2(side * x, y)), v2(0.0085, 0.0075) * frame.unit, 0.0), skin.line.mix(skin.shade, 0.6).alpha(0.7));
                }
            }
        }
        "beauty mark" => brush.fill(&ellipse(frame.front(v2(spec.side * 0.135, 0.235)), v2(0.011, 0.011) * frame.unit, 0.0), skin.line.alpha(0.95)),
        _ => {}
    }
}

/// What is worn over the hair.
pub(crate) fn worn_over(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
    let accent = Tone::of(spec.palette.accent);
    let dark = Tone::of(spec.palette.dark);
    match spec.accessory {
        "star hairpin" => brush.solid(&[&star(frame.front(v2(spec.side * 0.27, -0.20)), 0.085 * frame.unit, 5, frame.roll + 0.2)], accent),
        "hair bow" => {
            let at = |x: f32, y: f32| frame.skull(v2(spec.side * (0.25 + x), -0.44 + y));
            let left = blob(&[at(0.0, 0.0), at(-0.15, -0.11), at(-0.19, 0.0), at(-0.13, 0.09)]);
            let right = blob(&[at(0.0, 0.0), at(0.15, -0.05), at(0.17, 0.06), at(0.10, 0.13)]);
            let knot = ellipse(at(0.0, 0.0), v2(0.042, 0.05) * frame.unit, 0.0);
            brush.solid(&[&left, &right], accent);
            brush.solid(&[&knot], accent);
        }
        "beret" => {
            let at = |x: f32, y: f32| frame.skull(v2(spec.side * x, y));
            let cap = blob(&[at(-0.40, -0.36), at(-0.36, -0.56), at(0.0, -0.70), at(0.40, -0.64), at(0.55, -0.46), at(0.42, -0.36), at(0.0, -0.40)]);
            brush.solid(&[&cap], Tone::of(spec.palette.main));
            brush.solid(&[&ellipse(at(0.03, -0.70), v2(0.022, 0.035) * frame.unit, 0.2)], Tone::of(spec.palette.main));
        }
        "headphones" | "headset" => headphones(brush, spec, frame, dark, accent),
        "hoop earrings" | "stud earrings" => {
            for side in [-1.0, 1.0] {
                let at = frame.skull(v2(side * 0.382 - frame.yaw * 0.1, 0.22));
                if spec.accessory == "hoop earrings" {
                    brush.line(&ellipse(at, v2(0.036, 0.048) * frame.unit, 0.0), 0.016, Rgb(222, 178, 84).alpha(1.0));
                } else {
                    brush.fill(&ellipse(at - v2(0.0, 0.03 * frame.unit), v2(0.018, 0.018) * frame.unit, 0.0), Rgb(240, 226, 190).alpha(1.0));
                }
            }
        }
        _ => {}
    }
}

fn headphones(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame, dark: Tone, accent: Tone) {
    let cups = spec.accessory == "headphones";
    if cups {
        let band: Vec<V2> = (0..=8)
            .map(|i| {
                let a = std::f32::consts::PI * (1.0 + i as f32 / 8.0);
                frame.skull(v2(a.cos() * 0.445, -0.08 + a.sin() * 0.545))
            })
            .collect();
        brush.line(&curve(&band), 0.075, dark.line.alpha(1.0));
        brush.line(&curve(&band), 0.05, dark.base.alpha(1.0));
        for side in [-1.0, 1.0] {
            let at = frame.skull(v2(side * 0.435, 0.04));
            brush.solid(&[&ellipse(at, v2(0.072, 0.13) * frame.unit, frame.roll)], dark);
            brush.fill(&ellipse(at, v2(0.038, 0.085) * frame.unit, frame.roll), accent.base.alpha(1.0));
        }
    } else {
        let from = frame.skull(v2(spec.side * 0.40, 0.10));
        let tip = frame.front(v2(spec.side * 0.17, 0.37));
        let arm = curve(&[from, frame.jaw(v2(spec.side * 0.37, 0.30)), tip]);
        brush.line(&arm, 0.020, dark.line.alpha(1.0));
        brush.fill(&ellipse(tip, v2(0.034, 0.024) * frame.unit, -0.2 * spec.side), dark.base.alpha(1.0));
        brush.solid(&[&ellipse(from, v2(0.046, 0.072) * frame.unit, frame.roll)], accent);
    }
}
