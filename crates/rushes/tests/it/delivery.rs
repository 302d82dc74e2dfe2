//! The promise: what a step makes is at every destination and in its record, whatever the network does meanwhile.

use crate::support::{Places, TestEngine, recipes::Recipes};
use async_trait::async_trait;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_core::destination::{Abilities, Condition, Destination, Listing, Proof, Put};
use rushes_core::store::AssetFilter;
use rushes_core::{Code, Fault, JobState};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A destination that can be down, or refuse for good, and counts its puts.
#[derive(Default)]
struct Moody {
    inner: MemoryDestination,
    is_down: AtomicBool,
    refuses: AtomicBool,
    puts: AtomicU32,
}

#[async_trait]
impl Destination for Moody {
    fn abilities(&self) -> Abilities<'_> {
        self.inner.abilities()
    }
    fn uri(&self, key: &str) -> String {
        self.inner.uri(key)
    }
    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Fault::new(Code::DestinationDown, "put object").because("the test says so"));
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Fault::new(Code::DestinationRefused, "put object").because("storage is full"));
        }
        self.inner.put(put).await
    }
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.inner.stat(key).await
    }
    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        self.inner.get(key, bytes, into).await
    }
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.inner.list(prefix, cursor).await
    }
    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.inner.delete(key).await
    }
    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        self.inner.ensure_folder(key).await
    }
}

struct Cloud {
    folder: tempfile::TempDir,
    primary: Arc<Moody>,
    second: Arc<Moody>,
    places: Places,
}

