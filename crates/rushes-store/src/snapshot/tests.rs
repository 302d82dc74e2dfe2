//! Tests of the numbers that records are written under.

use crate::stand;
use crate::{Mode, SqlStore, fill};
use rushes_core::catalog::Record;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::{Due, Link, Route, Routes, Wanted};
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::kinds::kept_days;
use rushes_core::store::{AssetFilter, Assets, Found, Loose, Outbox, Owe, Upkeep};
use rushes_core::{Asset, Kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Home {
    store: SqlStore,
    path: PathBuf,
    folder: tempfile::TempDir,
}

fn open(path: &Path) -> SqlStore {
    let cloud = Route { name: "cloud".into(), prefix: "p/".into(), ..Route::default() };
    let routes = Routes { destinations: vec![cloud], catalogs: vec!["records".into(), "tables".into()], ..Routes::default() };
    stand::open(path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap()
}

impl Home {
    /// Files of users, each proven at `cloud`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rushes.db");
        fill::fill(&path, 0, 100, ("cloud", "p/"), "records").unwrap();
        stand::look(&path).execute("UPDATE assets SET kind = ?1", [Kind::WorkspaceImage.name()]).unwrap();
        Self { store: open(&path), path, folder }
    }

    /// As a kill and a new start leave it.
    fn again(self) -> Self {
        let Self { store, path, folder } = self;
        drop(store);
        Self { store: open(&path), path, folder }
    }

    /// What is owed to a catalog, and what it is to be told.
    async fn taken(&self, catalog: &str) -> (Due, Record) {
        let due = self.store.due(catalog, Wanted { small: 8, ..Wanted::default() }).await.unwrap().rows.remove(0);
        let record = self.store.snapshot(&due).await.unwrap().unwrap();
        (due, record)
    }

    /// Another address for others, of which the asset's record tells.
    async fn relink(&self, asset: &Asset, until_ms: i64) {
        let filter = AssetFilter { id: Some(asset.id), ..AssetFilter::default() };
        let (_, deliveries) = self.store.assets(&filter).await.unwrap().remove(0);
        let link = Link { url: format!("https://cloud/{until_ms}"), until_ms: Some(until_ms) };
        self.store.relink(&deliveries[0], &link).await.unwrap();
    }
}

/// One that was written and not paid is written again after a kill: with what has changed meanwhile, under a number that a
/// catalog does not take for the one it knows.
#[tokio::test]
async fn snapshot_of_a_single_asset_never_tells_two_things_under_one_number() {
    let mut home = Home::new();
    let asset = home.store.assets(&AssetFilter::default()).await.unwrap().remove(0).0;
    for catalog in ["records", "tables"] {
        let (catalog, collection, id) = (catalog.to_owned(), "workspace_assets".to_owned(), asset.id.to_string());
        home.store.owe(&Owe::Record { catalog, collection, id, above: 40 }).await.unwrap();
    }
    let mut told: Vec<Record> = Vec::new();
    for round in 1..4 {
        for catalog in ["records", "tables"] {
            told.push(home.taken(catalog).await.1);
        }
        home = home.again();
        home.relink(&asset, round).await;
    }
    for catalog in ["records", "tables"] {
        let (due, record) = home.taken(catalog).await;
        told.push(record);
        home.store.recorded(&due).await.unwrap();
    }
    home.relink(&asset, 9).await;
    told.push(home.taken("records").await.1);
    assert!(told[0].rev > 40, "beyond what its catalog has: {}", told[0].rev);
    for pair in told.windows(2) {
        assert!(pair[1].rev > pair[0].rev, "{} after {}: {:#}", pair[1].rev, pair[0].rev, pair[1].fields);
    }
    assert_eq!(told.last().unwrap().fields["signed_url"], "https://cloud/9", "{:#}", told.last().unwrap().fields);
}

/// A home that knows an asset from its record alone goes on above the number that record has, and takes it away in the end.
#[tokio::test]
async fn snapshot_of_a_restored_asset_goes_on_above_its_record() {
    let home = Home::new();
    let there = home.store.assets(&AssetFilter::default()).await.unwrap().remove(0).0;
    let proof = Proof { size_bytes: there.blob.size_bytes, hash: ProofHash::Sha256(there.blob.sha256.clone()), etag: None };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    let restored = Home { store: open(&path), path, folder };
    let found = Found {
        subject: None,
        rev: 41,
        key: format!("p/{}", there.path),
        uri: "mem://cloud/x".into(),
        destination: "cloud".into(),
        asset: there.clone(),
        proof,
    };
    assert!(restored.store.adopt(&found).await.unwrap());
    let backlog = restored.store.backlog().await.unwrap();
    assert!(backlog.get("records").is_none_or(|of| of.owed == 0), "its record stands: {backlog:?}");
    restored.relink(&there, 9).await;
    for catalog in ["records", "tables"] {
        let (due, record) = restored.taken(catalog).await;
        assert!(record.rev > 41, "{catalog}: {}", record.rev);
        restored.store.recorded(&due).await.unwrap();
    }
    assert_eq!(restored.store.expire(&kept_days()).await.unwrap(), 1, "it was made long ago");
    for catalog in ["records", "tables"] {
        let due = restored.store.due(catalog, Wanted { small: 8, ..Wanted::default() }).await.unwrap().rows;
        assert_eq!(due.len(), 1, "{catalog}: its record goes with it");
    }
}
