//! Simple drummers whose beats are known: what a beat tracker is asked to hear besides our own music, so that it is not
//! made for one synthesiser. Other sounds, other patterns, and a small band; equal seeds give equal samples.
//!
//! [`play`] keeps time, [`ramp`] gets faster or slower, [`drumless`] has no beat to find; [`Score`] is what the tracker gets.

mod voices;

use voices::Voices;

/// Samples a second, Hz.
pub const RATE: u32 = 44_100;

/// How a drummer plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feel {
    /// Kick on one and three, snare on two and four, eighths on the hat.
    Rock,
    /// A kick on every beat, hats between.
    FourOnFloor,
    /// A slow backbeat: one snare a bar, on three, over busy hats.
    HalfTime,
    /// A syncopated break in sixteenths.
    Breakbeat,
    /// Three against two: sticks in a son clave over a plain kick.
    Clave,
    /// A backbeat whose eighths swing like triplets.
    Swung,
}

/// Every way of playing.
pub const FEELS: [Feel; 6] = [Feel::Rock, Feel::FourOnFloor, Feel::HalfTime, Feel::Breakbeat, Feel::Clave, Feel::Swung];

/// What is heard, and where its beats are.
#[derive(Debug, Clone)]
pub struct Track {
    /// −1…1, mono, at [`RATE`].
    pub sound: Vec<f32>,
    /// Beats a minute; of a ramp, in the middle.
    pub bpm: f64,
    /// Seconds; empty where there is no beat.
    pub beats_s: Vec<f64>,
}

/// Rows of sixteenths: kick, snare, hat, stick; `X` loud, `x` firm, `o` soft.
type Bar = [&'static str; 4];

/// The bars a drummer chooses from.
fn bars(feel: Feel) -> &'static [Bar] {
    match feel {
        Feel::Rock => &[
            ["X.......X.......", "....X.......X...", "X.x.X.x.X.x.X.x.", ""],
            ["X.......X.x.....", "....X.......X...", "X.x.X.x.X.x.X.x.", ""],
            ["X.....x.X.......", "....X.......X..o", "X...X...X...X...", ""],
        ],
        Feel::FourOnFloor => &[
            ["X...X...X...X...", "....x.......x...", "..X...X...X...X.", ""],
            ["X...X...X...X...", "............x...", "o.X.o.X.o.X.o.X.", "...x......x....."],
            ["X...X...X...X...", "....X.......X...", "xoXoxoXoxoXoxoXo", ""],
        ],
        Feel::HalfTime => &[
            ["X.........x.....", "........X.......", "x.x.x.x.x.x.x.x.", ""],
            ["X.....x...x.....", "........X.......", "x.x.xxx.x.x.x.xx", ""],
            ["X..x......x..x..", "........X.......", "x.x.x.x.x.xxx.x.", ""],
        ],
        Feel::Breakbeat => &[
            ["X.X.......XX....", "....X..o.o..X..o", "x.x.x.x.x.x.x.x.", ""],
            ["X.X.......X.....", "....X..o.o..X...", "X.x.X.x.X.x.X.x.", ""],
            ["X..x..x...x.....", "....X..o....X..o", "x.x.x.x.x.x.x.x.", ""],
        ],
        Feel::Clave => &[
            ["X.......X.......", "", "x.o.x.o.x.o.x.o.", "X..X..X...X.X..."],
            ["X...X...X...X...", "", "o...o...o...o...", "..X.X...X..X..X."],
            ["X..X....X..X....", "....x.......x...", "x.x.x.x.x.x.x.x.", "X..X..X...X.X..."],
        ],
        Feel::Swung => &[
            ["X.......X.......", "....X.......X...", "X.o.X.o.X.o.X.o.", ""],
            ["X.....o.X.......", "....X.......X...", "X.x.X.x.X.x.X.x.", ""],
            ["X.......X.o.....", "....X..o....X...", "X...X.x.X...X.x.", ""],
        ],
    }
}

/// Plays steadily for `seconds`. The seed chooses sounds, bars, fills, the band, and how much noise lies on it.
#[must_use]
pub fn play(feel: Feel, bpm: f64, seed: u64, seconds: f64) -> Track {
    follow(feel, seed, seconds, &|_| bpm)
}

/// Goes evenly from one tempo to the other.
#[must_use]
pub fn ramp(feel: Feel, from_bpm: f64, to_bpm: f64, seed: u64, seconds: f64) -> Track {
    follow(feel, seed, seconds, &|t| from_bpm + (to_bpm - from_bpm) * (t / seconds).clamp(0.0, 1.0))
}

/// Held chords that swell and change at no steady pace: nothing to nod to.
#[must_use]
pub fn drumless(seed: u64, seconds: f64) -> Track {
    let mut chance = Chance::new(seed);
    let mut voices = Voices::new(seed, (seconds * f64::from(RATE)) as usize);
    let mut t = 0.0;
    while t < seconds {
        let length = chance.between(1.7, 4.3);
        let root = 45.0 + chance.below(12) as f64;
        for third in [0.0, [3.0, 4.0][chance.below(2)], 7.0, 12.0] {
            voices.pad(t + chance.between(0.0, 0.3), length + 0.8, root + third);
        }
        t += length;
    }
    Track { sound: voices.mixed(chance.between(0.0, 0.02)), bpm: 0.0, beats_s: Vec::new() }
}

