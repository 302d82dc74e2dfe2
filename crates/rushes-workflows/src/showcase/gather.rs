//! What a page shows: of every character what is proven at its destination, and where.

use super::address::{Address, Places, poster_of};
use rushes_core::delivery::Routes;
use rushes_core::flow::Library;
use rushes_core::recognise::PRIMARY;
use rushes_core::record::{Listed, rfc3339};
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::{Subject, SubjectType};
use rushes_core::{Code, Fault, Kind};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// Characters read at once.
const PAGE: u32 = 100;
/// Letters of a name, of a tagline and of one trait at most, and traits: records may say anything.
pub(super) const NAME_MAX: usize = 120;
const TAGLINE_MAX: usize = 300;
const TRAIT_MAX: usize = 60;
const TRAITS_MAX: usize = 12;
/// What stands between a set's title and the reference of another dance it was made from.
const ON: char = '@';

/// What is shown.
#[derive(Debug)]
pub(super) struct Gallery {
    /// Whose film is newest first; those without any last.
    pub(super) people: Vec<Person>,
    /// Characters that were asked for and have nothing to show yet.
    pub(super) empty: usize,
}

/// One character.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tagline: String,
    pub(super) traits: Vec<String>,
    /// What stands for it in the gallery.
    pub(super) poster: Option<Address>,
    /// The most finished one first.
    pub(super) films: Vec<Film>,
    pub(super) portraits: Vec<Portrait>,
    /// When its first film was made.
    newest_ms: i64,
}

#[derive(Debug)]
pub(super) struct Film {
    /// `Finished film`, `Dance, alternate 1`.
    pub(super) name: String,
    pub(super) at: Address,
    /// `0:12`; empty where nobody knows.
    pub(super) length: String,
}

#[derive(Debug)]
pub(super) struct Portrait {
    pub(super) name: &'static str,
    pub(super) at: Address,
}

impl Gallery {
    pub(super) fn films(&self) -> usize {
        self.people.iter().map(|person| person.films.len()).sum()
    }

    /// Until when every address on the page opens, in RFC 3339; None where none runs out.
    pub(super) fn until(&self) -> Option<String> {
        let of = |person: &Person| {
            let (films, portraits) = (person.films.iter().map(|film| &film.at), person.portraits.iter().map(|portrait| &portrait.at));
            films.chain(portraits).chain(&person.poster).filter_map(|at| at.until_ms).min()
        };
        self.people.iter().filter_map(of).min().map(rfc3339)
    }
}

/// `3 characters and 12 films are shown; 1 character has nothing to show yet`.
impl fmt::Display for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        write!(f, "{} and {} are shown", count(self.people.len(), "character"), count(self.films(), "film"))?;
        match self.empty {
            0 => Ok(()),
            n => write!(f, "; {} nothing to show yet", if n == 1 { "1 character has".to_owned() } else { format!("{n} characters have") }),
        }
    }
}

/// Reads what is to be shown of these characters, of all where none is named. Errors: `not_found`, naming the first that
/// there is not; those of the library.
pub(super) async fn gather(library: &dyn Library, routes: &Routes, characters: &[String]) -> Result<Gallery, Fault> {
    let places = Places::of(routes);
    let mut gallery = Gallery { people: Vec::new(), empty: 0 };
    if characters.is_empty() {
        let mut after = None;
        loop {
            let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after, limit: PAGE };
            let subjects = library.subjects(&filter).await?;
            add(library, &places, &subjects, &mut gallery).await?;
            after = subjects.last().map(|subject| subject.made.id.clone());
            if subjects.len() < PAGE as usize {
                break;
            }
        }
    } else {
        let subjects = named(library, characters).await?;
        for page in subjects.chunks(PAGE as usize) {
            add(library, &places, page, &mut gallery).await?;
        }
    }
    gallery
        .people
        .sort_by(|a, b| (a.films.is_empty(), Reverse(a.newest_ms), &a.id).cmp(&(b.films.is_empty(), Reverse(b.newest_ms), &b.id)));
    Ok(gallery)
}

/// The characters of these ids and slugs, each once.
async fn named(library: &dyn Library, characters: &[String]) -> Result<Vec<Subject>, Fault> {
    let mut found: BTreeMap<String, Subject> = BTreeMap::new();
    for who in characters {
        let subject = library.subject(who).await?.filter(|subject| subject.made.subject_type == SubjectType::Character);
        let subject = subject.ok_or_else(|| {
            Fault::new(Code::NotFound, "find character")
                .with("character", who)
                .because("give its whole id or its unique name in small letters, as `rushes assets ls` shows them")
        })?;
        found.insert(subject.made.id.clone(), subject);
    }
    Ok(found.into_values().collect())
}

