//! What every catalog must keep.

use rushes_core::catalog::{Catalog, Record};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// How many writers there are in all, however many processes they are spread over.
pub const WRITERS: u64 = 16;
/// How often each of them changes the record.
const CHANGES: u64 = 100;
/// The record they all write.
const CHANGED: (&str, &str) = ("characters", "busy_1");

fn record(id: &str, rev: u64, fields: serde_json::Value) -> Record {
    Record { collection: "characters".into(), id: id.into(), rev, fields }
}

/// Runs every promise of the port on an empty catalog; leaves it empty.
pub async fn catalog_suite(catalog: &dyn Catalog) {
    assert!(catalog.get("characters", "none").await.expect("get").is_none(), "absence is an answer");
    assert!(catalog.list("characters", None).await.expect("list").is_empty());
    rev_only_rises(catalog).await;
    others_fields_stay(catalog).await;
    writers_in_any_order_end_with_the_highest(catalog).await;
    let ids = catalog.list("characters", None).await.expect("list");
    assert_eq!(ids, ["mira_1", "race_1", "ren_1"], "ids in byte order");
    assert_eq!(catalog.list("characters", Some("mira_1")).await.expect("list"), ["race_1", "ren_1"], "a cursor goes on behind itself");
    for id in ids {
        catalog.delete("characters", &id).await.expect("delete");
        catalog.delete("characters", &id).await.expect("deleting nothing is success");
    }
    assert!(catalog.list("characters", None).await.expect("list").is_empty(), "the suite leaves nothing");
}

async fn rev_only_rises(catalog: &dyn Catalog) {
    catalog.put(&record("mira_1", 3, json!({"name": "Mira", "assets": [1, 2]}))).await.expect("put");
    catalog.put(&record("mira_1", 2, json!({"name": "older"}))).await.expect("a lower rev is success");
    catalog.put(&record("mira_1", 3, json!({"name": "same"}))).await.expect("an equal rev is success");
    let found = catalog.get("characters", "mira_1").await.expect("get").expect("the record");
    assert_eq!(found, record("mira_1", 3, json!({"name": "Mira", "assets": [1, 2]})), "lower and equal revs change nothing");
    catalog.put(&record("mira_1", 4, json!({"name": "Mira", "assets": [1]}))).await.expect("put");
    let found = catalog.get("characters", "mira_1").await.expect("get").expect("the record");
    assert_eq!(found.fields["assets"], json!([1]), "our fields are written whole, not merged within");
}

async fn others_fields_stay(catalog: &dyn Catalog) {
    catalog.put(&record("ren_1", 1, json!({"theirs": "kept", "name": "Ren"}))).await.expect("put");
    catalog.put(&record("ren_1", 2, json!({"name": "Ren Two"}))).await.expect("put");
    let found = catalog.get("characters", "ren_1").await.expect("get").expect("the record");
    assert_eq!(found.fields, json!({"theirs": "kept", "name": "Ren Two"}), "fields we do not write stay");
}

async fn writers_in_any_order_end_with_the_highest(catalog: &dyn Catalog) {
    // A slow write may arrive after a later one.
    for rev in [5, 1, 9, 7, 9, 2] {
        catalog.put(&record("race_1", rev, json!({"from": rev}))).await.expect("put");
    }
    let found = catalog.get("characters", "race_1").await.expect("get").expect("the record");
    assert_eq!((found.rev, found.fields["from"].as_u64()), (9, Some(9)));
}

/// Those of the [`WRITERS`] who live in this process, each with a catalog of its own: each changes one record over and over,
/// under numbers that nobody else uses and that come in any order.
pub async fn writers(open: impl Fn() -> Arc<dyn Catalog>, which: Range<u64>) {
    let writing: Vec<_> = which.map(|writer| tokio::spawn(write(open(), writer))).collect();
    for one in writing {
        one.await.expect("a writer ends");
    }
}

async fn write(catalog: Arc<dyn Catalog>, writer: u64) {
    for change in 0..CHANGES {
        let rev = change * WRITERS + writer + 1;
        let record = Record {
            collection: CHANGED.0.into(),
            id: CHANGED.1.into(),
            rev,
            fields: json!({"from": writer, "change": change, "assets": [{"title": "primary", "dance_video": format!("gs://bucket/{rev}")}]}),
        };
        // As the outbox does: what passes is tried again.
        while let Err(fault) = catalog.put(&record).await {
            assert!(fault.is_transient(), "writer {writer}, change {change}: {fault}");
        }
    }
}

/// Once all of them have ended: the last change is what stands, a late one changes nothing, and what `theirs` says somebody
/// else wrote meanwhile is still there.
pub async fn writers_ended(catalog: &dyn Catalog, theirs: &[(&str, Value)]) {
    let (collection, id) = CHANGED;
    let last = WRITERS * CHANGES;
    let late = Record { collection: collection.into(), id: id.into(), rev: last - 1, fields: json!({"from": "the past"}) };
    catalog.put(&late).await.expect("an old writer's late write is success");
    let found = catalog.get(collection, id).await.expect("get").expect("the record");
    assert_eq!((found.rev, &found.fields["from"], &found.fields["change"]), (last, &json!(WRITERS - 1), &json!(CHANGES - 1)));
    assert_eq!(found.fields["assets"], json!([{"title": "primary", "dance_video": format!("gs://bucket/{last}")}]));
    for (field, value) in theirs {
        assert_eq!(found.fields.get(*field), Some(value), "{field} is another writer's");
    }
    catalog.delete(collection, id).await.expect("delete");
}
