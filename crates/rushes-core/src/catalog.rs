//! The port of a place where records go: a folder of JSON, Firestore, Postgres, Supabase.

use crate::fault::Fault;
use serde_json::Value;

/// A document as it is written: always whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// `characters`, `pipeline_jobs`, …
    pub collection: String,
    /// The document's id in it.
    pub id: String,
    /// Only ever raised; a write with a lower or equal one changes nothing.
    pub rev: u64,
    /// Our fields; other writers' fields stay.
    pub fields: Value,
}

/// A place where records go. Every method may be called again with the same arguments.
#[async_trait::async_trait]
pub trait Catalog: Send + Sync {
    /// The collections it holds; None: any. Nothing is owed to it of others, and nobody asks it for them.
    fn collections(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// Writes our fields whole, unless the record there has the same or a higher `rev` (that is success too).
    /// Errors: `catalog_down`, `disk_full` (transient), `destination_refused` (permanent).
    async fn put(&self, record: &Record) -> Result<(), Fault>;

    /// The record as it stands; None where there is none.
    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault>;

    /// The ids in a collection, after `cursor`, at most 1,000, in byte order.
    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault>;

    /// Removes a record; nothing there is success.
    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault>;
}