async fn add(library: &dyn Library, places: &Places<'_>, subjects: &[Subject], gallery: &mut Gallery) -> Result<(), Fault> {
    if subjects.is_empty() {
        return Ok(());
    }
    let ids = subjects.iter().map(|subject| subject.made.id.clone()).collect();
    let mut of: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for listed in library.assets(&AssetFilter { subjects: ids, ..AssetFilter::default() }).await? {
        of.entry(listed.0.subject.clone()).or_default().push(listed);
    }
    for subject in subjects {
        let listed = of.remove(&subject.made.id).unwrap_or_default();
        match person(places, subject, &listed) {
            Some(person) => gallery.people.push(person),
            None => gallery.empty += 1,
        }
    }
    Ok(())
}

fn person(places: &Places<'_>, subject: &Subject, listed: &[Listed]) -> Option<Person> {
    let there: Vec<(&Listed, Address)> = listed.iter().filter_map(|listed| Some((listed, places.address(listed)?))).collect();
    let mut films: Vec<&(&Listed, Address)> = there.iter().filter(|(listed, _)| rank(listed).is_some()).collect();
    films.sort_by_key(|(listed, _)| (rank(listed), listed.0.title.clone(), listed.0.id));
    let portraits = |kind: Kind| there.iter().filter(move |(listed, _)| listed.0.kind == kind);
    let kinds = [(Kind::CosplayImage, "Cosplay portrait"), (Kind::AnimeImage, "Anime portrait")];
    let portraits: Vec<Portrait> =
        kinds.into_iter().flat_map(|(kind, name)| portraits(kind).map(move |(_, at)| Portrait { name, at: at.clone() })).collect();
    let first = films.first().map(|(listed, _)| &listed.0);
    let stem = first.map(poster_of);
    let is_poster = |listed: &Listed| listed.0.kind == Kind::Poster && Some(listed.0.reference().stem) == stem;
    let poster = there.iter().find(|(listed, _)| is_poster(listed)).map(|(_, at)| at.clone());
    let poster = poster.or_else(|| portraits.first().map(|portrait| portrait.at.clone()));
    let newest_ms = first.map_or(0, |film| film.created_ms);
    // A remix that was finished since is the same film, unfinished.
    let has_better = |listed: &Listed| {
        let better: &[Kind] = match listed.0.kind {
            Kind::ScoredVideo => &[Kind::WatermarkedVideo],
            Kind::RemixVideo => &[Kind::WatermarkedVideo, Kind::ScoredVideo],
            _ => &[],
        };
        there.iter().any(|(other, _)| better.contains(&other.0.kind) && on(&other.0.title) == on(&listed.0.title))
    };
    let films = films.into_iter().filter(|(listed, _)| !has_better(listed)).map(|(listed, at)| film(listed, at)).collect::<Vec<Film>>();
    if films.is_empty() && portraits.is_empty() {
        return None;
    }
    let (made, fields) = (&subject.made, &subject.made.fields);
    let traits = fields["traits"].as_array().into_iter().flatten().filter_map(|one| one.as_str());
    Some(Person {
        id: made.id.clone(),
        name: plain(&made.name, NAME_MAX),
        tagline: plain(fields["tagline"].as_str().unwrap_or_default(), TAGLINE_MAX),
        traits: traits.map(|one| plain(one, TRAIT_MAX)).filter(|one| !one.is_empty()).take(TRAITS_MAX).collect(),
        poster,
        films,
        portraits,
        newest_ms,
    })
}

/// The better the lower: the most finished film of the first dance; then its versions, the dances, and the films of others.
fn rank((asset, _): &Listed) -> Option<(bool, usize, bool)> {
    let kinds = [Kind::WatermarkedVideo, Kind::ScoredVideo, Kind::RemixVideo, Kind::KpopVideo, Kind::OrigVideo, Kind::DanceVideo];
    let rank = kinds.iter().position(|kind| *kind == asset.kind)?;
    Some((on(&asset.title).is_some(), rank, asset.title != PRIMARY))
}

/// The other dance that a set was made from.
fn on(title: &str) -> Option<&str> {
    title.split_once(ON).map(|(_, reference)| reference)
}

fn film((asset, _): &Listed, at: &Address) -> Film {
    let name = match asset.kind {
        Kind::WatermarkedVideo => "Finished film",
        Kind::ScoredVideo => "Remix with music",
        Kind::KpopVideo => "New soundtrack",
        Kind::OrigVideo => "Original sound",
        Kind::DanceVideo => "Dance",
        _ => "Remix",
    };
    let set = match (asset.kind, on(&asset.title)) {
        (Kind::DanceVideo, _) if asset.title != PRIMARY => Some(asset.title.replace('_', " ")),
        (_, Some(reference)) => Some(format!("on {reference}")),
        _ => None,
    };
    let name = set.map_or_else(|| name.to_owned(), |set| format!("{name}, {set}"));
    let length = asset.duration_ms.map_or_else(String::new, |ms| {
        let seconds = (ms + 500) / 1_000;
        format!("{}:{:02}", seconds / 60, seconds % 60)
    });
    Film { name: plain(&name, NAME_MAX), at: at.clone(), length }
}

/// One line of so many letters, without signs that turn or hide what stands around them.
pub(super) fn plain(text: &str, most: usize) -> String {
    let is_hidden = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let shown: String = text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > most { words.chars().take(most - 1).chain(['…']).collect() } else { words }
}
