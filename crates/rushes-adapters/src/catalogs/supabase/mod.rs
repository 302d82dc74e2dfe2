//! `supabase://`: the rows of an app's workspace, table `workspace_assets` of a Supabase project, over its REST interface.
//!
//! The record of a picture or film is a row, whose `id` is the asset's. The record of its thumbnail has no row of its own: it
//! stands in that one. What a row has no columns for stands in `generation_settings`, below `rushes`, so that what was put
//! comes back. PostgREST has no statement that compares and writes, so each writing names the number of the one before it.

mod answers;
mod rows;
#[cfg(test)]
mod tests;

use crate::http::{Body, Client, HttpOptions, Request, query_of};
use answers::About;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rows::{Entry, Place, Row};
use rushes_core::catalog::{Catalog, Record};
use rushes_core::{AssetId, Code, Fault, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The one collection there is.
const COLLECTION: &str = "workspace_assets";
/// How often a row that others write at the same time is tried before the record waits its turn again.
const TRIES: u32 = 8;
/// Ids on one page of a listing.
const PAGE: usize = 1_000;
/// What of a row is read.
const READ: &str = "id,generation_settings";
/// Where a row has the number of its last writing, its asset, and its thumbnail's asset.
const WRITES: &str = "generation_settings->rushes->>writes";
const ASSET: &str = "generation_settings->rushes->>asset";
const THUMBNAIL: &str = "generation_settings->rushes->thumbnail->>asset";

/// A project and who asks it.
#[derive(Clone)]
pub struct WorkspaceSettings {
    /// `https://PROJECT.supabase.co`
    pub endpoint: String,
    /// The service key: users write no rows.
    pub key: String,
    /// How many days assets of a kind are kept; one that is not named is kept for good.
    pub days: BTreeMap<Kind, u32>,
    /// How HTTP is spoken.
    pub http: HttpOptions,
}

impl std::fmt::Debug for WorkspaceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkspaceSettings").field("endpoint", &self.endpoint).field("key", &"***").finish_non_exhaustive()
    }
}

/// The table as a catalog.
#[derive(Debug)]
pub struct SupabaseCatalog {
    settings: WorkspaceSettings,
    client: Client,
    /// `{endpoint}/rest/v1/workspace_assets`
    base: String,
    headers: HeaderMap,
}

/// Which rows, or how many, as PostgREST writes it.
type Asked<'a> = &'a [(&'a str, &'a str)];

