//! Dances that lie somewhere and that nobody registered: in the library's folder, in folders that are named, at
//! destinations. Told by their names; nothing is opened.

use super::known::{self, ON};
use super::next_title;
use crate::import::{Mark, Place};
use crate::kit::Kit;
use rushes_core::flow;
use rushes_core::recognise::{PRIMARY, recognise};
use rushes_core::{Code, Fault, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Dances taken in by one job at most, so that its value stays small; the next one takes the others.
const DANCES_MAX: usize = 500;
/// Folders within folders, and entries of one folder, looked at at most.
const DEPTH_MAX: usize = 16;
const ENTRIES_MAX: usize = 1_000_000;

/// What was found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Library {
    pub(crate) dances: Vec<Found>,
}

/// A dance nobody registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The id of the character, by its name.
    pub(crate) character: String,
    /// The reference, by its name.
    pub(crate) on: String,
    /// The title it gets.
    pub(crate) title: String,
    pub(crate) from: Place,
    /// The reference's file, where it lies near.
    pub(crate) reference: Option<Place>,
}

impl Found {
    /// `dance_{id}_cosplay_on_{ref}`.
    pub(crate) fn project(&self) -> String {
        format!("dance_{}{ON}{}", self.character, self.on)
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.title == PRIMARY
    }

    /// Where it lies, for people.
    pub(crate) fn name(&self) -> String {
        match &self.from {
            Place::File { path, .. } => path.display().to_string(),
            Place::Object { destination, key } => format!("{destination}: {key}"),
        }
    }
}

/// What lies at one place: dances and references, by character and name.
#[derive(Default)]
struct Lying {
    dances: BTreeMap<(String, String), Place>,
    references: BTreeMap<String, Place>,
}

impl Lying {
    fn add(&mut self, path: &str, from: Place) {
        let Some(found) = recognise(path) else { return };
        match (found.kind, found.reference().map(str::to_owned)) {
            (Kind::DanceVideo, Some(on)) => drop(self.dances.entry((found.subject, on)).or_insert(from)),
            (Kind::ReferenceVideo, Some(name)) => drop(self.references.entry(name).or_insert(from)),
            _ => {}
        }
    }
}

/// Looks through the library's folder, these folders, and every destination. Errors: `io` for a folder that is named and
/// cannot be read, those of destinations.
pub(crate) async fn dances(kit: &Kit, library: &dyn flow::Library, folders: &[String]) -> Result<Library, Fault> {
    let (own, named) = (kit.library.clone(), folders.to_vec());
    let mut lying = crate::kit::blocking(move || {
        let mut lying = Lying::default();
        // The library's own folder is there once something was made.
        if own.is_dir() {
            walk(&own, &mut lying)?;
        }
        named.iter().try_for_each(|folder| walk(Path::new(folder), &mut lying))?;
        Ok(lying)
    })
    .await?;
    for (name, source) in &kit.sources {
        for folder in ["dances/", "references/"] {
            let prefix = format!("{}{folder}", source.prefix);
            let mut cursor: Option<String> = None;
            loop {
                let page = source.port.list(&prefix, cursor.as_deref()).await?;
                for key in page.keys {
                    let place = Place::Object { destination: name.clone(), key: key.clone() };
                    lying.add(&key, place);
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
    }
    unknown(library, lying).await
}

/// Those that are no assets, each with the title it gets.
async fn unknown(library: &dyn flow::Library, lying: Lying) -> Result<Library, Fault> {
    let mut found = Library::default();
    let mut titles: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for ((character, on), from) in lying.dances {
        if !titles.contains_key(&character) {
            let subject = library.subject(&character).await?.filter(|subject| subject.made.id == character);
            let known = match &subject {
                Some(subject) => known::of(library, subject, 0).await?.titles(),
                None => BTreeMap::new(),
            };
            titles.insert(character.clone(), known);
        }
        let Some(of_character) = titles.get_mut(&character) else { continue };
        // A dance's silent preview lies beside it, and is named as a dance on another reference would be.
        let of = on.strip_suffix("_preview");
        if of_character.contains_key(&on) || of.is_some_and(|of| of_character.contains_key(of)) {
            continue;
        }
        let title = next_title(of_character);
        of_character.insert(on.clone(), title.clone());
        let reference = lying.references.get(&on).cloned();
        found.dances.push(Found { character, on, title, from, reference });
        if found.dances.len() == DANCES_MAX {
            break;
        }
    }
    Ok(found)
}

fn walk(root: &Path, lying: &mut Lying) -> Result<(), Fault> {
    let failed =
        |path: &Path, error: &std::io::Error| Fault::io("look through folder", path, error).verdict(rushes_core::Verdict::Permanent);
    let mut folders = vec![(root.to_owned(), 0)];
    let mut left = ENTRIES_MAX;
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(failed(&folder, &error)),
            // One closed folder holds none of the others up.
            Err(_) => continue,
        };
        // In one order, so that the same library always gets the same titles.
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            left = left.checked_sub(1).ok_or_else(|| {
                Fault::new(Code::InputInvalid, "look through folder")
                    .with("folder", root.display())
                    .because(format!("it holds more than {ENTRIES_MAX} files; name folders within it"))
            })?;
            let (path, Ok(sort)) = (entry.path(), entry.file_type()) else { continue };
            if sort.is_dir() && depth < DEPTH_MAX {
                folders.push((path, depth + 1));
            } else if sort.is_file()
                && let (Some(text), Ok(meta)) = (path.to_str(), entry.metadata())
            {
                lying.add(text, Place::File { mark: Mark::of(&meta), path: path.clone() });
            }
        }
    }
    Ok(())
}
