//! What this process knows of ids: which is meant for which path, which is there, and which went. Drive's listings lag
//! behind; looking at an id does not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// What is older than this, Drive's listings are trusted to show.
const LAG: Duration = Duration::from_mins(10);
/// A folder's id is looked at again after this.
const FOLDER_KNOWN: Duration = Duration::from_mins(5);
/// Paths remembered at once: some tens of megabytes.
const PATHS_MAX: usize = 100_000;

#[derive(Debug, Clone)]
struct Known {
    id: String,
    at: Instant,
    is_there: bool,
}

/// Paths and their ids.
#[derive(Debug, Default)]
pub(super) struct Memory {
    paths: Mutex<HashMap<String, Known>>,
    gone: Mutex<HashMap<String, Instant>>,
    /// Ids that Drive gave us to use.
    pub(super) pool: tokio::sync::Mutex<Vec<String>>,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Nobody else in this process makes anything at this path until it is dropped.
    pub(super) async fn lock(&self, path: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = locked(&self.locks);
            if locks.len() > PATHS_MAX {
                locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            locks.entry(path.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// The id of what is at a path, as far as was seen.
    pub(super) fn there(&self, path: &str) -> Option<String> {
        let is_stale = |known: &Known| path.ends_with('/') && known.at.elapsed() > FOLDER_KNOWN;
        locked(&self.paths).get(path).filter(|known| known.is_there && !is_stale(known)).map(|known| known.id.clone())
    }

    /// The id that a create at this path was begun with, and may have used.
    pub(super) fn meant(&self, path: &str) -> Option<String> {
        locked(&self.paths).get(path).filter(|known| !known.is_there).map(|known| known.id.clone())
    }

    pub(super) fn mean(&self, path: &str, id: &str) {
        self.know(path, id, false);
    }

    pub(super) fn found(&self, path: &str, id: &str) {
        self.know(path, id, true);
    }

    fn know(&self, path: &str, id: &str, is_there: bool) {
        let mut paths = locked(&self.paths);
        if paths.len() >= PATHS_MAX {
            paths.retain(|_, known| !known.is_there || known.at.elapsed() < LAG);
        }
        if paths.len() >= PATHS_MAX {
            paths.retain(|_, known| !known.is_there);
        }
        // What was there already is not new.
        let since = paths.get(path).filter(|known| known.is_there && is_there && known.id == id && !path.ends_with('/'));
        let at = since.map_or_else(Instant::now, |known| known.at);
        paths.insert(path.to_owned(), Known { id: id.to_owned(), at, is_there });
    }

    /// Nothing is known of a path any more.
    pub(super) fn forget(&self, path: &str) {
        locked(&self.paths).remove(path);
    }

    /// The folders on the way to a path are looked at again.
    pub(super) fn forget_folders(&self, path: &str) {
        locked(&self.paths).retain(|known, _| !(known.ends_with('/') && path.starts_with(known.as_str())));
    }

    /// This id is in the trash: listings may still show it.
    pub(super) fn went(&self, id: &str) {
        let mut gone = locked(&self.gone);
        gone.retain(|_, at| at.elapsed() < LAG);
        gone.insert(id.to_owned(), Instant::now());
    }

    pub(super) fn is_gone(&self, id: &str) -> bool {
        locked(&self.gone).get(id).is_some_and(|at| at.elapsed() < LAG)
    }

    /// Objects below a prefix that listings may not show yet: path and id.
    pub(super) fn fresh(&self, prefix: &str) -> Vec<(String, String)> {
        let is_fresh = |known: &Known| known.is_there && known.at.elapsed() < LAG;
        let paths = locked(&self.paths);
        let fresh = paths.iter().filter(|(path, known)| is_fresh(known) && path.starts_with(prefix) && !path.ends_with('/'));
        fresh.map(|(path, known)| (path.clone(), known.id.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gdrive_memory_tells_what_is_there_from_what_was_meant() {
        let memory = Memory::default();
        memory.mean("a/b", "1");
        assert_eq!((memory.there("a/b"), memory.meant("a/b").as_deref()), (None, Some("1")));
        memory.found("a/b", "1");
        memory.found("a/", "2");
        assert_eq!((memory.there("a/b").as_deref(), memory.meant("a/b")), (Some("1"), None));
        assert_eq!(memory.fresh("a/"), [("a/b".to_owned(), "1".to_owned())]);
        memory.forget_folders("a/c");
        assert_eq!((memory.there("a/"), memory.there("a/b").as_deref()), (None, Some("1")));
        memory.went("1");
        assert!(memory.is_gone("1") && !memory.is_gone("2"));
    }

    #[tokio::test]
    async fn gdrive_memory_lets_one_at_a_path() {
        let memory = Memory::default();
        let held = memory.lock("a/").await;
        let _other = memory.lock("b/").await;
        assert!(tokio::time::timeout(Duration::from_millis(20), memory.lock("a/")).await.is_err());
        drop(held);
        memory.lock("a/").await;
    }
}
