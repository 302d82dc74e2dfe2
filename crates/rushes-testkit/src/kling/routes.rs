//! The one list of addresses, of both generations.

use super::{Kling, Planned, Shared, Task};
use crate::film::fetch;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::sync::Arc;

const LARGEST_JSON: usize = 1024 * 1024;
const CURRENT: &str = "/motion-control/kling-3.0";
const OLDER: &str = "/v1/videos/motion-control";

/// Status, code, words.
type Refusal = (u16, i64, String);

struct Asked {
    path: String,
    query: String,
    is_post: bool,
    bearer: String,
    body: Value,
}

impl Asked {
    fn is_older(&self) -> bool {
        self.path.starts_with(OLDER)
    }

    /// A value of its query.
    fn value(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Every request. One that has arrived is finished even if its client goes away.
pub(super) async fn answer(
    axum::extract::State(shared): axum::extract::State<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response<Body> {
    tokio::spawn(serve(shared, request)).await.expect("the server does not panic")
}

async fn serve(shared: Arc<Shared>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let bytes = axum::body::to_bytes(body, LARGEST_JSON).await.unwrap_or_default();
    let asked = Asked {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        is_post: parts.method == axum::http::Method::POST,
        bearer: bearer.unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    };
    let call = match (asked.is_post, asked.path.starts_with("/files/")) {
        (true, _) => "order",
        (_, true) => "fetch",
        _ => "look",
    };
    let planned = {
        let mut inner = shared.inner();
        inner.calls.push(call);
        inner.next_planned(call)
    };
    match &planned {
        Some(Planned::Refused(status, code, words)) => return refused(&(*status, *code, words.clone())),
        Some(Planned::Dropped) => return broken(),
        _ => {}
    }
    if call == "fetch" {
        return film(&shared, &asked, planned.as_ref());
    }
    let said = match call {
        "order" => order(&shared, &asked, planned.as_ref()).await,
        _ => look(&shared, &asked, planned.as_ref()),
    };
    if planned == Some(Planned::AnswerLost) {
        return broken();
    }
    said.map_or_else(
        |refusal| refused(&refusal),
        |data| sent(200, &json!({"code": 0, "message": "SUCCEED", "request_id": "r", "data": data})),
    )
}

fn sent(status: u16, json: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(json.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer
}

fn refused((status, code, words): &Refusal) -> Response<Body> {
    sent(*status, &json!({"code": code, "message": words, "request_id": "r"}))
}

/// The head promises what the connection then breaks off.
fn broken() -> Response<Body> {
    let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("planned"))]);
    Response::new(Body::from_stream(broken))
}

/// Whether whoever asks may.
fn check(asked: &Asked) -> Result<(), Refusal> {
    let refuse = |code, words: &str| Err((401, code, words.to_owned()));
    if !asked.is_older() {
        return if asked.bearer == Kling::KEY { Ok(()) } else { refuse(1002, "Authorization is illegal") };
    }
    let claims = asked.bearer.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let signed = asked.bearer.rsplit_once('.').map_or("", |(signed, _)| signed);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, Kling::PAIR.1.as_bytes());
    let signature = asked.bearer.rsplit('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    if ring::hmac::verify(&key, signed.as_bytes(), &signature).is_err() || claims["iss"] != Kling::PAIR.0 {
        return refuse(1000, "Authentication failed");
    }
    let now_s = SystemClock.now_ms() / 1_000;
    if claims["nbf"].as_i64().is_none_or(|from| from > now_s) {
        return refuse(1003, "Authorization is not active yet");
    }
    if claims["exp"].as_i64().is_none_or(|until| until < now_s) { refuse(1004, "Authorization has expired") } else { Ok(()) }
}

