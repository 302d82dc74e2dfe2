//! What the parts measure with: processor seconds, and the engine over places of the bench's choice.

use rushes_core::JobId;
use std::time::Instant;

/// Wall and processor time since it was started.
pub(crate) struct Watch {
    began: Instant,
    cpu_s: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), cpu_s: cpu_s().0 }
    }

    pub(crate) fn wall_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Of this process.
    pub(crate) fn cpu_s(&self) -> f64 {
        cpu_s().0 - self.cpu_s
    }
}

/// Processor seconds of this process and of the children it has waited for, from `/proc`.
pub(crate) fn cpu_s() -> (f64, f64) {
    cpu_s_of("self")
}

/// The same of another process.
pub(crate) fn cpu_s_of(process: &str) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // utime, stime, cutime, cstime: the 14th to 17th, of which two stand before the bracket. Ticks are hundredths.
    let at = |index: usize| fields.get(index).copied().unwrap_or(0.0) / 100.0;
    (at(11) + at(12), at(13) + at(14))
}

/// Waits until all of these jobs have ended, side by side as their owners would.
pub(crate) async fn ended(engine: &crate::support::TestEngine, jobs: Vec<JobId>) {
    let ends = futures_util::future::join_all(jobs.into_iter().map(|job| engine.engine.ended(job))).await;
    assert!(ends.into_iter().all(|end| end.unwrap().state == rushes_core::JobState::Completed));
}
