//! Work that workers lease. A lease is a token: what is said under another than the newest changes nothing.

use crate::calls;
use crate::events::tell;
use crate::journal::send_signal;
use crate::rows::{self, json};
use crate::sql::{Read, Row, Sql, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::store::Works;
use rushes_core::work::{BEGUN_MAX, Handed, LeasedWork, NewWork, NewWorker, Order, SIGNAL, WaitingWork, Worker};
use rushes_core::{Code, Fault, JobId};
use serde_json::json as object;
use std::collections::BTreeSet;
use uuid::Uuid;

/// How long a lease lasts unless it is renewed.
const LEASE_MS: i64 = 30_000;
/// Workers that were not heard of for so long are not shown.
const SEEN_MS: i64 = 24 * 60 * 60 * 1_000;
/// Work that nobody takes fails after this long, so that somebody hears of it.
const PATIENCE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Work that can be leased now, the oldest first: of jobs that run and are not being cancelled.
pub(crate) const WAITING: &str = "SELECT w.job, w.family, w.since_ms, w.labels FROM work w JOIN jobs j ON j.id = w.job
    WHERE w.state IN ('waiting', 'leased') AND (w.state = 'waiting' AND w.not_before_ms <= ?1 OR w.state = 'leased' AND w.lease_until_ms < ?1)
    AND j.state IN ('queued', 'running') AND j.cancel = 0 ORDER BY w.since_ms, w.job LIMIT ?2";
/// The work of a lease.
pub(crate) const OF_TOKEN: &str = "SELECT job, family, offer, files, lease_until_ms FROM work WHERE state = 'leased' AND token = ?1";
const FILES: &str = "SELECT idx FROM work_files WHERE job = ?1 ORDER BY idx";
/// Looked through for what a worker may take, at most.
const LOOK_AT: u32 = 1_000;

fn lost(operation: &'static str) -> Fault {
    Fault::new(Code::LeaseLost, operation).because("another worker has this work now, or nobody wants it any more")
}

fn worker(sql: &Sql<'_>, name: &str) -> Result<Option<Worker>, Fault> {
    rows::one(sql, &format!("{WORKERS} WHERE name = ?1"), [name], worker_of)
}

const WORKERS: &str =
    "SELECT made, seen_ms, draining, (SELECT min(w.job) FROM work w WHERE w.state = 'leased' AND w.worker = workers.name),
    (SELECT min(w.percent) FROM work w WHERE w.state = 'leased' AND w.worker = workers.name) FROM workers";

fn worker_of(row: &Row<'_>) -> Read<Worker> {
    let percent: Option<i64> = row.get(4)?;
    #[expect(clippy::cast_precision_loss, reason = "0 to 100")]
    let share = percent.map(|percent| percent as f32 / 100.0);
    let is_draining = row.get::<_, i64>(2)? != 0;
    Ok(Worker { made: rows::from_json(row, 0)?, seen_ms: row.get(1)?, job: rows::parsed_or_none(row, 3)?, share, is_draining })
}

/// What a worker may take: its family is among the worker's, and all its labels are.
fn is_for(worker: &NewWorker, family: &str, labels: &[String]) -> bool {
    worker.families.iter().any(|own| own == family) && labels.iter().all(|label| worker.labels.contains(label))
}

fn unknown(name: &str) -> Fault {
    Fault::new(Code::NotFound, "look up worker").with("worker", name).because("no worker of that name was heard of")
}

fn have(sql: &Sql<'_>, job: &str) -> Result<Vec<u32>, Fault> {
    rows::all(sql, FILES, [job], |row| row.get(0))
}

/// Work whose lease this is, and how many files it has.
fn leased(sql: &Sql<'_>, token: Uuid) -> Result<Option<(LeasedWork, u32)>, Fault> {
    let read = |row: &Row<'_>| {
        let order: Order = rows::from_json(row, 2)?;
        let work = LeasedWork {
            job: rows::parsed(row, 0)?,
            token: Uuid::nil(),
            until_ms: row.get(4)?,
            family: row.get(1)?,
            order,
            have: Vec::new(),
        };
        Ok((work, row.get::<_, u32>(3)?))
    };
    let Some((work, files)) = rows::one(sql, OF_TOKEN, [token.to_string()], read)? else { return Ok(None) };
    let have = have(sql, &work.job.to_string())?;
    Ok(Some((LeasedWork { token, have, ..work }, files)))
}

/// Something happened that the job must look at.
fn wake(write: &mut Write<'_>, job: JobId, what: &'static str) -> Result<(), Fault> {
    send_signal(write, job, SIGNAL, &object!(what))
}

