//! The band: bass, struck chords and held pads, under the bars' harmony. The tune lives in `tune`.

use super::chance::Chance;
use super::plan::{Role, Section};
use super::stage::{Bar, Stage};
use super::theory::{chord_tone, scale_step, voicing};
use super::tone::Patch;

/// Plays bass, chords and pads of the whole piece.
pub(super) fn play(stage: &mut Stage) {
    let mut chance = Chance::new(stage.seed, "band");
    let style = stage.style;
    let kicks = super::groove::drop_kicks(stage);
    let full = together(&style.bass_full, kicks);
    let bass = [*chance.pick(&full), *chance.pick(&full), chance.pick(&style.bass_light).as_str()];
    let chords = [chance.pick(&style.chords_full).as_str(), chance.pick(&style.chords_light).as_str()];
    let stabs = style.stabs.as_ref().map(|stabs| (&stabs.patch, chance.pick(&stabs.rhythms).as_str()));
    let mut before: Vec<i32> = Vec::new();
    lead_in(stage);
    for section in stage.plan.sections.clone() {
        for bar in &stage.bars(&section) {
            let notes = voicing(stage.tonic, stage.chord(bar.number), &before);
            match section.role {
                Role::Drop => {
                    // The same line twice, then its variant, as a bass player would.
                    line(stage, bar, bass[usize::from(bar.index % 4 == 3)], 1.0, &mut chance);
                    struck(stage, bar, &notes, &style.chords, chords[0], 0.95, 1.0, &mut chance);
                    // In every second bar, where the tune replies: more of it as the drop goes on.
                    if let Some((patch, rhythm)) = stabs.filter(|_| bar.number.rem_euclid(2) == 1 && (bar.index >= 4 || section.turn > 0)) {
                        let high: Vec<i32> = notes.iter().map(|note| note + 12).collect();
                        struck(stage, bar, &high, patch, rhythm, 0.9, 1.0, &mut chance);
                    }
                    pad(stage, &section, bar, &notes, 0.6);
                }
                Role::Verse => {
                    line(stage, bar, bass[2], 0.85, &mut chance);
                    struck(stage, bar, &notes, &style.chords, chords[1], 0.7, 0.75, &mut chance);
                }
                Role::Intro => {
                    let bright = stage.bright(Role::Intro, bar);
                    struck(stage, bar, &notes, &style.chords, chords[1], 0.65, bright, &mut chance);
                    pad(stage, &section, bar, &notes, 0.7);
                    if bar.index * 2 >= bar.of {
                        line(stage, bar, bass[2], 0.6, &mut chance);
                    }
                }
                Role::Build => {
                    let bright = stage.bright(Role::Build, bar);
                    struck(stage, bar, &notes, &style.chords, chords[0], 0.5, bright, &mut chance);
                    pad(stage, &section, bar, &notes, 0.7);
                    if !bar.is_last() || bar.of == 1 {
                        line(stage, bar, bass[2], 0.55, &mut chance);
                    }
                }
                Role::Break => {
                    struck(stage, bar, &notes, &style.chords, chords[1], 0.7, 0.8, &mut chance);
                    pad(stage, &section, bar, &notes, 1.0);
                    line(stage, bar, bass[2], 0.6, &mut chance);
                }
            }
            before = notes;
        }
    }
    ending(stage, &before);
}

/// The root of a bar's chord in the bass, MIDI 28–39.
fn root(stage: &Stage, bar: i32) -> i32 {
    28 + (stage.tonic + stage.chord(bar).0 - 28).rem_euclid(12)
}

/// How many sixteenths a letter is held: its own and the dashes after it.
fn held(pattern: &str, step: usize) -> usize {
    1 + pattern.chars().skip(step + 1).take_while(|c| *c == '-').count()
}