async fn order(shared: &Shared, asked: &Asked, planned: Option<&Planned>) -> Result<Value, Refusal> {
    check(asked)?;
    let told = &asked.body;
    let part = |kind: &str| told["contents"].as_array()?.iter().find(|part| part["type"] == kind)?["url"].as_str().map(str::to_owned);
    let (image, video, external) = match asked.path.as_str() {
        CURRENT => (part("image"), part("video"), told["options"]["external_task_id"].as_str()),
        OLDER => {
            let text = |field: &str| told[field].as_str().map(str::to_owned);
            (text("image_url"), text("video_url"), told["external_task_id"].as_str())
        }
        _ => return Err((404, 1203, "no such method or model".to_owned())),
    };
    let invalid = |words: &str| (400, 1201, words.to_owned());
    let (Some(image), Some(video), Some(external)) = (image, video, external) else { return Err(invalid("a parameter is missing")) };
    let fetched = tokio::task::spawn_blocking(move || (fetch(&image), fetch(&video))).await.expect("fetching does not panic");
    let (Some(_), Some(film)) = fetched else { return Err(invalid("an address does not open")) };
    let mut inner = shared.inner();
    if inner.tasks.iter().any(|task| task.external == external) {
        return Err((400, 1201, "external_task_id is not unique".to_owned()));
    }
    if inner.tasks.iter().filter(|task| task.end.is_none()).count() >= inner.at_once {
        return Err((429, 1303, "parallel task over resource pack limit".to_owned()));
    }
    let end = match planned {
        Some(Planned::Fails(words)) => Some(Err(words.clone())),
        _ => None,
    };
    let task = Task {
        id: format!("task-{}", inner.tasks.len() + 1),
        external: external.to_owned(),
        told: told.clone(),
        end,
        is_expired: planned == Some(&Planned::Expired),
        looks_left: inner.looks,
        film,
    };
    inner.tasks.push(task.clone());
    Ok(told_of(shared, &task, asked.is_older(), "submitted"))
}

/// A task as each generation tells of it.
fn told_of(shared: &Shared, task: &Task, is_older: bool, state: &str) -> Value {
    let url = format!("http://{}/files/{}.mp4", shared.address, task.id);
    let words = task.end.as_ref().and_then(|end| end.as_ref().err());
    if !is_older {
        let outputs = if state == "succeeded" { json!([{"type": "video", "url": url, "duration": "5.0"}]) } else { json!([]) };
        return json!({"id": task.id, "external_id": task.external, "status": state, "message": words, "create_time": 1, "outputs": outputs});
    }
    let state = if state == "succeeded" { "succeed" } else { state };
    let videos = if state == "succeed" { json!([{"id": "1", "url": url, "duration": "5.0"}]) } else { json!([]) };
    json!({"task_id": task.id, "task_status": state, "task_status_msg": words, "task_info": {"external_task_id": task.external},
        "created_at": 1, "updated_at": 1, "task_result": {"videos": videos}})
}

fn look(shared: &Shared, asked: &Asked, planned: Option<&Planned>) -> Result<Value, Refusal> {
    check(asked)?;
    let is_older = asked.is_older();
    let named = if is_older { asked.path.rsplit('/').next() } else { asked.value("task_ids").or_else(|| asked.value("external_task_ids")) };
    let named = named.unwrap_or_default().to_owned();
    let mut inner = shared.inner();
    let Some(task) = inner.tasks.iter_mut().find(|task| task.id == named || task.external == named) else {
        return if is_older { Err((404, 1203, "task not found".to_owned())) } else { Ok(json!([])) };
    };
    if let Some(Planned::Fails(words)) = planned {
        task.end = Some(Err(words.clone()));
    }
    task.looks_left = task.looks_left.saturating_sub(1);
    if task.looks_left == 0 && task.end.is_none() {
        task.end = Some(Ok(()));
    }
    let state = match &task.end {
        None => "processing",
        Some(Ok(())) => "succeeded",
        Some(Err(_)) => "failed",
    };
    let told = told_of(shared, task, is_older, state);
    Ok(if is_older { told } else { json!([told]) })
}

fn film(shared: &Shared, asked: &Asked, planned: Option<&Planned>) -> Response<Body> {
    let id = asked.path.trim_start_matches("/files/").trim_end_matches(".mp4");
    let inner = shared.inner();
    let Some(task) = inner.tasks.iter().find(|task| task.id == id) else { return sent(404, &Value::Null) };
    // Its address is signed: no key goes there.
    if !asked.bearer.is_empty() || task.is_expired || planned == Some(&Planned::Expired) {
        return sent(403, &Value::Null);
    }
    let film = task.film.clone();
    if planned == Some(&Planned::HalfFetched) {
        let half = film[..film.len() / 2].to_vec();
        let pieces = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("planned"))]);
        return Response::new(Body::from_stream(pieces));
    }
    Response::new(Body::from(film))
}
