//! Jobs: making, claiming, ending, cancelling, listing.

use crate::calls;
use crate::events::tell;
use crate::keys::REPLY_KEPT_MS;
use crate::messages;
use crate::rows::{self, JOB, json};
use crate::settle;
use crate::snapshot;
use crate::sql::value::NONE;
use crate::sql::{Sql, params};
use crate::store::SqlStore;
use crate::versions::Versions;
use crate::which::Which;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::{CatalogRoute, Routes};
use rushes_core::job::{Job, JobState, NewJob};
use rushes_core::store::{Claim, Family, JobFilter, Jobs, Lease, Room};
use rushes_core::{Code, Fault, JobId};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// Gives every job of this engine a further while.
pub(crate) const RENEW_LEASES: &str = "UPDATE jobs SET lease_until_ms = ?1 WHERE owner = ?2 AND state = 'running'";

pub(crate) fn load(sql: &Sql<'_>, id: JobId) -> Result<Job, Fault> {
    rows::one(sql, &format!("SELECT {JOB} FROM jobs WHERE id = ?1"), [id.to_string()], rows::job)?
        .ok_or_else(|| Fault::new(Code::NotFound, "look up job").with("job", id))
}

/// Refuses to go on when another engine has claimed the job since; gives the topmost job of its family.
pub(crate) fn check_lease(sql: &Sql<'_>, lease: Lease) -> Result<JobId, Fault> {
    let held = "SELECT root FROM jobs WHERE id = ?1 AND fence = ?2 AND state = 'running'";
    rows::one(sql, held, params![lease.job.to_string(), lease.fence], |row| rows::parsed(row, 0))?
        .ok_or_else(|| Fault::new(Code::LeaseLost, "write for job").with("job", lease.job))
}

pub(crate) fn create(write: &mut Write<'_>, job: &NewJob, catalogs: &[CatalogRoute]) -> Result<Job, Fault> {
    let (parent, name) = match &job.parent {
        Some((parent, name)) => (Some(parent.to_string()), Some(name.clone())),
        None => (None, None),
    };
    // A caller's key counts for as long as its answer is kept; then it is free for another request.
    if !job.asked.counts_for_good() {
        rows::change(
            write.sql,
            "UPDATE jobs SET idem_key = NULL WHERE idem_key = ?1 AND created_ms < ?2",
            params![job.asked.idem_key, write.now_ms - REPLY_KEPT_MS],
        )?;
    }
    let made = rows::change(
        write.sql,
        "INSERT INTO jobs(id, workflow, version, input, input_hash, state, parent, child_name, root, collection, created_ms, updated_ms, by_key, idem_key, webhook_url, in_turn, home)
         VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT DO NOTHING",
        params![
            job.id.to_string(),
            job.workflow,
            job.version,
            json(&job.input)?,
            job.input_hash,
            parent,
            name,
            job.root.to_string(),
            job.collection,
            write.now_ms,
            job.asked.key,
            job.asked.idem_key,
            job.asked.webhook_url,
            job.in_turn,
            job.home,
        ],
    )?;
    if made == 0 {
        let existing = rows::one(
            write.sql,
            &format!("SELECT {JOB} FROM jobs WHERE parent = ?1 AND child_name = ?2 UNION ALL SELECT {JOB} FROM jobs WHERE idem_key = ?3"),
            params![parent, name, job.asked.idem_key],
            rows::job,
        )?;
        return existing.ok_or_else(|| Fault::new(Code::StoreFailed, "create job").with("job", job.id));
    }
    // Made by a parent that was cancelled a moment ago: it never begins.
    rows::change(
        write.sql,
        "UPDATE jobs SET state = 'cancelled', cancel = 1, ended_ms = ?2 WHERE id = ?1 AND (SELECT p.cancel FROM jobs p WHERE p.id = jobs.parent) = 1",
        params![job.id.to_string(), write.now_ms],
    )?;
    (write.wakes.jobs, write.wakes.queued) = (true, true);
    tell(write, "job.queued", Some(job.id), &object!({"workflow": job.workflow, "parent": parent}))?;
    settle::mirror(write, job.id, catalogs)?;
    load(write.sql, job.id)
}

/// The newest topmost job of this workflow and input that is unfinished, or was so at a time.
pub(crate) fn equal_unfinished() -> String {
    format!(
        "SELECT {JOB} FROM jobs INDEXED BY jobs_by_input WHERE workflow = ?1 AND input_hash = ?2 AND parent IS NULL AND cancel = 0
             AND (state IN ('queued', 'running', 'delivering') OR ended_ms >= ?3) ORDER BY created_ms DESC, id DESC LIMIT 1"
    )
}

