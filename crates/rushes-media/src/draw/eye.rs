//! Eyes: two lid functions, so that irises are cut off by the lids without any clip.
//!
//! What does not live here: brows and the rest of the face (`face`), eye shapes and colours (`traits`).

use super::brush::{Brush, linear, white};
use super::colour::{Rgb, Tone};
use super::face::{EYES_Y, HeadFrame};
use super::geom::{V2, curve, polygon, v2};
use super::rig::{Expression, sign};
use super::spec::CharacterSpec;
use tiny_skia::Path;

/// One eye: its lids as functions of the place across it.
pub(crate) struct Eye<'a> {
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
    pub(crate) fn new(spec: &'a CharacterSpec, frame: &'a HeadFrame, mood: &Expression, side: usize, size: f32) -> Self {
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

    pub(crate) fn draw(&self, brush: &mut Brush<'_>, mood: &Expression) {
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
        let crease = curve(&[
            self.at(-0.72, self.upper(-0.72) - self.half.y * 0.36),
            self.at(0.0, self.upper(0.0) - self.half.y * 0.36),
            self.at(0.85, self.upper(0.85) - self.half.y * 0.42),
        ]);
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
        let (top, bottom) =
            (self.frame.front(self.centre + centre - v2(0.0, half.y)), self.frame.front(self.centre + centre + v2(0.0, half.y)));
        let stops = [
            (0.0, colour.lit(0.42, 0.40, 0.48).alpha(1.0)),
            (0.5, colour.alpha(1.0)),
            (1.0, colour.mix(Rgb(255, 246, 226), 0.55).alpha(1.0)),
        ];
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
        let arc = curve(&[
            self.at(-1.0, y),
            self.at(-0.4, y - self.half.y * 0.42),
            self.at(0.4, y - self.half.y * 0.44),
            self.at(1.05, y - self.tilt),
        ]);
        brush.line(&arc, 0.022, lash.alpha(1.0));
        let crease =
            curve(&[self.at(-0.6, y - self.half.y * 0.8), self.at(0.3, y - self.half.y * 0.9), self.at(0.9, y - self.half.y * 0.6)]);
        brush.line(&crease, 0.007, tone.shade.alpha(0.9));
    }
}
