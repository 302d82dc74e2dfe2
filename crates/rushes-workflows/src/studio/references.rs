//! The reference library: films to dance on, by name.

use crate::kit::{Kit, blocking};
use crate::outside::{Door, Field, refuse};
use rushes_core::flow::{Flow, Lane, Step, StepContext, hash};
use rushes_core::{Code, Done, Fault, Stop, Verdict};
use rushes_media::builtin::references;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// References taken from the library when none are named.
pub(crate) const USUAL: usize = 3;
/// References in one job at most: each is a dance of each character.
const REFERENCES_MAX: usize = 20;
/// Endings of the films the reference library takes.
const FILMS: &[&str] = &["mp4", "mov", "mkv", "webm", "m4v"];

/// A reference video as chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reference {
    /// Its file's stem, as it appears in paths.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// By its content; empty until it was looked at.
    #[serde(default)]
    pub(crate) extension: String,
    /// Whether there is sound; false until it was looked at.
    #[serde(default)]
    pub(crate) has_sound: bool,
}

impl Reference {
    fn new(name: impl Into<String>, file: PathBuf) -> Self {
        Self { name: name.into(), file, extension: String::new(), has_sound: false }
    }
}

impl Reference {
    /// Where it is on this machine: a job that was begun on another node names it in that one's library.
    pub(crate) fn here(&self, kit: &Kit) -> PathBuf {
        let own = self.file.file_name().map(|name| kit.references.join(name));
        own.filter(|own| !self.file.exists() && own.exists()).unwrap_or_else(|| self.file.clone())
    }
}

/// The field by which several references are named.
pub(crate) fn field(about: &str) -> Field {
    Field::texts("reference_videos", "reference", REFERENCES_MAX, about).file()
}

/// Refuses names that are not in the library. Errors: `reference_unknown`, naming what there is.
pub(crate) fn check(names: &[String], door: &Door<'_>) -> Result<(), Fault> {
    choose(door.references, names).map(|_| ())
}

/// Refuses a style there is not.
pub(crate) fn check_style(style: &str, door: &Door<'_>) -> Result<(), Fault> {
    let styles: Vec<&str> = door.styles.names().collect();
    if door.styles.has(style) { Ok(()) } else { Err(refuse(format!("there is no style {style:?}; there are: {}", styles.join(", ")))) }
}

/// Chooses the references, none named meaning the first of the library; an empty library is filled first. What lies in the
/// library is asked within a step: the workflow runs again after a crash, when it may have changed.
pub(crate) async fn choose_in_step<F: Flow>(flow: &F, kit: &Kit, wanted: &[String]) -> Result<Vec<Reference>, Stop> {
    let (folder, wanted, inspect) = (kit.references.clone(), wanted.to_vec(), kit.inspect.clone());
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
        found = library.into_iter().take(USUAL).collect();
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
