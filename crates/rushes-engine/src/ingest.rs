//! The one door by which a file becomes an asset: strict check, hash, blob; the transaction follows in the store.

use crate::blobs::{Blobs, hash_file};
use rushes_core::faults::{self, Place};
use rushes_core::inspect::Inspect;
use rushes_core::store::Ingested;
use rushes_core::{Code, Fault, NewAsset};
use std::path::Path;
use std::sync::Arc;

/// Checks a step's file strictly, hashes it and moves its bytes into the blob store.
///
/// `scratch` is the folder the file must lie in, if the step has one: nothing else on the machine can be made an asset
/// by mistake.
/// Errors: those of `Inspect`, `io`, `disk_full`, `input_invalid` for a file outside scratch.
pub async fn ingest(asset: NewAsset, scratch: Option<&Path>, blobs: &Blobs, inspect: &Arc<dyn Inspect>) -> Result<Ingested, Fault> {
    let file = asset.file.clone();
    check_place(&file, scratch)?;
    let info = inspect.inspect(&file).await.map_err(|fault| fault.with("kind", asset.kind.name()))?;
    let path = format!("{}.{}", asset.kind.stem(&asset.subject, &asset.names)?, info.extension);
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") || path.contains('\0') {
        let reason = "its path would leave the library; a name in it is empty or dots";
        return Err(Fault::new(Code::InputInvalid, "ingest file").with("path", path).because(reason));
    }
    faults::pass(Place::Checked)?;
    let (blobs, mime) = (blobs.clone(), info.mime.clone());
    let blob = tokio::task::spawn_blocking(move || {
        let blob = hash_file(&file, &mime)?;
        blobs.take(&file, &blob)?;
        Ok::<_, Fault>(blob)
    })
    .await
    .map_err(|e| Fault::new(Code::Panicked, "ingest file").because(e))??;
    Ok(Ingested { asset, blob, info, path })
}

/// A file of scratch is the very thing that is taken in: neither outside nor a link, whose target would be read and made
/// read-only in its stead.
fn check_place(file: &Path, scratch: Option<&Path>) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::new(Code::InputInvalid, "ingest file").with("file", file.display()).because(why));
    let Some(scratch) = scratch else { return refuse("a step hands in files of its scratch folder only") };
    let is_named_inside =
        std::path::absolute(file).is_ok_and(|path| path.starts_with(scratch) && !path.components().any(|part| part.as_os_str() == ".."));
    if !is_named_inside {
        return refuse("a step hands in files of its scratch folder only");
    }
    if std::fs::symlink_metadata(file).is_ok_and(|meta| meta.is_symlink()) {
        return refuse("it is a link; a step hands in the file itself");
    }
    if file.parent() == Some(scratch) {
        return Ok(());
    }
    // A folder on the way may be a link, too.
    let real = |path: Option<&Path>| path.and_then(|path| std::fs::canonicalize(path).ok());
    match (real(file.parent()), real(Some(scratch))) {
        (Some(folder), Some(scratch)) if !folder.starts_with(&scratch) => refuse("its folder is a link that leaves scratch"),
        _ => Ok(()),
    }
}
