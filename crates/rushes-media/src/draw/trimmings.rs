//! Collars, stripes, pockets, belts, sequins: the small things that make a garment one.
//!
//! What does not live here: the garments they sit on (`garments`).

use super::body::{Torso, WAIST};
use super::brush::Brush;
use super::colour::{Rgb, Tone};
use super::geom::{Ribbon, V2, blob, curve, ellipse, polygon, star, v2};
use super::rig::sign;
use super::spec::CharacterSpec;
use super::wardrobe::{Cut, Mark, Neck, Over};

/// Marks on the top, under any jacket.
pub(crate) fn on_top(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    let trim = spec.cloth(cut.trim);
    for mark in cut.marks {
        match mark {
            Mark::ChestStripe => {
                let row = |below: f32| -> Vec<V2> { (0..=8).map(|i| torso.spot(i as f32 / 4.0 - 1.0, below)).collect() };
                for (below, wide) in [(0.60, 0.10), (0.72, 0.035)] {
                    let mut band = row(below);
                    band.extend(row(below + wide).into_iter().rev());
                    brush.fill(&polygon(&band), trim.base.alpha(1.0));
                }
            }
            Mark::Pocket if cut.over.1 == Over::None => {
                let pocket = torso.patch(&[(-0.42, 1.20), (0.42, 1.20), (0.62, 1.50), (-0.62, 1.50)]);
                let tone = spec.cloth(cut.top.0);
                brush.line(&pocket, 0.011, tone.shade.mix(tone.line, 0.5).alpha(0.9));
            }
            Mark::Panels => {
                for side in [-1.0, 1.0] {
                    let panel =
                        torso.patch(&[(side, 0.52), (side * 0.62, 0.62), (side * 0.46, WAIST - 0.08), (side * 0.60, 1.62), (side, 1.62)]);
                    brush.fill(&panel, spec.cloth(cut.arms).base.alpha(1.0));
                    let line = curve(&[
                        torso.spot(side, 0.52),
                        torso.spot(side * 0.62, 0.66),
                        torso.spot(side * 0.46, WAIST - 0.08),
                        torso.spot(side * 0.60, 1.60),
                    ]);
                    brush.line(&line, 0.016, trim.base.alpha(1.0));
                }
            }
            Mark::Sash => {
                let sash = torso.patch(&[(-0.75, 0.14), (-0.5, 0.10), (0.86, WAIST - 0.05), (0.80, WAIST + 0.07)]);
                brush.solid(&[&sash], trim);
            }
            Mark::Sequins => {
                for i in 0..16 {
                    let u = (i as f32 * 0.618).fract() * 1.5 - 0.75;
                    let below = 0.34 + (i as f32 * 0.377).fract() * 0.8;
                    brush.fill(&star(torso.spot(u, below), 0.030 * brush.head, 4, 0.0), trim.light.alpha(0.9));
                }
            }
            _ => {}
        }
    }
}

