//! The sections of `rushes.toml` that say who hands out jobs, and how much runs at once.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How much runs at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineSection {
    /// Who hands out jobs: the engine itself, or a Restate server.
    pub(crate) kind: EngineKind,
    pub(crate) restate: RestateSection,
    /// Steps at once that use processors; 0 = as many as there are cores.
    pub(crate) cpu_lane: usize,
    /// How long a job that was begun with another version of its workflow is left to nodes that have it, seconds.
    pub(crate) version_patience_s: u32,
    /// What asks for jobs from outside, in place of the engine's own look.
    pub(crate) tasks: TasksSection,
    /// Settings that files of earlier programs have, and nothing heeds.
    #[serde(rename = "net_lane", skip_serializing)]
    _net_lane: IgnoredAny,
    #[serde(rename = "gpu_lane", skip_serializing)]
    _gpu_lane: IgnoredAny,
}

impl Default for EngineSection {
    fn default() -> Self {
        Self {
            kind: EngineKind::default(),
            restate: RestateSection::default(),
            cpu_lane: 0,
            version_patience_s: 60,
            tasks: TasksSection::default(),
            _net_lane: IgnoredAny,
            _gpu_lane: IgnoredAny,
        }
    }
}

impl EngineSection {
    /// How long a job of another version is left to others.
    pub(crate) fn version_patience(&self) -> Duration {
        Duration::from_secs(self.version_patience_s.into())
    }
}

/// Who hands out jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EngineKind {
    /// The engine itself looks for them.
    #[default]
    Local,
    /// A Restate server, to any engine it knows.
    Restate,
}

/// Where a Restate server is, and where it finds this engine; with `kind = "restate"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RestateSection {
    /// Where it takes invocations; of a cluster several nodes, tried in turn.
    pub(crate) ingress: Addresses,
    /// Where it is told of engines; of a cluster several nodes, tried in turn.
    pub(crate) admin: Addresses,
    /// Where this engine listens for it.
    pub(crate) listen: String,
    /// The address by which it reaches this engine, or any of several equal ones; none = `http://` and where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advertise: Option<String>,
    /// Whether commands such as `rushes run` have their jobs handed out by it, too.
    pub(crate) for_commands: bool,
}

/// One address, or a list of several that lead to the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Addresses {
    /// All, in the order given.
    pub(crate) fn all(&self) -> Vec<String> {
        match self {
            Self::One(address) => vec![address.clone()],
            Self::Several(addresses) => addresses.clone(),
        }
    }
}

impl Default for RestateSection {
    fn default() -> Self {
        Self {
            ingress: Addresses::One("http://127.0.0.1:8080".to_owned()),
            admin: Addresses::One("http://127.0.0.1:9070".to_owned()),
            listen: "127.0.0.1:9080".to_owned(),
            advertise: None,
            for_commands: false,
        }
    }
}

/// A queue of Google's Cloud Tasks that asks for each job; without one the engine looks for work by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TasksSection {
    /// `projects/PROJECT/locations/REGION/queues/NAME`; none = the engine looks for work by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    /// Where its tasks ask: the address of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// As whom they ask, for whoever stands before this service: an account's e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_account: Option<String>,
    /// What that is proven for; none = `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// Our own key they carry: `env:NAME` or `file:/path`; none = PIPELINE_API_KEY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// For how long one request drives its job before it hands it back, seconds.
    pub(crate) drive_s: u32,
    /// None = Google's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<String>,
    /// An account's key (JSON) that fills the queue: `env:NAME` or `file:/path`; none = what the machine offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<String>,
}

impl Default for TasksSection {
    fn default() -> Self {
        Self { queue: None, url: None, service_account: None, audience: None, key: None, drive_s: 1_500, endpoint: None, credentials: None }
    }
}
