//! Events: the log of facts with durable, gapless numbers; ids and figures only, no personal data. Every sort of fact there
//! is stands in one table, with what it carries; `docs/events.md` is made from it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One fact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Counts up; what `Last-Event-ID` names.
    pub seq: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Which sort of fact: one of [`EVENTS`].
    #[serde(rename = "type")]
    pub event_type: String,
    /// The job it is about, where there is one.
    pub job: Option<String>,
    /// The ids and figures of it.
    pub data: Value,
}

/// One sort of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow {
    /// As it is written and listened for.
    pub name: &'static str,
    /// When it is told.
    pub when: &'static str,
    /// What its data has.
    pub fields: &'static [&'static str],
}

const fn row(name: &'static str, fields: &'static [&'static str], when: &'static str) -> EventRow {
    EventRow { name, when, fields }
}

/// What a step's end carries.
const STEP: &[&str] = &["step", "reused", "attempts", "provider", "ms"];
/// What a delivery that did not succeed carries.
const DELIVERY: &[&str] = &["asset", "destination", "key", "code", "again_ms"];
/// What the end of a message to a webhook carries.
const MESSAGE: &[&str] = &["message", "webhook", "status", "attempts"];

/// Every sort of fact. Names stay as they are: programs listen for them.
pub const EVENTS: &[EventRow] = &[
    row("job.queued", &["workflow", "parent"], "A job is made."),
    row("job.started", &["workflow", "tries"], "An engine takes a job up, for the first time or again."),
    row("job.waiting", &["for"], "A job begins to wait; for what, in the words of `waiting_for`."),
    row("job.signal", &["name"], "Somebody answers a job."),
    row("job.cancel_asked", &[], "A job is asked to stop."),
    row("job.delivering", &[], "A job has made everything; what it owes is on its way."),
    row("job.completed", &["refused"], "A job has made everything and owes nothing more; so many deliveries were refused."),
    row("job.failed", &["refused"], "A job has failed."),
    row("job.cancelled", &[], "A job that was asked to stop has stopped."),
    row("job.retried", &["failed", "refused"], "What a job failed in and what was refused of it is tried again."),
    row("work.offered", &["family", "files"], "A job has work for a worker."),
    row("work.leased", &["worker", "begun"], "A worker takes a job's work; how often somebody has begun it."),
    row("work.given_back", &["family", "fault", "given_back"], "A worker gives work back: it failed, or the worker goes."),
    row("step.done", STEP, "A step gave a value."),
    row("step.failed", STEP, "A step failed for good."),
    row("step.cancelled", STEP, "A step was stopped."),
    row("step.attempt_failed", &["step", "attempts", "provider"], "An attempt at a step failed; it is tried again."),
    row("subject.made", &["subject", "type"], "A character, person, user or shoot is known."),
    row("subject.renewed", &["subject"], "One that was known has another name or other fields."),
    row(
        "asset.kept_back",
        &["asset", "kind", "subject", "path", "size_bytes"],
        "A file is made whose place is still another's; its job shows it later.",
    ),
    row(
        "asset.gone",
        &["asset", "kind", "subject", "path"],
        "An asset has no place in its set any more; its objects go once every record tells so.",
    ),
    row("asset.made", &["asset", "kind", "subject", "path", "size_bytes"], "An asset is registered, and owed to its destinations."),
    row("asset.expired", &["asset", "kind", "days"], "An asset's days are over; it goes from its destinations."),
    row("asset.restored", &["asset", "destination"], "An asset was found at a destination and is known again."),
    row("delivery.proven", &["asset", "kind", "destination", "uri", "ms"], "A destination was proven to hold an asset."),
    row("delivery.failed", DELIVERY, "A delivery failed; it is tried again after so long."),
    row("delivery.refused", DELIVERY, "A delivery was refused for good."),
    row("delivery.retried", &["asset", "destination"], "A delivery is tried again because somebody asked."),
    row("record.written", &["collection", "id"], "A catalog has a record as it is here."),
    row("record.removed", &["collection", "id"], "A record is gone from a catalog."),
    row("object.removed", &["destination", "key"], "An expired object is gone from a destination."),
    row("folder.made", &["destination", "key"], "A destination has a folder, whether anything lies in it or not."),
    row(
        "folder.removed",
        &["destination", "key"],
        "A folder is not wanted any more, and gone from a destination unless something lies in it.",
    ),
    row("webhook.sent", MESSAGE, "A receiver took a message."),
    row("webhook.refused", MESSAGE, "A message was given up."),
    row("webhook.disabled", &["webhook"], "A receiver said that it is gone; nothing more is sent there."),
    row("key.revoked", &["key"], "A key of the HTTP service was revoked; streams it opened end."),
];

/// Whether data of such a fact has just the fields that the table promises.
#[must_use]
pub fn is_as_promised(event_type: &str, data: &Value) -> bool {
    let row = EVENTS.iter().find(|row| row.name == event_type);
    row.is_some_and(|row| {
        data.as_object().is_some_and(|data| data.len() <= row.fields.len() && data.keys().all(|key| row.fields.contains(&key.as_str())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn event_names_are_told_apart_and_end_in_a_sentence() {
        for (index, row) in EVENTS.iter().enumerate() {
            assert!(row.name.contains('.') && row.when.ends_with('.'), "{}", row.name);
            assert!(EVENTS[..index].iter().all(|other| other.name != row.name), "{} stands twice", row.name);
        }
        assert!(is_as_promised("job.waiting", &json!({"for": "its turn"})) && is_as_promised("job.completed", &json!({})));
        assert!(!is_as_promised("job.waiting", &json!({"what": 1})) && !is_as_promised("job.slept", &json!({})));
    }
}
