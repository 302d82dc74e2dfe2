//! What keeps a home in order: trying again, mending, forgetting.

use crate::assets;
use crate::events::tell;
use crate::jobs;
use crate::register;
use crate::rows::{self, json};
use crate::settle::{self, owe_record};
use crate::sqlite::SqliteStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::delivery::{Route, Routes};
use rushes_core::destination::Proof;
use rushes_core::job::{Job, JobState};
use rushes_core::kinds::{KINDS, Keep};
use rushes_core::record;
use rushes_core::store::{AssetFilter, Found, Owe, Upkeep};
use rushes_core::{Asset, Blob, Code, Fault, JobId};
use rusqlite::params;
use serde_json::json as object;
use std::collections::BTreeMap;

/// A retired version stays this long, for jobs elsewhere that may still name it.
const RETIRED_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn retry(write: &mut Write<'_>, id: JobId, catalogs: &[String]) -> Result<Job, Fault> {
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
            "UPDATE jobs SET state = 'queued', value = NULL, fault = NULL, started_ms = NULL, ended_ms = NULL, updated_ms = ?2
             WHERE root = ?1 AND (id = ?1 OR (state = 'failed' AND value IS NULL))",
            params![text, write.now_ms],
        )?;
    } else if job.state == JobState::Failed && (refused > 0 || rows::number(write.sql, settle::GOES_ON, [&text])? == 1) {
        rows::change(
            write.sql,
            "UPDATE jobs SET state = 'delivering', fault = NULL, ended_ms = NULL, updated_ms = ?2 WHERE id = ?1",
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
    write.wakes.jobs = true;
    write.wakes.outbox = true;
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

fn owe_subject(write: &mut Write<'_>, subject: &str, routes: &Routes) -> Result<u64, Fault> {
    let mut made = again_refused(write, "asset IN (SELECT id FROM assets WHERE subject = ?1)", subject)?;
    made += again_refused(write, "op = 'put_record' AND document = ?1", subject)?;
    made += rows::change(
        write.sql,
        "UPDATE outbox SET not_before_ms = 0 WHERE state = 'owed' AND not_before_ms > 0
         AND (asset IN (SELECT id FROM assets WHERE subject = ?1) OR (op = 'put_record' AND document = ?1))",
        [subject],
    )? as u64;
    let listed = assets::list(write.sql, &AssetFilter { subject: Some(subject.to_owned()), ..AssetFilter::default() })?;
    for (asset, deliveries) in listed {
        let owner = register::owner_of(write, &asset.subject)?;
        for route in routes.of(asset.kind, owner) {
            if !deliveries.iter().any(|delivery| delivery.destination == route.name) {
                made += owe_object(write, &asset, &route.name, None, routes)?;
            }
        }
    }
    Ok(made)
}

fn owe_object(write: &mut Write<'_>, asset: &Asset, destination: &str, there: Option<&Proof>, routes: &Routes) -> Result<u64, Fault> {
    let unknown = || Fault::new(Code::InputInvalid, "owe object").with("destination", destination).because("it is not configured");
    let route = routes.destinations.iter().find(|route| route.name == destination).ok_or_else(unknown)?;
    // What went there before the destination asked for renditions stays what it is, under its own key.
    let plain = format!("{}{}", route.prefix, asset.path);
    let known = "SELECT key FROM deliveries WHERE asset = ?1 AND destination = ?2 AND key = ?3";
    let known = rows::one(write.sql, known, params![asset.id.to_string(), destination, plain], |row| row.get::<_, String>(0))?;
    let key = known.unwrap_or_else(|| route.key_of(asset));
    let root = rows::one(write.sql, "SELECT root FROM assets WHERE id = ?1", [asset.id.to_string()], |row| row.get::<_, String>(0))?;
    let size_bytes = i64::try_from(asset.blob.size_bytes).unwrap_or(i64::MAX);
    let there = there.map(json).transpose()?;
    let made = rows::change(
        write.sql,
        "INSERT INTO outbox(op, destination, asset, key, rev, root, state, not_before_ms, size_bytes, created_ms, replaces)
         VALUES ('put_object', ?1, ?2, ?3, ?4, ?5, 'owed', ?6, ?7, ?6, ?8)
         ON CONFLICT(op, destination, key, rev) DO UPDATE SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL,
             created_ms = excluded.created_ms, replaces = excluded.replaces, asset = excluded.asset WHERE state <> 'sending'",
        params![destination, asset.id.to_string(), key, asset.version, root, write.now_ms, size_bytes, there],
    )?;
    rows::change(
        write.sql,
        "INSERT INTO deliveries(asset, destination, key, state) VALUES (?1, ?2, ?3, 'owed')
         ON CONFLICT(asset, destination, key) DO UPDATE SET state = 'owed', proof = NULL, uri = NULL, proven_ms = NULL, link = NULL, link_until_ms = NULL,
             rendition = NULL",
        params![asset.id.to_string(), destination, key],
    )?;
    write.wakes.outbox = true;
    Ok(made as u64)
}

fn owe_document(write: &mut Write<'_>, catalog: &str, collection: &str, id: &str, above: u64) -> Result<u64, Fault> {
    let above = i64::try_from(above).unwrap_or(i64::MAX - 1);
    // A single asset keeps no number of its own; the outbox knows the last.
    let mut rev = rows::number(write.sql, register::LAST_REV, [format!("{collection}/{id}")])?.max(above) + 1;
    for table in ["subjects", "jobs"] {
        let raise = format!("UPDATE {table} SET rev = max(rev, ?2) + 1 WHERE id = ?1 RETURNING rev");
        if let Some(raised) = rows::one(write.sql, &raise, params![id, above], |row| row.get::<_, i64>(0))? {
            rev = raised;
        }
    }
    Ok(u64::from(owe_record(write, catalog, collection, id, rev, None)?.is_some()))
}

fn refuse_unrouted(write: &mut Write<'_>, routes: &Routes) -> Result<u64, Fault> {
    let names: Vec<&str> =
        routes.destinations.iter().map(|route| route.name.as_str()).chain(routes.catalogs.iter().map(String::as_str)).collect();
    let fault = Fault::new(Code::DestinationRefused, "deliver")
        .because("this place is no longer in the configuration; put it back and start again");
    let text = json(&fault)?;
    let hit = rows::all(
        write.sql,
        "UPDATE outbox SET state = 'refused', last_fault = ?1, done_ms = ?2 WHERE state IN ('owed', 'sending')
         AND destination NOT IN (SELECT value FROM json_each(?3)) RETURNING asset, destination, key, root",
        params![text, write.now_ms, json(&names)?],
        |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?)),
    )?;
    let mut roots: Vec<JobId> = Vec::new();
    for (asset, destination, key, root) in &hit {
        rows::change(
            write.sql,
            "UPDATE deliveries SET state = 'refused', last_fault = ?4 WHERE asset = ?1 AND destination = ?2 AND key = ?3",
            params![asset, destination, key, text],
        )?;
        roots.extend(root.as_ref().and_then(|id| id.parse::<JobId>().ok()));
    }
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        settle::settle(write, root, routes)?;
    }
    Ok(hit.len() as u64)
}

