//! Tests of folders that are owed: once, first, before what lies in them, and gone after it.

use crate::SqlStore;
use crate::stand::{self, Look, new_job};
use crate::store::Mode;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Due, Held, Route, Routes, Wanted, Work};
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::folder::Folder;
use rushes_core::inspect::MediaInfo;
use rushes_core::job::Outcome;
use rushes_core::store::{Folders, Ingested, Jobs, Journal, Lease, Outbox, Room, StepCommit};
use rushes_core::{AssetId, Blob, Code, Fault, JobState, Kind, NewAsset, NewFolder};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    _folder: tempfile::TempDir,
}

fn route(name: &str, kinds: Option<Vec<Kind>>) -> Route {
    Route { name: name.into(), prefix: "p/".into(), kinds, ..Route::default() }
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let destinations = vec![route("cloud", None), route("films", Some(vec![Kind::DanceVideo]))];
    let routes = Routes { destinations, catalogs: vec!["records".into()], ..Routes::default() };
    let path: PathBuf = folder.path().join("rushes.db");
    let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
    Home { store, sql: stand::look(&path), _folder: folder }
}

fn folder(path: &str) -> NewFolder {
    NewFolder::new(Kind::WorkspaceImage, "shoot_1", path)
}

fn file(path: &str, byte: u8) -> Ingested {
    let blob = Blob { sha256: format!("{byte:02x}").repeat(32), md5: None, crc32c: 7, size_bytes: 9_000_000, mime: "image/png".into() };
    let info = MediaInfo {
        mime: "image/png".into(),
        extension: "png".into(),
        width: Some(8),
        height: Some(8),
        duration_ms: None,
        fps: None,
        has_audio: false,
    };
    Ingested { asset: NewAsset::new(AssetId(SystemClock.new_id()), Kind::WorkspaceImage, "shoot_1", ""), blob, info, path: path.into() }
}

/// What one step hands over.
#[derive(Default)]
struct Step {
    assets: Vec<Ingested>,
    gone: Vec<AssetId>,
    folders: Vec<NewFolder>,
    folders_gone: Vec<NewFolder>,
}

impl Home {
    async fn job(&self) -> Lease {
        self.store.create(new_job("route")).await.unwrap();
        self.store.claim("test", Room { all: 1, in_turn: 1, own_files_only: false }).await.unwrap().remove(0).lease
    }

    async fn commit(&self, lease: Lease, name: &str, step: Step) {
        let Step { assets, gone, folders, folders_gone } = step;
        let (step, input_hash, outcome) = (name.into(), String::new(), Outcome::Value(json!({})));
        let (subjects, renewed, shown) = (Vec::new(), Vec::new(), Vec::new());
        let (attempts, started_ms, provider) = (1, 0, None);
        let commit = StepCommit {
            lease,
            step,
            input_hash,
            outcome,
            attempts,
            started_ms,
            provider,
            subjects,
            renewed,
            assets,
            shown,
            gone,
            folders,
            folders_gone,
        };
        self.store.commit(commit).await.unwrap();
    }

    async fn make(&self, lease: Lease, name: &str, folders: &[&str]) {
        self.commit(lease, name, Step { folders: folders.iter().map(|path| folder(path)).collect(), ..Step::default() }).await;
    }

    async fn remove(&self, lease: Lease, name: &str, folders: &[&str]) {
        self.commit(lease, name, Step { folders_gone: folders.iter().map(|path| folder(path)).collect(), ..Step::default() }).await;
    }

    async fn due_of(&self, is_batch: bool) -> Vec<Due> {
        let wanted = Wanted { small: 8, large: 8, folders: 8, is_batch, ..Wanted::default() };
        self.store.due("cloud", wanted).await.unwrap().rows
    }

    async fn due(&self) -> Vec<Due> {
        self.due_of(false).await
    }

    /// Pays whatever is owed to the cloud and the catalog until nothing is; gives what it was, in order.
    async fn pay_all(&self) -> Vec<String> {
        let mut paid = Vec::new();
        loop {
            let records = self.store.due("records", Wanted { small: 8, ..Wanted::default() }).await.unwrap().rows;
            let all: Vec<Due> = self.due().await.into_iter().chain(records).collect();
            if all.is_empty() {
                return paid;
            }
            for due in all {
                paid.extend(self.pay(&due).await);
            }
        }
    }

