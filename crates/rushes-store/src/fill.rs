//! Fills a database with what years of work leave: ended jobs with their steps, assets, proven deliveries, paid rows and
//! events. For benches only; nothing of it passes the one door.

use crate::migrate;
use crate::writer::failed;
use rushes_core::Fault;
use rusqlite::Connection;
use std::path::Path;

/// Assets of one subject, and as many steps of one job of its own.
const OF_ONE: u32 = 100;
/// The size every filled asset claims.
pub const SIZE_BYTES: u32 = 100_000;

/// One row for each number; `:first` and `:last` stand in each statement.
const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)";
/// The same for each subject and job.
const GROUPS: &str = "WITH RECURSIVE n(i) AS (SELECT :first / :of_one UNION ALL SELECT i + 1 FROM n WHERE i < :last / :of_one)";

/// The columns that are the same everywhere, made from a number: ids in order, hashes scattered, as real ones are.
const JOB_ID: &str = "printf('01900000-0000-7000-8000-%012x', i / :of_one)";
const ASSET_ID: &str = "printf('asset_01900000-0000-7000-8000-%012x', i)";
const SUBJECT: &str = "printf('filled_%07d', i / :of_one)";
const SHA256: &str = "printf('%08x%056x', (i * 2654435761) % 4294967296, i)";
const PATH: &str = "printf('dances/dance_filled_%07d_cosplay_on_ref%d.bin', i / :of_one, i % :of_one)";
const AT_MS: &str = "1700000000000 + i * 1000";

fn rows(destination: &str, prefix: &str, catalog: &str) -> Vec<String> {
    let proof = format!("json_object('size_bytes', {SIZE_BYTES}, 'hash', json_object('sha256', {SHA256}), 'etag', NULL)");
    let key = format!("'{prefix}' || {PATH}");
    vec![
        format!(
            "{GROUPS} INSERT OR IGNORE INTO subjects(id, type, slug, name, fields, rev, created_ms)
             SELECT printf('filled_%07d', i), 'character', printf('filled_%07d', i), 'Filled', json_object('tagline', 'a filled one'), :of_one, 1700000000000 FROM n"
        ),
        format!(
            "{GROUPS} INSERT OR IGNORE INTO jobs(id, workflow, version, input, input_hash, state, value, fence, tries, root, rev, created_ms, updated_ms, ended_ms)
             SELECT printf('01900000-0000-7000-8000-%012x', i), 'files', 0, json_object('count', :of_one), printf('%064x', i), 'completed', json_object('made', :of_one), 1, 1,
             printf('01900000-0000-7000-8000-%012x', i), 1, 1700000000000 + i * 100000, 1700000000000 + i * 100000, 1700000000000 + i * 100000 FROM n"
        ),
        format!(
            "{NUMBERS} INSERT INTO steps(job, name, input_hash, outcome, attempts, started_ms, ended_ms)
             SELECT {JOB_ID}, 'file ' || (i % :of_one), '', json_object('value', json_object('id', {ASSET_ID}, 'kind', 'dance_video')), 1, {AT_MS}, {AT_MS} FROM n"
        ),
        format!("{NUMBERS} INSERT INTO blobs(sha256, md5, crc32c, size_bytes, mime, state) SELECT {SHA256}, printf('%032x', i), i % 4294967296, {SIZE_BYTES}, 'application/octet-stream', 'present' FROM n"),
        format!(
            "{NUMBERS} INSERT INTO assets(id, kind, subject, title, idx, version, sha256, path, seed, meta, job, root, step, created_ms)
             SELECT {ASSET_ID}, 'dance_video', {SUBJECT}, 'alternate_' || (i % :of_one), 0, 1, {SHA256}, {PATH}, '7', '{{}}', {JOB_ID}, {JOB_ID}, 'file ' || (i % :of_one), {AT_MS} FROM n"
        ),
        format!(
            "{NUMBERS} INSERT INTO deliveries(asset, destination, key, state, uri, proof, proven_ms)
             SELECT {ASSET_ID}, '{destination}', {key}, 'proven', 'memory://' || {key}, {proof}, {AT_MS} + 20 FROM n"
        ),
        format!(
            "{NUMBERS} INSERT INTO outbox(op, destination, asset, key, rev, root, state, attempts, not_before_ms, size_bytes, created_ms, done_ms)
             SELECT 'put_object', '{destination}', {ASSET_ID}, {key}, 1, {JOB_ID}, 'done', 1, {AT_MS}, {SIZE_BYTES}, {AT_MS}, {AT_MS} + 20 FROM n"
        ),
        format!(
            "{NUMBERS} INSERT INTO outbox(op, destination, collection, document, key, rev, root, state, attempts, not_before_ms, created_ms, done_ms)
             SELECT 'put_record', '{catalog}', 'characters', {SUBJECT}, 'characters/' || {SUBJECT}, i % :of_one + 1, {JOB_ID}, 'done', 1, {AT_MS}, {AT_MS}, {AT_MS} + 40 FROM n"
        ),
        format!("{NUMBERS} INSERT INTO events(at_ms, type, job, data) SELECT {AT_MS}, 'step.done', {JOB_ID}, json_object('step', 'file ' || (i % :of_one), 'attempts', 1, 'ms', 5) FROM n"),
        format!("{NUMBERS} INSERT INTO events(at_ms, type, job, data) SELECT {AT_MS}, 'asset.made', {JOB_ID}, json_object('asset', {ASSET_ID}, 'kind', 'dance_video', 'path', {PATH}) FROM n"),
        format!("{NUMBERS} INSERT INTO events(at_ms, type, job, data) SELECT {AT_MS}, 'delivery.proven', {JOB_ID}, json_object('asset', {ASSET_ID}, 'destination', '{destination}', 'ms', 20) FROM n"),
    ]
}

/// Adds the assets `from..to`, both multiples of 100, delivered to one destination and told to one catalog. Makes the
/// database where there is none. The library counts as mended, as after any start.
/// Errors: `store_failed`.
#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
pub fn fill(path: &Path, from: u32, to: u32, destination: (&str, &str), catalog: &str) -> Result<(), Fault> {
    let broken = |e| failed("fill database", e);
    let mut connection = Connection::open(path).map_err(broken)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;").map_err(broken)?;
    migrate::migrate(&mut connection, path)?;
    let transaction = connection.transaction().map_err(broken)?;
    for statement in rows(destination.0, destination.1, catalog) {
        let mut prepared = transaction.prepare(&statement).map_err(broken)?;
        for (name, value) in [(":first", from), (":last", to - 1), (":of_one", OF_ONE)] {
            if let Some(index) = prepared.parameter_index(name).map_err(broken)? {
                prepared.raw_bind_parameter(index, value).map_err(broken)?;
            }
        }
        prepared.raw_execute().map_err(broken)?;
    }
    let mended = "INSERT INTO marks(name, value) SELECT 'library_mended', max(rowid) FROM assets WHERE 1 ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    transaction.execute(mended, []).map_err(broken)?;
    transaction.commit().map_err(broken)?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").map_err(broken)
}

/// Has all bytes count as evicted: on no disk of this machine, and rightly so. Errors: `store_failed`.
#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
pub fn evict_all(path: &Path) -> Result<(), Fault> {
    let broken = |e| failed("evict", e);
    let connection = Connection::open(path).map_err(broken)?;
    connection.execute("UPDATE blobs SET state = 'evicted'", []).map(drop).map_err(broken)
}
