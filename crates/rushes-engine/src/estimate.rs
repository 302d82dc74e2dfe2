//! How long jobs take, from what earlier ones took on this home.
//!
//! What is expected of a job as a whole is what the last ones of its workflow took; how far it has come is told by the
//! steps that are done, each counting for what it usually takes. Between two steps the expected end stands still, so that
//! who looks again and again sees no jumping; it moves only when a step was faster or slower than usual.

use crate::parts::Parts;
use rushes_core::Fault;
use rushes_core::job::{Job, JobState, Outcome};
use rushes_core::store::{Family, JobFilter, PastJob, PastStep};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many earlier jobs say what is usual.
const PAST_JOBS: u32 = 20;
/// Jobs before this one in the queue that are counted at most.
const QUEUE_MAX: u32 = 200;
/// What one character takes where nothing is known at all.
const GUESS_MS: i64 = 60_000;
/// A job that takes longer than expected is always expected to end within this share of the whole, or a second.
const LAST_SHARE: i64 = 20;

/// What was looked up goes for so long, at most; of fewer jobs than say what is usual, only until something happens to one.
const KNOWN_FOR: Duration = Duration::from_secs(30);

/// What is known of earlier jobs, so that those who ask every second need not look it up each time.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, (u64, Instant, Past)>>);

/// Of one workflow.
#[derive(Clone)]
struct Past {
    jobs: Arc<Vec<PastJob>>,
    /// What each step usually takes.
    steps: Arc<BTreeMap<String, i64>>,
}

async fn past(parts: &Parts, workflow: &str) -> Result<Past, Fault> {
    let stamp = *parts.watch.jobs.borrow();
    let known = parts.known.0.lock().unwrap_or_else(PoisonError::into_inner).get(workflow).cloned();
    if let Some((_, _, past)) =
        known.filter(|(at, since, past)| since.elapsed() < KNOWN_FOR && (*at == stamp || past.jobs.len() == PAST_JOBS as usize))
    {
        return Ok(past);
    }
    let jobs = Arc::new(parts.store.past_jobs(workflow, PAST_JOBS).await?);
    let steps = Arc::new(typical(&parts.store.past_steps(workflow, PAST_JOBS).await?));
    let past = Past { jobs, steps };
    parts.known.0.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow.to_owned(), (stamp, Instant::now(), past.clone()));
    Ok(past)
}

/// What one of several takes, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// At the least.
    pub low_ms: i64,
    /// At the most.
    pub high_ms: i64,
}

impl Range {
    /// `15-20 minutes`, `40-50 seconds`; what is below a minute and a half in steps of five seconds.
    #[must_use]
    pub fn text(self) -> String {
        let (unit, step_ms, words) = if self.high_ms < 90_000 { (1_000, 5_000, "seconds") } else { (60_000, 60_000, "minutes") };
        let low = self.low_ms.max(0) / step_ms * step_ms;
        let high = (self.high_ms.max(1) + step_ms - 1) / step_ms * step_ms;
        let low = low.clamp(unit.min(high), high);
        if low == high { format!("{} {words}", high / unit) } else { format!("{}-{} {words}", low / unit, high / unit) }
    }
}

/// What each character of a production of `count` takes, if all that waits for its turn is left aside.
pub async fn of_production(parts: &Parts, count: u32) -> Result<Range, Fault> {
    let past = past(parts, "production").await?;
    Ok(per_child(&past.jobs, count).unwrap_or_else(|| {
        let guess = guess_ms(parts);
        Range { low_ms: guess * 3 / 4, high_ms: guess * 5 / 4 }
    }))
}

/// What a job with these parameters takes as a whole, milliseconds; None where nothing like it was done here.
pub async fn of_parameters(parts: &Parts, workflow: &str, parameters: &Value) -> Result<Option<i64>, Fault> {
    let past = past(parts, workflow).await?;
    if let Some(count) = parameters["count"].as_u64().and_then(|count| u32::try_from(count).ok()) {
        return Ok(per_child(&past.jobs, count).map(|range| (range.low_ms + range.high_ms) / 2 * i64::from(count)));
    }
    Ok(median(past.jobs.iter().map(|job| job.took_ms).collect()))
}

/// What each step of a workflow usually takes, milliseconds.
pub async fn of_steps(parts: &Parts, workflow: &str) -> Result<Arc<BTreeMap<String, i64>>, Fault> {
    Ok(past(parts, workflow).await?.steps)
}

