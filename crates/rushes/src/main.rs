//! The `rushes` command: picks a role and sets the exit code. What the commands do is in `cli`.

mod cli;
mod config;
mod http;
mod intake;
mod log;
mod plan;
mod shoots;
mod ui;
mod ways;
mod wire;
mod words;
mod worker;

use clap::Parser;
use std::process::ExitCode;

/// Threads here hand buffers to each other all day; the system's own allocator gives each back to the system at once, or
/// keeps large ones for a thread that has no use for them. What is written in C takes its memory here, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::print::fail(&anyhow::Error::new(error).context("the runtime could not be started"), false);
            return ExitCode::FAILURE;
        }
    };
    let json = cli.json;
    let code = runtime.block_on(cli::run(cli)).unwrap_or_else(|error| {
        cli::print::fail(&error, json);
        cli::exit::of(&error)
    });
    let code = match cli::print::unwritten() {
        Some(error) => {
            cli::print::fail(&error, false);
            if code == cli::exit::DONE { cli::exit::FAILED } else { code }
        }
        None => code,
    };
    // Blocking work that was told to stop gets a moment; then the process ends, and its children with it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code.into()
}
