//! The door to the house checks: `cargo run -p xtask -- tidy` and `cargo run -p xtask -- docs`.
#![expect(clippy::print_stdout, reason = "a command for the terminal")]

use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the root of the workspace")?;
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(root),
        Some("docs") => {
            for path in xtask::docs::write(root)? {
                println!("wrote {path}");
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("usage: cargo run -p xtask -- tidy | docs"),
    }
}

fn tidy(root: &Path) -> anyhow::Result<ExitCode> {
    let findings = xtask::tidy::check(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} findings", findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
