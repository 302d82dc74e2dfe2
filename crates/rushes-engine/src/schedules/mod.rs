//! Jobs that start by the clock: each occurrence once, whatever crashes, and never a burst.
//!
//! What is due is found from the time up to which the store says a schedule is dealt with; making the job and moving that
//! time on is one transaction. Of what was missed the newest counts.

mod timetable;

use crate::local::{NewJobRequest, Shared, requests};
use crate::parts::Parts;
use rushes_core::faults::{self, Place};
use rushes_core::flow::Workflows;
use rushes_core::job::{Asked, Job};
use rushes_core::record::rfc3339;
use rushes_core::store::{Occurred, ScheduleRow};
use rushes_core::{Cancel, Code, Fault};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
pub use timetable::Timetable;

/// Later than this it was missed.
const ON_TIME_MS: i64 = 60_000;
/// Clocks are set, and machines sleep: nobody waits for longer without a look at the clock.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// After a look that failed.
const WAIT_FAILED_MS: i64 = 5_000;
/// Dealt with up to further ahead than this, the clock was wrong then, and the schedule begins anew.
const AHEAD_MAX_MS: i64 = 24 * 60 * 60 * 1_000;

/// Gives the whole parameters of a job that is due.
pub type Input = Arc<dyn Fn() -> Result<Value, Fault> + Send + Sync>;

/// A workflow that is started by the clock.
#[derive(Clone)]
pub struct Schedule {
    /// As configured; unique.
    pub name: String,
    /// Five fields, as configured.
    pub cron: String,
    /// The zone they are meant in.
    pub time_zone: String,
    /// When it comes round.
    pub timetable: Timetable,
    /// Which workflow.
    pub workflow: String,
    /// What it is started with, asked for anew each time.
    pub input: Input,
    /// Whether the newest missed occurrence is run once.
    pub catch_up: bool,
}

/// How a schedule stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// As configured.
    pub name: String,
    /// Five fields.
    pub cron: String,
    /// The zone they are meant in.
    pub time_zone: String,
    /// Which workflow.
    pub workflow: String,
    /// When it comes round next, milliseconds since 1970.
    pub next_ms: Option<i64>,
    /// The last job that was started for it.
    pub last: Option<Job>,
    /// The occurrence that was passed over since, and why.
    pub passed: Option<(i64, String)>,
}

/// Every configured schedule as it stands, in the order of the configuration. Errors: those of the store.
pub async fn standing(parts: &Parts) -> Result<Vec<Standing>, Fault> {
    let (rows, now_ms) = (parts.store.schedules().await?, parts.clock.now_ms());
    let mut all = Vec::with_capacity(parts.schedules.len());
    for schedule in parts.schedules.iter() {
        let row = rows.iter().find(|row| row.name == schedule.name);
        let last = match row.and_then(|row| row.job) {
            Some(job) => Some(parts.store.job(job).await?),
            None => None,
        };
        let dealt_with = row.and_then(|row| dealt_with(schedule, row, now_ms)).unwrap_or(now_ms);
        all.push(Standing {
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            time_zone: schedule.time_zone.clone(),
            workflow: schedule.workflow.clone(),
            next_ms: schedule.timetable.after(dealt_with.max(now_ms)),
            last,
            passed: row.and_then(|row| row.passed.clone()),
        });
    }
    Ok(all)
}

/// Up to when a schedule is dealt with; None where it begins anew.
fn dealt_with(schedule: &Schedule, row: &ScheduleRow, now_ms: i64) -> Option<i64> {
    (row.timetable == schedule.timetable.words() && row.last_ms <= now_ms + AHEAD_MAX_MS).then_some(row.last_ms)
}

/// Starts what is due, until `stop`.
pub(crate) async fn run<W: Workflows>(shared: Arc<Shared<W>>, stop: Cancel) {
    while !stop.is_cancelled() {
        let next_ms = look(&shared).await;
        let wait = u64::try_from(next_ms - shared.parts.clock.now_ms()).unwrap_or(0);
        tokio::select! {
            () = stop.cancelled() => return,
            // A moment at least, should the same be due again and again.
            () = tokio::time::sleep(Duration::from_millis(wait.max(20)).min(WAIT_MAX)) => {}
        }
    }
}

