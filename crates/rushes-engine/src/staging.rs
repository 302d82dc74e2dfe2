//! Bytes that other nodes may need before they are delivered: put to the primary destination, by their hash, before the row
//! that tells of them is written. So a node may be lost, with its disk, at any moment.
//!
//! What was put so is removed once the object itself is proven; the row that does it is written with the object's own. What a
//! node left there that was lost before it wrote the row is swept.

use crate::blobs::hash_file;
use crate::fetch;
use crate::parts::Parts;
use rushes_core::delivery::{DeliveryState, STAGED, staged_key};
use rushes_core::destination::{Condition, Put};
use rushes_core::store::{AssetFilter, Ingested};
use rushes_core::{Blob, Code, Fault};
use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

/// How long a put may take that moves nothing worth speaking of, and so many bytes more each second. Work does not wait for a
/// cloud that is down: then the bytes are on this node alone, until it has delivered them.
const LEAST: Duration = Duration::from_secs(5);
const BYTES_PER_S: u64 = 1_000_000;

/// Puts what a step has made where other nodes find it. Nothing where this node is alone.
pub(crate) async fn stage(parts: &Parts, made: &[Ingested]) {
    for one in made {
        stage_blob(parts, &one.blob).await;
    }
}

/// As [`stage`], what is in the blob store.
pub(crate) async fn stage_blob(parts: &Parts, blob: &Blob) {
    let Some(site) = parts.destinations.first().filter(|_| parts.node.is_some()) else { return };
    let limit = LEAST + Duration::from_secs(blob.size_bytes / BYTES_PER_S);
    let put = tokio::time::timeout(limit, put(parts, blob)).await;
    let put = put.unwrap_or_else(|_| Err(Fault::new(Code::DestinationDown, "stage bytes").because("it takes too long")));
    if let Err(fault) = put {
        tracing::warn!(destination = site.name, sha256 = blob.sha256, %fault, "bytes are on this node alone until they are delivered");
    }
}

async fn put(parts: &Parts, blob: &Blob) -> Result<(), Fault> {
    let Some(site) = parts.destinations.first() else { return Ok(()) };
    let file = parts.blobs().path(&blob.sha256);
    let mut blob = blob.clone();
    if blob.md5.is_none() && blob.size_bytes <= site.port.abilities().proves_by_md5_up_to {
        let (read, mime) = (file.clone(), blob.mime.clone());
        let hashed = tokio::task::spawn_blocking(move || hash_file(&read, &mime)).await;
        blob = hashed.map_err(|e| Fault::new(Code::Panicked, "stage bytes").because(e))??;
    }
    let key = staged_key(&site.prefix, &blob.sha256);
    site.port.put(Put::new(&key, &file, &blob, Condition::CreateOnly)).await.map(drop)
}

/// Gets bytes that another node has put so; false where they are not there.
pub(crate) async fn unstage(parts: &Parts, blob: &Blob) -> Result<bool, Fault> {
    let Some(site) = parts.destinations.first().filter(|_| parts.node.is_some()) else { return Ok(false) };
    let key = staged_key(&site.prefix, &blob.sha256);
    match fetch::get(parts, blob, site.port.as_ref(), &key, crate::blobs::hash_file_without_md5).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.code == Code::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Bytes that no row tells of are left for this long: the row may be about to be written.
const UNKNOWN_MS: i64 = 60 * 60 * 1_000;

/// Removes what nobody waits for any more. Gives how many. Errors: those of the destination and of the store.
pub(crate) async fn sweep(parts: &Parts) -> Result<u64, Fault> {
    let Some(site) = parts.destinations.first().filter(|_| parts.node.is_some()) else { return Ok(0) };
    let folder = format!("{}{STAGED}", site.prefix);
    let (mut removed, mut cursor, mut unknown) = (0, None::<String>, HashMap::new());
    loop {
        let page = site.port.list(&folder, cursor.as_deref()).await?;
        for key in &page.keys {
            let Some(sha256) = key.strip_prefix(&folder) else { continue };
            if may_go(parts, sha256, &mut unknown).await? {
                site.port.delete(key).await?;
                removed += 1;
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            *parts.strays.lock().unwrap_or_else(PoisonError::into_inner) = unknown;
            return Ok(removed);
        }
    }
}

/// Whether nobody needs these bytes there; those that no row tells of are noted with when they were seen first.
async fn may_go(parts: &Parts, sha256: &str, unknown: &mut HashMap<String, i64>) -> Result<bool, Fault> {
    let filter = AssetFilter { sha256: Some(sha256.to_owned()), all_versions: true, ..AssetFilter::default() };
    let listed = parts.store.assets(&filter).await?;
    if listed.is_empty() {
        let now_ms = parts.clock.now_ms();
        let first_ms = parts.strays.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).copied().unwrap_or(now_ms);
        unknown.insert(sha256.to_owned(), first_ms);
        return Ok(now_ms - first_ms > UNKNOWN_MS);
    }
    let is_open = |state: DeliveryState| matches!(state, DeliveryState::Owed | DeliveryState::Sending | DeliveryState::Refused);
    // Without a delivery it is kept back for somebody's choice.
    Ok(listed.iter().all(|(asset, deliveries)| {
        (asset.version > 0 && !deliveries.is_empty()) && !deliveries.iter().any(|delivery| is_open(delivery.state))
    }))
}
