//! Scratch folders: made when a body first asks for one, and passed on to a later step once they are empty again.
//!
//! Making and removing a folder for each step costs a file system more than the step costs the journal.
//!
//! What stays how long is decided elsewhere: `step` says after each attempt what becomes of its folder ([`Left`]), `drive`
//! removes all there is when a job ends otherwise than failed, and [`crate::keep`] what is left of failed jobs when their
//! days are over.

use rushes_core::Fault;
use rushes_core::faults::{self, Place};
use rushes_core::store::Lease;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Letters of a step's hash in the names of its folders.
const MARK_LENGTH: usize = 8;

/// The scratch folders of one drive of one job.
pub(super) struct Scratch {
    root: PathBuf,
    /// In each name: an engine that lost the job and wakes up late never writes where the new owner works.
    fence: i64,
    /// Left empty by steps that ended well; at most as many as ran side by side.
    free: Mutex<Vec<PathBuf>>,
}

impl Scratch {
    pub(super) fn of(home: &crate::Home, lease: Lease) -> Arc<Self> {
        Arc::new(Self { root: home.scratch(lease.job), fence: lease.fence, free: Mutex::default() })
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an attempt leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// What it made has been taken over.
    Done,
    /// Nothing that anybody wants: it is tried again, or cancelled.
    Nothing,
    /// What tells why its step has failed for good; it stays as long as the job's scratch does.
    Why,
}

/// The folder of one attempt, once its body has asked for it.
pub(super) struct Room {
    scratch: Arc<Scratch>,
    step: String,
    attempt: u32,
    taken: Mutex<Option<PathBuf>>,
}

impl Room {
    pub(super) fn of(scratch: &Arc<Scratch>, step: &str, attempt: u32) -> Arc<Self> {
        Arc::new(Self { scratch: scratch.clone(), step: step.to_owned(), attempt, taken: Mutex::default() })
    }

    /// The attempt's folder; the first call makes it.
    pub(super) fn take(&self) -> Result<PathBuf, Fault> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &*taken {
            return Ok(folder.clone());
        }
        let free = self.scratch.free().pop();
        let folder = match free {
            Some(folder) => folder,
            None => make(self.scratch.root.join(self.name()))?,
        };
        *taken = Some(folder.clone());
        Ok(folder)
    }

    /// What the step keeps over its attempts: no folder of an attempt, so it stays as long as the job's scratch does.
    pub(super) fn kept(&self) -> PathBuf {
        self.scratch.root.join("kept").join(&rushes_core::flow::hash(&self.step)[..MARK_LENGTH * 2])
    }

    /// The attempt's folder, when its body has asked for it.
    pub(super) fn taken(&self) -> Option<PathBuf> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the folder away. Only what an attempt that ended well left empty is used again: others may still have
    /// somebody writing in them.
    pub(super) async fn clear(&self, left: Left) {
        let Some(folder) = self.taken() else { return };
        match left {
            Left::Done if is_empty(&folder) => self.scratch.free().push(folder),
            Left::Done | Left::Nothing => drop(tokio::fs::remove_dir_all(folder).await),
            Left::Why => {}
        }
    }

    fn name(&self) -> String {
        let name: String = self.step.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(60).collect();
        let mark = &rushes_core::flow::hash(&self.step)[..MARK_LENGTH];
        format!("{name}-{mark}-{}-{}", self.scratch.fence, self.attempt)
    }
}

fn make(folder: PathBuf) -> Result<PathBuf, Fault> {
    let failed = |e: std::io::Error| Fault::io("make scratch folder", &folder, &e);
    faults::pass(Place::Scratch)?;
    // A killed attempt of the same number may have left something.
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    Ok(folder)
}

/// Removes what the attempts of one claim of a job have left. What was laid there for the job itself stays.
pub(super) async fn clear(home: &crate::Home, lease: Lease) {
    let Ok(mut entries) = tokio::fs::read_dir(home.scratch(lease.job)).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let mut parts = name.to_str().unwrap_or_default().rsplitn(4, '-');
        let (attempt, fence, mark) = (parts.next(), parts.next(), parts.next());
        let is_attempt =
            attempt.is_some_and(|attempt| attempt.parse::<u32>().is_ok()) && mark.is_some_and(|mark| mark.len() == MARK_LENGTH);
        if is_attempt && fence.is_some_and(|fence| fence.parse() == Ok(lease.fence)) {
            let _ = tokio::fs::remove_dir_all(entry.path()).await;
        }
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scratch_is_made_when_asked_for_and_used_again_only_when_empty() {
        let folder = std::env::temp_dir().join(format!("rushes-scratch-{}", std::process::id()));
        let scratch = Arc::new(Scratch { root: folder.clone(), fence: 1, free: Mutex::default() });
        let first = Room::of(&scratch, "draw", 1);
        first.clear(Left::Done).await;
        assert!(!folder.exists(), "nobody asked");
        let taken = first.take().unwrap();
        assert_eq!(first.take().unwrap(), taken);
        first.clear(Left::Done).await;
        let second = Room::of(&scratch, "film", 1);
        assert_eq!(second.take().unwrap(), taken, "empty, so it is passed on");
        std::fs::File::create(taken.join("rest")).unwrap();
        second.clear(Left::Done).await;
        assert!(!taken.exists(), "something was left in it");
        let third = Room::of(&scratch, "music", 1);
        let taken = third.take().unwrap();
        third.clear(Left::Nothing).await;
        assert!(!taken.exists(), "somebody may still write there");
        let fourth = Room::of(&scratch, "lyrics", 3);
        let taken = fourth.take().unwrap();
        fourth.clear(Left::Why).await;
        assert!(taken.exists() && scratch.free().is_empty(), "nobody else works in what tells why a step failed");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
