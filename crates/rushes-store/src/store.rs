//! The store as its rooms use it: one writer, a few readers, on a file of its own or on a server that nodes share.

use crate::base::{Base, Link};
use crate::bells::{Bells, Watch};
use crate::postgres::{self, PostgresAddress, Way};
use crate::sql::Sql;
use crate::sqlite::{self, TAKE_OVER};
use crate::versions::Versions;
use crate::writer::{Write, Writer};
use rushes_core::clock::Clock;
use rushes_core::delivery::Routes;
use rushes_core::{Code, Fault};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Read connections at most; who finds none free waits.
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

/// Where the rows are.
#[derive(Clone)]
enum Place {
    File(PathBuf),
    Server(Arc<Way>),
}

impl Place {
    fn reader(&self) -> Result<Base, Fault> {
        match self {
            Self::File(path) => sqlite::open_reader(path).map(Base::Sqlite),
            Self::Server(way) => Link::open_patiently(way.clone()).map(|link| Base::Postgres(Box::new(link))),
        }
    }
}

/// The store, on one SQLite file or in one schema of a Postgres server.
pub struct SqlStore {
    place: Place,
    readers: Arc<Mutex<Vec<Base>>>,
    reading: Arc<Semaphore>,
    writer: Option<Writer>,
    watch: Watch,
    /// Held for the listener, which ends with it.
    _bells: Arc<Bells>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) routes: Arc<Routes>,
    /// This node among others; None where it is alone.
    pub(crate) node: Option<String>,
    pub(crate) versions: Arc<Versions>,
}

impl SqlStore {
    /// Opens the file, for writing making and migrating it first.
    /// Errors: `home_newer`, `config_invalid` (reading one that must be migrated), `file_missing` (reading a database
    /// that is not there), `disk_full`, `store_failed`.
    pub fn open(path: &Path, mode: &Mode, clock: Arc<dyn Clock>, routes: Routes) -> Result<Self, Fault> {
        let (bells, watch) = Bells::new();
        let (bells, routes) = (Arc::new(bells), Arc::new(routes));
        let start = |owner: &str, is_alone| {
            let base = Base::Sqlite(sqlite::writing(path, is_alone)?);
            Writer::start(base, clock.clone(), bells.clone(), routes.clone(), owner.to_owned()).map_err(unstarted)
        };
        let writer = match mode {
            Mode::Read | Mode::Nothing => None,
            Mode::Own { owner } => Some(start(owner, true)?),
            Mode::Join { owner } => Some(start(owner, false)?),
        };
        let readers = if *mode == Mode::Nothing { Vec::new() } else { vec![Base::Sqlite(sqlite::checked_reader(path)?)] };
        Ok(Self::of(Place::File(path.to_owned()), readers, writer, (bells, watch), clock, routes))
    }

    /// Opens a schema of a server, for writing making and migrating it first. Where other nodes share it, their leases
    /// count until they run out, whatever the mode. Blocks until the server answers, or does not.
    /// Errors: `home_newer`, `config_invalid`, `store_failed`.
    pub fn open_postgres(address: &PostgresAddress, mode: &Mode, clock: Arc<dyn Clock>, routes: Routes) -> Result<Self, Fault> {
        let (bells, watch) = Bells::new();
        let (bells, routes) = (Arc::new(bells), Arc::new(routes));
        let by = match mode {
            Mode::Own { owner } | Mode::Join { owner } => owner.clone(),
            Mode::Read | Mode::Nothing => clock.new_id().to_string(),
        };
        let way = Arc::new(Way::new(address, &by)?);
        let writer = if matches!(mode, Mode::Own { .. } | Mode::Join { .. }) {
            let link = apart(|| {
                way.migrate()?;
                let link = Link::open(way.clone())?;
                if matches!(mode, Mode::Own { .. }) && address.node.is_none() {
                    link.run_each(TAKE_OVER)?;
                }
                Ok(link)
            })?;
            let base = Base::Postgres(Box::new(link));
            Some(Writer::start(base, clock.clone(), bells.clone(), routes.clone(), by).map_err(unstarted)?)
        } else {
            None
        };
        if *mode != Mode::Nothing {
            postgres::listen(&way, &bells).map_err(unstarted)?;
        }
        Ok(Self::of(Place::Server(way), Vec::new(), writer, (bells, watch), clock, routes))
    }

    fn of(
        place: Place,
        readers: Vec<Base>,
        writer: Option<Writer>,
        (bells, watch): (Arc<Bells>, Watch),
        clock: Arc<dyn Clock>,
        routes: Arc<Routes>,
    ) -> Self {
        let node = match &place {
            Place::File(_) => None,
            Place::Server(way) => way.node(),
        };
        let (readers, reading) = (Arc::new(Mutex::new(readers)), Arc::new(Semaphore::new(READERS)));
        Self { place, readers, reading, writer, watch, _bells: bells, clock, routes, node, versions: Arc::default() }
    }

    /// From now on jobs that were begun with other versions of their workflows than these are left, for so long after they were
    /// last touched, to others that have theirs. Without it every job is taken up.
    #[must_use]
    pub fn having<'a>(self, versions: impl Iterator<Item = (&'a str, u32)>, patience: Duration) -> Self {
        Self { versions: Arc::new(Versions::new(versions, patience)), ..self }
    }

    /// A connection that reads.
    pub(crate) fn reader(&self) -> Result<Base, Fault> {
        self.place.reader()
    }

    /// Its file, where it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File(path) => Some(path.clone()),
            Place::Server(_) => None,
        }
    }

    /// A connection that writes beside the writer.
    pub(crate) fn beside(&self) -> Result<Base, Fault> {
        match &self.place {
            Place::File(path) => sqlite::open_writer(path).map(Base::Sqlite),
            Place::Server(way) => Link::open(way.clone()).map(|link| Base::Postgres(Box::new(link))),
        }
    }

    /// The bells that ring after commits.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Runs a body in the writer's next transaction; again, where that came to nothing for want of a connection.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let writer =
            self.writer.as_ref().ok_or_else(|| Fault::new(Code::HomeBusy, "write").because("the home is open for reading only"))?;
        writer.write(body).await
    }

    /// Runs a body on a read-only connection, on a blocking thread, in one snapshot.
    pub(crate) async fn read<T, F>(&self, mut body: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&Sql<'_>) -> Result<T, Fault> + Send + 'static,
    {
        // Before a thread is taken: ten thousand readers must not be ten thousand threads and connections.
        let permit = self.reading.clone().acquire_owned().await.map_err(|e| Fault::new(Code::StoreFailed, "read").because(e))?;
        let (readers, place) = (self.readers.clone(), self.place.clone());
        let work = move || {
            let _permit = permit;
            let free = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut base = match free {
                Some(base) => base,
                None => place.reader()?,
            };
            let result = loop {
                let result = base.begin_read().and_then(|()| body(&base.sql()));
                match result {
                    Err(_) if base.is_mended()? => {}
                    result => break result,
                }
            };
            base.roll_back();
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(base);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::StoreFailed, "read").because(e))?
    }
}

/// On a thread of its own: whoever opens a store may be one that must not block.
pub(crate) fn apart<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    std::thread::scope(|scope| scope.spawn(work).join()).map_err(|_| Fault::new(Code::Panicked, "open store"))?
}

fn unstarted(error: std::io::Error) -> Fault {
    Fault::new(Code::StoreFailed, "start writer").because(error)
}
