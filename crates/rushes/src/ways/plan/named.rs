//! What a character's record names: each value with its kind, its title and what fills its path.

use super::{Item, State};
use crate::ways::character_db::{Character, CharacterDb, Named};
use crate::ways::find::{Finder, Found};
use crate::ways::titles::Titles;
use rushes_core::Kind;
use rushes_core::kinds::{Names, segment};
use rushes_core::recognise::{ON, PRIMARY, Recognised, finished, recognise, recognise_among};
use rushes_workflows::import::Place;
use serde_json::json;

/// Notes which dance each of a record's sets is of. A lost film that does not say what it was danced on takes no title.
pub(super) fn learn_titles(character: &Character, finder: &Finder<'_>, titles: &mut Titles) {
    for named in character.named.iter().filter(|named| named.field == "dance_video" && is_of_dance(&named.title)) {
        let is_here = || matches!(finder.find(&named.value), Found::Here(Place::File { .. }));
        if said_reference(character, named).is_some() || is_here() {
            titles.learn(&character.id, &reference_of_dance(character, named), &named.title);
        }
    }
}

/// `primary`, `alternate_1`, …: sets of a dance of their own, and not of an outfit.
fn is_of_dance(title: &str) -> bool {
    title == PRIMARY || title.starts_with("alternate")
}

/// The reference of a set's dance: as said, or the set's own title.
fn reference_of_dance(character: &Character, dance: &Named) -> String {
    said_reference(character, dance).unwrap_or_else(|| segment(&dance.title))
}

/// The reference of a set's dance, from its name or from the film it follows.
fn said_reference(character: &Character, dance: &Named) -> Option<String> {
    let of_name = meaning(character, &dance.value).and_then(|found| found.reference().map(str::to_owned));
    let followed = || {
        let film = character.named.iter().find(|named| named.field == "motion_ref_video" && named.title == dance.title);
        film.map(|film| segment(stem(&film.value)))
    };
    of_name.or_else(followed)
}

fn plain(value: &str) -> String {
    value.replace('\\', "/")
}

/// What a path says, where the character's id may hold the words between it and a reference.
fn of_own(character: &Character, path: &str) -> Option<Recognised> {
    recognise_among(path, &|id| id == character.id)
}

fn meaning(character: &Character, value: &str) -> Option<Recognised> {
    of_own(character, &plain(value))
}