/// The place a route of `json_each` leads to takes `a`.
const TAKES: &str = "(json_extract(place.value, '$.kinds') IS NULL OR a.kind IN (SELECT value FROM json_each(place.value, '$.kinds')))
    AND (json_extract(place.value, '$.subjects') IS NULL
         OR (SELECT type FROM subjects s WHERE s.id = a.subject) IN (SELECT value FROM json_each(place.value, '$.subjects')))";

/// `a` is proven at each of the places that take it, of those `?1` lists, and its own bytes, no rendition, at one at least.
fn proven_everywhere() -> String {
    let proven =
        "SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.destination = json_extract(place.value, '$.name') AND d.state = 'proven'";
    format!(
        "EXISTS (SELECT 1 FROM json_each(?1) place WHERE EXISTS ({proven} AND d.rendition IS NULL))
         AND NOT EXISTS (SELECT 1 FROM json_each(?1) place WHERE {TAKES} AND NOT EXISTS ({proven}))"
    )
}

/// Owes a destination what it should have and was never asked to take.
fn owe_missing(write: &mut Write<'_>, destination: &str, limit: u32, routes: &Routes) -> Result<u64, Fault> {
    let places: Vec<&Route> = routes.destinations.iter().filter(|route| route.name == destination).collect();
    let query = format!(
        "SELECT a.id FROM assets a JOIN json_each(?1) place WHERE a.retired_ms IS NULL AND {TAKES}
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.destination = ?2) ORDER BY a.rowid LIMIT ?3"
    );
    let ids = rows::all(write.sql, &query, params![json(&places)?, destination, limit], |row| row.get::<_, String>(0))?;
    for id in &ids {
        let asset = assets::load(write.sql, id)?;
        owe_object(write, &asset, destination, None, routes)?;
    }
    Ok(ids.len() as u64)
}

