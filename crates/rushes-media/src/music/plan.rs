//! The form of a piece: which section begins at which beat, for any length, with the drop where it was asked for.
//!
//! What is played in a section lives in `groove` and `parts`.

use super::Score;

/// What a stretch of music does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sets the mood: chords, hats.
    Intro,
    /// Carries: a light groove.
    Verse,
    /// Rises towards a drop.
    Build,
    /// The strongest part: full groove and hook.
    Drop,
    /// Breathes: no kick.
    Break,
}

/// A stretch of whole beats.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) role: Role,
    /// Beat the section begins on; 0 is the piece's first beat.
    pub(super) start: usize,
    /// Length in beats.
    pub(super) beats: usize,
    /// How many sections of this role came before.
    pub(super) turn: usize,
}

/// The time grid and the form.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Seconds a beat.
    pub(super) beat_s: f64,
    /// Where beat 0 falls, seconds.
    pub(super) first_s: f64,
    /// Length of the whole, seconds.
    pub(super) duration_s: f64,
    /// Beats that begin before the end.
    pub(super) beats: usize,
    /// The beat the drop begins on; bars are counted from here.
    pub(super) drop: usize,
    /// The beat of the closing hit, after which nothing new is played; None in short pieces, which just stop.
    pub(super) last_hit: Option<usize>,
    /// In order, without gaps, over all beats.
    pub(super) sections: Vec<Section>,
}

const BAR: usize = 4;

impl Plan {
    /// Lays out `score` at `bpm`.
    pub(super) fn new(score: &Score, bpm: f64) -> Self {
        let beat_s = 60.0 / bpm;
        let duration_s = score.duration_ms as f64 / 1000.0;
        let mut first_s = score.first_beat_ms as f64 / 1000.0;
        if first_s >= duration_s {
            // The grid is even, so a first beat after the end says where the beats before it lie.
            first_s %= beat_s;
        }
        let beats = (((duration_s - first_s) / beat_s).ceil() as usize).max(1);
        let drop = match score.drop_ms {
            Some(ms) => (((ms as f64 / 1000.0 - first_s) / beat_s).round().max(0.0) as usize).min(beats - 1),
            None => chosen_drop(beats / BAR) * BAR,
        };
        let last_hit = last_hit(beats, beat_s, first_s, duration_s, drop);
        let mut plan = Self { beat_s, first_s, duration_s, beats, drop, last_hit, sections: Vec::new() };
        plan.lay_before_drop();
        plan.lay_from_drop();
        plan
    }

    /// When a beat (fractions allowed) falls, seconds.
    pub(super) fn time(&self, beat: f64) -> f64 {
        self.first_s + beat * self.beat_s
    }

    /// The bar a beat lies in; bar 0 begins with the drop, the ones before are negative.
    pub(super) fn bar_of(&self, beat: usize) -> i32 {
        (beat as i32 - self.drop as i32).div_euclid(BAR as i32)
    }

    /// Beats at which a bar begins or, in a pickup, the piece does: (beat, beats until the next).
    pub(super) fn bars(&self, section: &Section) -> Vec<(usize, usize)> {
        let mut bars = Vec::new();
        let (mut at, end) = (section.start, section.start + section.beats);
        while at < end {
            let into = (at as i32 - self.drop as i32).rem_euclid(BAR as i32) as usize;
            let length = (BAR - into).min(end - at);
            bars.push((at, length));
            at += length;
        }
        bars
    }

    fn push(&mut self, role: Role, beats: usize) {
        if beats == 0 {
            return;
        }
        let start = self.sections.last().map_or(0, |s| s.start + s.beats);
        let beats = beats.min(self.beats.saturating_sub(start));
        let turn = self.sections.iter().filter(|s| s.role == role).count();
        if beats > 0 {
            self.sections.push(Section { role, start, beats, turn });
        }
    }

