//! Keys of the HTTP interface: who asks, and what they may; and requests that carry a key of their own.

use serde::{Deserialize, Serialize};

/// What a key may do. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look.
    Read,
    /// Start, cancel and retry jobs, hand in files.
    Run,
    /// Everything: keys, webhooks, audits that mend.
    Admin,
}

impl Scope {
    /// All of them, from least to most.
    pub const ALL: [Self; 3] = [Self::Read, Self::Run, Self::Admin];

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
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
