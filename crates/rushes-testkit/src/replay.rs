//! Recorded journals run through today's workflows: what a job that was begun earlier would meet after an update.
//!
//! Bodies never run; each durable call is answered from the record, under the names the local engine gives them.

use rushes_core::flow::{Branch, Child, Data, Flow, Step, StepContext, Workflows};
use rushes_core::job::Outcome;
use rushes_core::{Code, Done, Fault, JobId, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A job that has ended, with all that its workflow asked for and was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Which.
    pub job: JobId,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's version when it ran.
    pub version: u32,
    /// Its parameters.
    pub input: Value,
    /// How it ended.
    pub end: Outcome,
    /// Its steps, in the order they were written.
    pub steps: Vec<RecordedStep>,
    /// Its children, as they began.
    pub children: Vec<RecordedChild>,
}

/// A step that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedStep {
    /// Unique within its job.
    pub name: String,
    /// Hash of what it worked from.
    pub input_hash: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// A child job that has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedChild {
    /// Unique among the children of its job.
    pub name: String,
    /// The workflow.
    pub workflow: String,
    /// Its parameters.
    pub input: Value,
    /// How it ended.
    pub outcome: Outcome,
}

/// What today's workflow does otherwise than the recorded one.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "their sentences are below, in `Display`")]
pub enum Difference {
    NotRecorded { step: String },
    NeverAsked { step: String },
    Twice { step: String },
    OtherInputs { step: String },
    OtherShape { step: String, why: String },
    ChildNotRecorded { child: String },
    ChildNeverAsked { child: String },
    OtherChild { child: String },
    OtherEnd { now: String, before: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded { step } => write!(f, "step `{step}` is asked for and not recorded"),
            Self::NeverAsked { step } => write!(f, "step `{step}` is recorded and never asked for"),
            Self::Twice { step } => write!(f, "step `{step}` is asked for twice"),
            Self::OtherInputs { step } => write!(f, "step `{step}` works from other inputs than recorded"),
            Self::OtherShape { step, why } => write!(f, "the recorded value of `{step}` can no longer be read: {why}"),
            Self::ChildNotRecorded { child } => write!(f, "child `{child}` is asked for and not recorded"),
            Self::ChildNeverAsked { child } => write!(f, "child `{child}` is recorded and never asked for"),
            Self::OtherChild { child } => write!(f, "child `{child}` is of another workflow or has other parameters than recorded"),
            Self::OtherEnd { now, before } => write!(f, "it ends with {now}, and ended with {before}"),
        }
    }
}

/// What a replay found.
#[derive(Debug)]
pub struct Replayed {
    /// Empty when a job begun before can be gone on with.
    pub differences: Vec<Difference>,
    /// Every step asked for, with the hash of what it works from now, in order.
    pub asked: Vec<(String, String)>,
}

/// Runs today's workflow over a recorded journal.
/// Errors: `workflow_changed` when the record is of another version, as the engine refuses such jobs too.
pub async fn replay<W: Workflows>(workflows: &W, recorded: &Recorded) -> Result<Replayed, Fault> {
    let now = workflows.version(&recorded.workflow);
    if now != Some(recorded.version) {
        let now = now.map_or_else(|| "none".to_owned(), |version| version.to_string());
        let reason = format!("it was recorded with version {}, this program has {now}", recorded.version);
        return Err(Fault::new(Code::WorkflowChanged, "replay journal").with("workflow", &recorded.workflow).because(reason));
    }
    let flow = RecordedFlow { recorded, seen: Mutex::default() };
    let end = match workflows.run(&recorded.workflow, &flow, recorded.input.clone()).await {
        Ok(value) => Outcome::Value(value),
        Err(Stop::Cancelled) => Outcome::Cancelled,
        Err(Stop::Failed(fault) | Stop::Retry { fault, .. }) => Outcome::Failed(fault),
    };
    Ok(flow.conclude(&end))
}

#[derive(Default)]
struct Seen {
    asked: Vec<(String, String)>,
    children: HashSet<String>,
    differences: Vec<Difference>,
    /// The job's one `Cancelled` has been given.
    given: bool,
}

impl Seen {
    fn has_asked(&self, step: &str) -> bool {
        self.asked.iter().any(|(name, _)| name == step)
    }
}

struct RecordedFlow<'a> {
    recorded: &'a Recorded,
    seen: Mutex<Seen>,
}

