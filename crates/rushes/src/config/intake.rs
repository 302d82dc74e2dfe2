//! The section of `rushes.toml` that says on which lists applications leave work.

use super::refuse;
use rushes_adapters::intake::upstash::End;
use rushes_core::Fault;
use serde::{Deserialize, Serialize};

/// What the items of lists are parameters of, where nothing else is said.
pub(crate) const WORKFLOW: &str = "workspace";
/// More lists than any application has.
const QUEUES_MAX: usize = 16;
const QUEUE_NAME_MAX: usize = 200;

/// Work that is left elsewhere, to be taken up by `rushes serve`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IntakeSection {
    pub(crate) redis: RedisSection,
}

/// Lists of a Redis behind Upstash's REST API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RedisSection {
    /// The database's REST address; none = nothing is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Its token, `env:NAME` or `file:/path`; none = UPSTASH_REDIS_REST_TOKEN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// The lists.
    pub(crate) queues: Vec<String>,
    /// At which end the oldest item is.
    pub(crate) oldest_at: End,
    /// Seconds between two looks at lists that were empty.
    pub(crate) every_s: f64,
    /// The workflow that items are parameters of.
    pub(crate) workflow: String,
}

impl Default for RedisSection {
    fn default() -> Self {
        Self {
            url: None,
            token: None,
            queues: ["sdxl_queue", "wan_queue", "chat_queue"].map(str::to_owned).into(),
            oldest_at: End::Left,
            every_s: 5.0,
            workflow: WORKFLOW.to_owned(),
        }
    }
}

/// Errors: `config_invalid`, naming the setting.
pub(super) fn check(intake: &IntakeSection) -> Result<(), Fault> {
    let redis = &intake.redis;
    let is_name = |name: &String| (1..=QUEUE_NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let mut names: Vec<&String> = redis.queues.iter().collect();
    names.sort_unstable();
    names.dedup();
    if !(1..=QUEUES_MAX).contains(&redis.queues.len()) || names.len() < redis.queues.len() || !redis.queues.iter().all(is_name) {
        return refuse("intake.redis.queues", "1 to 16 lists, each named once, by 1 to 200 printable characters");
    }
    if !(0.05..=3600.0).contains(&redis.every_s) {
        return refuse("intake.redis.every_s", "a wait is at least a twentieth of a second and at most an hour");
    }
    Ok(())
}