fn create_or_join(write: &mut Write<'_>, job: &NewJob, since_ms: i64, catalogs: &[CatalogRoute]) -> Result<(Job, bool), Fault> {
    match rows::one(write.sql, &equal_unfinished(), params![job.workflow, job.input_hash, since_ms], rows::job)? {
        Some(there) => Ok((there, false)),
        None => Ok((create(write, job, catalogs)?, true)),
    }
}

/// A job that this node may have, by the numbers of two parameters: itself, and whether it looks only for those that work on
/// its own files. What is to be stopped any node may stop.
fn ours(node: u8, own_only: u8) -> String {
    format!("(home = ?{node} OR ?{own_only} = 0 AND (home IS NULL OR cancel = 1))")
}

/// Running jobs of nobody, and of others whose lease is over: one range of the index each. In any order: all of them are
/// taken back, one look after the other, whether or not it is their turn.
pub(crate) fn abandoned(versions: &Versions) -> String {
    let of = |owner: &str| {
        let (ours, fit) = (ours(4, 5), versions.fit(1));
        format!("SELECT id, in_turn FROM jobs WHERE state = 'running' AND owner {owner} AND lease_until_ms < ?1 AND {ours} AND {fit}")
    };
    format!("{} UNION ALL {} UNION ALL {} LIMIT ?3", of("IS NULL"), of("< ?2"), of("> ?2"))
}

/// Those that need no turn, and those that wait for theirs; the oldest first. What is expected of a job that waits counts
/// what goes before it: whoever changes this order changes `before` in the engine's `estimate.rs`.
pub(crate) fn queued(versions: &Versions) -> [String; 2] {
    [0, 1].map(|in_turn| {
        let (ours, fit) = (ours(2, 3), versions.fit(4));
        format!("SELECT id FROM jobs WHERE state = 'queued' AND in_turn = {in_turn} AND {ours} AND {fit} ORDER BY created_ms, id LIMIT ?1")
    })
}

/// Who takes jobs up.
struct Taker<'a> {
    owner: &'a str,
    node: Option<&'a str>,
    versions: &'a Versions,
}

/// What may be taken up: what was begun before goes first, then what needs no turn (children of any job, and short jobs), then
/// those whose turn it is.
fn free(write: &Write<'_>, taker: &Taker<'_>, room: Room) -> Result<Vec<JobId>, Fault> {
    let Taker { owner, node, versions } = *taker;
    let begun = rows::all(write.sql, &abandoned(versions), params![write.now_ms, owner, room.all, node, room.own_files_only], |row| {
        Ok((rows::parsed::<JobId>(row, 0)?, row.get::<_, bool>(1)?))
    })?;
    let in_turn = begun.iter().filter(|(_, in_turn)| *in_turn).count();
    let mut free: Vec<JobId> = begun.into_iter().map(|(id, _)| id).collect();
    let rest = |bound: u32, taken: usize| bound.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
    let [at_once, waiting] = queued(versions);
    for (which, bound) in [(at_once, u32::MAX), (waiting, rest(room.in_turn, in_turn))] {
        let left = rest(room.all, free.len()).min(bound);
        let params = params![left, node, room.own_files_only, write.now_ms];
        free.extend(rows::all(write.sql, &which, params, |row| rows::parsed::<JobId>(row, 0))?);
    }
    Ok(free)
}

fn claim(write: &mut Write<'_>, taker: &Taker<'_>, room: Room, catalogs: &[CatalogRoute]) -> Result<Vec<Claim>, Fault> {
    let free = free(write, taker, room)?;
    let mut claims = Vec::with_capacity(free.len());
    for id in free {
        claims.extend(take_up(write, taker, id, catalogs)?);
    }
    Ok(claims)
}

