//! From a file's commit to its proof, 500 files of 100 KB to a folder: as they come one after the other, as one burst,
//! and as a steady stream; beside what the same disk needs for the bare files.

use crate::figures;
use crate::measure::{Watch, ended};
use crate::support::recipes::Recipes;
use crate::support::{Places, TestEngine};
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::file::FileDestination;
use rushes_core::JobId;
use rushes_core::delivery::Backlog;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const FILES: u32 = 500;
const BYTES: usize = 100_000;
/// Rounds of which the best counts.
const ROUNDS: u32 = 2;

/// How the files come to be.
#[derive(Clone, Copy)]
enum Pace {
    /// One job, step after step.
    OneJob,
    /// Ten jobs of fifty files, all at once.
    Burst,
    /// A job of one file fifty times a second.
    Stream,
}

pub(crate) async fn measure() {
    // Kept to the end: some file systems are slow for a while where much was removed.
    let mut used = Vec::new();
    disk(&mut used);
    for (pace, words) in [
        (Pace::OneJob, "as one job makes them, one after the other"),
        (Pace::Burst, "as one burst, ten jobs of 50 files at once"),
        (Pace::Stream, "as a steady stream of 50 files/s"),
    ] {
        let mut best: Option<(Backlog, String)> = None;
        for _ in 0..ROUNDS {
            let (times, line) = round(pace, &mut used).await;
            if best.as_ref().is_none_or(|(before, _)| times.p99_ms < before.p99_ms) {
                best = Some((times, line));
            }
        }
        let (times, line) = best.unwrap();
        println!("delivery    {FILES} × 100 KB {words}: {line} (best of {ROUNDS})");
        for (at, ms) in [("p50", times.p50_ms), ("p95", times.p95_ms), ("p99", times.p99_ms)] {
            figures::note("delivery", words, at, ms as f64);
        }
    }
}

/// The bare work a delivered file costs the disk: the blob and the object, each written, synced and its folder synced.
fn disk(used: &mut Vec<TempDir>) {
    let bytes = vec![7_u8; BYTES];
    for threads in [1, 8] {
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (bytes, folder) = (&bytes, folder.path());
                scope.spawn(move || (0..2 * FILES / threads).for_each(|file| bare(folder, &format!("{thread}-{file}"), bytes)));
            }
        });
        println!(
            "delivery    the disk alone, {} × 100 KB written, synced and named by {threads} thread(s): {:.2} s wall",
            2 * FILES,
            began.elapsed().as_secs_f64()
        );
        used.push(folder);
    }
}

fn bare(folder: &Path, name: &str, bytes: &[u8]) {
    let mut file = File::create(folder.join(name)).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
    File::open(folder).unwrap().sync_all().unwrap();
}

async fn round(pace: Pace, used: &mut Vec<TempDir>) -> (Backlog, String) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        destinations: vec![("folder".into(), Arc::new(FileDestination::new(folder.path().join("bucket"))))],
        kinds: BTreeMap::new(),
        pictures: BTreeMap::new(),
        catalog: Arc::new(JsonCatalog::new(folder.path().join("records"))),
    };
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let watch = Watch::start();
    let jobs = start(&engine, pace).await;
    ended(&engine, jobs).await;
    let (wall_s, cpu_s) = (watch.wall_s(), watch.cpu_s());
    engine.settle().await;
    let backlog = engine.parts().store.backlog().await.unwrap()["folder"].clone();
    engine.engine.stop().await;
    used.push(folder);
    let said = format!(
        "p50 {} ms, p95 {} ms, p99 {} ms from commit to proof; {wall_s:.2} s wall, {:.2} ms CPU a file",
        backlog.p50_ms,
        backlog.p95_ms,
        backlog.p99_ms,
        cpu_s / f64::from(FILES) * 1e3
    );
    (backlog, said)
}

async fn start(engine: &TestEngine, pace: Pace) -> Vec<JobId> {
    let files = |subject: u32, count: u32| {
        let name = format!("s{subject}");
        engine.submit("files", json!({"count": count, "subject": name, "text": name, "bytes": BYTES}))
    };
    match pace {
        Pace::OneJob => vec![files(0, FILES).await],
        Pace::Burst => futures_util::future::join_all((0..10).map(|subject| files(subject, FILES / 10))).await,
        Pace::Stream => {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            let mut jobs = Vec::new();
            for file in 0..FILES {
                tick.tick().await;
                jobs.push(files(file, 1).await);
            }
            jobs
        }
    }
}
