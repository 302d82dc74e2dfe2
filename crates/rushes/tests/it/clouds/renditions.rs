//! Where a destination asks for smaller pictures: what it holds is a rendition with a hash of its own, proven by that, and
//! never taken for the asset.

use crate::support::{Places, TestEngine, recipes::Recipes};
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::{Delivery, Pictures};
use rushes_core::destination::Destination;
use rushes_core::digest::{digest, digest_without_md5};
use rushes_core::record::Listed;
use rushes_core::store::AssetFilter;
use rushes_core::{Blob, Code, Kind};
use rushes_engine::KeepRules;
use rushes_engine::audit::audit;
use rushes_engine::fetch::fetch;
use rushes_engine::keep::sweep;
use rushes_engine::mend::mend;
use rushes_engine::restore::prove;
use rushes_engine::verify::verify;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

const SMALL: Pictures = Pictures { max_px: 128, quality: 80 };
const PICTURE: &str = "base/characters/ana.png";
const RENDITION: &str = "base/characters/ana.png.jpg";

/// Two places, the second of which asks for smaller pictures.
fn two(folder: &Path) -> (Arc<MemoryDestination>, Arc<MemoryDestination>, Places) {
    let (own, web) = (Arc::new(MemoryDestination::default()), Arc::new(MemoryDestination::default()));
    let mut places = Places::memory(folder);
    places.destinations = vec![("own".into(), own.clone()), ("web".into(), web.clone())];
    places.pictures.insert("web".into(), SMALL);
    (own, web, places)
}

/// An engine that keeps nothing here that may go.
fn start(folder: &Path, places: &Places) -> TestEngine {
    let keep = KeepRules { blobs_max_bytes: Some(1), ..KeepRules::default() };
    TestEngine::start_with(folder, places, &Recipes::default(), Arc::new(SystemClock), keep)
}

async fn of(engine: &TestEngine, kind: Kind) -> Listed {
    engine.parts().store.assets(&AssetFilter { kind: Some(kind), ..AssetFilter::default() }).await.unwrap().remove(0)
}

fn at<'a>(deliveries: &'a [Delivery], name: &str) -> &'a Delivery {
    deliveries.iter().find(|delivery| delivery.destination == name).unwrap()
}

async fn bytes(port: &MemoryDestination, key: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    port.get(key, None, &folder.path().join("got")).await.unwrap();
    std::fs::read(folder.path().join("got")).unwrap()
}

/// The rendition there is, after looking whether it is what it says.
async fn rendition(engine: &TestEngine, web: &MemoryDestination) -> Blob {
    let (asset, deliveries) = of(engine, Kind::AnimeImage).await;
    let web_one = at(&deliveries, "web");
    let held = web_one.rendition.clone().expect("the picture is a rendition there");
    assert_eq!((web_one.key.as_str(), held.mime.as_str()), (RENDITION, "image/jpeg"));
    assert!(web_one.proof.as_ref().unwrap().proves(&held) && held.size_bytes < asset.blob.size_bytes / 4);
    let there = bytes(web, RENDITION).await;
    assert_eq!(digest(&there[..], "image/jpeg").unwrap(), held);
    let shown = image::load_from_memory_with_format(&there, image::ImageFormat::Jpeg).unwrap();
    assert_eq!((shown.width(), shown.height()), (128, 96));
    held
}

