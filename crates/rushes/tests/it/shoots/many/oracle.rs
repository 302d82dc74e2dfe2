//! What holds after many photos were dropped, read from files, records and databases while nothing runs.

use super::pile::{Fate, Pile};
use super::{BUCKET, SHOOT};
use crate::support::program::Program;
use crate::support::stores;
use crate::support::survivor::{Objects, agree, hashes};
use rushes_core::album::{Album, Albums, Photo};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::DeliveryState;
use rushes_core::store::{AssetFilter, Assets, JobFilter, Jobs};
use rushes_core::{Asset, JobState, Kind};
use rushes_store::AlbumFiles;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// How many jobs there are; none of them failed or is still under way.
pub(super) fn jobs(program: &Program) -> usize {
    let store = stores::look(&program.path("home")).unwrap();
    let jobs = wait(store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() })).unwrap();
    let bad: Vec<_> = jobs.iter().filter(|job| job.state != JobState::Completed).collect();
    assert!(bad.is_empty(), "{} of {}: {bad:#?}", bad.len(), jobs.len());
    jobs.len()
}

/// Everything that holds; and how much of what that was.
pub(super) fn check(program: &Program, pile: &Pile, buckets: Option<&Path>, is_recognising: bool) -> String {
    let home = program.path("home");
    dropped_as_they_were(&home, pile);
    let refused = refused_with_reasons(&home, pile);
    let store = stores::look(&home).unwrap();
    let assets = wait(store.assets(&AssetFilter::default())).unwrap();
    let sites = 1 + usize::from(buckets.is_some());
    for (asset, deliveries) in &assets {
        let proven = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Proven).count();
        assert_eq!((deliveries.len(), proven), (sites, sites), "{}", asset.path);
    }
    let of_kind = |kind: Kind| assets.iter().map(|(asset, _)| asset).filter(move |asset| asset.kind == kind);
    let originals: Vec<&Asset> = of_kind(Kind::PhotoOriginal).collect();
    let hashes_of: BTreeSet<String> = originals.iter().map(|asset| asset.blob.sha256.clone()).collect();
    assert_eq!((originals.len(), hashes_of), (pile.good(), pile.hashes()), "each is registered once");
    assert!(originals.iter().all(|asset| asset.version == 1), "none took another's place");

    let album = wait(AlbumFiles::below(home.join("shoots"), Arc::new(SystemClock)).album(SHOOT)).unwrap();
    let counts = wait(album.counts()).unwrap();
    assert_eq!((counts.photos as usize, counts.unsettled), (pile.good(), 0));
    let placed: BTreeMap<String, String> = of_kind(Kind::Photo).map(|asset| (asset.path.clone(), asset.blob.sha256.clone())).collect();
    assert_eq!(placed, wait(decided(album.as_ref())), "each stands with those who are in it");
    assert_eq!(of_kind(Kind::Photo).count(), placed.len());
    let faceless = faceless(&home);
    let expected = if is_recognising { wait(without_faces(album.as_ref())) } else { BTreeSet::new() };
    assert_eq!(faceless, expected, "those of nobody");
    assert_eq!(placed.is_empty(), !is_recognising, "a run in which nobody was found proves nothing");

    let folder = program.path("bucket");
    let mut places: Vec<PathBuf> = vec![folder];
    places.extend(buckets.map(|buckets| buckets.join(BUCKET)));
    for place in places {
        let objects: Objects = Box::new(move || hashes(&place));
        agree(program, Some(&objects));
    }
    let scratch: Vec<PathBuf> = std::fs::read_dir(home.join("scratch")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(scratch.is_empty(), "left in scratch: {scratch:?}");
    let (photos, people, at) = (pile.good(), counts.people, placed.len());
    let dropped = pile.pieces.len();
    format!(
        "{dropped} files dropped, {photos} photos, {refused} refused, {people} people, {at} places, {} without a face, {sites} destinations",
        faceless.len()
    )
}

/// Where photos stand, by what the album has decided: path and hash.
async fn decided(album: &dyn Album) -> BTreeMap<String, String> {
    let mut decided = BTreeMap::new();
    for person in album.people().await.unwrap() {
        for photo in album.photos(Some(person.number), 0, 100_000).await.unwrap() {
            let Photo { number, extension, sha256, group, .. } = photo;
            decided.insert(format!("{SHOOT}/People/{}/{}/{number:06}.{extension}", person.folder, group.name()), sha256);
        }
    }
    decided
}

async fn without_faces(album: &dyn Album) -> BTreeSet<String> {
    let photos = album.photos(None, 0, 100_000).await.unwrap();
    photos.iter().filter(|photo| photo.faces == 0).map(|photo| format!("{:06}.{}", photo.number, photo.extension)).collect()
}

fn faceless(home: &Path) -> BTreeSet<String> {
    let shown = std::fs::read_dir(home.join("shoots").join(SHOOT).join("Admin/NoFaces")).unwrap();
    let shown = shown.map(|entry| entry.unwrap().path());
    shown
        .inspect(|path| assert!(path.is_file(), "{path:?} leads nowhere"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// Nothing was touched, and nothing has come.
fn dropped_as_they_were(home: &Path, pile: &Pile) {
    let incoming = home.join("shoots").join(SHOOT).join("Incoming");
    let mut there = BTreeSet::new();
    let mut folders = vec![incoming.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                there.insert(OsString::from(entry.path().strip_prefix(&incoming).unwrap()));
            }
        }
    }
    assert_eq!(there, pile.names());
    for piece in &pile.pieces {
        let bytes = std::fs::read(incoming.join(&piece.name)).unwrap();
        assert!(bytes == piece.bytes, "{:?} is not what was dropped", piece.name);
    }
}

/// Each that is no photo is there to be found, with a reason in words; nothing else is. Gives how many these are.
fn refused_with_reasons(home: &Path, pile: &Pile) -> usize {
    let own = home.join("shoots").join(SHOOT);
    let (mut reasons, mut links) = (Vec::new(), BTreeSet::new());
    for path in std::fs::read_dir(own.join("Admin/Errors")).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_symlink() {
            assert!(links.insert(std::fs::read_link(&path).unwrap()), "{path:?} is the second for one file");
        } else {
            reasons.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    let mut refused = BTreeSet::new();
    for piece in &pile.pieces {
        let Fate::Refused(words) = piece.fate else { continue };
        // The program names files from where it was started, or in full.
        let path = own.join("Incoming").join(&piece.name);
        let head = format!("{}\n", path.strip_prefix(home.parent().unwrap()).unwrap().display());
        let own: Vec<&String> = reasons.iter().filter(|reason| reason.contains(&head)).collect();
        assert!(matches!(own[..], [reason] if reason.contains(words)), "{:?}: {words}: {own:?}", piece.name);
        refused.insert(path);
    }
    let canonical =
        |paths: &BTreeSet<PathBuf>| -> BTreeSet<PathBuf> { paths.iter().map(|path| std::fs::canonicalize(path).unwrap()).collect() };
    assert_eq!(canonical(&links), canonical(&refused));
    assert_eq!(reasons.len(), refused.len(), "{reasons:#?}");
    refused.len()
}
