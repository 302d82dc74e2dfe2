//! A server that behaves as Replicate's predictions do: orders by version or by model, the list of what was ordered with
//! what was put in, stopping, and outputs that go after a while. Written from Replicate's public API reference.
//! Left out: waiting answers, streams, deployments, trainings. What it "makes" is the reference film itself, or a picture.

use crate::orders::{Asked, Dialect, OrderServer, Refusal, Said, Task, Wanted, refuse};
use axum::http::Method;
use serde_json::{Value, json};

/// The server: an [`OrderServer`]. Each order is made at its third look. Its endpoint is `{url}/v1`.
pub struct Replicate(OrderServer);

impl Replicate {
    /// Opens it.
    pub const KEY: &str = "r8_replicate-test-key";

    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        Self(OrderServer::start(Speech { keeps_marks: true }).await)
    }

    /// Starts one which keeps of addresses what goes over the wire only, and shows that in its list.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start_without_marks() -> Self {
        Self(OrderServer::start(Speech { keeps_marks: false }).await)
    }
}

impl std::ops::Deref for Replicate {
    type Target = OrderServer;

    fn deref(&self) -> &OrderServer {
        &self.0
    }
}

struct Speech {
    keeps_marks: bool,
}

impl Dialect for Speech {
    fn said(&self, asked: &Asked) -> Option<Said> {
        let path = asked.path.strip_prefix("/v1/")?;
        if asked.method == Method::POST {
            return Some(match path.strip_prefix("predictions/").and_then(|rest| rest.strip_suffix("/cancel")) {
                Some(id) => Said::Stop(id.to_owned()),
                None => Said::Order,
            });
        }
        match path.strip_prefix("predictions") {
            Some("") => Some(Said::Find),
            Some(rest) => Some(Said::Look(rest.trim_start_matches('/').to_owned())),
            None => None,
        }
    }

    fn check(&self, asked: &Asked) -> Result<(), Refusal> {
        if asked.shows("Bearer") == Replicate::KEY { Ok(()) } else { refuse(401, 0, "You did not pass a valid authentication token") }
    }

    fn wanted(&self, asked: &Asked) -> Result<Wanted, Refusal> {
        if asked.headers.contains_key("prefer") {
            return refuse(400, 0, "this test server lets nobody wait");
        }
        let is_versioned = asked.path == "/v1/predictions" && asked.body["version"].is_string();
        if !is_versioned && !asked.path.starts_with("/v1/models/") {
            return refuse(422, 0, "version is required");
        }
        let input = &asked.body["input"];
        let text = |field: &str| input[field].as_str().map(|address| address.split('#').next().unwrap_or_default().to_owned());
        if text("prompt").is_none() {
            return refuse(422, 0, "input: prompt is required");
        }
        let film = text("video");
        let addresses = text("image").into_iter().chain(film.clone()).collect();
        Ok(Wanted { addresses, film, external: String::new() })
    }

    fn taken(&self, asked: &Asked, task: &Task) -> Value {
        self.looked(asked, task)
    }

    fn looked(&self, asked: &Asked, task: &Task) -> Value {
        let state = match &task.end {
            _ if task.is_stopped => "canceled",
            None if task.is_begun => "processing",
            None => "starting",
            Some(Ok(())) => "succeeded",
            Some(Err(_)) => "failed",
        };
        let mut input = task.told["input"].clone();
        for value in input.as_object_mut().into_iter().flat_map(|input| input.values_mut()).filter(|_| !self.keeps_marks) {
            if let Some((address, _)) = value.as_str().and_then(|text| text.split_once('#')) {
                *value = json!(address);
            }
        }
        let time = |ms| jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string());
        let output = if state == "succeeded" && !task.is_expired { json!([asked.file(task)]) } else { Value::Null };
        json!({"id": task.id, "status": state, "input": input, "output": output, "source": "api", "data_removed": task.is_expired,
            "error": task.end.as_ref().and_then(|end| end.as_ref().err()), "created_at": time(task.created_ms),
            "started_at": task.is_begun.then(|| time(task.created_ms))})
    }

    fn found(&self, asked: &Asked, tasks: &[Task]) -> Result<Value, Refusal> {
        let skipped: usize = asked.value("cursor").and_then(|text| text.parse().ok()).unwrap_or(0);
        // Two on the first page, so that there are pages; then as many as Replicate shows.
        let shown = if skipped == 0 { 2 } else { 100 };
        let page: Vec<Value> = tasks.iter().rev().skip(skipped).take(shown).map(|task| self.looked(asked, task)).collect();
        let next = (skipped + shown < tasks.len()).then(|| format!("{}/v1/predictions?cursor={}", asked.here, skipped + shown));
        Ok(json!({"next": next, "previous": null, "results": page}))
    }

    fn stopped(&self, asked: &Asked, task: &Task, _: bool) -> Value {
        self.looked(asked, task)
    }

    fn full(&self) -> Refusal {
        (429, 0, "Request was throttled. Your rate limit resets in ~7s.".to_owned())
    }

    fn refusal(&self, _: i64, words: &str) -> Value {
        json!({"detail": words})
    }
}
