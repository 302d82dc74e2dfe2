//! `discard`: a result of a user's workspace goes at once, with its thumbnail: row, objects and all, as if its days were over.

use crate::kit::Kit;
use crate::registry::Card;
use crate::save::result;
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::former::Layout;
use rushes_core::store::AssetFilter;
use rushes_core::{Done, Kind, Stop};
use serde_json::{Value, json};

pub use crate::save::Input;

/// What the registry says of it.
pub const CARD: Card = Card { name: "discard", version: 1, collection: None, is_short: true, about: "", outside: None };

pub(crate) async fn run<F: Flow>(flow: &F, _kit: &Kit, input: Input) -> Result<Value, Stop> {
    flow.step(Step::new("discard").inputs(&input), move |context: StepContext| async move {
        let library = context.library.as_ref();
        let asset = result(library, input.asset).await?;
        let kind = Layout::of(asset.kind).kind(Kind::Thumbnail);
        let thumbnails = AssetFilter { kind: Some(kind), subject: Some(asset.subject.clone()), ..AssetFilter::default() };
        // The place tells whose thumbnail it is; one of a newer version at that place stays with that.
        let own = format!("{}.thumb", asset.reference().stem);
        let mut gone = Vec::new();
        if asset.retired_ms.is_none() {
            let found = library.assets(&thumbnails).await?.into_iter();
            gone.extend(found.filter(|(thumbnail, _)| thumbnail.reference().stem == own).map(|(thumbnail, _)| thumbnail.id));
            gone.push(asset.id);
        }
        Ok(Done { gone: gone.clone(), ..Done::value(json!({"discarded": gone})) })
    })
    .await
}
