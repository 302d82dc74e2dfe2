//! `align`: a character's image fitted to a reference's first frame, as a dance on it would begin. What is made stays in
//! scratch; the job tells how it fits.

use crate::kit::{Kit, blocking};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::{known, references};
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::{AssetRef, Code, Done, Fault, Stop};
use rushes_media::align::align;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "align",
    version: 1,
    collection: None,
    is_short: false,
    about: "how a character's image fits a reference's first frame",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) character: String,
    pub(crate) reference: String,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare("character", "The id or the unique name of a character."),
            Field::text("reference", "reference", "A film, by its name in the reference library.").file().needed(),
        ]
    }

    fn check(&self, door: &Door<'_>) -> Result<(), Fault> {
        references::check(std::slice::from_ref(&self.reference), door)
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        image(look.library, &self.character).await?;
        Ok(Plan::of(CARD.name, 1, ["references", "align"]))
    }
}

/// The image a dance begins with. Errors: `not_found`.
async fn image(library: &dyn rushes_core::flow::Library, who: &str) -> Result<AssetRef, Fault> {
    let known = known::character(library, who, 0).await?;
    let lacks = || {
        Fault::new(Code::NotFound, "align image").with("character", who).because("it has no image yet; `rushes run character` makes one")
    };
    known.cosplay.or(known.anime).ok_or_else(lacks)
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let reference = references::choose_in_step(flow, kit, std::slice::from_ref(&input.reference)).await?.remove(0);
    let (width, height, film) = (kit.width, kit.height, reference.here(kit));
    let step = Step::new("align").lane(Lane::Cpu).inputs(&json!([input.character, reference, width, height]));
    flow.step(step, move |context: StepContext| async move {
        let still = context.path_of(&image(context.library.as_ref(), &input.character).await?).await?;
        let (out, cancel) = (context.scratch()?.join("aligned.png"), context.cancel.clone());
        let aligned = blocking(move || align(&still, &film, width, height, &out, &cancel)).await?;
        Ok(Done::value(serde_json::to_value(aligned).map_err(|e| Stop::Failed(Fault::new(Code::Unexpected, "tell alignment").because(e)))?))
    })
    .await
}
