//! What follows from a payment: jobs that owe nothing more are completed, and the mirrors of jobs are owed anew.

use crate::events::tell;
use crate::jobs;
use crate::messages;
use crate::register;
use crate::rows::{self, JOB, json};
use crate::sql::params;
use crate::writer::Write;
use rushes_core::delivery::{CatalogRoute, Routes};
use rushes_core::record::Document;
use rushes_core::{Code, Fault, JobId, JobState};
use serde_json::json as object;
use std::collections::{BTreeMap, BTreeSet};

/// What follows from the payments of a transaction: done once for all of them, before its commit.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// Documents by their keys, which tell of what was proven; each with a family that waits for that.
    told: BTreeMap<String, (Document, JobId)>,
    mirrored: BTreeSet<JobId>,
    settled: BTreeSet<JobId>,
}

impl Following {
    /// This document tells of something proven just now.
    pub(crate) fn tells(&mut self, document: Document, root: JobId) {
        self.told.entry(document.key()).or_insert((document, root));
    }

    /// This job's mirror tells of it.
    pub(crate) fn mirrors(&mut self, job: JobId) {
        self.mirrored.insert(job);
    }

    /// This family may owe nothing more.
    pub(crate) fn settles(&mut self, root: JobId) {
        self.settled.insert(root);
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (key, told) in other.told {
            self.told.entry(key).or_insert(told);
        }
        self.mirrored.extend(other.mirrored);
        self.settled.extend(other.settled);
    }

    /// Does what was to follow until now.
    pub(crate) fn take_place(write: &mut Write<'_>, routes: &Routes) -> Result<(), Fault> {
        let Self { told, mirrored, settled } = std::mem::take(write.following);
        for (document, root) in told.into_values() {
            register::owe_late(write, &document, Some(root), &routes.catalogs)?;
        }
        for job in mirrored {
            mirror(write, job, &routes.catalogs)?;
        }
        settled.into_iter().try_for_each(|root| settle(write, root, routes))
    }
}

/// Whether a family works or owes something. Asked after each proof, and most often answered by yes: so without reading
/// the job, or counting what it owes.
pub(crate) const GOES_ON: &str = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1 AND state IN ('queued', 'running'))
    OR EXISTS (SELECT 1 FROM outbox WHERE root = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state <> 'refused')";

/// Ends what can be ended once a family of jobs owes nothing more: a root that delivers, or that had failed only because
/// a destination refused; and children that deliver under a root that has ended otherwise.
pub(crate) fn settle(write: &mut Write<'_>, root: JobId, routes: &Routes) -> Result<(), Fault> {
    let id = root.to_string();
    if rows::number(write.sql, GOES_ON, [&id])? == 1 {
        return Ok(());
    }
    let standing = rows::one(write.sql, STANDING, [&id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    let (open, refused, own) = standing.unwrap_or_default();
    if open > 0 {
        return Ok(());
    }
    let refused = own.max(refused);
    let mut job = jobs::load(write.sql, root)?;
    let was_refused = job.value.is_some() && job.fault.as_ref().is_some_and(|fault| fault.code == Code::DestinationRefused);
    let (state, fault) = match job.state {
        JobState::Delivering | JobState::Failed if refused > 0 && (job.state == JobState::Delivering || was_refused) => {
            let reason = format!("{refused} of what it owes was refused{}; `rushes audit` names it", reasons(write, &id)?);
            (JobState::Failed, Some(Fault::new(Code::DestinationRefused, "deliver job").with("job", root).because(reason)))
        }
        JobState::Delivering => (JobState::Completed, None),
        JobState::Failed if was_refused => (JobState::Completed, None),
        ended => (ended, job.fault.clone()),
    };
    let children = rows::all(
        write.sql,
        "UPDATE jobs SET state = 'completed', updated_ms = ?2, ended_ms = ?2 WHERE root = ?1 AND id <> ?1 AND state = 'delivering' RETURNING id",
        params![id, write.now_ms],
        |row| rows::parsed::<JobId>(row, 0),
    )?;
    children.into_iter().for_each(|child| write.wakes.job(child));
    let is_new = state != job.state;
    if is_new || fault != job.fault {
        let end = format!("UPDATE jobs SET state = ?2, fault = ?3, updated_ms = ?4, ended_ms = ?4 WHERE id = ?1 RETURNING {JOB}");
        let fault = fault.as_ref().map(json).transpose()?;
        let ended = rows::one(write.sql, &end, params![id, state.name(), fault, write.now_ms], rows::job)?;
        job = ended.ok_or_else(|| Fault::new(Code::NotFound, "end job").with("job", root))?;
        tell(write, &format!("job.{}", state.name()), Some(root), &object!({"refused": refused}))?;
    }
    if is_new {
        messages::owe_end(write, &job, routes)?;
    }
    write.wakes.job(root);
    job.collection.map_or(Ok(()), |collection| mirror_document(write, &id, &collection, &routes.catalogs))
}

/// Where what was refused should have gone, each place with what it said first.
fn reasons(write: &Write<'_>, root: &str) -> Result<String, Fault> {
    let said = rows::all(
        write.sql,
        "SELECT destination, json_extract(last_fault, '$.reason') FROM outbox
         WHERE root = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state = 'refused' AND NOT EXISTS
             (SELECT 1 FROM outbox o WHERE o.root = ?1 AND (o.state = 'owed' OR o.state = 'sending' OR o.state = 'refused') AND o.state = 'refused' AND o.destination = outbox.destination AND o.id < outbox.id)
         ORDER BY id",
        [root],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)),
    )?;
    Ok(said.into_iter().map(|(place, reason)| format!("; {place}: {}", reason.as_deref().unwrap_or("it does not say why"))).collect())
}

