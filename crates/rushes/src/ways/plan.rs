//! What would become which asset: the files an older record names, and those whose own names say it, brought together.
//! What is named twice, what is missing and what nobody recognises has its line, too. Reads nothing but the bytes of files
//! that claim one place.

mod named;
#[cfg(test)]
mod tests;

use super::character_db::CharacterDb;
use super::find::{Bucket, Finder};
use super::titles::Titles;
use super::walk::Entry;
use rushes_core::kinds::{Names, Slot};
use rushes_core::recognise::{PRIMARY, Recognised, Sort, recognise_among};
use rushes_core::subject::name_of;
use rushes_core::{Fault, Kind};
use rushes_workflows::import::{Character, Place, Taken};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What became, or would become, of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Becomes an asset.
    New,
    /// Becomes a new version of one.
    Changed,
    /// Is one already.
    Known,
    /// The same bytes as another line's, for the same place.
    Duplicate,
    /// Other bytes for a place that is taken; left where it is.
    Conflict,
    /// Named, and not there.
    Missing,
    /// At an address nobody configured.
    Elsewhere,
}

/// One file, or what a record says of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) state: State,
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    pub(crate) title: String,
    pub(crate) names: Names,
    /// Where it is, where it is.
    pub(crate) from: Option<Place>,
    /// The value or path, for people.
    pub(crate) shown: String,
    /// Where a record names it.
    pub(crate) at: Option<String>,
    /// The record has a path of some machine, and no address.
    pub(crate) is_local_only: bool,
    pub(crate) meta: Value,
    /// In words.
    pub(crate) why: Option<String>,
}

impl Item {
    /// Its path below the library, without extension.
    pub(crate) fn stem(&self) -> Result<String, Fault> {
        self.kind.stem(&self.subject, &self.names)
    }

    /// What the workflow is asked for; None where there is no file.
    pub(crate) fn taken(&self) -> Option<Taken> {
        Some(Taken {
            from: self.from.clone()?,
            kind: Some(self.kind),
            subject: self.subject.clone(),
            title: Some(self.title.clone()),
            names: self.names.clone(),
            meta: self.meta.clone(),
        })
    }

    fn put_off(&mut self, state: State, why: String) {
        (self.state, self.why) = (state, Some(why));
    }
}

/// Where to look.
pub(crate) struct Sources<'a> {
    pub(crate) db: Option<CharacterDb>,
    pub(crate) root: Option<&'a Path>,
    pub(crate) files: &'a [Entry],
    pub(crate) buckets: &'a [Bucket],
    pub(crate) maps: &'a [(String, PathBuf)],
    /// Files that a record names outside of the root are taken too.
    pub(crate) may_leave: bool,
}

/// The whole plan.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    /// Whom the files belong to, by id.
    pub(crate) characters: BTreeMap<String, Character>,
    /// Media that no record names and no pattern fits; left where they are.
    pub(crate) unrecognised: Vec<String>,
    /// Files of other sorts.
    pub(crate) others: u64,
}

/// Makes the plan. `titles` knows the dances that are assets already. Blocks while files that claim one place are read.
pub(crate) fn plan(sources: Sources<'_>, mut titles: Titles) -> Plan {
    let mut plan = Plan::default();
    let finder = Finder::new(sources.files, sources.root, sources.may_leave, sources.maps, sources.buckets);
    let mut used: BTreeSet<String> = BTreeSet::new();
    let db = sources.db.unwrap_or_default();
    for character in &db.characters {
        named::learn_titles(character, &finder, &mut titles);
    }
    let found = recognised(sources.files, sources.buckets, &db, &titles);
    // In one order, so that the same library always gets the same titles.
    let mut dances: Vec<(&str, &str)> = found.iter().filter_map(|(_, r)| Some((r.subject.as_str(), r.reference()?))).collect();
    dances.retain(|(subject, _)| !subject.is_empty());
    dances.sort_unstable();
    for (subject, reference) in dances {
        titles.title(subject, reference);
    }
    for character in &db.characters {
        plan.items.extend(named::items(character, &finder, &mut titles));
        let (id, name, fields) = (character.id.clone(), character.name.clone(), Value::Object(character.fields.clone()));
        plan.characters.insert(id.clone(), Character { id, name, fields: Some(fields) });
    }
    used.extend(plan.items.iter().filter_map(|item| item.from.as_ref().map(Place::shown)));
    for (place, found) in found {
        if used.insert(place.shown()) {
            by_pattern(&mut plan, place, &found, &mut titles);
        }
    }
    count_rest(&mut plan, sources.files, sources.buckets, &used);
    settle_claims(&mut plan.items, &titles);
    plan
}

