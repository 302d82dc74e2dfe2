//! What is worn on the head: glasses, freckles as if worn, hairpins, hats, headphones.
//!
//! What does not live here: which there are (`traits`).

use super::brush::{Brush, white};
use super::colour::{Rgb, Tone};
use super::face::{EYES_Y, HeadFrame};
use super::geom::{V2, blob, curve, ellipse, star, v2};
use super::spec::CharacterSpec;

/// What is worn on the face, under the hair.
pub(crate) fn under_hair(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
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
            brush.line(
                &curve(&[
                    frame.front(v2(-0.045, EYES_Y - 0.01)),
                    frame.front(v2(0.0, EYES_Y - 0.025)),
                    frame.front(v2(0.045, EYES_Y - 0.01)),
                ]),
                0.013,
                ink,
            );
        }
        "freckles" => {
            for (x, y) in [(0.15, 0.175), (0.19, 0.195), (0.225, 0.175), (0.11, 0.195), (0.17, 0.215)] {
                for side in [-1.0, 1.0] {
                    brush.fill(
                        &ellipse(frame.front(v2(side * x, y)), v2(0.0085, 0.0075) * frame.unit, 0.0),
                        skin.line.mix(skin.shade, 0.6).alpha(0.7),
                    );
                }
            }
        }
        "beauty mark" => {
            brush.fill(&ellipse(frame.front(v2(spec.side * 0.135, 0.235)), v2(0.011, 0.011) * frame.unit, 0.0), skin.line.alpha(0.95))
        }
        _ => {}
    }
}

/// What is worn over the hair.
pub(crate) fn over_hair(brush: &mut Brush<'_>, spec: &CharacterSpec, frame: &HeadFrame) {
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
            let cap = blob(&[
                at(-0.40, -0.36),
                at(-0.36, -0.56),
                at(0.0, -0.70),
                at(0.40, -0.64),
                at(0.55, -0.46),
                at(0.42, -0.36),
                at(0.0, -0.40),
            ]);
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
                    brush
                        .fill(&ellipse(at - v2(0.0, 0.03 * frame.unit), v2(0.018, 0.018) * frame.unit, 0.0), Rgb(240, 226, 190).alpha(1.0));
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
