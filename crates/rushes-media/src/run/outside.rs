//! Programs beside ffmpeg, which open what it does not. They look at strangers' files, so all their limits are named.

use super::{Plan, STRANGER_STALL, command_line};
use rushes_core::{Cancel, Fault};
use std::ffi::OsStr;
use std::time::Duration;

/// One call of such a program.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    plan: Plan,
}

impl Outside {
    /// The first of these that is installed now. None where none is.
    pub(crate) fn find(programs: &[&'static str], operation: &str) -> Option<Self> {
        let program = programs.iter().find(|program| command_line::find(program).is_some())?;
        Some(Self { plan: Plan { stall_limit: Some(STRANGER_STALL), ..Plan::new(program, operation, &[]) } })
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.plan.args.push(arg.as_ref().to_owned());
        self
    }

    /// How long it may take, and how much memory it may touch.
    pub(crate) fn within(mut self, time: Duration, data_bytes: u64) -> Self {
        (self.plan.time_limit, self.plan.data_bytes) = (time, Some(data_bytes));
        self
    }

    /// Runs to the end and returns what it wrote to stdout.
    ///
    /// Errors: `file_too_large` beyond `max_bytes`; `media_tool`, `cancelled`, `time_limit`.
    pub(crate) fn output(self, cancel: &Cancel, max_bytes: usize) -> Result<Vec<u8>, Fault> {
        self.plan.output(cancel, max_bytes).map(|(out, _)| out)
    }
}
