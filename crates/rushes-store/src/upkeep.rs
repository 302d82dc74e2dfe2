//! What keeps a home in order: trying again, mending, forgetting.

mod erase;
pub(crate) mod expire;
pub(crate) mod old;
pub(crate) mod owe;

pub(crate) use erase::write_anew;

use crate::assets;
use crate::events::tell;
use crate::jobs;
use crate::outbox::backlog::places;
use crate::register;
use crate::rows::{self, json};
use crate::settle;
use crate::sql::params;
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use owe::{missing, owe_document, owe_missing, owe_object, owe_subject, refuse_places};
use rushes_core::delivery::{CatalogRoute, Routes};
use rushes_core::job::{Job, JobState};
use rushes_core::store::{Found, Owe, Upkeep};
use rushes_core::{Blob, Code, Fault, JobId, Kind};
use serde_json::json as object;
use std::collections::BTreeMap;

fn retry(write: &mut Write<'_>, id: JobId, catalogs: &[CatalogRoute]) -> Result<Job, Fault> {
    let root = jobs::load(write.sql, id)?.root;
    let job = jobs::load(write.sql, root)?;
    let text = root.to_string();
    let failed = rows::number(write.sql, "SELECT count(*) FROM jobs WHERE root = ?1 AND state = 'failed' AND value IS NULL", [&text])?;
    let refused = again_refused(write, "root = ?1", &text)?;
    // It was told to stop and has undone what it could: that cannot be gone on with.
    let was_given_up = job.fault.as_ref().is_some_and(|fault| fault.code == Code::JobLimit);
    if failed > 0 && job.state.has_ended() && job.state != JobState::Cancelled && !was_given_up {
        // The workflow runs again: what is done is given from the journal, what failed is attempted anew.
        rows::change(
            write.sql,
            "UPDATE steps SET outcome = NULL, attempts = 0, ended_ms = NULL WHERE outcome LIKE '{\"failed\"%'
             AND job IN (SELECT id FROM jobs WHERE root = ?1 AND (id = ?1 OR (state = 'failed' AND value IS NULL)))",
            [&text],
        )?;
        rows::change(
            write.sql,
            "UPDATE jobs SET state = 'queued', value = NULL, fault = NULL, started_ms = NULL, ended_ms = NULL, wake_at_ms = 0, updated_ms = ?2
             WHERE root = ?1 AND (id = ?1 OR (state = 'failed' AND value IS NULL))",
            params![text, write.now_ms],
        )?;
    } else if job.state == JobState::Failed && (refused > 0 || rows::number(write.sql, settle::GOES_ON, [&text])? == 1) {
        rows::change(
            write.sql,
            "UPDATE jobs SET state = 'delivering', fault = NULL, ended_ms = NULL, wake_at_ms = 0, updated_ms = ?2 WHERE id = ?1",
            params![text, write.now_ms],
        )?;
    } else {
        let reason = match job.state {
            _ if was_given_up => {
                "it ran longer than it may; start it again with the command that began it, and what it made is used again".to_owned()
            }
            JobState::Cancelled => "it was cancelled; start it again with the command that began it".to_owned(),
            state if state.has_ended() => "nothing of it failed".to_owned(),
            state => format!("it is still {}", state.name()),
        };
        return Err(Fault::new(Code::InputInvalid, "retry job").with("job", root).because(reason));
    }
    (write.wakes.jobs, write.wakes.queued) = (true, true);
    write.wakes.everywhere();
    tell(write, "job.retried", Some(root), &object!({"failed": failed, "refused": refused}))?;
    settle::mirror(write, root, catalogs)?;
    jobs::load(write.sql, root)
}

