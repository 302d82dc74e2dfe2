//! Names as lettered stickers: a system font's outlines, tilted along an arc, filled from the palette.
//!
//! Fonts are read from disk at run time, so none is shipped. What does not live here: icon stickers (`sticker`).

use super::brush::linear;
use super::geom::{V2, v2};
use super::rng::Dice;
use super::spec::CharacterSpec;
use super::still::canvas;
use ab_glyph::{Font, FontVec, OutlineCurve};
use rushes_core::{Code, Fault};
use std::path::{Path as FilePath, PathBuf};
use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Shader, Stroke, Transform};

/// Fonts that are tried, best first: Debian's `fonts-leckerli-one`, `fonts-lobster`, `fonts-comfortaa`,
/// `fonts-dejavu-core`, and where other systems keep the same.
pub const FONTS: &[&str] = &[
    "/usr/share/fonts/truetype/leckerli-one/LeckerliOne-Regular.ttf",
    "/usr/share/fonts/opentype/lobster/lobster.otf",
    "/usr/share/fonts/truetype/comfortaa/Comfortaa-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf",
    "/Library/Fonts/Arial Rounded Bold.ttf",
    "/System/Library/Fonts/Supplemental/Arial Rounded Bold.ttf",
];

/// The font that will be used for letters it has. Errors: `config_invalid`, naming the package to install.
pub fn find_font() -> Result<PathBuf, Fault> {
    let found = FONTS.iter().find(|path| std::fs::read(path).is_ok_and(|bytes| FontVec::try_from_vec(bytes).is_ok()));
    found.map(PathBuf::from).ok_or_else(no_font)
}

fn no_font() -> Fault {
    Fault::new(Code::ConfigInvalid, "letter name sticker")
        .with("package", "fonts-leckerli-one")
        .because("no display font was found; install one: `apt-get install fonts-leckerli-one` (or fonts-dejavu-core)")
}

/// The first font of a list that can be read and has all letters of `text`; else the first that can be read.
/// Errors: `config_invalid`, naming the package to install.
fn font(paths: &[impl AsRef<FilePath>], text: &str) -> Result<FontVec, Fault> {
    let mut found = None;
    for path in paths {
        let Some(font) = std::fs::read(path).ok().and_then(|bytes| FontVec::try_from_vec(bytes).ok()) else { continue };
        if text.chars().all(|c| c.is_whitespace() || font.glyph_id(c).0 != 0) {
            return Ok(font);
        }
        found.get_or_insert(font);
    }
    found.ok_or_else(no_font)
}

/// One line of text as glyph outlines; the path's units are ems, its baseline is y = 0.
struct Line {
    /// Each glyph's outline and its place along the line.
    glyphs: Vec<(Vec<OutlineCurve>, f32, f32)>,
    width: f32,
    em: f32,
}

fn set_line(font: &FontVec, text: &str) -> Line {
    let em = font.units_per_em().unwrap_or(1000.0);
    let (mut glyphs, mut x, mut before) = (Vec::new(), 0.0, None);
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        if let Some(previous) = before {
            x += font.kern_unscaled(previous, id);
        }
        let advance = font.h_advance_unscaled(id);
        if let Some(outline) = font.outline(id) {
            glyphs.push((outline.curves, x, advance));
        }
        x += advance;
        before = Some(id);
    }
    Line { glyphs, width: x / em, em }
}

/// Which letters are seen as one line on an arc: `size` pixels an em, in the middle of `centre`.
fn bend(line: &Line, size: f32, centre: V2, tilt: f32, arc: f32, into: &mut PathBuilder) {
    let scale = size / line.em;
    let total = line.width * size;
    for (curves, x, advance) in &line.glyphs {
        let middle = (x + advance * 0.5) * scale - total * 0.5;
        let u = middle / (total * 0.5).max(1.0);
        let angle = tilt + u * arc;
        let lift = (u * u) * arc * total * 0.25;
        let place = |px: f32, py: f32| -> V2 {
            let local = v2((px - advance * 0.5) * scale, -py * scale).turned(angle);
            centre + v2(middle, lift + middle * tilt.tan()) + local
        };
        contour(curves, place, into);
    }
}

