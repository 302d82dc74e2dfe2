//! The library: the paths people browse, as links to blobs. Can be rebuilt at any time.

use crate::blobs::Blobs;
use rushes_core::asset::flaw_of_path;
use rushes_core::faults::{self, Place};
use rushes_core::folder::Folder;
use rushes_core::store::Store;
use rushes_core::{Asset, Code, Fault, NewFolder, Verdict};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Assets looked at in one go while mending.
const PAGE: u32 = 1_000;

/// Shows a blob under a path below the library, in place of what was there. Errors: `input_invalid` for any other path;
/// `io`, `disk_full`.
pub fn link(library: &Path, path: &str, blob: &Path) -> Result<(), Fault> {
    if let Some(flaw) = flaw_of_path(path) {
        return Err(Fault::new(Code::InputInvalid, "link into library").with("path", path).because(flaw));
    }
    faults::pass(Place::Link)?;
    let target = library.join(path);
    let folder = target.parent().unwrap_or(library);
    // Most folders are there already.
    if hard_link(blob, &target).is_ok() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|e| failed("make library folder", folder, &e))?;
    if hard_link(blob, &target).is_ok() {
        return Ok(());
    }
    // Something is there, or this disk has no hard links.
    replace(folder, &target, blob).map_err(|e| failed("link into library", &target, &e))
}

#[expect(clippy::disallowed_methods, reason = "the library is a view made of links")]
fn hard_link(blob: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::hard_link(blob, path)
}

/// Makes the link beside its place and moves it there. The other name follows from the place, so that what a killed
/// process left is taken over by the next.
#[expect(clippy::disallowed_methods, reason = "the library is a view made of links")]
fn replace(folder: &Path, target: &Path, blob: &Path) -> std::io::Result<()> {
    // One process works on a home, and within it one at a time uses these names.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".rushes-{}.link", &rushes_core::flow::hash(&name)[..16]));
    remove(&fresh)?;
    // Renaming one link of a file over another link of it does nothing and leaves both.
    if are_one(target, blob) {
        return Ok(());
    }
    if hard_link(blob, &fresh).is_err() {
        // A disk without hard links gets a copy. Never onto something that exists: it could be the blob itself.
        let mut copy = File::create_new(&fresh)?;
        std::io::copy(&mut File::open(blob)?, &mut copy)?;
    }
    std::fs::rename(&fresh, target).inspect_err(|_| drop(std::fs::remove_file(&fresh)))
}

/// Trying again helps, unless no disk takes such a name or something else is in its way.
fn failed(operation: &'static str, path: &Path, error: &std::io::Error) -> Fault {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty, InvalidFilename, IsADirectory, NotADirectory};
    let fault = Fault::io(operation, path, error);
    let is_for_ever = matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | InvalidFilename | IsADirectory | NotADirectory);
    if is_for_ever { fault.verdict(Verdict::Permanent) } else { fault }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn are_one(path: &Path, other: &Path) -> bool {
    let (Ok(path), Ok(other)) = (path.metadata(), other.metadata()) else { return false };
    (path.dev(), path.ino()) == (other.dev(), other.ino())
}

/// Shows a blob no longer under a path below the library, unless an asset stands there; what else is there stays. Gives whether it
/// was shown. Errors: `io`, those of the store.
pub(crate) async fn unlink(library: &Path, blobs: &Blobs, store: &dyn Store, path: &str, sha256: &str) -> Result<bool, Fault> {
    if !is_shown(library, path, &blobs.path(sha256)) {
        return Ok(false);
    }
    faults::pass(Place::Unlink)?;
    let target = library.join(path);
    remove(&target).map_err(|e| failed("take out of library", &target, &e))?;
    // Whoever registered the same bytes there meanwhile found them shown.
    if let Some(stands) = store.blob_at(path).await? {
        link(library, path, &blobs.path(&stands.sha256))?;
    }
    Ok(true)
}

