//! Objects: told of, read, listed, changed and removed.

use super::conditions::Conditions;
use super::errors::{Outcome, Refusal, json_answer, set};
use super::request::{Request, decoded};
use super::upload::{Wanted, finish};
use super::{Object, State};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const LARGEST_PAGE: usize = 1_000;

/// The object at a key, where the asker may know of it.
fn find(state: &State, request: &Request, permission: &str, bucket: &str, key: &str) -> Outcome<Object> {
    let email = request.may(state, permission, "object")?;
    let found = state.buckets().get(bucket).ok_or_else(Refusal::no_bucket)?.objects.get(key).cloned();
    if let Some(object) = found {
        let wanted = request.parameter("generation");
        if wanted.is_none_or(|wanted| wanted == object.generation.to_string()) {
            return Ok(object);
        }
    }
    // Who may not list is not told what is not there.
    if state.forbidden().contains("storage.objects.list") {
        return Err(Refusal::forbidden(&email, "storage.objects.list", "bucket"));
    }
    Err(Refusal::no_object(bucket, key))
}

/// `GET …/o/{key}`, with `alt=media` its bytes.
pub(super) async fn get(state: &State, request: &Request, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let is_media = request.parameter("alt").as_deref() == Some("media");
    let object = find(state, request, "storage.objects.get", bucket, key).map_err(|r| if is_media { r.plain() } else { r })?;
    Conditions::of(request)?.check(Some(&object))?;
    if is_media { media(state, request, &object).await } else { Ok(json_answer(200, &object.resource(bucket))) }
}

/// The bytes of an object, or the range that is asked for.
pub(super) async fn media(state: &State, request: &Request, object: &Object) -> Outcome<Response<Body>> {
    let range = request.header("range").map(|range| range_of(range, object.size).ok_or_else(Refusal::range)).transpose()?;
    let (from, length) = range.unwrap_or((0, object.size));
    let mut answer = Response::new(state.shelf.read(&object.file, from, length).await);
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut answer, "content-range", &format!("bytes {from}-{}/{}", from + length - 1, object.size));
    }
    let mut hashes = format!("crc32c={}", STANDARD.encode(object.crc32c.to_be_bytes()));
    if let Some(md5) = object.md5 {
        hashes = format!("{hashes},md5={}", STANDARD.encode(md5));
    }
    for (name, value) in [
        ("content-type", object.told["contentType"].as_str().unwrap_or("application/octet-stream")),
        ("content-length", &length.to_string()),
        ("x-goog-generation", &object.generation.to_string()),
        ("x-goog-metageneration", &object.metageneration.to_string()),
        ("x-goog-hash", &hashes),
        ("accept-ranges", "bytes"),
    ] {
        set(&mut answer, name, value);
    }
    Ok(answer)
}

/// The first byte and the count of bytes; None where there are none such.
fn range_of(range: &str, size: u64) -> Option<(u64, u64)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok().filter(|from| *from < size)?;
    let last = if to.is_empty() { size - 1 } else { to.parse::<u64>().ok()?.min(size - 1) };
    (from <= last).then(|| (from, last - from + 1))
}

/// `POST …/o/{key}/rewriteTo/b/{bucket}/o/{key}`: at once, as within one place and class it is.
pub(super) async fn rewrite(state: &State, request: &Request, bucket: &str, rest: &str) -> Outcome<Response<Body>> {
    let ends = rest.split_once("/rewriteTo/b/").and_then(|(from, to)| Some((from, to.split_once("/o/")?)));
    let (from, (to_bucket, to)) = ends.filter(|(from, (_, to))| !from.contains('/') && !to.contains('/')).ok_or_else(Refusal::no_route)?;
    let source = find(state, request, "storage.objects.get", bucket, &decoded(from))?;
    let wanted = request.parameter("ifSourceGenerationMatch");
    if wanted.is_some_and(|wanted| wanted != source.generation.to_string()) {
        return Err(Refusal::unmet());
    }
    let email = request.may(state, "storage.objects.create", "object")?;
    let (conditions, size) = (Conditions::of(request)?, source.size);
    let file = state.shelf.open();
    state.shelf.append(&file, state.shelf.read(&source.file, 0, size).await, 0, std::future::pending()).await;
    let mut told = source.told;
    told["name"] = json!(decoded(to));
    let wanted = Wanted { bucket: decoded(to_bucket), key: decoded(to), told, conditions, email };
    let resource = finish(state, &wanted, file).await?;
    let size = size.to_string();
    Ok(json_answer(
        200,
        &json!({"kind": "storage#rewriteResponse", "done": true, "totalBytesRewritten": size, "objectSize": size, "resource": resource}),
    ))
}

