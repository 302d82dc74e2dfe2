//! The venue's network goes away while photos come: everything stands here at once, and at S3 and at Drive when it is back; nothing
//! is lost, and nothing is put twice. `RUSHES_CUT_S` says for how long it is away (3 s).

use super::stand::{SHOOT, Stand};
use crate::clouds::stand::Stand as Store;
use crate::support::Places;
use crate::support::survivor::{number, report};
use rushes_core::store::AssetFilter;
use rushes_testkit::chaos::{Only, Weather};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A photo comes so often.
const EVERY: Duration = Duration::from_millis(200);
/// After so many photos, somebody new comes.
const NEW_EVERY: u32 = 6;

/// Who is in the photo of this number: the one who came last, and now and then one more.
fn faces(number: u32) -> Vec<f32> {
    let at = |person: u32| 2.0 * person as f32 + 0.01 * (number % 9) as f32;
    let newest = number / NEW_EVERY;
    let other = number * 7 % (newest + 1);
    if number % 3 == 2 && other != newest { vec![at(newest), at(other)] } else { vec![at(newest)] }
}

/// What a store took, by the log of what stands before it, in which no answer is lost: objects that were put whole, each with how often.
fn puts(store: &Store) -> BTreeMap<String, usize> {
    let mut puts = BTreeMap::new();
    for passed in store.chaos.log() {
        let is_taken = passed.status.is_some_and(|status| (200..300).contains(&status));
        let path = passed.target.split('?').next().unwrap_or_default().to_owned();
        let is_object = match store.name {
            "gdrive" => passed.method == "POST" && path == "/upload/drive/v3/files",
            _ => passed.method == "PUT" && !path.ends_with('/'),
        };
        if is_taken && is_object {
            *puts.entry(path).or_default() += 1;
        }
    }
    puts
}

/// First what is put is there and nobody hears of it, then nothing moves, then every connection breaks at once; a third of the time each.
fn weather(is_gone: Duration, away: Duration, store: &Store) {
    match is_gone.as_millis() * 3 / away.as_millis().max(1) {
        0 => {}
        1 => store.chaos.set(Weather::Stall { after_bytes: 0 }),
        _ => store.chaos.set(Weather::Down),
    }
}

/// Takes photos in from this number on while the stores are away; gives the next number.
async fn photos_come_while_cut(stand: &Stand, stores: &[&Store], first: u32) -> u32 {
    let away = Duration::from_secs(number("RUSHES_CUT_S", 3));
    for (store, method) in stores.iter().flat_map(|store| ["PUT", "POST"].map(|method| (store, method))) {
        store.chaos.set_for(Only::requests(method, ""), Weather::LostAnswer);
    }
    let (began, mut next) = (Instant::now(), first);
    while began.elapsed() < away {
        stores.iter().for_each(|store| weather(began.elapsed(), away, store));
        let photo = stand.take_here(&format!("{next}.png"), next, &faces(next)).await;
        let stands = stand.stands_here(photo).await;
        assert_eq!(stands.len(), faces(next).len(), "photo {next} stands here with everybody in it: {stands:?}");
        next += 1;
        tokio::time::sleep((EVERY * (next - first)).saturating_sub(began.elapsed())).await;
    }
    stores.iter().for_each(|store| store.chaos.set(Weather::Down));
    next
}

/// What is to be at each store: each object, with its hash.
async fn objects_owed(stand: &Stand) -> BTreeMap<String, String> {
    let assets = stand.parts().store.assets(&AssetFilter::default()).await.unwrap();
    assets.into_iter().map(|(asset, _)| (asset.path, asset.blob.sha256)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shoots_lose_nothing_while_the_network_is_away() {
    let (Some(s3), Some(drive)) = (Store::named("s3s-fs").await, Store::named("gdrive").await) else { return };
    let stores = [&s3, &drive];
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::memory(folder.path());
    places.destinations = stores.map(|store| (store.name.to_owned(), store.port())).into();
    let stand = Stand::new(folder.path(), &places).await;
    for number in 0..NEW_EVERY {
        stand.take(&format!("{number}.png"), number, &faces(number)).await;
    }
    stand.agrees().await;
    let next = photos_come_while_cut(&stand, &stores, NEW_EVERY).await;
    let (backlog, made) = (stand.parts().store.backlog().await.unwrap(), objects_owed(&stand).await.len());
    for store in stores {
        let there = store.objects().await.len();
        assert!(backlog[store.name].owed > 0 && there < made, "{}: the network is away, {there} of {made} are there", store.name);
    }
    stores.iter().for_each(|store| store.chaos.set(Weather::Clear));
    // They go on coming while what waited is sent.
    for number in next..next + NEW_EVERY {
        stand.take_here(&format!("{number}.png"), number, &faces(number)).await;
    }
    let photos = next + NEW_EVERY;
    let placed = stand.agrees().await;
    assert_eq!(stand.album().await.counts().await.unwrap().photos, photos, "every photo is there, each once");
    let wanted = objects_owed(&stand).await;
    assert_eq!(wanted.len(), placed.len() + photos as usize);
    let people: BTreeSet<&str> = placed.iter().map(|path| path.split('/').next().unwrap()).collect();
    for store in stores {
        assert_eq!(store.objects().await, wanted, "{}: one object each, with its bytes, and nothing else", store.name);
        let folders = store.folders();
        for path in people.iter().flat_map(|name| ["Solo", "Group"].map(|group| format!("{SHOOT}/People/{name}/{group}"))) {
            assert!(folders.contains(&path), "{}: {path} of {folders:?}", store.name);
        }
        let puts = puts(store);
        match store.name {
            // Each is one address there; Drive has one for all, and what it makes twice it has twice.
            "gdrive" => assert!(puts.values().sum::<usize>() <= wanted.len(), "gdrive: {puts:?}"),
            _ => assert!(puts.values().all(|count| *count == 1), "{}: {puts:?}", store.name),
        }
        assert!(store.chaos.log().iter().any(|passed| passed.weather == "lost answer"), "{}: what was put and not heard of", store.name);
    }
    let seen = format!("{} photos, {} while away, of {} people; {} objects each", photos, next - NEW_EVERY, people.len(), wanted.len());
    report(&format!("a shoot whose network is away for {} s", number("RUSHES_CUT_S", 3)), &seen);
}