fn follow(feel: Feel, seed: u64, seconds: f64, bpm_at: &dyn Fn(f64) -> f64) -> Track {
    let mut chance = Chance::new(seed.wrapping_mul(31).wrapping_add(feel as u64));
    let mut voices = Voices::new(chance.bits(), (seconds * f64::from(RATE)) as usize);
    let choices = bars(feel);
    let (first, second) = (choices[chance.below(choices.len())], choices[chance.below(choices.len())]);
    let (has_bass, has_chords) = (chance.below(4) > 0, chance.below(3) > 0);
    let (loose_s, noise) = (chance.between(0.0, 0.006), [0.0, 0.004, 0.02][chance.below(3)]);
    let swing = if feel == Feel::Swung { chance.between(0.5, 2.0 / 3.0) } else { 0.0 };
    let roots = [[45, 45, 41, 43], [40, 45, 38, 47], [48, 43, 45, 41]][chance.below(3)];
    let mut t = chance.between(0.02, 0.9);
    let mut beats_s = Vec::new();
    for bar in 0.. {
        if t >= seconds {
            break;
        }
        let is_fill = bar % 4 == 3 && chance.below(2) == 0;
        let rows = if bar % 4 < 2 { first } else { second };
        let root = f64::from(roots[(bar / 2) % 4]);
        for beat in 0..4 {
            let beat_s = 60.0 / bpm_at(t);
            if t < seconds - 0.02 {
                beats_s.push(t);
            }
            for quarter in 0..4 {
                // Eighths that swing come late; sixteenths between them share what is left.
                let into = match quarter {
                    2 => 0.5 + swing / 4.0,
                    1 => 0.25 + swing / 8.0,
                    3 => 0.75 + swing / 8.0,
                    _ => 0.0,
                };
                let at = t + into * beat_s;
                let step = beat * 4 + quarter;
                for (drum, row) in rows.iter().enumerate() {
                    let letter = row.as_bytes().get(step).copied().unwrap_or(b'.');
                    let Some(hit) = loudness(letter) else { continue };
                    if !(is_fill && beat == 3 && drum > 0) {
                        voices.strike(drum, at + chance.between(-loose_s, loose_s).max(-t), hit * chance.between(0.85, 1.0));
                    }
                }
                if is_fill && beat == 3 {
                    voices.strike(1, at, [0.5, 0.6, 0.7, 0.8][quarter]);
                }
                if has_bass && rows[0].as_bytes()[step] != b'.' {
                    voices.bass(at, 0.8 * beat_s, root - 12.0);
                }
            }
            if has_chords && beat % 2 == 0 {
                for up in [12.0, 15.0 + f64::from(u8::from(bar % 4 > 1)), 19.0] {
                    voices.pluck(t, 1.7 * beat_s, root + up);
                }
            }
            t += beat_s;
        }
    }
    let middle = bpm_at(seconds / 2.0);
    Track { sound: voices.mixed(noise), bpm: middle, beats_s }
}

/// F-measure of `found` beats against the true ones, within 70 ms, each matched at most once; 0 to 1.
#[must_use]
pub fn f_measure(found: &[f64], truth: &[f64]) -> f64 {
    let mut free = found.to_vec();
    let mut hits = 0;
    for beat in truth {
        if let Some(index) = free.iter().position(|found| (found - beat).abs() <= 0.07) {
            free.remove(index);
            hits += 1;
        }
    }
    2.0 * f64::from(hits) / (found.len() + truth.len()).max(1) as f64
}

/// How well a number of steady tracks was heard.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// How many there were.
    pub tracks: u32,
    /// How many tempi were right within 2 %; half and double are wrong.
    pub right: u32,
    /// Sum of the F-measures.
    f_sum: f64,
    /// A line for each track that was not heard rightly.
    pub wrong: Vec<String>,
}

impl Score {
    /// Counts one track: what it was, its true tempo and beats, and what was heard.
    pub fn add(&mut self, what: &str, truth: (f64, &[f64]), heard: (f64, &[f64])) {
        let f = f_measure(heard.1, truth.1);
        let is_right = (heard.0 / truth.0 - 1.0).abs() <= 0.02;
        self.tracks += 1;
        self.right += u32::from(is_right);
        self.f_sum += f;
        if !is_right || f < 0.9 {
            self.wrong.push(format!("{what}: {:.2} heard as {:.2}, F {f:.2}", truth.0, heard.0));
        }
    }

    /// Share of right tempi, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.tracks.max(1))
    }

    /// Mean F-measure, 0 to 1.
    #[must_use]
    pub fn f_mean(&self) -> f64 {
        self.f_sum / f64::from(self.tracks.max(1))
    }
}

fn loudness(letter: u8) -> Option<f64> {
    match letter {
        b'X' => Some(1.0),
        b'x' => Some(0.75),
        b'o' => Some(0.4),
        _ => None,
    }
}

/// Draws by seed (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            chance.bits();
        }
        chance
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.between(0.0, 1.0) * count as f64) as usize).min(count - 1)
    }
}
