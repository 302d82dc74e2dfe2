//! Tests of equal bytes at one destination: one is sent, the others wait for it; what goes stays until it is copied.

use crate::SqlStore;
use crate::stand::{self, Look, new_job};
use crate::store::Mode;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Due, Held, Route, Routes, Wanted, Work};
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::inspect::MediaInfo;
use rushes_core::job::Outcome;
use rushes_core::store::{Ingested, Jobs, Journal, Lease, Outbox, Room, StepCommit};
use rushes_core::{AssetId, Blob, Code, Fault, JobState, Kind, NewAsset};
use serde_json::json;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    _folder: tempfile::TempDir,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let destinations = vec![Route { name: "cloud".into(), ..Route::default() }];
    let routes = Routes { destinations, catalogs: vec!["records".into()], ..Routes::default() };
    let path = folder.path().join("rushes.db");
    let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
    Home { store, sql: stand::look(&path), _folder: folder }
}

/// Files of these bytes at these paths, in one step.
fn files(paths: &[&str], byte: u8, size_bytes: u64) -> Vec<Ingested> {
    let blob = Blob { sha256: format!("{byte:02x}").repeat(32), md5: None, crc32c: 7, size_bytes, mime: "image/jpeg".into() };
    let info = MediaInfo {
        mime: "image/jpeg".into(),
        extension: "jpg".into(),
        width: Some(8),
        height: Some(8),
        duration_ms: None,
        fps: None,
        has_audio: false,
    };
    let file = |(idx, path): (usize, &&str)| {
        let mut asset = NewAsset::new(AssetId(SystemClock.new_id()), Kind::WorkspaceImage, "local", "");
        asset.idx = u32::try_from(idx).unwrap();
        Ingested { asset, blob: blob.clone(), info: info.clone(), path: (*path).into() }
    };
    paths.iter().enumerate().map(file).collect()
}

const PHOTO_BYTES: u64 = 4_000_000;

impl Home {
    async fn commit(&self, name: &str, assets: Vec<Ingested>, gone: Vec<AssetId>) -> Lease {
        self.store.create(new_job("route")).await.unwrap();
        let lease = self.store.claim("test", Room { all: 1, in_turn: 1, own_files_only: false }).await.unwrap().remove(0).lease;
        let commit = StepCommit {
            lease,
            step: name.into(),
            input_hash: String::new(),
            outcome: Outcome::Value(json!({})),
            attempts: 1,
            started_ms: 0,
            provider: None,
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets,
            shown: Vec::new(),
            gone,
            folders: Vec::new(),
            folders_gone: Vec::new(),
        };
        self.store.commit(commit).await.unwrap();
        self.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
        lease
    }

    async fn due(&self) -> Vec<Due> {
        self.store.due("cloud", Wanted { small: 8, large: 8, ..Wanted::default() }).await.unwrap().rows
    }

    async fn prove(&self, due: &Due) {
        let proof = Proof { size_bytes: PHOTO_BYTES, hash: ProofHash::Md5("ab".repeat(16)), etag: Some("e1".into()) };
        self.store.proven(due, &Held { proof, uri: "memory://x".into(), link: None, rendition: None }).await.unwrap();
    }

    async fn pay_records(&self) {
        loop {
            let due = self.store.due("records", Wanted { small: 8, ..Wanted::default() }).await.unwrap().rows;
            if due.is_empty() {
                return;
            }
            for due in due {
                if matches!(due.work, Work::PutRecord { .. }) {
                    self.store.snapshot(&due).await.unwrap();
                }
                self.store.recorded(&due).await.unwrap();
            }
        }
    }
}

fn keys(due: &[Due]) -> Vec<String> {
    let said = |due: &Due| match &due.work {
        Work::PutObject { key, .. } => format!("put {key}"),
        Work::DeleteObject { key } => format!("delete {key}"),
        other => panic!("{other:?}"),
    };
    due.iter().map(said).collect()
}

/// Of each object, whether it is said that its bytes are at the destination already.
fn are_elsewhere(due: &[Due]) -> Vec<bool> {
    due.iter().map(|due| matches!(due.work, Work::PutObject { is_elsewhere: true, .. })).collect()
}