/// What a family waits for, and what was refused to it; and how much that it owed itself was. Equal bytes under one key are
/// one row of the outbox, which counts for the family that owed it first; the others wait for the delivery all the same.
pub(crate) const STANDING: &str =
    "SELECT count(*) FILTER (WHERE d.state IN ('owed', 'sending')), count(*) FILTER (WHERE d.state = 'refused'),
        (SELECT count(*) FROM outbox WHERE root = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state = 'refused')
    FROM assets a JOIN deliveries d ON d.asset = a.id WHERE a.root = ?1 AND a.retired_ms IS NULL";

/// The row of the outbox by which a document was paid, or refused, the last time.
pub(crate) const PAID_BEFORE: &str =
    "SELECT id FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state IN ('done', 'refused')
    ORDER BY rev DESC LIMIT 1";

/// Owes the mirrors of a job and of its topmost one to every catalog, where their workflows are mirrored. No job waits for
/// these rows. One that is owed already tells of this too, and one that was paid is owed again: however often a job
/// changes, its mirror is a row or two for each catalog.
pub(crate) fn mirror(write: &mut Write<'_>, job: JobId, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    if catalogs.is_empty() {
        return Ok(());
    }
    let mirrored = rows::all(
        write.sql,
        "SELECT id, collection FROM jobs WHERE id IN (?1, (SELECT root FROM jobs WHERE id = ?1)) AND collection IS NOT NULL",
        [job.to_string()],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    )?;
    mirrored.into_iter().try_for_each(|(id, collection)| mirror_document(write, &id, &collection, catalogs))
}

fn mirror_document(write: &mut Write<'_>, id: &str, collection: &str, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let key = format!("{collection}/{id}");
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(collection)) {
        let owed = "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'owed'";
        if rows::number(write.sql, owed, params![catalog, key])? > 0 {
            continue;
        }
        let rev = rows::number(write.sql, "UPDATE jobs SET rev = rev + 1 WHERE id = ?1 RETURNING rev", [id])?;
        match rows::one(write.sql, PAID_BEFORE, params![catalog, key], |row| row.get::<_, i64>(0))? {
            None => drop(owe_record(write, catalog, collection, id, rev, None)?),
            Some(paid) => {
                rows::change(
                    write.sql,
                    "UPDATE outbox SET state = 'owed', rev = ?2, not_before_ms = ?3, created_ms = ?3, attempts = 0, lease = 0, done_ms = NULL,
                         last_fault = NULL WHERE id = ?1",
                    params![paid, rev, write.now_ms],
                )?;
                write.wakes.place(catalog);
            }
        }
    }
    Ok(())
}

/// Owes one record to one catalog; gives the row, or None when it is owed already under this `rev`.
pub(crate) fn owe_record(
    write: &mut Write<'_>,
    catalog: &str,
    collection: &str,
    document: &str,
    rev: i64,
    root: Option<JobId>,
) -> Result<Option<i64>, Fault> {
    write.wakes.place(catalog);
    rows::insert(
        write.sql,
        "INSERT INTO outbox(op, destination, collection, document, key, rev, root, state, not_before_ms, created_ms)
         VALUES ('put_record', ?1, ?2, ?3, ?2 || '/' || ?3, ?4, ?5, 'owed', ?6, ?6) ON CONFLICT DO NOTHING",
        params![catalog, collection, document, rev, root.map(|id| id.to_string()), write.now_ms],
    )
}

#[cfg(test)]
mod tests;
