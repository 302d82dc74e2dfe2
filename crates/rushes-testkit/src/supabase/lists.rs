//! The two listings: by folder (`list`) and flat with a cursor (`list-v2`). Both show what the asker's policies show.

use super::State;
use super::errors::{Outcome, Refusal, json_answer};
use super::request::Request;
use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// One page of a folder holds at most this.
const LARGEST_FOLDER_PAGE: u64 = 1_500;
/// One page of a flat listing holds at most this.
const LARGEST_FLAT_PAGE: u64 = 1_000;

/// `POST /object/list/{bucket}`: `{prefix, limit, offset, sortBy: {column: "name", order}}`. `prefix` is a folder; letters
/// count as equal in both cases, as in the real server.
pub(super) async fn folder(state: &State, request: Request, bucket: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let prefix = body["prefix"].as_str().ok_or_else(|| Refusal::malformed("body must have required property 'prefix'"))?;
    let prefix = if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
    let search = body["search"].as_str().unwrap_or_default();
    let order = if body["sortBy"]["order"] == "desc" { "DESC" } else { "ASC" };
    let limit = body["limit"].as_u64().unwrap_or(100).min(LARGEST_FOLDER_PAGE);
    let sql = format!(
        "SELECT name, id, updated_at, created_at, last_accessed_at, metadata FROM storage.objects \
         WHERE bucket_id = $1 AND starts_with(lower(name), lower($2)) ORDER BY lower(name) COLLATE \"C\" {order}"
    );
    let transaction = state.database.begin(&caller).await?;
    let rows = transaction.select(&sql, &[&bucket, &format!("{prefix}{search}")]).await?;
    transaction.roll_back().await?;
    let mut entries: Vec<Value> = Vec::new();
    for mut row in rows {
        let name = row["name"].as_str().and_then(|name| name.get(prefix.len()..)).unwrap_or_default().to_owned();
        if let Some((folder, _)) = name.split_once('/') {
            if entries.last().is_none_or(|last| last["name"] != folder || !last["id"].is_null()) {
                let nothing = Value::Null;
                entries.push(json!({"name": folder, "id": nothing, "updated_at": nothing, "created_at": nothing,
                                    "last_accessed_at": nothing, "metadata": nothing}));
            }
        } else {
            row["name"] = json!(name);
            entries.push(row);
        }
    }
    let page = entries.into_iter().skip(count(body["offset"].as_u64().unwrap_or(0))).take(count(limit));
    Ok(json_answer(200, &page.collect()))
}

/// `POST /object/list-v2/{bucket}`: `{prefix, limit, cursor, with_delimiter, sortBy: {column: "name", order}}`.
pub(super) async fn flat(state: &State, request: Request, bucket: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let prefix = body["prefix"].as_str().unwrap_or_default();
    let limit = count(body["limit"].as_u64().unwrap_or(LARGEST_FLAT_PAGE).min(LARGEST_FLAT_PAGE));
    let cursor = body["cursor"].as_str().map(read_cursor).transpose()?;
    let order = cursor.as_ref().map_or_else(|| body["sortBy"]["order"].as_str().unwrap_or("asc").to_owned(), |(_, order)| order.clone());
    let (after, direction) = if order == "desc" { ("<", "DESC") } else { (">", "ASC") };
    let behind = cursor.map(|(name, _)| name);
    let sql = format!(
        "SELECT id, name, metadata, updated_at, created_at, last_accessed_at FROM storage.objects \
         WHERE bucket_id = $1 AND starts_with(name, $2) AND ($3::text IS NULL OR name COLLATE \"C\" {after} $3) \
         ORDER BY name COLLATE \"C\" {direction}"
    );
    let transaction = state.database.begin(&caller).await?;
    let rows = transaction.select(&sql, &[&bucket, &prefix, &behind]).await?;
    transaction.roll_back().await?;
    let is_grouped = body["with_delimiter"] == true;
    let (mut folders, mut objects, mut last) = (Vec::<Value>::new(), Vec::new(), None);
    let mut has_next = false;
    for row in rows {
        let name = row["name"].as_str().unwrap_or_default().to_owned();
        let folder = name[prefix.len()..].find('/').filter(|_| is_grouped).map(|at| name[..=prefix.len() + at].to_owned());
        if folder.is_some() && (folders.last().is_some_and(|seen| seen["name"] == json!(folder)) || folder == behind) {
            // A cursor behind a folder is behind all that is in it.
            last = Some(name);
            continue;
        }
        if folders.len() + objects.len() == limit {
            has_next = true;
            break;
        }
        match folder {
            Some(folder) => folders.push(json!({"id": null, "name": folder})),
            None => objects.push(row),
        }
        last = Some(name);
    }
    let mut answer = json!({"hasNext": has_next, "folders": folders, "objects": objects});
    if let Some(name) = last.filter(|_| has_next) {
        answer["nextCursor"] = json!(STANDARD.encode(format!("l:{name}\no:{order}")));
        answer["nextCursorKey"] = json!(name);
    }
    Ok(json_answer(200, &answer))
}

/// The name a page ended with, and the order.
fn read_cursor(text: &str) -> Outcome<(String, String)> {
    let refusal = || Refusal::invalid_parameter("Invalid Parameter continuation token");
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refusal)?;
    let part = |letter: &str| decoded.lines().find_map(|line| line.strip_prefix(letter).map(str::to_owned));
    Ok((part("l:").ok_or_else(refusal)?, part("o:").unwrap_or_else(|| "asc".into())))
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
