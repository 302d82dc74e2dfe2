//! Writing into folders that other programs read: a file appears whole or not at all, and stays after a power cut.

use rushes_core::{Code, Fault};
use std::collections::{BTreeSet, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Begins the names of files that are not finished yet.
pub(crate) const UNFINISHED: &str = ".rushes-";

/// How often, and after how long each, an unfinished file that somebody else writes is tried again before it is left.
const TRIES: u32 = 20;
const TRY_AFTER: Duration = Duration::from_millis(10);
/// An unfinished file that is locked and yet has not grown for this long was left by someone who stands still. Less than
/// an outbox lease, so that whoever takes over a lease is not kept waiting for the one who lost it.
const LEFT_AFTER: Duration = Duration::from_secs(10);
/// Folders remembered at most; beyond that they are looked at anew.
const KNOWN_MAX: usize = 10_000;

/// The folders below a root that a power cut cannot take away: each was synced into the one above, once in this process.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    root: PathBuf,
    known: Arc<Mutex<BTreeSet<PathBuf>>>,
    syncs: Arc<Syncs>,
}

/// Syncs of folders, each for all who asked before it began: eight objects put into one folder at about the same time
/// need two, not eight.
#[derive(Debug, Default)]
struct Syncs {
    /// By folder, as long as somebody asks.
    rounds: Mutex<HashMap<PathBuf, Round>>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Round {
    /// How many have asked, and for how many of those it is done.
    asked: u64,
    done: u64,
    is_under_way: bool,
    waiting: u32,
}

impl Folders {
    pub(crate) fn below(root: PathBuf) -> Self {
        Self { root, known: Arc::default(), syncs: Arc::default() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes durable what is already in its place: whoever put it there may have been killed before that.
    pub(crate) fn keep(&self, target: &Path) -> io::Result<()> {
        File::open(target)?.sync_all()?;
        let folder = target.parent().unwrap_or(target);
        self.make(folder)?;
        self.sync(folder)
    }

    /// Makes names given in a folder durable.
    fn sync(&self, folder: &Path) -> io::Result<()> {
        let mut rounds = self.syncs.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let round = rounds.entry(folder.to_owned()).or_default();
        round.asked += 1;
        round.waiting += 1;
        let mine = round.asked;
        let synced = loop {
            let round = rounds.entry(folder.to_owned()).or_default();
            if round.done >= mine {
                break Ok(());
            }
            if round.is_under_way {
                rounds = self.syncs.ended.wait(rounds).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            round.is_under_way = true;
            let covered = round.asked;
            drop(rounds);
            let synced = sync(folder);
            rounds = self.syncs.rounds.lock().unwrap_or_else(PoisonError::into_inner);
            let round = rounds.entry(folder.to_owned()).or_default();
            round.is_under_way = false;
            // Where it failed, each of the others tries for itself and gets its own answer.
            if synced.is_ok() {
                round.done = round.done.max(covered);
            }
            self.syncs.ended.notify_all();
            break synced;
        };
        let round = rounds.entry(folder.to_owned()).or_default();
        round.waiting -= 1;
        if round.waiting == 0 {
            rounds.remove(folder);
        }
        synced
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A folder was removed: it is made and synced anew when it is needed.
    pub(crate) fn went(&self, folder: &Path) {
        self.known().remove(folder);
    }

    /// Makes what is missing from the root down. Whoever made the rest may have been killed before syncing it.
    pub(crate) fn make(&self, folder: &Path) -> io::Result<()> {
        if self.known().contains(folder) && folder.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(folder)?;
        let mut level = Some(folder);
        while let Some(made) = level.filter(|made| made.starts_with(&self.root)) {
            level = made.parent();
            // A folder above the root may be closed to us; then it is not ours to keep.
            if let Some(above) = level
                && let Err(error) = sync(above)
                && above.starts_with(&self.root)
            {
                return Err(error);
            }
        }
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(folder.to_owned());
        Ok(())
    }
}

/// A file that is not finished yet, beside its place and locked while it is written. Its name follows from that of the
/// place, so that the next try takes over what a killed process left. Removed unless it is put in place.
pub(crate) struct Unfinished {
    folders: Folders,
    path: PathBuf,
    file: File,
    is_placed: bool,
}

impl Unfinished {
    /// Takes the one unfinished file of a place, empty. Errors: `WouldBlock` while somebody else writes it; one who has
    /// stopped writing loses it, and is told when it wants to put it in place.
    pub(crate) fn of(target: &Path, folders: &Folders) -> io::Result<Self> {
        folders.make(target.parent().unwrap_or(target))?;
        let path = unfinished(target);
        for _ in 0..TRIES {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            match lock(&file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if is_left(&file) && is_named(&file, &path) {
                        std::fs::remove_file(&path)?;
                    } else {
                        std::thread::sleep(TRY_AFTER);
                    }
                    continue;
                }
                locked => locked?,
            }
            if !is_named(&file, &path) {
                // Who had it has put it in place or away between our opening and our lock.
                continue;
            }
            if file.metadata()?.nlink() > 1 {
                // Killed after it was put in place: this is the object itself, under a second name.
                std::fs::remove_file(&path)?;
                continue;
            }
            file.set_len(0)?;
            return Ok(Self { folders: folders.clone(), path, file, is_placed: false });
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "somebody else is writing this file"))
    }

    /// Removes what a killed process left for a place that needs nothing more. Somebody who writes it now goes on.
    pub(crate) fn clear(target: &Path) {
        let path = unfinished(target);
        if let Ok(file) = OpenOptions::new().write(true).open(&path)
            && lock(&file).is_ok()
            && is_named(&file, &path)
        {
            let _ = std::fs::remove_file(&path);
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Errors: `WouldBlock` when somebody else has taken the place over meanwhile.
    fn still_ours(&self) -> io::Result<()> {
        if is_named(&self.file, &self.path) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::WouldBlock, "somebody else has taken over this file"))
        }
    }

    /// Gives it its name where nothing is yet; `AlreadyExists` otherwise.
    #[expect(clippy::disallowed_methods, reason = "a folder adapter's put: linking fails where something is, renaming would not")]
    pub(crate) fn create(mut self, target: &Path) -> io::Result<()> {
        self.still_ours()?;
        std::fs::hard_link(&self.path, target)?;
        // Still locked, so that nobody takes the object's second name for an unfinished file.
        std::fs::remove_file(&self.path)?;
        self.is_placed = true;
        self.folders.sync(target.parent().unwrap_or(target))
    }

    /// Gives it its name in place of what is there.
    #[expect(clippy::disallowed_methods, reason = "a folder adapter's put")]
    pub(crate) fn replace(mut self, target: &Path) -> io::Result<()> {
        self.still_ours()?;
        std::fs::rename(&self.path, target)?;
        self.is_placed = true;
        self.folders.sync(target.parent().unwrap_or(target))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_placed && self.still_ours().is_ok() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

pub(crate) fn unfinished(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{UNFINISHED}{}.part", &rushes_core::flow::hash(&name)[..16]))
}

/// Locks a file for this handle; on systems without such locks it counts as locked.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(()),
    }
}

/// Whether nobody has written to the file for a while.
fn is_left(file: &File) -> bool {
    let written = file.metadata().and_then(|found| found.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_AFTER))
}

/// Whether the open file is still the one of this name.
fn is_named(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(named)) = (file.metadata(), path.symlink_metadata()) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The path of a key below a root. Errors: `destination_refused` for keys that would leave it.
pub(crate) fn inside(root: &Path, key: &str) -> Result<PathBuf, Fault> {
    let is_plain = !key.is_empty()
        && key
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && !part.starts_with(UNFINISHED) && !part.contains('\0'));
    if is_plain {
        Ok(root.join(key))
    } else {
        Err(Fault::new(Code::DestinationRefused, "read key").with("key", key).because("a key is `/`-separated names without `.` and `..`"))
    }
}