/// Every file and object that says itself what it is.
fn recognised(files: &[Entry], buckets: &[Bucket], db: &CharacterDb, titles: &Titles) -> Vec<(Place, Recognised)> {
    let ids: BTreeSet<&str> = db.characters.iter().map(|character| character.id.as_str()).collect();
    let recognise = &|path: &str| recognise_among(path, &|id| ids.contains(id) || titles.has(id));
    let of_files = files.iter().filter_map(|entry| {
        let found = named::in_named_folder(&entry.relative, db, titles).or_else(|| recognise(&entry.path.to_string_lossy()))?;
        Some((Place::File { path: entry.path.clone(), mark: entry.mark }, found))
    });
    let of_objects = buckets.iter().flat_map(|bucket| {
        bucket
            .keys
            .iter()
            .filter_map(move |key| Some((Place::Object { destination: bucket.destination.clone(), key: key.clone() }, recognise(key)?)))
    });
    of_files.chain(of_objects).collect()
}

/// Whether a kind belongs to a character's record.
pub(crate) fn is_of_character(kind: Kind) -> bool {
    matches!(kind.row().slot, Slot::Titled(_) | Slot::Fixed(..) | Slot::Twice(..))
}

fn by_pattern(plan: &mut Plan, place: Place, found: &Recognised, titles: &mut Titles) {
    // A film to dance on belongs to all who dance on it, and to the library itself where nobody does.
    let subjects = match (found.subject.as_str(), found.reference()) {
        ("", Some(reference)) => titles.dancers(reference),
        (subject, _) => vec![subject.to_owned()],
    };
    let is_free = subjects.is_empty();
    for subject in if is_free { vec!["local".to_owned()] } else { subjects } {
        let title = if is_free { PRIMARY.to_owned() } else { title_of(found, &subject, titles) };
        if is_of_character(found.kind) && !is_free {
            let new = || Character { id: subject.clone(), name: name_of(&subject), fields: None };
            plan.characters.entry(subject.clone()).or_insert_with(new);
        }
        plan.items.push(Item {
            state: State::New,
            kind: found.kind,
            subject,
            title,
            names: found.names.clone(),
            from: Some(place.clone()),
            shown: place.shown(),
            at: None,
            is_local_only: matches!(place, Place::File { .. }),
            meta: json!({}),
            why: None,
        });
    }
}

/// The title of the set of something recognised.
pub(crate) fn title_of(found: &Recognised, subject: &str, titles: &mut Titles) -> String {
    let of_dance = found.reference().map_or_else(String::new, |reference| titles.title(subject, reference));
    found.title(&|_| of_dance.clone())
}

fn count_rest(plan: &mut Plan, files: &[Entry], buckets: &[Bucket], used: &BTreeSet<String>) {
    let of_files = files.iter().map(|entry| entry.path.display().to_string());
    let of_objects = buckets.iter().flat_map(|bucket| bucket.keys.iter().map(|key| format!("{}: {key}", bucket.destination)));
    for name in of_files.chain(of_objects).filter(|name| !used.contains(name)) {
        match Sort::of(&name) {
            Some(_) => plan.unrecognised.push(name),
            None => plan.others += 1,
        }
    }
}

