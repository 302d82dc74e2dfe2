//! `make bench`: what the engine costs, measured in one run. Figures go to stdout; machines are noisy, so compare ratios
//! within one run, and processor seconds rather than wall time.
//!
//! `house` durable steps a second, and the time from a file's commit to its proof; `production` one whole production by
//! the real program.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, times and stops at once when it fails")]

#[expect(dead_code, reason = "what only the tests use of what both share")]
#[path = "../tests/it/support/mod.rs"]
mod support;

use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::file::FileDestination;
use rushes_core::JobId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use support::program::Program;
use support::recipes::Recipes;
use support::{Places, TestEngine};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for jobs in [1, 200] {
        runtime.block_on(steps(jobs));
    }
    runtime.block_on(deliveries());
    production();
}

/// Processor seconds of this process and of the children it has waited for, from `/proc`.
fn cpu_s() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // utime, stime, cutime, cstime: the 14th to 17th, of which two stand before the bracket. Ticks are hundredths.
    let at = |index: usize| fields.get(index).copied().unwrap_or(0.0) / 100.0;
    (at(11) + at(12), at(13) + at(14))
}

async fn ended(engine: &TestEngine, jobs: Vec<JobId>) {
    for job in jobs {
        engine.ended(job).await;
    }
}

async fn steps(jobs: u64) {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let each: u64 = 50;
    let (began, cpu) = (Instant::now(), cpu_s().0);
    let mut started = Vec::new();
    for _ in 0..jobs {
        started.push(engine.submit("steps", json!({"count": each})).await);
    }
    ended(&engine, started).await;
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), cpu_s().0 - cpu);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let steps = (jobs * each) as f64;
    println!(
        "steps       {jobs:>4} jobs × {each} steps: {:>7.0} durable steps/s, {:.1} µs CPU a step",
        steps / wall_s,
        cpu_s / steps * 1e6
    );
    engine.engine.stop().await;
}

async fn deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        destinations: vec![("folder".into(), Arc::new(FileDestination::new(folder.path().join("bucket"))))],
        catalog: Arc::new(JsonCatalog::new(folder.path().join("records"))),
    };
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let (began, cpu) = (Instant::now(), cpu_s().0);
    let text = "x".repeat(100_000);
    let mut started = Vec::new();
    for subject in 0..10 {
        started.push(
            engine.submit("files", json!({"count": 50, "subject": format!("s{subject}"), "text": format!("{subject} {text}")})).await,
        );
    }
    ended(&engine, started).await;
    engine.settle().await;
    let backlog = engine.parts().store.backlog().await.unwrap()["folder"].clone();
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), cpu_s().0 - cpu);
    println!(
        "deliveries  500 × 100 KB to a folder: p50 {} ms, p95 {} ms, p99 {} ms from commit to proof; {wall_s:.2} s wall, {cpu_s:.2} s CPU",
        backlog.p50_ms, backlog.p95_ms, backlog.p99_ms
    );
    engine.engine.stop().await;
}

/// Two productions on one home: the first also renders the three references.
fn production() {
    let program = Program::with("");
    for (what, seed) in [("with references", "7"), ("again", "8")] {
        let (began, cpu) = (Instant::now(), cpu_s().1);
        let said: Value = program.run(&["run", "production", "--seed", seed, "--json"]).expect(0).json();
        assert_eq!(said["status"], "completed");
        println!("production  {what}: {:.1} s wall, {:.1} s CPU", began.elapsed().as_secs_f64(), cpu_s().1 - cpu);
    }
}
