//! The one list of addresses, and what each answers.

use super::state::{Entry, Inner, Shared};
use super::{Planned, check, files, nodes, socket};
use crate::orders::{Moment, is_held};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const LARGEST_UPLOAD: usize = 104_857_600;

pub(super) type Shown = State<Arc<Shared>>;

/// Serves until it is aborted; then all its connections break.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new()
        .route("/ws", get(socket::open))
        .route("/prompt", post(prompt))
        .route("/queue", get(queue).post(unqueue))
        .route("/history/{id}", get(history))
        .route("/history", get(histories).post(forget))
        .route("/interrupt", post(interrupt))
        .route("/upload/image", post(files::upload))
        .route("/view", get(files::view))
        .route("/system_stats", get(stats))
        .route("/features", get(|| async { sent(200, &features()) }))
        .route("/free", post(free))
        .route("/object_info", get(infos))
        .route("/object_info/{class}", get(info))
        .layer(from_fn_with_state(shared.clone(), planned))
        .layer(DefaultBodyLimit::max(LARGEST_UPLOAD))
        .with_state(shared);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = TowerToHyperService::new(router.clone());
                connections.spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

pub(super) fn sent(status: u16, json: &Value) -> Response<Body> {
    (StatusCode::from_u16(status).expect("a status of the protocol"), axum::Json(json)).into_response()
}

pub(super) fn nothing(status: u16) -> Response<Body> {
    StatusCode::from_u16(status).expect("a status of the protocol").into_response()
}

/// The head promises what the connection then breaks off.
fn broken(first: Bytes) -> Response<Body> {
    let breaks = async {
        // What is there leaves first.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("planned"))
    };
    Response::new(Body::from_stream(stream::iter([Ok(first)]).chain(stream::once(breaks))))
}

/// What is planned for a call happens around it.
async fn planned(State(shared): Shown, request: Request, next: Next) -> Response<Body> {
    let call = match (request.uri().path(), request.method().as_str()) {
        ("/prompt", _) => "prompt",
        ("/queue", "POST") => "delete",
        ("/queue", _) => "queue",
        ("/interrupt", _) => "interrupt",
        ("/upload/image", _) => "upload",
        ("/view", _) => "view",
        ("/system_stats", _) => "stats",
        ("/free", _) => "free",
        ("/ws", _) => "ws",
        (path, _) if path.starts_with("/history") => "history",
        _ => "info",
    };
    let (planned, held) = {
        let mut inner = shared.inner();
        inner.calls.push(call);
        // Whoever listens does so beside its requests, at any moment.
        let held = if call == "ws" { None } else { is_held(&mut inner.held, if call == "queue" { "look" } else { call }) };
        (inner.next_planned(call), held)
    };
    if let Some(moment) = held {
        if moment == Moment::After {
            next.run(request).await;
        }
        shared.reached.notify_one();
        return std::future::pending().await;
    }
    match planned {
        None => next.run(request).await,
        Some(Planned::Says(status, body)) => (StatusCode::from_u16(status).expect("a status"), body).into_response(),
        Some(Planned::Status(status)) => (StatusCode::from_u16(status).expect("a status"), "Internal Server Error").into_response(),
        Some(Planned::AnswerLost) => {
            next.run(request).await;
            broken(Bytes::new())
        }
        Some(Planned::Half) => {
            let whole = axum::body::to_bytes(next.run(request).await.into_body(), usize::MAX).await.unwrap_or_default();
            broken(whole.slice(..whole.len() / 2))
        }
        Some(Planned::Stalls) => std::future::pending().await,
        Some(_) => broken(Bytes::new()),
    }
}