fn contour(curves: &[OutlineCurve], place: impl Fn(f32, f32) -> V2, into: &mut PathBuilder) {
    let mut pen: Option<V2> = None;
    let start_at = |from: ab_glyph::Point, into: &mut PathBuilder, pen: &Option<V2>| {
        let p = place(from.x, from.y);
        if pen.is_none_or(|at| (at - p).len() > 0.01) {
            into.close();
            into.move_to(p.x, p.y);
        }
    };
    for curve in curves {
        let end = match curve {
            OutlineCurve::Line(a, b) => {
                start_at(*a, into, &pen);
                let p = place(b.x, b.y);
                into.line_to(p.x, p.y);
                p
            }
            OutlineCurve::Quad(a, b, c) => {
                start_at(*a, into, &pen);
                let (q, p) = (place(b.x, b.y), place(c.x, c.y));
                into.quad_to(q.x, q.y, p.x, p.y);
                p
            }
            OutlineCurve::Cubic(a, b, c, d) => {
                start_at(*a, into, &pen);
                let (q, r, p) = (place(b.x, b.y), place(c.x, c.y), place(d.x, d.y));
                into.cubic_to(q.x, q.y, r.x, r.y, p.x, p.y);
                p
            }
        };
        pen = Some(end);
    }
    into.close();
}

/// One line, or two where the letters become larger by it.
fn layout(font: &FontVec, name: &str, width: f32, height: f32) -> (Vec<Line>, f32) {
    let one = set_line(font, name);
    let single = (width / one.width.max(0.1)).min(height / 1.05);
    if let Some((given, family)) = name.split_once(' ') {
        let two = vec![set_line(font, given), set_line(font, family)];
        let widest = two.iter().map(|l: &Line| l.width).fold(0.1, f32::max);
        let double = (width / widest).min(height / 1.95);
        if double > single * 1.08 {
            return (two, double);
        }
    }
    (vec![one], single)
}

/// The name as a sticker on transparency. Errors: `config_invalid` without any font, `input_invalid` for an
/// impossible size or an empty name.
pub fn name_sticker(spec: &CharacterSpec, width: u32, height: u32) -> Result<Pixmap, Fault> {
    letter(spec, width, height, FONTS)
}

fn letter(spec: &CharacterSpec, width: u32, height: u32, fonts: &[impl AsRef<FilePath>]) -> Result<Pixmap, Fault> {
    let mut pixmap = canvas(width, height)?;
    let name = spec.name.trim();
    if name.is_empty() {
        return Err(Fault::new(Code::InputInvalid, "letter name sticker").because("the name is empty"));
    }
    let font = font(fonts, name)?;
    let (w, h) = (width as f32, height as f32);
    let (lines, size) = layout(&font, name, w * 0.84, h * 0.70);
    let mut dice = Dice::new(spec.seed, "lettering");
    let tilt = dice.range(0.025, 0.055) * if dice.chance(0.8) { -1.0 } else { 1.0 };
    let arc = if lines.len() == 1 { dice.range(0.04, 0.12) } else { 0.03 };
    let mut builder = PathBuilder::new();
    for (i, line) in lines.iter().enumerate() {
        let row = (i as f32 - (lines.len() - 1) as f32 * 0.5) * size * 0.92;
        bend(line, size, v2(0.0, row), tilt, arc, &mut builder);
    }
    let path = builder
        .finish()
        .ok_or_else(|| Fault::new(Code::InputInvalid, "letter name sticker").because("the font has none of the name's letters"))?;
    // Centred and kept inside by what was really drawn.
    let bounds = path.bounds();
    let (edge, border) = (h * 0.045, h * 0.085);
    // Three pixels of air, so that anti-aliasing is not cut off either.
    let room = edge + border + 3.0;
    let fit = ((w - 2.0 * room) / bounds.width()).min((h - 2.0 * room) / bounds.height()).min(1.0);
    let place = Transform::from_translate(-(bounds.left() + bounds.width() * 0.5), -(bounds.top() + bounds.height() * 0.5))
        .post_scale(fit, fit)
        .post_translate(w * 0.5, h * 0.5);
    let Some(path) = path.transform(place) else {
        return Err(Fault::new(Code::InputInvalid, "letter name sticker").because("the picture is too small for the name"));
    };
    ink(&mut pixmap, &path, spec, edge, border);
    Ok(pixmap)
}

