//! Which jobs an engine takes up where others share the store, by the version of their workflow they were begun with.
//!
//! A job that somebody has begun is for those who have its version, and so is one that a newer program has made or a parent
//! waits for. It is left to them for a while after it was last touched; whoever takes it up then fails it and says so, or
//! begins it, where nobody has. What a person has asked for of an older program, and nobody has begun, the newer one begins.

use std::fmt::Write;
use std::time::Duration;

/// The versions of one program.
#[derive(Debug)]
pub(crate) struct Versions {
    /// The version of a job's workflow in this program, as an expression; NULL where it has no such workflow.
    own: String,
    patience_ms: i64,
}

impl Default for Versions {
    /// Of an engine that is alone: nobody else has another version of anything.
    fn default() -> Self {
        Self { own: "version".to_owned(), patience_ms: 0 }
    }
}

impl Versions {
    /// `patience`: how long jobs of other versions are left to others.
    pub(crate) fn new<'a>(versions: impl Iterator<Item = (&'a str, u32)>, patience: Duration) -> Self {
        let mut own = "CASE workflow".to_owned();
        for (workflow, version) in versions {
            // Writing to a string does not fail.
            let _ = write!(own, " WHEN '{}' THEN {version}", workflow.replace('\'', "''"));
        }
        own.push_str(" WHEN '' THEN NULL END");
        Self { own, patience_ms: i64::try_from(patience.as_millis()).unwrap_or(i64::MAX) }
    }

    /// What holds of a job that may be taken up at the time of this parameter.
    pub(crate) fn fit(&self, now: u8) -> String {
        let (own, patience_ms) = (&self.own, self.patience_ms);
        format!(
            "(version = {own} OR version < {own} AND fence = 0 AND parent IS NULL OR max(updated_ms, lease_until_ms) + {patience_ms} < ?{now})"
        )
    }

    /// The version of a job once it is taken up: that of whoever begins it.
    pub(crate) fn begun(&self) -> String {
        format!("CASE WHEN fence = 0 THEN coalesce({}, version) ELSE version END", self.own)
    }
}
