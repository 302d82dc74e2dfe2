//! Playing a trace of jobs: what [`next`] makes of it, and what first come, first served would. For tests, and for the page
//! and the plot that show how the policy does.

use super::{Declared, Limits, Memory, Profile, Seen, State, Step, Waiting, next};
use crate::ids::JobId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The committed trace: how it was drawn, and then a line `load,arrives_s,family,work_s` for each job. The load is in percent.
pub const TRACE: &str = include_str!("trace.csv");

/// A job of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it comes.
    pub at_ms: i64,
    /// The family it needs.
    pub family: String,
    /// How long it takes, loading not counted.
    pub work_ms: i64,
}

/// The card of the committed trace: of its two families 24 GB hold one.
#[must_use]
pub fn trace_card() -> Card {
    let profile = |family: &str, vram_mb, job_s, switch_s| Profile { family: family.into(), vram_mb, job_s, switch_s };
    Card { total_mb: 24_564, profiles: vec![profile("sdxl", 10_500, 9, 12), profile("wan22", 21_000, 75, 45)] }
}

/// The jobs of a trace by load in percent, each in order of time. Lines that are no jobs are passed over.
#[must_use]
pub fn arrivals(trace: &str) -> BTreeMap<u32, Vec<Arrival>> {
    let mut loads: BTreeMap<u32, Vec<Arrival>> = BTreeMap::new();
    let read = |line: &str| -> Option<(u32, Arrival)> {
        let mut fields = line.split(',');
        let (load, at_s, family, work_s) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let seconds = |text: &str| text.parse::<i64>().ok().map(|seconds| seconds * 1_000);
        Some((load.parse().ok()?, Arrival { at_ms: seconds(at_s)?, family: family.to_owned(), work_ms: seconds(work_s)? }))
    };
    for (load, arrival) in trace.lines().filter_map(read) {
        loads.entry(load).or_default().push(arrival);
    }
    loads
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The job that came first, whatever must be loaded for it.
    FirstCome,
    /// [`next`], with these limits.
    Policy(Limits),
}

/// A card to play on.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its memory.
    pub total_mb: u32,
    /// The families; a load takes exactly their `switch_s`.
    pub profiles: Vec<Profile>,
}

/// A job that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Which of the trace.
    pub index: usize,
    /// When its family began to be loaded; None where it was.
    pub loads_ms: Option<i64>,
    /// What was loaded while it ran.
    pub loaded: Vec<String>,
    /// When it began.
    pub starts_ms: i64,
    /// When it was done.
    pub ends_ms: i64,
    /// From its coming to its beginning.
    pub waited_ms: i64,
}

/// How a trace went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The jobs in the order in which they were run.
    pub served: Vec<Served>,
    /// The jobs that were refused.
    pub refused: Vec<usize>,
    /// How often no order kept everybody within the limit.
    pub late: usize,
}

impl Outcome {
    /// How often a family was loaded.
    #[must_use]
    pub fn switches(&self) -> usize {
        self.served.iter().filter(|served| served.loads_ms.is_some()).count()
    }

    /// The mean of the waits, in milliseconds.
    #[must_use]
    pub fn mean_wait_ms(&self) -> i64 {
        let sum: i64 = self.served.iter().map(|served| served.waited_ms).sum();
        sum / i64::try_from(self.served.len()).unwrap_or(i64::MAX).max(1)
    }

    /// The longest wait, in milliseconds.
    #[must_use]
    pub fn longest_wait_ms(&self) -> i64 {
        self.served.iter().map(|served| served.waited_ms).max().unwrap_or(0)
    }
}