/// An I/O error of a folder that plays a remote place: refused where trying again gives the same, else down.
pub(crate) fn fault(code_down: Code, operation: &str, path: &Path, error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    let code = match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => Code::DiskFull,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::InvalidFilename | Kind::NotADirectory | Kind::IsADirectory => {
            Code::DestinationRefused
        }
        _ => code_down,
    };
    Fault::new(code, operation).with("path", path.display()).because(error)
}

/// Runs blocking work on a blocking thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "work on folder").because(e))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn part(target: &Path, text: &str) -> File {
        let mut file = File::create(unfinished(target)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn finish(target: &Path, folders: &Folders, text: &str) -> io::Result<()> {
        let mut unfinished = Unfinished::of(target, folders)?;
        unfinished.file().write_all(text.as_bytes())?;
        unfinished.replace(target)
    }

    #[test]
    fn folder_takes_over_what_a_killed_process_left() {
        let folder = tempfile::tempdir().unwrap();
        let (target, folders) = (folder.path().join("a.bin"), Folders::below(folder.path().to_owned()));
        drop(part(&target, "longer than what comes now"));
        finish(&target, &folders, "short").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "short");
        assert!(!unfinished(&target).exists());
        drop(part(&target, "half"));
        Unfinished::clear(&target);
        assert!(!unfinished(&target).exists());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "does what a kill in the middle of a put leaves")]
    fn folder_never_empties_an_object_that_still_has_its_second_name() {
        let folder = tempfile::tempdir().unwrap();
        let (target, folders) = (folder.path().join("a.bin"), Folders::below(folder.path().to_owned()));
        drop(part(&target, "placed"));
        std::fs::hard_link(unfinished(&target), &target).unwrap();
        let mut next = Unfinished::of(&target, &folders).unwrap();
        next.file().write_all(b"other").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "placed");
        drop(next);
        assert!(!unfinished(&target).exists());
    }

    #[test]
    fn folder_syncs_for_many_and_remembers_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::below(folder.path().to_owned());
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (folders, folder) = (&folders, folder.path());
                scope.spawn(move || {
                    for n in 0..20 {
                        finish(&folder.join(format!("{thread}-{n}")), folders, "text").unwrap();
                    }
                });
            }
        });
        assert!(folders.syncs.rounds.lock().unwrap().is_empty());
        assert!(folders.sync(&folder.path().join("none")).is_err());
        assert!(folders.syncs.rounds.lock().unwrap().is_empty());
    }

    #[test]
    fn folder_leaves_alone_what_another_writes_just_now() {
        let folder = tempfile::tempdir().unwrap();
        let (target, folders) = (folder.path().join("a.bin"), Folders::below(folder.path().to_owned()));
        let other = part(&target, "theirs");
        other.try_lock().unwrap();
        assert_eq!(finish(&target, &folders, "ours").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        Unfinished::clear(&target);
        assert_eq!(std::fs::read_to_string(unfinished(&target)).unwrap(), "theirs");
        drop(other);
        finish(&target, &folders, "ours").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "ours");
    }

    #[test]
    fn folder_takes_over_from_one_who_stands_still_and_who_wakes_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (target, folders) = (folder.path().join("a.bin"), Folders::below(folder.path().to_owned()));
        let asleep = || {
            let mut unfinished = Unfinished::of(&target, &folders).unwrap();
            unfinished.file().write_all(b"theirs").unwrap();
            let written = unfinished.file().metadata().unwrap().modified().unwrap();
            unfinished.file().set_modified(written - LEFT_AFTER * 2).unwrap();
            unfinished
        };
        let (linking, renaming, leaving) = (asleep(), asleep(), asleep());
        let mut ours = Unfinished::of(&target, &folders).unwrap();
        ours.file().write_all(b"ours").unwrap();
        assert_eq!(linking.create(&target).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(renaming.replace(&target).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(leaving);
        ours.create(&target).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "ours");
    }
}