/// What is at the neck, over the skin.
pub(crate) fn collar(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    let (top, trim, skin) = (spec.cloth(cut.top.0), spec.cloth(cut.trim), spec.skin_tone());
    let head = brush.head;
    let base = torso.spot(0.0, 0.05);
    let wide = spec.build.neck * 1.15;
    let at = |x: f32, y: f32| base + v2(x, y) * head;
    match cut.top.1 {
        Neck::Crew => {
            let hole = blob(&[
                at(-wide * 1.25, -0.06),
                at(0.0, -0.02),
                at(wide * 1.25, -0.06),
                at(wide * 0.8, 0.08),
                at(0.0, 0.13),
                at(-wide * 0.8, 0.08),
            ]);
            brush.fill(&hole, skin.base.mix(skin.shade, 0.3).alpha(1.0));
            let rib =
                curve(&[at(-wide * 1.35, -0.07), at(-wide * 0.85, 0.09), at(0.0, 0.145), at(wide * 0.85, 0.09), at(wide * 1.35, -0.07)]);
            brush.line(&rib, 0.060, brush.ink(top));
            brush.line(&rib, 0.042, if cut.over.1 == Over::None { trim } else { top }.base.alpha(1.0));
        }
        Neck::Vee => {
            let hole = polygon(&[at(-wide * 1.4, -0.07), at(wide * 1.4, -0.07), at(0.0, 0.34)]);
            brush.fill(&hole, skin.base.alpha(1.0));
            brush.fill(&polygon(&[at(wide * 0.1, -0.07), at(wide * 1.4, -0.07), at(0.0, 0.34)]), skin.shade.alpha(0.35));
            for side in [-1.0, 1.0] {
                let edge = curve(&[at(side * wide * 1.45, -0.08), at(side * wide * 0.75, 0.12), at(0.0, 0.36)]);
                brush.line(&edge, 0.048, brush.ink(top));
                brush.line(&edge, 0.032, trim.base.alpha(1.0));
            }
        }
        Neck::Turtle | Neck::Zip => {
            let roll = Ribbon::new(
                vec![at(0.0, -0.20), at(0.0, -0.06), at(0.0, 0.06)],
                vec![wide * 1.08 * head, wide * 1.16 * head, wide * 1.5 * head],
            );
            brush.ribbon(&roll, top);
            if cut.top.1 == Neck::Zip {
                let zip = curve(&[at(0.0, -0.19), at(0.0, 0.0), torso.spot(0.0, 0.4), torso.spot(0.0, 0.92)]);
                brush.line(&zip, 0.022, top.line.alpha(1.0));
                brush.line(&zip, 0.010, Rgb(214, 218, 226).alpha(1.0));
            } else {
                brush.line(
                    &curve(&[at(-wide * 1.05, -0.10), at(0.0, -0.065), at(wide * 1.05, -0.10)]),
                    0.010,
                    top.shade.mix(top.line, 0.4).alpha(0.9),
                );
            }
        }
        Neck::Shirt | Neck::Tie | Neck::Ribbon => shirt_collar(brush, spec, cut, torso),
        Neck::Hood => hood(brush, spec, cut, torso),
    }
    if spec.accessory == "choker" && matches!(cut.top.1, Neck::Crew | Neck::Vee | Neck::Hood) {
        brush.line(&curve(&[at(-wide * 0.86, -0.19), at(0.0, -0.155), at(wide * 0.86, -0.19)]), 0.034, spec.palette.dark.alpha(1.0));
    }
}

fn shirt_collar(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    let (top, trim) = (spec.cloth(cut.top.0), spec.cloth(cut.trim));
    let head = brush.head;
    let base = torso.spot(0.0, 0.05);
    let wide = spec.build.neck * 1.2;
    let at = |x: f32, y: f32| base + v2(x, y) * head;
    match cut.top.1 {
        Neck::Tie => {
            let low = torso.spot(0.0, WAIST - 0.1);
            let blade = polygon(&[at(-0.035, 0.13), at(0.035, 0.13), low + v2(0.072, -0.10) * head, low, low + v2(-0.072, -0.10) * head]);
            let knot = polygon(&[at(-0.062, 0.03), at(0.062, 0.03), at(0.038, 0.14), at(-0.038, 0.14)]);
            brush.solid(&[&blade, &knot], trim);
        }
        Neck::Ribbon => {
            let tails = polygon(&[
                at(-0.02, 0.12),
                at(0.02, 0.12),
                at(0.12, 0.42),
                at(0.05, 0.39),
                at(0.0, 0.22),
                at(-0.05, 0.39),
                at(-0.12, 0.42),
            ]);
            let left = blob(&[at(0.0, 0.12), at(-0.15, 0.04), at(-0.19, 0.13), at(-0.13, 0.20)]);
            let right = blob(&[at(0.0, 0.12), at(0.15, 0.04), at(0.19, 0.13), at(0.13, 0.20)]);
            brush.solid(&[&tails, &left, &right], trim);
            brush.solid(&[&ellipse(at(0.0, 0.125), v2(0.038, 0.042) * head, 0.0)], trim);
        }
        _ => {
            brush.fill(&polygon(&[at(-wide * 0.9, -0.08), at(wide * 0.9, -0.08), at(0.0, 0.16)]), spec.skin_tone().base.alpha(1.0));
        }
    }
    for side in [-1.0, 1.0] {
        let wing =
            polygon(&[at(side * wide * 1.02, -0.15), at(side * wide * 1.45, -0.03), at(side * wide * 1.15, 0.16), at(side * 0.015, 0.04)]);
        brush.solid(&[&wing], top);
    }
}

