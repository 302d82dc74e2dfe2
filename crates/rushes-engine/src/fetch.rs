//! Bytes that are not on this machine are fetched back from wherever they were proven, checked by their hash, and shown
//! in the library again. What another node has made is waited for until a destination has it. What a destination holds as
//! a rendition is not the asset and never comes back as it.

use crate::blobs::hash_file_without_md5;
use crate::parts::Parts;
use crate::pins::Pinned;
use crate::staging;
use crate::view;
use rushes_core::delivery::DeliveryState;
use rushes_core::destination::Destination;
use rushes_core::faults::{self, Place};
use rushes_core::store::AssetFilter;
use rushes_core::{Blob, Code, Fault};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long bytes that another node has made are waited for before a step is told to come again.
const ON_THE_WAY: Duration = Duration::from_secs(30);
/// How often they are looked for, should nobody ring.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A local path of these bytes, which stay there as long as the pin is held. Errors: `blob_missing` when no destination has
/// them; `destination_down`, `disk_full`.
pub async fn fetch(parts: &Parts, blob: &Blob) -> Result<(PathBuf, Pinned), Fault> {
    fetch_within(parts, blob, ON_THE_WAY).await
}

/// As [`fetch`]; what another node has made is waited for no longer than this.
pub(crate) async fn fetch_within(parts: &Parts, blob: &Blob, patience: Duration) -> Result<(PathBuf, Pinned), Fault> {
    // Before the look: from here on no sweep removes them, and one that was about to has done so.
    let pin = parts.pins.pin(&blob.sha256).await;
    let path = parts.blobs().path(&blob.sha256);
    if path.metadata().is_ok_and(|there| there.len() == blob.size_bytes) {
        if parts.keep.blobs_max_bytes.is_some() && parts.pins.is_use_news(&blob.sha256, parts.clock.now_ms()) {
            parts.used(&blob.sha256).await?;
        }
        return Ok((path, pin));
    }
    let begun = Instant::now();
    let mut paid = parts.watch.outbox.clone();
    loop {
        paid.mark_unchanged();
        let found = look(parts, blob, &path).await?;
        match found {
            Looked::Here => return Ok((path, pin)),
            // Another node has them, and they are on their way to where this one finds them.
            Looked::OnTheWay if begun.elapsed() < patience => drop(tokio::time::timeout(LOOK_EVERY, paid.changed()).await),
            Looked::OnTheWay => {
                let reason = "another node has made them, and no destination has them yet; `rushes status` says what is owed";
                return Err(Fault::new(Code::DestinationDown, "fetch bytes back").with("sha256", &blob.sha256).because(reason));
            }
            Looked::Nowhere(fault) => return Err(fault),
        }
    }
}

/// What a look for bytes came to.
enum Looked {
    Here,
    OnTheWay,
    Nowhere(Fault),
}

/// Fetches bytes from the first destination that has them.
async fn look(parts: &Parts, blob: &Blob, path: &Path) -> Result<Looked, Fault> {
    let filter = AssetFilter { sha256: Some(blob.sha256.clone()), all_versions: true, ..AssetFilter::default() };
    let listed = parts.store.assets(&filter).await?;
    let mut last = Fault::new(Code::BlobMissing, "fetch bytes back").with("sha256", &blob.sha256);
    let mut is_on_the_way = false;
    for (asset, deliveries) in &listed {
        for delivery in deliveries {
            is_on_the_way |= matches!(delivery.state, DeliveryState::Owed | DeliveryState::Sending);
            let site = parts.destinations.iter().find(|site| delivery.has_original() && site.name == delivery.destination);
            let Some(site) = site else { continue };
            match get(parts, blob, site.port.as_ref(), &delivery.key, hash_file_without_md5).await {
                Ok(_) => {
                    parts.used(&blob.sha256).await?;
                    for (asset, _) in listed.iter().filter(|(asset, _)| asset.retired_ms.is_none()) {
                        view::link(&parts.home.library(), &asset.path, path)?;
                    }
                    return Ok(Looked::Here);
                }
                Err(fault) if fault.code == Code::DiskFull => return Err(fault),
                // Gone there, too: the asset is known, its bytes are missing.
                Err(fault) if fault.code == Code::NotFound => {}
                Err(fault) => last = fault.with("asset", asset.id).with("destination", &site.name),
            }
        }
    }
    if !is_on_the_way || parts.node.is_none() {
        return Ok(Looked::Nowhere(last));
    }
    if staging::unstage(parts, blob).await? {
        parts.used(&blob.sha256).await?;
        return Ok(Looked::Here);
    }
    Ok(Looked::OnTheWay)
}

/// Reads a file, and gives the hashes of its bytes.
type Hash = fn(&Path, &str) -> Result<Blob, Fault>;

/// Gets one object into the blob store, if it holds these bytes, and gives their hashes. Errors: `not_found`,
/// `proof_failed`, those of `get`.
pub(crate) async fn get(parts: &Parts, blob: &Blob, port: &dyn Destination, key: &str, hash: Hash) -> Result<Blob, Fault> {
    let folder = parts.home.fetching();
    tokio::fs::create_dir_all(&folder).await.map_err(|e| Fault::io("make fetch folder", &folder, &e))?;
    let file = folder.join(parts.clock.new_id().to_string());
    let got = port.get(key, None, &file).await;
    let (blobs, wanted, taken, key) = (parts.blobs(), blob.clone(), file.clone(), key.to_owned());
    let kept = match got {
        Ok(()) => tokio::task::spawn_blocking(move || {
            let found = hash(&taken, &wanted.mime)?;
            if found.sha256 != wanted.sha256 {
                let reason = format!("it holds {} bytes with another hash", found.size_bytes);
                return Err(Fault::new(Code::ProofFailed, "fetch bytes back").with("key", key).because(reason));
            }
            faults::pass(Place::Fetched)?;
            blobs.take(&[(&taken, &found)])?;
            Ok(found)
        })
        .await
        .map_err(|e| Fault::new(Code::Panicked, "fetch bytes back").because(e))?,
        Err(fault) => Err(fault),
    };
    // Moved away when all went well; whatever else is left is of no use.
    let _ = tokio::fs::remove_file(&file).await;
    kept
}