/// Gives this job to this taker, who knows that it may be had.
fn take_up(write: &mut Write<'_>, taker: &Taker<'_>, id: JobId, catalogs: &[CatalogRoute]) -> Result<Option<Claim>, Fault> {
    let claimed = rows::one(
        write.sql,
        &format!(
            // What somebody is asked may be answered while the job comes to its question again.
            "UPDATE jobs SET state = 'running', waiting_for = iif(substr(waiting_for, 1, 7) = 'signal ', waiting_for, NULL), owner = ?2, fence = fence + 1, lease_until_ms = ?3, tries = tries + 1, updated_ms = ?4,
                 wake_at_ms = 0, started_ms = coalesce(started_ms, ?4), version = {} WHERE id = ?1 RETURNING {JOB}, fence, in_turn",
            taker.versions.begun()
        ),
        params![id.to_string(), taker.owner, write.now_ms + write.lease_ms, write.now_ms],
        |row| Ok((rows::job(row)?, row.get::<_, i64>("fence")?, row.get::<_, bool>("in_turn")?)),
    )?;
    let Some((job, fence, in_turn)) = claimed else { return Ok(None) };
    tell(write, "job.started", Some(id), &object!({"workflow": job.workflow, "tries": job.tries}))?;
    settle::mirror(write, id, catalogs)?;
    Ok(Some(Claim { job, lease: Lease { job: id, fence }, in_turn }))
}

/// Own leases are renewed for as long as the engine lives: one of them that is over is so for a moment only.
fn may_be_had(versions: &Versions) -> String {
    let open = "state = 'queued' OR state = 'running' AND lease_until_ms < ?2 AND (owner IS NULL OR owner <> ?3)";
    format!("SELECT count(*) FROM jobs WHERE id = ?1 AND ({open}) AND {} AND {}", ours(4, 5), versions.fit(2))
}

fn claim_one(write: &mut Write<'_>, taker: &Taker<'_>, id: JobId, catalogs: &[CatalogRoute]) -> Result<Option<Claim>, Fault> {
    let params = params![id.to_string(), write.now_ms, taker.owner, taker.node, false];
    let may_be_had = rows::number(write.sql, &may_be_had(taker.versions), params)? > 0;
    if may_be_had { take_up(write, taker, id, catalogs) } else { Ok(None) }
}

/// The fence goes up: what a body that has not yet noticed writes after this is refused.
fn release(write: &mut Write<'_>, lease: Lease) -> Result<(), Fault> {
    check_lease(write.sql, lease)?;
    rows::change(
        write.sql,
        "UPDATE jobs SET owner = NULL, lease_until_ms = 0, fence = fence + 1, updated_ms = ?2 WHERE id = ?1",
        params![lease.job.to_string(), write.now_ms],
    )?;
    (write.wakes.jobs, write.wakes.queued) = (true, true);
    Ok(())
}

fn finish(write: &mut Write<'_>, lease: Lease, end: Option<&Result<Value, Fault>>, routes: &Routes) -> Result<Job, Fault> {
    let root = check_lease(write.sql, lease)?;
    let (state, value, fault) = match end {
        Some(Ok(value)) => (JobState::Delivering, Some(json(value)?), None),
        Some(Err(fault)) => (JobState::Failed, None, Some(json(fault)?)),
        None => match given_up(write.sql, lease.job)? {
            Some(fault) => (JobState::Failed, None, Some(fault)),
            None => (JobState::Cancelled, None, None),
        },
    };
    let ended_ms = state.has_ended().then_some(write.now_ms);
    // Who was told that it is cancelled finds it so, though it came to its end meanwhile; what it made is kept. A child that is
    // made is made, and who was stopped for its time and ended well after all has ended well.
    let is_stopped = "?2 = 'delivering' AND cancel = 1 AND parent IS NULL AND fault IS NULL";
    let end = format!(
        "UPDATE jobs SET state = iif({is_stopped}, 'cancelled', ?2), value = iif({is_stopped}, NULL, ?3), fault = ?4, waiting_for = NULL,
             owner = NULL, wake_at_ms = ?7, updated_ms = ?5, ended_ms = iif({is_stopped}, ?5, ?6) WHERE id = ?1 RETURNING {JOB}"
    );
    let params = params![lease.job.to_string(), state.name(), value, fault, write.now_ms, ended_ms, write.now_ms + calls::DELIVERS_MS];
    let job = rows::one(write.sql, &end, params, rows::job)?;
    write.wakes.job(lease.job);
    if job.as_ref().is_some_and(|job| job.parent.is_some()) {
        calls::wake_parent(write, lease.job)?;
    }
    let state = job.as_ref().map_or(state, |job| job.state);
    tell(write, &format!("job.{}", state.name()), Some(lease.job), &object!({}))?;
    if let Some(job) = job.filter(|_| state.has_ended()) {
        messages::owe_end(write, &job, routes)?;
    }
    settle::mirror(write, lease.job, &routes.catalogs)?;
    settle::settle(write, root, routes)?;
    load(write.sql, lease.job)
}