    async fn pay(&self, due: &Due) -> Option<String> {
        match &due.work {
            Work::PutObject { key, .. } => {
                let proof = Proof { size_bytes: 9_000_000, hash: ProofHash::Sha256("00".repeat(32)), etag: None };
                self.store.proven(due, &Held { proof, uri: "memory://x".into(), link: None, rendition: None }).await.unwrap();
                return Some(format!("put {key}"));
            }
            Work::PutRecord { .. } => drop(self.store.snapshot(due).await.unwrap()),
            _ => {}
        }
        self.store.recorded(due).await.unwrap();
        said(due)
    }

    fn open_rows(&self) -> i64 {
        self.sql.number("SELECT count(*) FROM outbox WHERE (state = 'owed' OR state = 'sending' OR state = 'refused')")
    }
}

fn said(due: &Due) -> Option<String> {
    match &due.work {
        Work::EnsureFolders { keys } => Some(format!("make {}", keys.join(" "))),
        Work::RemoveFolder { key } => Some(format!("remove {key}")),
        Work::DeleteObject { key } => Some(format!("delete {key}")),
        _ => None,
    }
}

const SOLO: &str = "s/People/John_Doe/Solo";
const GROUP: &str = "s/People/John_Doe/Group";

#[tokio::test]
async fn folders_are_owed_once_wherever_such_files_go_and_their_job_waits_for_them() {
    let home = home();
    let lease = home.job().await;
    home.make(lease, "one", &[SOLO, GROUP]).await;
    home.make(lease, "two", &[SOLO]).await;
    home.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
    assert_eq!(home.open_rows(), 2, "none is owed to a place that takes other files, and none twice");
    let due = home.due().await;
    assert_eq!(due.iter().filter_map(said).collect::<Vec<_>>(), [format!("make p/{SOLO}"), format!("make p/{GROUP}")]);
    assert_eq!(home.store.job(lease.job).await.unwrap().state, JobState::Delivering);
    for due in &due {
        home.store.recorded(due).await.unwrap();
    }
    assert_eq!(home.store.job(lease.job).await.unwrap().state, JobState::Completed);
    assert_eq!(home.sql.number("SELECT count(*) FROM events WHERE type = 'folder.made'"), 2);
    let lease = home.job().await;
    home.make(lease, "three", &[SOLO, GROUP]).await;
    assert_eq!(home.open_rows(), 0, "they are there");
}

#[tokio::test]
async fn folders_go_before_everything_and_their_files_after_them() {
    let home = home();
    let lease = home.job().await;
    for byte in 1..=9 {
        home.commit(lease, &format!("before {byte}"), Step { assets: vec![file(&format!("x/{byte}.png"), byte)], ..Step::default() }).await;
    }
    let photo = Step { assets: vec![file(&format!("{SOLO}/1.png"), 10)], folders: vec![folder(SOLO), folder(GROUP)], ..Step::default() };
    home.commit(lease, "photo", photo).await;
    let only = Wanted { folders: 8, is_batch: true, ..Wanted::default() };
    let found = home.store.due("cloud", only).await.unwrap();
    assert_eq!(found.rows.iter().filter_map(said).collect::<Vec<_>>(), [format!("make p/{SOLO} p/{GROUP}")], "in one go, and at once");
    assert!(!found.more_folders);
    let files = home.due().await;
    let is_photo = |due: &Due| matches!(&due.work, Work::PutObject { key, .. } if key.starts_with("p/s/"));
    assert!(files.len() == 8 && !files.iter().any(is_photo), "{files:?}");
    for due in &files {
        home.pay(due).await;
    }
    let rest = home.due().await;
    assert!(rest.len() == 1 && !is_photo(&rest[0]), "it waits for its folder: {rest:?}");
    home.pay(&found.rows[0]).await;
    let [photo] = &home.due().await[..] else { panic!("the photo is next") };
    assert!(is_photo(photo), "{photo:?}");
}

#[tokio::test]
async fn folders_that_cannot_be_made_keep_no_other_and_no_file_waiting() {
    let home = home();
    let lease = home.job().await;
    let photo = Step { assets: vec![file(&format!("{SOLO}/1.png"), 1)], folders: vec![folder(SOLO), folder(GROUP)], ..Step::default() };
    home.commit(lease, "photo", photo).await;
    let both = home.due_of(true).await.remove(0);
    home.store.failed(&both, &Fault::new(Code::DestinationDown, "make folder"), Some(0)).await.unwrap();
    let each = home.due_of(true).await;
    assert_eq!(each.iter().filter_map(said).count(), 2, "each by itself: {each:?}");
    home.store.failed(&each[0], &Fault::new(Code::DestinationRefused, "make folder"), None).await.unwrap();
    home.pay(&each[1]).await;
    assert!(matches!(home.due().await[..], [Due { work: Work::PutObject { .. }, .. }]), "the file need not wait for what is refused");
    assert_eq!(home.sql.number("SELECT count(*) FROM outbox WHERE state = 'refused'"), 1);
    home.make(lease, "again", &[SOLO]).await;
    assert_eq!(
        home.due().await.iter().filter_map(said).collect::<Vec<_>>(),
        [format!("make p/{SOLO}")],
        "wanted once more, it is tried once more"
    );
}

