//! Tests of pages: nothing is left out, nothing comes twice, whatever was asked for.

use crate::sql::value::NONE;
use crate::stand::{self, Look};
use crate::{Mode, SqlStore, fill};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{DeliveryState, Route, Routes, Wanted};
use rushes_core::store::{AssetFilter, Assets, DeliveryFilter, Events, JobFilter, Jobs, Outbox, Pages, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{AssetId, Code, JobId, JobState, Kind};
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    _folder: tempfile::TempDir,
}

/// 3 subjects and jobs of 100 assets each; every 10th delivery is refused, every 10th + 1 owed in an hour.
fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    fill::fill(&path, 0, 300, ("cloud", "p/"), "records").unwrap();
    let cloud = Route { name: "cloud".into(), prefix: "p/".into(), ..Route::default() };
    let routes = Routes { destinations: vec![cloud], catalogs: vec!["records".into()], ..Routes::default() };
    let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
    let sql = stand::look(&path);
    let fault = r#"{"code": "destination_refused", "verdict": "permanent", "retry_after_ms": null, "operation": "put", "context": [], "reason": "storage is full"}"#;
    let later = SystemClock.now_ms() + 3_600_000;
    for (tenth, state, not_before_ms) in [(0, "refused", 0), (1, "owed", later)] {
        let which = format!("asset IN (SELECT id FROM assets WHERE rowid % 10 = {tenth})");
        sql.execute(&format!("UPDATE deliveries SET state = '{state}', last_fault = ?1 WHERE {which}"), [fault]).unwrap();
        let owed = format!(
            "UPDATE outbox SET state = '{state}', last_fault = ?1, not_before_ms = ?2, attempts = 3 WHERE op = 'put_object' AND {which}"
        );
        sql.execute(&owed, [fault, not_before_ms.to_string().as_str()]).unwrap();
    }
    Home { store, sql, _folder: folder }
}