/// Why a job that was asked to stop ends failed, where it was not somebody's wish; as JSON.
fn given_up(sql: &Sql<'_>, id: JobId) -> Result<Option<String>, Fault> {
    Ok(rows::one(sql, "SELECT fault FROM jobs WHERE id = ?1", [id.to_string()], |row| row.get::<_, Option<String>>(0))?.flatten())
}

/// Has a running job end failed once it has stopped, and asks it to.
pub(crate) fn give_up(write: &mut Write<'_>, lease: Lease, fault: &Fault, routes: &Routes) -> Result<(), Fault> {
    check_lease(write.sql, lease)?;
    let noted =
        rows::change(write.sql, "UPDATE jobs SET fault = ?2 WHERE id = ?1 AND cancel = 0", params![lease.job.to_string(), json(fault)?])?;
    if noted > 0 { ask_to_stop(write, lease.job, routes) } else { Ok(()) }
}

pub(crate) fn cancel_family() -> String {
    let family = "WITH RECURSIVE family(id) AS (SELECT id FROM jobs WHERE id = ?1 UNION ALL SELECT jobs.id FROM jobs JOIN family ON jobs.parent = family.id)";
    format!(
        "{family} UPDATE jobs SET cancel = 1, updated_ms = ?2, ended_ms = CASE WHEN state IN ('queued', 'delivering') THEN ?2 ELSE ended_ms END, state = CASE WHEN state IN ('queued', 'delivering') THEN 'cancelled' ELSE state END WHERE id IN (SELECT id FROM family) AND (state IN ('queued', 'running') OR id = ?1 AND state = 'delivering') RETURNING id, state = 'cancelled'"
    )
}

fn cancel(write: &mut Write<'_>, id: JobId, routes: &Routes) -> Result<Job, Fault> {
    let job = load(write.sql, id)?;
    if job.state.has_ended() {
        return Err(Fault::new(Code::InputInvalid, "cancel job")
            .with("job", id)
            .because(format!("it has already {}", ended_word(job.state))));
    }
    ask_to_stop(write, id, routes)?;
    load(write.sql, id)
}

fn ask_to_stop(write: &mut Write<'_>, id: JobId, routes: &Routes) -> Result<(), Fault> {
    // A queued job has nobody to notice the flag, so it ends here; so does one whose workflow has ended and only delivers.
    // Its children that have made what they should stay made: they end with the family.
    let asked = rows::all(write.sql, &cancel_family(), params![id.to_string(), write.now_ms], |row| {
        Ok((rows::parsed::<JobId>(row, 0)?, row.get::<_, bool>(1)?))
    })?;
    write.wakes.jobs = true;
    tell(write, "job.cancel_asked", Some(id), &object!({}))?;
    for (job, has_ended) in asked {
        write.wakes.job(job);
        calls::wake(write, job)?;
        calls::wake_parent(write, job)?;
        if has_ended {
            tell(write, "job.cancelled", Some(job), &object!({}))?;
        }
    }
    // Nothing comes of it while the job still runs: its end is its driver's.
    let job = load(write.sql, id)?;
    messages::owe_end(write, &job, routes)?;
    settle::mirror(write, id, &routes.catalogs)
}

/// Which jobs a filter asks for; `:at` is when the one it goes on from was made.
pub(crate) fn which(filter: &JobFilter) -> Which {
    let mut which = Which::default();
    which.value(":limit", filter.limit);
    which.and(match (filter.cancel_asked, filter.choosing) {
        (true, _) => "cancel = 1 AND state = 'running'",
        // The very words of the index.
        (_, true) => "state = 'running' AND substr(waiting_for, 1, 14) = 'signal choose '",
        _ => "parent IS NULL",
    });
    which.only("state = :state", ":state", filter.state.map(JobState::name));
    let (workflow, input_hash) = filter.same_as.clone().unzip();
    which.only("workflow = :workflow", ":workflow", workflow.or_else(|| filter.workflow.clone()));
    which.only("input_hash = :input_hash", ":input_hash", input_hash);
    which.only("(created_ms, id) < (:at, :after)", ":after", filter.after.map(|id| id.to_string()));
    which
}

