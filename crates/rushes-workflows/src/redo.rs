//! `redo`: one project again. What is made is kept back until all of it is there; then it takes the old set's places at
//! once. What the old set had and the new one has not goes, once the records tell of the new one.

use crate::kit::Kit;
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use crate::studio::known::{self, Danced, Known};
use crate::studio::references;
use crate::studio::set::{self, Dance, Wanted};
use crate::studio::{Person, Studio};
use rushes_core::flow::{Flow, Library, Step, StepContext, hash};
use rushes_core::store::AssetFilter;
use rushes_core::subject::NewSubject;
use rushes_core::{Asset, AssetId, Code, Done, Fault, JobId, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "redo",
    version: 1,
    collection: None,
    is_short: false,
    about: "one project made anew, in place of the old one once all of it is there",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A character's id, for its primary dance, or `dance_{id}_cosplay_on_{ref}`.
    pub(crate) project: String,
    pub(crate) anime: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) swap_ref: Option<String>,
    pub(crate) same_ref: bool,
    pub(crate) finish: bool,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare("project", "The id of a character, for its primary dance, or dance_{id}_cosplay_on_{ref}."),
            Field::switch("anime", "anime", "Begin with another take of the anime and the cosplay image."),
            Field::text("swap_ref", "swap-ref", "Dance on another film of the reference library instead.").file(),
            Field::switch("same_ref", "same-ref", "Dance anew on the same reference, as without any of these."),
            Field::switch("finish", "finish", "Make the whole set, also where the project had only its dance."),
        ]
    }

    fn check(&self, door: &Door<'_>) -> Result<(), Fault> {
        match &self.swap_ref {
            Some(_) if self.same_ref => Err(refuse("either swap_ref or same_ref, not both")),
            Some(name) => references::check(std::slice::from_ref(name), door),
            None => Ok(()),
        }
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let (_, dance) = known::project(look.library, &self.project, 1).await?;
        let mut steps = vec!["project".to_owned()];
        steps.extend(self.swap_ref.as_ref().map(|_| "references".to_owned()));
        steps.push(format!("reference {}", dance.title));
        if self.anime {
            steps.extend(["anime_image", "cosplay_image"].map(str::to_owned));
        }
        steps.extend(set::steps(std::slice::from_ref(&dance.title), self.wanted(&dance).as_ref()));
        steps.push("switch".to_owned());
        let line = format!("{} is made anew; {} files take part", dance.film.stem, dance.made.len() + 1);
        Ok(Plan::of(CARD.name, 1, steps).found(line))
    }
}

