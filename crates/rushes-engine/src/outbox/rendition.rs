//! What a destination gets that asked for smaller pictures: a rendition, made when it is owed and gone when it is proven.

use crate::blobs::{hash_file, sha256_of};
use crate::fetch::fetch;
use crate::parts::Parts;
use rushes_core::delivery::Pictures;
use rushes_core::{Asset, Blob, Code, Fault};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The picture of an asset as a destination asked for it, and what its bytes are. `row`, whose file it is, finds it again
/// when it is tried once more; nobody else's try can remove it. Errors: those of [`fetch`] and of making it; `proof_failed`
/// where the bytes on this machine are not the asset's.
pub(super) async fn rendition(parts: &Parts, asset: &Asset, how: Pictures, row: i64) -> Result<(PathBuf, Blob), Fault> {
    let folder = parts.home.renditions();
    let sha256 = asset.blob.sha256.clone();
    let file = folder.join(format!("{sha256}-{}-{}-{row}.jpg", how.max_px, how.quality));
    if !file.is_file() {
        let (original, _pin) = fetch(parts, &asset.blob).await?;
        tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make rendition folder", &folder, &e))?;
        // No proof of a rendition could tell that it was made of damaged bytes.
        let from = original.clone();
        if blocking(move || sha256_of(&from)).await?.0 != sha256 {
            let reason = "its bytes on this machine are not those it was made of; `rushes audit --deep --fix` fetches them back";
            return Err(Fault::new(Code::ProofFailed, "make rendition").with("asset", asset.id).because(reason));
        }
        let unfinished = folder.join(parts.clock.new_id().to_string());
        let made = parts.compress.picture(&original, &unfinished, how).await.and_then(|()| place(&unfinished, &file));
        if let Err(fault) = made {
            let _ = tokio::fs::remove_file(&unfinished).await;
            return Err(fault.with("asset", asset.id));
        }
    }
    let path = file.clone();
    let blob = blocking(move || hash_file(&path, "image/jpeg")).await?;
    Ok((file, blob))
}

/// Whole or not at all, also after a power cut.
#[expect(clippy::disallowed_methods, reason = "within scratch")]
fn place(unfinished: &Path, file: &Path) -> Result<(), Fault> {
    let synced = File::open(unfinished).and_then(|open| open.sync_all());
    synced.and_then(|()| std::fs::rename(unfinished, file)).map_err(|e| Fault::io("keep rendition", file, &e))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "make rendition").because(e))?
}
