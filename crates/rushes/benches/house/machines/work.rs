//! The work all ways are given: jobs of steps that each make one file, and such that make none.

use rushes_core::flow::{Flow, Step, StepContext, Workflows};
use rushes_core::subject::{NewSubject, SubjectType};
use rushes_core::{Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The bytes of each file, unlike those of any other.
pub(super) const FILE_BYTES: usize = 100_000;
/// Makes files.
pub(super) const MAKE: &str = "make";
/// Only counts: what is left is the engine and its store.
pub(super) const COUNT: &str = "count";
pub(super) const NAMES: &[&str] = &[MAKE, COUNT];

/// Jobs that one node is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) workflow: String,
    pub(super) first: u64,
    pub(super) jobs: u64,
    /// Of each.
    pub(super) steps: u64,
}

impl Load {
    pub(super) fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.jobs
    }

    /// The share of one of several nodes.
    pub(super) fn share(&self, node: u64, nodes: u64) -> Self {
        let until = |node: u64| self.first + self.jobs * node / nodes;
        Self { first: until(node), jobs: until(node + 1) - until(node), ..self.clone() }
    }
}

/// The two workflows.
#[derive(Clone)]
pub(super) struct Makes;

impl Workflows for Makes {
    fn version(&self, _workflow: &str) -> Option<u32> {
        Some(1)
    }

    fn collection(&self, _workflow: &str) -> Option<&'static str> {
        None
    }

    async fn run<F: Flow>(&self, workflow: &str, flow: &F, input: Value) -> Result<Value, Stop> {
        let number = |name: &str| {
            let missing = || Stop::Failed(Fault::new(Code::InputInvalid, "read input").with("field", name));
            input[name].as_u64().ok_or_else(missing)
        };
        let (job, steps) = (number("number")?, number("steps")?);
        for step in 0..steps {
            if workflow == MAKE {
                flow.step(Step::new(format!("file {step}")), move |context| async move { file(&context, job, step) }).await?;
            } else {
                flow.step(Step::new(format!("step {step}")), move |_: StepContext| async move { Ok(Done::value(step)) }).await?;
            }
        }
        Ok(json!(steps))
    }
}

/// One asset; the first of a job makes its subject, too.
fn file(context: &StepContext, job: u64, step: u64) -> Result<Done<u64>, Stop> {
    let subject = format!("bench_{job}");
    let made = context.scratch()?.join("made");
    fill(&made, job * 1_000 + step).map_err(|e| Fault::io("write", &made, &e))?;
    let asset = context.new_asset(Kind::DanceVideo, &subject, made).name("ref", format!("{step}")).title(format!("alternate_{step}"));
    let mut done = Done::value(step).with(asset);
    if step == 0 {
        let (subject_type, slug, name) = (SubjectType::Character, subject.clone(), subject.clone());
        done.subjects.push(NewSubject { id: subject, subject_type, slug, name, fields: json!({}) });
    }
    Ok(done)
}

fn fill(path: &Path, seed: u64) -> std::io::Result<()> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    while bytes.len() < FILE_BYTES {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    File::create(path)?.write_all(&bytes[..FILE_BYTES])
}
