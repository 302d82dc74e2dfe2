//! Names as lettered stickers: a system font's outlines, tilted along an arc, filled from the palette; below, smaller, the
//! name in katakana, where it has one and a font for it is found.
//!
//! Fonts are read from disk at run time, so none is shipped. What does not live here: icon stickers (`sticker`).

use super::brush::linear;
use super::geom::{V2, v2};
use super::kana::katakana;
use super::outline::Mask;
use super::rng::Dice;
use super::spec::CharacterSpec;
use super::still::canvas;
use ab_glyph::{Font, FontVec, OutlineCurve};
use rushes_core::{Code, Fault};
use std::path::{Path as FilePath, PathBuf};
use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Shader, Stroke, Transform};

/// Fonts that are tried, best first: Debian's `fonts-leckerli-one`, `fonts-lobster`, `fonts-comfortaa`,
/// `fonts-dejavu-core`, and where other systems keep the same.
pub(crate) const FONTS: &[&str] = &[
    "/usr/share/fonts/truetype/leckerli-one/LeckerliOne-Regular.ttf",
    "/usr/share/fonts/opentype/lobster/lobster.otf",
    "/usr/share/fonts/truetype/comfortaa/Comfortaa-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf",
    "/Library/Fonts/Arial Rounded Bold.ttf",
    "/System/Library/Fonts/Supplemental/Arial Rounded Bold.ttf",
];

/// Fonts with katakana that are tried, best first: Debian's `fonts-motoya-l-maruberi`, `fonts-yusei-magic`, `fonts-vlgothic`,
/// `fonts-sawarabi-gothic`, `fonts-ipafont-gothic`, `fonts-takao-gothic`, `fonts-noto-cjk`, and what other systems have.
const KANA_FONTS: &[&str] = &[
    "/usr/share/fonts/truetype/motoya-l-maruberi/MTLmr3m.ttf",
    "/usr/share/fonts/truetype/yusei-magic/YuseiMagic-Regular.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf",
    "/usr/share/fonts/truetype/sawarabi-gothic/sawarabi-gothic-medium.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipagp.ttf",
    "/usr/share/fonts/truetype/takao-gothic/TakaoPGothic.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/System/Library/Fonts/ヒラギノ丸ゴ ProN W4.ttc",
];
/// Katakana against the Latin letters: how large an em is at most, and how much of their width the line takes at most.
const KANA_SIZE: f32 = 0.40;
const KANA_WIDTH: f32 = 0.92;

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

/// The first font of a list that has all letters of `text`: a letter that is missing would be an empty box.
fn font_with_all(paths: &[impl AsRef<FilePath>], text: &str) -> Option<FontVec> {
    let read = |path| FontVec::try_from_vec(std::fs::read(path).ok()?).ok();
    let has_all = |font: &FontVec| text.chars().all(|c| font.glyph_id(c).0 != 0);
    paths.iter().map(AsRef::as_ref).filter_map(read).find(has_all)
}

/// One line of text as glyph outlines; the path's units are ems, its baseline is y = 0.
struct Line {
    /// Each glyph's outline and its place along the line.
    glyphs: Vec<(Vec<OutlineCurve>, f32, f32)>,
    width: f32,
    em: f32,
}

impl Line {
    /// How far it reaches above its baseline, ems.
    fn height(&self) -> f32 {
        self.reach(|y| y)
    }

    /// How far it reaches below its baseline, ems.
    fn depth(&self) -> f32 {
        self.reach(|y| -y)
    }

    fn reach(&self, side: impl Fn(f32) -> f32) -> f32 {
        let ends = self.glyphs.iter().flat_map(|(curves, ..)| curves).flat_map(|curve| match curve {
            OutlineCurve::Line(a, b) | OutlineCurve::Quad(a, _, b) | OutlineCurve::Cubic(a, _, _, b) => [a.y, b.y],
        });
        ends.map(side).fold(0.0, f32::max) / self.em
    }
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
    letter(spec, (width, height), FONTS, KANA_FONTS)
}

