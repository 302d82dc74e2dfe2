//! The brush: shapes onto pixels, in one of the looks (cel-shaded anime, softer cosplay).
//!
//! What does not live here: what a shape means; limbs, faces and garments call the brush.

use super::colour::{Rgb, Tone};
use super::geom::{Ribbon, V2, ellipse, v2};
use super::rng::Dice;
use std::sync::OnceLock;
use tiny_skia::{
    Color, FillRule, FilterQuality, GradientStop, LineCap, LineJoin, LinearGradient, Paint, Path, Pattern, Pixmap, PixmapMut,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

/// How light and line are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Outline width, as a fraction of the head height.
    pub line: f32,
    /// How far lines take the colour of what they surround, 0.0–1.0.
    pub tint: f32,
    /// Gradients instead of hard cel shadows.
    pub soft: bool,
    /// More steps in soft shading; for stills.
    pub fine: bool,
    /// Size of the eyes against the face's own.
    pub eyes: f32,
    /// Strength of the light from behind, 0.0–1.0.
    pub rim: f32,
}

impl Look {
    /// Cel shading with a clean, dark outline.
    pub const ANIME: Self = Self { line: 0.021, tint: 0.15, soft: false, fine: true, eyes: 1.0, rim: 0.8 };
    /// The same person with gradients and faint lines.
    pub const COSPLAY: Self = Self { line: 0.009, tint: 0.55, soft: true, fine: true, eyes: 0.9, rim: 0.5 };
    /// In motion: soft shading, with a line that holds at video size.
    pub(crate) const STAGE: Self = Self { line: 0.014, tint: 0.35, soft: true, fine: false, eyes: 0.96, rim: 0.9 };
}

/// Two numbers of a shading step: from where to where, or from where and how strong.
type Step = (f32, f32);

/// A drawing surface with a look and a scale.
pub(crate) struct Brush<'a> {
    pixels: PixmapMut<'a>,
    place: Transform,
    /// The look.
    pub look: Look,
    /// Pixels a head before `place`: widths are given in heads.
    pub head: f32,
}

impl<'a> Brush<'a> {
    /// Draws through `place` (zoom and pan) onto the pixels.
    pub(crate) fn new(pixels: PixmapMut<'a>, place: Transform, look: Look, head: f32) -> Self {
        Self { pixels, place, look, head }
    }

