//! What a way costs (processor, wall, memory of all its processes), and how near its picture is to the raw frames.

use crate::measure::cpu_s;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the children's memory.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    cpu_s: f64,
    wall_s: f64,
    peak_mb: f64,
}

/// The medians of several rounds, and the least and most processor time.
pub(super) struct Tally {
    pub(super) cpu_s: f64,
    pub(super) least_s: f64,
    pub(super) most_s: f64,
    pub(super) wall_s: f64,
    pub(super) peak_mb: f64,
}

impl Tally {
    pub(super) fn of(costs: &[Cost]) -> Self {
        let sorted = |value: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (cpu, wall, peak) = (sorted(|c| c.cpu_s), sorted(|c| c.wall_s), sorted(|c| c.peak_mb));
        let middle = costs.len() / 2;
        Self { cpu_s: cpu[middle], least_s: cpu[0], most_s: cpu[cpu.len() - 1], wall_s: wall[middle], peak_mb: peak[middle] }
    }
}

/// Does the work and says what it took: this process and all children it waited for.
pub(super) fn cost(work: impl FnOnce()) -> Cost {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(children_kb(), Ordering::Relaxed);
                std::thread::sleep(LOOK_EVERY);
            }
        });
        let (before, began) = (cpu_s(), Instant::now());
        work();
        let (after, wall_s) = (cpu_s(), began.elapsed().as_secs_f64());
        done.store(true, Ordering::Relaxed);
        Cost { cpu_s: after.0 + after.1 - before.0 - before.1, wall_s, peak_mb: peak.load(Ordering::Relaxed) as f64 / 1e3 }
    })
}

/// Resident memory of all descendants of this process, from `/proc`.
fn children_kb() -> u64 {
    let mut found = BTreeSet::new();
    let mut open = vec![std::process::id()];
    while let Some(process) = open.pop() {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|id| id.parse().ok()).filter(|id| found.insert(*id)));
        }
    }
    let resident = |id: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    found.iter().map(resident).sum()
}

/// How alike two videos are, all planes, 1 for equal (ffmpeg's `ssim`).
pub(super) fn ssim(file: &Path, raw: &Path) -> f64 {
    let said = super::ways::ffmpeg(&[
        "-i".as_ref(),
        file.as_os_str(),
        "-i".as_ref(),
        raw.as_os_str(),
        "-filter_complex".as_ref(),
        "[0:v]settb=AVTB,setpts=N[a];[1:v]settb=AVTB,setpts=N[b];[a][b]ssim".as_ref(),
        "-f".as_ref(),
        "null".as_ref(),
        "-".as_ref(),
    ]);
    let all = said.rsplit_once("All:").map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
    all.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no SSIM in: {said}"))
}