fn hood(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    let (top, trim) = (spec.cloth(cut.top.0), spec.cloth(cut.trim));
    let head = brush.head;
    let base = torso.spot(0.0, 0.05);
    let wide = spec.build.neck * 1.2;
    let at = |x: f32, y: f32| base + v2(x, y) * head;
    for side in [-1.0, 1.0] {
        let fold = blob(&[
            at(side * wide * 0.95, -0.17),
            at(side * wide * 1.9, -0.12),
            at(side * wide * 2.5, 0.02),
            at(side * wide * 1.6, 0.15),
            at(side * 0.02, 0.25),
            at(side * wide * 0.55, 0.06),
        ]);
        brush.solid(&[&fold], top);
        let string = curve(&[at(side * 0.05, 0.22), at(side * 0.075, 0.38), at(side * 0.07, 0.55)]);
        brush.line(&string, 0.026, top.line.alpha(1.0));
        brush.line(&string, 0.016, trim.base.alpha(1.0));
    }
}

/// Lapels, zips, hems and badges of a jacket.
pub(crate) fn on_jacket(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso, (hem, open_top, open_hem): (f32, f32, f32)) {
    let (tone, trim) = (spec.cloth(cut.over.0), spec.cloth(cut.trim));
    let open = |t: f32| open_top + (open_hem - open_top) * t;
    for side in [-1.0, 1.0] {
        let edge: Vec<V2> = (0..=6).map(|i| torso.spot(side * open(i as f32 / 6.0), 0.07 + (hem - 0.07) * i as f32 / 6.0)).collect();
        match cut.over.1 {
            Over::Blazer | Over::Coat => {
                let lapel = torso.patch(&[
                    (side * open_top * 0.9, 0.03),
                    (side * 0.50, 0.24),
                    (side * 0.42, 0.34),
                    (side * 0.52, 0.38),
                    (side * open(0.55), 0.92),
                ]);
                brush.solid(&[&lapel], tone);
                brush.line(&curve(&edge), 0.012, brush.ink(tone));
            }
            Over::StageJacket => {
                brush.line(&curve(&edge), 0.050, trim.line.alpha(1.0));
                brush.line(&curve(&edge), 0.034, trim.base.alpha(1.0));
                let shoulder = torso.spot(side * 0.86, 0.17);
                brush.solid(&[&ellipse(shoulder, v2(0.16, 0.055) * brush.head, side * 0.35)], trim);
                for i in 0..5 {
                    let from = shoulder + v2(side * (0.11 - i as f32 * 0.05), 0.03) * brush.head;
                    brush.line(&curve(&[from, from + v2(side * 0.01, 0.09) * brush.head]), 0.016, trim.base.alpha(1.0));
                }
            }
            _ => {
                brush.line(&curve(&edge), 0.030, trim.line.alpha(1.0));
                brush.line(&curve(&edge), 0.018, trim.base.alpha(1.0));
            }
        }
        if matches!(cut.over.1, Over::Bomber | Over::Cardigan) {
            let row: Vec<V2> = (0..=4).map(|i| torso.spot(side * (open_hem + (1.04 - open_hem) * i as f32 / 4.0), hem - 0.05)).collect();
            brush.line(&curve(&row), 0.10, trim.base.alpha(1.0));
            brush.line(&curve(&row.iter().map(|p| *p - v2(0.0, 0.05 * brush.head)).collect::<Vec<_>>()), 0.010, trim.line.alpha(0.9));
        }
    }
    marks_on_jacket(brush, spec, cut, torso, hem);
}