pub(super) fn features() -> Value {
    json!({"supports_preview_metadata": true, "max_upload_size": LARGEST_UPLOAD})
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

async fn prompt(State(shared): Shown, body: Bytes) -> Response<Body> {
    let said = parsed(&body);
    let number = {
        let mut inner = shared.inner();
        let number = inner.number;
        inner.number += 1;
        if said["front"] == true { -number } else { number }
    };
    let Some(graph) = said["prompt"].as_object() else {
        let error = json!({"type": "no_prompt", "message": "No prompt provided", "details": "No prompt provided", "extra_info": {}});
        return sent(400, &json!({"error": error, "node_errors": {}}));
    };
    let checked = match check::check(&shared, graph) {
        Ok(checked) => checked,
        Err(body) => return sent(400, &body),
    };
    let mut extra = said["extra_data"].as_object().cloned().unwrap_or_default();
    if said["client_id"].is_string() {
        extra.insert("client_id".into(), said["client_id"].clone());
    }
    let id = said["prompt_id"].as_str().map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
    let entry = Entry { number, id: id.clone(), graph: graph.clone(), extra, outputs: checked.outputs };
    let mut inner = shared.inner();
    let at = inner.pending.partition_point(|other| other.number <= number);
    inner.pending.insert(at, entry);
    inner.taken.push(said["prompt"].clone());
    inner.tell_queue();
    drop(inner);
    shared.moved();
    sent(200, &json!({"prompt_id": id, "number": number, "node_errors": checked.node_errors}))
}

async fn queue(State(shared): Shown) -> Response<Body> {
    let inner = shared.inner();
    let running: Vec<Value> = inner.running.iter().map(Entry::told).collect();
    let pending: Vec<Value> = inner.pending.iter().map(Entry::told).collect();
    sent(200, &json!({"queue_running": running, "queue_pending": pending}))
}

fn is_named(list: &Value, id: &str) -> bool {
    list.as_array().is_some_and(|ids| ids.iter().any(|other| other == id))
}

async fn unqueue(State(shared): Shown, body: Bytes) -> Response<Body> {
    let said = parsed(&body);
    let mut inner = shared.inner();
    if said["clear"] == true {
        inner.pending.clear();
    }
    for id in said["delete"].as_array().into_iter().flatten() {
        // Of an id that waits twice, the first goes.
        if let Some(at) = inner.pending.iter().position(|entry| *id == entry.id.as_str()) {
            inner.pending.remove(at);
        }
    }
    inner.tell_queue();
    drop(inner);
    shared.moved();
    nothing(200)
}

async fn history(State(shared): Shown, Path(id): Path<String>) -> Response<Body> {
    let inner = shared.inner();
    let found: Map<String, Value> = inner.history.iter().filter(|(other, _)| *other == id).cloned().collect();
    sent(200, &Value::Object(found))
}

async fn histories(State(shared): Shown) -> Response<Body> {
    let all: Map<String, Value> = shared.inner().history.iter().cloned().collect();
    sent(200, &Value::Object(all))
}

async fn forget(State(shared): Shown, body: Bytes) -> Response<Body> {
    let said = parsed(&body);
    shared.inner().history.retain(|(id, _)| said["clear"] != true && !is_named(&said["delete"], id));
    nothing(200)
}

/// One that waits is not interrupted, and nobody says so.
async fn interrupt(State(shared): Shown, body: Bytes) -> Response<Body> {
    let said = parsed(&body);
    let mut inner = shared.inner();
    let is_meant = |running: &Entry| said["prompt_id"].as_str().is_none_or(|id| id == running.id);
    if inner.running.as_ref().is_some_and(is_meant) {
        inner.is_interrupted = true;
    }
    drop(inner);
    shared.moved();
    nothing(200)
}

async fn stats(State(shared): Shown) -> Response<Body> {
    let (all, free) = (shared.machine.vram_bytes, shared.inner().free_bytes(&shared.machine));
    let used = all - free;
    let device = json!({
        "name": "cuda:0 Test", "type": "cuda", "index": 0,
        "vram_total": all, "vram_free": free, "torch_vram_total": used, "torch_vram_free": 0,
    });
    let system = json!({
        "os": "posix", "ram_total": 64_000_000_000_u64, "ram_free": 48_000_000_000_u64, "comfyui_version": "0.3.64",
        "required_frontend_version": "1.27.10", "installed_templates_version": null, "required_templates_version": "0.1.95",
        "python_version": "3.11.7", "pytorch_version": "2.5.1+cu124", "embedded_python": false, "argv": ["main.py"],
    });
    sent(200, &json!({"system": system, "devices": [device]}))
}

async fn free(State(shared): Shown, body: Bytes) -> Response<Body> {
    let said = parsed(&body);
    let mut inner = shared.inner();
    let inner: &mut Inner = &mut inner;
    if said["unload_models"] == true {
        while inner.unload_one(&shared.machine).is_some() {}
    }
    if said["free_memory"] == true {
        inner.cache.clear();
    }
    nothing(200)
}

async fn infos(State(shared): Shown) -> Response<Body> {
    let all: Map<String, Value> = nodes::NODES.iter().map(|node| (node.class.to_owned(), nodes::told(node, &shared))).collect();
    sent(200, &Value::Object(all))
}

async fn info(State(shared): Shown, Path(class): Path<String>) -> Response<Body> {
    let found = nodes::find(&class).map(|node| (class, nodes::told(node, &shared)));
    sent(200, &Value::Object(found.into_iter().collect()))
}
