//! How somebody outside starts a workflow: what they may say, what that becomes, and what will be done.

use rushes_core::Fault;
use serde_json::Value;
use std::path::Path;

/// The ways of a workflow that may be started from outside. The others read files of this very machine.
#[derive(Debug, Clone, Copy)]
pub struct Outside {
    /// What may be said, as a JSON schema.
    pub schema: fn() -> Value,
    /// What was said, with a fresh seed where none was and the reference library to choose from, as the workflow's
    /// parameters. Errors: `input_invalid`, `reference_unknown`, each naming what there is.
    pub read: fn(&Value, u64, &Path) -> Result<Value, Fault>,
    /// What will be done with such parameters.
    pub plan: fn(&Value) -> Vec<Planned>,
}

/// A step that will be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Of which workflow.
    pub workflow: &'static str,
    /// As it will be named.
    pub step: String,
    /// How often: once in each child.
    pub times: u32,
}
