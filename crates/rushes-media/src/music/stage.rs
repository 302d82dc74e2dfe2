//! What every part of an arrangement works with: the form, the style, the key, and the list of what sounds when.

use super::Score;
use super::chance::Chance;
use super::drums::Drum;
use super::dsp::RATE;
use super::plan::{Plan, Role, Section};
use super::style::Style;
use super::theory::Chord;
use super::tone::{Patch, Tone};

/// Something that sounds.
#[derive(Debug, Clone)]
pub(super) enum Sound<'a> {
    Drum(Drum),
    Tone(Tone<'a>),
    /// A rush of noise over so many seconds, rising or falling.
    Sweep {
        length_s: f32,
        up: bool,
    },
    Boom,
    /// Record dust over so many seconds.
    Dust {
        length_s: f32,
    },
}

/// A sound at a time.
#[derive(Debug, Clone)]
pub(super) struct Event<'a> {
    /// Sample it begins on.
    pub(super) at: usize,
    /// 0–1.
    pub(super) velocity: f32,
    /// −1 left … 1 right.
    pub(super) pan: f32,
    pub(super) sound: Sound<'a>,
}

/// The arrangement being made.
pub(super) struct Stage<'a> {
    pub(super) plan: Plan,
    pub(super) style: &'a Style,
    pub(super) seed: u64,
    /// MIDI, in the bass octave.
    pub(super) tonic: i32,
    pub(super) progression: &'a [Chord],
    pub(super) events: Vec<Event<'a>>,
    /// Before each drop that a build leads to, everybody holds their breath: from when to when, seconds.
    hushes: Vec<(f64, f64)>,
}

/// One bar (or the part of one that a pickup or the end leaves).
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    /// The beat it begins on.
    pub(super) beat: usize,
    pub(super) beats: usize,
    /// Sixteenths of the full bar that lie before it.
    pub(super) skip: usize,
    /// Number within its section, and how many the section has.
    pub(super) index: usize,
    pub(super) of: usize,
    /// Number counted from the drop.
    pub(super) number: i32,
}

impl Bar {
    /// The last of its section: where fills and rises go.
    pub(super) fn is_last(&self) -> bool {
        self.index + 1 == self.of
    }
}

impl<'a> Stage<'a> {
    /// An empty stage for `score` in `style` at `bpm`.
    pub(super) fn new(score: &Score, style: &'a Style, bpm: f64) -> Self {
        let mut chance = Chance::new(score.seed, "key");
        let plan = Plan::new(score, bpm);
        let led = plan.sections.windows(2).filter(|pair| pair[0].role == Role::Build && pair[1].role == Role::Drop);
        let hushes = led.map(|pair| (plan.time(pair[1].start as f64 - 0.5) - 1e-6, plan.time(pair[1].start as f64) - 1e-3)).collect();
        Self {
            plan,
            hushes,
            style,
            seed: score.seed,
            tonic: *chance.pick(&style.tonics),
            progression: chance.pick(&style.progressions).as_slice(),
            events: Vec::new(),
        }
    }

    /// The chord of a bar.
    pub(super) fn chord(&self, bar: i32) -> Chord {
        self.progression[bar.rem_euclid(self.progression.len() as i32) as usize]
    }

    /// The bars of a section, in order.
    pub(super) fn bars(&self, section: &Section) -> Vec<Bar> {
        let bars = self.plan.bars(section);
        let of = bars.len();
        let skip = |beat: usize| (beat as i32 - self.plan.drop as i32).rem_euclid(4) as usize * 4;
        bars.into_iter()
            .enumerate()
            .map(|(index, (beat, beats))| Bar { beat, beats, skip: skip(beat), index, of, number: self.plan.bar_of(beat) })
            .collect()
    }

    /// When a sixteenth of a bar falls, seconds; every second one swings.
    pub(super) fn step_s(&self, bar: &Bar, step: usize) -> f64 {
        let swing = if step % 2 == 1 { self.style.swing } else { 0.0 };
        self.plan.time(bar.beat as f64 + (step as f64 - bar.skip as f64 + swing) / 4.0)
    }

    /// The pattern's letters within a bar: (sixteenth of the full bar, letter).
    pub(super) fn letters<'p>(&self, bar: &Bar, pattern: &'p str) -> impl Iterator<Item = (usize, char)> + use<'p> {
        let (from, to) = (bar.skip, bar.skip + 4 * bar.beats);
        pattern.chars().enumerate().filter(move |(i, _)| (from..to).contains(i))
    }

    /// Adds a sound at `time_s`; what would begin outside the piece, or after its closing hit, is left out.
    pub(super) fn add(&mut self, time_s: f64, velocity: f32, pan: f32, sound: Sound<'a>) {
        let end = self.plan.last_hit.map_or(self.plan.duration_s, |beat| self.plan.time(beat as f64) - 0.02);
        if time_s < end {
            self.put(time_s, velocity, pan, sound);
        }
    }

    /// Adds a sound even after the closing hit.
    pub(super) fn put(&mut self, time_s: f64, velocity: f32, pan: f32, sound: Sound<'a>) {
        if (0.0..self.plan.duration_s).contains(&time_s) {
            self.events.push(Event { at: (time_s * f64::from(RATE)).round() as usize, velocity: velocity.clamp(0.0, 1.0), pan, sound });
        }
    }

    /// Adds a drum stroke.
    pub(super) fn strike(&mut self, time_s: f64, drum: Drum, velocity: f32, pan: f32) {
        self.add(time_s, velocity, pan, Sound::Drum(drum));
    }

    /// When the hush begins that ends where `section` does; its own end where there is none.
    pub(super) fn breath_s(&self, section: &Section) -> f64 {
        let end = self.plan.time((section.start + section.beats) as f64);
        self.hushes.iter().find(|hush| (hush.1 - end).abs() < 0.01).map_or(end, |hush| hush.0)
    }

    /// Adds a note of `length_s` seconds, cut at the closing hit and before a drop, where none begins.
    pub(super) fn note(&mut self, time_s: f64, length_s: f64, patch: &'a Patch, midi: i32, velocity: f32, bright: f32) {
        let end = self.plan.last_hit.map_or(self.plan.duration_s, |beat| self.plan.time(beat as f64));
        let hush = self.hushes.iter().find(|hush| time_s < hush.1 && time_s + length_s > hush.0);
        if hush.is_some_and(|hush| time_s >= hush.0) {
            return;
        }
        let end = hush.map_or(end, |hush| end.min(hush.0));
        let length_s = length_s.min(end - time_s).max(0.02) as f32;
        self.add(time_s, velocity, 0.0, Sound::Tone(Tone { patch, midi: midi as f32, length_s, bright }));
    }

    /// How open the sound is at this bar: rising through builds, veiled in intros.
    pub(super) fn bright(&self, role: Role, bar: &Bar) -> f32 {
        let along = (bar.index as f32 + 0.5) / bar.of as f32;
        match role {
            Role::Intro => 0.45 + 0.3 * along,
            Role::Verse => 0.75,
            Role::Build => 0.5 + 0.9 * along,
            Role::Drop => 1.0,
            Role::Break => 0.6,
        }
    }

    /// Whether a drop begins where this section ends.
    pub(super) fn leads_to_drop(&self, section: &Section) -> bool {
        let end = section.start + section.beats;
        self.plan.sections.iter().any(|s| s.start == end && s.role == Role::Drop)
    }
}