    fn paint(shader: Shader<'_>) -> Paint<'_> {
        Paint { shader, ..Paint::default() }
    }

    /// Fills without a line.
    pub(crate) fn fill(&mut self, path: &Path, colour: Color) {
        self.pixels.fill_path(path, &Self::paint(Shader::SolidColor(colour)), FillRule::Winding, self.place, None);
    }

    /// Fills with a gradient.
    pub(crate) fn shaded(&mut self, path: &Path, shader: Shader<'_>) {
        self.pixels.fill_path(path, &Self::paint(shader), FillRule::Winding, self.place, None);
    }

    /// A line of `width` heads.
    pub(crate) fn line(&mut self, path: &Path, width: f32, colour: Color) {
        let stroke =
            Stroke { width: (width * self.head).max(0.6), line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        self.pixels.stroke_path(path, &Self::paint(Shader::SolidColor(colour)), &stroke, self.place, None);
    }

    /// The colour lines around this tone take in this look.
    pub(crate) fn ink(&self, tone: Tone) -> Color {
        tone.line.mix(tone.shade, self.look.tint * 0.75).alpha(1.0)
    }

    /// The outline of a group: heavier below and to the right, where the light does not come from.
    pub(crate) fn outline(&mut self, paths: &[&Path], tone: Tone) {
        let (ink, width) = (self.ink(tone), self.look.line * 2.0);
        let drop = self.look.line * self.head * 0.32;
        let place = self.place;
        self.place = place.pre_translate(drop * 0.6, drop);
        for path in paths {
            self.line(path, width, ink);
        }
        self.place = place;
    }

    /// Several shapes as one: one outline around their union, one colour.
    pub(crate) fn solid(&mut self, paths: &[&Path], tone: Tone) {
        self.outline(paths, tone);
        for path in paths {
            self.body(path, tone);
        }
    }

    /// Fills one shape with its colour, lit from the upper left when the look is soft.
    pub(crate) fn body(&mut self, path: &Path, tone: Tone) {
        if !self.look.soft {
            return self.fill(path, tone.base.alpha(1.0));
        }
        let b = path.bounds();
        let (lit, dark) = (v2(b.left(), b.top()), v2(b.left() + b.width() * 0.7, b.bottom()));
        let ends = (tone.base.mix(tone.light, 0.55).alpha(1.0), tone.base.mix(tone.shade, 0.75).alpha(1.0));
        // Gradients of two colours are much the fastest, and in motion nobody sees the third.
        let shader = if self.look.fine {
            linear(lit, dark, &[(0.0, ends.0), (0.45, tone.base.alpha(1.0)), (1.0, ends.1)])
        } else {
            linear(lit, dark, &[(0.0, ends.0), (1.0, ends.1)])
        };
        self.shaded(path, shader);
        self.weave(path, tone);
    }

    /// A shadow lying on something: hard or half transparent.
    pub(crate) fn shadow(&mut self, path: &Path, tone: Tone) {
        let alpha = if self.look.soft { 0.45 } else { 1.0 };
        self.fill(path, tone.shade.alpha(alpha));
    }

    /// A straight ribbon (torso, collar, cuff): outline, colour, shade and rim light.
    pub(crate) fn ribbon(&mut self, ribbon: &Ribbon, tone: Tone) {
        let path = ribbon.whole();
        let line = self.look.line * self.head;
        self.underlay(&ribbon.grown(line).whole(), tone);
        if self.look.soft {
            self.across(ribbon, &path, tone);
        } else {
            self.fill(&path, tone.base.alpha(1.0));
            self.cel(ribbon, tone, 0.46);
        }
    }

    /// A flat-ended ribbon without an outline, shaded along its bend: what is laid over something outlined.
    pub(crate) fn laid(&mut self, ribbon: &Ribbon, tone: Tone) {
        self.bent(ribbon, &ribbon.whole(), tone);
    }

    fn bent(&mut self, ribbon: &Ribbon, path: &Path, tone: Tone) {
        self.fill(path, tone.base.alpha(1.0));
        if self.look.soft {
            self.soft_bands(ribbon, tone)
        } else {
            self.cel(ribbon, tone, 0.32)
        }
        self.weave(path, tone);
    }

    /// A ribbon's outline as a larger shape below it, which costs less than a stroke.
    pub(crate) fn underlay(&mut self, larger: &Path, tone: Tone) {
        let drop = self.look.line * self.head * 0.32;
        let place = self.place;
        self.place = place.pre_translate(drop * 0.6, drop);
        let ink = self.ink(tone);
        self.fill(larger, ink);
        self.place = place;
    }

    /// A bent ribbon (limb, sleeve, lock): its shading follows the bend.
    pub(crate) fn limb(&mut self, ribbon: &Ribbon, tone: Tone) {
        let line = self.look.line * self.head;
        self.underlay(&ribbon.grown(line).capped(), tone);
        self.bent(ribbon, &ribbon.capped(), tone);
    }

    /// Shades a straight ribbon across its width.
    pub(crate) fn across(&mut self, ribbon: &Ribbon, path: &Path, tone: Tone) {
        let (a, b) = (ribbon.at(0.45, 1.0), ribbon.at(0.45, -1.0));
        // The light comes from the left of the picture, whichever way the ribbon runs.
        let (lit, dark) = if a.x <= b.x { (a, b) } else { (b, a) };
        if !self.look.fine {
            // As in `body`.
            let ends = [(0.15, tone.base.mix(tone.light, 0.4).alpha(1.0)), (1.0, tone.shade.alpha(1.0))];
            return self.shaded(path, linear(lit, dark, &ends));
        }
        let rim = tone.base.mix(tone.light, 0.5 * self.look.rim);
        let stops = [
            (0.0, tone.base.mix(tone.shade, 0.25).alpha(1.0)),
            (0.28, tone.base.mix(tone.light, 0.5).alpha(1.0)),
            (0.55, tone.base.alpha(1.0)),
            (0.88, tone.shade.alpha(1.0)),
            (1.0, tone.shade.mix(rim, 0.5).alpha(1.0)),
        ];
        self.shaded(path, linear(lit, dark, &stops));
        self.weave(path, tone);
    }

    /// Makes two pieces of one cloth meet without a seam: the tone, fading towards the edges of an ellipse.
    pub(crate) fn fuse(&mut self, at: V2, half: V2, tone: Tone) {
        let stops = [(0.55, tone.base.alpha(1.0)), (1.0, tone.base.alpha(0.0))];
        let path = ellipse(at, half, 0.0);
        if self.look.soft {
            self.shaded(&path, flat_radial(at, half, &stops));
            self.weave(&path, tone);
        } else {
            self.fill(&path, tone.base.alpha(1.0));
        }
    }

    /// Threads of cloth, which only a still shows and only in the realer look.
    pub(crate) fn weave(&mut self, path: &Path, tone: Tone) {
        if tone.woven && self.look.soft && self.look.fine {
            let shader = Pattern::new(cloth().as_ref(), SpreadMode::Repeat, FilterQuality::Bilinear, 1.0, Transform::identity());
            self.shaded(path, shader);
        }
    }

    /// 1.0 when the ribbon's positive side is the lit one.
    fn lit_side(ribbon: &Ribbon) -> f32 {
        let across = ribbon.at(0.25, 1.0).x - ribbon.at(0.25, -1.0).x + ribbon.at(0.75, 1.0).x - ribbon.at(0.75, -1.0).x;
        if across <= 0.0 { 1.0 } else { -1.0 }
    }

    fn soft_bands(&mut self, ribbon: &Ribbon, tone: Tone) {
        let lit = Self::lit_side(ribbon);
        // Opaque mixes instead of transparent layers: filling an opaque colour is several times as fast.
        let mut dark = tone.base;
        let (shadows, lights): (&[Step], &[Step]) = if self.look.fine {
            (&[(0.02, 0.22), (-0.28, 0.28), (-0.58, 0.40)], &[(0.16, 0.86), (0.34, 0.70)])
        } else {
            (&[(-0.08, 0.34), (-0.50, 0.52)], &[(0.24, 0.80)])
        };
        for (from, share) in shadows {
            dark = dark.mix(tone.shade, *share);
            self.fill(&ribbon.band(-lit, from * lit), dark.alpha(1.0));
        }
        let mut bright = tone.base;
        for (from, to) in lights {
            bright = bright.mix(tone.light, 0.26);
            self.fill(&ribbon.band(from * lit, to * lit), bright.alpha(1.0));
        }
    }

    fn cel(&mut self, ribbon: &Ribbon, tone: Tone, from: f32) {
        let lit = Self::lit_side(ribbon);
        self.fill(&ribbon.band(-lit, -from * lit), tone.shade.alpha(1.0));
        if self.look.rim > 0.0 {
            self.fill(&ribbon.band(0.98 * lit, 0.80 * lit), tone.light.alpha(self.look.rim * 0.7));
        }
    }
}

/// A tile of woven cloth: warp over weft, no thread quite like the next. Black and white, mostly transparent.
fn cloth() -> &'static Pixmap {
    const SIDE: usize = 96;
    static TILE: OnceLock<Pixmap> = OnceLock::new();
    TILE.get_or_init(|| {
        let mut dice = Dice::new(0, "cloth");
        let mut threads = || -> Vec<f32> { (0..SIDE / 2).map(|_| dice.range(-0.5, 0.5)).collect() };
        let (warp, weft) = (threads(), threads());
        let mut tile = Pixmap::new(SIDE as u32, SIDE as u32).expect("the size is a constant above zero");
        for (i, pixel) in tile.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (i % SIDE, i / SIDE);
            let knots = if (x + y) % 4 == 0 { 0.18 } else { -0.06 };
            let height = knots + warp[x / 2] * 0.5 + weft[y / 2] * 0.5 + dice.range(-0.2, 0.2);
            let alpha = (height.abs() * 0.10).min(0.14);
            let level = if height > 0.0 { 255.0 } else { 0.0 };
            *pixel = Color::from_rgba(level / 255.0, level / 255.0, level / 255.0, alpha)
                .unwrap_or(Color::TRANSPARENT)
                .premultiply()
                .to_color_u8();
        }
        tile
    })
}

