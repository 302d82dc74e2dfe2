//! `route`: what an album has decided becomes so: folders, photos in them, records of people; here and at every destination. What
//! stands otherwise is taken away. Done twice, it changes nothing.

use crate::kit::{Kit, Shoots, blocking};
use crate::registry::Card;
use rushes_core::album::{Group, Photo, Settled, Wanted, WantedPerson, WantedPhoto};
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::folder::NewFolder;
use rushes_core::inspect::{Looked, MediaInfo};
use rushes_core::kinds::Names;
use rushes_core::store::AssetFilter;
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Asset, Done, Fault, Kind, NewAsset, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What the registry says of it.
pub const CARD: Card = Card { name: "route", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Photos in one transaction: others write in between.
const AT_ONCE: u32 = 20;
/// More than any shoot needs.
const PASSES_MAX: usize = 100_000;

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its id.
    pub shoot: String,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let photos = carry_out(flow, kit, &input.shoot, &[], "").await?;
    Ok(json!({"photos": photos}))
}

/// The id of a person of a shoot: it says nothing of who that is.
#[must_use]
pub fn person_id(shoot: &str, number: u32) -> String {
    format!("{shoot}-p{number:04}")
}

/// Carries out what is wanted: of these photos, or of all, in steps whose names begin so. Gives how many photos that were.
pub(crate) async fn carry_out<F: Flow>(flow: &F, kit: &Kit, shoot: &str, photos: &[u32], named: &str) -> Result<usize, Stop> {
    let (mut carried, mut before) = (0, Settled::default());
    for pass in 0..PASSES_MAX {
        // Until its transaction is written, nobody else carries out the same.
        let _turn = kit.shoots.turns.take(shoot).await;
        let (shoots, place, only) = (kit.shoots.clone(), shoot.to_owned(), photos.to_vec());
        let routed =
            flow.step(Step::new(format!("{named}route {pass}")), move |context: StepContext| route(context, shoots, place, only)).await?;
        // Nothing, or the same people once more: they are in photos that are not registered yet.
        if routed == Settled::default() || routed == before {
            break;
        }
        carried += routed.photos.len();
        before.clone_from(&routed);
        let (albums, place) = (kit.shoots.albums.clone(), shoot.to_owned());
        flow.step(Step::new(format!("{named}settle {pass}")), move |_: StepContext| async move {
            albums.album(&place).await?.settle(routed).await?;
            Ok(Done::value(()))
        })
        .await?;
    }
    Ok(carried)
}

async fn route(context: StepContext, shoots: Shoots, shoot: String, photos: Vec<u32>) -> Result<Done<Settled>, Stop> {
    let wanted = shoots.albums.album(&shoot).await?.wanted(&photos, AT_ONCE).await?;
    let mut done = Done::value(Settled::default());
    for person in &wanted.people {
        known(&context, &shoot, person, &mut done).await?;
        // Folders go when no photo is left in them: with the last of the photos.
        let is_last = !wanted.has_more || comes_back(person);
        if is_last {
            leave(&shoot, person, &mut done);
        }
        if is_last || person.left.is_empty() && person.left_here.is_empty() {
            done.value.people.push((person.number, person.rev));
        }
    }
    for photo in &wanted.photos {
        // One that is just being taken, or was when a process ended, is placed by whoever takes it.
        if place(&context, &shoot, &wanted, photo, &mut done).await? {
            done.value.photos.push((photo.photo.number, photo.rev));
        }
    }
    Ok(done)
}

/// Has the folders go that a person had.
fn leave(shoot: &str, person: &WantedPerson, done: &mut Done<Settled>) {
    let (id, people) = (person_id(shoot, person.number), format!("{shoot}/People"));
    let left = person.left.iter().map(|left| (Kind::Photo, left)).chain(person.left_here.iter().map(|left| (Kind::PhotoHere, left)));
    for (kind, left) in left {
        let gone = |path: String| NewFolder::new(kind, &id, path);
        done.folders_gone.extend([Group::Solo, Group::Group].map(|group| gone(format!("{people}/{left}/{}", group.name()))));
        done.folders_gone.push(gone(format!("{people}/{left}")));
    }
}

/// Has the person's record say who they are, and their folders be there before any photo.
async fn known(context: &StepContext, shoot: &str, person: &WantedPerson, done: &mut Done<Settled>) -> Result<(), Fault> {
    let id = person_id(shoot, person.number);
    let there = context.library.subject(&id).await?;
    // A number that stands for nobody any more keeps its record, which names nobody.
    let (name, folder) = person.shown.clone().unwrap_or_default();
    let people = format!("{shoot}/People");
    if person.shown.is_some() && !comes_back(person) {
        let made = |group: Group| NewFolder::new(kind_of(person), &id, format!("{people}/{folder}/{}", group.name()));
        done.folders.extend([Group::Solo, Group::Group].map(made));
    }
    // Who is on this machine alone has no record, or one that names nobody.
    let is_told = person.shown.is_some() && !person.is_here;
    let (name, folder) = if is_told { (name, folder) } else { Default::default() };
    let fields = json!({"shoot": shoot, "folder": folder, "is_gone": !is_told});
    let subject = NewSubject { slug: id.clone(), id, subject_type: SubjectType::Person, name, fields };
    match there {
        None if is_told => {
            done.subjects.push(subject.clone());
            done.renewed.push(subject);
        }
        Some(there) if there.made != subject => done.renewed.push(subject),
        _ => {}
    }
    Ok(())
}