fn marks_on_jacket(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso, hem: f32) {
    let (tone, trim) = (spec.cloth(cut.over.0), spec.cloth(cut.trim));
    for mark in cut.marks {
        match mark {
            Mark::Star => brush.fill(&star(torso.spot(spec.side * 0.60, 0.56), 0.085 * brush.head, 5, 0.1), spec.palette.accent.alpha(1.0)),
            Mark::Pocket => {
                brush.line(&curve(&[torso.spot(0.45, 0.66), torso.spot(0.72, 0.645)]), 0.014, brush.ink(tone));
                brush.fill(&torso.patch(&[(0.48, 0.655), (0.68, 0.64), (0.62, 0.57), (0.54, 0.60)]), trim.base.alpha(1.0));
                for side in [-1.0, 1.0] {
                    brush.line(&curve(&[torso.spot(side * 0.48, hem - 0.32), torso.spot(side * 0.85, hem - 0.34)]), 0.016, brush.ink(tone));
                }
            }
            Mark::Buttons => {
                for i in 0..4 {
                    let p = torso.spot(0.26, 0.5 + i as f32 * 0.26);
                    brush.fill(&ellipse(p, v2(0.022, 0.022) * brush.head, 0.0), trim.base.alpha(1.0));
                }
            }
            Mark::Sequins => {
                for i in 0..18 {
                    let side = if i % 2 == 0 { 1.0 } else { -1.0 };
                    let u = side * (0.48 + (i as f32 * 0.618).fract() * 0.42);
                    let below = 0.26 + (i as f32 * 0.377).fract() * (hem - 0.45);
                    brush.fill(&star(torso.spot(u, below), 0.032 * brush.head, 4, 0.0), trim.light.alpha(0.9));
                }
            }
            _ => {}
        }
    }
}

/// Belts.
pub(crate) fn at_waist(brush: &mut Brush<'_>, spec: &CharacterSpec, cut: &Cut, torso: &Torso) {
    if !cut.marks.contains(&Mark::Belt) || cut.over.1 == Over::Blazer {
        return;
    }
    let tone = Tone::of(if cut.over.1 == Over::Coat { spec.palette.main.lit(0.7, 0.7, 0.72) } else { spec.palette.dark });
    let wide = if cut.over.1 == Over::Coat { 1.16 } else { 1.06 };
    let below = WAIST + 0.02;
    let centre = |b: f32| torso.spot(0.0, b);
    let band = Ribbon::new(
        vec![torso.ribbon.at(Torso::along(below), 0.0), torso.ribbon.at(Torso::along(below + 0.12), 0.0)],
        vec![torso.ribbon.half[7] * wide, torso.ribbon.half[7] * (wide + 0.04)],
    );
    brush.ribbon(&band, tone);
    let buckle = ellipse(centre(below + 0.06), v2(0.066, 0.052) * brush.head, 0.0);
    brush.solid(&[&buckle], Tone::of(Rgb(218, 184, 112)));
    brush.fill(&ellipse(centre(below + 0.06), v2(0.036, 0.024) * brush.head, 0.0), tone.base.alpha(1.0));
}

/// A stripe down the outside of a leg.
pub(crate) fn leg_stripe(brush: &mut Brush<'_>, tone: Tone, leg: &Ribbon, side: usize) {
    let out = -sign(side);
    brush.fill(&leg.band(out * 0.60, out * 0.84), tone.base.alpha(1.0));
}

/// Rings round a forearm.
pub(crate) fn sleeve_stripes(brush: &mut Brush<'_>, tone: Tone, sleeve: &Ribbon) {
    for from in [0.72, 0.78] {
        brush.fill(&sleeve.part(from, from + 0.03).whole(), tone.base.alpha(0.95));
    }
}
