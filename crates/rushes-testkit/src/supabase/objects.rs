//! Objects: put, delete, and the rows about them.

use super::State;
use super::bytes::Written;
use super::database::Caller;
use super::errors::{Outcome, Refusal, json_answer};
use super::request::Request;
use super::{names, token};
use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rushes_core::record::rfc3339;
use serde_json::{Value, json};
use std::sync::Arc;

/// More in one request are refused.
const MOST_DELETED: usize = 1_000;

/// An upload that is to be written down.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version: String,
    pub(super) owner: Option<String>,
    pub(super) metadata: Value,
    pub(super) user_metadata: Option<Value>,
}

const INSERT: &str = "INSERT INTO storage.objects (bucket_id, name, version, owner, owner_id, metadata, user_metadata) \
                      VALUES ($1, $2, $3, $4::text::uuid, $5, $6::text::jsonb, $7::text::jsonb)";
const FIND: &str = "SELECT *, floor(extract(epoch FROM updated_at)) AS updated_s FROM storage.objects WHERE bucket_id = $1 AND name = $2";
const ON_CONFLICT: &str = "ON CONFLICT (bucket_id, name) DO UPDATE SET metadata = EXCLUDED.metadata, version = EXCLUDED.version, \
                           user_metadata = EXCLUDED.user_metadata, owner = EXCLUDED.owner, owner_id = EXCLUDED.owner_id";

impl Row {
    /// Inserts the row, or replaces one; its id.
    async fn write(&self, transaction: &super::database::Transaction<'_>, is_upsert: bool) -> Outcome<Value> {
        let sql = format!("{INSERT} {} RETURNING id", if is_upsert { ON_CONFLICT } else { "" });
        let uuid = self.owner.as_deref().filter(|owner| uuid::Uuid::parse_str(owner).is_ok());
        let (metadata, user_metadata) = (self.metadata.to_string(), self.user_metadata.as_ref().map(ToString::to_string));
        let rows =
            transaction.select(&sql, &[&self.bucket, &self.key, &self.version, &uuid, &self.owner, &metadata, &user_metadata]).await?;
        Ok(rows[0]["id"].clone())
    }
}

/// What the real server keeps about bytes.
pub(super) fn metadata_of(written: &Written, mime: &str, cache_control: &str) -> Value {
    json!({
        "eTag": written.etag,
        "size": written.size,
        "mimetype": mime,
        "cacheControl": cache_control,
        "lastModified": rfc3339(token::now_s() * 1_000),
        "contentLength": written.size,
        "httpStatusCode": 200,
    })
}

impl State {
    /// Whether `caller` could write this row: it is tried and undone.
    pub(super) async fn may_upload(&self, caller: &Caller, row: &Row, is_upsert: bool) -> Outcome<()> {
        let transaction = self.database.begin(caller).await?;
        row.write(&transaction, is_upsert).await?;
        transaction.roll_back().await
    }

    /// Writes the row of an upload whose bytes are there, whatever was there before; the object's id.
    pub(super) async fn complete(&self, row: &Row) -> Outcome<Value> {
        let transaction = self.database.begin(&Caller::server()).await?;
        // Two uploads of one key complete one after the other; the later one stays.
        transaction.select("SELECT 1 AS held FROM pg_advisory_xact_lock(hashtext($1))", &[&format!("{}/{}", row.bucket, row.key)]).await?;
        let before = transaction
            .select("SELECT version FROM storage.objects WHERE bucket_id = $1 AND name = $2 FOR UPDATE", &[&row.bucket, &row.key])
            .await?;
        let id = row.write(&transaction, true).await?;
        transaction.commit().await?;
        if let Some(old) = before.first().and_then(|found| found["version"].as_str()).filter(|old| *old != row.version) {
            self.forget(old);
        }
        Ok(id)
    }

    /// The row of an object as `caller` sees it; refused where it sees none.
    pub(super) async fn find(&self, caller: &Caller, bucket: &str, key: &str) -> Outcome<Value> {
        names::check_key(key)?;
        let transaction = self.database.begin(caller).await?;
        let rows = transaction.select(FIND, &[&bucket, &key]).await?;
        transaction.roll_back().await?;
        rows.into_iter().next().ok_or_else(Refusal::no_object)
    }

    /// The bucket, policies aside.
    pub(super) async fn bucket(&self, id: &str) -> Outcome<Value> {
        let transaction = self.database.begin(&Caller::server()).await?;
        let rows = transaction.select("SELECT * FROM storage.buckets WHERE id = $1", &[&id]).await?;
        transaction.roll_back().await?;
        rows.into_iter().next().ok_or_else(Refusal::no_bucket)
    }

