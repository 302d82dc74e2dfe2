//! What a schema on a server holds, and what that server has done so far; and how such a schema goes. For benches only.

use crate::postgres::{PostgresAddress, Way};
use crate::sql::session::Session;
use rushes_core::{Code, Fault};
use std::str::FromStr;
use std::time::Instant;

/// What every transaction that writes begins with, as the server remembers statements.
const LOCKS: &str = "%pg_advisory_xact_lock%";

/// Of which the median counts.
const ROUND_TRIPS: usize = 1_000;

/// A schema, and its server since its start.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// In all tables of the schema.
    pub rows: u64,
    /// Of tables and indexes of the schema, on disk.
    pub bytes: u64,
    /// Transactions that ended well, in the whole database, as far as sessions have told: all that have ended have.
    pub commits: u64,
    /// Bytes of the server's own journal.
    pub journal_bytes: u64,
    /// Statements, and those of them that took the lock of all writes; None where the server does not count them.
    pub statements: Option<(u64, u64)>,
}

/// Weighs a schema. Errors: `store_failed`.
pub fn weigh(address: &PostgresAddress) -> Result<Weight, Fault> {
    crate::store::apart(|| {
        let mut session = open(address)?;
        let schema = &address.schema;
        let tables =
            session.run(&format!("SELECT coalesce(string_agg(tablename, ' '), '') FROM pg_tables WHERE schemaname = '{schema}'"))?;
        let tables = tables.into_iter().flatten().next().unwrap_or_default();
        let mut rows = 0;
        for table in tables.split_whitespace() {
            rows += number::<u64>(&mut session, &format!("SELECT count(*) FROM {table}"))?;
        }
        let sizes = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";
        Ok(Weight {
            rows,
            bytes: number(&mut session, &format!("{sizes} WHERE c.relkind = 'r' AND n.nspname = '{schema}'"))?,
            commits: number(&mut session, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")?,
            journal_bytes: number(&mut session, "SELECT pg_current_wal_insert_lsn() - '0/0'")?,
            statements: statements(&mut session)?,
        })
    })
}

/// Removes a schema with everything in it, and has the server write down what it still has to. Errors: `store_failed`.
pub fn remove(address: &PostgresAddress) -> Result<(), Fault> {
    crate::store::apart(|| {
        let mut session = open(address)?;
        session.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", address.schema))?;
        session.run("CHECKPOINT").map(drop)
    })
}

/// Microseconds to the server and back: with nothing to do there, and with a row to be synced. Medians. Errors: `store_failed`.
pub fn round_trips_us(address: &PostgresAddress) -> Result<(f64, f64), Fault> {
    crate::store::apart(|| {
        let mut session = open(address)?;
        session.run("CREATE TABLE IF NOT EXISTS round_trips_synced(n BIGINT)")?;
        let empty = median_us(&mut session, "SELECT 1")?;
        let synced = median_us(&mut session, "INSERT INTO round_trips_synced VALUES (1)")?;
        session.run("DROP TABLE round_trips_synced")?;
        Ok((empty, synced))
    })
}

fn median_us(session: &mut Session, statement: &str) -> Result<f64, Fault> {
    let mut took = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        session.run(statement)?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[ROUND_TRIPS / 2])
}

fn open(address: &PostgresAddress) -> Result<Session, Fault> {
    Way::new(address, "weigh")?.connect()
}

fn statements(session: &mut Session) -> Result<Option<(u64, u64)>, Fault> {
    let preloaded = session.run("SELECT current_setting('shared_preload_libraries')")?;
    if !preloaded.into_iter().flatten().any(|names| names.contains("pg_stat_statements")) {
        return Ok(None);
    }
    session.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public")?;
    let counted = "SELECT coalesce(sum(calls), 0)::bigint FROM public.pg_stat_statements";
    let all = number(session, counted)?;
    Ok(Some((all, number(session, &format!("{counted} WHERE query LIKE '{LOCKS}'"))?)))
}

fn number<T: FromStr>(session: &mut Session, question: &str) -> Result<T, Fault> {
    let told = session.run(question)?.into_iter().flatten().next();
    told.and_then(|text| text.parse().ok()).ok_or_else(|| Fault::new(Code::StoreFailed, "weigh").because("the server gave no number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand;

    #[test]
    fn weigh_tells_rows_and_what_the_server_did_and_remove_leaves_nothing() {
        let Some(server) = rushes_testkit::servers::postgres_synced() else { return };
        let address = stand::reach(&server.url());
        let before = weigh(&address).unwrap();
        assert_eq!((before.rows, before.bytes), (0, 0));
        Way::new(&address, "test").unwrap().migrate().unwrap();
        let after = weigh(&address).unwrap();
        assert!(after.rows > 0 && after.bytes > 0 && after.journal_bytes > before.journal_bytes, "{before:?} {after:?}");
        if let (Some(before), Some(after)) = (before.statements, after.statements) {
            assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
        }
        remove(&address).unwrap();
        assert_eq!(weigh(&address).unwrap().rows, 0);
    }
}
