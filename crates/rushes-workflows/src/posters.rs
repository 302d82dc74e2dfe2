//! `posters`: what people look at before they play a film, for films that came without: poster, contact sheet, silent
//! preview, waveform. The smallest workflow over a project, and the example of `CONTRIBUTING.md`.

use crate::kit::Kit;
use crate::outside::{Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::Studio;
use crate::studio::known::{self, Danced};
use crate::watermark::{project, project_field};
use rushes_core::flow::Flow;
use rushes_core::{AssetRef, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "posters",
    version: 1,
    collection: None,
    is_short: false,
    about: "poster, contact sheet, preview and waveform of a project's films that have none",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) project: String,
}

impl Parameters for Input {
    fn fields() -> Vec<crate::Field> {
        vec![project_field()]
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let (_, dance) = known::project(look.library, &self.project, 0).await?;
        let steps = bare(&dance).into_iter().map(|film| format!("companions {} {}", film.kind.name(), film.title));
        Ok(Plan::of(CARD.name, 1, ["project".to_owned()].into_iter().chain(steps)))
    }
}

/// The films of a project that have no poster.
fn bare(dance: &Danced) -> Vec<AssetRef> {
    let shown = [Kind::VariantVideo, Kind::RemixVideo, Kind::WatermarkedVideo];
    let films = [&dance.film].into_iter().chain(dance.made.iter().filter(|asset| shown.contains(&asset.kind)));
    let has_poster =
        |film: &AssetRef| dance.made.iter().any(|asset| asset.kind == Kind::Poster && asset.stem == format!("{}_poster", film.stem));
    films.filter(|film| !has_poster(film)).cloned().collect()
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (known, dance) = project(flow, &input.project).await?;
    let films = bare(&dance);
    Studio::new(flow, kit, known.person.clone()).companions(&films).await?;
    Ok(json!({"character_id": known.person.id, "films": films.len()}))
}
