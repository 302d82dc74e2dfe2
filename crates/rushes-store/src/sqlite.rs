//! Opens the database, holds the read-only connections, and starts the writer.

use crate::migrate;
use crate::writer::{Bells, Write, Writer, failed};
use rushes_core::clock::Clock;
use rushes_core::delivery::Routes;
use rushes_core::{Code, Fault};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Read connections kept open at most; more are opened when busy and dropped afterwards.
const READERS: usize = 8;

/// What the store is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Looking only; nothing is made, nothing is changed.
    Read,
    /// Not at all: every question fails. For looking at destinations and catalogs where there is no database.
    Nothing,
    /// Writing as this engine. The caller holds the home's lock, so every older lease is void.
    Own {
        /// Unique to this process.
        owner: String,
    },
    /// Writing beside another engine: leases of others count until they run out.
    Join {
        /// Unique to this process.
        owner: String,
    },
}

/// Counts that rise after a commit; wait on them instead of asking again and again.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Something became due, or was paid.
    pub outbox: watch::Receiver<u64>,
    /// A job was made, ended, or got a signal.
    pub jobs: watch::Receiver<u64>,
    /// A fact was written.
    pub events: watch::Receiver<u64>,
}

/// The store on one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Option<Writer>,
    watch: Watch,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) routes: Arc<Routes>,
}

impl SqliteStore {
    /// Opens the file, for writing making and migrating it first.
    /// Errors: `home_newer`, `config_invalid` (reading one that must be migrated), `file_missing` (reading a database
    /// that is not there), `disk_full`, `store_failed`.
    pub fn open(path: &Path, mode: &Mode, clock: Arc<dyn Clock>, routes: Routes) -> Result<Self, Fault> {
        let (outbox_bell, outbox) = watch::channel(0);
        let (jobs_bell, jobs) = watch::channel(0);
        let (events_bell, events) = watch::channel(0);
        let bells = Arc::new(Bells { outbox: outbox_bell, jobs: jobs_bell, events: events_bell });
        let writer = match mode {
            Mode::Read | Mode::Nothing => None,
            Mode::Own { owner } => Some(start_writer(path, owner, true, clock.clone(), bells)?),
            Mode::Join { owner } => Some(start_writer(path, owner, false, clock.clone(), bells)?),
        };
        if *mode == Mode::Nothing {
            let watch = Watch { outbox, jobs, events };
            return Ok(Self { path: path.to_owned(), readers: Arc::default(), writer: None, watch, clock, routes: Arc::new(routes) });
        }
        let first = open_reader(path)?;
        if migrate::version(&first)? < migrate::SCHEMA_VERSION {
            return Err(Fault::new(Code::ConfigInvalid, "open database")
                .because("its schema is older; `rushes init` brings it up to date, after a backup"));
        }
        Ok(Self {
            path: path.to_owned(),
            readers: Arc::new(Mutex::new(vec![first])),
            writer,
            watch: Watch { outbox, jobs, events },
            clock,
            routes: Arc::new(routes),
        })
    }

    /// The bells that ring after commits.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Runs a body in the writer's next transaction.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let writer =
            self.writer.as_ref().ok_or_else(|| Fault::new(Code::HomeBusy, "write").because("the home is open for reading only"))?;
        writer.write(body).await
    }

    /// Runs a body on a read-only connection, on a blocking thread, in one snapshot.
    pub(crate) async fn read<T, F>(&self, body: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let readers = self.readers.clone();
        let path = self.path.clone();
        let work = move || {
            let free = readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
            let mut connection = match free {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let snapshot = connection.transaction().map_err(|e| failed("begin read", e))?;
            let result = body(&snapshot);
            drop(snapshot);
            let mut pool = readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if pool.len() < READERS {
                pool.push(connection);
            }
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::StoreFailed, "read").because(e))?
    }
}

fn start_writer(path: &Path, owner: &str, is_alone: bool, clock: Arc<dyn Clock>, bells: Arc<Bells>) -> Result<Writer, Fault> {
    refuse_newer(path)?;
    let mut connection = open_writer(path)?;
    migrate::migrate(&mut connection, path)?;
    if is_alone {
        take_over(&connection)?;
    }
    Writer::start(connection, clock, bells, owner.to_owned()).map_err(|e| Fault::new(Code::StoreFailed, "start writer").because(e))
}

/// A newer program's database is looked at without being able to change it. Any other trouble is left to the writer,
/// which can mend what a crash has left.
fn refuse_newer(path: &Path) -> Result<(), Fault> {
    if !path.exists() {
        return Ok(());
    }
    match open_reader(path).and_then(|reader| migrate::version(&reader)) {
        Err(fault) if fault.code == Code::HomeNewer => Err(fault),
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(path).map_err(|e| failed("open database", e).with("path", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|e| failed("set up database", e))?;
    connection.set_prepared_statement_cache_capacity(128);
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000;")
        .map_err(|e| failed("set up database", e))?;
    Ok(connection)
}

/// Voids the leases of those who worked here before; the caller holds the home's lock, so they are gone.
fn take_over(connection: &Connection) -> Result<(), Fault> {
    connection
        .execute_batch(
            "UPDATE jobs SET lease_until_ms = 0, owner = NULL WHERE state = 'running';
             UPDATE outbox SET state = 'owed', lease = 0, lease_until_ms = 0 WHERE state = 'sending';
             UPDATE deliveries SET state = 'owed' WHERE state = 'sending';
             -- What was refused is tried once more by each start: the cause may be mended by now.
             -- But not an older version where a newer one is known: it would come back in the newer one's place.
             UPDATE outbox SET state = 'superseded' WHERE state = 'refused' AND EXISTS (SELECT 1 FROM outbox newer
                 WHERE newer.op = outbox.op AND newer.destination = outbox.destination AND newer.key = outbox.key AND newer.rev > outbox.rev);
             UPDATE outbox SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL WHERE state = 'refused';
             UPDATE deliveries SET state = 'owed' WHERE state = 'refused';",
        )
        .map_err(|e| failed("take over what is under way", e))
}

#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
fn open_reader(path: &Path) -> Result<Connection, Fault> {
    if !path.exists() {
        return Err(Fault::new(Code::FileMissing, "open database")
            .with("path", path.display())
            .because("there is no Rushes home here; `rushes init` makes one"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| failed("open database", e).with("path", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|e| failed("set up database", e))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