/// Each sort of question has its own index, by name: left to itself the database would rather put all topmost jobs in order.
pub(crate) fn list_of(filter: &JobFilter, which: &Which) -> String {
    let index = match (filter.cancel_asked, &filter.same_as, filter.state, &filter.workflow) {
        (true, ..) => "jobs_to_cancel",
        _ if filter.choosing => "jobs_choosing",
        (_, Some(_), ..) => "jobs_by_input",
        (_, _, Some(_), Some(_)) => "jobs_top_by_both",
        (_, _, Some(_), None) => "jobs_top_by_state",
        (_, _, None, Some(_)) => "jobs_top_by_workflow",
        _ => "jobs_top",
    };
    format!("SELECT {JOB} FROM jobs INDEXED BY {index} WHERE {} ORDER BY created_ms DESC, id DESC LIMIT :limit", which.text())
}

fn list(sql: &Sql<'_>, filter: &JobFilter) -> Result<Vec<Job>, Fault> {
    let mut which = which(filter);
    if let Some(after) = filter.after {
        let at = rows::one(sql, "SELECT created_ms FROM jobs WHERE id = ?1", [after.to_string()], |row| row.get::<_, i64>(0))?;
        let unknown = || Fault::new(Code::InputInvalid, "list jobs").with("after", after).because("there is no such job to go on from");
        which.value(":at", at.ok_or_else(unknown)?);
    }
    rows::all(sql, &list_of(filter, &which), &which, rows::job)
}

fn ended_word(state: JobState) -> &'static str {
    match state {
        JobState::Failed => "failed",
        JobState::Cancelled => "been cancelled",
        _ => "completed",
    }
}

/// How many topmost jobs there are in each state; and in those alone that are no end, however many have ended.
pub(crate) const COUNTED: [&str; 2] = [
    "SELECT state, count(*) FROM jobs INDEXED BY jobs_top_by_state WHERE parent IS NULL GROUP BY state",
    "SELECT state, count(*) FROM jobs INDEXED BY jobs_top_by_state
     WHERE parent IS NULL AND state IN ('queued', 'running', 'delivering') GROUP BY state",
];

fn counted(sql: &Sql<'_>, query: &str) -> Result<BTreeMap<JobState, u64>, Fault> {
    let found = rows::all(sql, query, NONE, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    Ok(found.into_iter().filter_map(|(state, n)| Some((JobState::named(&state)?, n.unsigned_abs()))).collect())
}

#[async_trait]
impl Jobs for SqlStore {
    async fn create(&self, job: NewJob) -> Result<Job, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| create(write, &job, &routes.catalogs)).await
    }

    async fn create_or_join(&self, job: NewJob, since_ms: i64) -> Result<(Job, bool), Fault> {
        let routes = self.routes.clone();
        self.write(move |write| create_or_join(write, &job, since_ms, &routes.catalogs)).await
    }

    async fn claim(&self, owner: &str, room: Room) -> Result<Vec<Claim>, Fault> {
        let (owner, routes, node, versions) = (owner.to_owned(), self.routes.clone(), self.node.clone(), self.versions.clone());
        self.write(move |write| {
            let taker = Taker { owner: &owner, node: node.as_deref(), versions: &versions };
            claim(write, &taker, room, &routes.catalogs)
        })
        .await
    }

    async fn claim_one(&self, owner: &str, job: JobId) -> Result<Option<Claim>, Fault> {
        let (owner, routes, node, versions) = (owner.to_owned(), self.routes.clone(), self.node.clone(), self.versions.clone());
        self.write(move |write| {
            let taker = Taker { owner: &owner, node: node.as_deref(), versions: &versions };
            claim_one(write, &taker, job, &routes.catalogs)
        })
        .await
    }

    async fn release(&self, lease: Lease) -> Result<(), Fault> {
        self.write(move |write| release(write, lease)).await
    }

    async fn finish(&self, lease: Lease, end: Option<Result<Value, Fault>>) -> Result<Job, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| finish(write, lease, end.as_ref(), &routes)).await
    }

    async fn cancel(&self, job: JobId) -> Result<Job, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| cancel(write, job, &routes)).await
    }

    async fn job(&self, job: JobId) -> Result<Job, Fault> {
        self.read(move |sql| load(sql, job)).await
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, Fault> {
        let filter = filter.clone();
        self.read(move |sql| list(sql, &filter)).await
    }

    async fn family(&self, root: JobId) -> Result<Family, Fault> {
        self.read(move |sql| snapshot::family(sql, root)).await
    }

    async fn count(&self) -> Result<BTreeMap<JobState, u64>, Fault> {
        self.read(|sql| counted(sql, COUNTED[0])).await
    }

    async fn count_open(&self) -> Result<BTreeMap<JobState, u64>, Fault> {
        self.read(|sql| counted(sql, COUNTED[1])).await
    }
}

#[cfg(test)]
mod tests;
