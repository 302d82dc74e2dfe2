//! `watermark`: the icon and the name of its character on a project's film.

use crate::kit::Kit;
use crate::outside::{Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::Studio;
use crate::studio::known::{self, Danced};
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::{AssetRef, Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "watermark",
    version: 1,
    collection: None,
    is_short: false,
    about: "icon sticker, name sticker, and a project's film with both on it",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) project: String,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![project_field()]
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let (_, dance) = known::project(look.library, &self.project, 0).await?;
        base(&dance, "watermark project", &UNMARKED)?;
        let reference = format!("reference {}", dance.title);
        let steps = [
            "project",
            &reference,
            "icon_sticker",
            "name_sticker",
            Kind::WatermarkedVideo.name(),
            "companions watermarked_video primary_deliverable",
        ];
        Ok(Plan::of(CARD.name, 1, steps))
    }
}

/// The field that names a project.
pub(crate) fn project_field() -> Field {
    Field::bare("project", "The id of a character, for its primary dance, or dance_{id}_cosplay_on_{ref}.")
}

/// What is marked: what has its music, else what has not.
const UNMARKED: [Kind; 2] = [Kind::ScoredVideo, Kind::RemixVideo];

/// The first of these that a project has. Errors: `not_found`, saying how to get one.
pub(crate) fn base(dance: &Danced, operation: &str, kinds: &[Kind]) -> Result<AssetRef, Fault> {
    let film = kinds.iter().find_map(|kind| dance.one(*kind));
    let stem = dance.film.stem.trim_start_matches("dances/");
    let lacks = || {
        Fault::new(Code::NotFound, operation)
            .with("project", stem)
            .because("it has no remix yet; `rushes run dance` with --finish makes one")
    };
    film.cloned().ok_or_else(lacks)
}

/// A project as it is when the job begins.
pub(crate) async fn project<F: Flow>(flow: &F, name: &str) -> Result<(known::Known, Danced), Stop> {
    let name = name.to_owned();
    flow.step(Step::new("project").inputs(&name), move |context: StepContext| async move {
        Ok(Done::value(known::project(context.library.as_ref(), &name, 0).await?))
    })
    .await
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (known, dance) = project(flow, &input.project).await?;
    let film = base(&dance, "watermark project", &UNMARKED)?;
    let studio = Studio::new(flow, kit, known.person);
    let on = studio.followed(&dance).await?;
    let marked = studio.watermarked(&on, &film).await?;
    studio.companions([&marked]).await?;
    Ok(json!({"character_id": studio.person.id, "film": marked.id}))
}