fn removable(sql: &rusqlite::Connection, is_retired: bool, limit: u32, now_ms: i64, routes: &Routes) -> Result<Vec<Blob>, Fault> {
    if routes.destinations.is_empty() {
        return Ok(Vec::new());
    }
    let proven_everywhere = proven_everywhere();
    let current = "SELECT 1 FROM assets a WHERE a.sha256 = b.sha256 AND a.retired_ms IS NULL";
    let which = if is_retired {
        format!(
            "?2 >= 0 AND NOT EXISTS ({current}) AND NOT EXISTS (SELECT 1 FROM assets r WHERE r.sha256 = b.sha256 AND (r.retired_ms > ?2
                 OR EXISTS (SELECT 1 FROM outbox o WHERE o.root = r.root AND o.state IN ('owed', 'sending') AND o.asset = r.id)
                 OR EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.root AND j.state IN ('queued', 'running', 'delivering'))
                 OR EXISTS (SELECT 1 FROM assets a WHERE a.path = r.path AND a.retired_ms IS NULL AND NOT ({proven_everywhere}))))"
        )
    } else {
        format!("?2 >= 0 AND EXISTS ({current}) AND NOT EXISTS ({current} AND NOT ({proven_everywhere}))")
    };
    let query = format!(
        "SELECT b.sha256, b.md5, b.crc32c, b.size_bytes, b.mime FROM blobs b WHERE b.state = 'present' AND {which}
         ORDER BY b.used_ms, b.sha256 LIMIT ?3"
    );
    rows::all(sql, &query, params![json(&routes.destinations)?, (now_ms - RETIRED_MS).max(0), limit], |row| rows::blob(row, 0))
}

fn expire(write: &mut Write<'_>) -> Result<u64, Fault> {
    let mut expired = 0;
    for row in KINDS {
        let Keep::Days(days) = row.keep else { continue };
        let before_ms = write.now_ms - i64::from(days) * DAY_MS;
        // What is not yet delivered stays until it is: someone may be waiting for it.
        let ids = rows::all(
            write.sql,
            "UPDATE assets SET retired_ms = ?3 WHERE kind = ?1 AND created_ms < ?2 AND retired_ms IS NULL AND NOT EXISTS
                 (SELECT 1 FROM deliveries d WHERE d.asset = assets.id AND d.state IN ('owed', 'sending')) RETURNING id",
            params![row.name, before_ms, write.now_ms],
            |row| row.get::<_, String>(0),
        )?;
        for id in &ids {
            rows::change(
                write.sql,
                "INSERT INTO outbox(op, destination, asset, key, rev, state, not_before_ms, created_ms)
                 SELECT 'delete_object', destination, asset, key, 1, 'owed', ?2, ?2 FROM deliveries WHERE asset = ?1 ON CONFLICT DO NOTHING",
                params![id, write.now_ms],
            )?;
            register::owe_no_record(write, record::own_collection(row.kind), id)?;
            tell(write, "asset.expired", None, &object!({"asset": id, "kind": row.name, "days": days}))?;
        }
        write.wakes.outbox |= !ids.is_empty();
        expired += ids.len() as u64;
    }
    Ok(expired)
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
    if let Some((subject, rev)) = &found.subject
        && assets::subject(write.sql, &subject.id)?.is_none()
    {
        register::subject(write, subject)?;
        rows::change(
            write.sql,
            "UPDATE subjects SET rev = max(rev, ?2) WHERE id = ?1",
            params![subject.id, i64::try_from(*rev).unwrap_or(i64::MAX)],
        )?;
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
    let owner = register::owner_of(write, &asset.subject)?;
    for route in routes.of(asset.kind, owner).filter(|route| route.name != found.destination) {
        owe_object(write, asset, &route.name, None, routes)?;
    }
    tell(write, "asset.restored", Some(asset.job), &object!({"asset": asset.id, "destination": found.destination}))?;
    Ok(true)
}

#[async_trait]
impl Upkeep for SqliteStore {
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
            Owe::Missing { destination, limit } => owe_missing(write, destination, *limit, &routes),
            Owe::Record { catalog, collection, id, above } => owe_document(write, catalog, collection, id, *above),
        })
        .await
    }

    async fn refuse_unrouted(&self) -> Result<u64, Fault> {
        let routes = self.routes.clone();
        self.write(move |write| refuse_unrouted(write, &routes)).await
    }

    async fn blob_states(&self, hashes: Vec<String>) -> Result<BTreeMap<String, bool>, Fault> {
        self.read(move |sql| {
            let query = "SELECT sha256, state = 'present' FROM blobs WHERE sha256 IN (SELECT value FROM json_each(?1))";
            let states = rows::all(sql, query, [json(&hashes)?], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
            Ok(states.into_iter().collect())
        })
        .await
    }

    async fn removable_blobs(&self, is_retired: bool, limit: u32) -> Result<Vec<Blob>, Fault> {
        let (routes, now_ms) = (self.routes.clone(), self.clock.now_ms());
        self.read(move |sql| removable(sql, is_retired, limit, now_ms, &routes)).await
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

    async fn expire(&self) -> Result<u64, Fault> {
        self.write(expire).await
    }

    async fn adopt(&self, found: &Found) -> Result<bool, Fault> {
        let (found, routes) = (found.clone(), self.routes.clone());
        self.write(move |write| adopt(write, &found, &routes)).await
    }
}
