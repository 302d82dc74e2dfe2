//! The one list of addresses.

use super::State;
use super::errors::{Outcome, Refusal, json_answer, set};
use super::request::{Request, decoded};
use super::{Bucket, links, objects, resumable, upload};
use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(state): axum::extract::State<Arc<State>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let date = state.accounts.date();
    let request = Request::of(request);
    let mut answer = match tokio::spawn(route(state, request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => refusal.answer(),
        Err(panic) => Refusal::internal(panic.to_string()).answer(),
    };
    set(&mut answer, "date", &date);
    answer
}

async fn route(state: Arc<State>, request: Request) -> Outcome<Response<Body>> {
    let path = request.path.clone();
    if let Some(rest) = path.strip_prefix("/upload/storage/v1/b/") {
        let bucket = decoded(rest.strip_suffix("/o").ok_or_else(Refusal::no_route)?);
        return match (request.method.as_str(), request.parameter("upload_id")) {
            ("PUT", Some(id)) => resumable::append(&state, request, &id).await,
            ("DELETE", Some(id)) => resumable::cancel(&state, &request, &id),
            ("POST", None) => upload::post(&state, request, &bucket).await,
            _ => Err(Refusal::no_route()),
        };
    }
    let Some(rest) = path.strip_prefix("/storage/v1/b") else {
        return links::open(&state, &request).await;
    };
    let parts: Vec<&str> = rest.trim_start_matches('/').splitn(3, '/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", [""]) => make_bucket(&state, request).await,
        ("GET", [bucket]) => bucket_of(&state, &request, &decoded(bucket)),
        ("GET", [bucket, "iam", "testPermissions"]) => permissions(&state, &request, &decoded(bucket)),
        ("GET", [bucket, "o"]) => objects::list(&state, &request, &decoded(bucket)),
        ("POST", [bucket, "o", rest]) if rest.contains("/rewriteTo/b/") => objects::rewrite(&state, &request, &decoded(bucket), rest).await,
        // A key whose separators are not encoded is another address.
        (method, [bucket, "o", key]) if !key.contains('/') => {
            let (bucket, key) = (decoded(bucket), decoded(key));
            match method {
                "GET" => objects::get(&state, &request, &bucket, &key).await,
                "DELETE" => objects::delete(&state, &request, &bucket, &key),
                "PATCH" => objects::change(&state, request, &bucket, &key).await,
                _ => Err(Refusal::no_route()),
            }
        }
        _ => Err(Refusal::no_route()),
    }
}

fn bucket_resource(name: &str) -> Value {
    json!({"kind": "storage#bucket", "id": name, "name": name, "location": "EU", "storageClass": "STANDARD"})
}

fn bucket_of(state: &State, request: &Request, name: &str) -> Outcome<Response<Body>> {
    request.may(state, "storage.buckets.get", "bucket")?;
    state.buckets().get(name).map(|_| json_answer(200, &bucket_resource(name))).ok_or_else(Refusal::no_bucket)
}

async fn make_bucket(state: &State, request: Request) -> Outcome<Response<Body>> {
    request.may(state, "storage.buckets.create", "project")?;
    request.parameter("project").ok_or_else(|| Refusal::invalid("Required parameter: project"))?;
    let body = request.json().await?;
    let name = body["name"].as_str().filter(|name| name.len() >= 3).ok_or_else(|| Refusal::invalid("Invalid bucket name"))?.to_owned();
    let mut buckets = state.buckets();
    if buckets.contains_key(&name) {
        return Err(Refusal::taken());
    }
    buckets.insert(name.clone(), Bucket::default());
    Ok(json_answer(200, &bucket_resource(&name)))
}

/// Those of the permissions asked for that the account has.
fn permissions(state: &State, request: &Request, bucket: &str) -> Outcome<Response<Body>> {
    request.may(state, "", "bucket")?;
    state.buckets().get(bucket).ok_or_else(Refusal::no_bucket)?;
    let asked = request.query.split('&').filter_map(|pair| pair.strip_prefix("permissions=")).map(decoded);
    let forbidden = state.forbidden();
    let held: Vec<String> = asked.filter(|permission| !forbidden.contains(permission)).collect();
    Ok(json_answer(200, &json!({"kind": "storage#testIamPermissionsResponse", "permissions": held})))
}
