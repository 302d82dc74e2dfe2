//! The blob store: immutable files named by their SHA-256. A file is in it whole or not at all.

use rushes_core::digest::digest;
use rushes_core::faults::{self, Place};
use rushes_core::{Blob, Code, Fault};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// The blobs in this folder.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the bytes of this hash are, or would be.
    #[must_use]
    pub fn path(&self, sha256: &str) -> PathBuf {
        let (head, tail) = sha256.split_at(sha256.len().min(2));
        self.root.join(head).join(tail)
    }

    /// Where the bytes of this hash are. Errors: `blob_missing`.
    pub fn existing(&self, sha256: &str) -> Result<PathBuf, Fault> {
        let path = self.path(sha256);
        if path.is_file() { Ok(path) } else { Err(Fault::new(Code::BlobMissing, "open blob").with("sha256", sha256)) }
    }

    /// Makes one of the 256 folders, and sees once in each process that a power cut cannot take it away: whoever made it
    /// may have been killed before that.
    fn make_durable(&self, folder: &Path) -> Result<(), Fault> {
        static DURABLE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        let mut durable = DURABLE.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.contains(folder) && folder.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(folder).map_err(|e| Fault::io("make blob folder", folder, &e))?;
        sync_folder(&self.root)?;
        durable.insert(folder.to_owned());
        Ok(())
    }

    /// Takes a finished file in: syncs it, makes it read-only and moves it under its hash. The file is gone
    /// afterwards. Errors: `io`, `disk_full`, `file_missing`.
    pub fn take(&self, file: &Path, blob: &Blob) -> Result<(), Fault> {
        let path = self.path(&blob.sha256);
        let folder = path.parent().unwrap_or(&self.root);
        if path.metadata().is_ok_and(|there| there.len() == blob.size_bytes) {
            std::fs::remove_file(file).map_err(|e| Fault::io("remove scratch file", file, &e))?;
            // Whoever moved it there may not have come to this line yet.
            return sync_folder(folder);
        }
        self.make_durable(folder)?;
        faults::pass(Place::BlobSync)?;
        let open = File::open(file).map_err(|e| Fault::io("open scratch file", file, &e))?;
        let mut mode = open.metadata().map_err(|e| Fault::io("look at scratch file", file, &e))?.permissions();
        mode.set_readonly(true);
        open.set_permissions(mode).and_then(|()| open.sync_all()).map_err(|e| Fault::io("sync blob", file, &e))?;
        faults::pass(Place::BlobMove)?;
        place(file, &path)?;
        faults::pass_quietly(Place::BlobPlaced);
        sync_folder(folder)
    }
}

#[expect(clippy::disallowed_methods, reason = "the blob store is where scratch files are moved to")]
fn place(file: &Path, path: &Path) -> Result<(), Fault> {
    std::fs::rename(file, path).map_err(|e| Fault::io("move into blobs", path, &e))
}

/// Gives damaged bytes another name beside their own; None where nothing is.
#[expect(clippy::disallowed_methods, reason = "within the blob store")]
pub(crate) fn put_aside(path: &Path) -> Result<Option<PathBuf>, Fault> {
    let aside = path.with_extension("damaged");
    match std::fs::rename(path, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::io("put damaged bytes aside", path, &error)),
    }
}

/// Takes that back.
#[expect(clippy::disallowed_methods, reason = "within the blob store")]
pub(crate) fn put_back(aside: &Path, path: &Path) -> Result<(), Fault> {
    std::fs::rename(aside, path).map_err(|e| Fault::io("put damaged bytes back", path, &e))
}

/// Makes a rename or link in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(|e| Fault::io("sync folder", folder, &e))
}

/// The hashes and the size of a file. Errors: `io`, `file_missing`.
pub fn hash_file(path: &Path, mime: &str) -> Result<Blob, Fault> {
    File::open(path).and_then(|file| digest(file, mime)).map_err(|e| Fault::io("hash file", path, &e))
}
