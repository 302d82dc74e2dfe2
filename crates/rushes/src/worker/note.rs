//! The one thing a worker knows beyond a restart: the lease it holds.

use rushes_core::Fault;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A file with the token of a lease, or none.
pub(super) struct Note {
    path: PathBuf,
    /// Held for as long as the worker runs: two of one folder would take each other's lease up.
    _lock: File,
}

impl Note {
    /// In this folder, which is made. Errors: `home_busy` where another worker has it; `io`.
    pub(super) fn at(folder: &Path) -> Result<Self, Fault> {
        let fault = |e: std::io::Error| Fault::io("open folder of worker", folder, &e);
        std::fs::create_dir_all(folder).map_err(fault)?;
        let lock = File::create(folder.join("lock")).map_err(fault)?;
        if lock.try_lock().is_err() {
            let reason = "another worker uses this folder; give this one a home of its own with --home";
            return Err(Fault::new(rushes_core::Code::HomeBusy, "open folder of worker").with("folder", folder.display()).because(reason));
        }
        Ok(Self { path: folder.join("lease"), _lock: lock })
    }

    /// What is no token is none: at worst a lease runs out.
    pub(super) fn read(&self) -> Option<Uuid> {
        std::fs::read_to_string(&self.path).ok()?.trim().parse().ok()
    }

    #[expect(clippy::disallowed_methods, reason = "a file of its own")]
    pub(super) fn write(&self, token: Uuid) -> Result<(), Fault> {
        let fault = |e: std::io::Error| Fault::io("note lease", &self.path, &e);
        let half = self.path.with_extension("half");
        let mut file = File::create(&half).map_err(fault)?;
        writeln!(file, "{token}").and_then(|()| file.sync_all()).map_err(fault)?;
        std::fs::rename(&half, &self.path).map_err(fault)
    }

    pub(super) fn clear(&self) -> Result<(), Fault> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::io("forget lease", &self.path, &error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_notes_outlive_it_and_belong_to_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("worker");
        let (note, token) = (Note::at(&at).unwrap(), Uuid::new_v4());
        assert_eq!(note.read(), None);
        note.write(token).unwrap();
        assert_eq!(Note::at(&at).err().unwrap().code, rushes_core::Code::HomeBusy);
        drop(note);
        let note = Note::at(&at).unwrap();
        assert_eq!(note.read(), Some(token));
        note.clear().unwrap();
        note.clear().unwrap();
        assert_eq!(note.read(), None);
    }
}
