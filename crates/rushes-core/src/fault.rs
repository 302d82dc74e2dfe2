//! The one error of the house: what kind, whether to try again and when, what was being done, to what, and why.

use crate::codes::Code;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The family of a fault; callers branch on this, people read the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the field's standard terms")]
pub enum FaultKind {
    NotFound,
    AlreadyExists,
    InvalidInput,
    ConfigInvalid,
    Unauthorized,
    Refused,
    RateLimited,
    Unavailable,
    Conflict,
    Corrupt,
    Cancelled,
    Unsupported,
    Unexpected,
}

/// The only thing a queue asks a fault: again?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Trying again may help.
    Transient,
    /// Trying again gives the same answer.
    Permanent,
    /// It was transient, and the tries are used up.
    Exhausted,
}

/// What went wrong, in a form that is journaled, shown and answered over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The row of the code table.
    pub code: Code,
    /// Whether trying again may help.
    pub verdict: Verdict,
    /// The earliest useful time to try again, where the other side said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What was being done: `put object`, `probe reference`.
    pub operation: String,
    /// What it was done to, in reading order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<(String, String)>,
    /// What the other side or the library below said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Fault {
    /// A fault of this code while doing `operation`; the verdict is the code's own.
    #[must_use]
    pub fn new(code: Code, operation: impl Into<String>) -> Self {
        Self { code, verdict: code.row().verdict, retry_after_ms: None, operation: operation.into(), context: Vec::new(), reason: None }
    }

    /// From an I/O error; a full disk is told apart from other causes.
    #[must_use]
    pub fn io(operation: impl Into<String>, path: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
            std::io::ErrorKind::NotFound => Code::FileMissing,
            _ => Code::Io,
        };
        Self::new(code, operation).with("path", path.display()).because(error)
    }

    /// Adds one thing it happened to.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.context.push((key.to_owned(), value.to_string()));
        self
    }

    /// Adds what the other side said.
    #[must_use]
    pub fn because(mut self, reason: impl fmt::Display) -> Self {
        self.reason = Some(reason.to_string());
        self
    }

    /// Overrides the code's own verdict.
    #[must_use]
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// Not before this long from now.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The family.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.code.row().kind
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.verdict == Verdict::Transient
    }

    /// One thing it happened to.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

/// "What happened (what to): why. What to do."
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.code.row();
        write!(f, "{}", row.title.trim_end_matches('.'))?;
        write!(f, " ({}", self.operation)?;
        for (key, value) in &self.context {
            write!(f, ", {key} {value}")?;
        }
        write!(f, ")")?;
        if let Some(reason) = &self.reason {
            write!(f, ": {}", reason.trim_end().trim_end_matches('.'))?;
        }
        write!(f, ". {}", row.cure)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_says_what_to_what_why_and_what_to_do() {
        let fault = Fault::new(Code::FileTruncated, "check reference").with("file", "dance.mp4").because("0.4 of 10.0 s decode");
        assert_eq!(
            fault.to_string(),
            "The file ends too early (check reference, file dance.mp4): 0.4 of 10.0 s decode. Copy it again from where it came."
        );
        let json = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
    }

    #[test]
    fn fault_tells_a_full_disk_apart() {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let fault = Fault::io("write", std::path::Path::new("x"), &error);
        assert_eq!(fault.code, Code::DiskFull);
        assert!(fault.is_transient());
    }
}
