//! The blob store: immutable files named by their SHA-256. A file is in it whole or not at all.

use rushes_core::digest::{digest, digest_without_md5, sha256};
use rushes_core::faults::{self, Place};
use rushes_core::{Blob, Code, Fault};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// From so many files on, syncing the whole disk twice costs less than each file and each folder once.
const MANY: usize = if cfg!(target_os = "linux") { 16 } else { usize::MAX };

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
        let (head, tail) = sha256.split_at_checked(2).unwrap_or((sha256, ""));
        self.root.join(head).join(tail)
    }

    /// Where the bytes of this hash are. Errors: `blob_missing`.
    pub fn existing(&self, sha256: &str) -> Result<PathBuf, Fault> {
        let path = self.path(sha256);
        if path.is_file() { Ok(path) } else { Err(Fault::new(Code::BlobMissing, "open blob").with("sha256", sha256)) }
    }

    /// Makes the 256 folders, and sees once in each process that a power cut cannot take them away: whoever made them
    /// may have been killed before that. All in one go: syncing the folder above costs as much for one as for all.
    fn make_durable(&self, folder: &Path) -> Result<(), Fault> {
        static DURABLE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
        let mut durable = DURABLE.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.contains(&self.root) && folder.is_dir() {
            return Ok(());
        }
        for head in 0..=0xff_u8 {
            let folder = self.root.join(format!("{head:02x}"));
            std::fs::create_dir_all(&folder).map_err(|e| Fault::io("make blob folder", &folder, &e))?;
        }
        sync_folder(&self.root)?;
        durable.insert(self.root.clone());
        Ok(())
    }

    /// Takes finished files in: makes them read-only, syncs them and moves them under their hashes. The files are gone
    /// afterwards. Errors: `io`, `disk_full`, `file_missing`.
    pub fn take(&self, files: &[(&Path, &Blob)]) -> Result<(), Fault> {
        let are_many = files.len() >= MANY;
        let mut folders = BTreeSet::new();
        let mut to_move = Vec::with_capacity(files.len());
        for (file, blob) in files {
            let path = self.path(&blob.sha256);
            let folder = path.parent().unwrap_or(&self.root);
            if path.metadata().is_ok_and(|there| there.len() == blob.size_bytes) {
                std::fs::remove_file(file).map_err(|e| Fault::io("remove scratch file", file, &e))?;
            } else {
                self.make_durable(folder)?;
                faults::pass(Place::BlobSync)?;
                keep(file, are_many)?;
                to_move.push((file, path.clone()));
            }
            // Also for what is there already: whoever moved it there may not have come to that line yet.
            folders.insert(folder.to_owned());
        }
        // Not every disk can do that, and another's trouble on it is none of ours.
        if are_many && sync_disk(&self.root).is_err() {
            to_move.iter().try_for_each(|(file, _)| keep(file, false))?;
        }
        for (file, path) in to_move {
            faults::pass(Place::BlobMove)?;
            place(file, &path)?;
            faults::pass_quietly(Place::BlobPlaced);
        }
        if are_many && sync_disk(&self.root).is_ok() { Ok(()) } else { folders.iter().try_for_each(|folder| sync_folder(folder)) }
    }
}

/// Makes a file read-only, and its bytes durable unless the whole disk is synced afterwards.
fn keep(file: &Path, is_synced_later: bool) -> Result<(), Fault> {
    let mut mode = file.metadata().map_err(|e| Fault::io("look at scratch file", file, &e))?.permissions();
    mode.set_readonly(true);
    let sync = || if is_synced_later { Ok(()) } else { File::open(file)?.sync_all() };
    std::fs::set_permissions(file, mode).and_then(|()| sync()).map_err(|e| Fault::io("sync blob", file, &e))
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

/// Makes everything on the disk of a folder durable.
fn sync_disk(folder: &Path) -> std::io::Result<()> {
    let open = File::open(folder)?;
    #[cfg(target_os = "linux")]
    return Ok(rustix::fs::syncfs(&open)?);
    #[cfg(not(target_os = "linux"))]
    return open.sync_all();
}

/// Makes a rename or link in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Fault> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(|e| Fault::io("sync folder", folder, &e))
}

/// The SHA-256 of a file and its size, bytes, where nothing else is asked for. Errors: `io`, `file_missing`.
pub fn sha256_of(path: &Path) -> Result<(String, u64), Fault> {
    File::open(path).and_then(sha256).map_err(|e| Fault::io("hash file", path, &e))
}

/// The hashes and the size of a file. Errors: `io`, `file_missing`.
pub fn hash_file(path: &Path, mime: &str) -> Result<Blob, Fault> {
    File::open(path).and_then(|file| digest(file, mime)).map_err(|e| Fault::io("hash file", path, &e))
}

/// The same without the MD5. Errors: `io`, `file_missing`.
pub fn hash_file_without_md5(path: &Path, mime: &str) -> Result<Blob, Fault> {
    File::open(path).and_then(|file| digest_without_md5(file, mime)).map_err(|e| Fault::io("hash file", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn blobs_take_few_and_many_at_once_and_equal_bytes_once() {
        for count in [1, 3, MANY.min(16), 40] {
            let folder = std::env::temp_dir().join(format!("rushes-blobs-{}-{count}", std::process::id()));
            let (blobs, scratch) = (Blobs::at(folder.join("blobs")), folder.join("scratch"));
            std::fs::create_dir_all(&scratch).unwrap();
            let files: Vec<(PathBuf, Blob)> = (0..count)
                .map(|n| {
                    let path = scratch.join(n.to_string());
                    // The last has the bytes of the first.
                    File::create(&path).and_then(|mut file| write!(file, "bytes {}", n % (count - 1).max(1))).unwrap();
                    let blob = hash_file_without_md5(&path, "text/plain").unwrap();
                    (path, blob)
                })
                .collect();
            let borrowed: Vec<_> = files.iter().map(|(path, blob)| (path.as_path(), blob)).collect();
            blobs.take(&borrowed).unwrap();
            assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "{count}: nothing is left in scratch");
            for (_, blob) in &files {
                let path = blobs.existing(&blob.sha256).unwrap();
                assert_eq!(hash_file_without_md5(&path, "text/plain").unwrap(), *blob);
                assert!(path.metadata().unwrap().permissions().readonly());
            }
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