/// A linear gradient; equal ends fall back to the last colour.
pub(crate) fn linear(from: V2, to: V2, stops: &[(f32, Color)]) -> Shader<'static> {
    let last = stops.last().map_or(Color::TRANSPARENT, |s| s.1);
    let stops = stops.iter().map(|(at, colour)| GradientStop::new(*at, *colour)).collect();
    LinearGradient::new(skia(from), skia(to), stops, SpreadMode::Pad, Transform::identity()).unwrap_or(Shader::SolidColor(last))
}

/// A radial gradient around a point.
pub(crate) fn radial(centre: V2, radius: f32, stops: &[(f32, Color)]) -> Shader<'static> {
    let last = stops.last().map_or(Color::TRANSPARENT, |s| s.1);
    let stops = stops.iter().map(|(at, colour)| GradientStop::new(*at, *colour)).collect();
    RadialGradient::new(skia(centre), 0.0, skia(centre), radius.max(0.5), stops, SpreadMode::Pad, Transform::identity())
        .unwrap_or(Shader::SolidColor(last))
}

/// A radial gradient squeezed into an ellipse.
pub(crate) fn flat_radial(centre: V2, half: V2, stops: &[(f32, Color)]) -> Shader<'static> {
    let last = stops.last().map_or(Color::TRANSPARENT, |s| s.1);
    let stops = stops.iter().map(|(at, colour)| GradientStop::new(*at, *colour)).collect();
    let squeeze = Transform::from_scale(1.0, half.y / half.x.max(0.1)).post_translate(centre.x, centre.y);
    let zero = tiny_skia::Point::from_xy(0.0, 0.0);
    RadialGradient::new(zero, 0.0, zero, half.x.max(0.5), stops, SpreadMode::Pad, squeeze).unwrap_or(Shader::SolidColor(last))
}

/// White, this transparent.
pub(crate) fn white(alpha: f32) -> Color {
    Rgb::WHITE.alpha(alpha)
}

fn skia(p: V2) -> tiny_skia::Point {
    tiny_skia::Point::from_xy(p.x, p.y)
}
