//! `clear`: everything in a user's workspace that is kept for days only goes at once; or what one job of the app's made.

use crate::kit::Kit;
use crate::registry::Card;
use crate::save::place;
use rushes_core::flow::{Flow, Library, Step, StepContext};
use rushes_core::former::Layout;
use rushes_core::store::AssetFilter;
use rushes_core::{AssetId, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub const CARD: Card = Card { name: "clear", version: 1, collection: None, is_short: true, about: "", outside: None };

/// Assets that go in one transaction: others write in between.
const AT_ONCE: usize = 200;
/// More than any user has.
const SLICES_MAX: usize = 1_000;
const KINDS: [Kind; 3] = [Kind::WorkspaceImage, Kind::WorkspaceVideo, Kind::Thumbnail];
const LAYOUTS: [Layout; 2] = [Layout::Today, Layout::Legacy];

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The app's id of its user.
    pub user_id: String,
    /// The app's id of one of its jobs; None: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

pub(crate) async fn run<F: Flow>(flow: &F, _kit: &Kit, input: Input) -> Result<Value, Stop> {
    let mut discarded = 0;
    // What is made meanwhile is another day's: each of these steps finds less.
    for slice in 0..SLICES_MAX {
        let input = input.clone();
        let step = Step::new(format!("clear {slice}")).inputs(&input);
        let gone: usize = flow
            .step(step, move |context: StepContext| async move {
                let mut gone = left(context.library.as_ref(), &input).await?;
                gone.truncate(AT_ONCE);
                Ok(Done { gone: gone.clone(), ..Done::value(gone.len()) })
            })
            .await?;
        discarded += gone;
        if gone < AT_ONCE {
            break;
        }
    }
    Ok(json!({ "discarded": discarded }))
}

async fn left(library: &dyn Library, input: &Input) -> Result<Vec<AssetId>, Fault> {
    let mut left = Vec::new();
    for kind in LAYOUTS.iter().flat_map(|layout| KINDS.map(|kind| layout.kind(kind))) {
        let own = AssetFilter { kind: Some(kind), subject: Some(input.user_id.clone()), ..AssetFilter::default() };
        let found = library.assets(&own).await?.into_iter().map(|(asset, _)| asset);
        left.extend(found.filter(|asset| input.job_id.as_deref().is_none_or(|job| job == place(asset).0)).map(|asset| asset.id));
    }
    Ok(left)
}
