//! Tests of what is owed to places that come and go, and of what may go from this machine.

mod expire;

use super::expire::{EXPIRED_AT_ONCE, expire};
use crate::sql::value::NONE;
use crate::stand::{self, Look};
use crate::{Mode, SqlStore, fill};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Route, Routes};
use rushes_core::kinds::kept_days;
use rushes_core::store::{Jobs, Outbox, Upkeep};
use rushes_core::{JobState, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;

struct Home {
    store: SqlStore,
    sql: Look,
    folder: tempfile::TempDir,
}

/// 300 assets proven at `cloud` and told to `records`; routed to these places.
fn home(places: &[&str]) -> Home {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    fill::fill(&path, 0, 300, ("cloud", "p/"), "records").unwrap();
    let destinations = places.iter().map(|name| Route { name: (*name).into(), prefix: "p/".into(), ..Route::default() }).collect();
    let routes = Routes { destinations, catalogs: vec!["records".into()], ..Routes::default() };
    let store = stand::open(&path, &Mode::Own { owner: "test".into() }, Arc::new(SystemClock), routes).unwrap();
    Home { store, sql: stand::look(&path), folder }
}

impl Home {
    fn number(&self, query: &str) -> u64 {
        self.sql.number(query).unsigned_abs()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_a_new_place_is_owed_everything_once_and_each_page_goes_on_where_the_last_ended() {
    let home = home(&["cloud", "second"]);
    home.sql.execute("UPDATE assets SET retired_ms = 1 WHERE rowid % 10 = 0", NONE).unwrap();
    let (mut row, mut owed, mut pages) = (Some(0), 0, 0);
    while let Some(from) = row {
        let (made, next) = home.store.owe_missing("second", from, 100).await.unwrap();
        assert!(next.is_none_or(|next| next > from), "{next:?} after {from}");
        (row, owed, pages) = (next, owed + made, pages + 1);
    }
    assert_eq!((owed, pages), (270, 3), "those that were replaced are owed to nobody");
    assert_eq!(home.number("SELECT count(*) FROM deliveries WHERE destination = 'second' AND state = 'owed'"), 270);
    assert_eq!(home.store.backlog().await.unwrap()["second"].owed, 270);
    assert_eq!(home.store.owe_missing("second", 0, 100).await.unwrap(), (0, None), "each once");
    assert_eq!(home.store.owe_missing("cloud", 0, 100).await.unwrap(), (0, None));
    home.sql
        .execute("DELETE FROM deliveries WHERE destination = 'second' AND asset IN (SELECT id FROM assets WHERE rowid <= 100)", NONE)
        .unwrap();
    assert_eq!(home.store.owe_missing("second", 100, 100).await.unwrap(), (0, None), "none before the row");
    assert_eq!(home.store.owe_missing("second", 0, 100).await.unwrap().0, 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_what_is_owed_to_a_place_that_is_gone_is_refused_and_nothing_else() {
    let home = home(&["other"]);
    let now_ms = SystemClock.now_ms();
    for table in ["outbox", "deliveries"] {
        let owed =
            format!("UPDATE {table} SET state = 'owed' WHERE destination = 'cloud' AND asset IN (SELECT id FROM assets WHERE rowid <= 30)");
        home.sql.execute(&owed, NONE).unwrap();
    }
    home.sql.execute("UPDATE outbox SET state = 'owed', not_before_ms = ?1 WHERE op = 'put_record' AND rev = 1", [now_ms]).unwrap();
    assert_eq!(home.store.refuse_unrouted().await.unwrap(), 30);
    assert_eq!(
        home.number("SELECT count(*) FROM deliveries WHERE state = 'refused' AND last_fault LIKE '%no longer in the configuration%'"),
        30
    );
    let backlog = home.store.backlog().await.unwrap();
    assert_eq!((backlog["cloud"].refused, backlog["cloud"].owed, backlog["records"].owed), (30, 0, 3));
    assert_eq!(backlog.keys().collect::<Vec<_>>(), ["cloud", "other", "records"], "a place that is gone is shown while something is open");
    assert_eq!(home.store.refuse_unrouted().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_expires_a_slice_in_each_transaction() {
    let home = home(&["cloud"]);
    let kind = Kind::WorkspaceImage.name();
    home.sql.execute("UPDATE assets SET kind = ?1 WHERE rowid > 10", [kind]).unwrap();
    home.sql.execute("UPDATE deliveries SET state = 'owed' WHERE asset IN (SELECT id FROM assets WHERE rowid > 290)", NONE).unwrap();
    let (days, routes) = (kept_days(), home.store.routes.clone());
    let first = home.store.write(move |write| expire(write, &days, &routes)).await.unwrap();
    assert_eq!(first, u64::from(EXPIRED_AT_ONCE));
    assert_eq!(home.store.expire(&kept_days()).await.unwrap(), 280 - first, "neither what is not yet delivered, nor another kind");
    assert_eq!(home.number("SELECT count(*) FROM assets WHERE retired_ms IS NOT NULL"), 280);
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE op = 'delete_object'"), 280);
    assert_eq!(home.store.expire(&kept_days()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_bytes_that_may_go_are_those_replaced_and_those_proven_the_longest_unused_first() {
    let home = home(&["cloud"]);
    home.sql.execute("UPDATE assets SET retired_ms = rowid WHERE rowid <= 5", NONE).unwrap();
    home.sql.execute("UPDATE assets SET retired_ms = ?1 WHERE rowid = 6", [SystemClock.now_ms()]).unwrap();
    // Equal bytes that are current, and a job that still runs.
    home.sql.execute("UPDATE assets SET sha256 = (SELECT sha256 FROM assets WHERE rowid = 7) WHERE rowid = 5", NONE).unwrap();
    let of = |blobs: &[rushes_core::Blob]| {
        let mut rows: Vec<u64> =
            blobs.iter().map(|blob| home.number(&format!("SELECT min(rowid) FROM assets WHERE sha256 = '{}'", blob.sha256))).collect();
        rows.sort_unstable();
        rows
    };
    assert_eq!(of(&home.store.removable_blobs(true, 500).await.unwrap()), [1, 2, 3, 4]);
    assert_eq!(home.store.removable_blobs(true, 3).await.unwrap().len(), 3);
    home.sql.execute("UPDATE jobs SET state = 'running'", NONE).unwrap();
    assert!(home.store.removable_blobs(true, 500).await.unwrap().is_empty(), "a job of that family goes on");

    home.sql
        .execute("UPDATE blobs SET used_ms = 1000 - coalesce((SELECT min(rowid) FROM assets a WHERE a.sha256 = blobs.sha256), 0)", NONE)
        .unwrap();
    home.sql.execute("UPDATE deliveries SET state = 'owed' WHERE asset = (SELECT id FROM assets WHERE rowid = 299)", NONE).unwrap();
    let oldest = home.store.removable_blobs(false, 2).await.unwrap();
    assert_eq!(of(&oldest), [298, 300], "not what is still owed");
    home.store.set_present(&oldest[0].sha256, false).await.unwrap();
    assert_eq!(of(&home.store.removable_blobs(false, 2).await.unwrap()), [297, 298]);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_bytes_a_node_asks_for_come_back_in_its_order_wherever_else_they_are() {
    let home = home(&["cloud"]);
    home.sql.execute("UPDATE assets SET retired_ms = 1 WHERE rowid <= 3", NONE).unwrap();
    home.sql.execute("UPDATE assets SET retired_ms = ?1 WHERE rowid = 4", [SystemClock.now_ms()]).unwrap();
    home.sql.execute("UPDATE deliveries SET state = 'owed' WHERE asset = (SELECT id FROM assets WHERE rowid = 12)", NONE).unwrap();
    let hash = |row: u32| home.sql.text(&format!("SELECT sha256 FROM assets WHERE rowid = {row}"));
    let asked: Vec<String> = [13, 3, 11, 4, 12, 1, 10].map(hash).to_vec();
    for state in ["present", "remote"] {
        home.sql.execute("UPDATE blobs SET state = ?1", [state]).unwrap();
        for (is_retired, wanted) in [(true, vec![3, 1]), (false, vec![13, 11, 10])] {
            let found = home.store.removable_of(asked.clone(), is_retired).await.unwrap();
            let found: Vec<String> = found.into_iter().map(|blob| blob.sha256).collect();
            assert_eq!(found, wanted.into_iter().map(hash).collect::<Vec<_>>(), "{state}, of those replaced: {is_retired}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_jobs_are_counted_by_state_and_those_that_have_not_ended_alone() {
    let home = home(&["cloud"]);
    home.sql.execute("UPDATE jobs SET state = 'running' WHERE rowid = 1", NONE).unwrap();
    let (running, completed) = ((JobState::Running, 1), (JobState::Completed, 2));
    assert_eq!(home.store.count().await.unwrap(), BTreeMap::from([running, completed]));
    assert_eq!(home.store.count_open().await.unwrap(), BTreeMap::from([running]));
}
