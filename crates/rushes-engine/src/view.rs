//! The library: the paths people browse, as links to blobs. Can be rebuilt at any time.

use crate::blobs::Blobs;
use rushes_core::Fault;
use rushes_core::faults::{self, Place};
use rushes_core::store::{AssetFilter, Assets};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Assets looked at in one go while mending.
const PAGE: u32 = 1_000;

/// Shows a blob under a path below the library, in place of what was there.
#[expect(clippy::disallowed_methods, reason = "the library is a view made of links")]
pub fn link(library: &Path, path: &str, blob: &Path) -> Result<(), Fault> {
    faults::pass(Place::Link)?;
    let target = library.join(path);
    let folder = target.parent().unwrap_or(library);
    std::fs::create_dir_all(folder).map_err(|e| Fault::io("make library folder", folder, &e))?;
    let fresh = fresh_link(folder, blob)?;
    let renamed = std::fs::rename(&fresh, &target).map_err(|e| Fault::io("link into library", &target, &e));
    // Renaming one link of a file over another link of it does nothing and leaves both.
    let _ = std::fs::remove_file(&fresh);
    renamed
}

/// A second name for a blob in a folder, of a name nobody else takes.
#[expect(clippy::disallowed_methods, reason = "the library is a view made of links")]
fn fresh_link(folder: &Path, blob: &Path) -> Result<PathBuf, Fault> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let fresh = folder.join(format!(".rushes-{}-{}.link", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        match std::fs::hard_link(blob, &fresh) {
            Ok(()) => return Ok(fresh),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(_) => {
                // A disk without hard links gets a copy. Never onto something that exists: it could be the blob itself.
                let mut from = File::open(blob).map_err(|e| Fault::io("open blob", blob, &e))?;
                let mut copy = File::create_new(&fresh).map_err(|e| Fault::io("copy into library", &fresh, &e))?;
                std::io::copy(&mut from, &mut copy).map_err(|e| Fault::io("copy into library", &fresh, &e))?;
                return Ok(fresh);
            }
        }
    }
}

/// Whether a path of the library shows this blob: a link to it, or on disks without links a file of its size.
#[must_use]
pub fn is_shown(library: &Path, path: &str, blob: &Path) -> bool {
    let (Ok(shown), Ok(blob)) = (library.join(path).metadata(), blob.metadata()) else { return false };
    (shown.dev(), shown.ino()) == (blob.dev(), blob.ino()) || (shown.nlink() == 1 && shown.len() == blob.len())
}

/// Gives every current asset that a crash left without its link the link. Gives how many.
pub async fn mend(library: &Path, blobs: &Blobs, assets: &dyn Assets) -> Result<usize, Fault> {
    let mut mended = 0;
    let mut after = None;
    loop {
        let page = assets.assets(&AssetFilter { after, limit: Some(PAGE), ..AssetFilter::default() }).await?;
        let Some((last, _)) = page.last() else { return Ok(mended) };
        after = Some(last.id);
        for (asset, _) in page {
            let blob = blobs.path(&asset.blob.sha256);
            if !is_shown(library, &asset.path, &blob) && blob.exists() {
                link(library, &asset.path, &blob)?;
                mended += 1;
            }
        }
    }
}
