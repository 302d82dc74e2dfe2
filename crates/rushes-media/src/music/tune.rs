//! The tune: a motif drawn once, repeated, moved with the chords and answered; and broken chords beneath it.

use super::chance::Chance;
use super::plan::Role;
use super::stage::{Bar, Stage};
use super::theory::{Chord, chord_tone, scale_step};

/// Notes of one bar: sixteenth, how many it is held, and scale steps away from the bar's anchor.
type Motif = Vec<(usize, usize, i32)>;

/// Lowest and highest note of a tune, MIDI.
const RANGE: (i32, i32) = (64, 84);

/// Plays tune and broken chords of the whole piece.
pub(super) fn play(stage: &mut Stage) {
    let mut chance = Chance::new(stage.seed, "tune");
    // Question, reply, question, answer: both keep the question's beginning, so that one knows the other; the reply
    // stays up in the air, the answer comes home.
    let question = motif(stage, &mut chance);
    let other = motif(stage, &mut chance);
    let (reply, answer) = (closed(&question, &other, 2), closed(&question, &other, 0));
    let centre = 71 + chance.below(5) as i32;
    for section in stage.plan.sections.clone() {
        for bar in &stage.bars(&section) {
            let phrase = bar.number.rem_euclid(4);
            let motif = match phrase {
                1 => &reply,
                3 => &answer,
                _ => &question,
            };
            match section.role {
                Role::Drop => {
                    let lift = if section.turn % 2 == 1 && bar.index >= 4 { 12 } else { 0 };
                    sing(stage, bar, motif, centre, lift, 0.95, &mut chance);
                    // From the second phrase on, somebody joins in.
                    if bar.index >= 4 || section.turn > 0 {
                        join(stage, bar, motif, centre, 0.5, &mut chance);
                    }
                    broken(stage, bar, 0.75, 1.0, &mut chance);
                }
                // Every second bar, played softly by the pluck: something to recognise later.
                Role::Verse if phrase % 2 == 0 => hum(stage, bar, &question, centre, 0.6, &mut chance),
                Role::Break => hum(stage, bar, motif, centre, 0.75, &mut chance),
                Role::Build => broken(stage, bar, 0.6, stage.bright(Role::Build, bar), &mut chance),
                Role::Intro if bar.index >= 2 && phrase % 2 == 0 => hum(stage, bar, &question, centre, 0.5, &mut chance),
                Role::Verse | Role::Intro => {}
            }
        }
    }
}

/// A bar's worth of tune: a rhythm of the style, and a contour that moves by step with few leaps.
fn motif(stage: &Stage, chance: &mut Chance) -> Motif {
    let rhythm = chance.pick(&stage.style.tunes);
    let mut at = chance.below(3) as i32 - 1;
    let mut direction = if chance.unit() < 0.5 { 1 } else { -1 };
    let mut notes = Motif::new();
    for (step, letter) in rhythm.chars().enumerate() {
        if letter != 'x' {
            continue;
        }
        let held = 1 + rhythm.chars().skip(step + 1).take_while(|c| *c == '-').count();
        notes.push((step, held, at));
        let draw = chance.unit();
        // Mostly steps, sometimes the same note again, now and then a leap that is answered by turning back.
        at += match draw {
            d if d < 0.22 => 0,
            d if d < 0.80 => direction,
            _ => 2 * direction,
        };
        if draw >= 0.80 || at.abs() >= 3 || chance.unit() < 0.25 {
            direction = if at.abs() >= 3 { -at.signum() } else { -direction };
        }
    }
    notes
}

/// The question's first half, the other's second, ending so many scale steps above the anchor.
fn closed(question: &Motif, other: &Motif, last_step: i32) -> Motif {
    let mut notes: Motif = question.iter().filter(|n| n.0 < 8).chain(other.iter().filter(|n| n.0 >= 8)).copied().collect();
    if let Some(last) = notes.last_mut() {
        last.2 = last_step;
        last.1 = 16 - last.0;
    }
    for i in 1..notes.len() {
        notes[i - 1].1 = notes[i - 1].1.min(notes[i].0 - notes[i - 1].0);
    }
    notes
}

