//! Tests of what one delivery costs, and of what its payment follows.

use crate::{Mode, SqliteStore, rows};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Due, Held, Route, Routes, Wanted};
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::inspect::MediaInfo;
use rushes_core::job::{Asked, NewJob, Outcome};
use rushes_core::store::{Ingested, Jobs, Journal, Lease, Outbox, Room, StepCommit};
use rushes_core::{AssetId, Blob, JobId, JobState, Kind, NewAsset};
use serde_json::json;
use std::sync::Arc;

struct Home {
    store: SqliteStore,
    _folder: tempfile::TempDir,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Route { name: "cloud".into(), prefix: "p/".into(), ..Route::default() };
    let routes = Routes { destinations: vec![cloud], catalogs: vec!["records".into()], ..Routes::default() };
    let store = SqliteStore::open(&folder.path().join("rushes.db"), &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes);
    Home { store: store.unwrap(), _folder: folder }
}

/// A file of these bytes at this path.
fn file(path: &str, byte: u8) -> Ingested {
    let sha256 = format!("{byte:02x}").repeat(32);
    Ingested {
        asset: NewAsset::new(AssetId(SystemClock.new_id()), Kind::WorkspaceImage, "local", ""),
        blob: Blob { sha256, md5: None, crc32c: 7, size_bytes: 1_000, mime: "image/png".into() },
        info: MediaInfo {
            mime: "image/png".into(),
            extension: "png".into(),
            width: Some(8),
            height: Some(8),
            duration_ms: None,
            fps: None,
            has_audio: false,
        },
        path: path.into(),
    }
}

impl Home {
    async fn job(&self) -> Lease {
        let id = JobId(SystemClock.new_id());
        let job = NewJob {
            id,
            workflow: "put".into(),
            version: 1,
            input: json!({}),
            input_hash: "h".into(),
            parent: None,
            root: id,
            in_turn: false,
            collection: None,
            asked: Asked::default(),
        };
        self.store.create(job).await.unwrap();
        self.store.claim("test", Room { all: 1, in_turn: 1 }).await.unwrap().remove(0).lease
    }

    async fn commit(&self, lease: Lease, step: &str, file: Ingested) {
        let commit = StepCommit {
            lease,
            step: step.into(),
            input_hash: String::new(),
            outcome: Outcome::Value(json!({})),
            attempts: 1,
            started_ms: 0,
            provider: None,
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets: vec![file],
        };
        self.store.commit(commit).await.unwrap();
    }

    async fn due(&self, place: &str) -> Vec<Due> {
        self.store.due(place, Wanted { small: 8, large: if place == "records" { 0 } else { 8 }, ..Wanted::default() }).await.unwrap().rows
    }

    async fn prove(&self, due: &Due) {
        let proof = Proof { size_bytes: 1_000, hash: ProofHash::Sha256("00".repeat(32)), etag: None };
        self.store.proven(due, &Held { proof, uri: "memory://x".into(), link: None, rendition: None }).await.unwrap();
    }

    /// Statements the writer was asked since this was asked before.
    async fn asked(&self) -> u32 {
        self.store.write(|_| Ok(rows::ASKED.replace(0))).await.unwrap()
    }
}

#[tokio::test]
async fn outbox_one_delivered_asset_takes_few_statements() {
    let home = home();
    let lease = home.job().await;
    home.asked().await;
    let mut taken = Vec::new();
    home.commit(lease, "put", file("local/a.png", 1)).await;
    taken.push(("commit", home.asked().await));
    home.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
    taken.push(("finish", home.asked().await));
    let object = home.due("cloud").await.remove(0);
    taken.push(("lease object", home.asked().await));
    home.prove(&object).await;
    taken.push(("proven", home.asked().await));
    let record = home.due("records").await.remove(0);
    taken.push(("lease record", home.asked().await));
    home.store.snapshot(&record).await.unwrap();
    taken.push(("snapshot", home.asked().await));
    home.store.recorded(&record).await.unwrap();
    taken.push(("recorded", home.asked().await));
    assert_eq!(home.store.job(lease.job).await.unwrap().state, JobState::Completed);
    let all: u32 = taken.iter().map(|(_, count)| count).sum();
    assert!(all <= 44, "{all}: {taken:?}");
}
