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
    /// How much the floor mirrors, 0.0–1.0.
    gloss: f32,
    /// Beams in front of the dancer.
    haze: usize,
}

const STAGES: &[Row] = &[
    Row { name: "arena", set: arena, glow: arena_glow, beams: 7, gloss: 0.34, haze: 1 },
    Row { name: "practice room", set: room, glow: room_glow, beams: 0, gloss: 0.2, haze: 0 },
    Row { name: "rooftop", set: rooftop, glow: rooftop_glow, beams: 3, gloss: 0.22, haze: 1 },
    Row { name: "neon club", set: club, glow: club_glow, beams: 5, gloss: 0.4, haze: 1 },
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
    gloss: f32,
    haze: usize,
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
        let row = Dice::deal(seed, "stage", STAGES);
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
        Self { name: row.name, set, glow, beams, gloss: row.gloss, haze: row.haze }
    }

    /// One moment of the stage: `beat` counts beats, `pulse` is 1 on a beat and falls.
    pub(crate) fn light(&self, beat: f32, pulse: f32, into: &mut Pixmap) {
        into.data_mut().copy_from_slice(self.set.data());
        let strength = (70.0 + 185.0 * pulse).min(255.0) as u16;
        for (to, from) in into.data_mut().iter_mut().zip(self.glow.data()) {
            *to = to.saturating_add(((u16::from(*from) * strength) >> 8) as u8);
        }
        for beam in &self.beams {
            beam.shine(beat, 0.20 + 0.24 * pulse, 1.0, into);
        }
    }

    /// Light in the air before the dancer, on the finished frame.
    pub(crate) fn haze(&self, beat: f32, pulse: f32, into: &mut Pixmap) {
        let scale = into.width() as f32 / SIZE.0 as f32;
        for beam in self.beams.iter().skip(1).step_by(3).take(self.haze) {
            beam.shine(-beat, 0.05 + 0.13 * pulse, scale, into);
        }
    }

    /// Mirrors in the floor what stands on it: below `line` (pixels) as far as `depth`, fading.
    pub(crate) fn reflect(&self, into: &mut Pixmap, line: f32, depth: f32) {
        let (height, bytes) = (into.height() as usize, into.width() as usize * 4);
        let line = line.max(0.0) as usize;
        for k in 0..(depth as usize).min(line).min(height.saturating_sub(line)) {
            let strength = (self.gloss * 256.0 * (1.0 - k as f32 / depth).powi(2)) as u16;
            let (above, below) = into.data_mut().split_at_mut((line + k) * bytes);
            let from = &above[(line - 1 - k) * bytes..(line - k) * bytes];
            for (to, from) in below[..bytes].iter_mut().zip(from) {
                *to = ((u16::from(*to) * (256 - strength) + u16::from(*from) * strength) >> 8) as u8;
            }
        }
    }
}

impl Beam {
    /// Adds a cone of light with soft edges, row by row: along a row only its coverage changes. `scale` is pixels of the
    /// picture to one of the stage's.
    fn shine(&self, beat: f32, strength: f32, scale: f32, into: &mut Pixmap) {
        const LENGTH: f32 = 560.0;
        let width = into.width() as usize;
        let slope = ((beat * 0.25 * std::f32::consts::PI + self.phase).sin() * self.swing).tan();
        for (y, row) in into.data_mut().chunks_exact_mut(width * 4).take((LENGTH * scale) as usize).enumerate() {
            let y = y as f32 / scale;
            let t = y / LENGTH;
            let (centre, half) = ((self.top + slope * (y + 12.0)) * scale, (4.0 + 44.0 * t) * scale);
            let edge = (2.0 + 14.0 * t) * scale;
            let alpha = strength * (1.0 - t).powf(1.3);
            let light = [self.colour.0, self.colour.1, self.colour.2].map(|c| (f32::from(c) * alpha) as u32);
            let place = |x: f32| (x.max(0.0) as usize).min(width);
            let (from, to) = (place(centre - half - edge), place(centre + half + edge));
            let (core, rest) = (place(centre - half + edge), place(centre + half - edge));
            let whole = 256.0 / (2.0 * edge);
            for x in (from..core.min(to)).chain(rest.max(core).min(to)..to) {
                let cover = ((half + edge - (x as f32 - centre).abs()) * whole).clamp(0.0, 256.0) as u32;
                for (to, light) in row[x * 4..x * 4 + 3].iter_mut().zip(light) {
                    *to = to.saturating_add(((light * cover) >> 8) as u8);
                }
            }
            // Most of a beam is evenly lit.
            let [red, green, blue] = light.map(|l| l.min(255) as u8);
            for pixel in row[core.min(rest) * 4..rest * 4].chunks_exact_mut(4) {
                pixel[0] = pixel[0].saturating_add(red);
                pixel[1] = pixel[1].saturating_add(green);
                pixel[2] = pixel[2].saturating_add(blue);
            }
        }
    }
}

