//! Files that were put at a destination for a service to fetch, and whose work is over: who lent them takes them back; what a
//! program that ended has left is swept.

use crate::parts::Parts;
use rushes_core::Fault;
use rushes_core::delivery::LENT;
use rushes_core::flow::hash;
use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

/// What belongs to no work that is known is left for this long: that may be about to be written down.
const UNKNOWN_MS: i64 = 60 * 60 * 1_000;
/// Where nothing was sent for so long, nothing is lent.
const QUIET_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Removes what nobody fetches any more. Gives how many. Errors: those of the destinations and of the store.
pub(crate) async fn sweep(parts: &Parts) -> Result<u64, Fault> {
    let now_ms = parts.clock.now_ms();
    if parts.store.spent_a_day(now_ms - QUIET_MS).await?.is_empty() {
        return Ok(0);
    }
    let open: HashSet<String> = parts.store.open_attempts().await?.into_iter().map(|(job, step)| hash(&format!("{job}/{step}"))).collect();
    let (mut removed, mut unknown) = (0, HashMap::new());
    for site in parts.destinations.iter().filter(|site| site.port.abilities().links.is_some()) {
        let folder = format!("{}{LENT}", site.prefix);
        let mut cursor: Option<String> = None;
        loop {
            let page = site.port.list(&folder, cursor.as_deref()).await?;
            for key in &page.keys {
                let call = key.strip_prefix(&folder).and_then(|rest| rest.split('/').next()).unwrap_or_default();
                if open.contains(call) {
                    continue;
                }
                let seen = format!("{}/{key}", site.name);
                let first_ms = parts.lent.lock().unwrap_or_else(PoisonError::into_inner).get(&seen).copied().unwrap_or(now_ms);
                if now_ms - first_ms > UNKNOWN_MS {
                    site.port.delete(key).await?;
                    removed += 1;
                } else {
                    unknown.insert(seen, first_ms);
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    *parts.lent.lock().unwrap_or_else(PoisonError::into_inner) = unknown;
    Ok(removed)
}
