//! The one list of addresses.

use super::errors::{Outcome, Refusal, json_answer};
use super::{Container, DAY, Inner, Instagram, Planned, Shared, State};
use crate::film::{duration_ms, fetch};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use rushes_core::record::rfc3339;
use serde_json::{Value, json};
use std::sync::Arc;

const LARGEST_JSON: usize = 1024 * 1024;
const CAPTION_MAX_CHARS: usize = 2_200;

struct Asked {
    method: Method,
    /// Behind the version.
    path: String,
    query: String,
    bearer: Option<String>,
    body: Value,
}

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    tokio::spawn(serve(shared, request)).await.expect("the server does not panic")
}

async fn serve(shared: Arc<Shared>, request: axum::extract::Request) -> Response<Body> {
    let asked = match read(request).await {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(),
    };
    let call = name(&asked);
    let planned = {
        let mut inner = shared.inner();
        inner.calls.push(call.to_owned());
        inner.next_planned(call)
    };
    match planned {
        Some(Planned::Refused(status, code, subcode, message)) => return Refusal { status, code, subcode, message }.answer(),
        Some(Planned::Busy(minutes)) => {
            let usage = json!({Instagram::USER: [{"type": "instagram", "call_count": 100, "estimated_time_to_regain_access": minutes}]});
            let mut answer = Refusal::new(80_002, 0, "(#80002) There have been too many calls to this Instagram account").answer();
            answer.headers_mut().insert("x-business-use-case-usage", usage.to_string().parse().expect("a header"));
            return answer;
        }
        Some(Planned::Page(status)) => {
            let mut page = Response::new(Body::from("<html><h1>Sorry, something went wrong.</h1></html>"));
            *page.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
            return page;
        }
        Some(Planned::AnswerLost | Planned::DoneAndRefused) | None => {}
    }
    let answered = route(&shared, &asked);
    match planned {
        // The head promises what the connection then breaks off.
        Some(Planned::AnswerLost) => {
            let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("planned"))]);
            Response::new(Body::from_stream(broken))
        }
        Some(Planned::DoneAndRefused) => {
            Refusal { status: 500, ..Refusal::new(2, 0, "An unexpected error has occurred. Please retry your request later.") }.answer()
        }
        _ => answered.map_or_else(|refusal| refusal.answer(), |value| json_answer(200, &value)),
    }
}

async fn read(request: axum::extract::Request) -> Outcome<Asked> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/');
    let (version, path) = path.split_once('/').ok_or_else(|| Refusal::parameter("Unknown path components"))?;
    let is_version = version.strip_prefix('v').is_some_and(|number| number.parse::<f32>().is_ok());
    if !is_version {
        return Err(Refusal { status: 404, ..Refusal::new(2_500, 0, "Unknown path components") });
    }
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (path, bearer) = (path.to_owned(), bearer.map(str::to_owned));
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let bytes = axum::body::to_bytes(body, LARGEST_JSON).await.map_err(|_| Refusal::parameter("The body is too long"))?;
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).map_err(|_| Refusal::parameter("no JSON"))? };
    Ok(Asked { method: parts.method, path, query, bearer, body })
}

fn name(asked: &Asked) -> &'static str {
    match (asked.method.as_str(), asked.path.rsplit('/').next().unwrap_or_default()) {
        ("POST", "media") => "media",
        ("POST", "media_publish") => "media_publish",
        ("GET", "media") => "list",
        ("GET", "content_publishing_limit") => "content_publishing_limit",
        ("GET", _) if asked.query.contains("status_code") => "container",
        ("GET", _) => "post",
        _ => "unknown",
    }
}

fn route(shared: &Arc<Shared>, asked: &Asked) -> Outcome<Value> {
    let inner = &mut *shared.inner();
    // The real one takes it there too, and it would stand in every log on the way.
    if asked.query.contains("access_token") {
        return Err(Refusal::parameter("here tokens come in a header"));
    }
    match asked.bearer.as_deref() {
        None => return Err(Refusal { status: 401, ..Refusal::new(2_500, 0, "An active access token must be used") }),
        Some(bearer) if bearer != inner.token => return Err(Refusal::token()),
        Some(_) => {}
    }
    let (object, edge) = asked.path.split_once('/').unwrap_or((&asked.path, ""));
    if !edge.is_empty() && object != Instagram::USER {
        return Err(Refusal::unknown(object));
    }
    match name(asked) {
        "media" => hand_over(shared, inner, asked),
        "media_publish" => publish(inner, asked),
        "content_publishing_limit" => {
            Ok(json!({"data": [{"quota_usage": inner.used(), "config": {"quota_total": inner.quota, "quota_duration": DAY.as_secs()}}]}))
        }
        "list" => {
            let posts: Vec<Value> = inner.posts.iter().rev().take(50).map(post).collect();
            Ok(json!({ "data": posts }))
        }
        "container" => container(inner, object),
        "post" => inner.posts.iter().find(|shown| shown.id == object).map(post).ok_or_else(|| Refusal::unknown(object)),
        _ => Err(Refusal::parameter("Unsupported request")),
    }
}