/// What is drawn: the Latin letters, and the katakana below them.
struct Lettering {
    latin: Path,
    kana: Option<Path>,
}

fn letter(
    spec: &CharacterSpec,
    (width, height): (u32, u32),
    fonts: &[impl AsRef<FilePath>],
    kana_fonts: &[impl AsRef<FilePath>],
) -> Result<Pixmap, Fault> {
    let mut pixmap = canvas(width, height)?;
    let fail = |why: &str| Fault::new(Code::InputInvalid, "letter name sticker").because(why);
    let name = spec.name.trim();
    if name.is_empty() {
        return Err(fail("the name is empty"));
    }
    let font = font(fonts, name)?;
    let kana = katakana(name).and_then(|text| Some(set_line(&font_with_all(kana_fonts, &text)?, &text)));
    let (w, h) = (width as f32, height as f32);
    let drawn = compose(spec, &font, name, kana.as_ref(), (w, h)).ok_or_else(|| fail("the font has none of the name's letters"))?;
    // Centred and kept inside by what was really drawn.
    let bounds = drawn.kana.iter().fold(drawn.latin.bounds(), |bounds, kana| bounds.join(&kana.bounds()).unwrap_or(bounds));
    let (edge, border) = (h * 0.045, h * 0.085);
    // Three pixels of air, so that anti-aliasing is not cut off either.
    let room = edge + border + 3.0;
    let fit = ((w - 2.0 * room) / bounds.width()).min((h - 2.0 * room) / bounds.height()).min(1.0);
    let place = Transform::from_translate(-(bounds.left() + bounds.width() * 0.5), -(bounds.top() + bounds.height() * 0.5))
        .post_scale(fit, fit)
        .post_translate(w * 0.5, h * 0.5);
    let Some(latin) = drawn.latin.transform(place) else {
        return Err(fail("the picture is too small for the name"));
    };
    let kana = drawn.kana.and_then(|kana| kana.transform(place));
    ink(&mut pixmap, &Lettering { latin, kana }, spec, edge, border);
    Ok(pixmap)
}

/// Sets the lines below one another, around the origin; None without any outline.
fn compose(spec: &CharacterSpec, font: &FontVec, name: &str, kana: Option<&Line>, (w, h): (f32, f32)) -> Option<Lettering> {
    let (lines, size) = layout(font, name, w * 0.84, h * if kana.is_some() { 0.56 } else { 0.70 });
    let mut dice = Dice::new(spec.seed, "lettering");
    let tilt = dice.range(0.025, 0.055) * if dice.chance(0.8) { -1.0 } else { 1.0 };
    let arc = if lines.len() == 1 { dice.range(0.04, 0.12) } else { 0.03 };
    let row_of = |i: usize| (i as f32 - (lines.len() - 1) as f32 * 0.5) * size * 0.92;
    let mut builder = PathBuilder::new();
    for (i, line) in lines.iter().enumerate() {
        bend(line, size, v2(0.0, row_of(i)), tilt, arc, &mut builder);
    }
    let latin = builder.finish()?;
    let kana = kana.and_then(|line| {
        let last = lines.last()?;
        let widest = lines.iter().map(|line| line.width).fold(0.1, f32::max) * size;
        let kana_size = (size * KANA_SIZE).min(KANA_WIDTH * widest / line.width.max(0.1));
        let row = row_of(lines.len() - 1) + last.depth() * size + 0.16 * size + line.height() * kana_size;
        // On the same curve as the letters above.
        let arc = arc * line.width * kana_size / widest;
        let mut builder = PathBuilder::new();
        bend(line, kana_size, v2(0.0, row), tilt, arc, &mut builder);
        builder.finish()
    });
    Some(Lettering { latin, kana })
}

