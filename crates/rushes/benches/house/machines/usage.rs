//! What processes take, as `/proc` tells: of each that was named, and of all that descend from it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Processes that are one thing: the nodes, a server.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) processes: Vec<u32>,
}

impl Group {
    /// Processor seconds so far, those of ended children too.
    pub(super) fn cpu_s(&self) -> f64 {
        self.all().into_iter().map(cpu_s).sum()
    }

    /// Resident memory now; what processes share with each other on purpose counts once.
    fn memory_kb(&self) -> u64 {
        let (mut own, mut shared) = (0, 0);
        for process in self.all() {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
            };
            let here = field("RssShmem:");
            own += field("VmRSS:").saturating_sub(here);
            shared = shared.max(here);
        }
        own + shared
    }

    fn all(&self) -> BTreeSet<u32> {
        let mut found: BTreeSet<u32> = self.processes.iter().copied().collect();
        let mut open = self.processes.clone();
        while let Some(process) = open.pop() {
            let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for thread in threads.flatten() {
                let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                open.extend(children.split_whitespace().filter_map(|id| id.parse().ok()).filter(|id| found.insert(*id)));
            }
        }
        found
    }
}

/// Of one process and its children that have ended.
fn cpu_s(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // utime, stime, cutime, cstime: the 14th to 17th, of which two stand before the bracket. Ticks are hundredths.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Looks at several groups from now on.
pub(super) struct Meter {
    groups: Vec<Group>,
    before: Vec<f64>,
    peak_kb: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

/// What they took meanwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    /// Processor seconds by the names of the groups.
    pub(super) cpu_s: Vec<(&'static str, f64)>,
    /// The most that all held together.
    pub(super) peak_mb: f64,
}

impl Usage {
    pub(super) fn of(&self, name: &str) -> f64 {
        self.cpu_s.iter().filter(|(group, _)| *group == name).map(|(_, cpu_s)| cpu_s).sum()
    }

    pub(super) fn all(&self) -> f64 {
        self.cpu_s.iter().map(|(_, cpu_s)| cpu_s).sum()
    }
}

impl Meter {
    pub(super) fn start(groups: Vec<Group>) -> Self {
        let (peak_kb, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let before = groups.iter().map(Group::cpu_s).collect();
        let (seen, peak, over) = (groups.clone(), peak_kb.clone(), is_over.clone());
        let looking = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(seen.iter().map(Group::memory_kb).sum(), Ordering::Relaxed);
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { groups, before, peak_kb, is_over, looking }
    }

    /// Before any of them ends.
    pub(super) fn stop(self) -> Usage {
        let took = self.groups.iter().zip(&self.before).map(|(group, before)| (group.name, group.cpu_s() - before)).collect();
        self.is_over.store(true, Ordering::Relaxed);
        self.looking.join().unwrap();
        Usage { cpu_s: took, peak_mb: self.peak_kb.load(Ordering::Relaxed) as f64 * 1024.0 / 1e6 }
    }
}
