//! The ledger of what steps sent outside.

pub(crate) mod spending;

use crate::jobs::check_lease;
use crate::rows::{self, json};
use crate::sql::value::NONE;
use crate::sql::{Read, Row, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::ledger::{Attempt, AttemptEnd, AttemptState, Begun, SpentADay, SpentByJob, Terms};
use rushes_core::store::{Attempts, Lease};
use rushes_core::{Code, Fault, JobId, JobState};

const ATTEMPT: &str = "step, number, provider, state, external_id, cost_micros, fault, began_ms, changed_ms";

fn attempt(row: &Row<'_>) -> Read<Attempt> {
    let state: String = row.get(3)?;
    Ok(Attempt {
        step: row.get(0)?,
        number: row.get(1)?,
        provider: row.get(2)?,
        state: AttemptState::named(&state).ok_or_else(|| rows::unknown(3, &state))?,
        external_id: row.get(4)?,
        cost_micros: row.get(5)?,
        fault: rows::from_json_or_none(row, 6)?,
        began_ms: row.get(7)?,
        changed_ms: row.get(8)?,
    })
}

pub(crate) fn of_job() -> String {
    format!("SELECT {ATTEMPT} FROM attempts WHERE job = ?1 ORDER BY began_ms, step, number")
}

pub(crate) fn last_of_step() -> String {
    format!("SELECT {ATTEMPT} FROM attempts WHERE job = ?1 AND step = ?2 ORDER BY number DESC LIMIT 1")
}

/// The step's open attempt, which is its last; else, for what is over, the job's that was submitted under this name.
pub(crate) const OPEN: &str = "SELECT step, number FROM attempts WHERE job = ?1 AND step = ?2 AND state NOT IN ('done', 'failed')
    UNION ALL SELECT step, number FROM attempts WHERE job = ?1 AND state = 'submitted' AND external_id = ?3 LIMIT 1";

pub(crate) const ALL_OPEN: &str = "SELECT job, step FROM attempts WHERE state IN ('intent', 'submitted', 'unknown')";

/// The step's attempt that stands outside or is over there, which is its last.
pub(crate) const STANDING: &str = "SELECT step, number FROM attempts WHERE job = ?1 AND step = ?2 AND state <> 'failed' LIMIT 1";

/// What a step leaves open that ended without a value.
pub(crate) const LEAVE: &str = "UPDATE attempts SET state = 'needs_reconcile', changed_ms = ?3
    WHERE job = ?1 AND step = ?2 AND state IN ('intent', 'submitted', 'unknown')";

/// A step has ended without a value: what it has open is nobody's any more.
pub(crate) fn leave(write: &Write<'_>, job: JobId, step: &str) -> Result<(), Fault> {
    rows::change(write.sql, LEAVE, params![job.to_string(), step, write.now_ms]).map(drop)
}

fn begin(write: &Write<'_>, lease: Lease, step: &str, terms: &Terms) -> Result<Begun, Fault> {
    check_lease(write.sql, lease)?;
    let job = lease.job.to_string();
    let last = rows::one(write.sql, &last_of_step(), params![job, step], attempt)?;
    let number = match last {
        Some(mut last) if last.state != AttemptState::Failed => {
            if last.state == AttemptState::Intent {
                last.state = AttemptState::Unknown;
                last.changed_ms = write.now_ms;
                rows::change(
                    write.sql,
                    "UPDATE attempts SET state = 'unknown', changed_ms = ?4 WHERE job = ?1 AND step = ?2 AND number = ?3",
                    params![job, step, last.number, write.now_ms],
                )?;
            }
            return Ok(Begun::Before(Box::new(last)));
        }
        Some(failed) => failed.number + 1,
        None => 1,
    };
    spending::check(write, lease.job, terms)?;
    rows::change(
        write.sql,
        "INSERT INTO attempts(job, step, number, provider, state, reserved_micros, began_ms, changed_ms)
             VALUES (?1, ?2, ?3, ?4, 'intent', ?5, ?6, ?6)",
        params![job, step, number, terms.provider, terms.price_micros, write.now_ms],
    )?;
    Ok(Begun::Send(number))
}

fn end(write: &Write<'_>, job: JobId, step: &str, end: &AttemptEnd) -> Result<(), Fault> {
    let none = || Fault::new(Code::NotFound, "end attempt").with("job", job).with("step", step).because("none is open");
    let job = job.to_string();
    let (state, id, cost_micros, fault) = match end {
        AttemptEnd::Submitted(id) => (AttemptState::Submitted, Some(id), None, None),
        AttemptEnd::Done { external_id, cost_micros } => (AttemptState::Done, Some(external_id), *cost_micros, None),
        AttemptEnd::Failed(fault) | AttemptEnd::Wasted(fault) => (AttemptState::Failed, None, None, Some(json(fault)?)),
        AttemptEnd::Unknown(fault) => (AttemptState::Unknown, None, None, Some(json(fault)?)),
    };
    // Only what is over may be another step's.
    let elsewhere = id.filter(|_| state == AttemptState::Done);
    let is_wasted = matches!(end, AttemptEnd::Wasted(_));
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?));
    let open = if is_wasted {
        rows::one(write.sql, STANDING, params![job, step], read)?
    } else {
        rows::one(write.sql, OPEN, params![job, step, elsewhere], read)?
    };
    let Some((step, number)) = open else {
        // A program that ended right after it had written this down says it again.
        let last = rows::one(write.sql, &last_of_step(), params![job, step], attempt)?;
        if last.is_some_and(|last| state == AttemptState::Done && last.state == state && last.external_id.as_ref() == id) {
            return Ok(());
        }
        return Err(none());
    };
    rows::change(
        write.sql,
        "UPDATE attempts SET state = ?4, external_id = coalesce(?5, external_id), fault = ?7, changed_ms = ?8,
             cost_micros = coalesce(?6, cost_micros, CASE WHEN ?9 = 1 AND reserved_micros > 0 THEN reserved_micros END) WHERE job = ?1 AND step = ?2 AND number = ?3",
        params![job, step, number, state.name(), id, cost_micros, fault, write.now_ms, i64::from(is_wasted || state == AttemptState::Done)],
    )
    .map(drop)
}

