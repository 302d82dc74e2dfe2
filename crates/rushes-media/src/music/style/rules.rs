//! What a style may say: every number within what the synthesiser can play, every pattern a bar, nothing missing.
//!
//! Beyond these bounds sounds would be endless, silent or no numbers at all; within them, whatever is written plays.

use super::super::BPM_RANGE;
use super::super::drums::Kit;
use super::super::tone::Patch;
use super::{Groove, Style};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// A rule that a style breaks.
#[derive(Debug)]
pub(super) struct Breach {
    /// Such as `bpm`, `bass.q`, `full[1].kick`.
    pub(super) field: String,
    /// What it is, and what it may be.
    pub(super) reason: String,
}

const DRUM_LETTERS: &str = "Xxo-.";
const BASS_LETTERS: &str = "RO57A-.";
const CHORD_LETTERS: &str = "x-.";
const STEPS: usize = 16;
/// Rows of a list at most.
const MOST: usize = 64;
/// A seed has something to choose from.
const LEAST_PROGRESSIONS: usize = 5;
const LONGEST_PROGRESSION: usize = 32;

type Checked = Result<(), Breach>;

/// Refuses the first thing that breaks a rule.
pub(super) fn check(style: &Style) -> Checked {
    number("bpm", style.bpm, BPM_RANGE)?;
    number("swing", style.swing, 0.0..=0.7)?;
    number("loose_s", style.loose_s, 0.0..=0.02)?;
    number("duck_depth", style.duck_depth, 0.0..=1.0)?;
    number("duck_beats", style.duck_beats, 0.05..=4.0)?;
    number("reverb_s", style.reverb_s, 0.1..=6.0)?;
    number("dust", style.dust, 0.0..=1.0)?;
    number("glue", style.glue, 0.0..=2.0)?;
    for level in style.tilt_db {
        number("tilt_db", level, -12.0..=12.0)?;
    }
    harmony(style)?;
    drums(&style.drums)?;
    grooves("full", &style.full)?;
    grooves("light", &style.light)?;
    grooves("sparse", &style.sparse)?;
    if let Some(at) = style.full.iter().position(|groove| !groove.kick.starts_with(['X', 'x'])) {
        return refuse(format!("full[{at}].kick"), "a drop begins with a kick, X or x");
    }
    patterns("bass_full", &style.bass_full, BASS_LETTERS)?;
    patterns("bass_light", &style.bass_light, BASS_LETTERS)?;
    patterns("chords_full", &style.chords_full, CHORD_LETTERS)?;
    patterns("chords_light", &style.chords_light, CHORD_LETTERS)?;
    patterns("tunes", &style.tunes, CHORD_LETTERS)?;
    if let Some(at) = style.tunes.iter().position(|tune| !tune.contains('x')) {
        return refuse(format!("tunes[{at}]"), "a tune has a note, x");
    }
    if !style.arpeggio.is_empty() {
        pattern("arpeggio", &style.arpeggio, "x.")?;
    }
    for (name, voice) in
        [("bass", &style.bass), ("chords", &style.chords), ("pad", &style.pad), ("lead", &style.lead), ("pluck", &style.pluck)]
    {
        patch(name, voice)?;
    }
    if let Some(stabs) = &style.stabs {
        patterns("stabs.rhythms", &stabs.rhythms, CHORD_LETTERS)?;
        patch("stabs.patch", &stabs.patch)?;
    }
    Ok(())
}

fn harmony(style: &Style) -> Checked {
    for (field, scale) in [("scale", &style.scale), ("tune_scale", &style.tune_scale)] {
        let rises = scale.windows(2).all(|pair| pair[0] < pair[1]);
        if !(3..=12).contains(&scale.len()) || scale[0] != 0 || !rises || scale[scale.len() - 1] > 11 {
            return refuse(field, format!("it is {scale:?}, and may be 3 to 12 rising semitones above the tonic, from 0 to at most 11"));
        }
    }
    rows("tonics", style.tonics.len())?;
    for tonic in &style.tonics {
        number("tonics", *tonic, 24..=47)?;
    }
    let count = style.progressions.len();
    if !(LEAST_PROGRESSIONS..=MOST).contains(&count) {
        return refuse("progressions", format!("there are {count}, and may be {LEAST_PROGRESSIONS} to {MOST}"));
    }
    if let Some(at) = style.progressions.iter().position(|p| p.is_empty() || p.len() % 4 != 0 || p.len() > LONGEST_PROGRESSION) {
        return refuse(format!("progressions[{at}]"), format!("a progression has 4, 8, 12, … at most {LONGEST_PROGRESSION} chords"));
    }
    Ok(())
}