/// Whether a path of the library shows this blob: a link to it, or on disks without links a file of its size.
#[must_use]
pub fn is_shown(library: &Path, path: &str, blob: &Path) -> bool {
    let (Ok(shown), Ok(blob)) = (library.join(path).metadata(), blob.metadata()) else { return false };
    (shown.dev(), shown.ino()) == (blob.dev(), blob.ino()) || (shown.nlink() == 1 && shown.len() == blob.len())
}

/// What a step changes about folders of the library, as paths below it.
pub(crate) struct Folders {
    pub(crate) made: Vec<String>,
    /// The innermost first.
    pub(crate) gone: Vec<String>,
}

impl Folders {
    pub(crate) fn of(made: &[NewFolder], gone: &[NewFolder]) -> Self {
        let paths = |all: &[NewFolder]| all.iter().map(|folder| folder.path.clone()).collect::<Vec<_>>();
        let mut gone = paths(gone);
        gone.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
        Self { made: paths(made), gone }
    }
}

/// Makes a folder of the library, with those it lies in. Errors: `io`, `disk_full`.
pub(crate) fn make_folder(library: &Path, path: &str) -> Result<(), Fault> {
    faults::pass(Place::Link)?;
    let folder = library.join(path);
    std::fs::create_dir_all(&folder).map_err(|e| failed("make library folder", &folder, &e))
}

/// Removes a folder of the library, unless something lies in it. Errors: `io`.
pub(crate) fn remove_folder(library: &Path, path: &str) -> Result<(), Fault> {
    use ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    faults::pass(Place::Unlink)?;
    let folder = library.join(path);
    match std::fs::remove_dir(&folder) {
        Err(error) if !matches!(error.kind(), NotFound | NotADirectory | DirectoryNotEmpty) => {
            Err(failed("remove library folder", &folder, &error))
        }
        _ => Ok(()),
    }
}

/// Up to when what was retired is no longer shown: the name of the mark.
const CLEARED: &str = "library_cleared";
/// The mark stands so far back: clocks are set back a little, and a look twice does no harm.
const CLEARED_SLACK_MS: i64 = 60 * 60 * 1_000;

/// Takes out of the library what a crash left there of assets that are gone and that nothing followed at their path. Gives how many.
/// Errors: `io`, those of the store.
pub(crate) async fn clear(library: &Path, blobs: &Blobs, store: &dyn Store) -> Result<usize, Fault> {
    let mut cleared = 0;
    let mut at_ms = store.mark(CLEARED).await? - CLEARED_SLACK_MS;
    loop {
        let (left, until_ms) = store.left_paths(at_ms, PAGE).await?;
        for (path, sha256) in left {
            cleared += usize::from(unlink(library, blobs, store, &path, &sha256).await?);
        }
        let Some(until_ms) = until_ms else { return Ok(cleared) };
        store.set_mark(CLEARED, until_ms).await?;
        at_ms = until_ms;
    }
}

