//! What an asset was made from, and what was made of it, near and far.

use crate::parts::Parts;
use rushes_core::{Asset, AssetId, Fault};
use std::collections::BTreeSet;

/// Kin on either side at most; the nearest come first.
const KIN_MAX: usize = 1_000;

/// One line of a family tree: how far away (ancestors below zero, the asset itself 0), and which asset.
pub type Kin = (i64, Asset);

/// The family of an asset: the farthest ancestors first, then itself, then what was made of it. Errors: `not_found`.
pub async fn lineage(parts: &Parts, id: AssetId) -> Result<Vec<Kin>, Fault> {
    let asset = parts.store.asset(id).await?;
    let mut kin = walk(parts, id, -1).await?;
    kin.reverse();
    kin.push((0, asset));
    kin.extend(walk(parts, id, 1).await?);
    Ok(kin)
}

async fn walk(parts: &Parts, from: AssetId, step: i64) -> Result<Vec<Kin>, Fault> {
    let mut found: Vec<Kin> = Vec::new();
    let mut seen = BTreeSet::from([from]);
    let mut edge = vec![from];
    let mut away = 0;
    while !edge.is_empty() && found.len() < KIN_MAX {
        away += step;
        let mut next = Vec::new();
        for id in edge {
            let kin = if step < 0 { parts.store.parents(id).await? } else { parts.store.made_from(id).await? };
            for id in kin.into_iter().filter(|id| seen.insert(*id)) {
                found.push((away, parts.store.asset(id).await?));
                next.push(id);
            }
        }
        edge = next;
    }
    found.truncate(KIN_MAX);
    Ok(found)
}
