//! `assets` by title instead of one after the other, for readers who look a set up by its name. What comes back is the
//! array again, so that nobody else needs to know.

use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::catalog::{Catalog, Record};
use serde_json::{Map, Value};
use std::sync::Arc;

const FIELD: &str = "assets";

/// A catalog whose records have their sets of assets as a map by title.
pub struct ByTitle(pub Arc<dyn Catalog>);

/// None where it is no array of sets.
fn by_title(sets: &Value) -> Option<Value> {
    let titled = sets.as_array()?.iter().map(|set| Some((set["title"].as_str()?.to_owned(), set.clone())));
    titled.collect::<Option<Map<String, Value>>>().map(Value::Object)
}

/// In the order of titles, as records are built.
fn in_order(sets: &Value) -> Option<Value> {
    let mut sets: Vec<(&String, &Value)> = sets.as_object()?.iter().collect();
    sets.sort_unstable_by_key(|(title, _)| *title);
    Some(sets.into_iter().map(|(_, set)| set.clone()).collect())
}

fn reshaped(mut record: Record, shape: fn(&Value) -> Option<Value>) -> Record {
    if let Some(shaped) = record.fields.get(FIELD).and_then(shape) {
        record.fields[FIELD] = shaped;
    }
    record
}

#[async_trait]
impl Catalog for ByTitle {
    fn collections(&self) -> Option<&'static [&'static str]> {
        self.0.collections()
    }

    async fn put(&self, record: &Record) -> Result<(), Fault> {
        self.0.put(&reshaped(record.clone(), by_title)).await
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        Ok(self.0.get(collection, id).await?.map(|record| reshaped(record, in_order)))
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        self.0.list(collection, cursor).await
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        self.0.delete(collection, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogs::json::JsonCatalog;
    use serde_json::json;

    #[tokio::test]
    async fn titles_are_keys_there_and_an_array_here() {
        let folder = tempfile::tempdir().unwrap();
        let json = Arc::new(JsonCatalog::new(folder.path().to_owned()));
        let catalog = ByTitle(json.clone());
        let sets = json!([{"title": "alternate_1", "dance_video": "gs://b/1"}, {"title": "primary", "dance_video": "gs://b/2"}]);
        let record = Record { collection: "characters".into(), id: "a".into(), rev: 1, fields: json!({"assets": sets}) };
        catalog.put(&record).await.unwrap();
        let there = json.get("characters", "a").await.unwrap().unwrap();
        assert_eq!(there.fields["assets"]["primary"]["dance_video"], "gs://b/2");
        assert_eq!(catalog.get("characters", "a").await.unwrap().unwrap(), record);
    }

    #[tokio::test]
    async fn titles_keep_the_catalog_contract() {
        let folder = tempfile::tempdir().unwrap();
        rushes_testkit::catalog_suite(&ByTitle(Arc::new(JsonCatalog::new(folder.path().to_owned())))).await;
    }
}
