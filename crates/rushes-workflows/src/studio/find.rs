//! Dances that lie somewhere and that nobody registered: in the library's folder, in folders that are named, at
//! destinations. Told by their names; nothing is opened.

use super::known;
use super::next_title;
use super::survey::{REFUSED_MAX, Refused};
use crate::import::{Mark, Place};
use crate::kit::Kit;
use rushes_core::kinds::segment;
use rushes_core::recognise::{ON, recognise};
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::{Subject, SubjectType};
use rushes_core::{Asset, Code, Fault, Kind, digest, flow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Dances taken in by one job at most, so that its value stays small; the next one takes the others.
const DANCES_MAX: usize = 500;
/// Folders within folders, and entries of one folder, looked at at most.
const DEPTH_MAX: usize = 16;
const ENTRIES_MAX: usize = 1_000_000;

/// Of what was found, so many bytes at most: the value of one step.
const FOUND_MAX_BYTES: usize = 128 * 1024;

/// What was found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Library {
    pub(crate) dances: Vec<Found>,
    /// Those that cannot be taken in, and why.
    #[serde(default)]
    pub(crate) refused: Vec<Refused>,
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
}

/// What lies at one place: dances by their names without `dance_`, references by theirs.
#[derive(Default)]
struct Lying {
    dances: BTreeMap<String, Place>,
    references: BTreeMap<String, Place>,
}

impl Lying {
    fn add(&mut self, path: &str, from: Place) {
        let Some(found) = recognise(path) else { return };
        let name = path.rsplit('/').next().and_then(|name| Some(name.rsplit_once('.')?.0)).unwrap_or_default();
        match (found.kind, found.reference()) {
            (Kind::DanceVideo, _) => {
                let Some(dance) = name.strip_prefix("dance_") else { return };
                self.dances.entry(dance.to_owned()).or_insert(from);
            }
            (Kind::ReferenceVideo, Some(reference)) => drop(self.references.entry(reference.to_owned()).or_insert(from)),
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
    let mut shelf = Shelf::of(library).await?;
    let (mut found, mut bytes) = (Library::default(), 0);
    for (name, from) in lying.dances {
        let owner = shelf.owner(library, &name, &lying.references).await?;
        let Some((character, on)) = owner else { continue };
        if segment(&character) != character && !shelf.ids.contains_key(&segment(&character)) {
            let why = format!("the id {character:?} in its name cannot be part of a path; give it another");
            found.refused.push(Refused { what: from.shown(), why });
            continue;
        }
        let of_character = shelf.titles.entry(character.clone()).or_default();
        let title = next_title(of_character);
        of_character.insert(on.clone(), title.clone());
        let reference = shelf.reference(&character, &on, &lying.references).await?;
        let dance = Found { character, on, title, from, reference };
        bytes += serde_json::to_string(&dance).map_or(0, |text| text.len());
        if found.dances.len() == DANCES_MAX || bytes > FOUND_MAX_BYTES {
            break;
        }
        found.dances.push(dance);
    }
    found.refused.truncate(REFUSED_MAX);
    Ok(found)
}

/// What is registered, as far as it decides what a dance's name means.
struct Shelf {
    /// Characters, by the part of a path that their id becomes.
    ids: BTreeMap<String, Subject>,
    /// Titles of the dances of those looked at, by reference.
    titles: BTreeMap<String, BTreeMap<String, String>>,
    references: Vec<Asset>,
}

impl Shelf {
    async fn of(library: &dyn flow::Library) -> Result<Self, Fault> {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after: None, limit: u32::MAX };
        let subjects = library.subjects(&filter).await?.into_iter();
        let references = library.assets(&AssetFilter { kind: Some(Kind::ReferenceVideo), ..AssetFilter::default() }).await?;
        Ok(Self {
            ids: subjects.map(|subject| (segment(&subject.made.id), subject)).collect(),
            titles: BTreeMap::new(),
            references: references.into_iter().map(|(asset, _)| asset).collect(),
        })
    }

    /// Whose dance it is and on which reference; None where it is an asset already. Ids and references may hold the words
    /// between them: what is there decides, then which reference there is, then the longest id that is known.
    async fn owner(
        &mut self,
        library: &dyn flow::Library,
        name: &str,
        lying: &BTreeMap<String, Place>,
    ) -> Result<Option<(String, String)>, Fault> {
        let splits = name.match_indices(ON).map(|(at, _)| (&name[..at], &name[at + ON.len()..]));
        let splits = splits.filter(|(id, on)| !id.is_empty() && !on.is_empty());
        let splits: Vec<(&str, String)> = splits.map(|(id, on)| (id, segment(on))).collect();
        let mut known: Vec<(String, String)> = Vec::new();
        for (id, on) in &splits {
            let Some(subject) = self.ids.get(&segment(id)) else { continue };
            let id = subject.made.id.clone();
            if !self.titles.contains_key(&id) {
                let titles = known::of(library, subject, 0).await?.titles();
                self.titles.insert(id.clone(), titles);
            }
            known.push((id, on.clone()));
        }
        let first = splits.first().map(|(id, on)| ((*id).to_owned(), on.clone()));
        if known.iter().chain(&first).any(|(id, on)| self.is_there(id, on)) {
            return Ok(None);
        }
        let has_reference =
            |on: &str| lying.contains_key(on) || self.references.iter().any(|asset| asset.reference().stem == format!("references/{on}"));
        let of_reference = known.iter().rev().find(|(_, on)| has_reference(on));
        Ok(of_reference.or(known.last()).cloned().or(first))
    }

    /// A dance's silent preview lies beside it, and is named as a dance on another reference would be.
    fn is_there(&self, id: &str, on: &str) -> bool {
        let Some(titles) = self.titles.get(id) else { return false };
        titles.contains_key(on) || on.strip_suffix("_preview").is_some_and(|of| titles.contains_key(of))
    }

    /// The film a dance was danced on, where it lies near and is to be taken in: the character has none of that name yet,
    /// and nobody has another one of that name, whose place it would take.
    async fn reference(&self, character: &str, on: &str, lying: &BTreeMap<String, Place>) -> Result<Option<Place>, Fault> {
        let Some(place) = lying.get(on).cloned() else { return Ok(None) };
        let same: Vec<&Asset> = self.references.iter().filter(|asset| asset.reference().stem == format!("references/{on}")).collect();
        let Some(other) = same.first() else { return Ok(Some(place)) };
        if same.iter().any(|asset| asset.subject == character) {
            return Ok(None);
        }
        let is_equal = match &place {
            Place::Object { key, .. } => key.ends_with(&other.path),
            Place::File { path, .. } => {
                let path = path.clone();
                let read = move || std::fs::File::open(&path).and_then(digest::sha256).map_err(|e| Fault::io("read reference", &path, &e));
                // One that cannot be read now is not taken, and holds no dance up.
                crate::kit::blocking(read).await.is_ok_and(|(sha256, _)| sha256 == other.blob.sha256)
            }
        };
        Ok(is_equal.then_some(place))
    }
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
            // What is hidden is somebody's trash, or a system's own.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
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
