//! Keys of the HTTP interface: who asks, and what they may; and requests that carry a key of their own.

use crate::codes::Code;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest name of a key, in characters.
const NAME_MAX: usize = 64;

/// What a key may do. Each from `read` on includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Do the work of jobs as a worker, and nothing else.
    Work,
    /// Look.
    Read,
    /// Start, cancel and retry jobs, hand in files.
    Run,
    /// Everything: keys, webhooks, audits that mend.
    Admin,
}

impl Scope {
    /// All of them, from least to most.
    pub const ALL: [Self; 4] = [Self::Work, Self::Read, Self::Run, Self::Admin];

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Read => "read",
            Self::Run => "run",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The id of the key that the environment gives.
pub const ENVIRONMENT: &str = "key_environment";

/// A key as it is remembered: never with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last used, within a minute; milliseconds since 1970.
    pub used_ms: Option<i64>,
    /// Since when it opens nothing; milliseconds since 1970.
    pub revoked_ms: Option<i64>,
}

impl Key {
    /// A new key; blanks around its name are left out. Errors: `input_invalid` where the name is not 1 to 64 printable
    /// characters.
    pub fn new(id: Uuid, name: &str, scope: Scope, now_ms: i64) -> Result<Self, Fault> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
            let reason = format!("a name has 1 to {NAME_MAX} printable characters");
            return Err(Fault::new(Code::InputInvalid, "make key").because(reason));
        }
        let id = format!("key_{}", id.simple());
        Ok(Self { id, name: name.to_owned(), scope, created_ms: now_ms, used_ms: None, revoked_ms: None })
    }
}

/// A request that carries a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdemKey {
    /// The id of the key it was asked with; empty where none is needed.
    pub key: String,
    /// As the asker wrote it.
    pub idem_key: String,
    /// SHA-256 of what is asked: method, path, query and body.
    pub request: String,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub mime: String,
    /// The body.
    pub body: String,
}

/// What is known of a request that carries a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replied {
    /// Nothing; it is to be answered now.
    Never,
    /// It is being answered.
    Underway,
    /// Another request carried the same key.
    Otherwise,
    /// This was the answer.
    With(Reply),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_are_printable_and_short() {
        let named = |name: &str| Key::new(Uuid::nil(), name, Scope::Read, 1).map(|key| key.name);
        assert_eq!(named(" the phone ").unwrap(), "the phone");
        assert_eq!(named(&"ü".repeat(NAME_MAX)).unwrap().chars().count(), NAME_MAX);
        for name in ["", " ", "a\nb", "\u{1b}[31m", &"x".repeat(NAME_MAX + 1)] {
            assert_eq!(named(name).unwrap_err().code, Code::InputInvalid, "{name:?}");
        }
    }
}