/// Starts what is due now; gives when the next is.
pub(crate) async fn look<W: Workflows>(shared: &Shared<W>) -> i64 {
    let parts = &shared.parts;
    let rows = match parts.store.schedules().await {
        Ok(rows) => rows,
        Err(fault) => {
            tracing::error!(%fault, "schedules could not be looked at");
            return parts.clock.now_ms() + WAIT_FAILED_MS;
        }
    };
    let mut next_ms = i64::MAX;
    for schedule in parts.schedules.iter() {
        let row = rows.iter().find(|row| row.name == schedule.name);
        next_ms = next_ms.min(look_at(shared, schedule, row).await.unwrap_or_else(|fault| {
            tracing::error!(schedule = schedule.name, %fault, "a schedule could not be looked at");
            parts.clock.now_ms() + WAIT_FAILED_MS
        }));
    }
    next_ms
}

/// Deals with what is due of one schedule; gives when the next is.
async fn look_at<W: Workflows>(shared: &Shared<W>, schedule: &Schedule, row: Option<&ScheduleRow>) -> Result<i64, Fault> {
    let Parts { store, clock, .. } = &shared.parts;
    let now_ms = clock.now_ms();
    let last_ms = match row.and_then(|row| dealt_with(schedule, row, now_ms)) {
        Some(last_ms) => last_ms,
        None => store.begin_schedule(&schedule.name, schedule.timetable.words()).await?,
    };
    let never = i64::MAX;
    let Some(due_ms) = schedule.timetable.after(last_ms) else { return Ok(never) };
    if due_ms > now_ms {
        return Ok(due_ms);
    }
    let at_ms = schedule.timetable.newest(now_ms).unwrap_or(due_ms).max(due_ms);
    let job = if now_ms - at_ms > ON_TIME_MS && !schedule.catch_up {
        Err("nobody served at that time".to_owned())
    } else {
        let idem_key = Some(format!("schedule {} {}", schedule.name, rfc3339(at_ms)));
        request(schedule, Asked { idem_key, ..Asked::default() })
            .and_then(|request| requests::asked_for(shared, request))
            .map_err(|fault| fault.to_string())
    };
    faults::pass(Place::ScheduleDue)?;
    let occurred = store.occur(&schedule.name, at_ms, job).await?;
    faults::pass(Place::ScheduleKept)?;
    let (name, at) = (&schedule.name, rfc3339(at_ms));
    match occurred {
        Occurred::Started(job) => tracing::info!(schedule = name, at, job = %job.id, "a schedule has started its job"),
        Occurred::Passed(why) => tracing::warn!(schedule = name, at, why, "an occurrence of a schedule was passed over"),
        Occurred::Known => {}
    }
    Ok(schedule.timetable.after(at_ms.max(now_ms)).unwrap_or(never))
}

fn request(schedule: &Schedule, asked: Asked) -> Result<NewJobRequest, Fault> {
    Ok(NewJobRequest { workflow: schedule.workflow.clone(), input: (schedule.input)()?, asked, ..NewJobRequest::default() })
}

/// Starts a schedule's job out of its turn. Errors: `not_found`, which says which there are; `input_invalid` while its last
/// job is unfinished; those of its parameters.
pub(crate) async fn start_now<W: Workflows>(shared: &Shared<W>, name: &str) -> Result<Job, Fault> {
    let Parts { store, schedules, .. } = &shared.parts;
    let schedule = schedules.iter().find(|schedule| schedule.name == name).ok_or_else(|| {
        let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
        let reason =
            if names.is_empty() { "none is configured: [[schedules]]".to_owned() } else { format!("there are: {}", names.join(", ")) };
        Fault::new(Code::NotFound, "start schedule").with("schedule", name).because(reason)
    })?;
    if store.schedules().await?.iter().all(|row| row.name != name) {
        store.begin_schedule(name, schedule.timetable.words()).await?;
    }
    store.start_now(name, requests::asked_for(shared, request(schedule, Asked::default())?)?).await
}

#[cfg(test)]
mod tests;