fn settle(write: &Write<'_>, job: JobId, step: &str, outcome: &AttemptEnd) -> Result<(), Fault> {
    let refuse = |code, reason: &str| Fault::new(code, "settle attempt").with("job", job).with("step", step).because(reason);
    let state = rows::one(write.sql, "SELECT state FROM jobs WHERE id = ?1", [job.to_string()], |row| row.get::<_, String>(0))?;
    let state = state.ok_or_else(|| refuse(Code::NotFound, "there is no such job"))?;
    if !JobState::named(&state).is_some_and(JobState::has_ended) {
        return Err(refuse(Code::InputInvalid, "its job is at work; wait until it has ended, or cancel it"));
    }
    let last = rows::one(write.sql, &last_of_step(), params![job.to_string(), step], attempt)?;
    // Something is over, and its result may be lost all the same.
    if last.is_none_or(|last| !matches!(last.state, AttemptState::NeedsReconcile | AttemptState::Done)) {
        return Err(refuse(Code::NotFound, "nothing of this step needs anybody; `rushes jobs show` lists the steps with how they stand"));
    }
    let again = "UPDATE attempts SET state = 'needs_reconcile' WHERE job = ?1 AND step = ?2 AND state = 'done'";
    rows::change(write.sql, again, params![job.to_string(), step])?;
    end(write, job, step, outcome)
}

#[async_trait]
impl Attempts for SqlStore {
    async fn attempts(&self, job: JobId) -> Result<Vec<Attempt>, Fault> {
        self.read(move |sql| rows::all(sql, &of_job(), [job.to_string()], attempt)).await
    }

    async fn open_attempts(&self) -> Result<Vec<(JobId, String)>, Fault> {
        self.read(|sql| rows::all(sql, ALL_OPEN, NONE, |row| Ok((rows::parsed(row, 0)?, row.get(1)?)))).await
    }

    async fn begin_attempt(&self, lease: Lease, step: &str, terms: &Terms) -> Result<Begun, Fault> {
        let (step, terms) = (step.to_owned(), terms.clone());
        self.write(move |write| begin(write, lease, &step, &terms)).await
    }

    async fn end_attempt(&self, lease: Lease, step: &str, outcome: AttemptEnd) -> Result<(), Fault> {
        let step = step.to_owned();
        self.write(move |write| {
            check_lease(write.sql, lease)?;
            end(write, lease.job, &step, &outcome)
        })
        .await
    }

    async fn settle_attempt(&self, job: JobId, step: &str, outcome: AttemptEnd) -> Result<(), Fault> {
        let step = step.to_owned();
        self.write(move |write| settle(write, job, &step, &outcome)).await
    }

    async fn spent_a_day(&self, since_ms: i64) -> Result<Vec<SpentADay>, Fault> {
        self.days(since_ms).await
    }

    async fn spent_by_job(&self, since_ms: i64, limit: usize) -> Result<Vec<SpentByJob>, Fault> {
        self.dearest(since_ms, limit).await
    }
}

#[cfg(test)]
mod tests;
