//! The icon sticker: head and shoulders in a disc, cut out with a white border, on transparency.
//!
//! What does not live here: lettering (`lettering`).

use super::brush::{Brush, Look, linear};
use super::colour::Rgb;
use super::figure::{self, Moment};
use super::geom::{ellipse, v2, v3};
use super::rig::{Expression, Pose, View};
use super::spec::CharacterSpec;
use super::still::canvas;
use super::wardrobe::Cut;
use rushes_core::Fault;
use tiny_skia::{Pixmap, PixmapPaint, Transform};

/// The size stickers are designed at, pixels.
const SIDE: f32 = 512.0;
/// Pixels a head at that size.
const HEAD: f32 = 204.0;

/// Head and shoulders on transparency. Errors: `input_invalid` for an impossible size.
pub fn icon_sticker(spec: &CharacterSpec, cut: &Cut, width: u32, height: u32) -> Result<Pixmap, Fault> {
    let mut made = canvas(width, height)?;
    let place = place(width, height);
    let mut person = bust(spec, cut, width, height)?;
    let (middle, radius) = (v2(SIDE * 0.5, SIDE * 0.54), SIDE * 0.42);
    trim(&mut person, middle, radius, place);
    let mut disc = Brush::new(made.as_mut(), place, Look::ANIME, HEAD);
    let (top, low) = (spec.palette.second.mix(spec.palette.light, 0.35), spec.palette.main.mix(spec.palette.second, 0.45));
    disc.shaded(
        &ellipse(middle, v2(radius, radius), 0.0),
        linear(v2(0.0, middle.y - radius), v2(0.0, middle.y + radius), &[(0.0, top.alpha(1.0)), (1.0, low.alpha(1.0))]),
    );
    made.draw_pixmap(0, 0, person.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    Ok(die_cut(&made, 13.0 * place.sx))
}

/// From design size to the size asked for.
fn place(width: u32, height: u32) -> Transform {
    let scale = width.min(height) as f32 / SIDE;
    Transform::from_scale(scale, scale).post_translate((width as f32 - SIDE * scale) * 0.5, (height as f32 - SIDE * scale) * 0.5)
}

/// Head and shoulders alone, on transparency.
pub(crate) fn bust(spec: &CharacterSpec, cut: &Cut, width: u32, height: u32) -> Result<Pixmap, Fault> {
    let mut person = canvas(width, height)?;
    let mut brush = Brush::new(person.as_mut(), place(width, height), Look::ANIME, HEAD);
    let pose = Pose {
        hands: [v3(-0.8, 2.0, 0.1), v3(0.8, 2.0, 0.1)],
        head_roll: 0.06 * spec.side,
        head_yaw: -0.06 * spec.side,
        lean: 0.0,
        face: Expression { smile: 0.9, mouth: 0.35, brows: 0.5, ..Expression::default() },
        ..Pose::default()
    };
    let moment = Moment::still(spec, pose);
    let view = View { floor: v2(SIDE * 0.5 - moment.bones.head.x * HEAD, SIDE * 0.47 - moment.bones.head.y * HEAD), head: HEAD };
    figure::draw(&mut brush, spec, cut, &moment, &view);
    Ok(person)
}

/// Below its middle the figure ends at the disc; hair may stand out above.
fn trim(person: &mut Pixmap, middle: super::geom::V2, radius: f32, place: Transform) {
    let (scale, left, top) = (place.sx, place.tx, place.ty);
    let (cx, cy, r) = (middle.x * scale + left, middle.y * scale + top, radius * scale);
    let width = person.width() as usize;
    for (i, pixel) in person.pixels_mut().iter_mut().enumerate() {
        let (x, y) = ((i % width) as f32 + 0.5 - cx, (i / width) as f32 + 0.5 - cy);
        if y > -r * 0.35 {
            let inside = (r - x.hypot(y) + 0.5).clamp(0.0, 1.0);
            // Above, the cut opens gradually so that no step is seen where hair leaves the disc.
            let open = ((-r * 0.15 - y) / (r * 0.20)).clamp(0.0, 1.0);
            let keep = inside.max(open);
            let part = |v: u8| (f32::from(v) * keep) as u8;
            *pixel =
                tiny_skia::PremultipliedColorU8::from_rgba(part(pixel.red()), part(pixel.green()), part(pixel.blue()), part(pixel.alpha()))
                    .unwrap_or(*pixel);
        }
    }
}

/// A white border of so many pixels round everything that is not transparent, with a faint line outside it.
fn die_cut(picture: &Pixmap, border: f32) -> Pixmap {
    let mut made = picture.clone();
    let ring = |reach: f32, colour: Rgb, target: &mut Pixmap| {
        let (w, h) = (picture.width() as i32, picture.height() as i32);
        let mut mask = vec![0u8; (w * h) as usize];
        let source: Vec<u8> = picture.pixels().iter().map(|p| p.alpha()).collect();
        for k in 0..40 {
            let a = k as f32 * std::f32::consts::TAU / 40.0;
            for step in [0.5f32, 1.0] {
                let (dx, dy) = ((a.cos() * reach * step).round() as i32, (a.sin() * reach * step).round() as i32);
                for y in dy.max(0)..(h + dy).min(h) {
                    for x in dx.max(0)..(w + dx).min(w) {
                        let from = source[((y - dy) * w + x - dx) as usize];
                        let to = &mut mask[(y * w + x) as usize];
                        *to = (*to).max(from);
                    }
                }
            }
        }
        for (pixel, alpha) in target.pixels_mut().iter_mut().zip(&mask) {
            let part = |v: u8| (u16::from(v) * u16::from(*alpha) / 255) as u8;
            *pixel = tiny_skia::PremultipliedColorU8::from_rgba(part(colour.0), part(colour.1), part(colour.2), *alpha).unwrap_or(*pixel);
        }
    };
    let mut white = made.clone();
    ring(border + 2.5, Rgb(196, 190, 204), &mut made);
    ring(border, Rgb::WHITE, &mut white);
    let paint = PixmapPaint::default();
    made.draw_pixmap(0, 0, white.as_ref(), &paint, Transform::identity(), None);
    made.draw_pixmap(0, 0, picture.as_ref(), &paint, Transform::identity(), None);
    made
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use rushes_core::provider::{Concept, Outfit};

    /// Somebody of this seed, without any words.
    pub(crate) fn someone(seed: u64) -> CharacterSpec {
        CharacterSpec::from_concept(&Concept {
            name: "Mira Vale".into(),
            tagline: String::new(),
            traits: vec![],
            prompt: String::new(),
            seed,
            style: "kpop_dance".into(),
        })
    }

    #[test]
    fn draw_icon_sticker_has_a_white_border_on_transparency() {
        let spec = someone(4);
        let cut = spec.cut(&Outfit::signature(), &[]).unwrap();
        let made = icon_sticker(&spec, &cut, 512, 512).unwrap();
        let alpha = |x, y| made.pixel(x, y).unwrap().alpha();
        assert!([(0, 0), (511, 0), (0, 511), (511, 511)].iter().all(|(x, y)| alpha(*x, *y) == 0));
        assert_eq!(alpha(256, 300), 255);
        let bottom = (0..512).rev().find(|y| alpha(256, *y) > 250).unwrap();
        let below = made.pixel(256, bottom - 6).unwrap();
        assert!(below.red() > 235 && below.green() > 235 && below.blue() > 235, "the border is white");
    }
}
