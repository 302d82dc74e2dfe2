//! Records as local truth has them at one moment: read and numbered inside one write transaction, so that a
//! higher `rev` never tells less than a lower one.

use crate::assets;
use crate::jobs;
use crate::register::LAST_REV;
use crate::rows::{self, JOB, SUBJECT};
use crate::writer::Write;
use rushes_core::catalog::Record;
use rushes_core::delivery::{Due, Routes, Work};
use rushes_core::record;
use rushes_core::store::{AssetFilter, Family};
use rushes_core::{Code, Fault, JobId};
use rusqlite::Connection;

/// The record a leased row asks for, with a raised `rev`.
pub(crate) fn take(write: &mut Write<'_>, due: &Due, routes: &Routes) -> Result<Record, Fault> {
    let Work::PutRecord { collection, id } = &due.work else {
        return Err(Fault::new(Code::Unexpected, "take record").with("row", due.row));
    };
    let (rev, fields) = match id.parse::<JobId>() {
        Ok(job) if rows::number(write.sql, "SELECT count(*) FROM jobs WHERE id = ?1", [id])? == 1 => {
            rows::change(write.sql, "UPDATE jobs SET rev = rev + 1 WHERE id = ?1", [id])?;
            (rows::number(write.sql, "SELECT rev FROM jobs WHERE id = ?1", [id])?, job_fields(write.sql, job, routes)?)
        }
        _ if assets::subject(write.sql, id)?.is_none() => {
            let (asset, deliveries) = assets::with_deliveries(write.sql, id)?;
            let key = format!("{collection}/{id}");
            let rev = rows::number(write.sql, LAST_REV, [key])?.max(1);
            (rev, record::asset_fields(&asset, &deliveries, routes))
        }
        _ => {
            rows::change(write.sql, "UPDATE subjects SET rev = rev + 1 WHERE id = ?1", [id])?;
            let subject = assets::subject(write.sql, id)?.ok_or_else(|| Fault::new(Code::NotFound, "take record").with("subject", id))?;
            let listed = assets::list(write.sql, &AssetFilter { subject: Some(id.clone()), ..AssetFilter::default() })?;
            (i64::try_from(subject.rev).unwrap_or(i64::MAX), record::subject_fields(&subject, &listed, routes))
        }
    };
    Ok(Record { collection: collection.clone(), id: id.clone(), rev: rev.unsigned_abs(), fields })
}

/// A job, its family, and the assets and subjects of that family.
pub(crate) fn family(sql: &Connection, root: JobId) -> Result<Family, Fault> {
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

fn job_fields(sql: &Connection, id: JobId, routes: &Routes) -> Result<serde_json::Value, Fault> {
    let job = jobs::load(sql, id)?;
    Ok(record::job_fields(&job, &family(sql, job.root)?, routes))
}
