//! The integration tests: one binary, one module per capability.
//!
//! `clouds` delivers to real servers in every weather; `survives` kills, starves and stops the real program and asks an oracle outside of it; `proof` plants faults and has
//! them found and mended; `records` writes to Firestore and Postgres; `schema` opens homes of older programs, and `replay` runs recorded journals through today's
//! workflows; `queue` has real servers asked for each job; `machines` has several nodes share a store; `finish_all` finishes a library of years; `homes` does to a home what must not cost it a file. `engine`, `asked`, `restate`, `ledger`, `turns`, `copies`, `delivery`, `folders`, `keep` and `links` drive the engine in this process with small workflows of their own; the others
//! start the real `rushes` and look at what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod asked;
mod audit;
mod auth;
mod bad_files;
mod chat;
mod choices;
mod cli;
mod clouds;
mod copies;
mod dance;
mod delivery;
mod engine;
mod finish_all;
mod folders;
mod homes;
mod import;
mod intake;
mod keep;
mod keep_days;
mod ledger;
mod links;
mod machines;
mod production;
mod proof;
mod providers;
mod publishing;
mod put;
mod queue;
#[cfg(feature = "firestore")]
mod records;
mod redo;
mod reels;
mod replay;
#[cfg(feature = "restate")]
mod restate;
mod results;
mod schedules;
mod schema;
mod service;
mod shoots;
mod showcase;
mod support;
mod survives;
mod turns;
mod watch;
mod webhooks;
mod workers;
mod workflows;
mod workspace_rows;
