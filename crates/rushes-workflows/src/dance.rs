//! `dance`: one character on one reference; with `finish` everything that is made of that dance, too. A dance that is
//! there is not made again.

use crate::character::redo_field;
use crate::kit::Kit;
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use crate::studio::complete;
use crate::studio::known::{self, Known};
use crate::studio::references::{self, Reference};
use crate::studio::set::{self, Dance, Wanted};
use crate::studio::{Studio, next_title};
use rushes_core::flow::{Flow, Step, StepContext};
use rushes_core::{AssetRef, Code, Done, Fault, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "dance",
    version: 1,
    collection: None,
    is_short: false,
    about: "one character dances on one reference; with --finish its whole set",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The id or the unique slug.
    pub(crate) character: String,
    /// A name in the library, or an absolute path; None: the character's primary dance, to be finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    pub(crate) finish: bool,
    pub(crate) generate_variants: bool,
    pub(crate) create_soundtracks: bool,
    pub(crate) apply_watermark: bool,
    /// Another number makes everything anew that equal inputs would reuse.
    #[serde(default)]
    pub(crate) redo: u32,
    /// As a production has chosen them already, in place of `reference`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<Reference>,
}

impl Input {
    /// Everything that is made of this dance, or of the primary one.
    pub(crate) fn finishing(character: &str, reference: Option<&str>) -> Self {
        Self {
            character: character.to_owned(),
            reference: reference.map(str::to_owned),
            finish: true,
            generate_variants: true,
            create_soundtracks: true,
            apply_watermark: true,
            redo: 0,
            references: Vec::new(),
        }
    }

    fn wanted(&self) -> Option<Wanted> {
        self.finish.then(|| Wanted::of(self.generate_variants, self.create_soundtracks, self.apply_watermark))
    }
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare("character", "The id or the unique name of a character."),
            Field::text(
                "reference",
                "reference",
                "A film to dance on, by its name in the reference library; none = the primary dance, to be finished.",
            )
            .file(),
            Field::switch("finish", "finish", "Make the whole set of this dance: outfits, remix, music, stickers, soundtracks."),
            Field::unless("generate_variants", "no-variants", "Outfit variants."),
            Field::unless("create_soundtracks", "no-soundtracks", "Soundtrack versions."),
            Field::unless("apply_watermark", "no-watermark", "The watermarked version."),
            redo_field(),
        ]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        if self.reference.is_none() && !self.finish {
            return Err(refuse("say a reference to dance on, or finish for what is made of the primary dance"));
        }
        Ok(())
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let known = known::character(look.library, &self.character, self.redo).await?;
        let there = self.there(&known);
        let title = there.map_or_else(|| next_title(&known.titles()), |at| known.dances[at].title.clone());
        let mut steps = vec!["character".to_owned()];
        steps.extend(there.is_none().then(|| "references".to_owned()));
        steps.push(format!("reference {title}"));
        let (titles, wanted) = (if there.is_none() { vec![title] } else { Vec::new() }, self.wanted());
        match (there.map(|at| &known.dances[at]).filter(|dance| dance.has_remix()), &wanted) {
            (Some(dance), Some(wanted)) => {
                steps.extend(complete::missing(dance, wanted, true).into_iter().map(|kind| kind.name().to_owned()))
            }
            _ => steps.extend(set::steps(&titles, wanted.as_ref())),
        }
        Ok(Plan::of(CARD.name, 1, steps))
    }
}

impl Input {
    /// Which of the character's dances it is, where it is there already.
    fn there(&self, known: &Known) -> Option<usize> {
        if self.redo > 0 && !self.references.is_empty() {
            return None;
        }
        match &self.reference {
            Some(name) => known.dances.iter().position(|dance| dance.on == *name),
            None => known.dances.iter().position(|dance| known.primary().is_some_and(|primary| primary.on == dance.on)),
        }
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (who, redo) = (input.character.clone(), input.redo);
    let known = flow
        .step(Step::new("character"), move |context: StepContext| async move {
            Ok(Done::value(known::character(context.library.as_ref(), &who, redo).await?))
        })
        .await?;
    let studio = Studio::new(flow, kit, known.person.clone());
    let mut dances = Vec::new();
    let there = input.there(&known).map(|at| &known.dances[at]);
    if let Some(dance) = there {
        dances.push(Dance { on: studio.followed(dance).await?, there: Some(dance.film.clone()) });
    } else {
        let references = match (&input.reference, input.references.is_empty()) {
            (_, false) => input.references.clone(),
            (Some(name), true) => references::choose_in_step(flow, kit, std::slice::from_ref(name)).await?,
            (None, true) => return Err(Stop::Failed(lacks(&known, "a dance", "`rushes run dance` with --reference makes one"))),
        };
        let mut titles = known.titles();
        for reference in &references {
            let title = next_title(&titles);
            let on = studio.follow(reference, &title, &titles).await?;
            titles.insert(on.name.clone(), on.title.clone());
            dances.push(Dance { on, there: None });
        }
    }
    let wanted = input.wanted();
    match (there.filter(|dance| dance.has_remix()), &wanted) {
        (Some(dance), Some(wanted)) => drop(studio.complete(&dances[0].on, dance, wanted).await?),
        _ => {
            let cosplay = match &known.cosplay {
                Some(cosplay) => cosplay.clone(),
                None => cosplay_of(&studio, &known).await?,
            };
            studio.perform(&cosplay, &dances, wanted.as_ref()).await?;
        }
    }
    let made: Vec<&str> = dances.iter().map(|dance| dance.on.title.as_str()).collect();
    Ok(json!({"character_id": studio.person.id, "name": studio.person.concept.name, "dances": made}))
}

/// The cosplay image of a character that has none yet.
async fn cosplay_of<F: Flow>(studio: &Studio<'_, F>, known: &Known) -> Result<AssetRef, Stop> {
    match &known.anime {
        Some(anime) => studio.cosplay(anime).await,
        None => Ok(studio.portraits().await?.1),
    }
}

fn lacks(known: &Known, what: &str, cure: &str) -> Fault {
    Fault::new(Code::NotFound, "dance").with("character", &known.person.id).because(format!("it has not {what} yet; {cure}"))
}