/// The name of a file without folder and extension.
fn stem(value: &str) -> &str {
    let name = value.rsplit(['/', '\\']).next().unwrap_or(value);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// A line for each value.
pub(super) fn items(character: &Character, finder: &Finder<'_>, titles: &mut Titles) -> Vec<Item> {
    character.named.iter().map(|named| item(character, named, finder, titles)).collect()
}

fn item(character: &Character, named: &Named, finder: &Finder<'_>, titles: &mut Titles) -> Item {
    let (state, from, why) = match finder.find(&named.value) {
        Found::Here(place) => (State::New, Some(place), None),
        Found::Elsewhere(_) => {
            let why = "no destination in the configuration has this address; add one, or fetch it into the library";
            (State::Elsewhere, None, Some(why.to_owned()))
        }
        Found::Missing(why) => (State::Missing, None, Some(why)),
    };
    let lies = match &from {
        Some(Place::File { path, .. }) => path.to_string_lossy().into_owned(),
        Some(Place::Object { key, .. }) => key.clone(),
        None => plain(&named.value),
    };
    let own = |found: &Recognised| found.subject == character.id || found.subject.is_empty();
    let meaning = of_own(character, &lies).or_else(|| meaning(character, &named.value)).filter(own);
    let kind = kind_of(named, &lies, meaning.as_ref());
    let (title, names) = place_of(character, named, kind, meaning.as_ref(), titles);
    let mut meta = json!({"imported_as": named.field});
    if let Some(prompt) = &named.prompt {
        meta["prompt"] = json!(prompt);
    }
    let shown = from.as_ref().map_or_else(|| named.value.clone(), Place::shown);
    let is_local_only = !named.value.contains("://");
    Item { state, kind, subject: character.id.clone(), title, names, from, shown, at: Some(named.at.clone()), is_local_only, meta, why }
}

/// The kind a field means; what is called deliverable has been many things, and its name says which.
fn kind_of(named: &Named, lies: &str, meaning: Option<&Recognised>) -> Kind {
    let of_dance = is_of_dance(&named.title);
    match named.field.as_str() {
        "anime_image" => Kind::AnimeImage,
        "cosplay_image" if of_dance => Kind::CosplayImage,
        "cosplay_image" => Kind::VariantImage,
        "dance_video" if of_dance => Kind::DanceVideo,
        "dance_video" => Kind::VariantVideo,
        "motion_ref_video" => Kind::ReferenceVideo,
        "scored" => Kind::ScoredVideo,
        "watermarked" => Kind::WatermarkedVideo,
        "kpop_video" => Kind::KpopVideo,
        "orig_video" => Kind::OrigVideo,
        "kpop_audio" | "ai_music" => Kind::AiMusic,
        "orig_audio" => Kind::OrigMusic,
        "icon" => Kind::IconSticker,
        "name_sticker" => Kind::NameSticker,
        "poster" => Kind::Poster,
        "contact_sheet" => Kind::ContactSheet,
        "preview" => Kind::Preview,
        "waveform" => Kind::Waveform,
        field => {
            let said = meaning.map(|found| found.kind).or_else(|| finished(stem(lies)).map(|(kind, _)| kind));
            said.unwrap_or(if field == "DELIVERABLE" { Kind::WatermarkedVideo } else { Kind::RemixVideo })
        }
    }
}

/// The title of its set and what fills its path.
fn place_of(character: &Character, named: &Named, kind: Kind, meaning: Option<&Recognised>, titles: &mut Titles) -> (String, Names) {
    let id = &character.id;
    // Its own name knows best, if it says the same as the field.
    if let Some(found) =
        meaning.filter(|found| found.kind == kind && !matches!(kind, Kind::AnimeImage | Kind::CosplayImage | Kind::ReferenceVideo))
    {
        return (super::title_of(found, id, titles), found.names.clone());
    }
    let base = named.title.split('@').next().unwrap_or_default();
    let of_set =
        if kind == Kind::DanceVideo { Some(reference_of_dance(character, named)) } else { titles.reference(id, base).map(str::to_owned) };
    let reference = meaning
        .and_then(|found| found.reference().map(str::to_owned))
        .or(of_set)
        .or_else(|| titles.primary(id).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    let mut names = Names::from([("ref".to_owned(), reference.clone())]);
    let mut found = Recognised { kind, subject: id.clone(), names: names.clone(), film: None };
    let title = match kind {
        Kind::AnimeImage | Kind::CosplayImage => named.title.clone(),
        // The film of a set belongs to that set's dance, whatever it is called itself.
        Kind::ReferenceVideo => {
            names.insert("ref".to_owned(), segment(stem(&named.value)));
            titles.reference(id, base).map_or_else(|| named.title.clone(), |_| base.to_owned())
        }
        Kind::VariantImage | Kind::VariantVideo => {
            found.names.insert("variant".to_owned(), segment(base));
            names.clone_from(&found.names);
            super::title_of(&found, id, titles)
        }
        Kind::Poster | Kind::ContactSheet | Kind::Preview | Kind::Waveform => {
            let beside = format!("dances/dance_{}_cosplay_on_{reference}", segment(id));
            names.insert("beside".to_owned(), beside);
            named.title.clone()
        }
        Kind::IconSticker | Kind::NameSticker => {
            let stem = stem(&named.value);
            let name = stem.strip_prefix("icon_").or_else(|| stem.strip_prefix("name_")).unwrap_or(&character.name);
            found.names.insert("name".to_owned(), segment(name));
            names.clone_from(&found.names);
            super::title_of(&found, id, titles)
        }
        _ => super::title_of(&found, id, titles),
    };
    (title, names)
}

/// What a file is that lies in a folder a record calls a character's remixes, whatever the folder's name.
pub(super) fn in_named_folder(relative: &str, db: &CharacterDb, titles: &Titles) -> Option<Recognised> {
    if recognise(relative).is_some() {
        return None;
    }
    let folders: Vec<&str> = relative.split('/').collect();
    for character in &db.characters {
        for (title, folder) in &character.folders {
            let folder = plain(folder);
            let name = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let Some(at) = folders.iter().position(|part| !name.is_empty() && part.eq_ignore_ascii_case(name)) else { continue };
            let reference = titles.reference(&character.id, title).or_else(|| titles.primary(&character.id)).unwrap_or("unknown");
            let rest = folders[at + 1..].join("/");
            return of_own(character, &format!("remixes/dance_{}{ON}{reference}/{rest}", character.id));
        }
    }
    None
}
