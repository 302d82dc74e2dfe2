//! Durable steps a second, by how many jobs run side by side.

use crate::figures;
use crate::measure::{Watch, ended};
use crate::support::recipes::Recipes;
use crate::support::{Places, TestEngine};
use serde_json::json;

/// Jobs side by side, steps each, rounds of which the best counts.
const SIZES: [(u32, u32, u32); 3] = [(1, 1_000, 3), (200, 100, 3), (10_000, 10, 2)];

pub(crate) async fn measure() {
    for (jobs, each, rounds) in SIZES {
        let mut best = (0.0_f64, f64::MAX);
        for _ in 0..rounds {
            let (rate, cpu_us) = round(jobs, each).await;
            best = (best.0.max(rate), best.1.min(cpu_us));
        }
        println!(
            "steps       {jobs:>6} jobs × {each:>4} steps: {:>7.0} durable steps/s, {:>6.1} µs CPU a step (best of {rounds}; jobs made, claimed and ended included)",
            best.0, best.1
        );
        figures::note("steps", "durable steps a second", &format!("{jobs} jobs"), best.0);
    }
}

/// Steps a second, and microseconds of processor a step.
async fn round(jobs: u32, each: u32) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let watch = Watch::start();
    let asked = (0..jobs).map(|_| engine.submit("steps", json!({"count": each})));
    ended(&engine, futures_util::future::join_all(asked).await).await;
    let steps = f64::from(jobs * each);
    let measured = (steps / watch.wall_s(), watch.cpu_s() / steps * 1e6);
    engine.engine.stop().await;
    measured
}
