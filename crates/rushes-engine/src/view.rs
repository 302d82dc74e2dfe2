//! The library: the paths people browse, as links to blobs. Can be rebuilt at any time.

use crate::blobs::Blobs;
use rushes_core::Fault;
use rushes_core::store::{AssetFilter, Assets};
use std::path::Path;

/// Assets looked at in one go while mending.
const PAGE: u32 = 1_000;

/// Shows a blob under a path below the library, in place of what was there.
#[expect(clippy::disallowed_methods, reason = "the library is a view made of links")]
pub fn link(library: &Path, path: &str, blob: &Path) -> Result<(), Fault> {
    let target = library.join(path);
    let folder = target.parent().unwrap_or(library);
    std::fs::create_dir_all(folder).map_err(|e| Fault::io("make library folder", folder, &e))?;
    let name = blob.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{}.link", &name[..name.len().min(16)]));
    let _ = std::fs::remove_file(&fresh);
    // A disk without hard links gets a copy (a reflink where it has those).
    if std::fs::hard_link(blob, &fresh).is_err() {
        std::fs::copy(blob, &fresh).map_err(|e| Fault::io("copy into library", &fresh, &e))?;
    }
    let renamed = std::fs::rename(&fresh, &target).map_err(|e| Fault::io("link into library", &target, &e));
    // Renaming one link of a file over another link of it does nothing and leaves both.
    let _ = std::fs::remove_file(&fresh);
    renamed
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
            if !library.join(&asset.path).exists() && blob.exists() {
                link(library, &asset.path, &blob)?;
                mended += 1;
            }
        }
    }
}
