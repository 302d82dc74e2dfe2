//! `make bench`: what the engine costs, measured in one run. Figures go to stdout; machines are noisy, so compare ratios
//! within one run, and processor seconds rather than wall time.
//!
//! [`steps`] durable steps a second; [`delivery`] the time from a file's commit to its proof, beside what the disk alone
//! needs; [`growth`] what looking and starting cost as a home grows; [`outputs`] five files of one remix, beside other
//! ways to make them; [`beat`] how rightly tempo and beats are heard; [`production`] one whole production by the real
//! program; [`service`] the served one beside a bare route; [`clouds`] `s3://` beside rclone on one server; [`shoots`] photos of
//! a shoot while it is on, from `Incoming/` to the folders of people at each destination; [`machines`] one node and several,
//! beside apalis. Names of parts as arguments run those parts only:
//! `cargo bench -p rushes --bench house -- steps`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, times and stops at once when it fails")]

mod beat;
mod clouds;
mod delivery;
mod figures;
mod growth;
#[cfg(feature = "restate")]
mod machines;
mod measure;
mod outputs;
mod production;
mod service;
mod shoots;
mod steps;
#[expect(dead_code, reason = "what only the tests use of what both share")]
#[path = "../../tests/it/support/mod.rs"]
mod support;
mod truth;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if clouds::was_child() || service::was_child() {
        return;
    }
    #[cfg(feature = "restate")]
    if machines::was_child() {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    if is_wanted("steps") {
        runtime.block_on(steps::measure());
    }
    if is_wanted("delivery") {
        runtime.block_on(delivery::measure());
    }
    if is_wanted("growth") {
        runtime.block_on(growth::measure());
    }
    if is_wanted("outputs") {
        outputs::measure();
    }
    if is_wanted("beat") {
        beat::measure();
    }
    if is_wanted("production") {
        production::measure();
    }
    if is_wanted("service") {
        runtime.block_on(service::measure());
    }
    if is_wanted("clouds") {
        runtime.block_on(clouds::measure());
    }
    if is_wanted("shoots") {
        runtime.block_on(shoots::measure());
    }
    #[cfg(feature = "restate")]
    if is_wanted("machines") {
        runtime.block_on(machines::measure());
    }
}