fn ink(pixmap: &mut Pixmap, drawn: &Lettering, spec: &CharacterSpec, edge: f32, border: f32) {
    let palette = spec.palette;
    let dark = palette.dark.mix(palette.main, 0.12);
    let stroke = |width: f32| Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
    let paint = |shader: Shader<'static>| Paint { shader, ..Paint::default() };
    let solid = |colour: super::colour::Rgb| paint(Shader::SolidColor(colour.alpha(1.0)));
    let none = Transform::identity();
    let paths = || std::iter::once(&drawn.latin).chain(&drawn.kana);
    for path in paths() {
        pixmap.fill_path(path, &solid(dark), FillRule::Winding, none, None);
    }
    let letters = Mask { width: pixmap.width() as usize, cover: pixmap.pixels().iter().map(|p| f32::from(p.alpha()) / 255.0).collect() };
    let paper = letters.cut_out(border, border * 0.9);
    lay_on(pixmap, &paper.grown(edge), dark);
    lay_on(pixmap, &paper, palette.light.mix(super::colour::Rgb::WHITE, 0.6));
    let path = &drawn.latin;
    let drop = Transform::from_translate(border * 0.16, border * 0.30);
    pixmap.fill_path(path, &solid(dark), FillRule::Winding, drop, None);
    pixmap.stroke_path(path, &solid(dark), &stroke(border * 0.34), none, None);
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
    if let Some(kana) = &drawn.kana {
        // Small letters in one dark colour; their stroke makes thin fonts bold.
        pixmap.fill_path(kana, &solid(dark), FillRule::Winding, none, None);
        pixmap.stroke_path(kana, &solid(dark), &stroke(border * 0.24), none, None);
    }
}

/// One colour, as far as a mask covers, over what is there.
fn lay_on(pixmap: &mut Pixmap, mask: &Mask, colour: super::colour::Rgb) {
    for (pixel, cover) in pixmap.pixels_mut().iter_mut().zip(&mask.cover) {
        let part = |over: u8, under: u8| (f32::from(over) * cover + f32::from(under) * (1.0 - cover)).round() as u8;
        let alpha = part(255, pixel.alpha());
        let made = [part(colour.0, pixel.red()), part(colour.1, pixel.green()), part(colour.2, pixel.blue())].map(|v| v.min(alpha));
        *pixel = PremultipliedColorU8::from_rgba(made[0], made[1], made[2], alpha).unwrap_or(*pixel);
    }
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
    fn draw_name_has_a_second_line_only_where_a_font_has_it_all() {
        let spec = CharacterSpec { name: "Mira Vale".into(), ..someone(1) };
        let plain = letter(&spec, (720, 260), FONTS, &["/nowhere/kana.ttf"]).unwrap();
        // Latin fonts hold no katakana: no boxes are drawn in its place.
        assert_eq!(letter(&spec, (720, 260), FONTS, FONTS).unwrap(), plain);
        let unread = CharacterSpec { name: "Xavier Wu".into(), ..someone(1) };
        assert_eq!(letter(&unread, (720, 260), FONTS, KANA_FONTS).unwrap(), letter(&unread, (720, 260), FONTS, FONTS).unwrap());
        if font_with_all(KANA_FONTS, "ミラ・ヴェイル").is_none() {
            eprintln!("skipped: the second line itself: no font with katakana (fonts-motoya-l-maruberi)");
            return;
        }
        let both = letter(&spec, (720, 260), FONTS, KANA_FONTS).unwrap();
        let dark_below = |made: &Pixmap| {
            let rows = (170..250).flat_map(|y| (100..620).map(move |x| (x, y)));
            rows.filter(|(x, y)| made.pixel(*x, *y).is_some_and(|p| p.alpha() > 250 && p.red() > 200 && p.green() > 200)).count()
        };
        assert_ne!(both, plain);
        assert!(dark_below(&both) > 2 * dark_below(&plain), "{} {}", dark_below(&both), dark_below(&plain));
    }

    #[test]
    fn draw_lettering_without_fonts_names_the_package() {
        let fault = letter(&someone(1), (720, 260), &["/nowhere/font.ttf"], KANA_FONTS).unwrap_err();
        assert_eq!(fault.code, Code::ConfigInvalid);
        assert!(fault.to_string().contains("fonts-leckerli-one"), "{fault}");
    }
}
