//! The one way by which a file becomes an asset: strict check, hash, blob; the transaction follows in the store. What was
//! looked at on its way here is not looked at again.

use crate::blobs::hash_file_without_md5;
use crate::html;
use crate::parts::Parts;
use crate::pins::Pinned;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use rushes_core::asset::flaw_of_path;
use rushes_core::digest::crc32c;
use rushes_core::faults::{self, Place};
use rushes_core::inspect::{Inspect, Looked, MediaInfo};
use rushes_core::store::Ingested;
use rushes_core::{Blob, Code, Fault, Kind, NewAsset};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Files of one step checked and hashed at once.
const AT_ONCE: usize = 4;

/// Checks a step's files strictly: all of them, or none is taken. Nothing is held meanwhile, however long it takes, and who
/// stops waiting stops it.
///
/// `scratch` is the folder the files must lie in, if the step has one: nothing else on the machine can be made an asset
/// by mistake.
/// Errors: those of `Inspect`, `io`, `input_invalid` for a file outside scratch.
pub(crate) async fn look(assets: Vec<NewAsset>, scratch: Option<&Path>, parts: &Parts) -> Result<Vec<Checked>, Fault> {
    stream::iter(assets).map(|asset| check(asset, scratch, &parts.inspect)).buffered(AT_ONCE).try_collect().await
}

/// Hashes what was checked and moves its bytes into the blob store: all of it, or none is an asset.
///
/// The pins are to be held until the assets have their rows: a sweep removes what has none, and cannot tell what is on its
/// way to one.
/// Errors: `io`, `disk_full`.
pub(crate) async fn take(checked: Vec<Checked>, parts: &Parts) -> Result<(Vec<Ingested>, Vec<Pinned>), Fault> {
    if checked.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    // In few pieces: handing each small file to a thread of its own costs more than hashing it.
    let mut rest = checked.into_iter();
    let piece = rest.len().div_ceil(AT_ONCE);
    let pieces = std::iter::from_fn(|| Some(rest.by_ref().take(piece).collect::<Vec<_>>()).filter(|piece| !piece.is_empty()));
    let hashed = stream::iter(pieces).map(|piece| blocking(move || piece.into_iter().map(Checked::hashed).collect()));
    let hashed: Vec<Vec<Ingested>> = hashed.buffered(AT_ONCE).try_collect().await?;
    let ingested: Vec<Ingested> = hashed.into_iter().flatten().collect();
    let mut pins = Vec::with_capacity(ingested.len());
    for one in &ingested {
        pins.push(parts.pins.pin(&one.blob.sha256).await);
    }
    let blobs = parts.blobs();
    let taken = blocking(move || {
        let files: Vec<_> = ingested.iter().map(|one| (one.asset.file.as_path(), &one.blob)).collect();
        blobs.take(&files).map(|()| ingested)
    });
    Ok((taken.await?, pins))
}

/// A file that is what it should be, and the path it gets.
pub(crate) struct Checked {
    asset: NewAsset,
    info: MediaInfo,
    /// Where it is known already.
    blob: Option<Blob>,
    path: String,
}

impl Checked {
    /// Without the MD5: whoever delivers to a store that needs it takes it then.
    fn hashed(self) -> Result<Ingested, Fault> {
        let Self { asset, info, blob, path } = self;
        let blob = blob.map_or_else(|| hash_file_without_md5(&asset.file, &info.mime), Ok)?;
        Ok(Ingested { asset, blob, info, path })
    }
}

async fn check(mut asset: NewAsset, scratch: Option<&Path>, inspect: &Arc<dyn Inspect>) -> Result<Checked, Fault> {
    check_place(&asset.file, scratch)?;
    let (info, blob) = match still_as_looked_at(&mut asset).await? {
        // Whoever looked at it before looked for media.
        _ if asset.kind == Kind::ShowcasePage => (html_at(&asset.file).await.map_err(|fault| fault.with("kind", asset.kind.name()))?, None),
        Some(Looked { info, blob }) => (info, Some(blob)),
        None => (inspect.inspect(&asset.file).await.map_err(|fault| fault.with("kind", asset.kind.name()))?, None),
    };
    let path = format!("{}.{}", asset.kind.stem(&asset.subject, &asset.names)?, info.extension);
    if let Some(flaw) = flaw_of_path(&path) {
        return Err(Fault::new(Code::InputInvalid, "ingest file").with("path", path).because(flaw));
    }
    faults::pass(Place::Checked)?;
    Ok(Checked { asset, info, blob, path })
}

async fn html_at(file: &Path) -> Result<MediaInfo, Fault> {
    let file = file.to_owned();
    blocking(move || html::look(&file)).await
}

/// What was found of a file before, if these are the bytes it was found of.
async fn still_as_looked_at(asset: &mut NewAsset) -> Result<Option<Looked>, Fault> {
    let Some(mut looked) = asset.looked.take() else { return Ok(None) };
    let file = asset.file.clone();
    let found = blocking(move || File::open(&file).and_then(crc32c).map_err(|e| Fault::io("ingest file", &file, &e))).await?;
    looked.blob.mime.clone_from(&looked.info.mime);
    Ok((found == (looked.blob.crc32c, looked.blob.size_bytes)).then_some(looked))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "ingest file").because(e))?
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