fn hand_over(shared: &Arc<Shared>, inner: &mut Inner, asked: &Asked) -> Outcome<Value> {
    let told = &asked.body;
    if told["media_type"] != "REELS" {
        return Err(Refusal::new(100, 2_207_023, "The media type is unknown"));
    }
    let url = told["video_url"].as_str().ok_or_else(|| Refusal::parameter("The parameter video_url is required"))?.to_owned();
    if told["caption"].as_str().unwrap_or_default().chars().count() > CAPTION_MAX_CHARS {
        return Err(Refusal::new(100, 2_207_010, "The caption is too long"));
    }
    let id = inner.next_id();
    inner.containers.push(Container { id: id.clone(), state: State::InProgress, told: told.clone(), made: inner.now });
    tokio::spawn(make_ready(shared.clone(), id.clone(), url));
    Ok(json!({ "id": id }))
}

const LASTS_MS: std::ops::RangeInclusive<u64> = 3_000..=900_000;
const COULD_NOT_FETCH: u32 = 2_207_052;
const NOT_SUPPORTED: u32 = 2_207_026;

/// Fetches the film and looks at it; the error is the subcode the service tells. Blocks.
fn look(url: &str) -> Result<(), u32> {
    let film = fetch(url).ok_or(COULD_NOT_FETCH)?;
    let lasts_ms = duration_ms(&film).ok_or(NOT_SUPPORTED)?;
    if LASTS_MS.contains(&lasts_ms) { Ok(()) } else { Err(NOT_SUPPORTED) }
}

async fn make_ready(shared: Arc<Shared>, id: String, url: String) {
    if shared.works.subscribe().wait_for(|works| *works).await.is_err() {
        return;
    }
    let looked = tokio::task::spawn_blocking(move || look(&url)).await.expect("looking does not panic");
    if let Some(container) = shared.inner().container(&id) {
        container.state = looked.map_or_else(State::Error, |()| State::Finished);
    }
}

/// Whether it lay too long.
fn has_run_out(container: &Container, inner_now: std::time::Duration) -> bool {
    container.state != State::Published && container.made + DAY <= inner_now
}

fn container(inner: &mut Inner, id: &str) -> Outcome<Value> {
    let now = inner.now;
    let container = inner.container(id).ok_or_else(|| Refusal::unknown(id))?;
    let (code, status) = match container.state {
        _ if has_run_out(container, now) => ("EXPIRED", "Expired: the container was not published within 24 hours".to_owned()),
        State::InProgress => ("IN_PROGRESS", "In Progress: Media is still being processed.".to_owned()),
        State::Finished => ("FINISHED", "Finished: Media has been uploaded and it is ready to be published.".to_owned()),
        State::Published => ("PUBLISHED", "Published: Media has been successfully published.".to_owned()),
        State::Error(subcode) => ("ERROR", format!("Error: Media upload has failed with error code {subcode}")),
    };
    Ok(json!({"id": id, "status_code": code, "status": status}))
}

fn publish(inner: &mut Inner, asked: &Asked) -> Outcome<Value> {
    let id = asked.body["creation_id"].as_str().ok_or_else(|| Refusal::parameter("The parameter creation_id is required"))?;
    let (now, is_full) = (inner.now, inner.used() >= inner.quota);
    let container = inner.container(id).ok_or_else(|| Refusal::new(24, 2_207_006, "The media with that ID cannot be found"))?;
    if has_run_out(container, now) {
        return Err(Refusal::new(-2, 2_207_020, "The media you are trying to access has expired. Please try to upload again."));
    }
    if container.state != State::Finished {
        return Err(Refusal::new(9_007, 2_207_027, "The media is not ready for publishing, please wait for a moment"));
    }
    if is_full {
        let message = "You reached maximum number of posts that is allowed to be published by Content Publishing API.";
        return Err(Refusal::new(9, 2_207_042, message));
    }
    container.state = State::Published;
    let told = container.told.clone();
    let caption = told["caption"].as_str().unwrap_or_default().trim().to_owned();
    Ok(json!({"id": inner.show(caption, told)}))
}

fn post(shown: &super::Shown) -> Value {
    let at = rfc3339(i64::try_from(shown.at.as_millis()).unwrap_or(i64::MAX));
    let mut post = json!({
        "id": shown.id, "media_type": "VIDEO", "media_product_type": "REELS", "timestamp": format!("{}+0000", &at[..19]),
        "permalink": format!("https://www.instagram.com/reel/C{}/", shown.id),
    });
    // Where there are no words, it says nothing of them.
    if !shown.caption.is_empty() {
        post["caption"] = json!(shown.caption);
    }
    post
}