/// Makes refused rows owed again, but never an older version where a newer one is known: it would come back in its place.
pub(crate) fn again_refused(write: &mut Write<'_>, which: &str, value: &str) -> Result<u64, Fault> {
    let hit = rows::all(
        write.sql,
        &format!(
            "UPDATE outbox SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL WHERE {which} AND state = 'refused'
             AND NOT EXISTS (SELECT 1 FROM outbox newer WHERE newer.op = outbox.op AND newer.destination = outbox.destination
                 AND newer.key = outbox.key AND newer.rev > outbox.rev) RETURNING asset, destination, key"
        ),
        [value],
        |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)),
    )?;
    for (asset, destination, key) in &hit {
        rows::change(
            write.sql,
            "UPDATE deliveries SET state = 'owed' WHERE asset = ?1 AND destination = ?2 AND key = ?3 AND state = 'refused'",
            params![asset, destination, key],
        )?;
    }
    Ok(hit.len() as u64)
}

fn adopt(write: &mut Write<'_>, found: &Found, routes: &Routes) -> Result<bool, Fault> {
    let Found { asset, .. } = found;
    let known = rows::number(
        write.sql,
        "SELECT count(*) FROM assets WHERE id = ?1 OR (path = ?2 AND retired_ms IS NULL AND subject = ?3 AND title = ?4)",
        params![asset.id.to_string(), asset.path, asset.subject, asset.title],
    )?;
    if known > 0 {
        return Ok(false);
    }
    let rev = i64::try_from(found.rev).unwrap_or(i64::MAX);
    if let Some(subject) = &found.subject
        && assets::subject(write.sql, &subject.id)?.is_none()
    {
        register::subject(write, subject)?;
        rows::change(write.sql, "UPDATE subjects SET rev = max(rev, ?2) WHERE id = ?1", params![subject.id, rev])?;
    }
    let job = asset.job.to_string();
    rows::change(
        write.sql,
        "INSERT INTO jobs(id, workflow, version, input, input_hash, state, value, root, created_ms, updated_ms, ended_ms)
         VALUES (?1, 'restore', 1, '{}', '', 'completed', '{}', ?1, ?2, ?2, ?2) ON CONFLICT DO NOTHING",
        params![job, write.now_ms],
    )?;
    register::known(write, asset)?;
    rows::change(
        write.sql,
        "INSERT INTO deliveries(asset, destination, key, state, uri, proof, proven_ms) VALUES (?1, ?2, ?3, 'proven', ?4, ?5, ?6)",
        params![asset.id.to_string(), found.destination, found.key, found.uri, json(&found.proof)?, write.now_ms],
    )?;
    register::known_record(write, asset, rev, &routes.catalogs)?;
    let owner = register::owner_of(write, &asset.subject)?;
    for route in routes.of(asset.kind, owner).filter(|route| route.name != found.destination) {
        owe_object(write, asset, &route.name, None, routes)?;
    }
    tell(write, "asset.restored", Some(asset.job), &object!({"asset": asset.id, "destination": found.destination}))?;
    Ok(true)
}