/// The pitch of a motif's note over a chord: on the beat a tone of the chord, between beats one of the scale.
fn pitch(stage: &Stage, chord: Chord, centre: i32, note: (usize, usize, i32)) -> i32 {
    let anchor = chord_tone(stage.tonic, chord, centre);
    let there = scale_step(stage.tonic, &stage.style.tune_scale, anchor, note.2);
    let there = if note.0.is_multiple_of(4) { chord_tone(stage.tonic, chord, there) } else { there };
    let low = there + 12 * i32::from(there < RANGE.0);
    low - 12 * i32::from(low > RANGE.1)
}

/// The hook, by the lead.
fn sing(stage: &mut Stage, bar: &Bar, motif: &Motif, centre: i32, lift: i32, gate: f32, chance: &mut Chance) {
    let chord = stage.chord(bar.number);
    for &note in motif.iter().filter(|n| (bar.skip..bar.skip + 4 * bar.beats).contains(&n.0)) {
        let midi = pitch(stage, chord, centre, note) + lift;
        let accent = if note.0.is_multiple_of(4) { 1.0 } else { 0.84 };
        let length = note.1 as f64 * stage.plan.beat_s / 4.0 * 0.88;
        let hit = gate * accent * (1.0 + 0.06 * chance.both());
        stage.note(stage.step_s(bar, note.0), length, &stage.style.lead, midi, hit, 1.0);
    }
}

/// A second voice by the pluck, two steps of the scale below the tune of the chords.
fn join(stage: &mut Stage, bar: &Bar, motif: &Motif, centre: i32, gate: f32, chance: &mut Chance) {
    let chord = stage.chord(bar.number);
    for &note in motif.iter().filter(|n| (bar.skip..bar.skip + 4 * bar.beats).contains(&n.0)) {
        let above = pitch(stage, chord, centre, note);
        let below = scale_step(stage.tonic, &stage.style.scale, above, -2);
        let hit = gate * (0.9 + 0.1 * chance.unit());
        let length = note.1 as f64 * stage.plan.beat_s / 4.0 * 0.85;
        stage.note(stage.step_s(bar, note.0), length, &stage.style.pluck, below, hit, 0.9);
    }
}

/// The same, hinted at by the pluck.
fn hum(stage: &mut Stage, bar: &Bar, motif: &Motif, centre: i32, gate: f32, chance: &mut Chance) {
    let chord = stage.chord(bar.number);
    for &note in motif.iter().filter(|n| (bar.skip..bar.skip + 4 * bar.beats).contains(&n.0)) {
        let hit = gate * (0.85 + 0.15 * chance.unit());
        let length = note.1 as f64 * stage.plan.beat_s / 4.0;
        stage.note(stage.step_s(bar, note.0), length, &stage.style.pluck, pitch(stage, chord, centre, note), hit, 0.8);
    }
}

/// The chord one note after another, up two octaves and down again.
fn broken(stage: &mut Stage, bar: &Bar, gate: f32, bright: f32, chance: &mut Chance) {
    let pattern = &stage.style.arpeggio;
    let chord = stage.chord(bar.number);
    let base = chord_tone(stage.tonic, chord, 67);
    let tones: Vec<i32> = [0, 4, 7, 12, 16, 12, 7, 4].iter().map(|up| chord_tone(stage.tonic, chord, base + up)).collect();
    for (count, (step, letter)) in stage.letters(bar, pattern).collect::<Vec<_>>().into_iter().enumerate() {
        if letter == 'x' {
            let hit = gate * if step % 4 == 0 { 1.0 } else { 0.7 } * (1.0 + 0.08 * chance.both());
            let length = stage.plan.beat_s / 4.0 * 0.9;
            stage.note(stage.step_s(bar, step), length, &stage.style.pluck, tones[count % tones.len()], hit, bright);
        }
    }
}
