//! One JSON object a line, with the names Google's Cloud Logging knows; any other reader of JSON lines is served as well.

use super::ACCESS;
use super::writer::Lines;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::record::rfc3339;
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Fields by which lines are found; Cloud Logging has an index of them.
const LABELS: &[&str] = &["job", "destination", "key", "workflow"];

/// Writes events as JSON lines.
pub(super) struct JsonLines {
    lines: Lines,
    project: Option<String>,
}

impl JsonLines {
    pub(super) fn new(lines: Lines, project: Option<String>) -> Self {
        Self { lines, project }
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = line(*metadata.level(), metadata.target(), fields.0, SystemClock.now_ms(), self.project.as_deref());
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.lines.line(bytes);
    }
}

/// One line as its reader wants it.
fn line(level: Level, target: &str, mut fields: Map<String, Value>, at_ms: i64, project: Option<&str>) -> Value {
    let severity = match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    };
    let message = fields.remove("message").unwrap_or_default();
    let mut line = json!({"severity": severity, "time": rfc3339(at_ms), "message": message});
    if let Some(trace) = fields.remove("trace_id") {
        let id = trace.as_str().unwrap_or_default();
        line["logging.googleapis.com/trace"] =
            project.map_or_else(|| json!(id), |project| json!(format!("projects/{project}/traces/{id}")));
    }
    if target == ACCESS {
        let ms = fields.remove("ms").and_then(|ms| ms.as_f64()).unwrap_or(0.0);
        line["httpRequest"] = json!({
            "requestMethod": fields.remove("method"), "requestUrl": fields.remove("route"), "status": fields.remove("status"),
            "latency": format!("{:.6}s", ms / 1e3),
        });
    }
    let labels: Map<String, Value> = LABELS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), fields.remove(*name)?)))
        // Labels are texts.
        .map(|(name, value)| (name, value.as_str().map_or_else(|| json!(value.to_string()), |text| json!(text))))
        .collect();
    if !labels.is_empty() {
        line["logging.googleapis.com/labels"] = Value::Object(labels);
    }
    for (name, value) in fields {
        // A field never stands in for what a line is known by.
        if line.get(&name).is_none() {
            line[name] = value;
        }
    }
    line
}

/// The fields of an event.
#[derive(Default)]
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn log_lines_carry_the_names_cloud_logging_knows() {
        let said = fields(json!({"message": "gone", "job": "j", "ms": 3, "severity": "mine", "trace_id": "ab"}));
        let expected = json!({
            "severity": "WARNING", "time": "1970-01-01T00:00:00.007Z", "message": "gone", "ms": 3,
            "logging.googleapis.com/trace": "ab", "logging.googleapis.com/labels": {"job": "j"},
        });
        assert_eq!(line(Level::WARN, "x", said, 7, None), expected);
    }

    #[test]
    fn log_lines_of_requests_are_requests() {
        let said = fields(
            json!({"message": "request", "method": "GET", "route": "/x/{id}", "status": 200, "ms": 12.5, "trace_id": "ab", "key": "k"}),
        );
        let line = line(Level::INFO, ACCESS, said, 0, Some("p"));
        assert_eq!(line["httpRequest"], json!({"requestMethod": "GET", "requestUrl": "/x/{id}", "status": 200, "latency": "0.012500s"}));
        assert_eq!(line["logging.googleapis.com/trace"], "projects/p/traces/ab");
        assert_eq!(line["logging.googleapis.com/labels"]["key"], "k");
    }
}