/// Goes through all pages of 7; gives the ids in the order they came.
async fn assets(store: &SqlStore, filter: &AssetFilter) -> Vec<AssetId> {
    let mut all: Vec<AssetId> = Vec::new();
    loop {
        let filter = AssetFilter { after: all.last().copied(), limit: Some(7), ..filter.clone() };
        let page = store.assets(&filter).await.unwrap();
        assert!(page.iter().all(|(asset, deliveries)| deliveries.len() == 1 && deliveries[0].asset == asset.id));
        all.extend(page.iter().map(|(asset, _)| asset.id));
        if page.len() < 7 {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_assets_leave_nothing_out_in_either_order() {
    let home = home();
    let all = AssetFilter::default();
    let root: JobId = "01900000-0000-7000-8000-000000000001".parse().unwrap();
    let subject = Some("filled_0000002".to_owned());
    let state = |state| AssetFilter { state: Some(state), ..all.clone() };
    let cases = [
        (all.clone(), 300),
        (AssetFilter { kind: Some(Kind::DanceVideo), ..all.clone() }, 300),
        (AssetFilter { kind: Some(Kind::Photo), ..all.clone() }, 0),
        (AssetFilter { subject, ..all.clone() }, 100),
        (AssetFilter { root: Some(root), ..all.clone() }, 100),
        (AssetFilter { job: Some(root), ..all.clone() }, 100),
        (state(DeliveryState::Refused), 30),
        (state(DeliveryState::Owed), 30),
        (state(DeliveryState::Proven), 240),
        (state(DeliveryState::Sending), 0),
        (state(DeliveryState::Held), 0),
    ];
    for (filter, wanted) in cases {
        let found = assets(&home.store, &filter).await;
        assert_eq!(found.len(), wanted, "{filter:?}");
        assert!(found.is_sorted() && found.windows(2).all(|two| two[0] != two[1]), "{filter:?}");
        let mut back = assets(&home.store, &AssetFilter { newest_first: true, ..filter.clone() }).await;
        back.reverse();
        assert_eq!(back, found, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_jobs_and_subjects_leave_nothing_out() {
    let home = home();
    let made = "INSERT INTO jobs(id, workflow, version, input, input_hash, state, root, created_ms, updated_ms)
                SELECT printf('01910000-0000-7000-8000-%012x', i), iif(i % 2, 'put', 'files'), 1, '{}', 'h', iif(i % 3, 'completed', 'failed'), '', i / 4, 0
                FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) SELECT i FROM n)";
    home.sql.execute(made, NONE).unwrap();
    home.sql.execute("UPDATE jobs SET root = id WHERE root = ''", NONE).unwrap();
    let (failed, put) = (Some(JobState::Failed), Some("put".to_owned()));
    let all = JobFilter { limit: 7, ..JobFilter::default() };
    let cases = [
        (all.clone(), 63),
        (JobFilter { state: failed, ..all.clone() }, 20),
        (JobFilter { workflow: put.clone(), ..all.clone() }, 30),
        (JobFilter { workflow: put, state: failed, ..all.clone() }, 10),
    ];
    for (filter, wanted) in cases {
        let mut found: Vec<(i64, JobId)> = Vec::new();
        loop {
            let page = home.store.jobs(&JobFilter { after: found.last().map(|last| last.1), ..filter.clone() }).await.unwrap();
            found.extend(page.iter().map(|job| (job.created_ms, job.id)));
            if page.len() < 7 {
                break;
            }
        }
        assert_eq!(found.len(), wanted, "{filter:?}");
        assert!(found.windows(2).all(|two| two[0] > two[1]), "the newest first, each once: {found:?}");
    }
    let unknown = JobFilter { after: Some(JobId(SystemClock.new_id())), ..all };
    assert_eq!(home.store.jobs(&unknown).await.unwrap_err().code, Code::InputInvalid);

    let mut ids: Vec<String> = Vec::new();
    loop {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after: ids.last().cloned(), limit: 2 };
        let page = home.store.subject_page(&filter).await.unwrap();
        ids.extend(page.iter().map(|subject| subject.made.id.clone()));
        if page.len() < 2 {
            break;
        }
    }
    assert_eq!(ids, ["filled_0000000", "filled_0000001", "filled_0000002"]);
    let people = SubjectFilter { subject_type: Some(SubjectType::Person), limit: 9, after: None };
    assert!(home.store.subject_page(&people).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_deliveries_say_why_each_waits_and_when_it_is_tried_again() {
    let home = home();
    let all = DeliveryFilter { limit: 7, ..DeliveryFilter::default() };
    let cloud = Some("cloud".to_owned());
    let of = |state| DeliveryFilter { state: Some(state), ..all.clone() };
    let cases = [
        (all.clone(), 300),
        (DeliveryFilter { destination: cloud.clone(), ..all.clone() }, 300),
        (DeliveryFilter { destination: Some("elsewhere".into()), ..all.clone() }, 0),
        (DeliveryFilter { folder: Some("dances".into()), ..all.clone() }, 300),
        (DeliveryFilter { folder: Some("dance".into()), ..all.clone() }, 0),
        (DeliveryFilter { destination: cloud, ..of(DeliveryState::Refused) }, 30),
        (of(DeliveryState::Owed), 30),
        (of(DeliveryState::Proven), 240),
        (of(DeliveryState::Held), 0),
    ];
    for (filter, wanted) in cases {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = home.store.delivery_page(&DeliveryFilter { after, ..filter.clone() }).await.unwrap();
            after = page.last().map(|last| (last.delivery.asset, last.delivery.destination.clone(), last.delivery.key.clone()));
            for sending in &page {
                let is_open = sending.delivery.state != DeliveryState::Proven;
                assert_eq!((sending.attempts == 3, sending.delivery.last_fault.is_some()), (is_open, is_open), "{sending:?}");
                assert_eq!(sending.next_ms.is_some(), sending.delivery.state == DeliveryState::Owed);
                found.push(sending.delivery.asset);
            }
            if page.len() < 7 {
                break;
            }
        }
        assert_eq!(found.len(), wanted, "{filter:?}");
        assert!(found.is_sorted() && found.windows(2).all(|two| two[0] != two[1]), "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_one_delivery_is_tried_again_and_no_other() {
    let home = home();
    let first = |state| DeliveryFilter { state: Some(state), limit: 1, ..DeliveryFilter::default() };
    let refused = home.store.delivery_page(&first(DeliveryState::Refused)).await.unwrap().remove(0).delivery.asset;
    let owed = home.store.delivery_page(&first(DeliveryState::Owed)).await.unwrap().remove(0).delivery.asset;
    let seq = home.store.last_seq().await.unwrap();
    for asset in [refused, owed] {
        let after = home.store.deliver_again(asset, "cloud").await.unwrap();
        assert!(after.len() == 1 && after[0].delivery.state == DeliveryState::Owed && after[0].next_ms == Some(0), "{after:?}");
    }
    let due = home.store.due("cloud", Wanted { small: 9, ..Wanted::default() }).await.unwrap().rows;
    assert_eq!(due.len(), 2, "those two, and none that waits or was refused: {due:?}");
    let told = home.store.events(seq, 9).await.unwrap();
    assert!(told.len() == 2 && told.iter().all(|event| event.event_type == "delivery.retried"), "{told:?}");

    let proven = home.store.delivery_page(&first(DeliveryState::Proven)).await.unwrap().remove(0).delivery.asset;
    let fault = home.store.deliver_again(proven, "cloud").await.unwrap_err();
    assert!(fault.code == Code::InputInvalid && fault.to_string().contains("proven already"), "{fault}");
    assert_eq!(home.store.deliver_again(refused, "elsewhere").await.unwrap_err().code, Code::NotFound);
    assert_eq!(home.store.deliver_again(AssetId(SystemClock.new_id()), "cloud").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_are_forgotten_by_age_in_slices_and_the_newest_stays() {
    let home = home();
    let last = home.store.last_seq().await.unwrap();
    home.sql.execute("UPDATE events SET at_ms = seq", NONE).unwrap();
    assert_eq!(home.store.forget_events(101, 30).await.unwrap(), 30, "no more than asked");
    assert_eq!(home.store.oldest_seq().await.unwrap(), 31);
    assert_eq!(home.store.forget_events(101, 1_000).await.unwrap(), 70);
    assert_eq!(home.store.oldest_seq().await.unwrap(), 101);
    assert_eq!(home.store.forget_events(101, 1_000).await.unwrap(), 0);
    assert_eq!(home.store.forget_events(i64::MAX, 10_000).await.unwrap(), last.unsigned_abs() - 101);
    assert_eq!((home.store.oldest_seq().await.unwrap(), home.store.last_seq().await.unwrap()), (last, last));
    assert_eq!(home.store.events(0, 9).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_latencies_hold_files_only_the_newest_first() {
    let home = home();
    let all = home.store.latencies("cloud", 0, 1_000).await.unwrap();
    assert_eq!(all.len(), 240, "what is owed or refused took no time yet, and records are no files");
    assert!(all.iter().all(|latency| latency.took_ms == 20) && all.windows(2).all(|two| two[0].done_ms >= two[1].done_ms));
    assert_eq!(home.store.latencies("cloud", all[9].done_ms, 1_000).await.unwrap().len(), 10);
    assert_eq!(home.store.latencies("cloud", 0, 7).await.unwrap(), all[..7]);
    assert_eq!(home.store.latencies("elsewhere", 0, 7).await.unwrap(), []);
}
