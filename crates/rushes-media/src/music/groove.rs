//! The drummer: grooves by section, ghost strokes, fills, rises into a drop, the closing hit's cymbal.

use super::chance::Chance;
use super::drums::Drum;
use super::plan::{Role, Section};
use super::stage::{Bar, Sound, Stage};
use super::style::{Groove, Style};

/// Plays the drums of the whole piece.
pub(super) fn play(stage: &mut Stage) {
    let mut chance = Chance::new(stage.seed, "drums");
    let picks = Picks::new(stage.style, &mut chance);
    for section in stage.plan.sections.clone() {
        let bars = stage.bars(&section);
        for bar in &bars {
            match section.role {
                Role::Build => rise(stage, &section, bar, picks.light, &mut chance),
                _ => groove(stage, &section, bar, picks.of(section.role, section.turn, bar), &mut chance),
            }
        }
        cymbals(stage, &section);
    }
    opening(stage, &mut chance);
    dust(stage);
    if let Some(beat) = stage.plan.last_hit {
        let at = stage.plan.time(beat as f64);
        stage.put(at, 1.0, 0.0, Sound::Drum(Drum::Kick));
        stage.put(at, 0.9, 0.1, Sound::Drum(Drum::Crash));
    }
}

/// The kick of the first drop's groove.
pub(super) fn drop_kicks<'a>(stage: &Stage<'a>) -> &'a str {
    // The drummer draws the grooves first of all, so the same draws give the same grooves.
    &Picks::new(stage.style, &mut Chance::new(stage.seed, "drums")).full[0].kick
}

/// The grooves a seed draws; a drop keeps its groove for four bars and turns to its second one for the next four.
struct Picks<'a> {
    full: [&'a Groove; 2],
    light: &'a Groove,
    sparse: &'a Groove,
}

impl<'a> Picks<'a> {
    fn new(style: &'a Style, chance: &mut Chance) -> Self {
        let first = chance.below(style.full.len());
        let second = (first + 1 + chance.below(style.full.len().max(2) - 1)) % style.full.len();
        Self {
            full: [&style.full[first], &style.full[second]],
            light: &style.light[chance.below(style.light.len())],
            sparse: &style.sparse[chance.below(style.sparse.len())],
        }
    }

    fn of(&self, role: Role, turn: usize, bar: &Bar) -> &'a Groove {
        match role {
            Role::Drop => self.full[(turn + bar.index / 4) % 2],
            Role::Verse | Role::Build => self.light,
            Role::Intro | Role::Break => self.sparse,
        }
    }
}

/// How hard a letter is struck; None for a rest.
fn velocity(letter: char, chance: &mut Chance) -> Option<f32> {
    let base = match letter {
        'X' => 1.0,
        'x' => 0.8,
        'o' => 0.5,
        '-' => 0.25,
        _ => return None,
    };
    Some((base * (1.0 + 0.07 * chance.both())).min(1.0))
}

/// One bar as written, with a fill at the end of every fourth bar and of the section.
fn groove(stage: &mut Stage, section: &Section, bar: &Bar, groove: &Groove, chance: &mut Chance) {
    let is_fill = bar.beats == 4 && (bar.is_last() || bar.index % 4 == 3) && bar.of > 1 && section.role != Role::Intro;
    let until = if is_fill && section.role != Role::Break { 12 } else { 16 };
    let rows = [
        (Drum::Kick, &groove.kick, 0.0),
        (Drum::Snare, &groove.snare, 0.0),
        (Drum::Clap, &groove.clap, 0.0),
        (Drum::Hat, &groove.hat, 0.25),
        (Drum::OpenHat, &groove.open, 0.25),
        (Drum::Shaker, &groove.shaker, -0.45),
        (Drum::Rim, &groove.rim, -0.3),
    ];
    for (drum, pattern, pan) in rows {
        for (step, letter) in stage.letters(bar, pattern) {
            // Kick and hats go on under a fill; what marks the backbeat makes room for it.
            let is_cut = step >= until && !matches!(drum, Drum::Kick | Drum::Hat | Drum::Shaker);
            let Some(hit) = velocity(letter, chance).filter(|_| !is_cut) else { continue };
            // Only soft strokes stray: the kick and the backbeat are the grid.
            let stray = if hit < 0.7 && drum != Drum::Kick { stage.style.loose_s * chance.both() } else { 0.0 };
            stage.strike(stage.step_s(bar, step) + f64::from(stray), drum, hit, pan);
        }
    }
    if is_fill && section.role != Role::Break {
        fill(stage, bar, chance);
    }
}

