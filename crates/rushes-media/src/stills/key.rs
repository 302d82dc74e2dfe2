//! A key colour: found along a picture's border, told apart from what only looks like it, and taken out of edges.
//!
//! Colours are compared as luma and two chromas (BT.601, −128 to 127), where a key is one strong direction and noise of
//! pictures that were packed is mild.

use image::RgbaImage;

/// Luma, 0–255.
pub(super) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// Cb and Cr.
pub(super) fn chroma(rgb: [f32; 3]) -> [f32; 2] {
    let luma = luma(rgb);
    [0.564 * (rgb[2] - luma), 0.713 * (rgb[0] - luma)]
}

fn colour(luma: f32, [blue, red]: [f32; 2]) -> [f32; 3] {
    let (red, blue) = (luma + red / 0.713, luma + blue / 0.564);
    [red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue]
}

fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// A weaker colour is no key: too much of a figure is near it.
const LEAST_STRENGTH: f32 = 38.0;
/// Chroma within this of a ground's middle is of it, for finding it.
const WITHIN: f32 = 20.0;
/// Of the border, so much is of the ground: the figure may stand on the lower edge.
const LEAST_SUPPORT: f32 = 0.5;
/// Green is what was asked for, so less of it is enough.
const GREEN_FAVOUR: f32 = 1.25;
/// Farther from its mean, on average, a ground's luma or chroma is not plain.
const PLAIN_LUMA: f32 = 10.0;
const PLAIN_CHROMA: f32 = 7.0;
/// Luma counts less than chroma: grounds are lit unevenly.
const LUMA_WEIGHT: f32 = 0.4;
/// Samples of the border at most.
const SAMPLES: usize = 1 << 16;
const BINS: usize = 32;

/// A key colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) rgb: [u8; 3],
    luma: f32,
    chroma: [f32; 2],
    /// Length of the chroma.
    strength: f32,
    /// How far the ground strays, mean of luma and of chroma.
    strays: (f32, f32),
}

/// A colour as it is compared: how light it is, and which.
type Seen = (f32, [f32; 2]);

impl Key {
    /// The plain strong colour that most of the border is of. None where there is none.
    pub(super) fn of_border(picture: &RgbaImage) -> Option<Self> {
        let samples = border(picture);
        let seen: Vec<Seen> = samples.iter().map(|rgb| (luma(*rgb), chroma(*rgb))).collect();
        let mut middle = densest(&seen)?;
        let mut key = None;
        for _ in 0..3 {
            let within: Vec<&Seen> = seen.iter().filter(|(_, at)| apart(*at, middle) <= WITHIN).collect();
            let count = within.len() as f32;
            let mean = |of: &dyn Fn(&Seen) -> f32| within.iter().map(|v| of(v)).sum::<f32>() / count.max(1.0);
            middle = [mean(&|v| v.1[0]), mean(&|v| v.1[1])];
            let luma = mean(&|v| v.0);
            let strays = (mean(&|v| (v.0 - luma).abs()), mean(&|v| apart(v.1, middle)));
            let strength = middle[0].hypot(middle[1]);
            let rgb = colour(luma, middle).map(|v| v.round().clamp(0.0, 255.0) as u8);
            let is_plain = strength >= LEAST_STRENGTH
                && count * favour(middle) >= LEAST_SUPPORT * seen.len() as f32
                && strays.0 <= PLAIN_LUMA
                && strays.1 <= PLAIN_CHROMA;
            key = is_plain.then_some(Self { rgb, luma, chroma: middle, strength, strays });
        }
        key
    }

    /// How much of the key is in a colour, along its direction: 1 the key itself, 0 nothing, below 0 its opposite.
    pub(super) fn share(&self, [blue, red]: [f32; 2]) -> f32 {
        (blue * self.chroma[0] + red * self.chroma[1]) / (self.strength * self.strength)
    }

    /// Whether a pixel may be of the ground.
    pub(super) fn is_near(&self, rgb: [u8; 3]) -> bool {
        let rgb = rgb.map(f32::from);
        let reach = (8.0 + 4.0 * self.strays.1).clamp(10.0, 0.28 * self.strength);
        apart(chroma(rgb), self.chroma) <= reach && (luma(rgb) - self.luma).abs() <= 26.0 + 4.0 * self.strays.0
    }

    /// Whether the mean colour of a stretch is the key itself.
    pub(super) fn is_same(&self, mean: [f32; 3]) -> bool {
        let reach = 3.5 + self.strays.1;
        apart(chroma(mean), self.chroma) <= reach && (luma(mean) - self.luma).abs() <= 5.0 + 2.0 * self.strays.0
    }