fn cloud() -> Cloud {
    let folder = tempfile::tempdir().unwrap();
    let (primary, second) = (Arc::new(Moody::default()), Arc::new(Moody::default()));
    let places = Places {
        destinations: vec![("primary".into(), primary.clone()), ("second".into(), second.clone())],
        kinds: BTreeMap::new(),
        pictures: BTreeMap::new(),
        catalog: Arc::new(JsonCatalog::new(folder.path().join("records"))),
    };
    Cloud { folder, primary, second, places }
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_reaches_every_destination_and_the_record() {
    let cloud = cloud();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let job = engine.run("files", json!({"count": 20})).await;
    assert_eq!(job.state, JobState::Completed);
    engine.settle().await;
    let record = cloud.places.catalog.get("characters", "mira_1").await.unwrap().unwrap();
    let sets = record.fields["assets"].as_array().unwrap();
    assert_eq!(sets.len(), 20);
    assert_eq!(sets[0]["title"], "alternate_0");
    assert_eq!(sets[0]["dance_video"], "memory://base/dances/dance_mira_1_cosplay_on_ref0.bin");
    let mirror = cloud.places.catalog.get("pipeline_jobs", &job.id.to_string()).await.unwrap().unwrap();
    assert_eq!(mirror.fields["status"], "completed");
    assert_eq!(cloud.primary.puts.load(Ordering::SeqCst), 20, "no object is sent twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_a_cloud_that_is_down_slows_no_work_and_nothing_is_lost() {
    let cloud = cloud();
    cloud.primary.is_down.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let job = engine.submit("files", json!({"count": 3})).await;
    let store = engine.parts().store.clone();
    engine.until("the workflow has ended", || async { store.job(job).await.unwrap().state == JobState::Delivering }).await;
    assert!(cloud.places.catalog.get("characters", "mira_1").await.unwrap().is_none(), "no record before its objects");
    engine.until("it was tried again", || async { cloud.primary.puts.load(Ordering::SeqCst) > 3 }).await;
    cloud.primary.is_down.store(false, Ordering::SeqCst);
    assert_eq!(engine.ended(job).await.state, JobState::Completed);
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_a_slow_second_destination_does_not_hold_up_the_record() {
    let cloud = cloud();
    cloud.second.is_down.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let job = engine.submit("files", json!({"count": 2})).await;
    engine
        .until("the record names both files", || async {
            let record = cloud.places.catalog.get("characters", "mira_1").await.unwrap();
            record.is_some_and(|record| record.fields["assets"].as_array().is_some_and(|sets| sets.len() == 2))
        })
        .await;
    assert_eq!(engine.parts().store.job(job).await.unwrap().state, JobState::Delivering);
    cloud.second.is_down.store(false, Ordering::SeqCst);
    assert_eq!(engine.ended(job).await.state, JobState::Completed);
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_refused_for_good_fails_the_job_in_words_and_keeps_the_files() {
    let cloud = cloud();
    cloud.second.refuses.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let job = engine.run("files", json!({"count": 1})).await;
    assert_eq!((job.state, job.fault.unwrap().code), (JobState::Failed, Code::DestinationRefused));
    assert!(job.value.is_some(), "the workflow's value stays");
    let (asset, deliveries) = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0);
    let refused = deliveries.iter().find(|delivery| delivery.destination == "second").unwrap();
    assert!(refused.last_fault.as_ref().unwrap().to_string().contains("storage is full"));
    assert!(engine.parts().blobs().existing(&asset.blob.sha256).is_ok());
    assert_eq!(cloud.second.puts.load(Ordering::SeqCst), 1, "what is refused is not tried again by itself");
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    assert!(audit.findings.iter().any(|finding| finding.code == "undelivered" && finding.detail.contains("storage is full")));

    cloud.second.refuses.store(false, Ordering::SeqCst);
    engine.engine.stop().await;
    let next = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    next.settle().await;
    let job = next.parts().store.job(job.id).await.unwrap();
    assert_eq!((job.state, job.fault), (JobState::Completed, None), "what was refused is delivered, so the job is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_a_new_version_replaces_the_old_one_everywhere() {
    let cloud = cloud();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    for (text, version) in [("first", 1), ("second", 2), ("third", 3)] {
        engine.run("files", json!({"count": 1, "text": text})).await;
        engine.settle().await;
        let current = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
        assert_eq!(current.len(), 1, "one current asset at the path");
        assert_eq!(current[0].0.version, version);
        let library = engine.parts().home.library().join(&current[0].0.path);
        assert_eq!(std::fs::read_to_string(library).unwrap(), format!("{text} 0"));
        let into = cloud.folder.path().join(format!("got {version}"));
        cloud.primary.get("base/dances/dance_mira_1_cosplay_on_ref0.bin", None, &into).await.unwrap();
        assert_eq!(std::fs::read_to_string(into).unwrap(), format!("{text} 0"));
    }
    let all = engine.parts().store.assets(&AssetFilter { all_versions: true, ..AssetFilter::default() }).await.unwrap();
    assert_eq!(all.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_versions_made_while_the_cloud_is_down_arrive_in_order() {
    let cloud = cloud();
    cloud.primary.is_down.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let store = engine.parts().store.clone();
    let mut jobs = Vec::new();
    // The first bytes come back as the third version.
    for text in ["first", "second", "first"] {
        let job = engine.submit("files", json!({"count": 1, "text": text})).await;
        engine.until("the workflow has ended", || async { store.job(job).await.unwrap().state == JobState::Delivering }).await;
        jobs.push(job);
    }
    cloud.primary.is_down.store(false, Ordering::SeqCst);
    for job in jobs {
        assert_eq!(engine.ended(job).await.state, JobState::Completed);
    }
    engine.settle().await;
    assert_eq!(store.assets(&AssetFilter::default()).await.unwrap()[0].0.version, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_a_refused_version_never_comes_back_over_a_newer_one() {
    let cloud = cloud();
    cloud.primary.refuses.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    assert_eq!(engine.run("files", json!({"count": 1, "text": "first"})).await.state, JobState::Failed);
    cloud.primary.refuses.store(false, Ordering::SeqCst);
    engine.run("files", json!({"count": 1, "text": "second"})).await;
    engine.settle().await;
    engine.engine.stop().await;
    let next = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    next.settle().await;
    let into = cloud.folder.path().join("got");
    cloud.primary.get("base/dances/dance_mira_1_cosplay_on_ref0.bin", None, &into).await.unwrap();
    assert_eq!(std::fs::read_to_string(into).unwrap(), "second 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_never_overwrites_what_someone_else_put_there() {
    let cloud = cloud();
    let theirs = cloud.folder.path().join("theirs");
    std::io::Write::write_all(&mut std::fs::File::create(&theirs).unwrap(), b"theirs").unwrap();
    let blob = rushes_core::digest::digest(&b"theirs"[..], "").unwrap();
    let key = "base/dances/dance_mira_1_cosplay_on_ref0.bin";
    cloud.primary.put(Put::new(key, &theirs, &blob, Condition::CreateOnly)).await.unwrap();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let job = engine.run("files", json!({"count": 1})).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(cloud.primary.stat(key).await.unwrap().unwrap().proves(&blob), "their object stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_a_library_that_shows_something_else_is_found_and_mended() {
    let cloud = cloud();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    engine.run("files", json!({"count": 2})).await;
    engine.settle().await;
    let parts = engine.parts();
    let (library, blobs, store) = (parts.home.library(), parts.blobs(), parts.store.as_ref());
    let shown = library.join("dances/dance_mira_1_cosplay_on_ref0.bin");
    std::fs::remove_file(&shown).unwrap();
    // As if the crash had come before the link, and no start since.
    store.set_mark(rushes_engine::view::MENDED, 0).await.unwrap();
    assert_eq!(rushes_engine::view::mend(&library, &blobs, store).await.unwrap(), 1);
    std::fs::remove_file(&shown).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(&shown).unwrap(), b"an older version").unwrap();
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    assert_eq!(audit.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["link_missing"]);
    assert_eq!(rushes_engine::view::mend(&library, &blobs, store).await.unwrap(), 0, "a start looks only at what is new");
    let mended = rushes_engine::mend::mend(engine.parts(), &audit).await.unwrap();
    assert_eq!((mended.linked, std::fs::read_to_string(&shown).unwrap().as_str()), (1, "text 0"));
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_equal_bytes_of_two_characters_are_one_object_in_two_records() {
    let cloud = cloud();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let one = engine.submit("files", json!({"count": 2, "subject": "mira"})).await;
    let two = engine.submit("files", json!({"count": 2, "subject": "ren"})).await;
    assert_eq!(engine.ended(one).await.state, JobState::Completed);
    assert_eq!(engine.ended(two).await.state, JobState::Completed);
    engine.settle().await;
    let blobs = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
    assert_eq!(blobs.len(), 4);
    assert_eq!(cloud.primary.list("base/", None).await.unwrap().keys.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_whoever_shares_an_object_waits_for_it_too() {
    let cloud = cloud();
    cloud.second.is_down.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let store = engine.parts().store.clone();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        // The same bytes at the same path, made twice.
        jobs.push(engine.submit("files", json!({"count": 1})).await);
        let job = *jobs.last().unwrap();
        engine.until("the workflow has ended", || async { store.job(job).await.unwrap().state == JobState::Delivering }).await;
    }
    engine.until("it was tried again", || async { cloud.second.puts.load(Ordering::SeqCst) > 2 }).await;
    for job in &jobs {
        assert_eq!(store.job(*job).await.unwrap().state, JobState::Delivering, "what it made is not everywhere yet");
    }
    cloud.second.is_down.store(false, Ordering::SeqCst);
    for job in jobs {
        assert_eq!(engine.ended(job).await.state, JobState::Completed);
    }
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_what_was_refused_for_one_is_tried_for_the_next_and_counts_for_both() {
    let cloud = cloud();
    cloud.second.refuses.store(true, Ordering::SeqCst);
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    let first = engine.run("files", json!({"count": 1})).await;
    assert_eq!(first.state, JobState::Failed);
    let second = engine.run("files", json!({"count": 1})).await;
    assert_eq!((second.state, second.fault.unwrap().code), (JobState::Failed, Code::DestinationRefused), "its file is not there either");
    cloud.second.refuses.store(false, Ordering::SeqCst);
    let third = engine.run("files", json!({"count": 1})).await;
    assert_eq!(third.state, JobState::Completed);
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_audit_finds_what_was_done_behind_our_back() {
    let cloud = cloud();
    let engine = TestEngine::start(cloud.folder.path(), &cloud.places, &Recipes::default());
    engine.run("files", json!({"count": 3})).await;
    engine.settle().await;
    let key = |n: u32| format!("base/dances/dance_mira_1_cosplay_on_ref{n}.bin");
    let other = cloud.folder.path().join("other");
    std::io::Write::write_all(&mut std::fs::File::create(&other).unwrap(), b"other").unwrap();
    let blob = rushes_core::digest::digest(&b"other"[..], "").unwrap();
    let old = cloud.primary.stat(&key(1)).await.unwrap().unwrap();
    cloud.primary.delete(&key(0)).await.unwrap();
    cloud.primary.put(Put::new(&key(1), &other, &blob, Condition::Replace(&old))).await.unwrap();
    cloud.primary.put(Put::new("base/nobody.bin", &other, &blob, Condition::CreateOnly)).await.unwrap();
    cloud.places.catalog.delete("characters", "mira_1").await.unwrap();
    let path = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(2).0.path;
    std::fs::remove_file(engine.parts().home.library().join(path)).unwrap();
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    let mut codes: Vec<&str> = audit.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["changed", "link_missing", "missing", "orphaned", "record_missing"]);
}