/// When the topmost job of a family will have ended, milliseconds since 1970. None when it has, or when nothing like it was
/// ever done here.
pub async fn of_family(parts: &Parts, family: &Family) -> Result<Option<i64>, Fault> {
    let Some(job) = family.jobs.first() else { return Ok(None) };
    let now_ms = parts.clock.now_ms();
    match job.state {
        JobState::Completed | JobState::Failed | JobState::Cancelled => Ok(None),
        JobState::Delivering => {
            let slowest_ms = parts.store.backlog().await?.values().map(|backlog| backlog.p95_ms).max().unwrap_or(0);
            Ok(Some(now_ms + i64::try_from(slowest_ms).unwrap_or(0).max(1_000)))
        }
        JobState::Queued => {
            let Some(whole_ms) = whole(parts, job).await? else { return Ok(None) };
            Ok(Some(now_ms + before(parts, job).await? + whole_ms))
        }
        JobState::Running => {
            let Some(whole_ms) = whole(parts, job).await? else { return Ok(None) };
            let (share, last_ms) = done(parts, job, &family.jobs).await?;
            Ok(Some(end(whole_ms, share, last_ms, now_ms)))
        }
    }
}

/// What a job takes as a whole.
async fn whole(parts: &Parts, job: &Job) -> Result<Option<i64>, Fault> {
    let past = past(parts, &job.workflow).await?;
    if let Some(count) = children_of(job) {
        let each = per_child(&past.jobs, count).map_or_else(|| guess_ms(parts), |range| (range.low_ms + range.high_ms) / 2);
        return Ok(Some(each * i64::from(count)));
    }
    Ok(median(past.jobs.iter().map(|job| job.took_ms).collect()))
}

/// What goes before it in the queue takes, if it waits for its turn. The queue takes the oldest first (`QUEUED` in the store's
/// `jobs.rs`), and a list the newest: what comes after it in the one goes before it in the other.
async fn before(parts: &Parts, job: &Job) -> Result<i64, Fault> {
    let Some(at_once) = parts.jobs.at_once.filter(|_| job.parent.is_none()) else { return Ok(0) };
    let older = JobFilter { state: Some(JobState::Queued), after: Some(job.id), limit: QUEUE_MAX, ..JobFilter::default() };
    let mut before_ms = 0;
    for other in parts.store.jobs(&older).await? {
        before_ms += whole(parts, &other).await?.unwrap_or(0);
    }
    Ok(before_ms / i64::try_from(at_once.max(1)).unwrap_or(1))
}

/// Which share of a running job is done, and when the last step ended.
async fn done(parts: &Parts, job: &Job, jobs: &[Job]) -> Result<(f64, i64), Fault> {
    let (mut all, mut done, mut last_ms) = (0, 0, job.started_ms.unwrap_or(job.created_ms));
    let children = u32::try_from(jobs.len().saturating_sub(1)).unwrap_or(0);
    for member in jobs {
        let steps = past(parts, &member.workflow).await?.steps;
        let weight: i64 = steps.values().sum();
        all += weight;
        let has_ended = member.state.has_ended() || member.state == JobState::Delivering;
        let mut of_this = 0;
        for row in parts.store.steps(member.id).await?.iter().filter(|row| row.outcome.is_some()) {
            last_ms = last_ms.max(row.ended_ms.unwrap_or(0));
            if matches!(row.outcome, Some(Outcome::Value(_))) {
                of_this += steps.get(&row.name).copied().unwrap_or(0);
            }
        }
        done += if has_ended { weight } else { of_this };
    }
    // Children that are not there yet are as much work as those that are.
    let missing = children_of(job).unwrap_or(0).saturating_sub(children);
    if children > 0 && missing > 0 {
        all += all / i64::from(children) * i64::from(missing);
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    Ok((if all > 0 { done as f64 / all as f64 } else { 0.0 }, last_ms))
}

/// When it ends: what is left, from the last step on; never in the past.
fn end(whole_ms: i64, share: f64, last_ms: i64, now_ms: i64) -> i64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
    let left_ms = (whole_ms as f64 * (1.0 - share.clamp(0.0, 1.0))) as i64;
    let soonest_ms = (whole_ms / LAST_SHARE).clamp(1_000, 60_000).min(left_ms.max(1_000));
    (last_ms + left_ms).max(now_ms + soonest_ms)
}

