//! Whether a file is an asset already: by what took it once, else by its bytes.

use super::plan::{Item, State};
use rushes_core::destination::{Compared, compare};
use rushes_core::flow::hash;
use rushes_core::record::Listed;
use rushes_core::{Asset, Fault, Kind};
use rushes_engine::Parts;
use rushes_workflows::import::{Place, Taken};
use std::collections::HashMap;

/// The kinds whose assets a file without a kind may have become.
const BY_CONTENT: [Kind; 2] = [Kind::WorkspaceImage, Kind::WorkspaceVideo];

/// The current assets by whose they are, of what kind, of which set, and at which place.
#[derive(Default)]
pub(crate) struct Current {
    by_slot: HashMap<(String, Kind, String, String), Listed>,
}

impl Current {
    /// Of these.
    pub(crate) fn of(listed: Vec<Listed>) -> Self {
        let slot = |(asset, _): &Listed| {
            let bare = asset.path.rsplit_once('.').map_or(asset.path.as_str(), |(bare, _)| bare);
            (asset.subject.clone(), asset.kind, asset.title.clone(), bare.to_owned())
        };
        Self { by_slot: listed.into_iter().map(|one| (slot(&one), one)).collect() }
    }

    /// The asset at an item's place, with its deliveries.
    pub(crate) fn at(&self, item: &Item) -> Option<&Listed> {
        self.by_slot.get(&(item.subject.clone(), item.kind, item.title.clone(), item.stem().ok()?))
    }

    /// All of them.
    pub(crate) fn assets(&self) -> impl Iterator<Item = &Asset> {
        self.by_slot.values().map(|(asset, _)| asset)
    }
}

/// Whether the step that would take this file has taken it before, and it is still what is there.
pub(crate) async fn was_taken(parts: &Parts, taken: &Taken) -> Result<Option<Asset>, Fault> {
    let inputs = hash(&taken.identity());
    for kind in taken.kind.map_or(BY_CONTENT.to_vec(), |kind| vec![kind]) {
        if let Some(asset) = parts.store.made_before(&inputs, kind).await? {
            return Ok(Some(asset));
        }
    }
    Ok(None)
}

/// What a file is to the asset that has its place now.
pub(crate) async fn state(parts: &Parts, taken: &Taken, current: Option<&Asset>) -> Result<State, Fault> {
    let Some(current) = current else { return Ok(State::New) };
    if was_taken(parts, taken).await?.is_some_and(|asset| asset.blob.sha256 == current.blob.sha256) {
        return Ok(State::Known);
    }
    let is_equal = match &taken.from {
        Place::File { path, mark } if mark.size_bytes == current.blob.size_bytes => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || std::fs::File::open(path).and_then(rushes_core::digest::sha256)).await;
            // What cannot be read is told when it is to be taken.
            matches!(read, Ok(Ok((hash, _))) if hash == current.blob.sha256)
        }
        Place::File { .. } => false,
        Place::Object { destination, key } => match parts.destinations.iter().find(|site| site.name == *destination) {
            Some(site) => matches!(compare(site.port.as_ref(), key, &current.blob, None).await?, Compared::Same(_)),
            None => false,
        },
    };
    Ok(if is_equal { State::Known } else { State::Changed })
}
