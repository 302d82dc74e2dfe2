//! Tests of how mirrors are owed.

use crate::stand::{self, Look};
use crate::{Mode, SqlStore};
use rushes_core::catalog::Record;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Due, Routes, Wanted};
use rushes_core::job::NewJob;
use rushes_core::store::{Events, Jobs, Journal, Outbox, Owe, Room, Upkeep};
use rushes_core::{JobId, JobState};
use serde_json::json;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    root: JobId,
    _folder: tempfile::TempDir,
}

impl Home {
    async fn with_a_mirrored_job() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rushes.db");
        let routes = Routes { catalogs: vec!["records".into()], ..Routes::default() };
        let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
        let sql = stand::look(&path);
        let home = Self { store, sql, root: JobId(SystemClock.new_id()), _folder: folder };
        home.job(home.root, None).await;
        home
    }

    async fn job(&self, id: JobId, name: Option<&str>) {
        let job = NewJob {
            id,
            workflow: "w".into(),
            version: 1,
            input: json!({"count": 2}),
            input_hash: "h".into(),
            parent: name.map(|name| (self.root, name.to_owned())),
            root: self.root,
            in_turn: false,
            home: None,
            collection: name.is_none().then(|| "pipeline_jobs".to_owned()),
            asked: rushes_core::job::Asked::default(),
        };
        self.store.create(job).await.unwrap();
    }

    async fn due(&self) -> Option<(Due, Record)> {
        let wanted = Wanted { small: 8, at_once: true, ..Wanted::default() };
        let mut rows = self.store.due("records", wanted).await.unwrap().rows;
        assert!(rows.len() <= 1, "one document, one writing at a time: {rows:?}");
        let due = rows.pop()?;
        let record = self.store.snapshot(&due).await.unwrap().unwrap();
        Some((due, record))
    }

    fn rows(&self) -> i64 {
        self.sql.number("SELECT count(*) FROM outbox")
    }
}

#[tokio::test]
async fn settle_mirrors_of_a_job_are_a_row_or_two_however_often_it_changes() {
    let home = Home::with_a_mirrored_job().await;
    let mut rev = 0;
    for child in 0..40 {
        home.job(JobId(SystemClock.new_id()), Some(&format!("child {child}"))).await;
        if child % 4 != 0 {
            continue;
        }
        let (due, record) = home.due().await.expect("a change is told");
        assert!(record.rev > rev, "{} after {rev}", record.rev);
        rev = record.rev;
        if child % 8 == 0 {
            // What comes while it is written is told by the next.
            home.job(JobId(SystemClock.new_id()), Some(&format!("late {child}"))).await;
            home.store.recorded(&due).await.unwrap();
            let (late, record) = home.due().await.expect("what came meanwhile");
            assert!(record.rev > rev);
            rev = record.rev;
            home.store.recorded(&late).await.unwrap();
        } else {
            let down = rushes_core::Fault::new(rushes_core::Code::DestinationRefused, "put record");
            home.store.failed(&due, &down, None).await.unwrap();
        }
    }
    assert!(home.rows() <= 2, "{} rows", home.rows());
    home.job(JobId(SystemClock.new_id()), Some("last")).await;
    let (due, _) = home.due().await.expect("the last change");
    home.store.recorded(&due).await.unwrap();
    assert_eq!(home.store.backlog().await.unwrap()["records"].refused, 0, "what was refused is over once a later one is written");
    assert!(home.due().await.is_none());
}

#[tokio::test]
async fn settle_a_document_is_owed_again_also_where_only_the_outbox_knows_its_number() {
    let home = Home::with_a_mirrored_job().await;
    let again = || Owe::Record { catalog: "records".into(), collection: "assets".into(), id: "a".into(), above: 0 };
    for _ in 0..3 {
        assert_eq!(home.store.owe(&again()).await.unwrap(), 1, "each time anew");
    }
}

#[tokio::test]
async fn settle_a_waiting_job_that_is_cancelled_is_told_to_have_ended() {
    let home = Home::with_a_mirrored_job().await;
    home.job(JobId(SystemClock.new_id()), Some("child")).await;
    home.store.cancel(home.root).await.unwrap();
    let facts = home.store.events(0, 100).await.unwrap();
    let told = |what: &str| facts.iter().filter(|fact| fact.event_type == what).count();
    assert_eq!((told("job.cancel_asked"), told("job.cancelled")), (1, 2), "the job and its child: {facts:?}");
}

/// What one character of a production has made stays made, whatever becomes of the others.
#[tokio::test]
async fn settle_a_child_that_is_made_is_completed_although_its_parent_is_cancelled() {
    let home = Home::with_a_mirrored_job().await;
    let child = JobId(SystemClock.new_id());
    home.job(child, Some("child")).await;
    let claims = home.store.claim("test", Room { all: 9, in_turn: 9, own_files_only: false }).await.unwrap();
    let lease = |id| claims.iter().find(|claim| claim.job.id == id).unwrap().lease;
    home.store.finish(lease(child), Some(Ok(json!("made")))).await.unwrap();
    home.store.cancel(home.root).await.unwrap();
    assert_eq!(home.store.job(child).await.unwrap().state, JobState::Delivering);
    home.store.finish(lease(home.root), None).await.unwrap();
    let states = [home.store.job(home.root).await.unwrap().state, home.store.job(child).await.unwrap().state];
    assert_eq!(states, [JobState::Cancelled, JobState::Completed]);
}

#[tokio::test]
async fn settle_a_cancel_that_was_taken_holds_although_the_job_came_to_its_end() {
    let home = Home::with_a_mirrored_job().await;
    let lease = home.store.claim("test", Room { all: 9, in_turn: 9, own_files_only: false }).await.unwrap()[0].lease;
    home.store.cancel(home.root).await.unwrap();
    let ended = home.store.finish(lease, Some(Ok(json!("made")))).await.unwrap();
    assert_eq!((ended.state, ended.value), (JobState::Cancelled, None));
    let facts = home.store.events(0, 100).await.unwrap();
    assert_eq!(facts.last().map(|fact| fact.event_type.as_str()), Some("job.cancelled"));

    let home = Home::with_a_mirrored_job().await;
    let lease = home.store.claim("test", Room { all: 9, in_turn: 9, own_files_only: false }).await.unwrap()[0].lease;
    let late = rushes_core::Fault::new(rushes_core::Code::JobLimit, "drive job");
    home.store.give_up(lease, &late).await.unwrap();
    let ended = home.store.finish(lease, Some(Ok(json!("made")))).await.unwrap();
    assert_eq!((ended.state, ended.fault.map(|fault| fault.code)), (JobState::Completed, None), "it came to its end in spite of it");
}
