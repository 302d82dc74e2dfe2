//! The store: the only room with SQL. SQLite in WAL mode with synchronous=FULL, or Postgres where several nodes share it.
//!
//! [`writer`] is the one thread that writes (group commit, leases); [`store`] holds it and the readers; [`sqlite`] and
//! [`postgres`] open what they ask; [`sql`] is what makes the two one. One file per port of `rushes_core::store` beside
//! them. Bytes of media never come here.

mod album;
mod assets;
mod attempts;
mod base;
mod bells;
mod calls;
mod copies;
mod events;
#[cfg(any(test, feature = "fill"))]
pub mod fill;
mod folders;
#[cfg(any(test, feature = "held"))]
pub mod held;
mod history;
mod jobs;
mod journal;
mod keys;
mod loose;
mod messages;
mod migrate;
mod moving;
#[cfg(any(test, feature = "older"))]
pub mod older;
mod outbox;
mod pages;
mod places;
#[cfg(test)]
mod plans;
mod postgres;
mod register;
mod rows;
mod schedules;
mod settle;
mod snapshot;
mod sql;
mod sqlite;
#[cfg(test)]
mod stand;
mod store;
mod upkeep;
mod versions;
mod webhooks;
#[cfg(any(test, feature = "fill"))]
pub mod weigh;
mod which;
mod work;
mod writer;

pub use album::AlbumFiles;
pub use bells::{JobBell, Watch};
pub use migrate::SCHEMA_VERSION;
pub use moving::Moved;
pub use places::{Changed, Place};
pub use postgres::PostgresAddress;
pub use store::{Mode, SqlStore};