fn fail(write: &mut Write<'_>, job: JobId, fault: &Fault) -> Result<(), Fault> {
    let failed = "UPDATE work SET state = 'failed', token = NULL, fault = ?2, told = 0, changed_ms = ?3 WHERE job = ?1";
    rows::change(write.sql, failed, params![job.to_string(), json(fault)?, write.now_ms])?;
    wake(write, job, "failed")
}

/// Has it wait for a worker, from `not_before_ms` on.
fn offer_again(write: &mut Write<'_>, job: JobId, not_before_ms: i64) -> Result<(), Fault> {
    let waits = "UPDATE work SET state = 'waiting', token = NULL, worker = NULL, lease_until_ms = NULL, percent = NULL, not_before_ms = ?2, changed_ms = ?3 WHERE job = ?1";
    rows::change(write.sql, waits, params![job.to_string(), not_before_ms, write.now_ms])?;
    // Whoever waits for work looks again.
    write.wakes.jobs = true;
    Ok(())
}

fn offer(write: &mut Write<'_>, job: JobId, work: &NewWork) -> Result<(), Fault> {
    let offered = rows::change(
        write.sql,
        "INSERT INTO work(job, family, labels, offer, files, state, not_before_ms, since_ms, changed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', 0, ?6, ?6) ON CONFLICT DO NOTHING",
        params![job.to_string(), work.family, json(&work.labels)?, json(&work.order)?, work.order.seeds.len() as i64, write.now_ms],
    )?;
    if offered == 0 {
        return Ok(());
    }
    write.wakes.jobs = true;
    tell(write, "work.offered", Some(job), &object!({"family": work.family, "files": work.order.seeds.len()}))
}

fn go_on(write: &mut Write<'_>, job: JobId) -> Result<Option<Fault>, Fault> {
    let query = "SELECT state, told, fault, since_ms, family FROM work WHERE job = ?1";
    let read = |row: &Row<'_>| {
        let fault: Option<Fault> = rows::from_json_or_none(row, 2)?;
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, fault, row.get::<_, i64>(3)?, row.get::<_, String>(4)?))
    };
    let Some((state, told, fault, since_ms, family)) = rows::one(write.sql, query, [job.to_string()], read)? else {
        return Err(Fault::new(Code::NotFound, "go on with work").with("job", job));
    };
    let nobody = || {
        let reason = format!("nobody took it within a day; it needs a worker that has {family} (`rushes worker`)");
        Fault::new(Code::WorkerMissing, "wait for worker").because(reason)
    };
    let why = match state.as_str() {
        "failed" => fault.unwrap_or_else(nobody),
        "waiting" if write.now_ms - since_ms > PATIENCE_MS => nobody(),
        _ => return Ok(None),
    };
    if told == 0 {
        rows::change(write.sql, "UPDATE work SET told = 1, changed_ms = ?2 WHERE job = ?1", params![job.to_string(), write.now_ms])?;
        return Ok(Some(why));
    }
    let anew = "UPDATE work SET told = 0, begun = 0, since_ms = ?2, fault = NULL WHERE job = ?1";
    rows::change(write.sql, anew, params![job.to_string(), write.now_ms])?;
    offer_again(write, job, 0)?;
    Ok(None)
}

/// None where it cannot be had.
fn lease(write: &mut Write<'_>, name: &str, job: JobId) -> Result<Option<LeasedWork>, Fault> {
    let Some(worker) = worker(write.sql, name)? else { return Err(unknown(name)) };
    let text = job.to_string();
    let query = "SELECT w.family, w.labels, w.begun FROM work w JOIN jobs j ON j.id = w.job WHERE w.job = ?1
        AND (w.state = 'waiting' AND w.not_before_ms <= ?2 OR w.state = 'leased' AND w.lease_until_ms < ?2)
        AND j.state IN ('queued', 'running') AND j.cancel = 0";
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, rows::from_json::<Vec<String>>(row, 1)?, row.get::<_, u32>(2)?));
    let Some((family, labels, begun)) = rows::one(write.sql, query, params![text, write.now_ms], read)? else { return Ok(None) };
    if !is_for(&worker.made, &family, &labels) || worker.is_draining {
        return Ok(None);
    }
    if begun >= BEGUN_MAX {
        let reason = format!("it was begun {begun} times, and its workers were lost or gave up each time");
        fail(write, job, &Fault::new(Code::WorkerLost, "lease work").with("family", family).because(reason))?;
        return Ok(None);
    }
    let token = write.clock.new_id();
    let taken = "UPDATE work SET state = 'leased', worker = ?2, token = ?3, lease_until_ms = ?4, begun = begun + 1, percent = 0, changed_ms = ?5 WHERE job = ?1";
    rows::change(write.sql, taken, params![text, name, token.to_string(), write.now_ms + LEASE_MS, write.now_ms])?;
    tell(write, "work.leased", Some(job), &object!({"worker": name, "begun": begun + 1}))?;
    Ok(leased(write.sql, token)?.map(|(work, _)| work))
}