fn drums(kit: &Kit) -> Checked {
    number("drums.kick_hz", kit.kick_hz.0, 40.0..=1_000.0)?;
    number("drums.kick_hz", kit.kick_hz.1, 25.0..=200.0)?;
    number("drums.kick_s", kit.kick_s, 0.02..=0.6)?;
    number("drums.click", kit.click, 0.0..=2.0)?;
    number("drums.drive", kit.drive, 0.0..=6.0)?;
    number("drums.snare_hz", kit.snare_hz, 80.0..=600.0)?;
    number("drums.snare_s", kit.snare_s, 0.01..=0.5)?;
    number("drums.hat_hz", kit.hat_hz, 1_000.0..=16_000.0)?;
    number("drums.dull_hz", kit.dull_hz, 1_000.0..=20_000.0)?;
    // Without a kick nobody would hear the beat.
    number("drums.kick_gain", kit.kick_gain, 0.2..=2.0)?;
    number("drums.snare_gain", kit.snare_gain, 0.0..=2.0)?;
    number("drums.clap_gain", kit.clap_gain, 0.0..=2.0)?;
    number("drums.hat_gain", kit.hat_gain, 0.0..=2.0)?;
    number("drums.cymbal_gain", kit.cymbal_gain, 0.0..=2.0)
}

fn patch(name: &str, patch: &Patch) -> Checked {
    let field = |key: &str| format!("{name}.{key}");
    number(field("copies"), patch.copies, 1..=8)?;
    number(field("detune_cents"), patch.detune_cents, 0.0..=100.0)?;
    number(field("width"), patch.width, 0.0..=1.0)?;
    number(field("sub"), patch.sub, 0.0..=2.0)?;
    number(field("attack_s"), patch.attack_s, 0.0005..=2.0)?;
    number(field("decay_s"), patch.decay_s, 0.001..=10.0)?;
    number(field("sustain"), patch.sustain, 0.0..=1.0)?;
    number(field("release_s"), patch.release_s, 0.005..=1.0)?;
    number(field("cutoff_hz"), patch.cutoff_hz, 20.0..=18_000.0)?;
    number(field("open_octaves"), patch.open_octaves, 0.0..=6.0)?;
    number(field("open_s"), patch.open_s, 0.001..=10.0)?;
    number(field("q"), patch.q, 0.3..=10.0)?;
    number(field("drive"), patch.drive, 0.0..=8.0)?;
    number(field("vibrato_cents"), patch.vibrato_cents, 0.0..=100.0)?;
    number(field("gain"), patch.gain, 0.0..=1.0)?;
    number(field("reverb"), patch.reverb, 0.0..=1.0)?;
    number(field("echo"), patch.echo, 0.0..=1.0)
}

fn grooves(field: &str, grooves: &[Groove]) -> Checked {
    rows(field, grooves.len())?;
    for (at, groove) in grooves.iter().enumerate() {
        let Groove { kick, snare, clap, hat, open, shaker, rim } = groove;
        for (drum, text) in
            [("kick", kick), ("snare", snare), ("clap", clap), ("hat", hat), ("open", open), ("shaker", shaker), ("rim", rim)]
        {
            if !text.is_empty() {
                pattern(&format!("{field}[{at}].{drum}"), text, DRUM_LETTERS)?;
            }
        }
    }
    Ok(())
}

fn patterns(field: &str, texts: &[String], letters: &str) -> Checked {
    rows(field, texts.len())?;
    texts.iter().enumerate().try_for_each(|(at, text)| pattern(&format!("{field}[{at}]"), text, letters))
}

fn pattern(field: &str, text: &str, letters: &str) -> Checked {
    let count = text.chars().count();
    if count != STEPS || !text.chars().all(|letter| letters.contains(letter)) {
        return refuse(field, format!("{text:?} has {count} letters; a pattern is a bar of {STEPS}, each one of {letters}"));
    }
    Ok(())
}

fn rows(field: &str, count: usize) -> Checked {
    if (1..=MOST).contains(&count) { Ok(()) } else { refuse(field, format!("it has {count} rows, and may have 1 to {MOST}")) }
}

fn number<T: PartialOrd + Display>(field: impl Into<String>, value: T, range: RangeInclusive<T>) -> Checked {
    if range.contains(&value) {
        return Ok(());
    }
    refuse(field, format!("it is {value}, and may be {} to {}", range.start(), range.end()))
}

fn refuse(field: impl Into<String>, reason: impl Into<String>) -> Checked {
    Err(Breach { field: field.into(), reason: reason.into() })
}
