//! Stages to dance on: a still part drawn once, a glow that pulses, and beams that swing, at half resolution.
//!
//! A stage is one row of [`STAGES`]: one function for its set, one for its glow. What does not live here: dancers.

use super::brush::{Brush, Look, linear, radial};
use super::colour::Rgb;
use super::geom::{V2, polygon, v2};
use super::rng::Dice;
use super::wardrobe::Palette;
use tiny_skia::{Pixmap, Transform};

/// Half of the design size, pixels.
const SIZE: (u32, u32) = (360, 640);
/// Where the floor begins, half-size pixels.
const HORIZON: f32 = 452.0;

type Paint = fn(&mut Brush<'_>, &Colours, &mut Dice);

/// A stage: its name, its set, what pulses on the beat, how many beams.
struct Row {
    name: &'static str,
    set: Paint,
    glow: Paint,
    beams: usize,
}

const STAGES: &[Row] = &[
    Row { name: "arena", set: arena, glow: arena_glow, beams: 7 },
    Row { name: "practice room", set: room, glow: room_glow, beams: 0 },
    Row { name: "rooftop", set: rooftop, glow: rooftop_glow, beams: 3 },
    Row { name: "neon club", set: club, glow: club_glow, beams: 5 },
];

/// A stage's lights: two hues and darkness, from the palette.
struct Colours {
    deep: Rgb,
    first: Rgb,
    second: Rgb,
    warm: Rgb,
}

/// A stage ready to be lit frame by frame.
pub struct Stage {
    /// Which one.
    pub name: &'static str,
    set: Pixmap,
    glow: Pixmap,
    beams: Vec<Beam>,
}

struct Beam {
    top: f32,
    swing: f32,
    phase: f32,
    colour: Rgb,
}

fn blank() -> Pixmap {
    Pixmap::new(SIZE.0, SIZE.1).expect("the size is a constant above zero")
}

impl Stage {
    /// The stage of a seed, in colours that go with the dancer's.
    #[must_use]
    pub fn new(seed: u64, palette: &Palette) -> Self {
        let mut dice = Dice::new(seed, "stage");
        let row = dice.pick(STAGES);
        let colours = Colours {
            deep: palette.dark.mix(Rgb(14, 12, 30), 0.55),
            first: palette.main.mix(Rgb(90, 70, 220), 0.35),
            second: palette.accent.mix(Rgb(240, 90, 150), 0.3),
            warm: palette.second.mix(Rgb(255, 236, 205), 0.5),
        };
        let layer = |paint: Paint, dice: &mut Dice| {
            let mut pixmap = blank();
            paint(&mut Brush::new(pixmap.as_mut(), Transform::identity(), Look::COSPLAY, 70.0), &colours, dice);
            pixmap
        };
        let set = layer(row.set, &mut dice.clone());
        let glow = layer(row.glow, &mut dice.clone());
        let beams = (0..row.beams)
            .map(|i| Beam {
                top: 20.0 + 320.0 * (i as f32 + 0.5) / row.beams as f32,
                swing: dice.range(0.18, 0.42),
                phase: dice.range(0.0, 6.2),
                colour: if i % 2 == 0 { colours.first.mix(Rgb::WHITE, 0.35) } else { colours.second.mix(Rgb::WHITE, 0.3) },
            })
            .collect();
        Self { name: row.name, set, glow, beams }
    }

    /// One moment of the stage: `beat` counts beats, `pulse` is 1 on a beat and falls.
    pub(crate) fn light(&self, beat: f32, pulse: f32, into: &mut Pixmap) {
        into.data_mut().copy_from_slice(self.set.data());
        let strength = (70.0 + 185.0 * pulse) as u32;
        for (to, from) in into.data_mut().iter_mut().zip(self.glow.data()) {
            *to = (u32::from(*to) + ((u32::from(*from) * strength) >> 8)).min(255) as u8;
        }
        let width = into.width() as usize;
        for beam in &self.beams {
            let angle = (beat * 0.25 * std::f32::consts::PI + beam.phase).sin() * beam.swing;
            beam.shine(angle, 0.20 + 0.24 * pulse, width, into.data_mut());
        }
    }
}

impl Beam {
    /// Adds a cone of light with soft edges, row by row: along a row only its coverage changes.
    fn shine(&self, angle: f32, strength: f32, width: usize, pixels: &mut [u8]) {
        const LENGTH: f32 = 560.0;
        let slope = angle.tan();
        for (y, row) in pixels.chunks_exact_mut(width * 4).take(LENGTH as usize).enumerate() {
            let t = y as f32 / LENGTH;
            let (centre, half) = (self.top + slope * (y as f32 + 12.0), 4.0 + 44.0 * t);
            let edge = 2.0 + 14.0 * t;
            let alpha = strength * (1.0 - t).powf(1.3);
            let [red, green, blue] = [self.colour.0, self.colour.1, self.colour.2].map(|c| f32::from(c) * alpha);
            let (from, to) = ((centre - half - edge).max(0.0) as usize, ((centre + half + edge).max(0.0) as usize).min(width));
            for x in from.min(to)..to {
                let cover = ((half + edge - (x as f32 - centre).abs()) / (2.0 * edge)).clamp(0.0, 1.0);
                let pixel = &mut row[x * 4..x * 4 + 3];
                for (to, light) in pixel.iter_mut().zip([red, green, blue]) {
                    *to = to.saturating_add((light * cover) as u8);
                }
            }
        }
    }
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

/// Enlarges the half-size stage onto a frame: bilinear, `zoom` about a point given in shares of the picture.
pub(crate) fn enlarge(from: &Pixmap, to: &mut Pixmap, zoom: f32, centre: V2) {
    let (sw, sh, dw, dh) = (from.width() as usize, from.height() as usize, to.width() as usize, to.height() as usize);
    // Cover the frame whatever its shape.
    let scale = (dw as f32 / sw as f32).max(dh as f32 / sh as f32) * zoom.max(1.0);
    let left = ((sw as f32 - dw as f32 / scale) * centre.x).clamp(0.0, sw as f32 - 1.0);
    let top = ((sh as f32 - dh as f32 / scale) * centre.y).clamp(0.0, sh as f32 - 1.0);
    let place = |start: f32, i: usize, limit: usize| {
        let p = (start + (i as f32 + 0.5) / scale - 0.5).clamp(0.0, limit as f32 - 1.001);
        (p as usize, ((p - p.floor()) * 256.0) as u32)
    };
    let columns: Vec<(usize, u32)> = (0..dw).map(|x| place(left, x, sw)).collect();
    let source = from.data();
    let mut row = vec![0u8; sw * 4];
    for (y, out) in to.data_mut().chunks_exact_mut(dw * 4).enumerate() {
        let (sy, share) = place(top, y, sh);
        let (a, b) = (&source[sy * sw * 4..(sy + 1) * sw * 4], &source[(sy + 1) * sw * 4..(sy + 2) * sw * 4]);
        let (near, far) = ((256 - share) as u16, share as u16);
        for ((mixed, a), b) in row.iter_mut().zip(a).zip(b) {
            *mixed = ((u16::from(*a) * near + u16::from(*b) * far) >> 8) as u8;
        }
        // Two channels at a time: each has a byte of room for the product's fraction.
        for (pixel, (x, share)) in out.chunks_exact_mut(4).zip(&columns) {
            let both = &row[x * 4..x * 4 + 8];
            let (a, b) =
                (u32::from_le_bytes([both[0], both[1], both[2], both[3]]), u32::from_le_bytes([both[4], both[5], both[6], both[7]]));
            let mix = |a: u32, b: u32| ((a & 0x00ff_00ff) * (256 - share) + (b & 0x00ff_00ff) * share) >> 8 & 0x00ff_00ff;
            let mixed = mix(a, b) | mix(a >> 8, b >> 8) << 8 | 0xff00_0000;
            pixel.copy_from_slice(&mixed.to_le_bytes());
        }
    }
}