    /// Whether a pixel is plainly the key mixed with something neutral, as in soft edges and glows.
    pub(super) fn is_mixed(&self, rgb: [u8; 3]) -> bool {
        let at = chroma(rgb.map(f32::from));
        let share = self.share(at);
        share >= 0.5 && apart(at, self.chroma.map(|v| v * share)) <= 0.14 * share * self.strength
    }

    /// A pixel of an edge as the figure alone would show it, and how much of the figure is in it (0–1). `figure` is what it
    /// looks like near there, `usual` how much of the key most of it has.
    pub(super) fn without(&self, rgb: [u8; 3], figure: [f32; 3], usual: f32) -> ([u8; 3], f32) {
        let seen = rgb.map(f32::from);
        let figure = self.limited(figure, usual.max(0.02));
        let most = self.share(chroma(figure)).max(0.0) + 0.02;
        let alpha = match self.share(chroma(seen)) {
            share if share <= most => 1.0,
            _ => self.part(seen, figure),
        };
        if alpha < 0.02 {
            return ([0; 3], 0.0);
        }
        let key = colour(self.luma, self.chroma);
        let alone: [f32; 3] = std::array::from_fn(|i| ((seen[i] - (1.0 - alpha) * key[i]) / alpha).clamp(0.0, 255.0));
        (self.limited(alone, most).map(|v| v.round().clamp(0.0, 255.0) as u8), alpha)
    }

    /// How far a colour is on the way from the key to the figure: 0–1.
    fn part(&self, seen: [f32; 3], figure: [f32; 3]) -> f32 {
        let from_key = |rgb: [f32; 3]| {
            let [blue, red] = chroma(rgb);
            [LUMA_WEIGHT * (luma(rgb) - self.luma), blue - self.chroma[0], red - self.chroma[1]]
        };
        let (seen, figure) = (from_key(seen), from_key(figure));
        let dot = |a: [f32; 3], b: [f32; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        let part = dot(seen, figure) / dot(figure, figure).max(1.0);
        if part > 0.98 { 1.0 } else { part.max(0.0) }
    }

    /// The colour with at most so much of the key in it, as light as it was.
    fn limited(&self, rgb: [f32; 3], most: f32) -> [f32; 3] {
        let at = chroma(rgb);
        let over = self.share(at) - most;
        if over <= 0.0 {
            return rgb;
        }
        colour(luma(rgb), [at[0] - over * self.chroma[0], at[1] - over * self.chroma[1]])
    }
}

/// How much a colour is preferred.
fn favour([blue, red]: [f32; 2]) -> f32 {
    if blue < -15.0 && red < -15.0 { GREEN_FAVOUR } else { 1.0 }
}

/// Pixels along all four sides, opaque ones.
fn border(picture: &RgbaImage) -> Vec<[f32; 3]> {
    let (width, height) = picture.dimensions();
    let thick = (width.min(height) / 128).max(2).min(width).min(height);
    let rows = (0..height).flat_map(|y| (0..thick).flat_map(move |d| [(d, y), (width - 1 - d, y)]));
    let columns = (0..width).flat_map(|x| (0..thick).flat_map(move |d| [(x, d), (x, height - 1 - d)]));
    let count = 2 * (width as usize + height as usize) * thick as usize;
    let pixels = rows.chain(columns).step_by(count.div_ceil(SAMPLES)).map(|(x, y)| picture.get_pixel(x, y).0);
    pixels.filter(|pixel| pixel[3] > 250).map(|[red, green, blue, _]| [red, green, blue].map(f32::from)).collect()
}

/// The chroma around which most samples are, of those that are strong. None where there is no strong one.
fn densest(seen: &[(f32, [f32; 2])]) -> Option<[f32; 2]> {
    let mut counts = [[0_u32; BINS]; BINS];
    let bin = |v: f32| (((v + 128.0) / 8.0) as usize).min(BINS - 1);
    for (_, at) in seen {
        counts[bin(at[0])][bin(at[1])] += 1;
    }
    let centre = |bin: usize| bin as f32 * 8.0 + 4.0 - 128.0;
    let mut best: Option<(f32, [f32; 2])> = None;
    for blue in 1..BINS - 1 {
        for red in 1..BINS - 1 {
            let at = [centre(blue), centre(red)];
            let count: u32 = counts[blue - 1..=blue + 1].iter().flat_map(|row| &row[red - 1..=red + 1]).sum();
            let score = count as f32 * favour(at);
            if count > 0 && at[0].hypot(at[1]) >= LEAST_STRENGTH && best.is_none_or(|(most, _)| score > most) {
                best = Some((score, at));
            }
        }
    }
    best.map(|(_, at)| at)
}
