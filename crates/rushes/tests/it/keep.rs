//! What goes and what stays: scratch, garbage, replaced versions, expired kinds, evicted copies, and places that are no
//! longer configured.

use crate::support::{Ahead, Places, Slow, TestEngine, recipes::Recipes};
use rushes_adapters::destinations::file::FileDestination;
use rushes_core::delivery::DeliveryState;
use rushes_core::store::AssetFilter;
use rushes_core::{Code, JobId, JobState};
use rushes_engine::fetch::fetch;
use rushes_engine::keep::{Swept, sweep};
use rushes_engine::{KeepRules, Parts};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

fn file(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_sweeps_garbage_and_old_scratch_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock.clone(), KeepRules::default());
    engine.run("files", json!({"count": 2})).await;
    let failed = engine.run("faulty", json!({"how": "logged refused"})).await;
    engine.settle().await;
    let home = folder.path().join("home");
    let garbage = home.join("blobs/ab").join("c".repeat(62));
    file(&garbage, b"nobody registered this");
    let kept = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0).0.blob.sha256;
    let aside = engine.parts().blobs().path(&kept).with_extension("damaged");
    file(&aside, b"put aside, and the good bytes are here again");
    file(&home.join("scratch/fetching/half"), b"half");
    let blobs = || std::fs::read_dir(home.join("blobs")).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    let before = blobs();
    assert_eq!(sweep(engine.parts(), true).await.unwrap(), Swept::default(), "all of it is young");
    clock.0.store(2 * HOUR_MS, Ordering::SeqCst);
    let swept = sweep(engine.parts(), true).await.unwrap();
    assert_eq!((swept.garbage, swept.scratch), (2, 1));
    assert!(
        !garbage.exists() && !aside.exists() && home.join("scratch").join(failed.id.to_string()).exists(),
        "why a job failed can be read for a week"
    );
    assert_eq!(blobs(), before);
    clock.0.store(8 * 24 * HOUR_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), true).await.unwrap().scratch, 1);
    assert!(!home.join("scratch").join(failed.id.to_string()).exists());
    engine.settle().await;
}