/// Makes the folders that a crash left out, and removes those it left over. Gives how many it made.
async fn mend_folders(library: &Path, store: &dyn Store) -> Result<usize, Fault> {
    let (mut mended, mut after, mut last) = (0, String::new(), None);
    let mut left_over = Vec::new();
    loop {
        let page = store.folders_after(&after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = end.path.clone();
        for Folder { path, is_gone } in page {
            match (library.join(&path).is_dir(), is_gone) {
                (true, true) => left_over.push(path),
                (false, false) => match make_folder(library, &path) {
                    Ok(()) => mended += 1,
                    Err(fault) => last = passing(&path, fault).or(last),
                },
                _ => {}
            }
        }
    }
    // Those within before the one around them.
    for path in left_over.iter().rev() {
        if let Err(fault) = remove_folder(library, path) {
            last = passing(path, fault).or(last);
        }
    }
    last.map_or(Ok(mended), Err)
}

/// What may pass is looked at again; the rest is told once.
fn passing(path: &str, fault: Fault) -> Option<Fault> {
    if !fault.is_transient() {
        tracing::warn!(path, %fault, "a folder can be neither made nor removed at its path");
        return None;
    }
    Some(fault)
}

/// Has the library show nothing that is gone, however an engine ended; after that, rows that tell of it may go, too. Errors: `io`, those
/// of the store.
pub(crate) async fn take_out(library: &Path, blobs: &Blobs, store: &dyn Store) -> Result<(), Fault> {
    clear(library, blobs, store).await?;
    mend_folders(library, store).await.map(drop)
}

/// How far the library was found to show everything: the name of the mark.
pub const MENDED: &str = "library_mended";

/// Makes the library show what stands, and nothing that is gone, where a crash left it otherwise: links and folders. Links are looked
/// for only of what was registered since the last time this came to its end. What can never be shown at its path is logged and passed over, for audits to tell;
/// what cannot be now holds up no other, and is looked at again. Gives how many. Errors: `io`, `disk_full`, after all
/// others have theirs; those of the store.
pub async fn mend(library: &Path, blobs: &Blobs, store: &dyn Store) -> Result<usize, Fault> {
    let began = store.mark(MENDED).await?;
    let (mut row, mut mended, mut last) = (began, 0, None);
    // A folder can go when nothing is shown in it.
    for part in [clear(library, blobs, store).await, mend_folders(library, store).await] {
        match part {
            Ok(done) => mended += done,
            Err(fault) => last = Some(fault),
        }
    }
    loop {
        let (page, end) = store.written_after(row, PAGE).await?;
        if end == row {
            return last.map_or(Ok(mended), Err);
        }
        row = end;
        let (library, blobs) = (library.to_owned(), blobs.clone());
        let work = tokio::task::spawn_blocking(move || mend_page(&library, &blobs, &page));
        let (made, fault) = work.await.map_err(|e| Fault::new(Code::Panicked, "mend library").because(e))?;
        mended += made;
        last = last.or(fault);
        // Never beyond what is to be looked at again.
        if last.is_none() {
            store.set_mark(MENDED, row).await?;
        }
    }
}

/// Gives how many links were made, and why one could not be that may be later.
fn mend_page(library: &Path, blobs: &Blobs, page: &[Asset]) -> (usize, Option<Fault>) {
    let (mut mended, mut last) = (0, None);
    for asset in page {
        match mend_one(library, blobs, asset) {
            Ok(made) => mended += made,
            Err(fault) if fault.is_transient() => last = Some(fault),
            Err(fault) => tracing::warn!(asset = %asset.id, %fault, "an asset can never be shown at its path"),
        }
    }
    (mended, last)
}

fn mend_one(library: &Path, blobs: &Blobs, asset: &Asset) -> Result<usize, Fault> {
    let blob = blobs.path(&asset.blob.sha256);
    if is_shown(library, &asset.path, &blob) || !blob.exists() {
        return Ok(0);
    }
    link(library, &asset.path, &blob).map(|()| 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::PathBuf;

    fn file(path: PathBuf, text: &str) -> PathBuf {
        File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).unwrap();
        path
    }

    #[test]
    fn view_takes_over_the_link_a_killed_process_left() {
        let folder = std::env::temp_dir().join(format!("rushes-view-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("dances")).unwrap();
        let (old, new) = (file(folder.join("old"), "old"), file(folder.join("new"), "new"));
        link(&folder, "dances/a.bin", &old).unwrap();
        // As a kill between making the link and moving it would leave it.
        let stale = folder.join("dances").join(format!(".rushes-{}.link", &rushes_core::flow::hash(&"a.bin")[..16]));
        file(stale.clone(), "half");
        link(&folder, "dances/a.bin", &new).unwrap();
        assert!(!stale.exists(), "it is taken over and gone");
        assert_eq!(std::fs::read_to_string(folder.join("dances/a.bin")).unwrap(), "new");
        file(stale.clone(), "half");
        link(&folder, "dances/a.bin", &new).unwrap();
        assert!(!stale.exists(), "also where the library shows the blob already");
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "new");
        for path in ["../victim", "/victim", "dances/../../victim", "dances//a.bin", ""] {
            assert_eq!(link(&folder.join("dances"), path, &new).unwrap_err().code, Code::InputInvalid, "{path:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
