//! The sets: what a stage looks like before a light moves. A stage is one row of [`STAGES`]: one function for its set,
//! one for what glows on the beat.
//!
//! What does not live here: lighting a stage frame by frame (`stage`).

use super::brush::{Brush, linear, radial};
use super::colour::Rgb;
use super::geom::{V2, polygon, v2};
use super::rng::Dice;
use super::stage::HORIZON;

pub(super) type Paint = fn(&mut Brush<'_>, &Colours, &mut Dice);

/// A stage: its set, what pulses on the beat, how many beams.
pub(super) struct Row {
    pub(super) set: Paint,
    pub(super) glow: Paint,
    pub(super) beams: usize,
    /// How much the floor mirrors, 0.0–1.0.
    pub(super) gloss: f32,
    /// Beams in front of the dancer.
    pub(super) haze: usize,
}

pub(super) const STAGES: &[Row] = &[
    // arena
    Row { set: arena, glow: arena_glow, beams: 7, gloss: 0.34, haze: 1 },
    // practice room
    Row { set: room, glow: room_glow, beams: 0, gloss: 0.2, haze: 0 },
    // rooftop
    Row { set: rooftop, glow: rooftop_glow, beams: 3, gloss: 0.22, haze: 1 },
    // neon club
    Row { set: club, glow: club_glow, beams: 5, gloss: 0.4, haze: 1 },
];

/// A stage's lights: two hues and darkness, from the palette.
pub(super) struct Colours {
    pub(super) deep: Rgb,
    pub(super) first: Rgb,
    pub(super) second: Rgb,
    pub(super) warm: Rgb,
}

fn backdrop(brush: &mut Brush<'_>, top: Rgb, bottom: Rgb) {
    let wall = polygon(&[v2(0.0, 0.0), v2(360.0, 0.0), v2(360.0, HORIZON), v2(0.0, HORIZON)]);
    brush.shaded(&wall, linear(v2(0.0, 0.0), v2(0.0, HORIZON), &[(0.0, top.alpha(1.0)), (1.0, bottom.alpha(1.0))]));
}

fn floor(brush: &mut Brush<'_>, near: Rgb, far: Rgb) {
    let ground = polygon(&[v2(0.0, HORIZON), v2(360.0, HORIZON), v2(360.0, 640.0), v2(0.0, 640.0)]);
    brush.shaded(&ground, linear(v2(0.0, HORIZON), v2(0.0, 640.0), &[(0.0, far.alpha(1.0)), (1.0, near.alpha(1.0))]));
}

fn spot(brush: &mut Brush<'_>, at: V2, half: V2, colour: Rgb, alpha: f32) {
    let stops = [(0.0, colour.alpha(alpha)), (0.55, colour.alpha(alpha * 0.55)), (1.0, colour.alpha(0.0))];
    brush.shaded(&super::geom::ellipse(at, half, 0.0), super::brush::flat_radial(at, half, &stops));
}

fn arena(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    backdrop(brush, c.deep, c.first.lit(0.55, 0.5, 0.6));
    for row in 0..11 {
        for column in 0..12 {
            let (x, y) = (12.0 + column as f32 * 28.4, 74.0 + row as f32 * 31.0);
            let near = 1.0 - ((x - 180.0).abs() / 230.0);
            brush.fill(
                &polygon(&[v2(x, y), v2(x + 24.0, y), v2(x + 24.0, y + 26.0), v2(x, y + 26.0)]),
                c.first.mix(c.deep, 0.55).alpha(0.35 + 0.3 * near),
            );
        }
    }
    floor(brush, c.deep, c.first.lit(0.35, 0.32, 0.42));
    spot(brush, v2(180.0, 600.0), v2(170.0, 34.0), c.warm, 0.5);
}

fn arena_glow(brush: &mut Brush<'_>, c: &Colours, dice: &mut Dice) {
    for row in 0..11 {
        for column in 0..12 {
            if dice.chance(0.30) {
                let (x, y) = (12.0 + column as f32 * 28.4, 74.0 + row as f32 * 31.0);
                let colour = if dice.chance(0.5) { c.second } else { c.first };
                brush.fill(&polygon(&[v2(x, y), v2(x + 24.0, y), v2(x + 24.0, y + 26.0), v2(x, y + 26.0)]), colour.alpha(0.30));
            }
        }
    }
    let glow = polygon(&[v2(0.0, 300.0), v2(360.0, 300.0), v2(360.0, HORIZON), v2(0.0, HORIZON)]);
    brush.shaded(&glow, linear(v2(0.0, 300.0), v2(0.0, HORIZON), &[(0.0, c.second.alpha(0.0)), (1.0, c.second.alpha(0.35))]));
    spot(brush, v2(180.0, 600.0), v2(190.0, 40.0), c.second, 0.5);
}

fn room(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    let wall = c.warm.mix(Rgb(226, 218, 208), 0.5).lit(0.80, 0.79, 0.82);
    backdrop(brush, wall.lit(0.9, 0.9, 0.94), wall);
    for i in 0..4 {
        let x = -6.0 + i as f32 * 94.0;
        let pane = polygon(&[v2(x, 96.0), v2(x + 88.0, 96.0), v2(x + 88.0, HORIZON - 14.0), v2(x, HORIZON - 14.0)]);
        brush.shaded(
            &pane,
            linear(
                v2(x, 96.0),
                v2(x + 88.0, HORIZON),
                &[
                    (0.0, wall.mix(Rgb(190, 206, 226), 0.55).alpha(1.0)),
                    (0.5, wall.mix(Rgb(232, 238, 246), 0.6).alpha(1.0)),
                    (1.0, wall.mix(Rgb(176, 190, 212), 0.55).alpha(1.0)),
                ],
            ),
        );
    }
    brush.fill(&polygon(&[v2(0.0, 332.0), v2(360.0, 332.0), v2(360.0, 338.0), v2(0.0, 338.0)]), Rgb(150, 112, 84).alpha(0.9));
    let wood = Rgb(178, 134, 98).mix(c.warm, 0.2);
    floor(brush, wood.lit(0.82, 0.80, 0.80), wood);
    for i in 0..9 {
        let x = -120.0 + i as f32 * 75.0;
        brush.line(
            &super::geom::curve(&[v2(180.0 + (x - 180.0) * 0.55, HORIZON), v2(x, 640.0)]),
            0.014,
            wood.lit(0.7, 0.68, 0.68).alpha(0.6),
        );
    }
    spot(brush, v2(180.0, 600.0), v2(150.0, 30.0), Rgb(255, 246, 230), 0.35);
}

fn room_glow(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    for i in 0..3 {
        let x = 30.0 + i as f32 * 105.0;
        brush.fill(&polygon(&[v2(x, 40.0), v2(x + 90.0, 40.0), v2(x + 96.0, 52.0), v2(x - 6.0, 52.0)]), Rgb(255, 246, 230).alpha(0.35));
    }
    spot(brush, v2(180.0, 600.0), v2(160.0, 32.0), c.second, 0.22);
    let strip = polygon(&[v2(0.0, HORIZON - 12.0), v2(360.0, HORIZON - 12.0), v2(360.0, HORIZON - 4.0), v2(0.0, HORIZON - 4.0)]);
    brush.fill(&strip, c.second.alpha(0.55));
}

fn rooftop(brush: &mut Brush<'_>, c: &Colours, dice: &mut Dice) {
    backdrop(brush, c.deep.mix(Rgb(24, 30, 74), 0.5), c.second.mix(Rgb(236, 140, 140), 0.4).lit(0.78, 0.66, 0.8));
    for _ in 0..60 {
        let at = v2(dice.range(0.0, 360.0), dice.range(0.0, 240.0));
        brush.fill(&super::geom::ellipse(at, v2(0.8, 0.8), 0.0), Rgb::WHITE.alpha(dice.range(0.2, 0.8)));
    }
    for layer in 0..2 {
        let mut x = -10.0;
        let tone = c.deep.mix(c.first, 0.30 - 0.16 * layer as f32);
        while x < 360.0 {
            let (wide, tall) = (dice.range(24.0, 54.0), dice.range(90.0, 210.0) - 50.0 * layer as f32);
            brush.fill(
                &polygon(&[v2(x, HORIZON - tall), v2(x + wide, HORIZON - tall), v2(x + wide, HORIZON), v2(x, HORIZON)]),
                tone.alpha(1.0),
            );
            for k in 0..((tall / 14.0) as usize * 2) {
                if dice.chance(0.42) {
                    let at = v2(x + 5.0 + (k % 3) as f32 * wide * 0.3, HORIZON - tall + 8.0 + (k / 2) as f32 * 13.0);
                    brush.fill(&polygon(&[at, at + v2(5.0, 0.0), at + v2(5.0, 6.0), at + v2(0.0, 6.0)]), Rgb(255, 214, 140).alpha(0.55));
                }
            }
            x += wide + 2.0;
        }
    }
    floor(brush, c.deep.lit(0.9, 0.9, 1.0), c.deep.mix(c.first, 0.25));
    spot(brush, v2(180.0, 600.0), v2(150.0, 30.0), c.warm, 0.4);
}

fn rooftop_glow(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    for line in 0..2 {
        for i in 0..13 {
            let x = i as f32 * 30.0;
            let sag = ((i % 6) as f32 / 6.0 * std::f32::consts::PI).sin() * 22.0;
            let at = v2(x, 90.0 + line as f32 * 62.0 + sag);
            brush.shaded(
                &super::geom::ellipse(at, v2(9.0, 9.0), 0.0),
                radial(
                    at,
                    9.0,
                    &[(0.0, Rgb(255, 226, 160).alpha(0.8)), (0.35, Rgb(255, 206, 130).alpha(0.35)), (1.0, Rgb(255, 190, 110).alpha(0.0))],
                ),
            );
        }
    }
    spot(brush, v2(180.0, 600.0), v2(165.0, 34.0), c.second, 0.35);
}

fn club(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    backdrop(brush, c.deep.lit(0.7, 0.7, 0.8), c.first.lit(0.45, 0.4, 0.5));
    for k in [1.0f32, 0.74, 0.48] {
        let arch: Vec<V2> = (0..=16)
            .map(|i| std::f32::consts::PI * (1.0 + i as f32 / 16.0))
            .map(|a| v2(180.0 + a.cos() * 165.0 * k, 240.0 + a.sin() * 190.0 * k))
            .collect();
        let mut line = vec![v2(180.0 - 165.0 * k, HORIZON)];
        line.extend(arch);
        line.push(v2(180.0 + 165.0 * k, HORIZON));
        brush.line(&super::geom::curve(&line), 0.09, c.deep.mix(c.first, 0.5).alpha(0.9));
    }
    floor(brush, c.deep.lit(0.8, 0.8, 0.9), c.first.lit(0.4, 0.36, 0.46));
    spot(brush, v2(180.0, 600.0), v2(160.0, 32.0), c.warm, 0.4);
}

fn club_glow(brush: &mut Brush<'_>, c: &Colours, _dice: &mut Dice) {
    for (i, k) in [1.0f32, 0.74, 0.48].into_iter().enumerate() {
        let mut line = vec![v2(180.0 - 165.0 * k, HORIZON)];
        line.extend(
            (0..=16)
                .map(|i| std::f32::consts::PI * (1.0 + i as f32 / 16.0))
                .map(|a| v2(180.0 + a.cos() * 165.0 * k, 240.0 + a.sin() * 190.0 * k)),
        );
        line.push(v2(180.0 + 165.0 * k, HORIZON));
        let colour = if i % 2 == 0 { c.second } else { c.first.mix(Rgb::WHITE, 0.3) };
        let path = super::geom::curve(&line);
        brush.line(&path, 0.16, colour.alpha(0.20));
        brush.line(&path, 0.05, colour.mix(Rgb::WHITE, 0.4).alpha(0.75));
    }
    spot(brush, v2(180.0, 600.0), v2(180.0, 36.0), c.second, 0.45);
}
