//! `character`: one original character, its concept, its anime and its cosplay image; and, as part of a production, its
//! dances and everything made of the first of them.

use crate::kit::Kit;
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::people::{self, Wanted as Who};
use crate::studio::references::{self, Reference};
use crate::studio::set::{self, Dance, Wanted};
use crate::studio::{Studio, title};
use rushes_core::flow::Flow;
use rushes_core::{Fault, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "character",
    version: 4,
    collection: None,
    is_short: false,
    about: "one new character: concept, anime image, cosplay image",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) seed: u64,
    pub(crate) style_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// In somebody's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) concept: Option<String>,
    pub(crate) skip_existing: bool,
    /// Another number makes everything anew that equal inputs would reuse.
    #[serde(default)]
    pub(crate) redo: u32,
    /// Of so many anime images one is chosen.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) takes: u32,
    /// A dance on each of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<Reference>,
    /// And of the first dance all of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wanted: Option<Wanted>,
}

/// Takes to choose among at most.
const TAKES_MAX: u64 = 6;

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_one(takes: &u32) -> bool {
    *takes == 1
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::text("name", "name", "What the character is called; none = a name is found."),
            Field::text(
                "concept",
                "concept",
                "Who it is, in your own words, such as \"silver bob, freckles, streetwear\"; none = one is drawn from the seed.",
            ),
            Field::seed("Equal seeds give equal characters."),
            style_field(),
            Field::unless(
                "skip_existing",
                "no-skip-existing",
                "A concept whose name exists is passed over; off: that character gets new versions.",
            ),
            Field::whole("takes", "takes", 1..=TAKES_MAX, Some(1), "Make so many anime images, and wait until somebody chooses one."),
            redo_field(),
        ]
    }

    fn check(&self, door: &Door<'_>) -> Result<(), Fault> {
        references::check_style(&self.style_id, door)
    }

    async fn plan(&self, _look: Look<'_>) -> Result<Plan, Fault> {
        Ok(Plan::of(CARD.name, 1, steps(0, None)))
    }
}

/// The field that chooses a style.
pub(crate) fn style_field() -> Field {
    let there: Vec<&str> = rushes_media::music::style_names().collect();
    let about = format!("The style of characters and music: {}, or one of your own.", there.join(", "));
    Field::usually("style_id", "style", rushes_media::music::default_style(), &about)
}

/// The field that asks for another take.
pub(crate) fn redo_field() -> Field {
    Field::whole(
        "redo",
        "redo",
        0..=u64::from(u32::MAX),
        Some(0),
        "Make anew what equal inputs would reuse; each number is a take of its own.",
    )
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let Input { seed, style_id, name, concept, skip_existing, redo, takes, references, wanted } = input;
    let who = Who { seed, style: style_id, name, wish: concept, skip_existing, redo };
    let mut studio = Studio::new(flow, kit, people::draw(flow, kit, who).await?);
    let anime = if takes > 1 { studio.chosen_anime(takes).await? } else { studio.anime().await? };
    let cosplay = studio.cosplay(&anime).await?;
    let mut dances = Vec::new();
    for (index, reference) in references.iter().enumerate() {
        let on = studio.follow(reference, &title(index), &BTreeMap::new()).await?;
        dances.push(Dance { on, there: None });
    }
    studio.perform(&cosplay, &dances, wanted.as_ref()).await?;
    Ok(json!({"character_id": studio.person.id, "name": studio.person.concept.name}))
}

/// The steps of one character with so many dances, as [`run`] takes them.
pub(crate) fn steps(dances: usize, wanted: Option<&Wanted>) -> Vec<String> {
    let titles = set::titles(dances);
    let mut steps: Vec<String> = ["concept", "anime_image", "cosplay_image"].map(str::to_owned).into();
    steps.extend(titles.iter().map(|title| format!("reference {title}")));
    steps.extend(set::steps(&titles, wanted));
    steps
}
