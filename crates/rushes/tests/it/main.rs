//! The integration tests: one binary, one module per capability.
//!
//! `engine` and `delivery` drive the engine in this process with small recipes of their own; the others start the real
//! `rushes` and look at what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bad_files;
mod cli;
mod delivery;
mod engine;
mod production;
mod put;
mod support;
