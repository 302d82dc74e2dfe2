//! Tests of what one delivery costs, and of what its payment follows.

use crate::sql::value::NONE;
use crate::stand::{self, Look, new_job};
use crate::{Mode, SqlStore, rows};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Due, Held, Route, Routes, Wanted, Work};
use rushes_core::destination::{Proof, ProofHash};
use rushes_core::inspect::MediaInfo;
use rushes_core::job::Outcome;
use rushes_core::store::{Assets, Ingested, Jobs, Journal, Lease, Outbox, Pages, Room, StepCommit};
use rushes_core::{AssetId, Blob, Code, Fault, JobId, JobState, Kind, NewAsset};
use serde_json::json;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    _folder: tempfile::TempDir,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Route { name: "cloud".into(), prefix: "p/".into(), ..Route::default() };
    let routes = Routes { destinations: vec![cloud], catalogs: vec!["records".into()], ..Routes::default() };
    let path = folder.path().join("rushes.db");
    let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
    Home { store, sql: stand::look(&path), _folder: folder }
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
        let job = new_job("put");
        self.store.create(job).await.unwrap();
        self.store.claim("test", Room { all: 1, in_turn: 1, own_files_only: false }).await.unwrap().remove(0).lease
    }

    async fn commit(&self, lease: Lease, step: &str, file: Ingested) {
        self.commit_and_show(lease, step, file, Vec::new()).await;
    }

    /// And shows what was kept back.
    async fn commit_and_show(&self, lease: Lease, step: &str, file: Ingested, shown: Vec<AssetId>) {
        let commit = StepCommit {
            shown,
            gone: Vec::new(),
            folders: Vec::new(),
            folders_gone: Vec::new(),
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
async fn outbox_what_is_shown_is_written_last_and_what_is_made_next_comes_after_it() {
    let home = home();
    let lease = home.job().await;
    let mut kept_back = file("local/a.png", 1);
    kept_back.asset = kept_back.asset.aside(true);
    let id = kept_back.asset.id;
    home.commit(lease, "take", kept_back).await;
    home.commit_and_show(lease, "show", file("local/b.png", 2), vec![id]).await;
    for byte in 3..6 {
        home.commit(lease, &format!("put {byte}"), file(&format!("local/{byte}.png"), byte)).await;
    }
    let row_of = |path: &str| home.sql.number(&format!("SELECT rowid FROM assets WHERE path = 'local/{path}.png'"));
    let rows = ["b", "a", "3", "4", "5"].map(row_of);
    assert!(rows.is_sorted() && rows[0] < rows[4], "{rows:?}");
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
    assert!(all <= 46, "{all}: {taken:?}");
}

#[tokio::test]
async fn outbox_says_of_a_record_whether_it_is_the_last_that_its_job_waits_for() {
    let home = home();
    let lease = home.job().await;
    let told = async |case: &str, expected: bool| {
        let due = home.due("records").await.remove(0);
        let Work::PutRecord { is_last, .. } = due.work else { panic!("{due:?}") };
        assert_eq!(is_last, expected, "{case}");
        home.store.recorded(&due).await.unwrap();
    };
    for byte in [1, 2] {
        home.commit(lease, &format!("put {byte}"), file(&format!("local/{byte}.png"), byte)).await;
    }
    let objects = home.due("cloud").await;
    home.prove(&objects[0]).await;
    told("its job still runs", false).await;
    home.commit(lease, "put 3", file("local/3.png", 3)).await;
    home.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
    home.prove(&objects[1]).await;
    told("an object of its job is still owed", false).await;
    home.prove(&home.due("cloud").await[0]).await;
    told("nothing else is owed", true).await;
    assert_eq!(home.store.job(lease.job).await.unwrap().state, JobState::Completed);
}

#[tokio::test]
async fn outbox_equal_bytes_are_one_object_that_ends_every_family_which_waits_for_it() {
    let home = home();
    let (first, second) = (home.job().await, home.job().await);
    for lease in [first, second] {
        let mut file = file("films/a.png", 2);
        file.asset.title = lease.job.to_string();
        home.commit(lease, "put", file).await;
        home.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
    }
    let mut due = home.due("cloud").await;
    assert_eq!(due.len(), 1, "{due:?}");
    home.prove(&due.remove(0)).await;
    let mut records = home.due("records").await;
    assert_eq!(records.len(), 2, "each has a record of its own: {records:?}");
    while let Some(record) = records.pop() {
        home.store.snapshot(&record).await.unwrap();
        home.store.recorded(&record).await.unwrap();
        records.extend(home.due("records").await);
    }
    for lease in [first, second] {
        assert_eq!(home.store.job(lease.job).await.unwrap().state, JobState::Completed);
    }
}

#[tokio::test]
async fn outbox_a_newer_version_waits_for_the_older_and_its_place_is_rung_once_that_is_paid() {
    let home = home();
    let lease = home.job().await;
    home.commit(lease, "one", file("films/a.png", 3)).await;
    let watch = home.store.watch();
    let (cloud, records) = (watch.place("cloud"), watch.place("records"));
    // The bells ring after the answer; the next answer comes after them.
    let heard = async || {
        home.due("nowhere").await;
        (*cloud.borrow(), *records.borrow())
    };
    let older = home.due("cloud").await.remove(0);
    home.commit(lease, "two", file("films/a.png", 4)).await;
    let before = heard().await;
    assert!(home.due("cloud").await.is_empty(), "the older goes first");
    home.prove(&older).await;
    assert_eq!(heard().await, (before.0 + 1, before.1 + 1));
    let newer = home.due("cloud").await.remove(0);
    assert!(matches!(&newer.work, Work::PutObject { asset, replaces: Some(_), .. } if asset.version == 2), "{newer:?}");
    home.prove(&newer).await;
    assert_eq!(heard().await, (before.0 + 1, before.1 + 2), "nothing waits there any more; records may");
}

#[tokio::test]
async fn outbox_leases_are_renewed_by_name_and_all_others_run_out() {
    let home = home();
    let lease = home.job().await;
    for number in 5..8 {
        home.commit(lease, &format!("step {number}"), file(&format!("films/{number}.png"), number)).await;
    }
    let due = home.due("cloud").await;
    let leases: std::collections::BTreeSet<i64> = due.iter().map(|due| due.lease).collect();
    assert_eq!((due.len(), leases.len()), (3, 3), "each has a lease of its own");
    home.sql.execute("UPDATE outbox SET lease_until_ms = 1 WHERE state = 'sending'", NONE).unwrap();
    assert!(home.due("cloud").await.is_empty(), "not this time");
    let held = Some(vec![due[1].lease]);
    let again = home.store.due("cloud", Wanted { small: 8, large: 8, held, ..Wanted::default() }).await.unwrap();
    assert_eq!(again.rows.iter().map(|due| due.row).collect::<Vec<_>>(), [due[0].row, due[2].row]);
    assert!(!again.more_small && !again.more_large);
    home.prove(&due[1]).await;
    let lost = home.store.keep_session(&due[0], "part 1").await.unwrap_err();
    assert_eq!(lost.code, Code::LeaseLost);
}

#[tokio::test]
async fn outbox_a_row_that_cannot_be_read_stops_no_other() {
    let home = home();
    let lease = home.job().await;
    for number in 5..8 {
        home.commit(lease, &format!("step {number}"), file(&format!("films/{number}.png"), number)).await;
    }
    home.sql.execute("UPDATE assets SET kind = 'of a newer program' WHERE rowid = 2", NONE).unwrap();
    assert_eq!(home.due("cloud").await.len(), 2);
    let backlog = home.store.backlog().await.unwrap();
    assert_eq!((backlog["cloud"].owed, backlog["cloud"].refused), (2, 1));
}

#[tokio::test]
async fn outbox_a_look_says_whether_there_may_be_more_and_when_the_next_is_due() {
    let home = home();
    let lease = home.job().await;
    for number in 5..8 {
        home.commit(lease, &format!("step {number}"), file(&format!("films/{number}.png"), number)).await;
    }
    let look = |small| home.store.due("cloud", Wanted { small, ..Wanted::default() });
    let some = look(2).await.unwrap();
    assert_eq!((some.rows.len(), some.more_small, some.next_ms), (2, true, None));
    let fault = Fault::new(Code::DestinationDown, "put object");
    home.store.failed(&some.rows[0], &fault, Some(60_000)).await.unwrap();
    let rest = look(2).await.unwrap();
    assert_eq!((rest.rows.len(), rest.more_small), (1, false));
    assert!(rest.next_ms.is_some_and(|at_ms| at_ms > SystemClock.now_ms()), "{rest:?}");
    let records = home.store.due("records", Wanted { small: 8, ..Wanted::default() }).await.unwrap();
    assert!(records.rows.is_empty() && records.next_ms.is_none(), "what waits for another is due at no time: {records:?}");
}

#[tokio::test]
async fn outbox_one_refused_delivery_is_owed_again() {
    let home = home();
    let lease = home.job().await;
    let file = file("local/a.png", 1);
    let id = file.asset.id;
    home.commit(lease, "put", file).await;
    let due = home.due("cloud").await.remove(0);
    home.store.failed(&due, &Fault::new(Code::DestinationRefused, "put object"), None).await.unwrap();
    assert_eq!(home.store.backlog().await.unwrap()["cloud"].refused, 1);
    home.store.deliver_again(id, "cloud").await.unwrap();
    let backlog = home.store.backlog().await.unwrap();
    assert_eq!((backlog["cloud"].owed, backlog["cloud"].refused), (1, 0));
}

#[tokio::test]
async fn outbox_is_asked_for_a_place_that_no_text_can_name_and_finds_nothing() {
    let home = home();
    let asked = home.store.subject("a\0b").await;
    assert!(matches!(asked, Ok(None) | Err(Fault { code: Code::InputInvalid, .. })), "{asked:?}");
}

impl Home {
    /// A job that has this asset go, and has ended but for what it owes.
    async fn discard(&self, asset: AssetId) -> JobId {
        let lease = self.job().await;
        let commit = StepCommit {
            shown: Vec::new(),
            gone: vec![asset],
            folders: Vec::new(),
            folders_gone: Vec::new(),
            lease,
            step: "discard".into(),
            input_hash: String::new(),
            outcome: Outcome::Value(json!({})),
            attempts: 1,
            started_ms: 0,
            provider: None,
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets: Vec::new(),
        };
        self.store.commit(commit).await.unwrap();
        self.store.finish(lease, Some(Ok(json!({})))).await.unwrap();
        lease.job
    }

    /// Pays what is owed to the catalog until nothing is; nothing is told of what has gone.
    async fn pay_records(&self) -> usize {
        let mut paid = 0;
        loop {
            let Some(due) = self.due("records").await.into_iter().next() else { return paid };
            if matches!(due.work, Work::PutRecord { .. }) {
                assert!(self.store.snapshot(&due).await.unwrap().is_none(), "{due:?}");
            }
            self.store.recorded(&due).await.unwrap();
            paid += 1;
        }
    }
}

#[tokio::test]
async fn outbox_what_is_to_go_is_put_no_more_and_both_jobs_end() {
    for is_begun in [false, true] {
        let (home, file) = (home(), file("u/a.png", 1));
        let (maker, id) = (home.job().await, file.asset.id);
        home.commit(maker, "make", file).await;
        home.store.finish(maker, Some(Ok(json!({})))).await.unwrap();
        let begun = if is_begun { home.due("cloud").await } else { Vec::new() };
        let discarder = home.discard(id).await;
        if let [put] = &begun[..] {
            assert!(home.due("cloud").await.is_empty() && home.due("records").await.is_empty(), "while it is put nothing is removed");
            home.store.failed(put, &Fault::new(Code::DestinationDown, "put object"), Some(0)).await.unwrap();
        }
        assert!(home.due("cloud").await.is_empty(), "nor is it put again");
        assert_eq!(home.pay_records().await, 2, "the writing that is none any more, and the removal");
        let gone = home.due("cloud").await;
        let [Due { work: Work::DeleteObject { key }, .. }] = &gone[..] else { panic!("{gone:?}") };
        assert_eq!(key, "p/u/a.png");
        home.store.recorded(&gone[0]).await.unwrap();
        for job in [maker.job, discarder] {
            assert_eq!(home.store.job(job).await.unwrap().state, JobState::Completed);
        }
        assert_eq!(home.sql.number("SELECT count(*) FROM outbox WHERE (state = 'owed' OR state = 'sending' OR state = 'refused')"), 0);
        assert_eq!(home.sql.number("SELECT count(*) FROM deliveries"), 0);
    }
}
