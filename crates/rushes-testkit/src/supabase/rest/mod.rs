//! Tables of the schema `public` over HTTP, as PostgREST serves them behind a project's gateway: `GET`, `POST`, `PATCH` and
//! `DELETE` of `/rest/v1/{table}`, one table a request. Written from the public sources of PostgREST (August 2026).
//!
//! Left out: functions, embedding, `and`/`or`, casts and names in `select`, places in JSON lists, counts, single objects,
//! other schemas, CSV.

mod query;
mod statements;
mod told;

use super::State;
use super::database::Caller;
use super::errors::json_answer;
use super::request::bare;
use super::{names, token};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use query::Query;
use serde_json::{Value, json};
use statements::{Table, Written};
use std::sync::Arc;
use told::{Outcome, Told};

pub(super) const PATH: &str = "/rest/v1/";
/// A body beyond this is refused.
const LARGEST_BODY: usize = 1024 * 1024;

/// What `Prefer` asks for.
struct Wishes {
    /// The rows come back.
    is_shown: bool,
    /// What happens to a row that is there: `merge-duplicates`, `ignore-duplicates`.
    resolution: Option<String>,
}

/// Every request below [`PATH`].
pub(super) async fn answer(state: Arc<State>, request: axum::extract::Request) -> Response<Body> {
    if let Some(refused) = refused_at_the_gate(request.headers(), request.uri().query().unwrap_or_default()) {
        return refused;
    }
    // One that has arrived is finished even if its client goes away.
    let done = tokio::spawn(async move { serve(&state, request).await }).await;
    match done {
        Ok(Ok(answer)) => answer,
        Ok(Err(told)) => told.answer(),
        Err(panic) => json_answer(500, &json!({"message": panic.to_string()})),
    }
}

/// The gateway wants a key of the project, whoever else the asker may be.
fn refused_at_the_gate(headers: &HeaderMap, query: &str) -> Option<Response<Body>> {
    let named = query.split('&').find_map(|pair| pair.strip_prefix("apikey="));
    let Some(key) = headers.get("apikey").and_then(|value| value.to_str().ok()).or(named) else {
        let hint = "No `apikey` request header or url param was found.";
        return Some(json_answer(401, &json!({"message": "No API key found in request", "hint": hint})));
    };
    let is_known =
        token::verify(key).is_ok_and(|claims| claims["sub"].is_null() && (claims["role"] == "anon" || claims["role"] == "service_role"));
    let hint = "Double check your Supabase `anon` or `service_role` API key.";
    (!is_known).then(|| json_answer(401, &json!({"message": "Invalid API key", "hint": hint})))
}

/// Whom the token speaks for; nobody in particular where there is none.
fn caller(headers: &HeaderMap) -> Outcome<Caller> {
    let Some(given) = headers.get("authorization").and_then(|value| value.to_str().ok()) else {
        return Ok(Caller::of(&json!({"role": "anon"})));
    };
    let given = bare(given);
    token::verify(given).map(|claims| Caller::of(&claims)).map_err(|why| Told::bad_token(given, why))
}

fn wishes(headers: &HeaderMap) -> Wishes {
    let all: Vec<&str> = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    Wishes {
        is_shown: all.contains(&"return=representation"),
        resolution: all.iter().find_map(|wish| wish.strip_prefix("resolution=")).map(str::to_owned),
    }
}

async fn serve(state: &State, request: axum::extract::Request) -> Outcome<Response<Body>> {
    let (parts, body) = request.into_parts();
    let caller = caller(&parts.headers)?;
    let name = parts.uri.path().strip_prefix(PATH).and_then(names::decode).unwrap_or_default();
    let table = Table::find(&state.database, &name).await?;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    let wishes = wishes(&parts.headers);
    match parts.method {
        Method::GET | Method::HEAD => {
            let rows = table.read(&state.database, &caller, &query).await?;
            let range = if rows.is_empty() { "*/*".to_owned() } else { format!("{}-{}/*", query.offset, query.offset + count(&rows) - 1) };
            let mut answer = json_answer(200, &Value::Array(rows));
            answer.headers_mut().insert("content-range", range.parse().expect("digits and signs"));
            if parts.method == Method::HEAD {
                *answer.body_mut() = Body::empty();
            }
            Ok(answer)
        }
        Method::POST => {
            let rows = objects(body).await?;
            let Written { rows, is_new } = table.insert(&state.database, &caller, &query, &wishes, rows).await?;
            let is_merged = wishes.resolution.as_deref() == Some("merge-duplicates");
            Ok(written(if is_merged && !is_new { 200 } else { 201 }, rows, &wishes))
        }
        Method::PATCH => {
            let fields = objects(body).await?;
            let [fields] = <[Value; 1]>::try_from(fields).map_err(|_| Told::bad_body("Empty or invalid json"))?;
            let rows = table.update(&state.database, &caller, &query, &wishes, fields).await?;
            Ok(written(if wishes.is_shown { 200 } else { 204 }, rows, &wishes))
        }
        Method::DELETE => {
            let rows = table.delete(&state.database, &caller, &query, &wishes).await?;
            Ok(written(if wishes.is_shown { 200 } else { 204 }, rows, &wishes))
        }
        other => Err(Told::bad_method(other.as_str())),
    }
}

fn count(rows: &[Value]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

fn written(status: u16, rows: Vec<Value>, wishes: &Wishes) -> Response<Body> {
    if wishes.is_shown {
        return json_answer(status, &Value::Array(rows));
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer
}

/// A body's object or objects.
async fn objects(body: Body) -> Outcome<Vec<Value>> {
    let refused = || Told::bad_body("Empty or invalid json");
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| refused())?;
    match serde_json::from_slice(&bytes).map_err(|_| refused())? {
        Value::Array(rows) if rows.iter().all(Value::is_object) => Ok(rows),
        row @ Value::Object(_) => Ok(vec![row]),
        _ => Err(refused()),
    }
}