fn renew(write: &mut Write<'_>, token: Uuid, share: Option<f32>) -> Result<bool, Fault> {
    let Some((work, _)) = leased(write.sql, token)? else { return Err(lost("renew lease")) };
    #[expect(clippy::cast_possible_truncation, reason = "0 to 100")]
    let percent = share.map(|share| (share.clamp(0.0, 1.0) * 100.0).round() as i64);
    let renewed = "UPDATE work SET lease_until_ms = ?2, percent = coalesce(?3, percent), changed_ms = ?4 WHERE job = ?1";
    rows::change(write.sql, renewed, params![work.job.to_string(), write.now_ms + LEASE_MS, percent, write.now_ms])?;
    let seen = "UPDATE workers SET seen_ms = ?2 WHERE name = (SELECT worker FROM work WHERE job = ?1)";
    rows::change(write.sql, seen, params![work.job.to_string(), write.now_ms])?;
    let wanted = "SELECT count(*) FROM jobs WHERE id = ?1 AND state IN ('queued', 'running') AND cancel = 0";
    Ok(rows::number(write.sql, wanted, [work.job.to_string()])? == 1)
}

fn hand_in(write: &mut Write<'_>, token: Uuid, handed: &Handed) -> Result<(), Fault> {
    let Some((work, files)) = leased(write.sql, token)? else { return Err(lost("hand in file")) };
    if handed.index >= files {
        let reason = format!("the job has {files} files, counted from 0");
        return Err(Fault::new(Code::InputInvalid, "hand in file").with("index", handed.index).because(reason));
    }
    let noted = rows::change(
        write.sql,
        "INSERT INTO work_files(job, idx, sha256, handed) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![work.job.to_string(), handed.index, handed.blob().sha256, json(handed)?],
    )?;
    if noted == 1 { wake(write, work.job, "file") } else { Ok(()) }
}

fn complete(write: &mut Write<'_>, token: Uuid) -> Result<(), Fault> {
    let Some((work, files)) = leased(write.sql, token)? else { return Err(lost("complete work")) };
    let have: BTreeSet<u32> = work.have.iter().copied().collect();
    let missing: Vec<u32> = (0..files).filter(|index| !have.contains(index)).collect();
    if !missing.is_empty() {
        return Err(Fault::new(Code::InputInvalid, "complete work").because(format!("files {missing:?} were not handed in")));
    }
    let done = "UPDATE work SET state = 'done', token = NULL, percent = NULL, changed_ms = ?2 WHERE job = ?1";
    rows::change(write.sql, done, params![work.job.to_string(), write.now_ms])?;
    calls::wake(write, work.job)
}

fn give_back(write: &mut Write<'_>, token: Uuid, fault: &Fault, is_given_back: bool) -> Result<(), Fault> {
    let Some((work, _)) = leased(write.sql, token)? else { return Err(lost("give work back")) };
    let told = object!({"family": work.family, "fault": fault, "given_back": is_given_back});
    tell(write, "work.given_back", Some(work.job), &told)?;
    if is_given_back {
        let less = "UPDATE work SET begun = begun - 1 WHERE job = ?1 AND begun > 0";
        rows::change(write.sql, less, [work.job.to_string()])?;
        return offer_again(write, work.job, 0);
    }
    let query = "SELECT begun FROM work WHERE job = ?1";
    let begun = rows::number(write.sql, query, [work.job.to_string()])?;
    if !fault.is_transient() || begun >= i64::from(BEGUN_MAX) {
        return fail(write, work.job, fault);
    }
    let wait_ms = fault.retry_after_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    offer_again(write, work.job, write.now_ms.saturating_add(wait_ms))
}

#[async_trait]
impl Works for SqlStore {
    async fn offer_work(&self, job: JobId, work: NewWork) -> Result<(), Fault> {
        self.write(move |write| offer(write, job, &work)).await
    }

    async fn go_on_with_work(&self, job: JobId) -> Result<(), Fault> {
        self.write(move |write| go_on(write, job)).await?.map_or(Ok(()), Err)
    }

    async fn handed_in(&self, job: JobId, index: u32) -> Result<Option<Handed>, Fault> {
        let query = "SELECT handed FROM work_files WHERE job = ?1 AND idx = ?2";
        self.read(move |sql| rows::one(sql, query, params![job.to_string(), index], |row| rows::from_json(row, 0))).await
    }

