//! Files without their uploads: getting, listing, making, changing.

use super::errors::{Outcome, Refusal, json_answer};
use super::query::Query;
use super::request::Request;
use super::state::{Entry, FOLDER, State};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

pub(super) fn about(request: &Request) -> Outcome<Response<Body>> {
    Ok(json_answer(200, &json!({"user": {"kind": "drive#user", "emailAddress": request.account.email}})))
}

pub(super) fn draw(state: &mut State, request: &Request) -> Outcome<Response<Body>> {
    let count = request.parameter("count").and_then(|text| text.parse().ok()).unwrap_or(10);
    if !(1..=1_000).contains(&count) {
        return Err(Refusal::bad("Invalid value for count"));
    }
    let ids: Vec<String> = (0..count).map(|_| state.draw_id()).collect();
    Ok(json_answer(200, &json!({"kind": "drive#generatedIds", "space": "drive", "ids": ids})))
}

/// The fields a request names, of what there are.
fn fields(shown: &Value, wanted: &str) -> Value {
    let fields = shown.as_object().expect("an object").iter().filter(|(name, _)| wanted.split(',').any(|field| field == *name));
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A file as a request wants to see it: without `fields`, little.
pub(super) fn shown(state: &State, request: &Request, entry: &Entry) -> Value {
    let wanted = request.parameter("fields").unwrap_or_else(|| "kind,id,name,mimeType".into());
    fields(&state.shown(entry), &wanted)
}

/// A file this request may see; what lies in a shared drive only to those who say that they know such.
fn seen<'a>(state: &'a mut State, request: &Request, id: &str) -> Outcome<&'a Entry> {
    let entry = state.readable(&request.account, id)?;
    if entry.drive.is_some() && !request.knows_shared_drives() { Err(Refusal::not_found(id)) } else { Ok(entry) }
}

pub(super) fn get(state: &mut State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    let entry = seen(state, request, id)?.clone();
    if request.parameter("alt").as_deref() != Some("media") {
        return Ok(json_answer(200, &shown(state, request, &entry)));
    }
    if entry.mime == FOLDER {
        return Err(Refusal::forbidden("fileNotDownloadable"));
    }
    let size = entry.bytes.len();
    let Some((from, to)) = request.header("range").strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(Response::new(Body::from(entry.bytes.to_vec())));
    };
    let (from, to) = (from.parse::<usize>().unwrap_or(0), to.parse::<usize>().map_or(size, |to| (to + 1).min(size)));
    if from >= size || from >= to {
        return Err(Refusal::range());
    }
    let mut answer = Response::new(Body::from(entry.bytes[from..to].to_vec()));
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = HeaderValue::from_str(&format!("bytes {from}-{}/{size}", to - 1)).expect("digits");
    answer.headers_mut().insert("content-range", range);
    Ok(answer)
}

pub(super) fn list(state: &mut State, request: &Request) -> Outcome<Response<Body>> {
    let query =
        Query::read(&request.parameter("q").unwrap_or_default()).map_err(|why| Refusal { reason: "invalid", ..Refusal::bad(&why) })?;
    let drive = match request.parameter("corpora").as_deref() {
        None | Some("user") => None,
        Some("drive") => {
            let drive = request.parameter("driveId").ok_or_else(|| Refusal::bad("driveId is required"))?;
            let is_all = request.parameter("includeItemsFromAllDrives").as_deref() == Some("true");
            if !is_all || !request.knows_shared_drives() {
                return Err(Refusal::forbidden("teamDrivesNotSupported"));
            }
            Some(drive)
        }
        _ => return Err(Refusal::bad("Invalid value for corpora")),
    };
    let size = request.parameter("pageSize").and_then(|text| text.parse::<usize>().ok()).unwrap_or(100).clamp(1, 1_000);
    let is_found = |entry: &&Entry| {
        entry.made.is_some_and(|at| at.elapsed() >= state.lag)
            && entry.drive == drive
            && state.sees(&request.account, entry)
            && query.is_of(entry, &request.account, state.is_listed_as_trashed(entry))
    };
    let mut found: Vec<&Entry> = state.files.values().filter(is_found).collect();
    // In no order that anybody could rely on.
    found.sort_by_key(|entry| std::cmp::Reverse(&entry.id));
    let after = request.parameter("pageToken");
    let rest: Vec<&Entry> = found.into_iter().filter(|entry| after.as_ref().is_none_or(|after| entry.id < *after)).collect();
    let wanted = request.parameter("fields").unwrap_or_default();
    let wanted = wanted.split_once("files(").and_then(|(_, rest)| rest.split_once(')')).map_or("kind,id,name,mimeType", |(inner, _)| inner);
    let page: Vec<Value> = rest.iter().take(size).map(|entry| fields(&state.shown(entry), wanted)).collect();
    let mut answer = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": page});
    if rest.len() > size {
        answer["nextPageToken"] = json!(rest[size - 1].id);
    }
    Ok(json_answer(200, &answer))
}

pub(super) fn make(state: &mut State, request: &Request) -> Outcome<Response<Body>> {
    let description = request.json()?;
    let is_folder = description["mimeType"] == FOLDER;
    let id = state.make(&request.account, &description, (!is_folder).then(Vec::new))?;
    Ok(json_answer(200, &shown(state, request, &state.files[&id])))
}

/// A second file with the same content; what the description leaves out is as it was.
pub(super) fn copy(state: &mut State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    let original = seen(state, request, id)?.clone();
    if original.mime == FOLDER {
        return Err(Refusal::forbidden("cannotCopyFile"));
    }
    let mut description =
        json!({"name": original.name, "mimeType": original.mime, "parents": [original.parent], "appProperties": original.properties});
    for (name, value) in request.json()?.as_object().into_iter().flatten() {
        match (name.as_str(), value.as_object()) {
            ("appProperties", Some(more)) => more.iter().for_each(|(name, value)| description["appProperties"][name] = value.clone()),
            _ => description[name] = value.clone(),
        }
    }
    let id = state.make(&request.account, &description, Some(original.bytes.to_vec()))?;
    Ok(json_answer(200, &shown(state, request, &state.files[&id])))
}

pub(super) fn change(state: &mut State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    seen(state, request, id)?;
    let id = state.change(&request.account, id, &request.json()?, None)?;
    Ok(json_answer(200, &shown(state, request, &state.files[&id])))
}

/// Deletes for good, a folder with all that is in it. In a shared drive only managers may.
pub(super) fn delete(state: &mut State, request: &Request, id: &str) -> Outcome<Response<Body>> {
    let id = state.writable(&request.account, id)?;
    if state.files[&id].drive.is_some() {
        return Err(Refusal::forbidden("insufficientFilePermissions"));
    }
    let mut going = vec![id];
    while let Some(id) = going.pop() {
        going.extend(state.files.values().filter(|entry| entry.parent == id).map(|entry| entry.id.clone()));
        state.files.remove(&id);
    }
    Ok(json_answer(204, &Value::Null))
}
