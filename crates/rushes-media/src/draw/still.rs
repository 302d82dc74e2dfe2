//! Stills: one figure in a pose of its own, on a designed backdrop or in a studio.
//!
//! What does not live here: stickers (`sticker`) and moving pictures (`film`).

use super::brush::{Brush, Look, linear, radial, white};
use super::colour::Rgb;
use super::figure::{self, Moment};
use super::geom::{ellipse, polygon, v2, v3};
use super::rig::{Expression, Grip, Pose, View};
use super::rng::Dice;
use super::spec::CharacterSpec;
use super::wardrobe::Cut;
use rushes_core::{Code, Fault};
use tiny_skia::{Pixmap, Transform};

/// The size everything is designed at, pixels.
pub(crate) const DESIGN: (f32, f32) = (720.0, 1280.0);
/// Pixels a head at design size.
pub(crate) const HEAD: f32 = 162.0;

/// An empty picture. Errors: `input_invalid` for a size that is zero or beyond memory.
pub(crate) fn canvas(width: u32, height: u32) -> Result<Pixmap, Fault> {
    let sane = (16..=8192).contains(&width) && (16..=8192).contains(&height);
    sane.then(|| Pixmap::new(width, height)).flatten().ok_or_else(|| {
        Fault::new(Code::InputInvalid, "draw picture")
            .with("size", format!("{width}x{height}"))
            .because("each side must be 16 to 8192 pixels")
    })
}

/// From design size to the size asked for: as large as fits, in the middle.
pub(crate) fn fit(width: u32, height: u32) -> Transform {
    let scale = (width as f32 / DESIGN.0).min(height as f32 / DESIGN.1);
    Transform::from_scale(scale, scale).post_translate((width as f32 - DESIGN.0 * scale) * 0.5, (height as f32 - DESIGN.1 * scale) * 0.5)
}

/// The full figure, drawn in `look`: on a designed backdrop when the look is hard, in a studio when it is soft.
/// Errors: `input_invalid` for an impossible size.
pub fn portrait(spec: &CharacterSpec, cut: &Cut, look: Look, width: u32, height: u32) -> Result<Pixmap, Fault> {
    let mut pixmap = canvas(width, height)?;
    let place = fit(width, height);
    let mut brush = Brush::new(pixmap.as_mut(), place, look, HEAD);
    if look.soft {
        studio(&mut brush, spec)
    } else {
        designed(&mut brush, spec)
    }
    let view = View { floor: v2(DESIGN.0 * 0.5, DESIGN.1 * 0.945), head: HEAD };
    let moment = Moment::still(spec, pose(spec.seed));
    ground_shadow(&mut brush, &view, &moment);
    figure::draw(&mut brush, spec, cut, &moment, &view);
    Ok(pixmap)
}

/// A soft shadow under each foot.
pub(crate) fn ground_shadow(brush: &mut Brush<'_>, view: &View, moment: &Moment) {
    for foot in moment.pose.feet {
        let at = view.at(v3(foot.x, 0.0, foot.z)) + v2(0.06 * view.head * foot.x.signum(), 0.02 * view.head);
        let strength = 0.38 * (1.0 + foot.y * 1.5).clamp(0.25, 1.0);
        let dark = Rgb(24, 16, 34);
        let spot = ellipse(at, v2(0.42, 0.13) * view.head, 0.0);
        brush.shaded(
            &spot,
            super::brush::flat_radial(
                at,
                v2(0.42, 0.13) * view.head,
                &[(0.0, dark.alpha(strength)), (0.6, dark.alpha(strength * 0.4)), (1.0, dark.alpha(0.0))],
            ),
        );
    }
}

