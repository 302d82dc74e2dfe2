//! A home on disk: where everything is, and the lock that lets one engine work on it.

use rushes_core::clock::Clock;
use rushes_core::faults::{self, Place};
use rushes_core::{Code, Fault, JobId};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

/// The folder of one Rushes home. Making one touches nothing.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home in this folder; made absolute and without `..`, so that the working directory may change and everything in
    /// it has a path that begins with it.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root: if goes_up(&absolute) { without_going_up(&absolute) } else { absolute } }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("rushes.db")
    }

    /// Bytes, named by their SHA-256.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The view people browse.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.root.join("library")
    }

    /// Where one job's steps work.
    #[must_use]
    pub fn scratch(&self, job: JobId) -> PathBuf {
        self.root.join("scratch").join(job.to_string())
    }

    /// Where bytes arrive that are fetched back.
    #[must_use]
    pub fn fetching(&self) -> PathBuf {
        self.root.join("scratch").join("fetching")
    }

    /// Where what destinations asked for is made, until it is proven there.
    #[must_use]
    pub fn renditions(&self) -> PathBuf {
        self.root.join("scratch").join("renditions")
    }

    /// Reference videos.
    #[must_use]
    pub fn references(&self) -> PathBuf {
        self.root.join("references")
    }

    /// Styles of music of a person's own; no folder until they make one.
    #[must_use]
    pub fn styles(&self) -> PathBuf {
        self.root.join("styles")
    }

    /// A folder for each shoot: where its photos are dropped, and what is known of them.
    #[must_use]
    pub fn shoots(&self) -> PathBuf {
        self.root.join("shoots")
    }

    /// Models that find and tell faces.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Logins; for nobody else to read.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.root.join("credentials")
    }

    /// Plays the bucket when no other destination is configured.
    #[must_use]
    pub fn remote(&self) -> PathBuf {
        self.root.join("remote")
    }

    /// Makes the folder itself, for its owner's eyes: keys and what belongs to people lie in it.
    fn make(&self) -> Result<(), Fault> {
        let failed = |e| Fault::io("make home folder", &self.root, &e);
        self.root.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        match std::fs::DirBuilder::new().mode(0o700).create(&self.root) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Makes the folders. Errors: `io`, `disk_full`.
    pub fn prepare(&self) -> Result<(), Fault> {
        self.make()?;
        for folder in [self.blobs(), self.library(), self.root.join("scratch"), self.references(), self.remote()] {
            std::fs::create_dir_all(&folder).map_err(|e| Fault::io("make home folder", &folder, &e))?;
        }
        Ok(())
    }

    /// The name of this home among others: drawn the first time, and kept. Errors: `io`, `disk_full`.
    pub fn node(&self, clock: &dyn Clock) -> Result<String, Fault> {
        self.make()?;
        let path = self.root.join("node");
        let broken = |e: &std::io::Error| Fault::io("name home", &path, e);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(|e| broken(&e))?;
        file.lock().map_err(|e| broken(&e))?;
        let mut name = String::new();
        file.read_to_string(&mut name).map_err(|e| broken(&e))?;
        if name.trim().is_empty() {
            name = clock.new_id().to_string();
            file.write_all(name.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| broken(&e))?;
        }
        Ok(name.trim().to_owned())
    }

    /// Takes the home for this process. Errors: `home_busy`, naming the process that has it.
    pub fn lock(&self, role: Role) -> Result<Lock, Fault> {
        self.make()?;
        let path = self.root.join("rushes.lock");
        let broken = |e: &std::io::Error| Fault::io("lock home", &path, e);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(|e| broken(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if faults::lets_past(Place::HomeLock) => {
                return Ok(Lock { file, path: path.clone(), role, is_alone: false });
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The owner may be writing it just now; then the number is missing, the refusal is not.
                let _ = file.read_to_string(&mut text);
                let owner: Option<Owner> = serde_json::from_str(&text).ok();
                let pid = owner.map_or_else(|| "unknown".to_owned(), |owner| owner.pid.to_string());
                return Err(Fault::new(Code::HomeBusy, "lock home").with("home", self.root.display()).with("pid", pid));
            }
            Err(TryLockError::Error(error)) => return Err(broken(&error)),
        }
        // Removed or replaced between opening and locking, it locks nobody out.
        if identity(&path).ok() != file.metadata().ok().map(|file| one(&file)) {
            return Err(Fault::new(Code::HomeBusy, "lock home")
                .with("home", self.root.display())
                .because("its lock was replaced just now"));
        }
        let mut lock = Lock { file, path: path.clone(), role, is_alone: true };
        lock.write(None)?;
        Ok(lock)
    }

    /// What shows from now on whether this is still the same home.
    pub(crate) fn anchor(&self) -> Result<Anchor, Fault> {
        // Where the rows are on a server, there is no database here.
        let files = [self.root.join("rushes.lock"), self.database()].into_iter().filter(|path| path.exists());
        let held = files.map(|path| identity(&path).map(|is| (path.clone(), is)).map_err(|e| Fault::io("look at home", &path, &e)));
        Ok(Anchor { root: self.root.clone(), held: held.collect::<Result<_, _>>()? })
    }

    /// Who works on this home, or did last, as far as the lock file says.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        serde_json::from_str(&std::fs::read_to_string(self.root.join("rushes.lock")).ok()?).ok()
    }
}