impl SupabaseCatalog {
    /// Speaks to nobody yet. Errors: `config_invalid`.
    pub fn new(settings: WorkspaceSettings) -> Result<Self, Fault> {
        let invalid = |reason: &str| Fault::new(Code::ConfigInvalid, "read configuration").because(reason);
        let endpoint = settings.endpoint.trim_end_matches('/').trim_end_matches("/rest/v1").trim_end_matches('/');
        if endpoint.strip_prefix("https://").or(endpoint.strip_prefix("http://")).is_none_or(str::is_empty) {
            return Err(invalid("an endpoint is written https://PROJECT.supabase.co"));
        }
        let secret = |text: &str| -> Result<HeaderValue, Fault> {
            let mut value = HeaderValue::from_str(text).map_err(|_| invalid("the key has signs that no key has"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        if settings.key.is_empty() {
            return Err(invalid("the key is missing"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, secret(&format!("Bearer {}", settings.key))?);
        headers.insert(HeaderName::from_static("apikey"), secret(&settings.key)?);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let base = format!("{endpoint}/rest/v1/{COLLECTION}");
        Ok(Self { client: Client::new(settings.http)?, base, headers, settings })
    }

    /// Asks, and gives the rows that come back. `wish`: a `Prefer`.
    async fn ask(
        &self,
        method: Method,
        asked: Asked<'_>,
        wish: &'static str,
        body: &Value,
        operation: &'static str,
    ) -> Result<Vec<Value>, Fault> {
        let pairs: Vec<(String, String)> = asked.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut headers = self.headers.clone();
        headers.insert(HeaderName::from_static("prefer"), HeaderValue::from_static(wish));
        let body = if body.is_null() { Body::Empty } else { Body::Bytes(body.to_string().into()) };
        let request =
            Request { method, url: format!("{}?{}", self.base, query_of(&pairs)), headers, body, operation, answers_within: None };
        let about = About { operation, key: &self.settings.key };
        let answer = self.client.send(request).await.map_err(|fault| Fault { code: Code::CatalogDown, ..fault })?;
        if answer.status.is_success() { answers::rows(answer, about).await } else { Err(answers::refusal(answer, about).await) }
    }

    async fn read(&self, asked: Asked<'_>) -> Result<Option<Row>, Fault> {
        let asked: Vec<(&str, &str)> = asked.iter().copied().chain([("select", READ), ("limit", "1")]).collect();
        Ok(self.ask(Method::GET, &asked, "count=none", &Value::Null, "read record").await?.pop().map(Row::of))
    }

    /// The row of this place in a job's results.
    async fn row_at(&self, place: &Place) -> Result<Option<Row>, Fault> {
        let index = format!("eq.{}", place.asset_index);
        self.read(&[("job_id", &format!("eq.{}", place.job_id)), ("asset_index", &index)]).await
    }

    async fn row_of_thumbnail(&self, asset: AssetId) -> Result<Option<Row>, Fault> {
        self.read(&[(THUMBNAIL, &format!("eq.{asset}"))]).await
    }

    /// Makes a row; false where another was made meanwhile.
    async fn insert(&self, entry: &Entry<'_>) -> Result<bool, Fault> {
        let asked = [("on_conflict", "job_id,asset_index"), ("select", "id")];
        let wish = "resolution=ignore-duplicates,return=representation";
        let row = entry.row(None, &self.settings.days)?;
        Ok(!self.ask(Method::POST, &asked, wish, &json!([row]), "write record").await?.is_empty())
    }

    /// Writes over a row as it was read; false where it was written meanwhile, or is gone.
    async fn change(&self, row: &Row, to: &Value, operation: &'static str) -> Result<bool, Fault> {
        let writes = row.writes().map_or_else(|| "is.null".to_owned(), |writes| format!("eq.{writes}"));
        let asked = [("id", &*format!("eq.{}", row.id)), (WRITES, &writes), ("select", "id")];
        Ok(!self.ask(Method::PATCH, &asked, "return=representation", to, operation).await?.is_empty())
    }

    /// One try; false where somebody came between.
    async fn write(&self, entry: &Entry<'_>) -> Result<bool, Fault> {
        match self.row_at(&entry.place).await? {
            Some(row) if row.tells_as_much_as(entry) => Ok(true),
            Some(row) => self.change(&row, &entry.row(Some(&row), &self.settings.days)?, "write record").await,
            None if entry.is_thumbnail() => {
                let reason = "its picture or film has no row yet, which it is to stand in";
                Err(Fault::new(Code::CatalogDown, "write record").because(reason))
            }
            None => self.insert(entry).await,
        }
    }

    /// Ids of one sort, after `cursor`.
    async fn ids(&self, column: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        let after = cursor.map_or_else(|| "not.is.null".to_owned(), |cursor| format!("gt.{cursor}"));
        let (order, limit) = (format!("{column}.asc"), PAGE.to_string());
        let asked = [(column, &*after), ("select", column), ("order", &order), ("limit", &limit)];
        let rows = self.ask(Method::GET, &asked, "count=none", &Value::Null, "list records").await?;
        Ok(rows.iter().filter_map(|row| row["asset"].as_str().map(str::to_owned)).collect())
    }

    async fn remove_thumbnail(&self, asset: AssetId) -> Result<(), Fault> {
        for _ in 0..TRIES {
            let Some(row) = self.row_of_thumbnail(asset).await? else { return Ok(()) };
            if self.change(&row, &row.without_thumbnail(), "delete record").await? {
                return Ok(());
            }
        }
        Err(contended("delete record"))
    }
}

fn contended(operation: &str) -> Fault {
    Fault::new(Code::CatalogDown, operation).because("others write the same row all the time")
}

/// The asset of a record's id, as it is written in one; None for all else, of which there is no record.
fn asset_of(collection: &str, id: &str) -> Option<AssetId> {
    id.parse().ok().filter(|asset: &AssetId| collection == COLLECTION && asset.to_string() == id)
}

#[async_trait]
impl Catalog for SupabaseCatalog {
    fn collections(&self) -> Option<&'static [&'static str]> {
        Some(&[COLLECTION])
    }

    async fn put(&self, record: &Record) -> Result<(), Fault> {
        let about = |fault: Fault| fault.with("id", &record.id);
        let entry = Entry::of(record).map_err(about)?;
        for _ in 0..TRIES {
            if self.write(&entry).await.map_err(about)? {
                return Ok(());
            }
        }
        Err(about(contended("write record")))
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        let Some(asset) = asset_of(collection, id) else { return Ok(None) };
        let found = match self.read(&[("id", &format!("eq.{}", asset.0)), (ASSET, &format!("eq.{asset}"))]).await? {
            Some(row) => row.record(),
            None => self.row_of_thumbnail(asset).await?.and_then(|row| row.record_of_thumbnail()),
        };
        Ok(found.map(|(rev, fields)| Record { collection: collection.to_owned(), id: id.to_owned(), rev, fields }))
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        if collection != COLLECTION {
            return Ok(Vec::new());
        }
        let mut ids = self.ids(ASSET, cursor).await?;
        ids.extend(self.ids(THUMBNAIL, cursor).await?);
        ids.sort_unstable();
        ids.truncate(PAGE);
        Ok(ids)
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        let Some(asset) = asset_of(collection, id) else { return Ok(()) };
        let own = [("id", &*format!("eq.{}", asset.0)), (ASSET, &format!("eq.{asset}")), ("select", "id")];
        let removed = self.ask(Method::DELETE, &own, "return=representation", &Value::Null, "delete record").await;
        match removed.map_err(|fault| fault.with("id", id))? {
            rows if rows.is_empty() => self.remove_thumbnail(asset).await.map_err(|fault| fault.with("id", id)),
            _ => Ok(()),
        }
    }
}
