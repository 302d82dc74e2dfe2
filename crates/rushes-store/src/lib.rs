//! The store: the only room with SQL. SQLite in WAL mode with synchronous=FULL.
//!
//! [`writer`] is the one thread that writes (group commit, leases); [`sqlite`] opens the file and holds the
//! read-only connections; one file per port of `rushes_core::store` beside them. Bytes of media never come here.

mod assets;
mod attempts;
mod bells;
mod calls;
mod events;
#[cfg(any(test, feature = "fill"))]
pub mod fill;
mod history;
mod jobs;
mod journal;
mod keys;
mod loose;
mod messages;
mod migrate;
#[cfg(any(test, feature = "older"))]
pub mod older;
mod outbox;
mod pages;
mod places;
#[cfg(test)]
mod plans;
mod register;
mod rows;
mod schedules;
mod settle;
mod snapshot;
mod sqlite;
mod upkeep;
mod webhooks;
mod which;
mod writer;

pub use bells::{JobBell, Watch};
pub use migrate::SCHEMA_VERSION;
pub use places::{Changed, Place, remember};
pub use sqlite::{Mode, SqliteStore};
