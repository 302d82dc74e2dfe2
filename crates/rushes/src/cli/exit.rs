//! The exit codes, in one place.

use rushes_core::{Code, Fault};

/// Done.
pub(crate) const DONE: u8 = 0;
/// Failed.
pub(crate) const FAILED: u8 = 1;
/// The command was not understood; clap gives the same for what it refuses itself.
pub(crate) const USAGE: u8 = 2;
/// Done in part, or not yet delivered.
pub(crate) const PARTLY: u8 = 3;
/// An audit found something.
pub(crate) const NOT_CLEAN: u8 = 4;
/// Cancelled.
pub(crate) const CANCELLED: u8 = 130;
/// Stopped by SIGTERM; the same command goes on.
pub(crate) const STOPPED: u8 = 143;

/// The exit code of an error.
pub(crate) fn of(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Fault>().map(|fault| fault.code) {
        Some(Code::InputInvalid | Code::WorkflowUnknown | Code::ReferenceUnknown) => USAGE,
        Some(Code::Cancelled) => CANCELLED,
        _ => FAILED,
    }
}
