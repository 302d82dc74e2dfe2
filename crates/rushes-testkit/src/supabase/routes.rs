//! The one list of addresses.

use super::State;
use super::errors::{Outcome, Refusal};
use super::request::Request;
use super::serve::Door;
use super::{buckets, lists, moves, names, objects, rest, resumable, serve};
use axum::body::Body;
use axum::http::{Method, Response};
use std::sync::Arc;

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    if path.starts_with(rest::PATH) {
        return rest::answer(state, request).await;
    }
    let Some(request) = Request::of(request) else { return Refusal::no_route(&method, &path).answer() };
    match tokio::spawn(route(state, request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => refusal.answer(),
        Err(panic) => Refusal::internal(panic.to_string()).answer(),
    }
}

async fn route(state: Arc<State>, request: Request) -> Outcome<Response<Body>> {
    let path = request.path.clone();
    if path.starts_with(resumable::PATH) {
        return resumable::serve(state, request).await;
    }
    let nowhere = || Refusal::no_route(request.method.as_str(), &path);
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (area, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match (area, request.method.as_str(), rest) {
        ("bucket", "GET", "") => buckets::list(&state, &request).await,
        ("bucket", "POST", "") => buckets::make(&state, request).await,
        ("bucket", "GET", id) => buckets::get(&state, &request, &decoded(id)?).await,
        ("bucket", "PUT", id) => buckets::change(&state, request, &decoded(id)?).await,
        ("object", _, rest) => object(state, request, rest).await,
        _ => Err(nowhere()),
    }
}

fn decoded(text: &str) -> Outcome<String> {
    names::decode(text).ok_or_else(|| Refusal::malformed(format!("'{text}' is not a valid url component")))
}

/// Everything below `/object/`.
async fn object(state: Arc<State>, request: Request, rest: &str) -> Outcome<Response<Body>> {
    let (word, behind) = rest.split_once('/').unwrap_or((rest, ""));
    let (second, behind_second) = behind.split_once('/').unwrap_or((behind, ""));
    let is_reading = matches!(request.method, Method::GET | Method::HEAD);
    match (word, request.method.as_str()) {
        ("authenticated", _) if is_reading => read(&state, &request, Door::Authenticated, behind).await,
        ("public", _) if is_reading => read(&state, &request, Door::Public, behind).await,
        ("info", "GET") => match second {
            "authenticated" => info(&state, &request, Door::Authenticated, behind_second).await,
            "public" => info(&state, &request, Door::Public, behind_second).await,
            _ => info(&state, &request, Door::Either, behind).await,
        },
        ("move", "POST") => moves::relocate(&state, request).await,
        ("copy", "POST") => moves::copy(&state, request).await,
        ("list", "POST") => lists::folder(&state, request, &decoded(behind)?).await,
        ("list-v2", "POST") => lists::flat(&state, request, &decoded(behind)?).await,
        ("sign", "POST") if behind_second.is_empty() => serve::sign_many(&state, request, &decoded(second)?).await,
        ("sign", "POST") => {
            let (bucket, key) = place(behind)?;
            serve::sign(&state, request, &bucket, &key, behind).await
        }
        ("sign", "GET") => {
            let (bucket, key) = place(behind)?;
            serve::signed(&state, &request, &bucket, &key).await
        }
        (_, "DELETE") if behind.is_empty() => objects::delete_many(&state, request, &decoded(word)?).await,
        (_, method) => {
            let (bucket, key) = place(rest)?;
            match method {
                "POST" => {
                    let is_upsert = request.is_upsert();
                    objects::put(state, request, &bucket, &key, is_upsert).await
                }
                "PUT" => objects::put(state, request, &bucket, &key, true).await,
                "GET" | "HEAD" => serve::object(&state, &request, Door::Either, &bucket, &key).await,
                "DELETE" => objects::delete(&state, &request, &bucket, &key).await,
                _ => Err(Refusal::no_route(method, &request.path)),
            }
        }
    }
}

async fn read(state: &State, request: &Request, door: Door, behind: &str) -> Outcome<Response<Body>> {
    let (bucket, key) = place(behind)?;
    serve::object(state, request, door, &bucket, &key).await
}

async fn info(state: &State, request: &Request, door: Door, behind: &str) -> Outcome<Response<Body>> {
    let (bucket, key) = place(behind)?;
    serve::info(state, request, door, &bucket, &key).await
}

/// Bucket and key, decoded.
fn place(text: &str) -> Outcome<(String, String)> {
    let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
    Ok((decoded(bucket)?, decoded(key)?))
}
