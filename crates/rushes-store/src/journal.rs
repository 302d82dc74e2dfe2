//! The journal: what the steps of jobs gave, and the signals they wait for.

use crate::attempts;
use crate::calls;
use crate::events::tell;
use crate::folders;
use crate::jobs::{self, check_lease, load};
use crate::register::{self, Maker};
use crate::rows::{self, STEP, json};
use crate::settle;
use crate::sql::params;
use crate::store::SqlStore;
use crate::upkeep::expire;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::Routes;
use rushes_core::job::{Outcome, StepRow};
use rushes_core::kinds::Slot;
use rushes_core::store::{FailedAttempt, Journal, Lease, StepCommit};
use rushes_core::{Asset, Code, Fault, JobId, Wait};
use serde_json::{Value, json as object};

fn commit(write: &mut Write<'_>, commit: &StepCommit, routes: &Routes) -> Result<Vec<Asset>, Fault> {
    let (root, job) = (check_lease(write.sql, commit.lease)?, commit.lease.job);
    for subject in &commit.subjects {
        register::subject(write, subject)?;
    }
    for subject in &commit.renewed {
        register::renew(write, subject)?;
    }
    // Before the files that lie in them.
    folders::make(write, &commit.folders, root, routes)?;
    let mut made = if commit.assets.is_empty() && commit.shown.is_empty() {
        Vec::new()
    } else {
        let made = register::assets(write, &Maker { job, root, step: &commit.step }, &commit.assets, &commit.shown, routes)?;
        // What there is says which stage the family is in.
        settle::mirror(write, job, &routes.catalogs)?;
        made
    };
    for subject in &commit.renewed {
        // Files of the same subject owe its record as it is now, after their objects.
        let tells = |asset: &Asset| asset.subject == subject.id && !matches!(asset.kind.row().slot, Slot::Row(_) | Slot::Unlisted);
        if !made.iter().any(tells) {
            register::owe_renewed(write, subject, root, &routes.catalogs)?;
        }
    }
    made.extend(expire::take_away(write, &commit.gone, root, &routes.catalogs)?);
    folders::take_away(write, &commit.folders_gone, root, routes)?;
    rows::change(
        write.sql,
        "INSERT INTO steps(job, name, input_hash, outcome, attempts, started_ms, ended_ms, provider) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT(job, name) DO UPDATE SET input_hash = excluded.input_hash, outcome = excluded.outcome, attempts = excluded.attempts, ended_ms = excluded.ended_ms,
             provider = excluded.provider",
        params![job.to_string(), commit.step, commit.input_hash, json(&commit.outcome)?, commit.attempts, commit.started_ms, write.now_ms, commit.provider],
    )?;
    if !matches!(commit.outcome, Outcome::Value(_)) {
        attempts::leave(write, job, &commit.step)?;
    }
    let event_type = match commit.outcome {
        Outcome::Value(_) => "step.done",
        Outcome::Failed(_) => "step.failed",
        Outcome::Cancelled => "step.cancelled",
    };
    let is_reused = commit.assets.iter().any(|file| file.asset.meta["reused_from"].is_string());
    tell(
        write,
        event_type,
        Some(job),
        &object!({"step": commit.step, "reused": is_reused, "attempts": commit.attempts, "provider": commit.provider, "ms": write.now_ms - commit.started_ms}),
    )?;
    Ok(made)
}

pub(crate) fn send_signal(write: &mut Write<'_>, job: JobId, name: &str, value: &Value) -> Result<(), Fault> {
    load(write.sql, job)?;
    rows::change(
        write.sql,
        "INSERT INTO signals(job, name, value, sent_ms) VALUES (?1, ?2, ?3, ?4)",
        params![job.to_string(), name, json(value)?, write.now_ms],
    )?;
    write.wakes.job(job);
    calls::wake(write, job)?;
    tell(write, "job.signal", Some(job), &object!({"name": name}))
}

/// A value that was sent to a name of a job, and that its workflow has not gone on with: none took it, or the step that keeps
/// it is not written down.
pub(crate) const UNHEARD: &str = "SELECT EXISTS (SELECT 1 FROM signals s WHERE s.job = ?1 AND s.name = ?2 AND (s.taken_at IS NULL
    OR NOT EXISTS (SELECT 1 FROM steps t WHERE t.job = s.job AND t.name = 'signal ' || s.name || ' ' || s.taken_at || ' got')))";

