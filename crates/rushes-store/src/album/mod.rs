//! The albums: one SQLite file for each shoot, beside its photos. Never in Postgres, never at a destination: faces stay on this
//! machine. What is deleted is overwritten.

mod compare;
mod correct;
mod decide;
mod enter;
mod guests;
mod incoming;
mod look;
mod people;
#[cfg(test)]
mod tests;
mod undo;

use crate::upkeep::write_anew;
use crate::writer::failed;
use async_trait::async_trait;
use rushes_core::album::{
    Album, Albums, Corrected, Correction, Counts, Entered, Likenesses, NewPhoto, Person, Photo, Pictured, Rules, Seen, Settled, Wanted,
};
use rushes_core::asset::flaw_of_path;
use rushes_core::clock::Clock;
use rushes_core::faults::{self, Place};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SCHEMA: &str = include_str!("schema.sql");
const SCHEMA_VERSION: u32 = 6;
/// What each version has that the one before it lacks, from the second on.
const SINCE: [&str; SCHEMA_VERSION as usize - 1] = [
    "ALTER TABLE people ADD COLUMN became INTEGER",
    "CREATE TABLE incoming(place INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT",
    "ALTER TABLE people ADD COLUMN is_local INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE different(person INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY(person, other)) STRICT, WITHOUT ROWID",
    // The only way to let two have one name.
    "CREATE TABLE photos_anew(
        number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, sha256 TEXT NOT NULL, extension TEXT NOT NULL,
        original TEXT NOT NULL, first TEXT NOT NULL, model TEXT NOT NULL, is_group INTEGER NOT NULL, entered_ms INTEGER NOT NULL,
        rev INTEGER NOT NULL, settled INTEGER NOT NULL, taken_at TEXT) STRICT;
     INSERT INTO photos_anew SELECT *, NULL FROM photos;
     DROP TABLE photos;
     ALTER TABLE photos_anew RENAME TO photos;
     CREATE INDEX photos_wanted ON photos(number) WHERE rev <> settled;
     CREATE INDEX photos_by_name ON photos(name)",
];
/// Another process writes: a command beside the server.
const BUSY_MAX: Duration = Duration::from_secs(20);

/// The albums below a folder: `{shoot}/album.db`.
pub struct AlbumFiles {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    open: Mutex<HashMap<String, Arc<AlbumFile>>>,
}

impl AlbumFiles {
    /// Opens none yet.
    #[must_use]
    pub fn below(root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { root, clock, open: Mutex::default() }
    }
}

#[async_trait]
impl Albums for AlbumFiles {
    async fn album(&self, shoot: &str) -> Result<Arc<dyn Album>, Fault> {
        if let Some(flaw) = flaw_of_path(shoot).or_else(|| shoot.contains('/').then_some("it is one name, not a path")) {
            return Err(Fault::new(Code::InputInvalid, "open album").with("shoot", shoot).because(flaw));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(album) = open.get(shoot) {
            return Ok(album.clone());
        }
        let album = Arc::new(AlbumFile::open(&self.root.join(shoot), self.clock.clone())?);
        open.insert(shoot.to_owned(), album.clone());
        Ok(album)
    }
}

/// One open album.
struct AlbumFile {
    sql: Arc<Mutex<Connection>>,
    clock: Arc<dyn Clock>,
}

impl AlbumFile {
    #[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
    fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let io = |e| Fault::io("open album", folder, &e);
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(io)?;
        let path = folder.join("album.db");
        // It tells who was where: for its owner's eyes only, with its log.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(io)?;
        let failed = |e| failed("open album", e).with("path", path.display());
        let sql = Connection::open(&path).map_err(failed)?;
        sql.busy_timeout(BUSY_MAX).map_err(failed)?;
        sql.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;")
            .map_err(failed)?;
        let mut sql = sql;
        let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        if version > SCHEMA_VERSION {
            return Err(Fault::new(Code::HomeNewer, "open album").with("path", path.display()));
        }
        if version < SCHEMA_VERSION {
            let lacking = if version == 0 { SCHEMA.to_owned() } else { SINCE[version as usize - 1..].join(";") };
            transaction.execute_batch(&lacking).map_err(failed)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(Self { sql: Arc::new(Mutex::new(sql)), clock })
    }

