//! Jobs: one execution of a workflow each, and the steps it remembers.

use crate::fault::Fault;
use crate::ids::JobId;
use crate::wait::Wait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a job stands. `Delivering`: its workflow has ended, and what it owes is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the house's words")]
pub enum JobState {
    Queued,
    Running,
    Delivering,
    Completed,
    Failed,
    Cancelled,
}

impl JobState {
    /// All of them, in the order a job passes through.
    pub const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Delivering, Self::Completed, Self::Failed, Self::Cancelled];

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Delivering => "delivering",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Nothing more will happen.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A job to be started.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Stable over replays, restarts and machines.
    pub id: JobId,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's version now; the job keeps it.
    pub version: u32,
    /// Its parameters, whole (defaults filled in).
    pub input: Value,
    /// SHA-256 of workflow and input.
    pub input_hash: String,
    /// The job whose child it is, and its name there.
    pub parent: Option<(JobId, String)>,
    /// The topmost job of its family; itself when it has no parent.
    pub root: JobId,
    /// The catalog collection that mirrors it, where its workflow names one.
    pub collection: Option<String>,
    /// Whether it counts among the jobs at once, where those are bounded; children never do.
    pub in_turn: bool,
    /// The node whose files it works on, where several share the store; None: any may take it up.
    pub home: Option<String>,
    /// Who asked for it.
    pub asked: Asked,
}

/// Who asked for a job, and what they want to be told. All none for children, and for what is asked on the machine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The id of the key it was asked with.
    pub key: Option<String>,
    /// Asking twice within a day with one of these makes one job; with one of [`Asked::once_for_good`] for good.
    pub idem_key: Option<String>,
    /// Where the end of the job is told.
    pub webhook_url: Option<String>,
}

/// What a key begins with that counts for good. Callers' keys begin with their own id and a slash.
const FOR_GOOD: &str = "once ";

impl Asked {
    /// A key under which there is never a second job, however much later it is asked for.
    #[must_use]
    pub fn once_for_good(what: &str) -> String {
        format!("{FOR_GOOD}{what}")
    }

    /// Whether its key counts for good.
    #[must_use]
    pub fn counts_for_good(&self) -> bool {
        self.idem_key.as_ref().is_some_and(|key| key.starts_with(FOR_GOOD))
    }
}

/// A job as stored.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Which.
    pub id: JobId,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's version when it began.
    pub version: u32,
    /// Its parameters.
    pub input: Value,
    /// Where it stands.
    pub state: JobState,
    /// What for, while it waits.
    pub waiting_for: Option<Wait>,
    /// What the workflow returned, once it has.
    pub value: Option<Value>,
    /// Why it failed, once it has.
    pub fault: Option<Fault>,
    /// The job whose child it is.
    pub parent: Option<JobId>,
    /// Its name among its parent's children.
    pub child_name: Option<String>,
    /// The topmost job of its family.
    pub root: JobId,
    /// The catalog collection that mirrors it, where its workflow names one.
    pub collection: Option<String>,
    /// Who asked for it.
    pub asked: Asked,
    /// How often an engine has taken it up.
    pub tries: u32,
    /// Whether someone asked it to stop.
    pub cancel: bool,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// When an engine first took it up; milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With this value.
    Value(Value),
    /// For good, with this fault.
    Failed(Fault),
    /// It was given the job's one `Cancelled`.
    Cancelled,
}

/// A step as remembered.
#[derive(Debug, Clone, Serialize)]
pub struct StepRow {
    /// Unique within its job.
    pub name: String,
    /// Hash of what it worked from; empty when it named none.
    pub input_hash: String,
    /// None while it has only failed attempts.
    pub outcome: Option<Outcome>,
    /// How often its body has been started, as far as was written down.
    pub attempts: u32,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Why the last attempt failed.
    pub last_fault: Option<Fault>,
    /// Who did the work, where a provider did.
    pub provider: Option<String>,
}