#[tokio::test]
async fn copies_of_one_photo_wait_for_the_first_and_know_where_it_is() {
    let home = home();
    home.commit("photo", files(&["Ana/1.jpg", "Ben/1.jpg", "Cleo/1.jpg"], 1, PHOTO_BYTES), Vec::new()).await;
    home.commit("others", files(&["Ana/2.jpg", "Ben/2.jpg"], 2, 1_000), Vec::new()).await;
    let due = home.due().await;
    assert_eq!(keys(&due), ["put Ana/1.jpg", "put Ana/2.jpg", "put Ben/2.jpg"], "small ones are sent sooner than copied");
    assert_eq!(are_elsewhere(&due), [false; 3]);
    assert_eq!(home.store.elsewhere(&due[0]).await.unwrap(), None);
    let rings = home.store.watch().place("cloud");
    let before = *rings.borrow();
    home.prove(&due[0]).await;
    // The bells ring after the answer; the next answer comes after them.
    home.store.due("nowhere", Wanted::default()).await.unwrap();
    assert!(*rings.borrow() > before, "whoever waits for it is told");
    let copies = home.due().await;
    assert_eq!((keys(&copies), are_elsewhere(&copies)), (vec!["put Ben/1.jpg".into(), "put Cleo/1.jpg".into()], vec![true; 2]));
    home.prove(&due[1]).await;
    home.commit("small", files(&["Cleo/2.jpg"], 2, 1_000), Vec::new()).await;
    assert_eq!(are_elsewhere(&home.due().await), [false], "not worth a look");
    let (from, proof) = home.store.elsewhere(&copies[0]).await.unwrap().unwrap();
    assert_eq!((from.as_str(), proof.etag.as_deref()), ("Ana/1.jpg", Some("e1")));
}

#[tokio::test]
async fn copies_do_not_wait_for_what_was_refused() {
    let home = home();
    home.commit("photo", files(&["Ana/1.jpg", "Ben/1.jpg"], 1, PHOTO_BYTES), Vec::new()).await;
    let due = home.due().await;
    home.store.failed(&due[0], &Fault::new(Code::DestinationRefused, "put object"), None).await.unwrap();
    let second = home.due().await;
    assert_eq!(keys(&second), ["put Ben/1.jpg"]);
    assert_eq!(home.store.elsewhere(&second[0]).await.unwrap(), None, "it is sent");
}

#[tokio::test]
async fn copies_are_made_before_what_they_are_made_of_goes() {
    for is_refused in [false, true] {
        let home = home();
        let photo = files(&["John/1.jpg"], 1, PHOTO_BYTES);
        let id = photo[0].asset.id;
        home.commit("photo", photo, Vec::new()).await;
        home.prove(&home.due().await[0]).await;
        home.pay_records().await;
        let lease = home.commit("rename", files(&["Jane/1.jpg"], 1, PHOTO_BYTES), vec![id]).await;
        home.pay_records().await;
        let due = home.due().await;
        assert_eq!(keys(&due), ["put Jane/1.jpg"], "the old one stays until the new one is there");
        assert_eq!(are_elsewhere(&due), [true]);
        assert_eq!(home.store.elsewhere(&due[0]).await.unwrap().unwrap().0, "John/1.jpg");
        if is_refused {
            home.store.failed(&due[0], &Fault::new(Code::DestinationRefused, "put object"), None).await.unwrap();
        } else {
            home.prove(&due[0]).await;
        }
        home.pay_records().await;
        let gone = home.due().await;
        assert_eq!(keys(&gone), ["delete John/1.jpg"]);
        assert_eq!(home.store.elsewhere(&due[0]).await.unwrap(), None, "nobody copies what is just being removed");
        home.store.recorded(&gone[0]).await.unwrap();
        let state = home.store.job(lease.job).await.unwrap().state;
        assert_eq!(state, if is_refused { JobState::Failed } else { JobState::Completed });
        assert_eq!(home.sql.number("SELECT count(*) FROM outbox WHERE state IN ('owed', 'sending')"), 0);
    }
}

#[tokio::test]
async fn copies_are_of_what_was_proven_last_and_never_of_renditions() {
    let home = home();
    home.commit("photo", files(&["Ana/1.jpg"], 1, PHOTO_BYTES), Vec::new()).await;
    home.prove(&home.due().await[0]).await;
    home.commit("other", files(&["Ana/1.jpg"], 2, PHOTO_BYTES), Vec::new()).await;
    home.commit("copy", files(&["Ben/1.jpg"], 1, PHOTO_BYTES), Vec::new()).await;
    let due = home.due().await;
    assert_eq!(keys(&due), ["put Ana/1.jpg", "put Ben/1.jpg"]);
    assert_eq!(home.store.elsewhere(&due[1]).await.unwrap(), None, "another version is about to be there");
    home.prove(&due[1]).await;
    home.commit("third", files(&["Cleo/1.jpg"], 1, PHOTO_BYTES), Vec::new()).await;
    let third = home.due().await;
    assert_eq!(home.store.elsewhere(&third[0]).await.unwrap().unwrap().0, "Ben/1.jpg");
    home.sql.execute("UPDATE deliveries SET rendition = '{}' WHERE key = 'Ben/1.jpg'", crate::sql::value::NONE).unwrap();
    assert_eq!(home.store.elsewhere(&third[0]).await.unwrap(), None);
}