    async fn handed_in_is_lost(&self, job: JobId, index: u32) -> Result<(), Fault> {
        self.write(move |write| {
            let gone = "DELETE FROM work_files WHERE job = ?1 AND idx = ?2";
            rows::change(write.sql, gone, params![job.to_string(), index])?;
            // Whoever is at work on it has it made already, and would not make it again.
            offer_again(write, job, 0)
        })
        .await
    }

    async fn note_worker(&self, worker_: NewWorker) -> Result<Worker, Fault> {
        self.write(move |write| {
            let noted = "INSERT INTO workers(name, made, seen_ms) VALUES (?1, ?2, ?3)
                ON CONFLICT(name) DO UPDATE SET made = excluded.made, seen_ms = excluded.seen_ms";
            rows::change(write.sql, noted, params![worker_.name, json(&worker_)?, write.now_ms])?;
            worker(write.sql, &worker_.name)?.ok_or_else(|| unknown(&worker_.name))
        })
        .await
    }

    async fn drain_worker(&self, name: &str, is_draining: bool) -> Result<Worker, Fault> {
        let name = name.to_owned();
        self.write(move |write| {
            let told = "UPDATE workers SET draining = ?2 WHERE name = ?1";
            rows::change(write.sql, told, params![name, i64::from(is_draining)])?;
            write.wakes.jobs = true;
            worker(write.sql, &name)?.ok_or_else(|| unknown(&name))
        })
        .await
    }

    async fn workers(&self) -> Result<Vec<Worker>, Fault> {
        let since_ms = self.clock.now_ms() - SEEN_MS;
        self.read(move |sql| rows::all(sql, &format!("{WORKERS} WHERE seen_ms >= ?1 ORDER BY name"), params![since_ms], worker_of)).await
    }

    async fn waiting_work(&self, name: &str, limit: u32) -> Result<Vec<WaitingWork>, Fault> {
        let (name, now_ms) = (name.to_owned(), self.clock.now_ms());
        self.read(move |sql| {
            let worker = worker(sql, &name)?.ok_or_else(|| unknown(&name))?;
            if worker.is_draining {
                return Ok(Vec::new());
            }
            let read = |row: &Row<'_>| {
                let waiting = WaitingWork { job: rows::parsed(row, 0)?, family: row.get(1)?, since_ms: row.get(2)? };
                Ok((waiting, rows::from_json::<Vec<String>>(row, 3)?))
            };
            let found = rows::all(sql, WAITING, params![now_ms, LOOK_AT], read)?;
            let fits = found.into_iter().filter(|(waiting, labels)| is_for(&worker.made, &waiting.family, labels));
            Ok(fits.map(|(waiting, _)| waiting).take(limit as usize).collect())
        })
        .await
    }

    async fn lease_work(&self, worker: &str, job: JobId) -> Result<LeasedWork, Fault> {
        let name = worker.to_owned();
        let taken = || Fault::new(Code::JobTaken, "lease work").with("job", job).because("another worker has it, or nobody wants it now");
        self.write(move |write| lease(write, &name, job)).await?.ok_or_else(taken)
    }

    async fn renew_work(&self, token: Uuid, share: Option<f32>) -> Result<bool, Fault> {
        self.write(move |write| renew(write, token, share)).await
    }

    async fn leased_work(&self, token: Uuid) -> Result<LeasedWork, Fault> {
        let found = self.read(move |sql| leased(sql, token)).await?;
        found.map(|(work, _)| work).ok_or_else(|| lost("look up lease"))
    }

    async fn hand_in(&self, token: Uuid, handed: Handed) -> Result<(), Fault> {
        self.write(move |write| hand_in(write, token, &handed)).await
    }

    async fn complete_work(&self, token: Uuid) -> Result<(), Fault> {
        self.write(move |write| complete(write, token)).await
    }

    async fn fail_work(&self, token: Uuid, fault: &Fault, is_given_back: bool) -> Result<(), Fault> {
        let fault = fault.clone();
        self.write(move |write| give_back(write, token, &fault, is_given_back)).await
    }

    async fn forget_work(&self, before_ms: i64, limit: u32) -> Result<u64, Fault> {
        self.write(move |write| {
            let query = "SELECT job FROM work WHERE changed_ms < ?1 ORDER BY changed_ms LIMIT ?2";
            let old = rows::all(write.sql, query, params![before_ms, limit], |row| row.get::<_, String>(0))?;
            for job in &old {
                rows::change(write.sql, "DELETE FROM work_files WHERE job = ?1", [job])?;
                rows::change(write.sql, "DELETE FROM work WHERE job = ?1", [job])?;
            }
            Ok(old.len() as u64)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