fn ink(pixmap: &mut Pixmap, path: &Path, spec: &CharacterSpec, edge: f32, border: f32) {
    let palette = spec.palette;
    let dark = palette.dark.mix(palette.main, 0.12);
    let stroke = |width: f32| Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
    let paint = |shader: Shader<'static>| Paint { shader, ..Paint::default() };
    let none = Transform::identity();
    pixmap.stroke_path(path, &paint(Shader::SolidColor(dark.alpha(1.0))), &stroke((border + edge) * 2.0), none, None);
    pixmap.stroke_path(
        path,
        &paint(Shader::SolidColor(palette.light.mix(super::colour::Rgb::WHITE, 0.6).alpha(1.0))),
        &stroke(border * 2.0),
        none,
        None,
    );
    let drop = Transform::from_translate(border * 0.16, border * 0.30);
    pixmap.fill_path(path, &paint(Shader::SolidColor(dark.alpha(1.0))), FillRule::Winding, drop, None);
    pixmap.stroke_path(path, &paint(Shader::SolidColor(dark.alpha(1.0))), &stroke(border * 0.34), none, None);
    let b = path.bounds();
    // The brighter of two colours above the deeper one, both strong enough to read on white.
    let (main, accent) = (strong(palette.main), strong(palette.accent));
    let (top, low) = if main.brightness() > accent.brightness() { (main, accent) } else { (accent, main) };
    let fill = linear(
        v2(0.0, b.top()),
        v2(0.0, b.bottom()),
        &[(0.0, top.mix(super::colour::Rgb::WHITE, 0.25).alpha(1.0)), (0.45, top.alpha(1.0)), (1.0, low.alpha(1.0))],
    );
    pixmap.fill_path(path, &paint(fill), FillRule::Winding, none, None);
}

/// Pale colours darkened until white letters' borders stand out from them.
fn strong(colour: super::colour::Rgb) -> super::colour::Rgb {
    let excess = (colour.brightness() - 0.66).max(0.0);
    colour.lit(1.0 - excess * 0.9, 1.0 - excess, 1.0 - excess * 0.8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::sticker::tests::someone;

    #[test]
    fn draw_name_sticker_is_legible_and_transparent() {
        for (name, seed) in [("Mira Vale", 1), ("Alexandria Montgomery", 2), ("Jo", 3)] {
            let spec = CharacterSpec { name: name.into(), ..someone(seed) };
            let made = name_sticker(&spec, 720, 260).unwrap();
            let alpha = |x: u32, y: u32| made.pixel(x, y).unwrap().alpha();
            let solid: Vec<(u32, u32)> =
                (0..260).flat_map(|y| (0..720).map(move |x| (x, y))).filter(|(x, y)| alpha(*x, *y) > 200).collect();
            let (left, right) = (solid.iter().map(|p| p.0).min().unwrap(), solid.iter().map(|p| p.0).max().unwrap());
            let (top, bottom) = (solid.iter().map(|p| p.1).min().unwrap(), solid.iter().map(|p| p.1).max().unwrap());
            assert!(
                left >= 1 && right <= 718 && top >= 1 && bottom <= 258,
                "{name}: nothing is cut off: {left}..{right} × {top}..{bottom}"
            );
            assert!(right - left > 200 && bottom - top > 90, "{name}: too small to read: {} × {}", right - left, bottom - top);
            assert!([(0, 0), (719, 0), (0, 259), (719, 259)].iter().all(|(x, y)| alpha(*x, *y) == 0), "{name}: corners are transparent");
        }
    }

    #[test]
    fn draw_lettering_without_fonts_names_the_package() {
        let fault = letter(&someone(1), 720, 260, &["/nowhere/font.ttf"]).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid);
        assert!(fault.to_string().contains("fonts-leckerli-one"), "{fault}");
    }
}
