//! Buckets: list, make, look at, change.

use super::State;
use super::errors::{Outcome, Refusal, json_answer};
use super::names;
use super::request::Request;
use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

/// Nobody is an empty text: the real server's answers have no null there.
const COLUMNS: &str = "id, name, coalesce(owner::text, '') AS owner, public, created_at, updated_at, file_size_limit, allowed_mime_types";

/// `GET /bucket`
pub(super) async fn list(state: &State, request: &Request) -> Outcome<Response<Body>> {
    let transaction = state.database.begin(&request.caller()?).await?;
    let rows = transaction.select(&format!("SELECT {COLUMNS}, type FROM storage.buckets ORDER BY id"), &[]).await?;
    transaction.roll_back().await?;
    Ok(json_answer(200, &Value::Array(rows)))
}

/// `GET /bucket/{id}`
pub(super) async fn get(state: &State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    let transaction = state.database.begin(&request.caller()?).await?;
    let rows = transaction.select(&format!("SELECT {COLUMNS} FROM storage.buckets WHERE id = $1"), &[&id]).await?;
    transaction.roll_back().await?;
    rows.first().map(|row| json_answer(200, row)).ok_or_else(Refusal::no_bucket)
}

/// `POST /bucket`: `{name, id, public, file_size_limit (bytes), allowed_mime_types}`
pub(super) async fn make(state: &State, request: Request) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let name = body["name"].as_str().ok_or_else(|| Refusal::malformed("body must have required property 'name'"))?;
    names::check_bucket(name)?;
    let (id, is_public) = (body["id"].as_str().unwrap_or(name), body["public"] == true);
    let (limit, types) = rules(state, &body)?;
    let sql =
        "INSERT INTO storage.buckets (id, name, public, file_size_limit, allowed_mime_types) VALUES ($1, $2, $3, $4, $5) RETURNING id";
    let transaction = state.database.begin(&caller).await?;
    transaction.select(sql, &[&id, &name, &is_public, &limit, &types]).await?;
    transaction.commit().await?;
    Ok(json_answer(200, &json!({"name": name})))
}

/// `PUT /bucket/{id}`: those of `{public, file_size_limit, allowed_mime_types}` that are to change; `null` lifts a limit.
pub(super) async fn change(state: &State, request: Request, id: &str) -> Outcome<Response<Body>> {
    let caller = request.caller()?;
    let body = request.json().await?;
    let has = |name: &str| body.get(name).is_some();
    let (limit, types) = rules(state, &body)?;
    let sql = "UPDATE storage.buckets SET public = coalesce($2, public), \
               file_size_limit = CASE WHEN $3 THEN $4 ELSE file_size_limit END, \
               allowed_mime_types = CASE WHEN $5 THEN $6 ELSE allowed_mime_types END WHERE id = $1 RETURNING id";
    let transaction = state.database.begin(&caller).await?;
    let (has_limit, has_types) = (has("file_size_limit"), has("allowed_mime_types"));
    let rows = transaction.select(sql, &[&id, &body["public"].as_bool(), &has_limit, &limit, &has_types, &types]).await?;
    transaction.commit().await?;
    if rows.is_empty() { Err(Refusal::no_bucket()) } else { Ok(json_answer(200, &json!({"message": "Successfully updated"}))) }
}

/// The size limit and the content types that a body names.
fn rules(state: &State, body: &Value) -> Outcome<(Option<i64>, Option<Vec<String>>)> {
    let limit = body["file_size_limit"].as_i64();
    if limit.is_some_and(|limit| u64::try_from(limit).is_ok_and(|limit| limit > state.limit_of(&Value::Null))) {
        return Err(Refusal::too_large());
    }
    let types = body["allowed_mime_types"].as_array().map(|types| types.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    Ok((limit, types))
}
