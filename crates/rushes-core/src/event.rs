//! Events: the log of facts with durable, gapless numbers; ids only, no personal data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One fact.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Counts up; what `Last-Event-ID` names.
    pub seq: i64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Which sort of fact: `job.started`, `step.done`, `asset.made`, `delivery.proven`, …
    #[serde(rename = "type")]
    pub event_type: String,
    /// The job it is about, where there is one.
    pub job: Option<String>,
    /// The ids and figures of it.
    pub data: Value,
}