    /// The largest object a bucket takes.
    pub(super) fn limit_of(&self, bucket: &Value) -> u64 {
        let global = self.file_size_limit.load(std::sync::atomic::Ordering::Relaxed);
        bucket["file_size_limit"].as_u64().map_or(global, |own| own.min(global))
    }
}

/// Refuses a content type that the bucket does not list.
pub(super) fn check_mime(bucket: &Value, mime: &str) -> Outcome<()> {
    let Some(allowed) = bucket["allowed_mime_types"].as_array().filter(|allowed| !allowed.is_empty()) else { return Ok(()) };
    let mut parts = mime.split('/');
    let (kind, sub) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(|| Refusal::invalid_mime_type(mime))?);
    let is_good =
        allowed.iter().filter_map(Value::as_str).filter_map(|one| one.split_once('/')).any(|(k, s)| k == kind && (s == "*" || s == sub));
    if is_good { Ok(()) } else { Err(Refusal::invalid_mime_type(mime)) }
}

/// `POST` (a new object unless `x-upsert`) and `PUT` (whatever was there).
pub(super) async fn put(state: Arc<State>, request: Request, bucket: &str, key: &str, is_upsert: bool) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let found = state.bucket(bucket).await?;
    let mime = request.header("content-type").unwrap_or("application/octet-stream").to_owned();
    if mime.starts_with("multipart/form-data") {
        return Err(Refusal::invalid_request("the testkit's server takes no forms: send the bytes as the body"));
    }
    check_mime(&found, &mime)?;
    let user_metadata =
        request.header("x-metadata").and_then(|text| STANDARD.decode(text).ok()).and_then(|json| serde_json::from_slice(&json).ok());
    let cache_control = request.header("cache-control").unwrap_or("no-cache").to_owned();
    if request.content_length().is_some_and(|length| length > state.limit_of(&found)) {
        return Err(Refusal::too_large());
    }
    names::check_key(key)?;
    let mut row = Row {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        version: uuid::Uuid::now_v7().to_string(),
        owner: caller.owner().map(str::to_owned),
        metadata: json!({"mimetype": mime, "contentLength": request.content_length()}),
        user_metadata,
    };
    state.may_upload(&caller, &row, is_upsert).await?;
    let written = state.shelf.write(&row.version, request.into_body()).await?;
    row.metadata = metadata_of(&written, &mime, &cache_control);
    // The bytes are here: it is completed even if the client goes away now.
    let path = format!("{bucket}/{key}");
    let completed = tokio::spawn(async move { state.complete(&row).await });
    let id = completed.await.map_err(|error| Refusal::internal(error.to_string()))??;
    Ok(json_answer(200, &json!({"Id": id, "Key": path})))
}

/// `DELETE` of one object.
pub(super) async fn delete(state: &State, request: &Request, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    state.find(&Caller::server(), bucket, key).await?;
    if delete_rows(state, &caller, bucket, &[key.to_owned()]).await?.is_empty() {
        return Err(Refusal::access_denied("Access denied"));
    }
    Ok(json_answer(200, &json!({"message": "Successfully deleted"})))
}

/// `DELETE` of many objects: `{"prefixes": [key, …]}`; what was not there or not allowed is left out of the answer.
pub(super) async fn delete_many(state: &State, request: Request, bucket: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let keys: Option<Vec<String>> =
        body["prefixes"].as_array().and_then(|keys| keys.iter().map(|key| key.as_str().map(str::to_owned)).collect());
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| Refusal::malformed("body must have required property 'prefixes'"))?;
    if keys.len() > MOST_DELETED {
        let message = format!("Bulk object requests are limited to {MOST_DELETED} objects per request.");
        return Err(Refusal::invalid_request(message));
    }
    Ok(json_answer(200, &Value::Array(delete_rows(state, &caller, bucket, &keys).await?)))
}

async fn delete_rows(state: &State, caller: &Caller, bucket: &str, keys: &[String]) -> Outcome<Vec<Value>> {
    let transaction = state.database.begin(caller).await?;
    // Nobody is an empty text: the real server's answers have no null there.
    let columns = "name, bucket_id, coalesce(owner::text, '') AS owner, coalesce(owner_id, '') AS owner_id, version, id, updated_at, created_at, last_accessed_at, metadata, user_metadata";
    let sql = format!("DELETE FROM storage.objects WHERE bucket_id = $1 AND name = ANY($2) RETURNING {columns}");
    let rows = transaction.select(&sql, &[&bucket, &keys]).await?;
    transaction.commit().await?;
    for version in rows.iter().filter_map(|row| row["version"].as_str()) {
        state.forget(version);
    }
    Ok(rows)
}