/// The last beat of a phrase.
fn fill(stage: &mut Stage, bar: &Bar, chance: &mut Chance) {
    const FILLS: [&str; 5] = ["x.xX", "xoxX", "X.x.", "oxTt", "xxTt"];
    let kind = FILLS[chance.below(FILLS.len())];
    for (i, letter) in kind.chars().enumerate() {
        let at = stage.step_s(bar, 12 + i);
        match letter {
            'T' => stage.strike(at, Drum::Tom, 0.9, -0.3),
            't' => stage.strike(at, Drum::Tom, 0.75, 0.3),
            _ => {
                if let Some(hit) = velocity(letter, chance) {
                    stage.strike(at, Drum::Snare, 0.9 * hit, 0.0);
                }
            }
        }
    }
}

/// A bar of a build: kicks on the beat, a snare that doubles its pace, and half a beat of nothing before the drop.
fn rise(stage: &mut Stage, section: &Section, bar: &Bar, light: &Groove, chance: &mut Chance) {
    let steps = section.beats * 4;
    let leads = stage.leads_to_drop(section);
    for step in bar.skip..bar.skip + bar.beats * 4 {
        let done = (bar.beat - section.start) * 4 + step - bar.skip;
        let left = steps - done;
        if leads && left <= 2 {
            continue;
        }
        let along = done as f32 / steps as f32;
        let pace = if left <= 6 {
            1
        } else if along >= 0.5 {
            2
        } else {
            4
        };
        let at = stage.step_s(bar, step);
        if step % 4 == 0 && left > 4 {
            stage.strike(at, Drum::Kick, 0.6 + 0.25 * along, 0.0);
        }
        if step % pace == 0 {
            let accent = if step % 4 == 0 { 1.0 } else { 0.75 };
            stage.strike(at, Drum::Snare, (0.25 + 0.45 * along) * accent * (1.0 + 0.06 * chance.both()), 0.0);
        }
        if pace < 4 && step % 4 == 0 {
            stage.strike(at, Drum::Clap, 0.35 + 0.3 * along, 0.0);
        }
    }
    let until = stage.breath_s(section);
    for (step, letter) in stage.letters(bar, &light.hat) {
        if let Some(hit) = velocity(letter, chance).filter(|_| stage.step_s(bar, step) < until) {
            stage.strike(stage.step_s(bar, step), Drum::Hat, 0.8 * hit, 0.25);
        }
    }
}

/// Crashes, booms and rushes of noise where sections meet.
fn cymbals(stage: &mut Stage, section: &Section) {
    let start = stage.plan.time(section.start as f64);
    match section.role {
        Role::Drop => {
            stage.strike(start, Drum::Crash, 1.0, -0.15);
            stage.add(start, 0.9, 0.0, Sound::Boom);
            let mut beat = section.start + 16;
            while beat + 8 <= section.start + section.beats {
                let at = stage.plan.time(beat as f64);
                stage.strike(at, Drum::Crash, 0.6, 0.2);
                // A short rush leads from phrase to phrase.
                let length_s = 2.0 * stage.plan.beat_s;
                stage.add(at - length_s, 0.45, 0.0, Sound::Sweep { length_s: length_s as f32, up: true });
                beat += 16;
            }
        }
        Role::Build => {
            // It ends where everybody holds their breath.
            let end = stage.breath_s(section);
            let length_s = (end - start).clamp(0.05, 7.0);
            stage.add(end - length_s, 0.8, 0.0, Sound::Sweep { length_s: length_s as f32, up: true });
        }
        Role::Verse if section.start > 0 => stage.strike(start, Drum::Crash, 0.5, 0.2),
        Role::Break => {
            stage.strike(start, Drum::Crash, 0.7, 0.0);
            stage.add(start, 0.5, 0.0, Sound::Sweep { length_s: (8.0 * stage.plan.beat_s).min(5.0) as f32, up: false });
        }
        _ => {}
    }
}

/// Before the first beat: a rush of noise towards it, and a cymbal to arrive on.
fn opening(stage: &mut Stage, chance: &mut Chance) {
    let first = stage.plan.first_s;
    if first > 0.25 {
        let length_s = first.min(4.0);
        stage.add(first - length_s, 0.35, 0.0, Sound::Sweep { length_s: length_s as f32, up: true });
        if stage.plan.drop > 0 {
            stage.strike(first, Drum::Crash, 0.35 + 0.1 * chance.unit(), -0.2);
        }
    }
}

/// The record turns from the first second to the last.
fn dust(stage: &mut Stage) {
    if stage.style.dust <= 0.0 {
        return;
    }
    let mut at = 0.0;
    while at < stage.plan.duration_s {
        stage.put(at, stage.style.dust, 0.0, Sound::Dust { length_s: 4.0 });
        // Overlapping by the fades' length, so that the seams are not heard.
        at += 3.98;
    }
}
