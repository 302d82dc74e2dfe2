//! A server that behaves as fal's queue does: an order is answered with the addresses to look at, to fetch from and to stop
//! it by, which hold the owner and the app of the model and not its whole path. Written from fal's public API reference.
//! Left out: logs, priorities, streaming. What it "makes" is the reference film itself, or a picture.

use crate::orders::{Asked, Dialect, OrderServer, Refusal, Said, Task, Wanted, refuse};
use axum::http::Method;
use serde_json::{Value, json};

/// The server: an [`OrderServer`]. Each order is made at its third look.
pub struct Fal(OrderServer);

impl Fal {
    /// Opens it.
    pub const KEY: &str = "fal-test-id:fal-test-secret";

    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        Self(OrderServer::start(Speech { elsewhere: None }).await)
    }

    /// Starts one whose answers name addresses at another server.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start_leading_to(elsewhere: &str) -> Self {
        Self(OrderServer::start(Speech { elsewhere: Some(elsewhere.to_owned()) }).await)
    }
}

impl std::ops::Deref for Fal {
    type Target = OrderServer;

    fn deref(&self) -> &OrderServer {
        &self.0
    }
}

struct Speech {
    elsewhere: Option<String>,
}

impl Dialect for Speech {
    fn said(&self, asked: &Asked) -> Option<Said> {
        let Some((_, named)) = asked.path.split_once("/requests/") else {
            return (asked.method == Method::POST).then_some(Said::Order);
        };
        Some(match (asked.method.as_str(), named.split_once('/')) {
            ("GET", Some((id, "status"))) => Said::Look(id.to_owned()),
            ("PUT", Some((id, "cancel"))) => Said::Stop(id.to_owned()),
            ("GET", None) => Said::Result(named.to_owned()),
            _ => return None,
        })
    }

    fn check(&self, asked: &Asked) -> Result<(), Refusal> {
        if asked.shows("Key") == Fal::KEY { Ok(()) } else { refuse(401, 0, "Cannot access application. Authentication is required") }
    }

    fn wanted(&self, asked: &Asked) -> Result<Wanted, Refusal> {
        if asked.headers.get("x-fal-no-retry").is_none_or(|value| value != "1") {
            return refuse(400, 0, "this test server takes orders that are not to be tried again only");
        }
        let text = |field: &str| asked.body[field].as_str().map(str::to_owned);
        if asked.path.contains("motion-control") {
            let (Some(image), Some(video)) = (text("image_url"), text("video_url")) else { return refuse(422, 0, "field required") };
            return Ok(Wanted { addresses: vec![image, video.clone()], film: Some(video), external: String::new() });
        }
        if text("prompt").is_none() {
            return refuse(422, 0, "field required");
        }
        Ok(Wanted { addresses: text("image_url").into_iter().collect(), film: None, external: String::new() })
    }

    fn taken(&self, asked: &Asked, task: &Task) -> Value {
        let app = asked.path.split('/').take(3).collect::<Vec<_>>().join("/");
        let base = format!("{}{app}/requests/{}", self.elsewhere.as_deref().unwrap_or(&asked.here), task.id);
        json!({"request_id": task.id, "gateway_request_id": task.id, "status": "IN_QUEUE", "queue_position": 0, "response_url": base,
            "status_url": format!("{base}/status"), "cancel_url": format!("{base}/cancel")})
    }

    fn looked(&self, _: &Asked, task: &Task) -> Value {
        match &task.end {
            None if task.is_begun => json!({"status": "IN_PROGRESS", "request_id": task.id, "logs": null}),
            None => json!({"status": "IN_QUEUE", "request_id": task.id, "queue_position": 1}),
            Some(Ok(())) => json!({"status": "COMPLETED", "request_id": task.id, "metrics": {"inference_time": 5.0}}),
            Some(Err(words)) => json!({"status": "COMPLETED", "request_id": task.id, "error": words, "error_type": "model_error"}),
        }
    }

    fn result(&self, asked: &Asked, task: &Task) -> Result<Value, Refusal> {
        match &task.end {
            None => refuse(400, 0, "Request is still in progress"),
            Some(Err(words)) => Err((422, 0, words.clone())),
            Some(Ok(())) if task.is_expired => refuse(404, 0, "Request not found"),
            Some(Ok(())) if asked.path.contains("kling") => Ok(json!({"video": {"url": asked.file(task), "content_type": "video/mp4"}})),
            Some(Ok(())) => Ok(json!({"images": [{"url": asked.file(task), "content_type": "image/png"}], "seed": 1})),
        }
    }

    fn found(&self, _: &Asked, _: &[Task]) -> Result<Value, Refusal> {
        refuse(404, 0, "not found")
    }

    fn stopped(&self, _: &Asked, task: &Task, was_queued: bool) -> Value {
        let said = match (was_queued, task.is_stopped) {
            (true, _) => "OK",
            (_, true) => "CANCELLATION_REQUESTED",
            _ => "ALREADY_COMPLETED",
        };
        json!({"status": said})
    }

    fn full(&self) -> Refusal {
        (429, 0, "Concurrent requests limit reached".to_owned())
    }

    fn refusal(&self, _: i64, words: &str) -> Value {
        json!({"detail": [{"loc": ["body"], "msg": words, "type": "value_error"}]})
    }
}
