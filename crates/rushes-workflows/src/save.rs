//! `save`: a result of a user's workspace is kept for good: an asset of its own, below the user's folder `library`.

use crate::kit::{Kit, blocking};
use crate::registry::Card;
use rushes_core::flow::{Flow, Library, Step, StepContext};
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, AssetId, Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What the registry says of it.
pub const CARD: Card = Card { name: "save", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Where an asset that was saved says from which.
const SAVED_FROM: &str = "saved_from";

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The picture or film.
    pub asset: AssetId,
}

/// An asset of a workspace, which may have gone. Errors: `not_found`, `input_invalid` for what is no result.
pub(crate) async fn result(library: &dyn Library, id: AssetId) -> Result<Asset, Fault> {
    let filter = AssetFilter { id: Some(id), all_versions: true, ..AssetFilter::default() };
    let found = library.assets(&filter).await?.pop();
    let (asset, _) = found.ok_or_else(|| Fault::new(Code::NotFound, "look up result").with("asset", id))?;
    saved_kind(asset.kind).map(|_| asset)
}

/// The kind of what is kept for good. Errors: `input_invalid`.
pub fn saved_kind(kind: Kind) -> Result<Kind, Fault> {
    match kind.today() {
        Kind::WorkspaceImage => Ok(Kind::LibraryImage),
        Kind::WorkspaceVideo => Ok(Kind::LibraryVideo),
        _ => {
            let reason = "only pictures and films of a user's workspace are saved or discarded";
            Err(Fault::new(Code::InputInvalid, "look up result").with("kind", kind.name()).because(reason))
        }
    }
}

/// The app's id of the job that made a result, and which of its results it is.
pub(crate) fn place(asset: &Asset) -> (&str, u64) {
    let job = asset.meta["job_id"].as_str().or_else(|| asset.path.split('/').nth(1)).unwrap_or_default();
    (job, asset.meta["asset_index"].as_u64().unwrap_or_else(|| asset.idx.into()))
}

pub(crate) async fn run<F: Flow>(flow: &F, _kit: &Kit, input: Input) -> Result<Value, Stop> {
    flow.step(Step::new("save").inputs(&input), move |context: StepContext| async move {
        let library = context.library.as_ref();
        let asset = result(library, input.asset).await?;
        let kind = saved_kind(asset.kind)?;
        let own = AssetFilter { kind: Some(kind), subject: Some(asset.subject.clone()), ..AssetFilter::default() };
        let before = library.assets(&own).await?.into_iter().find(|(saved, _)| saved.meta[SAVED_FROM] == json!(asset.id));
        if let Some((saved, _)) = before {
            return Ok(Done::value(json!({"asset": saved.id, "kind": kind, "path": saved.path})));
        }
        if asset.retired_ms.is_some() {
            let reason = "its days are over, or it was discarded";
            return Err(Stop::Failed(Fault::new(Code::NotFound, "save result").with("asset", asset.id).because(reason)));
        }
        let (bytes, scratch) = (library.path_of(asset.id).await?, context.scratch()?);
        let file = blocking(move || copy(&bytes, &scratch)).await?;
        let (job, index) = place(&asset);
        let mut meta = asset.meta.clone();
        if !meta.is_object() {
            meta = json!({});
        }
        meta[SAVED_FROM] = json!(asset.id);
        let mut saved = context.new_asset(kind, &asset.subject, file).name("user", &asset.subject).name("job", job);
        saved = saved.name("idx", index.to_string()).idx(asset.idx).meta(meta).made_from(&asset.reference());
        saved.seed = asset.seed;
        let made = saved.reference()?;
        Ok(Done::value(json!({"asset": made.id, "kind": kind, "path": format!("{}.{}", made.stem, extension(&asset))})).with(saved))
    })
    .await
}

fn extension(asset: &Asset) -> &str {
    asset.path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn copy(bytes: &Path, scratch: &Path) -> Result<PathBuf, Fault> {
    let file = scratch.join("saved");
    std::fs::copy(bytes, &file).map_err(|e| Fault::io("copy result", bytes, &e))?;
    Ok(file)
}
