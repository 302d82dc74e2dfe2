//! A server that behaves as Kling's motion control does, in both generations of its API. Written from Kling's public API
//! reference. Left out: every other thing that Kling makes, callbacks. What it "makes" is the reference film itself.

pub use crate::orders::Planned;

use crate::orders::{Asked, Dialect, OrderServer, Refusal, Said, Task, Wanted, refuse};
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};

const CURRENT: &str = "/motion-control/kling-3.0";
const OLDER: &str = "/v1/videos/motion-control";

/// The server: an [`OrderServer`]. Each order is made at its third look.
pub struct Kling(OrderServer);

impl Kling {
    /// Opens the current API.
    pub const KEY: &str = "kling-test-key";
    /// The pair that opens the older one.
    pub const PAIR: (&str, &str) = ("access-test", "secret-test");

    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        Self(OrderServer::start(Speech).await)
    }
}

impl std::ops::Deref for Kling {
    type Target = OrderServer;

    fn deref(&self) -> &OrderServer {
        &self.0
    }
}

struct Speech;

fn is_older(asked: &Asked) -> bool {
    asked.path.starts_with(OLDER)
}

fn wrapped(data: &Value) -> Value {
    json!({"code": 0, "message": "SUCCEED", "request_id": "r", "data": data})
}

impl Dialect for Speech {
    fn said(&self, asked: &Asked) -> Option<Said> {
        if asked.method == Method::POST {
            return Some(Said::Order);
        }
        let named = match asked.path.strip_prefix(OLDER) {
            Some(rest) => rest.trim_start_matches('/'),
            None if asked.path == "/tasks" => asked.value("task_ids").unwrap_or_default(),
            None => return None,
        };
        Some(if named.starts_with("task-") { Said::Look(named.to_owned()) } else { Said::Find })
    }

    fn check(&self, asked: &Asked) -> Result<(), Refusal> {
        let bearer = asked.shows("Bearer");
        if !is_older(asked) {
            return if bearer == Kling::KEY { Ok(()) } else { refuse(401, 1002, "Authorization is illegal") };
        }
        let claims = bearer.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let signed = bearer.rsplit_once('.').map_or("", |(signed, _)| signed);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, Kling::PAIR.1.as_bytes());
        let signature = bearer.rsplit('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
        if ring::hmac::verify(&key, signed.as_bytes(), &signature).is_err() || claims["iss"] != Kling::PAIR.0 {
            return refuse(401, 1000, "Authentication failed");
        }
        let now_s = SystemClock.now_ms() / 1_000;
        if claims["nbf"].as_i64().is_none_or(|from| from > now_s) {
            return refuse(401, 1003, "Authorization is not active yet");
        }
        if claims["exp"].as_i64().is_none_or(|until| until < now_s) { refuse(401, 1004, "Authorization has expired") } else { Ok(()) }
    }

    fn wanted(&self, asked: &Asked) -> Result<Wanted, Refusal> {
        let told = &asked.body;
        let part = |kind: &str| told["contents"].as_array()?.iter().find(|part| part["type"] == kind)?["url"].as_str().map(str::to_owned);
        let (image, video, external) = match asked.path.as_str() {
            CURRENT => (part("image"), part("video"), told["options"]["external_task_id"].as_str()),
            OLDER => {
                let text = |field: &str| told[field].as_str().map(str::to_owned);
                (text("image_url"), text("video_url"), told["external_task_id"].as_str())
            }
            _ => return refuse(404, 1203, "no such method or model"),
        };
        let (Some(image), Some(video), Some(external)) = (image, video, external) else {
            return refuse(400, 1201, "a parameter is missing");
        };
        Ok(Wanted { addresses: vec![image, video.clone()], film: Some(video), external: external.to_owned() })
    }

    fn taken(&self, asked: &Asked, task: &Task) -> Value {
        wrapped(&told(asked, task, "submitted"))
    }

    fn looked(&self, asked: &Asked, task: &Task) -> Value {
        let state = match &task.end {
            None => "processing",
            Some(Ok(())) => "succeeded",
            Some(Err(_)) => "failed",
        };
        let told = told(asked, task, state);
        wrapped(&if is_older(asked) { told } else { json!([told]) })
    }

    fn found(&self, asked: &Asked, tasks: &[Task]) -> Result<Value, Refusal> {
        let key = if is_older(asked) { asked.path.rsplit('/').next() } else { asked.value("external_task_ids") }.unwrap_or_default();
        match tasks.iter().find(|task| task.external == key) {
            Some(task) => Ok(self.looked(asked, task)),
            None if is_older(asked) => refuse(404, 1203, "task not found"),
            None => Ok(wrapped(&json!([]))),
        }
    }

    fn is_unique(&self) -> bool {
        true
    }

    fn full(&self) -> Refusal {
        (429, 1303, "parallel task over resource pack limit".to_owned())
    }

    fn refusal(&self, code: i64, words: &str) -> Value {
        json!({"code": code, "message": words, "request_id": "r"})
    }
}

/// An order as each generation tells of it.
fn told(asked: &Asked, task: &Task, state: &str) -> Value {
    let url = asked.file(task);
    let words = task.end.as_ref().and_then(|end| end.as_ref().err());
    if !is_older(asked) {
        let outputs = if state == "succeeded" { json!([{"type": "video", "url": url, "duration": "5.0"}]) } else { json!([]) };
        return json!({"id": task.id, "external_id": task.external, "status": state, "message": words, "create_time": 1, "outputs": outputs});
    }
    let state = if state == "succeeded" { "succeed" } else { state };
    let videos = if state == "succeed" { json!([{"id": "1", "url": url, "duration": "5.0"}]) } else { json!([]) };
    json!({"task_id": task.id, "task_status": state, "task_status_msg": words, "task_info": {"external_task_id": task.external},
        "created_at": 1, "updated_at": 1, "task_result": {"videos": videos}})
}
