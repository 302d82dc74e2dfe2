//! The styles: rows of data in TOML files, some built in, the rest a person's own.
//!
//! What a row may say lives in `rules`, how files become rows in `read`; what is drawn by seed from them, in `groove`,
//! `parts` and `tune`.

mod read;
mod rules;
#[cfg(test)]
mod tests;

use super::drums::Kit;
use super::theory::Chord;
use super::tone::Patch;
use rushes_core::{Code, Fault};
use serde::Deserialize;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// The built-in styles; the first is the one to use when nobody chooses. New ones are appended: tests take their seeds
/// from a style's row.
const BUILT_IN: [(&str, &str); 4] = [
    ("kpop_dance", include_str!("../../../assets/styles/kpop_dance.toml")),
    ("phonk", include_str!("../../../assets/styles/phonk.toml")),
    ("city_pop", include_str!("../../../assets/styles/city_pop.toml")),
    ("lofi", include_str!("../../../assets/styles/lofi.toml")),
];

static BUILTIN: LazyLock<Styles> = LazyLock::new(Styles::read_builtin);

/// Everything that makes a style; in its file, each field is a key.
///
/// Patterns are bars of sixteen steps: drums `X` accent, `x` firm, `o` soft, `-` ghost, `.` rest; bass `R` root,
/// `O` octave, `5` fifth, `7` seventh below the octave, `A` a step towards the next root, `-` held on, `.` rest;
/// chords `x` struck, `-` held on, `.` rest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Style {
    /// Beats a minute when nobody asks for others. A remix asks for the tempo heard in its reference, so each style must
    /// groove at 84–160 (`PREFERRED_BPM` of `beat::tempo`): `music_beats_are_heard_where_they_were_put` demands it from 86
    /// to 158, loudness and balance in `listener` at 88 and 152.
    pub(super) bpm: f64,
    /// How late every second sixteenth comes, in sixteenths.
    pub(super) swing: f64,
    /// How far soft strokes stray, seconds.
    pub(super) loose_s: f32,
    /// Semitones above the tonic.
    pub(super) scale: Vec<i32>,
    /// The scale of the tune.
    pub(super) tune_scale: Vec<i32>,
    /// Tonics to choose from (MIDI, in the bass octave).
    pub(super) tonics: Vec<i32>,
    /// One chord a bar.
    pub(super) progressions: Vec<Vec<Chord>>,
    pub(super) drums: Kit,
    /// Grooves of the drop, of verses, and of intros and breaks.
    pub(super) full: Vec<Groove>,
    pub(super) light: Vec<Groove>,
    pub(super) sparse: Vec<Groove>,
    pub(super) bass_full: Vec<String>,
    pub(super) bass_light: Vec<String>,
    pub(super) chords_full: Vec<String>,
    pub(super) chords_light: Vec<String>,
    /// Rhythms a tune is made of: `x` a note, `-` held on, `.` rest.
    pub(super) tunes: Vec<String>,
    /// Rhythm of the broken chords; empty = none.
    #[serde(default)]
    pub(super) arpeggio: String,
    pub(super) bass: Patch,
    pub(super) chords: Patch,
    pub(super) pad: Patch,
    pub(super) lead: Patch,
    pub(super) pluck: Patch,
    pub(super) stabs: Option<Stabs>,
    /// How deep a kick ducks the rest (0–1), and for how many beats.
    pub(super) duck_depth: f32,
    pub(super) duck_beats: f32,
    /// Reverb time, seconds.
    pub(super) reverb_s: f32,
    /// Level of record dust.
    pub(super) dust: f32,
    /// Saturation of the whole: 0 none … 2.
    pub(super) glue: f32,
    /// What the sum is drawn towards: dB against pink noise around 63, 125, 250, … 8 000, 12 000 Hz.
    pub(super) tilt_db: [f32; 9],
}

/// One bar of drums; what is left out rests.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Groove {
    pub(super) kick: String,
    pub(super) snare: String,
    pub(super) clap: String,
    pub(super) hat: String,
    pub(super) open: String,
    pub(super) shaker: String,
    pub(super) rim: String,
}

/// Who answers the tune from the second half of a drop on, and in which rhythms (as chords).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stabs {
    pub(super) rhythms: Vec<String>,
    pub(super) patch: Patch,
}

/// A style and its name.
#[derive(Debug)]
struct Row {
    name: String,
    style: Style,
}

/// The styles there are to compose in. Cheap to clone; never empty; never changes.
#[derive(Debug, Clone)]
pub struct Styles {
    rows: Arc<[Arc<Row>]>,
    /// 0 for the built-in ones alone, else a number of what the others say.
    print: u32,
}

impl Styles {
    /// The built-in ones.
    #[must_use]
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// The built-in ones, then those of `folder`: each `*.toml` in it is one, by its stem, in the order of their names. A
    /// folder that is not there holds none. Errors: `config_invalid` naming file, line (where it is known), field and what
    /// is allowed.
    pub fn with(folder: &Path) -> Result<Self, Fault> {
        let files = read::files(folder)?;
        let builtin = Self::builtin();
        if files.is_empty() {
            return Ok(builtin);
        }
        let mut rows = builtin.rows.to_vec();
        let mut print = 0xcbf2_9ce4u32;
        for file in files {
            let (name, text) = read::text(&file)?;
            if builtin.has(&name) {
                let reason = format!("{name} is a built-in style; give the file another name");
                return Err(Fault::new(Code::ConfigInvalid, "read style").with("file", file.display()).because(reason));
            }
            print = [name.as_bytes(), text.as_bytes()].concat().iter().fold(print, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
            let style = read::style(&text).map_err(|wrong| wrong.fault(&file))?;
            rows.push(Arc::new(Row { name, style }));
        }
        Ok(Self { rows: rows.into(), print: print.max(1) })
    }

    fn read_builtin() -> Self {
        let row = |(name, text): (&str, &str)| {
            let style = read::style(text).map_err(|wrong| wrong.fault(Path::new(name)));
            Arc::new(Row { name: name.to_owned(), style: style.expect("what is built in keeps the rules: a test reads it") })
        };
        Self { rows: BUILT_IN.map(row).into(), print: 0 }
    }

    /// Their names: the built-in ones first, then a person's own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// The names of a person's own.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.names().skip(BUILT_IN.len())
    }

    /// The name of the style to use when nobody chooses.
    #[must_use]
    pub fn default_name(&self) -> &str {
        default_style()
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// 0 for the built-in ones alone; otherwise other files give another number, so that what was made with them is told
    /// apart.
    pub(crate) fn print(&self) -> u32 {
        self.print
    }

    /// The style of that name. Error: `input_invalid`, listing those there are.
    pub(super) fn style(&self, name: &str) -> Result<&Style, Fault> {
        self.rows.iter().find(|row| row.name == name).map(|row| &row.style).ok_or_else(|| {
            Fault::new(Code::InputInvalid, "compose music")
                .with("style", name)
                .because(format!("there is no such style; there are {}", self.names().collect::<Vec<_>>().join(", ")))
        })
    }
}

/// The names of the built-in styles.
pub fn style_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The style to use when nobody chooses.
#[must_use]
pub fn default_style() -> &'static str {
    BUILT_IN[0].0
}