fn answer(write: &mut Write<'_>, id: JobId, name: &str, value: &Value) -> Result<(), Fault> {
    let refuse = |reason: String| Err(Fault::new(Code::InputInvalid, "answer job").with("job", id).because(reason));
    let job = load(write.sql, id)?;
    if job.state.has_ended() {
        return refuse(format!("the job has ended: it is {}", job.state.name()));
    }
    if job.waiting_for != Some(Wait::Signal(name.to_owned())) {
        return refuse(format!("it does not wait for {name}"));
    }
    if rows::number(write.sql, UNHEARD, params![id.to_string(), name])? == 1 {
        return refuse("it was answered a moment ago".to_owned());
    }
    send_signal(write, id, name, value)
}

#[async_trait]
impl Journal for SqlStore {
    async fn steps(&self, job: JobId) -> Result<Vec<StepRow>, Fault> {
        self.read(move |sql| {
            rows::all(sql, &format!("SELECT {STEP} FROM steps WHERE job = ?1 ORDER BY seq"), [job.to_string()], rows::step)
        })
        .await
    }

    async fn commit(&self, step: StepCommit) -> Result<Vec<Asset>, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| commit(write, &step, &routes)).await
    }

    async fn attempt_failed(&self, lease: Lease, failed: FailedAttempt) -> Result<(), Fault> {
        let fault = json(&failed.fault)?;
        self.write(move |write| {
            check_lease(write.sql, lease)?;
            rows::change(
                write.sql,
                "INSERT INTO steps(job, name, input_hash, attempts, started_ms, last_fault, provider) VALUES (?1, ?2, '', ?3, ?4, ?5, ?6)
                 ON CONFLICT(job, name) DO UPDATE SET attempts = excluded.attempts, last_fault = excluded.last_fault WHERE steps.outcome IS NULL",
                params![lease.job.to_string(), failed.step, failed.attempts, failed.started_ms, fault, failed.provider],
            )?;
            let data = object!({"step": failed.step, "attempts": failed.attempts, "provider": failed.provider});
            tell(write, "step.attempt_failed", Some(lease.job), &data)
        })
        .await
    }

    async fn waiting(&self, lease: Lease, waiting_for: Option<Wait>) -> Result<(), Fault> {
        self.write(move |write| {
            rows::change(
                write.sql,
                "UPDATE jobs SET waiting_for = ?3, updated_ms = ?4 WHERE id = ?1 AND fence = ?2",
                params![lease.job.to_string(), lease.fence, waiting_for.as_ref().map(Wait::to_string), write.now_ms],
            )?;
            match &waiting_for {
                Some(what) => tell(write, "job.waiting", Some(lease.job), &object!({"for": what})),
                None => Ok(()),
            }
        })
        .await
    }

    async fn give_up(&self, lease: Lease, fault: &Fault) -> Result<(), Fault> {
        let (fault, routes) = (fault.clone(), self.routes.clone());
        self.write(move |write| jobs::give_up(write, lease, &fault, &routes)).await
    }

    async fn send_signal(&self, job: JobId, name: &str, value: Value) -> Result<(), Fault> {
        let name = name.to_owned();
        self.write(move |write| send_signal(write, job, &name, &value)).await
    }

    async fn answer(&self, job: JobId, name: &str, value: Value) -> Result<(), Fault> {
        let name = name.to_owned();
        self.write(move |write| answer(write, job, &name, &value)).await
    }

    async fn take_signal(&self, lease: Lease, name: &str, at: &str) -> Result<Option<Value>, Fault> {
        let (name, at) = (name.to_owned(), at.to_owned());
        // Most looks find nothing: those write nothing.
        let look = [lease.job.to_string(), name.clone(), at.clone()];
        let is_there = self
            .read(move |sql| {
                rows::number(
                    sql,
                    "SELECT EXISTS (SELECT 1 FROM signals WHERE job = ?1 AND name = ?2 AND (taken_at IS NULL OR taken_at = ?3))",
                    params![look[0], look[1], look[2]],
                )
            })
            .await?;
        if is_there == 0 {
            return Ok(None);
        }
        self.write(move |write| {
            check_lease(write.sql, lease)?;
            let job = lease.job.to_string();
            rows::change(
                write.sql,
                "UPDATE signals SET taken_at = ?3 WHERE seq = (SELECT min(seq) FROM signals WHERE job = ?1 AND name = ?2 AND taken_at IS NULL)
                 AND NOT EXISTS (SELECT 1 FROM signals WHERE job = ?1 AND name = ?2 AND taken_at = ?3)",
                params![job, name, at],
            )?;
            let text = rows::one(write.sql, "SELECT value FROM signals WHERE job = ?1 AND name = ?2 AND taken_at = ?3", params![job, name, at], |row| row.get::<_, String>(0))?;
            text.map(|text| serde_json::from_str(&text).map_err(|e| Fault::new(Code::StoreFailed, "read signal").because(e))).transpose()
        })
        .await
    }
}
