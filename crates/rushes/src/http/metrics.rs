//! `/metrics`: figures for Prometheus. What stands in the store is read when they are asked for; what happens is counted
//! as the log of facts tells of it, so that nothing that works has to count itself.

mod recorder;
mod text;

use super::app::App;
use super::problem::Problem;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use recorder::{Family, Recorder, Sort};
use rushes_core::event::Event;
use rushes_core::{Fault, JobId, JobState};
use std::collections::HashMap;
use std::time::Duration;
use text::Text;

/// Facts read at once.
const BATCH: u32 = 1_000;
/// How often it is looked for facts whose bell was not heard.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Jobs whose workflow is remembered.
const JOBS_MAX: usize = 4_096;

static DELIVERY: Family =
    Family::new("rushes_delivery_seconds", "From the commit of an asset to its proof.", Sort::Histogram, &["destination"]);
static DELIVERIES: Family = Family::new(
    "rushes_deliveries_total",
    "Deliveries by how they came out; failed ones are tried again.",
    Sort::Counter,
    &["destination", "outcome"],
);
static STEP: Family = Family::new(
    "rushes_step_seconds",
    "From a step's first attempt to its end, its wait for a lane included.",
    Sort::Histogram,
    &["workflow", "step", "provider"],
);
static RETRIES: Family = Family::new(
    "rushes_step_retries_total",
    "Attempts at steps that failed and were tried again.",
    Sort::Counter,
    &["workflow", "step", "provider"],
);
static REQUESTS: Family = Family::new("rushes_http_requests_total", "Requests answered.", Sort::Counter, &["method", "route", "status"]);
static REQUEST: Family =
    Family::new("rushes_http_request_seconds", "From a request's head to its answer's head.", Sort::Histogram, &["method", "route"]);

/// All that is counted, as it is shown.
static COUNTED: [&Family; 6] = [&DELIVERY, &DELIVERIES, &STEP, &RETRIES, &REQUESTS, &REQUEST];

/// What is counted in this process.
#[derive(Default)]
pub(crate) struct Metrics {
    recorder: Recorder,
}

impl Metrics {
    pub(super) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.recorder.count(&REQUESTS, &[method, route, &status.to_string()]);
        self.recorder.spread(&REQUEST, &[method, route], took.as_secs_f64());
    }

    fn fact(&self, event: &Event, workflow: &str) {
        let text = |name: &str| event.data[name].as_str().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a life")]
        let seconds = || event.data["ms"].as_i64().unwrap_or(0).max(0) as f64 / 1e3;
        // Of `take 3 film.mp4` the first word: the rest names a thing, and there is no end of things.
        let step = || text("step").split(' ').next().unwrap_or_default();
        match event.event_type.as_str() {
            "delivery.proven" => {
                self.recorder.spread(&DELIVERY, &[text("destination")], seconds());
                self.recorder.count(&DELIVERIES, &[text("destination"), "proven"]);
            }
            "delivery.failed" => self.recorder.count(&DELIVERIES, &[text("destination"), "failed"]),
            "delivery.refused" => self.recorder.count(&DELIVERIES, &[text("destination"), "refused"]),
            "step.done" if event.data["reused"] != true => {
                self.recorder.spread(&STEP, &[workflow, step(), text("provider")], seconds());
            }
            "step.attempt_failed" => self.recorder.count(&RETRIES, &[workflow, step(), text("provider")]),
            _ => {}
        }
    }
}

/// Counts facts from now on, until the server is asked to end.
pub(crate) async fn tail(app: App) {
    let mut bell = app.parts().watch.events.clone();
    let mut workflows: HashMap<String, String> = HashMap::new();
    let mut seq = app.parts().store.last_seq().await.unwrap_or(0);
    while !app.stop.is_cancelled() {
        bell.mark_unchanged();
        match app.parts().store.events(seq, BATCH).await {
            Ok(events) => {
                for event in &events {
                    seq = event.seq;
                    let is_of_a_step = event.event_type.starts_with("step.");
                    let workflow = if is_of_a_step { workflow_of(&app, &mut workflows, event).await } else { String::new() };
                    app.metrics.fact(event, &workflow);
                }
                // After a page that was not full, the bell tells of more.
                if events.len() == BATCH as usize {
                    continue;
                }
            }
            Err(fault) => tracing::warn!(%fault, "facts could not be counted; they are later"),
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            _ = bell.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn workflow_of(app: &App, known: &mut HashMap<String, String>, event: &Event) -> String {
    let Some(id) = &event.job else { return String::new() };
    if let Some(workflow) = known.get(id) {
        return workflow.clone();
    }
    let Ok(id) = id.parse::<JobId>() else { return String::new() };
    let workflow = app.parts().store.job(id).await.map(|job| job.workflow).unwrap_or_default();
    if known.len() >= JOBS_MAX {
        known.clear();
    }
    known.insert(id.to_string(), workflow.clone());
    workflow
}

/// Figures for Prometheus: deliveries, jobs, steps, requests, the process.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = all(&app).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn all(app: &App) -> Result<String, Fault> {
    let store = &app.parts().store;
    let mut text = Text::default();
    for family in COUNTED {
        app.metrics.recorder.write(family, &mut text);
    }
    let places = store.backlog().await?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        let owed = places.iter().map(|(name, place)| (name.as_str(), place.owed as f64));
        text.gauges("rushes_owed", "Objects and records not yet proven.", "destination", owed);
        let refused = places.iter().map(|(name, place)| (name.as_str(), place.refused as f64));
        text.gauges("rushes_refused", "Objects and records a place will not take.", "destination", refused);
        let alarms = places.iter().map(|(name, place)| (name.as_str(), place.alarms as f64));
        text.gauges("rushes_alarms", "Of those owed: failed so often that somebody should look.", "destination", alarms);
        let jobs = store.count().await?;
        let jobs = JobState::ALL.into_iter().map(|state| (state.name(), jobs.get(&state).copied().unwrap_or(0) as f64));
        text.gauges("rushes_jobs", "Topmost jobs by state.", "state", jobs);
        text.gauge("rushes_webhooks_owed", "Messages that no receiver has taken yet.", store.owed_messages().await? as f64);
        text.gauge("rushes_sse_listeners", "Who listens to a stream of events now.", app.feed.listening() as f64);
    }
    let oldest = places.iter().map(|(name, place)| (name.as_str(), if place.owed == 0 { 0.0 } else { place.oldest_s }));
    text.gauges("rushes_oldest_owed_seconds", "Age of the oldest that is not yet proven.", "destination", oldest);
    text.gauges("rushes_build_info", "The version that runs.", "version", [(env!("CARGO_PKG_VERSION"), 1.0)]);
    text.process();
    Ok(text.done())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_count_what_was_tried_again_by_provider() {
        let metrics = Metrics::default();
        let data = json!({"step": "take 3 film.mp4", "attempts": 1, "provider": "clumsy"});
        let event = Event { seq: 1, at_ms: 0, event_type: "step.attempt_failed".into(), job: None, data };
        (0..2).for_each(|_| metrics.fact(&event, "import"));
        let mut text = Text::default();
        metrics.recorder.write(&RETRIES, &mut text);
        let line = r#"rushes_step_retries_total{workflow="import",step="take",provider="clumsy"} 2"#;
        assert!(text.done().lines().any(|there| there == line));
    }
}