/// Plays the jobs, which are sorted by time, until none is left. Ends early if the rule stands still.
#[must_use]
pub fn simulate(card: &Card, rule: Rule, arrivals: &[Arrival]) -> Outcome {
    let limits = if let Rule::Policy(limits) = rule { limits } else { Limits::default() };
    let declared = Declared { profiles: card.profiles.clone(), limits };
    let (mut outcome, mut state) = (Outcome::default(), State::default());
    let (mut now_ms, mut came, mut waiting, mut loaded) = (0, 0, Vec::new(), Vec::new());
    // A job costs a step of its own, at most a wait and a `/free` before it, and a question when it comes.
    for _ in 0..=4 * arrivals.len() {
        while let Some(arrival) = arrivals.get(came).filter(|arrival| arrival.at_ms <= now_ms) {
            waiting.push(Waiting { job: JobId(Uuid::from_u128(came as u128)), family: arrival.family.clone(), since_ms: arrival.at_ms });
            came += 1;
        }
        let seen = Seen { now_ms, memory: card.measured(&loaded), loaded: &loaded, waiting: &waiting };
        let step;
        (step, state) = match rule {
            Rule::FirstCome => (first_come(card, &seen), State::default()),
            Rule::Policy(_) => next(&declared, &seen, state),
        };
        outcome.late += usize::from(state.is_late && matches!(step, Step::Run { .. }));
        match step {
            Step::Run { job, .. } => {
                let Some(served) = card.run(now_ms, &mut loaded, &mut waiting, job, arrivals) else { break };
                now_ms = served.ends_ms;
                outcome.served.push(served);
            }
            Step::Free | Step::Restart => loaded.clear(),
            Step::Refuse { job, .. } => {
                waiting.retain(|waiting| waiting.job != job);
                outcome.refused.push(index_of(job));
            }
            Step::Wait { until_ms } => {
                let comes_ms = arrivals.get(came).map(|arrival| arrival.at_ms);
                let Some(then_ms) = [until_ms, comes_ms].into_iter().flatten().min() else { break };
                now_ms = then_ms;
            }
        }
    }
    outcome
}

fn first_come(card: &Card, seen: &Seen<'_>) -> Step {
    let Some(first) = seen.waiting.first() else { return Step::Wait { until_ms: None } };
    let loads = !seen.loaded.contains(&first.family);
    let needs_mb = card.needs_mb(&first.family);
    if needs_mb > card.total_mb {
        let fault = crate::Fault::new(crate::Code::CardSmall, "load models");
        return Step::Refuse { job: first.job, fault };
    }
    if loads && needs_mb > seen.memory.free_mb { Step::Free } else { Step::Run { job: first.job, loads } }
}

fn index_of(job: JobId) -> usize {
    usize::try_from(job.0.as_u128()).unwrap_or(usize::MAX)
}

impl Card {
    fn profile(&self, family: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.family == family)
    }

    fn needs_mb(&self, family: &str) -> u32 {
        self.profile(family).map_or(u32::MAX, |profile| profile.vram_mb)
    }

    fn measured(&self, loaded: &[String]) -> Memory {
        let used_mb = loaded.iter().fold(0_u32, |used, family| used.saturating_add(self.needs_mb(family)));
        Memory { total_mb: self.total_mb, free_mb: self.total_mb.saturating_sub(used_mb) }
    }

    fn run(&self, now_ms: i64, loaded: &mut Vec<String>, waiting: &mut Vec<Waiting>, job: JobId, arrivals: &[Arrival]) -> Option<Served> {
        let at = waiting.iter().position(|waiting| waiting.job == job)?;
        let Waiting { family, since_ms, .. } = waiting.remove(at);
        let switch_ms = i64::from(self.profile(&family)?.switch_s) * 1_000;
        let loads_ms = (!loaded.contains(&family)).then_some(now_ms);
        let starts_ms = if loads_ms.is_some() { now_ms + switch_ms } else { now_ms };
        if loads_ms.is_some() {
            loaded.push(family);
        }
        let (index, waited_ms) = (index_of(job), starts_ms - since_ms);
        let ends_ms = starts_ms + arrivals.get(index)?.work_ms;
        Some(Served { index, loads_ms, loaded: loaded.clone(), starts_ms, ends_ms, waited_ms })
    }
}

#[cfg(test)]
mod draw;
#[cfg(test)]
mod tests;