/// `GET …/o?prefix=&delimiter=&pageToken=&maxResults=`, in byte order.
pub(super) fn list(state: &State, request: &Request, bucket: &str) -> Outcome<Response<Body>> {
    request.may(state, "storage.objects.list", "bucket")?;
    let buckets = state.buckets();
    let objects = &buckets.get(bucket).ok_or_else(Refusal::no_bucket)?.objects;
    let prefix = request.parameter("prefix").unwrap_or_default();
    let delimiter = request.parameter("delimiter").filter(|delimiter| !delimiter.is_empty());
    let limit = request.parameter("maxResults").and_then(|count| count.parse().ok()).unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
    let behind = match request.parameter("pageToken") {
        Some(token) => Some(
            STANDARD
                .decode(token)
                .ok()
                .and_then(|name| String::from_utf8(name).ok())
                .ok_or_else(|| Refusal::invalid("Invalid value for: pageToken"))?,
        ),
        None => None,
    };
    let (mut items, mut prefixes, mut last, mut next) = (Vec::new(), Vec::<String>::new(), String::new(), None);
    for object in objects.values().filter(|object| object.name.starts_with(&prefix)) {
        let rest = &object.name[prefix.len()..];
        let folder = delimiter.as_ref().and_then(|delimiter| Some(&rest[..rest.find(delimiter.as_str())? + delimiter.len()]));
        let name = folder.map_or_else(|| object.name.clone(), |folder| format!("{prefix}{folder}"));
        if behind.as_ref().is_some_and(|behind| name <= *behind) || prefixes.last() == Some(&name) {
            continue;
        }
        if items.len() + prefixes.len() == limit {
            next = Some(STANDARD.encode(&last));
            break;
        }
        match folder {
            Some(_) => prefixes.push(name.clone()),
            None => items.push(object.resource(bucket)),
        }
        last = name;
    }
    let mut page = json!({"kind": "storage#objects"});
    for (name, list) in [("items", items), ("prefixes", prefixes.into_iter().map(Value::from).collect())] {
        if !list.is_empty() {
            page[name] = Value::Array(list);
        }
    }
    if let Some(token) = next {
        page["nextPageToken"] = json!(token);
    }
    Ok(json_answer(200, &page))
}

pub(super) fn delete(state: &State, request: &Request, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    let object = find(state, request, "storage.objects.delete", bucket, key)?;
    let conditions = Conditions::of(request)?;
    let mut buckets = state.buckets();
    let objects = &mut buckets.get_mut(bucket).ok_or_else(Refusal::no_bucket)?.objects;
    conditions.check(objects.get(key))?;
    objects.remove(key);
    state.shelf.remove(&object.file);
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    Ok(answer)
}

/// `PATCH`: other words about the same bytes.
pub(super) async fn change(state: &State, request: Request, bucket: &str, key: &str) -> Outcome<Response<Body>> {
    find(state, &request, "storage.objects.update", bucket, key)?;
    let conditions = Conditions::of(&request)?;
    let words = request.json().await?;
    let mut buckets = state.buckets();
    let object = buckets.get_mut(bucket).and_then(|bucket| bucket.objects.get_mut(key)).ok_or_else(|| Refusal::no_object(bucket, key))?;
    conditions.check(Some(object))?;
    for (name, value) in words.as_object().into_iter().flatten() {
        object.told[name] = value.clone();
    }
    object.metageneration += 1;
    Ok(json_answer(200, &object.resource(bucket)))
}