impl Input {
    /// What is made beside the dance: what the project had, or everything.
    fn wanted(&self, dance: &Danced) -> Option<Wanted> {
        if self.finish {
            return Some(Wanted::of(true, true, true));
        }
        let has = |kind: Kind| dance.one(kind).is_some();
        let is_finished = [Kind::RemixVideo, Kind::ScoredVideo, Kind::WatermarkedVideo].into_iter().any(has);
        let soundtracks = has(Kind::KpopVideo) || has(Kind::OrigVideo);
        is_finished.then(|| Wanted { variants: dance.outfits(), soundtracks, watermark: dance.is_finished() })
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let take = take_of(flow.id());
    let (known, dance) = project(flow, &input, take).await?;
    let mut studio = Studio { flow, kit, person: known.person.clone(), is_aside: true };
    let on = match &input.swap_ref {
        None => studio.followed(&dance).await?,
        Some(name) => {
            let reference = references::choose_in_step(flow, kit, std::slice::from_ref(name)).await?.remove(0);
            studio.follow(&reference, &dance.title, &BTreeMap::new()).await?
        }
    };
    let cosplay = match (&known.cosplay, &known.anime) {
        (Some(cosplay), _) if !input.anime => cosplay.clone(),
        (None, Some(anime)) if !input.anime => studio.cosplay(anime).await?,
        _ => {
            studio = studio.with_new_look();
            studio.portraits().await?.1
        }
    };
    studio.perform(&cosplay, &[Dance { on, there: None }], input.wanted(&dance).as_ref()).await?;
    let shown = switch(flow, &studio.person, dance.clone()).await?;
    Ok(json!({"character_id": known.person.id, "project": dance.project(&known.person.id), "take": known.person.redo, "shown": shown}))
}

/// A number of a take that no other job has, and every attempt of this one.
fn take_of(job: &JobId) -> u32 {
    u32::from_str_radix(&hash(job)[..7], 16).unwrap_or(0) + 1
}

async fn project<F: Flow>(flow: &F, input: &Input, take: u32) -> Result<(Known, Danced), Stop> {
    let (name, swap) = (input.project.clone(), input.swap_ref.clone());
    flow.step(Step::new("project").inputs(&json!([name, swap])), move |context: StepContext| async move {
        let (known, dance) = known::project(context.library.as_ref(), &name, take).await?;
        let other = swap.as_deref().and_then(|swap| std::path::Path::new(swap).file_stem()?.to_str());
        if let Some(there) = known.dances.iter().find(|there| Some(there.on.as_str()) == other) {
            let reason = format!("the character dances on {} already: redo {} with --same-ref", there.on, there.project(&known.person.id));
            return Err(Stop::Failed(refuse(reason)));
        }
        Ok(Done::value((known, dance)))
    })
    .await
}

/// Shows everything that was kept back, in place of the old set. Gives how much.
async fn switch<F: Flow>(flow: &F, person: &Person, dance: Danced) -> Result<usize, Stop> {
    let (job, person) = (*flow.id(), person.clone());
    flow.step(Step::new("switch"), move |context: StepContext| async move {
        let library = context.library.as_ref();
        let mine = library.assets(&AssetFilter { job: Some(job), all_versions: true, ..AssetFilter::default() }).await?;
        let new: Vec<Asset> = mine.into_iter().map(|(asset, _)| asset).filter(|asset| asset.version == 0).collect();
        let gone = left_over(library, &person.id, &dance, &new).await?;
        let renewed = looks_anew(library, &person).await?;
        let shown: Vec<AssetId> = new.iter().map(|asset| asset.id).collect();
        Ok(Done { gone, renewed, shown: shown.clone(), ..Done::value(shown.len()) })
    })
    .await
}

/// What belongs to the old set and has no place in the new one.
async fn left_over(library: &dyn Library, character: &str, dance: &Danced, new: &[Asset]) -> Result<Vec<AssetId>, Fault> {
    let current = library.assets(&AssetFilter { subject: Some(character.to_owned()), ..AssetFilter::default() }).await?;
    let places: BTreeSet<&str> = new.iter().map(|asset| asset.path.as_str()).collect();
    let has_new_reference = new.iter().any(|asset| asset.kind == Kind::ReferenceVideo);
    let (film, folder) = (&dance.film.stem, format!("remixes/{}/", dance.project(character)));
    let belongs = |asset: &Asset| {
        let is_companion = asset.reference().stem == format!("{film}_{}", asset.kind.name());
        let is_reference = has_new_reference && asset.kind == Kind::ReferenceVideo && asset.title == dance.title;
        asset.id == dance.film.id || is_companion || is_reference || asset.path.starts_with(&folder)
    };
    let old = current.into_iter().map(|(asset, _)| asset).filter(|asset| belongs(asset) && !places.contains(asset.path.as_str()));
    Ok(old.map(|asset| asset.id).collect())
}

/// The character with the seed of its new look, where it has one.
async fn looks_anew(library: &dyn Library, person: &Person) -> Result<Vec<NewSubject>, Fault> {
    let subject =
        library.subject(&person.id).await?.ok_or_else(|| Fault::new(Code::NotFound, "redo project").with("character", &person.id))?;
    let mut made = subject.made;
    let seed = json!(person.concept.seed);
    if made.fields["seed"] == seed || made.fields["seed"].is_null() {
        return Ok(Vec::new());
    }
    made.fields["seed"] = seed;
    Ok(vec![made])
}