#[async_trait]
impl Upkeep for SqlStore {
    async fn retry(&self, job: JobId) -> Result<Job, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| retry(write, job, &routes.catalogs)).await
    }

    async fn owe(&self, what: &Owe) -> Result<u64, Fault> {
        let (what, routes) = (what.clone(), self.routes.clone());
        self.write(move |write| match &what {
            Owe::Subject(subject) => owe_subject(write, subject, &routes),
            Owe::Object { asset, destination, there } => {
                let asset = assets::load(write.sql, &asset.to_string())?;
                owe_object(write, &asset, destination, there.as_ref(), &routes)
            }
            Owe::Record { catalog, collection, id, above } => owe_document(write, catalog, collection, id, *above),
        })
        .await
    }

    async fn owe_missing(&self, destination: &str, row: i64, limit: u32) -> Result<(u64, Option<i64>), Fault> {
        let (name, routes) = (destination.to_owned(), self.routes.clone());
        let Some(route) = routes.destinations.iter().find(|route| route.name == name).cloned() else { return Ok((0, None)) };
        // Looked for beside the writer, which may then find that some of them were asked for meanwhile.
        let found = self.read(move |sql| missing(sql, &route, row, limit)).await?;
        let next = found.last().filter(|_| found.len() >= limit as usize).map(|(row, _)| *row);
        if found.is_empty() {
            return Ok((0, None));
        }
        let owed = self.write(move |write| owe_missing(write, &found, &name, &routes)).await?;
        Ok((owed, next))
    }

    async fn refuse_unrouted(&self) -> Result<u64, Fault> {
        let routes = self.routes.clone();
        let mut gone = self.read(places).await?;
        gone.retain(|name| {
            !routes.destinations.iter().any(|route| route.name == *name) && !routes.catalogs.iter().any(|catalog| catalog.name == *name)
        });
        if gone.is_empty() {
            return Ok(0);
        }
        self.write(move |write| refuse_places(write, &gone, &routes)).await
    }

    async fn blob_states(&self, hashes: Vec<String>) -> Result<BTreeMap<String, bool>, Fault> {
        self.read(move |sql| {
            let query = "SELECT sha256, state = 'present' FROM blobs WHERE sha256 IN (SELECT value FROM json_each(?1))";
            let states = rows::all(sql, query, [json(&hashes)?], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
            let mut states: BTreeMap<String, bool> = states.into_iter().collect();
            // What a worker has handed in becomes an asset in a moment.
            let handed = "SELECT f.sha256 FROM work_files f JOIN jobs j ON j.id = f.job WHERE f.sha256 IN (SELECT value FROM json_each(?1))
                AND j.state IN ('queued', 'running', 'failed')";
            let handed = rows::all(sql, handed, [json(&hashes)?], |row| row.get::<_, String>(0))?;
            states.extend(handed.into_iter().map(|sha256| (sha256, true)));
            Ok(states)
        })
        .await
    }

    async fn removable_blobs(&self, is_retired: bool, limit: u32) -> Result<Vec<Blob>, Fault> {
        let (routes, now_ms) = (self.routes.clone(), self.clock.now_ms());
        self.read(move |sql| old::removable(sql, is_retired, limit, now_ms, &routes)).await
    }

    async fn removable_of(&self, hashes: Vec<String>, is_retired: bool) -> Result<Vec<Blob>, Fault> {
        let (routes, now_ms) = (self.routes.clone(), self.clock.now_ms());
        self.read(move |sql| old::removable_among(sql, &hashes, is_retired, now_ms, &routes)).await
    }

    async fn set_present(&self, sha256: &str, is_present: bool) -> Result<(), Fault> {
        let sha256 = sha256.to_owned();
        self.write(move |write| {
            let state = if is_present { "present" } else { "evicted" };
            rows::change(write.sql, "UPDATE blobs SET state = ?2, used_ms = ?3 WHERE sha256 = ?1", params![sha256, state, write.now_ms])?;
            Ok(())
        })
        .await
    }

    async fn expire(&self, days: &BTreeMap<Kind, u32>) -> Result<u64, Fault> {
        let mut expired = 0;
        loop {
            let (days, routes) = (days.clone(), self.routes.clone());
            let slice = self.write(move |write| expire::expire(write, &days, &routes)).await?;
            expired += slice;
            if slice < u64::from(expire::EXPIRED_AT_ONCE) {
                return Ok(expired);
            }
        }
    }

    async fn left_paths(&self, retired_ms: i64, limit: u32) -> Result<(Vec<(String, String)>, Option<i64>), Fault> {
        self.read(move |sql| old::left_paths(sql, retired_ms, limit)).await
    }

    async fn adopt(&self, found: &Found) -> Result<bool, Fault> {
        let (found, routes) = (found.clone(), self.routes.clone());
        self.write(move |write| adopt(write, &found, &routes)).await
    }
}

#[cfg(test)]
mod tests;