/// Lays the half-size stage onto a frame, bilinear. `far` and `near` are scale and origin of what is behind the floor
/// and of the floor's row `front`, in the stage's pixels; between the two the floor recedes.
pub(crate) fn lay(from: &Pixmap, to: &mut Pixmap, far: (f32, V2), near: (f32, V2), front: f32) {
    let (sw, sh, dw) = (from.width() as usize, from.height() as usize, to.width() as usize);
    let depth = |row: f32| ((row - HORIZON) / (front - HORIZON)).clamp(0.0, 1.0);
    let down = |row: usize| {
        let share = depth(row as f32);
        let (a, b) = (row as f32 * far.0 + far.1.y, row as f32 * near.0 + near.1.y);
        a + (b - a) * share
    };
    let mut mixed = vec![0u8; sw * 4];
    let mut row = 0;
    for (y, out) in to.data_mut().chunks_exact_mut(dw * 4).enumerate() {
        // Rows follow each other downwards in both pictures.
        let at = y as f32;
        while row + 2 < sh && down(row + 1) <= at {
            row += 1;
        }
        let (above, below) = (down(row), down(row + 1));
        let share = ((at - above) / (below - above).max(0.01)).clamp(0.0, 1.0);
        blend(&from.data()[row * sw * 4..(row + 2) * sw * 4], (share * 256.0) as u16, &mut mixed);
        let share = depth(row as f32 + share);
        let (scale, origin) = (far.0 + (near.0 - far.0) * share, far.1.x + (near.1.x - far.1.x) * share);
        stretch(&mixed, (0.5 - origin) / scale - 0.5, 1.0 / scale, out);
    }
}

/// Two rows into one: `share` of 256 of the second.
fn blend(rows: &[u8], share: u16, into: &mut [u8]) {
    let (a, b) = rows.split_at(into.len());
    for ((mixed, a), b) in into.iter_mut().zip(a).zip(b) {
        *mixed = ((u16::from(*a) * (256 - share) + u16::from(*b) * share) >> 8) as u8;
    }
}

/// A row made longer, bilinear: the first pixel is `start`, each next one `step` further on.
fn stretch(row: &[u8], start: f32, step: f32, out: &mut [u8]) {
    let last = (row.len() / 4) as f32 - 1.001;
    let count = (out.len() / 4) as f32;
    let (start, end) = (start.clamp(0.0, last), (start + step * (count - 1.0)).clamp(0.0, last));
    let (mut at, step) = ((start * 65_536.0) as u32, ((end - start).max(0.0) / (count - 1.0).max(1.0) * 65_536.0) as u32);
    // Two channels at a time: each has a byte of room for the product's fraction.
    let mix = |a: u32, b: u32, share: u32| (((a & 0x00ff_00ff) * (256 - share) + (b & 0x00ff_00ff) * share) >> 8) & 0x00ff_00ff;
    for pixel in out.chunks_exact_mut(4) {
        let (x, share) = ((at >> 16) as usize, (at >> 8) & 0xff);
        let both = &row[x * 4..x * 4 + 8];
        let (a, b) = (u32::from_le_bytes([both[0], both[1], both[2], both[3]]), u32::from_le_bytes([both[4], both[5], both[6], both[7]]));
        let mixed = mix(a, b, share) | (mix(a >> 8, b >> 8, share) << 8) | 0xff00_0000;
        pixel.copy_from_slice(&mixed.to_le_bytes());
        at += step;
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
