//! `production`: so many characters, each from concept to delivered films. Characters are children of the job; one
//! that fails does not stop the others.

mod outside;

pub use outside::check_from_outside;

use crate::character;
use crate::kit::{Kit, blocking};
use crate::registry::Card;
use rushes_core::flow::{Child, Flow, Lane, Step, StepContext, hash};
use rushes_core::{Code, Done, Fault, Stop, Verdict};
use rushes_media::builtin::references;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the registry says of it.
pub const CARD: Card = Card {
    name: "production",
    version: 3,
    collection: Some("pipeline_jobs"),
    is_short: false,
    about: "characters, dances, outfits, remix, music, stickers: the whole set",
    outside: Some(outside::OUTSIDE),
};

/// Characters in one production at most.
pub const COUNT_MAX: u32 = 10;
/// The largest seed: the largest whole number that every reader of JSON keeps exactly.
pub const SEED_MAX: u64 = 9_007_199_254_740_991;
/// References taken from the library when none are named.
const REFERENCES: usize = 3;
/// Endings of the films the reference library takes.
const FILMS: &[&str] = &["mp4", "mov", "mkv", "webm", "m4v"];

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// How many characters, 1–10.
    pub count: u32,
    /// Equal seeds give equal productions.
    pub seed: u64,
    /// The style of characters and music.
    pub style_id: String,
    /// Names in the library, or absolute paths; one dance each. Empty: three from the library.
    pub reference_videos: Vec<String>,
    /// Pass over concepts whose name exists and draw others; false: that character gets new versions.
    pub skip_existing: bool,
    /// Make outfit variants.
    pub generate_variants: bool,
    /// Make soundtrack versions.
    pub create_soundtracks: bool,
    /// Make the watermarked version.
    pub apply_watermark: bool,
    /// Another number makes everything anew that equal inputs would reuse.
    #[serde(default)]
    pub redo: u32,
}

/// What is asked for where nothing is said.
impl Default for Input {
    fn default() -> Self {
        Self {
            count: 1,
            seed: 1,
            style_id: rushes_media::music::default_style().to_owned(),
            reference_videos: Vec::new(),
            skip_existing: true,
            generate_variants: true,
            create_soundtracks: true,
            apply_watermark: true,
            redo: 0,
        }
    }
}

/// A reference video as chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reference {
    /// Its file's stem, as it appears in paths.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// By its content; empty until it was looked at.
    #[serde(default)]
    pub extension: String,
    /// Whether there is sound; false until it was looked at.
    #[serde(default)]
    pub has_sound: bool,
}

