//! How transactions begin and end, in a SQLite file and on a Postgres server.

use crate::bells::Wakes;
use crate::postgres::Way;
use crate::rows;
use crate::sql::Sql;
use crate::sql::session::Session;
use crate::sql::value::NONE;
use crate::writer::failed;
use rushes_core::clock::Clock;
use rushes_core::{Code, Fault};
use rusqlite::Connection;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server that cannot be reached is waited for, before whoever asks is told.
const PATIENCE: Duration = Duration::from_secs(60);
/// Commands in one transaction at most: bounds how long the first of them waits.
const BATCH: usize = 512;
/// Where each statement is a way to a server and back, and other nodes wait meanwhile.
const SHARED_BATCH: usize = 32;
/// How long a job's lease lasts; the writer renews those of its engine each second. While one engine has the home, nobody
/// else looks, and its next start waits for no lease.
pub(crate) const LEASE_MS: i64 = 3_000;
/// Where several engines share a store: long enough for a server that is started anew, short enough for a node that died.
const SHARED_LEASE_MS: i64 = 6_000;
/// Between two tries to reach it.
const TRY_EVERY: Duration = Duration::from_millis(200);

/// After so many commits of one session the server is asked to look at its tables. A statement's plan is kept for as long as
/// nobody did; those made while a schema was empty walk whole tables, and by itself the server looks after a minute or more.
const LOOKED_AT: [u64; 3] = [100, 1_000, 10_000];
/// Those that grow with each asset.
const GROWING: [&str; 9] = ["deliveries", "outbox", "outbox_needs", "assets", "blobs", "steps", "jobs", "subjects", "events"];

/// One connection, of a writer or of a reader.
pub(crate) enum Base {
    Sqlite(Connection),
    Postgres(Box<Link>),
}

/// A session, replaced by another when it is lost.
pub(crate) struct Link {
    way: Arc<Way>,
    session: RefCell<Session>,
    /// The number of the transaction under way, by which its end can be asked for.
    transaction: String,
    commits: u64,
}

impl Link {
    pub(crate) fn open(way: Arc<Way>) -> Result<Self, Fault> {
        Ok(Self { session: RefCell::new(way.connect()?), way, transaction: String::new(), commits: 0 })
    }

    /// Runs statements of the house, each for itself.
    pub(crate) fn run_each(&self, statements: &[&str]) -> Result<(), Fault> {
        statements.iter().try_for_each(|statement| rows::change(&Sql::Postgres(&self.session), statement, NONE).map(drop))
    }

    /// As [`Link::open`]; a server that is away is waited for a while.
    pub(crate) fn open_patiently(way: Arc<Way>) -> Result<Self, Fault> {
        let session = patiently(&way)?;
        Ok(Self { session: RefCell::new(session), way, transaction: String::new(), commits: 0 })
    }

    fn run(&self, statements: &str) -> Result<Vec<Option<String>>, Fault> {
        self.session.borrow_mut().run(statements)
    }

    /// Another session in place of a lost one; the last fault after a while of trying.
    fn renew(&mut self) -> Result<(), Fault> {
        self.session = RefCell::new(patiently(&self.way)?);
        Ok(())
    }

    /// All writes of all nodes pass one at a time: each transaction sees what those before it wrote, whoever wrote them,
    /// and facts are numbered in the order in which they are seen. Nodes that share a store share the server's time.
    fn begin_write(&mut self, clock: &dyn Clock) -> Result<i64, Fault> {
        let begun = self.run(&format!(
            "BEGIN; SELECT pg_advisory_xact_lock({}); SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_current_xact_id()::text",
            self.way.lock
        ))?;
        let [Some(now_ms), Some(transaction)] = begun.as_slice() else {
            return Err(Fault::new(Code::StoreFailed, "begin").because("the server did not say what time it is"));
        };
        self.transaction.clone_from(transaction);
        if !self.way.is_shared() {
            return Ok(clock.now_ms());
        }
        now_ms.parse().map_err(|e| Fault::new(Code::StoreFailed, "begin").because(e))
    }

    /// Commits, with the word for those who listen. Where the answer is lost, another session is asked what became of it;
    /// false when nothing did.
    fn commit(&mut self, wakes: &Wakes) -> Result<bool, Fault> {
        let word = self.way.word(wakes);
        let Err(fault) = self.run(&format!("{word}COMMIT")) else { return Ok(true) };
        if !self.session.borrow().is_lost() {
            return Err(fault);
        }
        self.renew()?;
        loop {
            let asked = self.run(&format!("SELECT pg_xact_status('{}'::xid8)", self.transaction))?;
            match asked.first().and_then(Option::as_deref) {
                Some("committed") => return Ok(true),
                Some("in progress") => std::thread::sleep(TRY_EVERY),
                _ => return Ok(false),
            }
        }
    }
}

