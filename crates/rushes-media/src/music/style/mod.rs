//! The styles, one row each; adding one is a file of data and a line at the end of [`STYLES`].
//!
//! What is drawn by seed from these rows lives in `groove` and `parts`.

mod city_pop;
mod kpop_dance;
mod lofi;
mod phonk;

use super::drums::Kit;
use super::theory::Chord;
use super::tone::Patch;
use rushes_core::{Code, Fault};

/// Every style there is; the first is the one to use when nobody chooses. New ones are appended: tests take their seeds
/// from a style's row.
pub(super) const STYLES: &[&Style] = &[&kpop_dance::STYLE, &phonk::STYLE, &city_pop::STYLE, &lofi::STYLE];

/// Everything that makes a style.
///
/// Patterns are bars of sixteen steps: drums `X` accent, `x` firm, `o` soft, `-` ghost, `.` rest; bass `R` root,
/// `O` octave, `5` fifth, `7` seventh below the octave, `A` a step towards the next root, `-` held on, `.` rest;
/// chords `x` struck, `-` held on, `.` rest.
pub(super) struct Style {
    pub(super) name: &'static str,
    /// Beats a minute when nobody asks for others. A remix asks for the tempo heard in its reference, so each style must
    /// groove at 84–160 (`PREFERRED_BPM` of `beat::tempo`): `music_beats_are_heard_where_they_were_put` demands it from 86
    /// to 158, loudness and balance in `listener` at 88 and 152.
    pub(super) bpm: f64,
    /// How late every second sixteenth comes, in sixteenths.
    pub(super) swing: f64,
    /// How far soft strokes stray, seconds.
    pub(super) loose_s: f32,
    pub(super) scale: &'static [i32],
    /// The scale of the tune, if other than the chords'.
    pub(super) tune_scale: &'static [i32],
    /// Tonics to choose from (MIDI, in the bass octave).
    pub(super) tonics: &'static [i32],
    /// One chord a bar.
    pub(super) progressions: &'static [&'static [Chord]],
    pub(super) kit: Kit,
    /// Grooves of the drop, of verses, and of intros and breaks.
    pub(super) full: &'static [Groove],
    pub(super) light: &'static [Groove],
    pub(super) sparse: &'static [Groove],
    pub(super) bass_full: &'static [&'static str],
    pub(super) bass_light: &'static [&'static str],
    pub(super) chords_full: &'static [&'static str],
    pub(super) chords_light: &'static [&'static str],
    /// Rhythms a tune is made of: `x` a note, `-` held on, `.` rest.
    pub(super) tunes: &'static [&'static str],
    /// Rhythm of the broken chords; empty = none.
    pub(super) arpeggio: &'static str,
    pub(super) bass: Patch,
    pub(super) chords: Patch,
    pub(super) pad: Patch,
    pub(super) lead: Patch,
    pub(super) pluck: Patch,
    /// Who answers the tune from the second half of a drop on, and in which rhythms (as chords).
    pub(super) stabs: Option<(Patch, &'static [&'static str])>,
    /// How deep a kick ducks the rest (0–1), and for how many beats.
    pub(super) duck: (f32, f32),
    /// Reverb time, seconds.
    pub(super) reverb_s: f32,
    /// Level of record dust.
    pub(super) dust: f32,
    /// Saturation of the whole: 0 none … 2.
    pub(super) glue: f32,
    /// What the sum is drawn towards: dB against pink noise around 63, 125, 250, … 8 000, 12 000 Hz.
    pub(super) tilt: [f32; 9],
}

/// One bar of drums.
#[derive(Debug)]
pub(super) struct Groove {
    pub(super) kick: &'static str,
    pub(super) snare: &'static str,
    pub(super) clap: &'static str,
    pub(super) hat: &'static str,
    pub(super) open: &'static str,
    pub(super) shaker: &'static str,
    pub(super) rim: &'static str,
}

/// No drum at all; rows name what they play and leave the rest to this.
pub(super) const REST: Groove = Groove { kick: "", snare: "", clap: "", hat: "", open: "", shaker: "", rim: "" };

/// The names of the styles, in the table's order.
pub fn style_names() -> impl Iterator<Item = &'static str> {
    STYLES.iter().map(|s| s.name)
}

/// The style to use when nobody chooses.
#[must_use]
pub fn default_style() -> &'static str {
    STYLES[0].name
}

/// The style of that name. Error: `input_invalid`, listing those there are.
pub(super) fn style(name: &str) -> Result<&'static Style, Fault> {
    STYLES.iter().copied().find(|s| s.name == name).ok_or_else(|| {
        Fault::new(Code::InputInvalid, "compose music")
            .with("style", name)
            .because(format!("there is no such style; there are {}", style_names().collect::<Vec<_>>().join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bar(pattern: &str, letters: &str) -> bool {
        pattern.len() == 16 && pattern.chars().all(|c| letters.contains(c))
    }

    #[test]
    fn music_style_rows_are_whole() {
        for style in STYLES {
            for groove in style.full.iter().chain(style.light).chain(style.sparse) {
                for p in [groove.kick, groove.snare, groove.clap, groove.hat, groove.open, groove.shaker, groove.rim] {
                    assert!(p.is_empty() || is_bar(p, "Xxo-."), "{}: {p}", style.name);
                }
            }
            for p in style.bass_full.iter().chain(style.bass_light) {
                assert!(is_bar(p, "RO57A-."), "{}: {p}", style.name);
            }
            for p in style.chords_full.iter().chain(style.chords_light).chain(style.tunes).chain(style.stabs.iter().flat_map(|s| s.1)) {
                assert!(is_bar(p, "x-."), "{}: {p}", style.name);
            }
            assert!(style.arpeggio.is_empty() || is_bar(style.arpeggio, "x."), "{}", style.name);
            let lists = [style.full.len(), style.light.len(), style.sparse.len(), style.tunes.len(), style.tonics.len()];
            let played = [style.bass_full, style.bass_light, style.chords_full, style.chords_light].map(<[_]>::len);
            assert!(lists.iter().chain(&played).all(|n| *n > 0), "{}: an empty list", style.name);
            assert!(style.progressions.len() >= 5, "{}: too few harmonies to choose from", style.name);
            assert!(!style.progressions.is_empty() && style.progressions.iter().all(|p| p.len() % 4 == 0), "{}", style.name);
            assert!(style.full.iter().all(|g| g.kick.starts_with(['X', 'x'])), "{}: a drop begins with a kick", style.name);
        }
    }
}