/// How many children a job has by its own words.
fn children_of(job: &Job) -> Option<u32> {
    (job.workflow == "production").then(|| job.input["count"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(1).max(1))
}

fn guess_ms(parts: &Parts) -> i64 {
    parts.jobs.first_guess.and_then(|guess| i64::try_from(guess.as_millis()).ok()).unwrap_or(GUESS_MS)
}

/// The middle half of what each child took; of jobs with as many children, where there were such.
fn per_child(past: &[PastJob], count: u32) -> Option<Range> {
    let each = |of_count: Option<u32>| {
        let alike = past.iter().filter(|job| job.children > 0 && of_count.is_none_or(|count| job.children == count));
        let mut each: Vec<i64> = alike.map(|job| job.took_ms.max(1) / i64::from(job.children)).collect();
        each.sort_unstable();
        each
    };
    let each = Some(each(Some(count))).filter(|each| !each.is_empty()).unwrap_or_else(|| each(None));
    let at = |quarter: usize| each.get((each.len() * quarter / 4).min(each.len().saturating_sub(1))).copied();
    Some(Range { low_ms: at(1)?, high_ms: at(3)? })
}

/// What each step usually takes, of those that at least every other job had.
fn typical(past: &[PastStep]) -> BTreeMap<String, i64> {
    let mut by_name: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for step in past {
        by_name.entry(&step.name).or_default().push(step.took_ms);
    }
    let jobs = by_name.values().map(Vec::len).max().unwrap_or(0);
    let usual = by_name.into_iter().filter(|(_, took)| took.len() * 2 >= jobs);
    // Nothing counts for nothing: a step below a millisecond is a step.
    usual.filter_map(|(name, took)| Some((name.to_owned(), median(took)?.max(1)))).collect()
}

fn median(mut of: Vec<i64>) -> Option<i64> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_ranges_read_as_people_say_them() {
        for (low_ms, high_ms, text) in [
            (900_000, 1_200_000, "15-20 minutes"),
            (905_000, 1_190_000, "15-20 minutes"),
            (420_000, 430_000, "7-8 minutes"),
            (43_000, 48_000, "40-50 seconds"),
            (80_000, 95_000, "1-2 minutes"),
            (120_000, 120_000, "2 minutes"),
            (0, 3, "1-5 seconds"),
        ] {
            assert_eq!(Range { low_ms, high_ms }.text(), text);
        }
    }

    #[test]
    fn estimate_of_a_child_is_the_middle_half_of_jobs_alike() {
        let past =
            |took: &[(i64, u32)]| -> Vec<PastJob> { took.iter().map(|&(took_ms, children)| PastJob { took_ms, children }).collect() };
        assert_eq!(per_child(&[], 1), None);
        assert_eq!(per_child(&past(&[(10, 0)]), 1), None, "it made nothing");
        let mixed = past(&[(100, 1), (110, 1), (120, 1), (9_000, 1), (130, 1), (400, 4)]);
        assert_eq!(per_child(&mixed, 1), Some(Range { low_ms: 110, high_ms: 130 }), "one that was slow does not count");
        assert_eq!(per_child(&mixed, 4), Some(Range { low_ms: 100, high_ms: 100 }));
        assert!(per_child(&mixed, 3).is_some(), "any is better than none");
    }

    #[test]
    fn estimate_of_steps_leaves_out_what_few_jobs_had() {
        let step = |name: &str, took_ms: i64| PastStep { name: name.into(), provider: None, took_ms };
        let past = [step("draw", 10), step("draw", 30), step("draw", 20), step("rare", 900), step("film", 0), step("film", 0)];
        assert_eq!(typical(&past), BTreeMap::from([("draw".to_owned(), 20), ("film".to_owned(), 1)]));
    }

    #[test]
    fn estimate_of_an_end_stands_still_between_steps_and_is_never_past() {
        let at = |share, last_ms, now_ms| end(100_000, share, last_ms, now_ms);
        assert_eq!(at(0.0, 1_000, 1_000), 101_000);
        assert_eq!(at(0.0, 1_000, 60_000), 101_000, "time goes by, the end stays");
        assert_eq!(at(0.5, 51_000, 51_000), 101_000, "as fast as usual: the end stays");
        assert_eq!(at(0.5, 41_000, 41_000), 91_000, "faster");
        assert_eq!(at(0.5, 51_000, 200_000), 205_000, "overdue: soon, and never over");
        assert_eq!(at(1.0, 51_000, 60_000), 61_000);
    }
}