/// Lets the first of those that claim one place have it. Equal bytes are duplicates; other bytes get a place of their own
/// where the table has one for them, and are left where they are otherwise.
fn settle_claims(items: &mut Vec<Item>, titles: &Titles) {
    // What is there goes before what is not; what a record names before what only lies around; today's names before older.
    items.sort_by_cached_key(|item| (item.from.is_none(), item.at.is_none(), !has_todays_name(item)));
    let mut bytes = Bytes::default();
    let mut by_place: HashMap<String, usize> = HashMap::new();
    let mut by_slot: HashMap<(String, Kind, String, String), usize> = HashMap::new();
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    for mut item in items.drain(..) {
        let Ok(mut stem) = item.stem() else {
            item.put_off(State::Conflict, "its name lacks what its path is made of".to_owned());
            kept.push(item);
            continue;
        };
        if let Some(&first) = by_slot.get(&slot(&item, &stem)) {
            if let Some(item) = second(item, &kept[first], &mut bytes) {
                kept.push(item);
            }
            continue;
        }
        let other = by_place.get(&stem).copied().filter(|first| item.from.is_some() && !bytes.are_equal(&item, &kept[*first]));
        if let Some(first) = other {
            if let Err(why) = move_aside(&mut item, &kept[first], titles, &mut bytes) {
                item.put_off(State::Conflict, why);
                kept.push(item);
                continue;
            }
            stem = item.stem().unwrap_or(stem);
            if let Some(&first) = by_slot.get(&slot(&item, &stem)) {
                kept.extend(second(item, &kept[first], &mut bytes));
                continue;
            }
        }
        by_slot.insert(slot(&item, &stem), kept.len());
        by_place.entry(stem).or_insert(kept.len());
        kept.push(item);
    }
    kept.sort_by(|a, b| (&a.subject, a.kind, &a.title, &a.shown).cmp(&(&b.subject, b.kind, &b.title, &b.shown)));
    *items = kept;
}

fn slot(item: &Item, stem: &str) -> (String, Kind, String, String) {
    (item.subject.clone(), item.kind, item.title.clone(), stem.to_owned())
}

fn has_todays_name(item: &Item) -> bool {
    let shown = item.shown.replace('\\', "/");
    let bare = shown.rsplit_once('.').map_or(shown.as_str(), |(bare, _)| bare);
    item.stem().is_ok_and(|stem| bare.ends_with(&stem))
}

/// What is said of a second claim to the very same place; None where it is the same file named twice.
fn second(mut item: Item, first: &Item, bytes: &mut Bytes) -> Option<Item> {
    if item.from == first.from || (item.from.is_none() && first.from.is_some()) {
        return None;
    }
    if item.from.is_none() {
        return Some(item);
    }
    if bytes.are_equal(&item, first) {
        item.put_off(State::Duplicate, format!("the same bytes as {}", first.shown));
    } else {
        item.put_off(State::Conflict, format!("{} has its place, with other bytes", first.shown));
    }
    Some(item)
}

/// Another set's file with other bytes, whose path would be one that is taken.
fn move_aside(item: &mut Item, first: &Item, titles: &Titles, bytes: &mut Bytes) -> Result<(), String> {
    let taken = || format!("{} has its place, with other bytes", first.shown);
    match item.kind {
        Kind::ReferenceVideo => {
            let hash = bytes.hash(item).ok_or_else(taken)?;
            let name = item.names.get("ref").cloned().unwrap_or_default();
            item.names.insert("ref".to_owned(), format!("{name}-{}", &hash[..4]));
            Ok(())
        }
        Kind::CosplayImage if item.title != PRIMARY => {
            let of_set = titles.reference(&item.subject, &item.title).or_else(|| titles.primary(&item.subject));
            let reference = of_set.ok_or_else(taken)?.to_owned();
            item.kind = Kind::VariantImage;
            item.names.insert("variant".to_owned(), rushes_core::kinds::segment(&item.title));
            item.names.insert("ref".to_owned(), reference);
            Ok(())
        }
        _ => Err(taken()),
    }
}

/// The hashes of files that had to be compared.
#[derive(Default)]
struct Bytes {
    known: HashMap<PathBuf, Option<String>>,
}

impl Bytes {
    fn hash(&mut self, item: &Item) -> Option<String> {
        let Some(Place::File { path, .. }) = &item.from else { return None };
        let read = || std::fs::File::open(path).and_then(rushes_core::digest::sha256).ok().map(|(hash, _)| hash);
        self.known.entry(path.clone()).or_insert_with(read).clone()
    }

    /// Whether two have equal bytes, as far as that can be told here: an object is equal to itself only.
    fn are_equal(&mut self, a: &Item, b: &Item) -> bool {
        match (&a.from, &b.from) {
            (Some(Place::File { mark: a_mark, path: a_path }), Some(Place::File { mark: b_mark, path: b_path })) => {
                a_path == b_path || (a_mark.size_bytes == b_mark.size_bytes && self.hash(a).is_some() && self.hash(a) == self.hash(b))
            }
            (a, b) => a == b,
        }
    }
}
