//! What one node among several keeps of the bytes: its own folder says what is there and when it was used, the shared rows say
//! what may go.

use super::{PAGE, entries, forget, hash_of};
use crate::parts::Parts;
use rushes_core::Fault;
use std::time::SystemTime;

/// Removes what newer versions have replaced. Gives how many.
pub(super) async fn retired(parts: &Parts) -> Result<u64, Fault> {
    let mut removed = 0;
    for page in in_order_of_use(parts)?.chunks(PAGE) {
        for blob in parts.store.removable_of(page.to_vec(), true).await? {
            removed += u64::from(forget(parts, &blob).await?);
        }
    }
    Ok(removed)
}

/// Removes what is proven everywhere, the longest unused first, until no more than `max_bytes` are held. Gives how many.
pub(super) async fn evict(parts: &Parts, mut held: u64, max_bytes: u64) -> Result<u64, Fault> {
    let mut removed = 0;
    for page in in_order_of_use(parts)?.chunks(PAGE) {
        for blob in parts.store.removable_of(page.to_vec(), false).await? {
            if held <= max_bytes {
                return Ok(removed);
            }
            if forget(parts, &blob).await? {
                held = held.saturating_sub(blob.size_bytes);
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// The hashes of all that is here, the longest unused first.
fn in_order_of_use(parts: &Parts) -> Result<Vec<String>, Fault> {
    let mut found: Vec<(SystemTime, String)> = Vec::new();
    for folder in entries(&parts.home.blobs())?.into_iter().filter(|path| path.is_dir()) {
        let here = entries(&folder)?;
        found.extend(here.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, hash_of(path)?))));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, hash)| hash).collect())
}