/// A bar of bass. `gate` scales loudness.
fn line(stage: &mut Stage, bar: &Bar, pattern: &str, gate: f32, chance: &mut Chance) {
    let root = root(stage, bar.number);
    let next = self::root(stage, bar.number + 1);
    for (step, letter) in stage.letters(bar, pattern).collect::<Vec<_>>() {
        let midi = match letter {
            'R' => root,
            'O' => root + 12,
            '5' => chord_tone(stage.tonic, stage.chord(bar.number), root + 7),
            '7' => chord_tone(stage.tonic, stage.chord(bar.number), root + 10),
            // From the side the root comes from: the scale's neighbour below or above the next root.
            'A' => scale_step(stage.tonic, &stage.style.scale, next, if next > root { -1 } else { 1 }),
            _ => continue,
        };
        let at = stage.step_s(bar, step);
        let length = held(pattern, step) as f64 * stage.plan.beat_s / 4.0;
        // Between the beats it is played lighter, and lightest just before the next, so that the beat stays where the kick
        // is: on the beat the kick ducks it.
        let accent = match step % 4 {
            0 => 1.0,
            2 => 0.66,
            3 => 0.58,
            _ => 0.8,
        };
        let hit = gate * accent * (1.0 + 0.06 * chance.both());
        stage.note(at, length * 0.92, &stage.style.bass, midi, hit, 0.7 + 0.3 * gate);
    }
}

/// The half of the patterns that most often strike with the kick, so that bass and drum are heard as one.
fn together<'a>(patterns: &'a [String], kicks: &str) -> Vec<&'a str> {
    let struck =
        |pattern: &str| pattern.chars().zip(kicks.chars()).filter(|(note, kick)| "Xxo".contains(*kick) && "RO57A".contains(*note)).count();
    let mut sorted: Vec<&str> = patterns.iter().map(String::as_str).collect();
    sorted.sort_by_key(|pattern| std::cmp::Reverse(struck(pattern)));
    sorted.truncate(patterns.len().div_ceil(2));
    sorted
}

/// A bar of struck chords, the notes a few milliseconds apart from low to high.
#[expect(clippy::too_many_arguments, reason = "what is played, by whom, how, and when; all of it differs at each call")]
fn struck<'a>(
    stage: &mut Stage<'a>,
    bar: &Bar,
    notes: &[i32],
    patch: &'a Patch,
    pattern: &str,
    gate: f32,
    bright: f32,
    chance: &mut Chance,
) {
    let strum = f64::from(stage.style.loose_s) * 0.8;
    for (step, letter) in stage.letters(bar, pattern).collect::<Vec<_>>() {
        if letter != 'x' {
            continue;
        }
        let at = stage.step_s(bar, step);
        let length = held(pattern, step) as f64 * stage.plan.beat_s / 4.0;
        let accent = if step == 0 { 1.0 } else { 0.8 + 0.1 * chance.unit() };
        for (i, &note) in notes.iter().enumerate() {
            stage.note(at + i as f64 * strum, length * 0.95, patch, note, gate * accent, bright);
        }
    }
}

/// A held chord over the bar.
fn pad(stage: &mut Stage, section: &Section, bar: &Bar, notes: &[i32], gate: f32) {
    let length = bar.beats as f64 * stage.plan.beat_s;
    let bright = stage.bright(section.role, bar);
    for &note in notes {
        stage.note(stage.plan.time(bar.beat as f64), length, &stage.style.pad, note, gate, bright);
    }
}

/// What sounds before the first beat: its chord, coming up from afar.
fn lead_in(stage: &mut Stage) {
    let first = stage.plan.first_s;
    if first < 0.15 {
        return;
    }
    let notes = voicing(stage.tonic, stage.chord(stage.plan.bar_of(0)), &[]);
    // Notes last a few seconds at most, so a long lead-in is breathed in several.
    let breaths = (first / 3.0).ceil().max(1.0);
    for breath in 0..breaths as usize {
        let length = first / breaths;
        for &note in &notes {
            stage.note(breath as f64 * length, length, &stage.style.pad, note, 0.8, 0.8);
        }
    }
}

/// The closing hit: the tonic's chord, left to ring.
fn ending(stage: &mut Stage, before: &[i32]) {
    let Some(beat) = stage.plan.last_hit else { return };
    let at = stage.plan.time(beat as f64);
    let length = (stage.plan.duration_s - at) as f32;
    let bar = stage.plan.bar_of(beat);
    let tone = |patch, midi: i32| super::stage::Sound::Tone(super::tone::Tone { patch, midi: midi as f32, length_s: length, bright: 0.9 });
    stage.put(at, 1.0, 0.0, tone(&stage.style.bass, root(stage, bar)));
    for note in voicing(stage.tonic, stage.chord(bar), before) {
        stage.put(at, 0.95, 0.0, tone(&stage.style.chords, note));
    }
}