/// Every file below the scratch of a job, with what it says.
fn left(home: &Path, job: JobId) -> Vec<String> {
    let folders = std::fs::read_dir(home.join("scratch").join(job.to_string())).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten());
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_what_the_last_attempt_of_a_failed_job_left() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock.clone(), KeepRules::default());
    let home = folder.path().join("home");
    let failed = engine.run("faulty", json!({"how": "logged"})).await;
    assert_eq!((failed.state, engine.recipes.runs("faulty")), (JobState::Failed, 3));
    assert_eq!(left(&home, failed.id), ["why run 3 failed"], "the last of its attempts, and no other");
    clock.0.store(6 * 24 * HOUR_MS, Ordering::SeqCst);
    sweep(engine.parts(), false).await.unwrap();
    assert_eq!(left(&home, failed.id).len(), 1, "for those who want to know why");
    clock.0.store(8 * 24 * HOUR_MS, Ordering::SeqCst);
    sweep(engine.parts(), false).await.unwrap();
    assert!(!home.join("scratch").join(failed.id.to_string()).exists());

    let cancelled = engine.submit("undo", json!({})).await;
    engine.until("the work has begun", || async { left(&home, cancelled) == ["half a film"] }).await;
    engine.engine.cancel(cancelled).await.unwrap();
    assert_eq!(engine.ended(cancelled).await.state, JobState::Cancelled);
    let scratch = home.join("scratch").join(cancelled.to_string());
    engine.until("nothing of a cancelled job is left", || async { !scratch.exists() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_nothing_of_a_job_that_ended_just_before_the_engine_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let (done, failed) = (engine.run("files", json!({"count": 1})).await, engine.run("faulty", json!({"how": "logged refused"})).await);
    engine.settle().await;
    let home = folder.path().join("home");
    let scratch = home.join("scratch").join(done.id.to_string());
    engine.until("its driver has gone", || async { !scratch.exists() }).await;
    file(&scratch.join("body-00000000-1-1/half"), b"its driver was stopped before it removed this");
    engine.engine.stop().await;
    assert!(!scratch.exists());
    assert!(home.join("scratch").join(failed.id.to_string()).exists(), "why a job failed stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_a_long_look_at_a_file_holds_up_neither_sweeps_nor_reading() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock, slow) = (Places::memory(folder.path()), Arc::new(Ahead::default()), Arc::new(Slow::default()));
    let (inspect, recipes) = (slow.clone(), Recipes::default());
    let engine = TestEngine::start_as(folder.path(), &places, &recipes, clock.clone(), |parts| Parts { inspect, ..parts });
    engine.run("files", json!({"count": 1})).await;
    engine.settle().await;
    let known = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0).0;
    let job = engine.submit("files", json!({"count": 1, "text": "slow", "subject": "kai"})).await;
    engine.until("it is looked at", || async { slow.is_asked.load(Ordering::SeqCst) }).await;
    clock.0.store(2 * HOUR_MS, Ordering::SeqCst);
    let parts = engine.parts().clone();
    let sweeping = tokio::spawn(async move { sweep(&parts, true).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fetched = tokio::time::timeout(Duration::from_secs(10), fetch(engine.parts(), &known.blob)).await;
    assert!(fetched.expect("reading goes on").unwrap().0.exists());
    let swept = tokio::time::timeout(Duration::from_secs(10), sweeping).await;
    swept.expect("the sweep goes on").unwrap().unwrap();
    slow.lets_go.notify_one();
    assert_eq!(engine.ended(job).await.state, JobState::Completed);
    engine.settle().await;
}

/// Registers and reads while it is swept without a pause, at a time so far ahead, with so much kept here.
async fn swept_all_the_time(ahead_ms: i64, blobs_max_bytes: Option<u64>) -> Swept {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    clock.0.store(ahead_ms, Ordering::SeqCst);
    let keep = KeepRules { blobs_max_bytes, ..KeepRules::default() };
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock, keep);
    let is_over = Arc::new(AtomicBool::new(false));
    let sweeping = tokio::spawn({
        let (parts, is_over) = (engine.parts().clone(), is_over.clone());
        async move {
            let mut swept = Swept::default();
            while !is_over.load(Ordering::SeqCst) {
                let more = sweep(&parts, true).await.unwrap();
                (swept.garbage, swept.evicted) = (swept.garbage + more.garbage, swept.evicted + more.evicted);
            }
            swept
        }
    });
    // Equal bytes again and again.
    for round in 0..6 {
        let job = engine.run("files", json!({"count": 4, "subject": format!("mira{round}"), "text": "the same"})).await;
        assert_eq!(job.state, JobState::Completed, "{:?}", job.fault);
        for (asset, _) in engine.parts().store.assets(&AssetFilter::default()).await.unwrap() {
            let (path, pin) = fetch(engine.parts(), &asset.blob).await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(std::fs::metadata(&path).unwrap().len(), asset.blob.size_bytes, "it stays while it is held");
            drop(pin);
        }
    }
    is_over.store(true, Ordering::SeqCst);
    let swept = sweeping.await.unwrap();
    engine.settle().await;
    swept
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_sweeps_at_every_moment_take_nothing_that_is_registered_or_held() {
    // Whatever has no row is old enough to go.
    assert_eq!(swept_all_the_time(2 * HOUR_MS, None).await, Swept::default());
    // Whatever is proven may go.
    assert!(swept_all_the_time(0, Some(1)).await.evicted > 0, "something really went");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "files have the disk's own time")]
async fn keep_sweeps_what_arrived_in_part_and_not_what_is_arriving() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock, KeepRules::default());
    let fetching = engine.parts().home.fetching();
    let (left, arriving) = (fetching.join("left"), fetching.join("arriving"));
    file(&left, b"half");
    file(&arriving, b"half");
    let two_hours_ago = std::time::SystemTime::now() - Duration::from_hours(2);
    for old in [&left, &fetching] {
        std::fs::File::open(old).unwrap().set_modified(two_hours_ago).unwrap();
    }
    // The engine's own first sweep may have been there before.
    sweep(engine.parts(), false).await.unwrap();
    assert!(!left.exists() && arriving.exists(), "a slow download goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_days_are_over_everywhere_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock.clone(), KeepRules::default());
    engine.run("workspace", json!({})).await;
    engine.run("files", json!({"count": 1})).await;
    engine.settle().await;
    let asset = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0).0;
    assert!(
        places.catalog.get("workspace_assets", &asset.id.to_string()).await.unwrap().is_some(),
        "a user's file has a record of its own"
    );
    clock.0.store(6 * 24 * HOUR_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 0);
    clock.0.store(7 * 24 * HOUR_MS + HOUR_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().expired, 1);
    engine.settle().await;
    let (port, key) = (&places.destinations[0].1, format!("base/{}", asset.path));
    assert!(port.stat(&key).await.unwrap().is_none(), "the object is gone");
    assert!(places.catalog.get("workspace_assets", &asset.id.to_string()).await.unwrap().is_none(), "and its record");
    assert_eq!(engine.parts().store.assets(&AssetFilter::default()).await.unwrap().len(), 1, "what is kept for good stays");
    clock.0.store(7 * 24 * HOUR_MS + 3 * HOUR_MS, Ordering::SeqCst);
    sweep(engine.parts(), false).await.unwrap();
    assert!(engine.parts().blobs().existing(&asset.blob.sha256).is_err(), "and its bytes here");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_audits_find_no_fault_with_what_is_evicted_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let keep = KeepRules { blobs_max_bytes: Some(1), ..KeepRules::default() };
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock, keep);
    engine.run("files", json!({"count": 60})).await;
    engine.settle().await;
    let parts = engine.parts().clone();
    let sweeping = tokio::spawn(async move { sweep(&parts, false).await.unwrap() });
    let mut audits = 0;
    while !sweeping.is_finished() || audits == 0 {
        let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
        assert!(audit.clean, "{:?}", audit.findings);
        audits += 1;
    }
    sweeping.await.unwrap();
    let blobs = engine.parts().home.blobs();
    let left = std::fs::read_dir(&blobs).unwrap().flatten().filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flatten().count();
    assert_eq!(left, 0, "all of it went");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_evicts_only_what_is_proven_and_fetches_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let keep = KeepRules { blobs_max_bytes: Some(100), ..KeepRules::default() };
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), Arc::new(Ahead::default()), keep);
    engine.run("files", json!({"count": 5, "text": "x".repeat(60)})).await;
    engine.settle().await;
    let swept = sweep(engine.parts(), false).await.unwrap();
    // The engine's own first sweep may have come in the middle, and taken some of them.
    assert!(swept.evicted <= 4, "five files of 62 bytes, and room for one: {swept:?}");
    let listed = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
    let gone: Vec<_> = listed.iter().filter(|(asset, _)| engine.parts().blobs().existing(&asset.blob.sha256).is_err()).collect();
    assert_eq!(gone.len(), 4);
    engine.settle().await;
    let (asset, _) = gone[0];
    let (path, pin) = fetch(engine.parts(), &asset.blob).await.unwrap();
    sweep(engine.parts(), false).await.unwrap();
    assert!(path.exists(), "what is worked from stays");
    drop(pin);
    assert_eq!(std::fs::metadata(path).unwrap().len(), asset.blob.size_bytes);
    assert!(engine.parts().home.library().join(&asset.path).exists(), "it is shown again");
    // A copy that came back wrong is not taken for the file.
    let (other, _) = gone[1];
    let (port, key) = (&places.destinations[0].1, format!("base/{}", other.path));
    port.delete(&key).await.unwrap();
    let fault = fetch(engine.parts(), &other.blob).await.unwrap_err();
    assert_eq!(fault.code, Code::BlobMissing, "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_a_replaced_version_goes_after_its_successor_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let (places, clock) = (Places::memory(folder.path()), Arc::new(Ahead::default()));
    let engine = TestEngine::start_with(folder.path(), &places, &Recipes::default(), clock.clone(), KeepRules::default());
    engine.run("files", json!({"count": 1, "text": "first"})).await;
    engine.settle().await;
    let first = engine.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0).0;
    engine.run("files", json!({"count": 1, "text": "second"})).await;
    engine.settle().await;
    assert_eq!(sweep(engine.parts(), false).await.unwrap().retired, 0, "someone may still work from it");
    clock.0.store(2 * HOUR_MS, Ordering::SeqCst);
    assert_eq!(sweep(engine.parts(), false).await.unwrap().retired, 1);
    assert!(engine.parts().blobs().existing(&first.blob.sha256).is_err());
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_there_is_a_good_version_at_every_moment_of_a_redo() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::memory(folder.path());
    places.destinations = vec![("folder".into(), Arc::new(FileDestination::new(folder.path().join("bucket"))))];
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    engine.run("files", json!({"count": 1, "text": "version 0"})).await;
    engine.settle().await;
    let watched = [
        folder.path().join("bucket/base/dances/dance_mira_1_cosplay_on_ref0.bin"),
        engine.parts().home.library().join("dances/dance_mira_1_cosplay_on_ref0.bin"),
    ];
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let watcher = std::thread::spawn({
        let (stop, looks) = (stop.clone(), looks.clone());
        move || {
            while !stop.load(Ordering::SeqCst) {
                for path in &watched {
                    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    assert!(text.starts_with("version ") && text.ends_with(" 0"), "half a version: {text:?}");
                }
                looks.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for version in 1..=8 {
        engine.run("files", json!({"count": 1, "text": format!("version {version}")})).await;
        engine.settle().await;
    }
    stop.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
    assert!(looks.load(Ordering::SeqCst) > 100, "it was really looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_what_is_owed_to_a_place_no_longer_configured_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::memory(folder.path());
    let second = Arc::new(FileDestination::new(folder.path().join("second")));
    let both = Places {
        destinations: vec![places.destinations[0].clone(), ("gone".into(), Arc::new(crate::support::Down))],
        kinds: BTreeMap::new(),
        pictures: BTreeMap::new(),
        catalog: places.catalog.clone(),
    };
    let engine = TestEngine::start(folder.path(), &both, &Recipes::default());
    let job = engine.submit("files", json!({"count": 1})).await;
    let store = engine.parts().store.clone();
    engine.until("the workflow has ended", || async { store.job(job).await.unwrap().state == JobState::Delivering }).await;
    engine.engine.stop().await;
    drop(store);
    let next = TestEngine::start(folder.path(), &places, &Recipes::default());
    let ended = next.ended(job).await;
    assert_eq!((ended.state, ended.fault.unwrap().code), (JobState::Failed, Code::DestinationRefused));
    assert_eq!(next.parts().store.backlog().await.unwrap()["gone"].refused, 1, "status shows it");
    let (_, deliveries) = next.parts().store.assets(&AssetFilter::default()).await.unwrap().remove(0);
    let refused = deliveries.iter().find(|delivery| delivery.state == DeliveryState::Refused).unwrap();
    assert!(refused.last_fault.as_ref().unwrap().to_string().contains("no longer in the configuration"));
    next.engine.stop().await;
    // Put back into the configuration, it is delivered.
    places.destinations.push(("gone".into(), second));
    let last = TestEngine::start(folder.path(), &places, &Recipes::default());
    last.settle().await;
    assert_eq!(last.parts().store.job(job).await.unwrap().state, JobState::Completed);
}
