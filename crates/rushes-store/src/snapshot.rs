//! Records as local truth has them at one moment: read and numbered inside one write transaction, so that a
//! higher `rev` never tells less than a lower one.

use crate::assets;
use crate::outbox::lease::lease_lost;
use crate::rows::{self, JOB, SUBJECT};
use crate::sql::Sql;
use crate::writer::Write;
use rushes_core::catalog::Record;
use rushes_core::delivery::{Due, Routes};
use rushes_core::record;
use rushes_core::store::{AssetFilter, Family};
use rushes_core::{Asset, AssetId, Code, Fault, JobId};
use serde_json::Value;

/// The record of that name for the row that owes it, with a raised `rev`. None where it was of a single asset that has gone:
/// its removal is owed, and would wait for a writing that may never succeed.
pub(crate) fn take(write: &mut Write<'_>, due: &Due, collection: &str, id: &str, routes: &Routes) -> Result<Option<Record>, Fault> {
    let record =
        |(rev, fields): Found| Some(Record { collection: collection.to_owned(), id: id.to_owned(), rev: rev.unsigned_abs(), fields });
    if let Some(found) = of_job(write, id, routes)? {
        return Ok(record(found));
    }
    let asset = if id.parse::<AssetId>().is_ok() { assets::find(write.sql, id)? } else { None };
    match asset {
        Some(asset) if asset.retired_ms.is_some() => Ok(None),
        Some(asset) => of_asset(write, due, &asset, routes).map(record),
        None => of_subject(write, id, routes).map(record),
    }
}

type Found = (i64, Value);

fn of_job(write: &Write<'_>, id: &str, routes: &Routes) -> Result<Option<Found>, Fault> {
    if id.parse::<JobId>().is_err() {
        return Ok(None);
    }
    let raise = format!("UPDATE jobs SET rev = rev + 1 WHERE id = ?1 RETURNING {JOB}, rev");
    let found = rows::one(write.sql, &raise, [id], |row| Ok((row.get::<_, i64>("rev")?, rows::job(row)?)))?;
    found.map(|(rev, job)| Ok((rev, record::job_fields(&job, &family(write.sql, job.root)?, routes)))).transpose()
}

/// A single asset keeps no number of its own, so the row that owes its record does: each time what it is to tell is read, it
/// has one above every row of that record.
pub(crate) const RAISE: &str = "UPDATE outbox SET rev = 1 + (SELECT max(same.rev) FROM outbox same WHERE same.op = 'put_record'
    AND same.key = outbox.key) WHERE id = ?1 RETURNING rev";

fn of_asset(write: &Write<'_>, due: &Due, asset: &Asset, routes: &Routes) -> Result<Found, Fault> {
    let rev = rows::one(write.sql, RAISE, [due.row], |row| row.get(0))?.ok_or_else(|| lease_lost(due))?;
    Ok((rev, record::asset_fields(asset, &assets::deliveries(write.sql, &asset.id.to_string())?, routes)))
}

fn of_subject(write: &Write<'_>, id: &str, routes: &Routes) -> Result<Found, Fault> {
    let raise = format!("UPDATE subjects SET rev = rev + 1 WHERE id = ?1 RETURNING {SUBJECT}");
    let subject = rows::one(write.sql, &raise, [id], rows::subject)?.ok_or_else(|| {
        Fault::new(Code::NotFound, "take record").with("id", id).because("there is neither a job, nor an asset, nor a subject of that name")
    })?;
    let listed = assets::list(write.sql, &AssetFilter { subject: Some(id.to_owned()), ..AssetFilter::default() })?;
    Ok((i64::try_from(subject.rev).unwrap_or(i64::MAX), record::subject_fields(&subject, &listed, routes)))
}

/// A job, its family, and the assets and subjects of that family.
pub(crate) fn family(sql: &Sql<'_>, root: JobId) -> Result<Family, Fault> {
    let jobs = rows::all(sql, &format!("SELECT {JOB} FROM jobs WHERE root = ?1 ORDER BY created_ms, id"), [root.to_string()], rows::job)?;
    let listed = assets::list(sql, &AssetFilter { root: Some(root), all_versions: true, ..AssetFilter::default() })?;
    let subjects = rows::all(
        sql,
        &format!("SELECT {SUBJECT} FROM subjects WHERE id IN (SELECT subject FROM assets WHERE root = ?1) ORDER BY id"),
        [root.to_string()],
        rows::subject,
    )?;
    Ok(Family { jobs, listed, subjects })
}

#[cfg(test)]
mod tests;