fn goes_up(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

/// `..` leads beside what a link leads to, so the system is asked for as much of the path as is there; what is not there yet
/// holds no links. A path without `..` stays as it was said: addresses in records may begin with it.
fn without_going_up(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let (mut plain, rest) = match there {
        Some((part, real)) => (real, path.strip_prefix(part).unwrap_or(Path::new(""))),
        None => (PathBuf::new(), path),
    };
    for part in rest.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Which file a name is of, whatever it is called: its disk and its number there.
fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    path.metadata().map(|file| one(&file))
}

fn one(file: &std::fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The lock and the database of a home as an engine opened them. Both go on working by their handles when the home is
/// moved, while everything else would be made anew where it was; and whoever finds no lock there starts a second engine.
#[derive(Debug)]
pub(crate) struct Anchor {
    root: PathBuf,
    held: Vec<(PathBuf, (u64, u64))>,
}

impl Anchor {
    /// Why the home is no longer the one that was opened, if it is not.
    pub(crate) fn broken(&self) -> Option<Fault> {
        let is_other = |(path, was): &&(PathBuf, (u64, u64))| match identity(path) {
            Ok(is) => is != *was,
            // A disk that does not answer for a moment is no reason.
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        let (path, _) = self.held.iter().find(is_other)?;
        let reason = format!("{} is not the file this engine opened: it was moved, removed or replaced", path.display());
        Some(Fault::new(Code::HomeMoved, "work on home").with("home", self.root.display()).because(reason))
    }
}

/// How long a process means to work on a home.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Until its own command is done.
    #[default]
    Command,
    /// Until it is told to stop; it takes the jobs of others.
    Service,
}

/// Who works on a home, as the lock file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Where it takes requests, once it does.
    #[serde(default)]
    pub(crate) socket: Option<PathBuf>,
    /// What it is there for.
    #[serde(default)]
    pub role: Role,
}

impl Owner {
    /// Whether its process is still there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        // Somebody else's process may not be asked, but it is there.
        pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
    }
}

/// Held as long as this process works on a home; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    role: Role,
    is_alone: bool,
}

impl Lock {
    /// Says where requests are taken.
    pub(crate) fn announce(&mut self, socket: PathBuf) -> Result<(), Fault> {
        if self.is_alone { self.write(Some(socket)) } else { Ok(()) }
    }

    fn write(&mut self, socket: Option<PathBuf>) -> Result<(), Fault> {
        let text = serde_json::to_string(&Owner { pid: std::process::id(), socket, role: self.role }).unwrap_or_default();
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(text.as_bytes()))
            .map_err(|e| Fault::io("lock home", &self.path, &e))
    }

    /// Whether nobody else works on the home, so that every older lease is void. False only where a test let a second
    /// engine in.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }
}