impl Reference {
    fn new(name: impl Into<String>, file: PathBuf) -> Self {
        Self { name: name.into(), file, extension: String::new(), has_sound: false }
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    // What lies in the library is asked within a step: this runs again after a crash, when it may have changed.
    check_parameters(&input).map_err(Stop::Failed)?;
    let references = choose_in_step(flow, kit, &input).await?;
    let children = (0..input.count).map(|index| {
        let parameters = character::Input {
            seed: character_seed(input.seed, index),
            style: input.style_id.clone(),
            references: references.clone(),
            skip_existing: input.skip_existing,
            variants: if input.generate_variants { character::VARIANTS.map(str::to_owned).to_vec() } else { Vec::new() },
            soundtracks: input.create_soundtracks,
            watermark: input.apply_watermark,
            redo: input.redo,
        };
        Child { name: format!("character {}", index + 1), workflow: character::CARD.name.to_owned(), input: json!(parameters) }
    });
    let mut made = Vec::new();
    let mut failed = 0;
    for end in flow.children(children.collect()).await {
        match end {
            Ok(character) => made.push(character),
            // The child's own row keeps the fault; results and errors are read from there.
            Err(Stop::Failed(_)) => failed += 1,
            Err(stop) => return Err(stop),
        }
    }
    if made.is_empty() {
        return Err(Stop::Failed(Fault::new(Code::CharactersFailed, "end production").with("failed", failed)));
    }
    Ok(json!({"characters": made, "failed": failed}))
}

/// Refuses what can be refused before a job is made: the count, the style, names that are not in the library.
/// Errors: `input_invalid`, `reference_unknown`, each naming what there is.
pub fn check(input: &Input, library: &Path) -> Result<(), Fault> {
    check_parameters(input)?;
    choose(library, &input.reference_videos).map(|_| ())
}

fn check_parameters(input: &Input) -> Result<(), Fault> {
    let refuse = |reason: String| Err(Fault::new(Code::InputInvalid, "start production").because(reason));
    if !(1..=COUNT_MAX).contains(&input.count) {
        return refuse(format!("count is {}, and may be 1 to {COUNT_MAX}", input.count));
    }
    let styles: Vec<&str> = rushes_media::music::style_names().collect();
    if !styles.contains(&input.style_id.as_str()) {
        return refuse(format!("there is no style {:?}; there are: {}", input.style_id, styles.join(", ")));
    }
    Ok(())
}

/// Each character's own seed; not `seed + index`, so that neighbouring productions share no character.
fn character_seed(seed: u64, index: u32) -> u64 {
    // 53 bits: a JSON number that every reader keeps exactly.
    u64::from_str_radix(&hash(&(seed, index))[..13], 16).unwrap_or(seed)
}

/// Chooses the references; an empty library is filled first.
async fn choose_in_step<F: Flow>(flow: &F, kit: &Kit, input: &Input) -> Result<Vec<Reference>, Stop> {
    let (folder, wanted, inspect) = (kit.references.clone(), input.reference_videos.clone(), kit.inspect.clone());
    let step = Step::new("references").inputs(&wanted).lane(Lane::Cpu).within(Duration::from_mins(15));
    flow.step(step, move |context: StepContext| async move {
        // A library with nothing but our own dances in it gets those that a crash left out.
        if wanted.is_empty() && library(&folder)?.iter().all(|reference| references::is_ours(&reference.name)) {
            let (folder, cancel, progress) = (folder.clone(), context.cancel.clone(), context.progress.clone());
            blocking(move || references::render_references(&folder, &cancel, &mut |done, note| progress(done, note))).await?;
        }
        let mut chosen = choose(&folder, &wanted)?;
        for reference in &mut chosen {
            let info = inspect.inspect(&reference.file).await.map_err(|fault| fault.with("reference", &reference.name))?;
            if !info.mime.starts_with("video/") {
                return Err(Stop::Failed(Fault::new(Code::NoVideo, "check reference").with("file", reference.file.display())));
            }
            (reference.extension, reference.has_sound) = (info.extension, info.has_audio);
        }
        Ok(Done::value(chosen))
    })
    .await
}

/// The films of the library, by name. Errors: `io`.
pub fn library(folder: &Path) -> Result<Vec<Reference>, Fault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::io("read references", folder, &error)),
    };
    let mut found: Vec<Reference> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().and_then(|e| e.to_str()).is_some_and(|e| FILMS.contains(&e.to_ascii_lowercase().as_str())))
        .filter_map(|file| Some(Reference::new(file.file_stem()?.to_str()?.to_owned(), file)))
        .filter(|reference| !reference.name.starts_with('.'))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn choose(folder: &Path, wanted: &[String]) -> Result<Vec<Reference>, Fault> {
    let library = library(folder)?;
    let mut found: Vec<Reference> = Vec::new();
    if wanted.is_empty() {
        found = library.into_iter().take(REFERENCES).collect();
    } else {
        for name in wanted {
            let path = Path::new(name);
            if path.is_absolute() {
                let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("reference");
                found.push(Reference::new(stem, path.to_owned()));
            } else {
                let is_it = |r: &&Reference| r.name == *name || r.file.file_name().is_some_and(|f| f.to_str() == Some(name));
                found.push(library.iter().find(is_it).cloned().ok_or_else(|| unknown(name, &library))?);
            }
        }
    }
    let mut chosen: Vec<Reference> = Vec::new();
    for mut reference in found {
        reference.name = rushes_core::kinds::segment(&reference.name);
        // Two files of one name in one production: the second is told apart by its path.
        if chosen.iter().any(|other| other.name == reference.name) {
            reference.name = format!("{}-{}", reference.name, &hash(&(chosen.len(), &reference.file))[..4]);
        }
        chosen.push(reference);
    }
    Ok(chosen)
}

fn unknown(name: &str, library: &[Reference]) -> Fault {
    let names: Vec<&str> = library.iter().map(|r| r.name.as_str()).collect();
    let there = if names.is_empty() { "the library is empty".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Fault::new(Code::ReferenceUnknown, "choose reference").verdict(Verdict::Permanent).with("reference", name).because(there)
}