    /// One durable transaction, on a thread for that.
    async fn write<T: Send + 'static>(&self, body: impl FnOnce(&Writing<'_>) -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let now_ms = self.clock.now_ms();
        self.on_thread(move |sql| {
            let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
            let value = body(&Writing { sql: &transaction, now_ms })?;
            faults::pass(Place::AlbumCommit)?;
            transaction.commit().map_err(writing)?;
            faults::pass_quietly(Place::AlbumCommitted);
            Ok(value)
        })
        .await
    }

    async fn read<T: Send + 'static>(&self, body: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        self.on_thread(move |sql| body(sql)).await
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let sql = self.sql.clone();
        let work = move || {
            let mut sql: MutexGuard<'_, Connection> = sql.lock().unwrap_or_else(PoisonError::into_inner);
            body(&mut sql)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "ask album").because(e))?
    }
}

/// A transaction and its time.
struct Writing<'a> {
    sql: &'a Transaction<'a>,
    now_ms: i64,
}

fn writing(error: rusqlite::Error) -> Fault {
    failed("write album", error)
}

fn reading(error: rusqlite::Error) -> Fault {
    failed("read album", error)
}

/// All rows of a question.
fn all<T>(
    sql: &Connection,
    question: &str,
    params: impl rusqlite::Params,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let mut asked = sql.prepare_cached(question).map_err(reading)?;
    asked.query_map(params, row).and_then(Iterator::collect).map_err(reading)
}

/// The first row of a question, where there is one.
fn one<T>(
    sql: &Connection,
    question: &str,
    params: impl rusqlite::Params,
    row: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    use rusqlite::OptionalExtension;
    sql.prepare_cached(question).and_then(|mut asked| asked.query_row(params, row).optional()).map_err(reading)
}

/// Carries a statement out; gives how many rows it changed.
fn change(sql: &Connection, statement: &str, params: impl rusqlite::Params) -> Result<usize, Fault> {
    sql.prepare_cached(statement).and_then(|mut asked| asked.execute(params)).map_err(writing)
}

#[async_trait]
impl Pictured for AlbumFile {
    async fn people(&self) -> Result<Vec<Person>, Fault> {
        self.read(people::list).await
    }

    async fn photos(&self, person: Option<u32>, after: u32, limit: u32) -> Result<Vec<Photo>, Fault> {
        self.read(move |sql| look::photos(sql, person, after, limit)).await
    }

    async fn faces(&self, photo: Option<u32>, limit: u32) -> Result<Vec<Seen>, Fault> {
        self.read(move |sql| look::faces(sql, photo, limit)).await
    }

    async fn crop(&self, face: u32) -> Result<Option<Vec<u8>>, Fault> {
        self.read(move |sql| one(sql, "SELECT crop FROM faces WHERE id = ?1 AND length(crop) > 0", [face], |row| row.get(0))).await
    }

    async fn counts(&self) -> Result<Counts, Fault> {
        self.read(look::counts).await
    }

    async fn forgotten(&self) -> Result<Vec<u32>, Fault> {
        self.read(people::forgotten).await
    }

    async fn likenesses(&self, known: Option<[u64; 2]>, limit: u32) -> Result<Option<Likenesses>, Fault> {
        self.read(move |sql| compare::likenesses(sql, known, limit)).await
    }

    async fn last_said(&self) -> Result<Option<(i64, i64, String)>, Fault> {
        let question = "SELECT id, at_ms, what FROM corrections ORDER BY id DESC LIMIT 1";
        self.read(move |sql| one(sql, question, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))).await
    }
}

#[async_trait]
impl Album for AlbumFile {
    async fn enter(&self, photo: NewPhoto, rules: Rules) -> Result<Entered, Fault> {
        self.write(move |write| enter::enter(write, &photo, &rules)).await
    }

    async fn known(&self, sha256: &str) -> Result<Option<Entered>, Fault> {
        let sha256 = sha256.to_owned();
        self.read(move |sql| enter::known(sql, &sha256)).await
    }

    async fn correct(&self, correction: Correction, rules: Rules) -> Result<Corrected, Fault> {
        self.write(move |write| correct::correct(write, correction, &rules)).await
    }

    async fn wanted(&self, photos: &[u32], limit: u32) -> Result<Wanted, Fault> {
        let photos = photos.to_vec();
        self.read(move |sql| look::wanted(sql, &photos, limit)).await
    }

    async fn settle(&self, settled: Settled) -> Result<bool, Fault> {
        self.write(move |write| look::settle(write, &settled)).await
    }

    async fn expire(&self) -> Result<bool, Fault> {
        let is_erased = self.write(people::expire).await?;
        if is_erased {
            self.scrub().await?;
        }
        Ok(is_erased)
    }

    async fn scrub(&self) -> Result<(), Fault> {
        self.on_thread(|sql| write_anew(sql)).await
    }

    async fn forgot(&self, people: &[u32]) -> Result<(), Fault> {
        let people = people.to_vec();
        self.write(move |write| people::forgot(write.sql, &people)).await
    }
}
