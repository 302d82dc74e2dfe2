//! What every catalog must keep.

use rushes_core::catalog::{Catalog, Record};
use serde_json::json;

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
