//! Spans of requests, jobs, steps and uploads for a collector, as OTLP over HTTP in JSON.
//!
//! A job's trace is its own id: all jobs of a production, their steps, and nothing else, are one trace. A request goes on
//! with the trace it came with. What cannot be sent in time is dropped; tracing never holds up work.

use super::json::Fields;
use rushes_adapters::otlp::Collector;
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Map, Value, json};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::Subscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Spans waiting to be sent; beyond that they are dropped.
const WAITING_MAX: usize = 8_192;
/// Spans in one request.
const BATCH_MAX: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long the end of the process waits for the last ones.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

enum Said {
    Span(Value),
    Flush(mpsc::SyncSender<()>),
}

/// Takes spans as they end.
pub(super) struct Spans {
    to: Sender<Said>,
}

/// What a span carries while it is open.
struct Open {
    trace: String,
    id: String,
    parent: Option<String>,
    began_ms: i64,
    began: Instant,
    fields: Map<String, Value>,
}

/// Starts sending. None where the address is none; that is said.
pub(super) fn start(endpoint: &str) -> Option<(Spans, Flush)> {
    match Collector::new(endpoint) {
        Ok(collector) => {
            let (to, spans) = channel(WAITING_MAX);
            tokio::spawn(send_all(collector, spans));
            Some((Spans { to: to.clone() }, Flush(to)))
        }
        Err(fault) => {
            crate::cli::print::note(format!("rushes: no spans are sent: {fault}"));
            None
        }
    }
}

async fn send_all(collector: Collector, mut spans: Receiver<Said>) {
    let mut is_down = false;
    while let Some(first) = spans.recv().await {
        let (mut batch, mut flush) = (Vec::new(), None);
        let mut next = Some(first);
        let end = tokio::time::Instant::now() + GATHER;
        while let Some(said) = next.take() {
            match said {
                Said::Span(span) => batch.push(span),
                Said::Flush(done) => {
                    flush = Some(done);
                    break;
                }
            }
            if batch.len() < BATCH_MAX {
                next = tokio::time::timeout_at(end, spans.recv()).await.ok().flatten();
            }
        }
        if !batch.is_empty() {
            let sent = collector.send(json!({"resourceSpans": [{
                "resource": {"attributes": [attribute("service.name", &json!("rushes")), attribute("service.version", &json!(env!("CARGO_PKG_VERSION")))]},
                "scopeSpans": [{"scope": {"name": "rushes"}, "spans": batch}],
            }]}));
            match sent.await {
                Ok(()) => is_down = false,
                // Once each time: a collector that is away is no news a second later.
                Err(fault) if !std::mem::replace(&mut is_down, true) => tracing::warn!(%fault, "spans could not be sent and are dropped"),
                Err(_) => {}
            }
        }
        if let Some(done) = flush {
            let _ = done.try_send(());
        }
    }
}

/// Waits for the last spans when it is dropped.
pub(super) struct Flush(Sender<Said>);

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, sent) = mpsc::sync_channel(1);
        if self.0.try_send(Said::Flush(done)).is_ok() {
            let _ = sent.recv_timeout(FLUSH_LIMIT);
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent();
        let above = parent.as_ref().and_then(|parent| parent.extensions().get::<Open>().map(|open| (open.trace.clone(), open.id.clone())));
        let text = |name: &str| fields.0.get(name).and_then(Value::as_str).map(str::to_owned);
        // A job's trace is its family's; a request's is the one it came with.
        let own = text("trace_id").or_else(|| text("root").map(|id| id.replace('-', "")));
        let (trace, parent) = match (own, above) {
            (Some(trace), _) => (trace, text("parent_id").filter(|id| !id.is_empty())),
            (None, Some((trace, parent))) => (trace, Some(parent)),
            (None, None) => (uuid::Uuid::new_v4().simple().to_string(), None),
        };
        let id = format!("{:016x}", uuid::Uuid::new_v4().as_u64_pair().1);
        let open = Open { trace, id, parent, began_ms: SystemClock.now_ms(), began: Instant::now(), fields: fields.0 };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            open.fields.extend(fields.0);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        let _ = self.to.try_send(Said::Span(finished(span.name(), open)));
    }
}

fn finished(name: &str, open: Open) -> Value {
    let Open { trace, id, parent, began_ms, began, fields } = open;
    let began_ns = i128::from(began_ms) * 1_000_000;
    let ended_ns = began_ns + i128::try_from(began.elapsed().as_nanos()).unwrap_or(0);
    let is_failed = fields.contains_key("fault") || fields.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 500);
    let shown = fields.iter().filter(|(name, _)| !["trace_id", "parent_id"].contains(&name.as_str()));
    let mut span = json!({
        "traceId": trace, "spanId": id, "name": title(name, &fields), "kind": if name == "request" { 2 } else { 1 },
        // 64-bit numbers are texts in this JSON.
        "startTimeUnixNano": began_ns.to_string(), "endTimeUnixNano": ended_ns.to_string(),
        "attributes": shown.map(|(name, value)| attribute(name, value)).collect::<Vec<_>>(),
        "status": if is_failed { json!({"code": 2}) } else { json!({}) },
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = json!(parent);
    }
    span
}

/// What people look for in a list of spans.
fn title(name: &str, fields: &Map<String, Value>) -> String {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("?");
    match name {
        "request" => format!("{} {}", text("method"), text("route")),
        "job" => format!("job {}", text("workflow")),
        "step" => format!("step {}", text("step")),
        "upload" => format!("upload to {}", text("destination")),
        other => other.to_owned(),
    }
}

fn attribute(name: &str, value: &Value) -> Value {
    let value = match value {
        Value::Bool(is) => json!({"boolValue": is}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::String(text) => json!({"stringValue": text}),
        other => json!({"stringValue": other.to_string()}),
    };
    json!({"key": name, "value": value})
}