/// The poses people stand in for a picture; a new one is a row.
fn poses() -> [Pose; 6] {
    let rest = Pose::default();
    let weight = Pose { hips: v3(0.10, 0.02, 0.0), hip_roll: 0.07, lean: -0.03, head_roll: 0.04, ..rest };
    [
        Pose {
            hands: [v3(-0.74, 1.36, 0.25), v3(0.82, 2.12, 0.12)],
            poles: [v3(-0.8, 0.1, -0.9), v3(1.0, 0.2, -0.4)],
            grips: [Grip::Fist, Grip::Relaxed],
            feet: [v3(-0.36, 0.0, 0.25), v3(0.26, 0.0, 0.0)],
            ..weight
        },
        Pose {
            hands: [v3(-0.80, 2.12, 0.12), v3(0.78, -0.30, 0.45)],
            poles: [v3(-1.0, 0.2, -0.4), v3(1.0, 0.9, 0.1)],
            grips: [Grip::Relaxed, Grip::Peace],
            head_roll: 0.07,
            head_yaw: 0.10,
            face: Expression { eyes: [1.0, 0.0], smile: 0.9, mouth: 0.35, brows: 0.5, gaze: 0.1 },
            ..weight
        },
        Pose {
            hands: [v3(-0.80, 0.08, 0.4), v3(0.72, 1.34, 0.2)],
            poles: [v3(-1.0, 0.9, 0.1), v3(0.8, 0.1, -0.9)],
            grips: [Grip::Open, Grip::Fist],
            head_yaw: -0.12,
            face: Expression { smile: 0.85, mouth: 0.45, brows: 0.5, ..Expression::default() },
            ..weight
        },
        Pose {
            hands: [v3(-0.80, 2.12, 0.1), v3(0.84, 2.11, 0.1)],
            hip_yaw: 0.22,
            chest_yaw: 0.10,
            head_yaw: -0.22,
            feet: [v3(-0.34, 0.0, 0.1), v3(0.30, 0.0, 0.3)],
            ..weight
        },
        Pose {
            hands: [v3(-0.72, 1.34, 0.2), v3(0.72, 1.34, 0.2)],
            poles: [v3(-0.8, 0.1, -0.9), v3(0.8, 0.1, -0.9)],
            grips: [Grip::Fist; 2],
            feet: [v3(-0.48, 0.0, 0.0), v3(0.48, 0.0, 0.1)],
            face: Expression { smile: 0.75, ..Expression::default() },
            ..rest
        },
        Pose {
            hands: [v3(-0.80, 2.10, 0.15), v3(0.22, 0.62, 0.62)],
            poles: [v3(-1.0, 0.3, -0.4), v3(1.0, 0.6, -0.1)],
            grips: [Grip::Relaxed, Grip::Relaxed],
            hip_yaw: -0.12,
            head_yaw: 0.15,
            head_roll: -0.05,
            ..weight
        },
    ]
}

/// This seed's pose for a picture.
#[must_use]
pub(crate) fn pose(seed: u64) -> Pose {
    *Dice::new(seed, "still pose").pick(&poses())
}

/// A plain, designed backdrop in the palette's colours.
fn designed(brush: &mut Brush<'_>, spec: &CharacterSpec) {
    let mut dice = Dice::new(spec.seed, "backdrop");
    let palette = spec.palette;
    let paper = palette.light.mix(palette.second, 0.30);
    let full = polygon(&[v2(-400.0, -400.0), v2(1120.0, -400.0), v2(1120.0, 1680.0), v2(-400.0, 1680.0)]);
    brush.shaded(
        &full,
        linear(v2(0.0, 0.0), v2(0.0, 1280.0), &[(0.0, paper.alpha(1.0)), (1.0, paper.mix(palette.second, 0.45).alpha(1.0))]),
    );
    let soft = palette.second.mix(palette.main, 0.22);
    match dice.index(3) {
        0 => {
            brush.fill(&ellipse(v2(360.0, 520.0), v2(300.0, 300.0), 0.0), soft.alpha(0.75));
            brush.line(&ellipse(v2(360.0, 520.0), v2(328.0, 328.0), 0.0), 0.025, white(0.7));
        }
        1 => {
            for i in 0..4 {
                let x = -140.0 + i as f32 * 260.0;
                brush.fill(&polygon(&[v2(x, 1280.0), v2(x + 120.0, 1280.0), v2(x + 420.0, 0.0), v2(x + 300.0, 0.0)]), soft.alpha(0.5));
            }
        }
        _ => {
            brush.fill(&polygon(&[v2(110.0, 130.0), v2(610.0, 130.0), v2(610.0, 1010.0), v2(110.0, 1010.0)]), soft.alpha(0.65));
            brush.line(&polygon(&[v2(86.0, 106.0), v2(634.0, 106.0), v2(634.0, 1034.0), v2(86.0, 1034.0)]), 0.02, white(0.75));
        }
    }
    for _ in 0..26 {
        let at = v2(dice.range(20.0, 700.0), dice.range(20.0, 1150.0));
        let r = dice.range(2.5, 6.5);
        brush.fill(&ellipse(at, v2(r, r), 0.0), if dice.chance(0.5) { white(0.8) } else { palette.accent.alpha(0.55) });
    }
    let floor = ellipse(v2(360.0, 1206.0), v2(310.0, 56.0), 0.0);
    brush.fill(&floor, white(0.42));
}