/// Of what kind the photos in somebody's folders are.
fn kind_of(person: &WantedPerson) -> Kind {
    if person.is_here { Kind::PhotoHere } else { Kind::Photo }
}

/// Whether they were elsewhere, too, under the name they have, and are here alone from now on: first all of it goes.
fn comes_back(person: &WantedPerson) -> bool {
    person.is_here && person.shown.as_ref().is_some_and(|(_, folder)| person.left.contains(folder))
}

/// Has a photo stand in the folders of those who are in it, and in no other. False where that is not yet so: it is entered and not
/// registered, or what goes from a place must be gone before another kind of photo comes there.
async fn place(context: &StepContext, shoot: &str, wanted: &Wanted, photo: &WantedPhoto, done: &mut Done<Settled>) -> Result<bool, Stop> {
    let WantedPhoto { photo, people, .. } = photo;
    let mut standing: Vec<Asset> = Vec::new();
    for kind in [Kind::Photo, Kind::PhotoHere] {
        let made = AssetFilter { kind: Some(kind), parent: Some(photo.first), ..AssetFilter::default() };
        standing.extend(context.library.assets(&made).await?.into_iter().map(|(asset, _)| asset));
    }
    let mut is_whole = true;
    let mut places: BTreeMap<String, (Kind, String, Names)> = BTreeMap::new();
    for person in wanted.people.iter().filter(|person| people.contains(&person.number)) {
        let Some((_, folder)) = &person.shown else { continue };
        if comes_back(person) {
            is_whole = false;
            continue;
        }
        let name = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let names =
            [name("shoot", shoot), name("person", folder), name("group", photo.group.name()), name("photo", &Photo::stem(photo.number))];
        let names: Names = names.into_iter().collect();
        let id = person_id(shoot, person.number);
        places.insert(kind_of(person).stem(&id, &names)?, (kind_of(person), id, names));
    }
    let mut gone = Vec::new();
    for asset in standing {
        let stem = asset.reference().stem;
        // What is edited takes the place of what it was, unless it is of another type.
        let is_of_place = |(kind, id, _): &(Kind, String, Names)| *kind == asset.kind && *id == asset.subject;
        let is_there = asset.path == format!("{stem}.{}", photo.extension) && places.get(&stem).is_some_and(is_of_place);
        if places.get(&stem).is_some_and(|(kind, ..)| *kind != asset.kind) {
            is_whole = false;
            places.remove(&stem);
            gone.push(asset.id);
        } else if is_there && asset.blob.sha256 == photo.sha256 {
            places.remove(&stem);
        } else if !is_there {
            gone.push(asset.id);
        }
    }
    if places.is_empty() {
        done.gone.extend(gone);
        return Ok(is_whole);
    }
    let Some((blob, looked)) = original(context, photo).await? else { return Ok(false) };
    done.gone.extend(gone);
    for (kind, id, names) in places.into_values() {
        let file = context.scratch()?.join(format!("{}", done.made.len()));
        let (from, into) = (blob.clone(), file.clone());
        blocking(move || same_bytes(&from, &into)).await?;
        let idx = u32::try_from(done.made.len()).unwrap_or(u32::MAX);
        let mut asset: NewAsset = context.new_asset(kind, &id, file).names(&names).idx(idx).looked(Some(looked.clone()));
        asset.parents.push(photo.first);
        done.made.push(asset);
    }
    Ok(is_whole)
}

/// The bytes of a photo, and what was found of them; None before they are registered.
async fn original(context: &StepContext, photo: &Photo) -> Result<Option<(std::path::PathBuf, Looked)>, Stop> {
    let filter = AssetFilter { id: Some(photo.original), all_versions: true, ..AssetFilter::default() };
    let Some((asset, _)) = context.library.assets(&filter).await?.pop() else { return Ok(None) };
    let path = context.library.path_of(asset.id).await?;
    let info = MediaInfo {
        mime: asset.blob.mime.clone(),
        extension: photo.extension.clone(),
        width: asset.width,
        height: asset.height,
        duration_ms: None,
        fps: None,
        has_audio: false,
    };
    Ok(Some((path, Looked { info, blob: asset.blob })))
}

/// A second name for the same bytes where the disk has such; they are read-only.
#[expect(clippy::disallowed_methods, reason = "within scratch")]
fn same_bytes(from: &Path, into: &Path) -> Result<(), Fault> {
    if std::fs::hard_link(from, into).is_err() {
        std::fs::copy(from, into).map_err(|e| Fault::io("copy photo", from, &e))?;
    }
    Ok(())
}