impl Base {
    pub(crate) fn sql(&self) -> Sql<'_> {
        match self {
            Self::Sqlite(connection) => Sql::Sqlite(connection),
            Self::Postgres(link) => Sql::Postgres(&link.session),
        }
    }

    /// Begins a transaction that writes; gives the time it counts as, in milliseconds since 1970.
    pub(crate) fn begin_write(&mut self, clock: &dyn Clock) -> Result<i64, Fault> {
        match self {
            Self::Sqlite(connection) => run(connection, "BEGIN IMMEDIATE").map(|()| clock.now_ms()),
            Self::Postgres(link) => link.begin_write(clock),
        }
    }

    /// Begins a look at one moment.
    pub(crate) fn begin_read(&self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(connection) => run(connection, "BEGIN"),
            Self::Postgres(link) => link.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").map(drop),
        }
    }

    /// A statement around commands.
    pub(crate) fn run(&self, statement: &'static str) -> Result<(), Fault> {
        match self {
            Self::Sqlite(connection) => run(connection, statement),
            Self::Postgres(link) => link.run(statement).map(drop),
        }
    }

    /// False where the way to the server broke and nothing was written: the same may be done again.
    pub(crate) fn commit(&mut self, wakes: &Wakes) -> Result<bool, Fault> {
        match self {
            Self::Sqlite(connection) => run(connection, "COMMIT").map(|()| true),
            Self::Postgres(link) => link.commit(wakes),
        }
    }

    /// Between two transactions, after one that was committed.
    pub(crate) fn look_after_tables(&mut self) {
        let Self::Postgres(link) = self else { return };
        link.commits += 1;
        if !LOOKED_AT.contains(&link.commits) {
            return;
        }
        for table in GROWING {
            if let Err(fault) = link.run(&format!("ANALYZE {table}")) {
                // It does so by itself sooner or later.
                tracing::debug!(%fault, table, "the database did not look at a table");
            }
        }
    }

    /// Ends a transaction without a trace, if one is under way.
    pub(crate) fn roll_back(&self) {
        match self {
            Self::Sqlite(connection) if !connection.is_autocommit() => drop(run(connection, "ROLLBACK")),
            Self::Sqlite(_) => {}
            // Where the session is lost there is none.
            Self::Postgres(link) => drop(link.run("ROLLBACK")),
        }
    }

    /// After a fault: whether it was the way to the server, which is good again; then the same may be done again. Takes its
    /// time where the server is away.
    pub(crate) fn is_mended(&mut self) -> Result<bool, Fault> {
        match self {
            Self::Postgres(link) if link.session.borrow().is_lost() => link.renew().map(|()| true),
            Self::Sqlite(_) | Self::Postgres(_) => Ok(false),
        }
    }

    /// Whether what was asked last failed for want of a connection.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Postgres(link) if link.session.borrow().is_lost())
    }

    /// This node, where others share the store.
    pub(crate) fn node(&self) -> Option<String> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(link) => link.way.node(),
        }
    }

    /// Commands in one transaction at most.
    pub(crate) fn batch_max(&self) -> usize {
        match self {
            Self::Sqlite(_) => BATCH,
            Self::Postgres(_) => SHARED_BATCH,
        }
    }

    /// How long a job's lease lasts without renewal.
    pub(crate) fn lease_ms(&self) -> i64 {
        match self {
            Self::Postgres(link) if link.way.is_shared() => SHARED_LEASE_MS,
            Self::Sqlite(_) | Self::Postgres(_) => LEASE_MS,
        }
    }
}

/// A session, as soon as the server lets one in; the last fault after a while of trying.
fn patiently(way: &Way) -> Result<Session, Fault> {
    let begun = Instant::now();
    loop {
        match way.connect() {
            Ok(session) => return Ok(session),
            Err(fault) if begun.elapsed() > PATIENCE => return Err(fault),
            Err(fault) => tracing::warn!(%fault, "the database cannot be reached"),
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Runs one of the few statements around commands, prepared once.
fn run(connection: &Connection, statement: &'static str) -> Result<(), Fault> {
    connection.prepare_cached(statement).and_then(|mut prepared| prepared.execute([])).map_err(|e| failed(statement, e))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{Mode, SqlStore, rows, sql::params, stand};
    use rushes_core::clock::SystemClock;
    use rushes_core::delivery::Routes;
    use rushes_core::store::Marks;
    use std::sync::Arc;

    #[tokio::test]
    async fn base_has_a_server_look_at_tables_that_have_grown() {
        let Some(server) = rushes_testkit::servers::postgres() else { return };
        let (address, mode) = (stand::reach(&server.url()), Mode::Own { owner: "one".into() });
        let store = SqlStore::open_postgres(&address, &mode, Arc::new(SystemClock), Routes::default()).unwrap();
        let looked_at = || {
            let known = "SELECT count(*) FROM pg_class WHERE relname = ?1 AND relnamespace = ?2::regnamespace AND reltuples >= 0";
            store.read(move |sql| rows::number(sql, known, params!["outbox", "test"]))
        };
        for n in 0..super::LOOKED_AT[0] {
            store.set_mark("so far", n.try_into().unwrap()).await.unwrap();
        }
        // The next write is answered after what came before it.
        store.set_mark("so far", 0).await.unwrap();
        assert_eq!(looked_at().await.unwrap(), 1);
    }
}
