//! Stages to dance on: a still part drawn once, a glow that pulses, and beams that swing, at half resolution.
//!
//! What does not live here: what the stages look like (`sets`), and dancers.

use super::brush::{Brush, Look};
use super::colour::Rgb;
use super::geom::V2;
use super::rng::Dice;
use super::sets::{Colours, Paint, STAGES};
use super::wardrobe::Palette;
use tiny_skia::{Pixmap, Transform};

/// Half of the design size, pixels.
const SIZE: (u32, u32) = (360, 640);
/// Where the floor begins, half-size pixels.
pub(super) const HORIZON: f32 = 452.0;

/// A stage ready to be lit frame by frame.
pub(crate) struct Stage {
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
    pub(crate) fn new(seed: u64, palette: &Palette) -> Self {
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
        Self { set, glow, beams, gloss: row.gloss, haze: row.haze }
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
