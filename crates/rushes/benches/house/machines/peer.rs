//! The peer: `apalis` with `apalis-postgres` and `apalis-workflow`, in a package of its own that is built when it is asked for.

use super::usage::{Group, Meter};
use super::ways::Ran;
use super::{AT_ONCE, Ground, LIMIT, STEPS};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const NAME: &str = "apalis 1.0, Postgres, 1 worker";
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/apalis");
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/peers/apalis");

/// What it says at its end.
#[derive(Deserialize)]
struct Said {
    wall_s: f64,
    ended: u64,
    steps: u64,
    step_ms: Vec<f64>,
}

/// Runs it. What is missing, by name, where it cannot be run.
pub(super) async fn run(ground: &Ground, jobs: u64) -> Result<Ran, String> {
    let server = ground.postgres.as_ref().ok_or("Postgres is missing (scripts/setup.sh develop installs it)")?;
    tokio::task::block_in_place(|| {
        let program = build()?;
        let folder = tempfile::tempdir_in(ground.folder.path()).unwrap();
        rustix::fs::sync();
        measured(&program, &server.url(), server.process(), folder.path(), jobs)
    })
}

#[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
fn build() -> Result<PathBuf, String> {
    eprintln!("machines    building apalis, once");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // In a folder of its own: what surrounds the bench, such as flags of its profile, is not for this build.
    command.current_dir(PACKAGE).args(["build", "--release", "--locked", "--quiet", "--target-dir", BUILT]);
    let built = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let program = Path::new(BUILT).join("release/rushes-peer-apalis");
    let is_built = built.is_ok_and(|status| status.success()) && program.is_file();
    if is_built { Ok(program) } else { Err("apalis could not be built (it is fetched from crates.io the first time)".to_owned()) }
}

#[expect(clippy::disallowed_methods, reason = "a bench starts what it measures")]
fn measured(program: &Path, server: &str, postgres: u32, folder: &Path, jobs: u64) -> Result<Ran, String> {
    let mut command = Command::new(program);
    command.arg(server).arg(folder).args([jobs, STEPS, AT_ONCE as u64, LIMIT.as_secs()].map(|number| number.to_string()));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Its tables are made.
    let ready = lines.next();
    if !matches!(&ready, Some(Ok(line)) if line == "ready") {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("apalis did not start: {ready:?}"));
    }
    let groups = [Group { name: "nodes", processes: vec![child.id()] }, Group { name: "Postgres", processes: vec![postgres] }];
    let meter = Meter::start(groups.into());
    drop(child.stdin.take().map(|mut input| std::io::Write::write_all(&mut input, b"go\n").map(|()| input)));
    let said = lines.next();
    let usage = meter.stop();
    let _ = child.kill();
    let _ = child.wait();
    let Some(Ok(said)) = said else { return Err("apalis ended too early".to_owned()) };
    let Said { wall_s, ended, steps, mut step_ms } = serde_json::from_str(&said).map_err(|e| format!("apalis says {said:?}: {e}"))?;
    step_ms.sort_by(f64::total_cmp);
    Ok(Ran { wall_s, ended, jobs, steps, step_ms, usage, ..Ran::default() })
}