    /// Pickup, intro, verses, build.
    fn lay_before_drop(&mut self) {
        let (pickup, bars) = (self.drop % BAR, self.drop / BAR);
        let build = match bars {
            0 => 0,
            1..=2 => 1,
            3..=11 => 2,
            _ => 4,
        };
        let rest = bars - build;
        let intro = match rest {
            0..=4 => rest,
            5..=8 => rest - 4,
            _ => 4 + rest % 4,
        };
        // A pickup before bar 1 leads in; alone before the drop, it is all the rise there is.
        self.push(if bars == 0 { Role::Build } else { Role::Intro }, pickup);
        self.push(Role::Intro, intro * BAR);
        let mut verses = rest - intro;
        while verses > 0 {
            let bars = verses.min(8);
            let turn = self.sections.iter().filter(|s| s.role == Role::Verse).count();
            self.push(if turn > 0 && turn.is_multiple_of(2) { Role::Break } else { Role::Verse }, bars * BAR);
            verses -= bars;
        }
        self.push(Role::Build, build * BAR);
    }

    /// Drops of eight bars, with something to come back from in between.
    fn lay_from_drop(&mut self) {
        let mut bars = (self.beats - self.drop).div_ceil(BAR);
        let mut round = 0;
        while bars > 0 {
            // Never end on a break: what is too short for break, build and half a drop stays drop.
            if bars < 8 + 4 + 2 + 4 {
                if let Some((drop, middle, build)) = breath(bars) {
                    self.push(Role::Drop, drop * BAR);
                    self.push(Role::Break, middle * BAR);
                    self.push(Role::Build, build * BAR);
                    bars -= drop + middle + build;
                }
                self.push(Role::Drop, bars * BAR);
                return;
            }
            let (middle, build) = if bars >= 8 + 8 + 4 + 8 && round % 2 == 1 { (8, 4) } else { (4, 2) };
            self.push(Role::Drop, 8 * BAR);
            self.push(if round % 2 == 0 { Role::Break } else { Role::Verse }, middle * BAR);
            self.push(Role::Build, build * BAR);
            bars -= 8 + middle + build;
            round += 1;
        }
    }
}

/// Bars of drop, break and build with which a short piece draws breath before its last drop of four bars or more; None
/// where it is over before one tires of it.
fn breath(bars: usize) -> Option<(usize, usize, usize)> {
    match bars {
        0..=10 => None,
        11 => Some((4, 2, 1)),
        12..=15 => Some((4, 2, 2)),
        _ => Some((8, 2, 2)),
    }
}

/// The bar a drop begins on when nobody says: soon in short pieces, after a proper rise in long ones.
fn chosen_drop(bars: usize) -> usize {
    match bars {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        10..=17 => 4,
        18..=35 => 8,
        _ => 16,
    }
}

/// The last beat 1 or 3 of a bar with room to ring, in pieces long enough to deserve an ending.
fn last_hit(beats: usize, beat_s: f64, first_s: f64, duration_s: f64, drop: usize) -> Option<usize> {
    if beats < 3 * BAR {
        return None;
    }
    (drop + 2..beats).rev().find(|b| (b - drop).is_multiple_of(2) && duration_s - (first_s + *b as f64 * beat_s) >= 0.75 * beat_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(duration_ms: u64, bpm: f64, first_beat_ms: u64, drop_ms: Option<u64>) -> Plan {
        Plan::new(&Score { duration_ms, first_beat_ms, drop_ms, ..Score::default() }, bpm)
    }

    #[test]
    fn music_plan_covers_every_beat_once_for_any_length() {
        for duration in [300, 2000, 5100, 10_000, 17_300, 31_000, 61_000, 140_000, 300_000] {
            for drop in [None, Some(0), Some(1700), Some(9000), Some(70_000), Some(400_000)] {
                let plan = plan(duration, 124.0, 230, drop);
                let mut next = 0;
                for section in &plan.sections {
                    assert_eq!(section.start, next);
                    next += section.beats;
                }
                assert_eq!(next, plan.beats, "{duration} {drop:?}: {:?}", plan.sections);
                assert!(plan.sections.iter().any(|s| s.role == Role::Drop && s.start == plan.drop), "{duration} {drop:?}");
                assert_eq!(plan.sections.last().unwrap().role, Role::Drop);
            }
        }
    }

    #[test]
    fn music_plan_puts_the_drop_on_the_nearest_beat() {
        let plan = plan(30_000, 120.0, 250, Some(8_300));
        assert!((plan.time(plan.drop as f64) - 8.25).abs() < 1e-9);
        assert_eq!(plan.bar_of(plan.drop), 0);
        assert_eq!(plan.bar_of(plan.drop - 1), -1);
    }
}
