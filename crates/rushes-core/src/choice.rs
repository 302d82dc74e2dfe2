//! Choosing among takes: a job shows some of what it made and goes on with the one that somebody names.
//!
//! A workflow does a step `takes NAME` whose value is `{"takes": [AssetRef, …]}`, and then waits for the signal `choose NAME`;
//! what is sent is `{"take": 2}`, counted from one.

use crate::asset::AssetRef;
use crate::codes::Code;
use crate::fault::Fault;
use crate::job::{Job, Outcome, StepRow};
use crate::wait::Wait;
use serde_json::{Value, json};

const SIGNAL: &str = "choose ";

/// The step whose value names the takes of a choice.
#[must_use]
pub fn step_of(name: &str) -> String {
    format!("takes {name}")
}

/// The signal that the choice of that name waits for.
#[must_use]
pub fn signal_of(name: &str) -> String {
    format!("{SIGNAL}{name}")
}

/// The choice that waits for this signal; None where it is another sort of answer.
#[must_use]
pub(crate) fn name_of(signal: &str) -> Option<&str> {
    signal.strip_prefix(SIGNAL)
}

/// What somebody is to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Unique within its job.
    pub name: String,
    /// The takes, in the order they are counted in.
    pub takes: Vec<AssetRef>,
}

impl Choice {
    /// Whether a job waits for some choice: then its steps say among what.
    #[must_use]
    pub fn is_awaited(job: &Job) -> bool {
        awaited(job).is_some()
    }

    /// What a job with these steps waits to be chosen; None where it waits for no choice.
    #[must_use]
    pub fn of(job: &Job, steps: &[StepRow]) -> Option<Self> {
        let name = awaited(job)?;
        let step = steps.iter().find(|step| step.name == step_of(name))?;
        let Some(Outcome::Value(value)) = &step.outcome else { return None };
        let takes: Vec<AssetRef> = serde_json::from_value(value["takes"].clone()).ok()?;
        Some(Self { name: name.to_owned(), takes })
    }

    /// What is sent to choose this take, counted from one. Errors: `input_invalid`, which says how many there are.
    pub fn value(&self, take: u32) -> Result<Value, Fault> {
        let count = self.takes.len();
        if take == 0 || take as usize > count {
            let reason = format!("there is no take {take}; there are {count}, counted from 1");
            return Err(Fault::new(Code::InputInvalid, "choose take").with("choice", &self.name).because(reason));
        }
        Ok(json!({ "take": take }))
    }
}

fn awaited(job: &Job) -> Option<&str> {
    match &job.waiting_for {
        Some(Wait::Signal(signal)) if !job.state.has_ended() => name_of(signal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_takes_are_counted_from_one() {
        let id = |n: u8| format!("asset_00000000-0000-7000-8000-00000000000{n}").parse().unwrap();
        let take = |n: u8| AssetRef { id: id(n), kind: crate::Kind::CosplayImage, stem: "a".into(), title: "primary".into() };
        let choice = Choice { name: "cosplay".into(), takes: vec![take(1), take(2)] };
        assert_eq!(choice.value(2).unwrap(), json!({"take": 2}));
        for none in [0, 3, u32::MAX] {
            let fault = choice.value(none).unwrap_err();
            assert!(fault.to_string().contains("there are 2"), "{fault}");
        }
        assert_eq!(name_of(&signal_of("cosplay")), Some("cosplay"));
        assert_eq!(name_of("approved"), None);
    }
}