impl RecordedFlow<'_> {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conclude(self, end: &Outcome) -> Replayed {
        let Self { recorded, seen } = self;
        let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        for step in recorded.steps.iter().filter(|step| !seen.has_asked(&step.name)).map(|step| step.name.clone()).collect::<Vec<_>>() {
            seen.differences.push(Difference::NeverAsked { step });
        }
        for child in recorded.children.iter().filter(|child| !seen.children.contains(&child.name)) {
            seen.differences.push(Difference::ChildNeverAsked { child: child.name.clone() });
        }
        if !are_alike(end, &recorded.end) {
            seen.differences.push(Difference::OtherEnd { now: name(end), before: name(&recorded.end) });
        }
        Replayed { differences: seen.differences, asked: seen.asked }
    }

    fn answer<T: Data>(&self, step: &Step) -> Result<T, Stop> {
        let mut seen = self.seen();
        if seen.has_asked(&step.name) {
            seen.differences.push(Difference::Twice { step: step.name.clone() });
            return Err(Stop::Failed(Fault::new(Code::StepTwice, "replay step").with("step", &step.name)));
        }
        seen.asked.push((step.name.clone(), step.input_hash.clone()));
        let Some(recorded) = self.recorded.steps.iter().find(|recorded| recorded.name == step.name) else {
            seen.differences.push(Difference::NotRecorded { step: step.name.clone() });
            return Err(Stop::Failed(changed()));
        };
        if recorded.input_hash != step.input_hash {
            seen.differences.push(Difference::OtherInputs { step: step.name.clone() });
        }
        let value = given(&recorded.outcome, &mut seen)?;
        serde_json::from_value(value).map_err(|why| {
            seen.differences.push(Difference::OtherShape { step: step.name.clone(), why: why.to_string() });
            Stop::Failed(changed())
        })
    }

    fn child(&self, child: &Child) -> Result<Value, Stop> {
        let mut seen = self.seen();
        seen.children.insert(child.name.clone());
        let Some(recorded) = self.recorded.children.iter().find(|recorded| recorded.name == child.name) else {
            seen.differences.push(Difference::ChildNotRecorded { child: child.name.clone() });
            return Err(Stop::Failed(changed()));
        };
        if recorded.workflow != child.workflow || recorded.input != child.input {
            seen.differences.push(Difference::OtherChild { child: child.name.clone() });
        }
        given(&recorded.outcome, &mut seen)
    }

    /// Whether the job was cancelled in this very call, which leaves no row: the record has nothing more to give.
    fn takes_cancel(&self, children: &[Child]) -> bool {
        let mut seen = self.seen();
        let is_over = self.recorded.end == Outcome::Cancelled
            && !seen.given
            && self.recorded.steps.iter().all(|step| seen.has_asked(&step.name))
            && children.iter().all(|child| self.recorded.children.iter().all(|recorded| recorded.name != child.name));
        seen.given |= is_over;
        is_over
    }
}

fn changed() -> Fault {
    Fault::new(Code::WorkflowChanged, "replay journal")
}

fn given(outcome: &Outcome, seen: &mut Seen) -> Result<Value, Stop> {
    match outcome {
        Outcome::Value(value) => Ok(value.clone()),
        Outcome::Failed(fault) => Err(Stop::Failed(fault.clone())),
        Outcome::Cancelled => {
            seen.given = true;
            Err(Stop::Cancelled)
        }
    }
}

/// Equal values, or faults of one code: their words may change.
fn are_alike(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Failed(one), Outcome::Failed(other)) => one.code == other.code,
        _ => one == other,
    }
}

fn name(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value(value) => format!("the value {value}"),
        Outcome::Failed(fault) => format!("the fault `{}`", fault.code.row().name),
        Outcome::Cancelled => "its cancel".to_owned(),
    }
}

impl Flow for RecordedFlow<'_> {
    fn id(&self) -> &JobId {
        &self.recorded.job
    }

    async fn step<T: Data, F, Fut>(&self, step: Step, _: F) -> Result<T, Stop>
    where
        F: FnOnce(StepContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Done<T>, Stop>> + Send + 'static,
    {
        self.answer(&step)
    }

    async fn all<T: Data>(&self, branches: Vec<Branch<T>>) -> Vec<Result<T, Stop>> {
        branches.iter().map(|branch| self.answer(&branch.step)).collect()
    }

    async fn children(&self, jobs: Vec<Child>) -> Vec<Result<Value, Stop>> {
        if self.takes_cancel(&jobs) {
            return jobs.iter().map(|_| Err(Stop::Cancelled)).collect();
        }
        jobs.iter().map(|child| self.child(child)).collect()
    }

    async fn sleep(&self, name: &str, _: Duration) -> Result<(), Stop> {
        self.answer::<i64>(&Step::new(format!("sleep {name}")))?;
        if self.takes_cancel(&[]) { Err(Stop::Cancelled) } else { Ok(()) }
    }

    async fn signal<T: Data>(&self, name: &str, at: &str, _: Duration) -> Result<Option<T>, Stop> {
        self.answer::<i64>(&Step::new(format!("signal {name} {at}")))?;
        let got = format!("signal {name} {at} got");
        let kept: Value = self.answer(&Step::new(&got))?;
        serde_json::from_value(kept["value"].clone()).map_err(|why| {
            self.seen().differences.push(Difference::OtherShape { step: got, why: why.to_string() });
            Stop::Failed(changed())
        })
    }
}
