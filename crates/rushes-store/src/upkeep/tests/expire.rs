//! Tests of assets whose days are over: what goes, in which order, and what stays.

use super::{Home, home};
use crate::Mode;
use crate::sql::value::NONE;
use crate::stand;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::{Due, Routes, Wanted, Work};
use rushes_core::store::{Assets, Outbox, Upkeep};
use rushes_core::{Code, Fault, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;

const CURRENT: &str = "SELECT count(*) FROM assets WHERE kind = 'poster' AND retired_ms IS NULL";

impl Home {
    /// As [`home`]; the first so many assets are posters of the first character.
    fn with_posters(count: u32) -> Self {
        let home = home(&["cloud"]);
        home.change(&format!("UPDATE assets SET kind = 'poster' WHERE rowid <= {count}"));
        home
    }

    fn change(&self, command: &str) {
        self.sql.execute(command, NONE).unwrap();
    }

    async fn expire(&self) -> u64 {
        self.store.expire(&BTreeMap::from([(Kind::Poster, 1)])).await.unwrap()
    }

    async fn due(&self, place: &str) -> Vec<Due> {
        self.store.due(place, Wanted { small: 50, ..Wanted::default() }).await.unwrap().rows
    }

    /// Writes the one record that is due and gives what it says.
    async fn write_record(&self) -> String {
        let due = self.due("records").await;
        assert_eq!(due.len(), 1, "{due:?}");
        let record = self.store.snapshot(&due[0]).await.unwrap().unwrap();
        self.store.recorded(&due[0]).await.unwrap();
        record.fields.to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_an_object_whose_days_are_over_goes_after_the_record_that_named_it() {
    let home = Home::with_posters(10);
    assert_eq!(home.expire().await, 10);
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE op = 'put_record' AND state = 'owed'"), 1, "one record tells of all");
    assert!(home.due("cloud").await.is_empty(), "records name them still");
    let keys = vec!["p/dances/dance_filled_0000000_cosplay_on_ref0.bin".to_owned()];
    assert_eq!(home.store.kinds_at("cloud", keys.clone()).await.unwrap().len(), 1, "until then they are no strangers");
    let said = home.write_record().await;
    assert!(!said.contains("ref0.bin") && said.contains("ref10.bin"), "{said}");
    let due = home.due("cloud").await;
    assert_eq!(due.len(), 10);
    for due in due {
        assert!(matches!(due.work, Work::DeleteObject { .. }));
        home.store.recorded(&due).await.unwrap();
    }
    assert_eq!(home.number("SELECT count(*) FROM deliveries WHERE asset IN (SELECT id FROM assets WHERE retired_ms IS NOT NULL)"), 0);
    assert!(home.store.kinds_at("cloud", keys).await.unwrap().is_empty());
    assert_eq!(home.expire().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_what_is_of_use_or_not_delivered_stays_though_its_days_are_over() {
    let home = Home::with_posters(6);
    let id = |row: u32| format!("(SELECT id FROM assets WHERE rowid = {row})");
    home.change(&format!("UPDATE deliveries SET state = 'refused' WHERE asset = {}", id(1)));
    home.change(&format!("DELETE FROM deliveries WHERE asset = {}", id(2)));
    // Of a job that goes on; what its work is made from; what its input names.
    home.change("UPDATE jobs SET state = 'running', owner = 'test' WHERE rowid = 2");
    home.change("UPDATE assets SET root = (SELECT id FROM jobs WHERE rowid = 2) WHERE rowid = 3");
    home.change(&format!("INSERT INTO lineage(asset, parent) VALUES ({}, {})", id(150), id(4)));
    home.change(&format!("UPDATE jobs SET input = json_object('from', {}) WHERE rowid = 2", id(5)));
    assert_eq!((home.expire().await, home.number(CURRENT)), (1, 5), "the sixth alone");
    home.change("UPDATE jobs SET state = 'queued', in_turn = 1 WHERE rowid = 2");
    assert_eq!((home.expire().await, home.number(CURRENT)), (0, 5));
    home.change("UPDATE jobs SET state = 'completed' WHERE rowid = 2");
    assert_eq!((home.expire().await, home.number(CURRENT)), (3, 2));
    home.change(&format!("UPDATE deliveries SET state = 'proven' WHERE asset = {}", id(1)));
    assert_eq!((home.expire().await, home.number(CURRENT)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_a_refused_record_holds_the_object_until_a_newer_one_is_written() {
    let home = Home::with_posters(1);
    home.expire().await;
    let due = home.due("records").await.remove(0);
    let no = Fault::new(Code::DestinationRefused, "put record").because("read only");
    home.store.failed(&due, &no, None).await.unwrap();
    assert!(home.due("cloud").await.is_empty(), "the record there still names it");
    let what = rushes_core::store::Owe::Record {
        catalog: "records".into(),
        collection: "characters".into(),
        id: "filled_0000000".into(),
        above: 0,
    };
    home.store.owe(&what).await.unwrap();
    home.write_record().await;
    assert_eq!(home.due("cloud").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_a_catalog_that_is_no_longer_configured_holds_no_object() {
    let mut home = Home::with_posters(1);
    home.expire().await;
    let routes = Routes { catalogs: Vec::new(), ..(*home.store.routes).clone() };
    let path = home.folder.path().join("rushes.db");
    home.store = stand::open(&path, &Mode::Own { owner: "next".into() }, Arc::new(SystemClock), routes).unwrap();
    assert_eq!(home.store.refuse_unrouted().await.unwrap(), 1);
    assert_eq!(home.due("cloud").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_an_object_that_another_asset_has_stays() {
    let home = Home::with_posters(2);
    // Equal bytes under one key: the second asset has what the first put there, and is of a kind that stays.
    home.change("UPDATE assets SET kind = 'preview', path = (SELECT path FROM assets WHERE rowid = 1) WHERE rowid = 2");
    let key = "UPDATE deliveries SET key = (SELECT key FROM deliveries WHERE asset = (SELECT id FROM assets WHERE rowid = 1))
        WHERE asset = (SELECT id FROM assets WHERE rowid = 2)";
    home.change(key);
    assert_eq!(home.expire().await, 1);
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE op = 'delete_object'"), 0);
    assert!(home.write_record().await.contains("ref0.bin"), "under the title of the second");
    home.change("UPDATE assets SET kind = 'poster' WHERE rowid = 2");
    assert_eq!(home.expire().await, 1);
    home.write_record().await;
    assert_eq!(home.due("cloud").await.len(), 1, "now nobody has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_what_was_put_under_the_key_again_is_not_removed() {
    let home = Home::with_posters(1);
    home.expire().await;
    home.write_record().await;
    home.change("UPDATE assets SET path = (SELECT path FROM assets WHERE rowid = 1), version = 2 WHERE rowid = 2");
    let key = "UPDATE deliveries SET key = (SELECT key FROM deliveries WHERE asset = (SELECT id FROM assets WHERE rowid = 1))
        WHERE asset = (SELECT id FROM assets WHERE rowid = 2)";
    home.change(key);
    assert!(home.due("cloud").await.is_empty());
    assert_eq!(home.number("SELECT count(*) FROM outbox WHERE op = 'delete_object' AND state = 'superseded'"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_paths_that_nothing_followed_are_given_page_by_page() {
    let home = Home::with_posters(0);
    home.change("UPDATE assets SET retired_ms = 10 + rowid / 2 WHERE rowid <= 9");
    home.change("UPDATE assets SET path = (SELECT path FROM assets WHERE rowid = 3) WHERE rowid = 20");
    let (mut at_ms, mut paths) = (0, 0);
    loop {
        let (left, until_ms) = home.store.left_paths(at_ms, 2).await.unwrap();
        paths += left.len();
        let Some(until_ms) = until_ms else { break };
        assert!(until_ms > at_ms, "each page goes on");
        at_ms = until_ms;
    }
    assert_eq!(paths, 8, "the third has a successor");
}