/// A photographer's studio: paper that runs into the floor, one large light from the left.
fn studio(brush: &mut Brush<'_>, spec: &CharacterSpec) {
    let paper = spec.palette.second.mix(Rgb(206, 204, 206), 0.45).mix(spec.palette.light, 0.15);
    let dark = paper.lit(0.50, 0.49, 0.56);
    let full = polygon(&[v2(-400.0, -400.0), v2(1120.0, -400.0), v2(1120.0, 1680.0), v2(-400.0, 1680.0)]);
    brush.shaded(
        &full,
        radial(
            v2(300.0, 480.0),
            1080.0,
            &[(0.0, paper.mix(Rgb::WHITE, 0.45).alpha(1.0)), (0.45, paper.alpha(1.0)), (1.0, dark.alpha(1.0))],
        ),
    );
    let floor = polygon(&[v2(-400.0, 1090.0), v2(1120.0, 1090.0), v2(1120.0, 1680.0), v2(-400.0, 1680.0)]);
    let deep = paper.lit(0.72, 0.71, 0.78);
    brush.shaded(
        &floor,
        linear(v2(0.0, 1090.0), v2(0.0, 1240.0), &[(0.0, deep.alpha(0.0)), (0.5, deep.alpha(0.45)), (1.0, deep.alpha(0.25))]),
    );
    brush.shaded(
        &ellipse(v2(380.0, 1214.0), v2(330.0, 70.0), 0.0),
        super::brush::flat_radial(v2(380.0, 1214.0), v2(330.0, 70.0), &[(0.0, dark.alpha(0.35)), (1.0, dark.alpha(0.0))]),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::sticker::tests::someone;
    use rushes_core::provider::Outfit;

    fn drawn(seed: u64, outfit: &str, look: Look) -> Pixmap {
        let spec = someone(seed);
        let cut = spec.cut(&Outfit(outfit.into()), &[]).unwrap();
        portrait(&spec, &cut, look, 360, 640).unwrap()
    }

    /// Share of pixels that differ visibly.
    fn difference(a: &Pixmap, b: &Pixmap) -> f32 {
        let differs = |(a, b): (&tiny_skia::PremultipliedColorU8, &tiny_skia::PremultipliedColorU8)| {
            a.red().abs_diff(b.red()).max(a.green().abs_diff(b.green())).max(a.blue().abs_diff(b.blue())) > 24
        };
        a.pixels().iter().zip(b.pixels()).filter(|pair| differs(*pair)).count() as f32 / a.pixels().len() as f32
    }

    #[test]
    fn draw_equal_seeds_give_equal_pixels_and_others_other_people() {
        for look in [Look::ANIME, Look::COSPLAY] {
            assert!(drawn(1, "signature", look).data() == drawn(1, "signature", look).data());
        }
        for a in 1..7u64 {
            for b in a + 1..7 {
                let (one, other) = (someone(a), someone(b));
                let same = [
                    one.hair.word == other.hair.word,
                    one.hair_colour == other.hair_colour,
                    one.face == other.face,
                    one.palette == other.palette,
                    one.build == other.build,
                    one.eye_colour == other.eye_colour,
                ];
                assert!(same.iter().filter(|s| **s).count() <= 3, "seeds {a} and {b} are nearly one person");
                let share = difference(&drawn(a, "signature", Look::ANIME), &drawn(b, "signature", Look::ANIME));
                assert!(share > 0.10, "seeds {a} and {b} differ in {share} of the pixels");
            }
        }
    }

    #[test]
    fn draw_outfits_keep_face_and_hair() {
        for seed in 1..9 {
            let moment = Moment::still(&someone(seed), pose(seed));
            let view = View { floor: v2(DESIGN.0 * 0.5, DESIGN.1 * 0.945), head: HEAD };
            let head = view.at(moment.bones.head);
            let [signature, stage, surf] = ["signature", "kpop", "swimsuit"].map(|outfit| drawn(seed, outfit, Look::ANIME));
            for other in [&stage, &surf] {
                let (mut looked_at, mut other_pixels) = (0, 0);
                for y in ((head.y - 0.58 * HEAD) * 0.5) as u32..((head.y + 0.40 * HEAD) * 0.5) as u32 {
                    for x in ((head.x - 0.34 * HEAD) * 0.5) as u32..((head.x + 0.34 * HEAD) * 0.5) as u32 {
                        looked_at += 1;
                        other_pixels += u32::from(signature.pixel(x, y) != other.pixel(x, y));
                    }
                }
                assert!(
                    looked_at > 3000 && other_pixels == 0,
                    "seed {seed}: {other_pixels} of {looked_at} pixels of the head changed with the clothes"
                );
                assert!(difference(&signature, other) > 0.02, "seed {seed}: the clothes did not change");
            }
        }
    }
}
