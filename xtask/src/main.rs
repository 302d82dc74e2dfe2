//! The door to the house checks: `cargo run -p xtask -- tidy`, `-- docs`, and what draws from figures.
#![expect(clippy::print_stdout, reason = "a command for the terminal")]

use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in the root of the workspace")?;
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(root),
        Some("docs") => tell(&xtask::docs::write(root)?),
        Some("performance") => {
            let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("read {path}"));
            match std::env::args().nth(5) {
                None => {
                    let [printed, noted, commit] = arguments()?;
                    tell(&xtask::measured::performance(root, &read(&printed)?, &read(&noted)?, &commit)?)
                }
                Some(_) => {
                    let [printed, noted, commit, part] = arguments()?;
                    tell(&xtask::measured::performance_of(root, &read(&printed)?, &read(&noted)?, &commit, &part)?)
                }
            }
        }
        Some("reliability") => tell(&xtask::measured::reliability(root)?),
        _ => bail!("usage: cargo run -p xtask -- tidy | docs | reliability | performance PRINTED NOTED COMMIT [PART]"),
    }
}

/// What stands behind the command's name, just so many.
fn arguments<const N: usize>() -> anyhow::Result<[String; N]> {
    let all: Vec<String> = std::env::args().skip(2).collect();
    all.try_into().map_err(|all: Vec<String>| anyhow::anyhow!("there are {} arguments, and must be {N}", all.len()))
}

#[expect(clippy::unnecessary_wraps, reason = "how a command ends")]
fn tell(written: &[impl std::fmt::Display]) -> anyhow::Result<ExitCode> {
    for path in written {
        println!("wrote {path}");
    }
    Ok(ExitCode::SUCCESS)
}

fn tidy(root: &Path) -> anyhow::Result<ExitCode> {
    let findings = xtask::tidy::check(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} findings", findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