#[tokio::test]
async fn folders_go_after_what_lay_in_them_and_come_back() {
    let home = home();
    let lease = home.job().await;
    let photo = file(&format!("{SOLO}/1.png"), 1);
    let id = photo.asset.id;
    home.commit(lease, "photo", Step { assets: vec![photo], folders: vec![folder(SOLO)], ..Step::default() }).await;
    home.pay_all().await;
    let (moved, new) = (file("s/People/Jane_Doe/Solo/1.png", 1), "s/People/Jane_Doe/Solo");
    let rename = Step {
        assets: vec![moved],
        gone: vec![id],
        folders: vec![folder(new)],
        folders_gone: vec![folder("s/People/John_Doe"), folder(SOLO)],
    };
    home.commit(lease, "rename", rename).await;
    let paid = home.pay_all().await;
    let at = |what: &str| paid.iter().position(|said| said == what).unwrap_or_else(|| panic!("{what}: {paid:?}"));
    assert!(at(&format!("make p/{new}")) < at(&format!("put p/{new}/1.png")), "{paid:?}");
    assert!(at(&format!("delete p/{SOLO}/1.png")) < at(&format!("remove p/{SOLO}")), "{paid:?}");
    assert!(at(&format!("remove p/{SOLO}")) < at("remove p/s/People/John_Doe"), "the inner one first: {paid:?}");
    let folders = home.store.folders_after("", 10).await.unwrap();
    let gone: Vec<&str> = folders.iter().filter(|folder| folder.is_gone).map(|folder| folder.path.as_str()).collect();
    assert_eq!(gone, ["s/People/John_Doe", SOLO]);
    assert_eq!(home.store.folders_after(SOLO, 10).await.unwrap(), []);
    home.make(lease, "back", &[SOLO]).await;
    assert_eq!(home.pay_all().await, [format!("make p/{SOLO}")], "it is owed anew");
    assert_eq!(home.store.folders_after("s/People/John_Doe", 1).await.unwrap(), [Folder { path: SOLO.into(), is_gone: false }]);
    home.remove(lease, "away", &[SOLO]).await;
    assert_eq!(home.pay_all().await, [format!("remove p/{SOLO}")]);
    assert_eq!(home.open_rows(), 0);
}

#[tokio::test]
async fn folders_are_as_they_were_wanted_last_whatever_is_under_way() {
    let home = home();
    let lease = home.job().await;
    home.make(lease, "make", &[SOLO]).await;
    home.remove(lease, "remove", &[SOLO, "s/People/John_Doe"]).await;
    home.make(lease, "make again", &[SOLO]).await;
    assert_eq!(home.pay_all().await, [format!("make p/{SOLO}")], "what nobody wants any more is not begun");
    home.remove(lease, "remove again", &[SOLO]).await;
    let [removal] = &home.due().await[..] else { panic!("a removal") };
    home.make(lease, "make at last", &[SOLO]).await;
    assert!(home.due().await.is_empty(), "it waits for the removal that is under way");
    home.pay(removal).await;
    let made = home.due().await;
    home.remove(lease, "and away", &[SOLO]).await;
    assert!(home.due().await.is_empty(), "that waits too");
    home.pay(&made[0]).await;
    assert_eq!(home.pay_all().await, [format!("remove p/{SOLO}")]);
}

#[tokio::test]
async fn folders_are_owed_to_a_destination_that_lacks_them() {
    let home = home();
    let lease = home.job().await;
    home.make(lease, "make", &[SOLO, GROUP]).await;
    home.remove(lease, "remove", &[GROUP]).await;
    home.pay_all().await;
    assert_eq!(home.store.owe_folders("cloud").await.unwrap(), 0);
    home.sql.execute("DELETE FROM outbox WHERE destination = 'cloud'", crate::sql::value::NONE).unwrap();
    assert_eq!((home.store.owe_folders("cloud").await.unwrap(), home.store.owe_folders("films").await.unwrap()), (1, 0));
    assert_eq!(home.pay_all().await, [format!("make p/{SOLO}")]);
}