async fn is_clean(engine: &TestEngine) {
    engine.settle().await;
    let verified = verify(engine.parts(), true, &|_| {}).await.unwrap();
    assert_eq!((verified.equal, verified.differing), (6, Vec::<String>::new()));
    let left = std::fs::read_dir(engine.parts().home.renditions()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "a rendition goes when it is proven");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_renditions_are_proven_and_never_taken_for_the_asset() {
    let folder = tempfile::tempdir().unwrap();
    let (own, web, places) = two(folder.path());
    let engine = start(folder.path(), &places);
    engine.run("pictures", json!({"shade": 0})).await;
    is_clean(&engine).await;
    let first = rendition(&engine, &web).await;
    for kind in [Kind::IconSticker, Kind::DanceVideo] {
        let (asset, deliveries) = of(&engine, kind).await;
        assert!(deliveries.iter().all(|delivery| delivery.rendition.is_none() && delivery.key == format!("base/{}", asset.path)));
    }
    let (asset, deliveries) = of(&engine, Kind::AnimeImage).await;
    assert_eq!((at(&deliveries, "own").key.as_str(), &at(&deliveries, "own").rendition), (PICTURE, &None));
    let record = places.catalog.get("assets", &asset.id.to_string()).await.unwrap().unwrap();
    assert_eq!(record.fields["uri"], json!(own.uri(PICTURE)), "records tell of the original");

    let empty = tempfile::tempdir().unwrap();
    let proven = prove(engine.parts(), empty.path(), &|_| {}).await.unwrap();
    assert_eq!((proven.files, proven.lost, proven.unrecorded), (3, Vec::new(), Vec::new()));

    assert_eq!(sweep(engine.parts(), false).await.unwrap().evicted, 3);
    let (path, pin) = fetch(engine.parts(), &asset.blob).await.unwrap();
    assert_eq!(digest_without_md5(std::fs::File::open(path).unwrap(), "image/png").unwrap(), asset.blob);
    drop(pin);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().evicted, 1);
    // What is gone there is made again of the original, byte for byte.
    web.delete(RENDITION).await.unwrap();
    let found = audit(engine.parts(), false).await.unwrap();
    assert_eq!(found.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["missing"]);
    assert_eq!(mend(engine.parts(), &found).await.unwrap().owed, 1);
    is_clean(&engine).await;
    assert_eq!(rendition(&engine, &web).await, first);
    // With the original gone, the rendition is no help.
    sweep(engine.parts(), false).await.unwrap();
    own.delete(PICTURE).await.unwrap();
    assert_eq!(fetch(engine.parts(), &asset.blob).await.unwrap_err().code, Code::NotFound);

    engine.run("pictures", json!({"shade": 100})).await;
    is_clean(&engine).await;
    assert_ne!(rendition(&engine, &web).await, first, "a newer version replaces its rendition");
    assert_eq!(web.list("", None).await.unwrap().keys.len(), 3);
}

/// The only original stays here, however little is to be kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_renditions_alone_let_no_original_go() {
    let folder = tempfile::tempdir().unwrap();
    let (_, web, mut places) = two(folder.path());
    places.destinations.remove(0);
    let engine = start(folder.path(), &places);
    engine.run("pictures", json!({"shade": 0})).await;
    engine.settle().await;
    rendition(&engine, &web).await;
    assert_eq!(sweep(engine.parts(), false).await.unwrap().evicted, 2, "the sticker and the film");
    let (asset, _) = of(&engine, Kind::AnimeImage).await;
    assert!(engine.parts().blobs().existing(&asset.blob.sha256).is_ok());
}

/// What went there before stays what it is; also where it has to be sent once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_renditions_begin_with_what_is_delivered_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_, web, places) = two(folder.path());
    let mut before = places.clone();
    before.pictures.clear();
    let engine = start(folder.path(), &before);
    engine.run("pictures", json!({"shade": 0})).await;
    is_clean(&engine).await;
    engine.engine.stop().await;
    let engine = start(folder.path(), &places);
    is_clean(&engine).await;
    web.delete(PICTURE).await.unwrap();
    mend(engine.parts(), &audit(engine.parts(), false).await.unwrap()).await.unwrap();
    is_clean(&engine).await;
    let (asset, deliveries) = of(&engine, Kind::AnimeImage).await;
    assert!(at(&deliveries, "web").rendition.is_none() && at(&deliveries, "web").key == PICTURE);
    assert_eq!(digest_without_md5(&bytes(&web, PICTURE).await[..], "image/png").unwrap(), asset.blob);
}
