//! The integration tests: one binary, one module per capability.
//!
//! `engine` and `delivery` drive the engine in this process with small recipes of their own; the others start the real
//! `rushes` and look at what it leaves behind.

mod delivery;
mod engine;

mod cli;
mod production;
mod put;
mod support;
