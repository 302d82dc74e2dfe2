//! `soundtracks`: the marked film once with music made for it and once with its reference's own sound; of one project, or
//! of every finished one.

use crate::kit::{Kit, each};
use crate::outside::{Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::deliverables::Composed;
use crate::studio::known;
use crate::studio::{Studio, survey};
use crate::watermark::{base, project};
use rushes_core::flow::{Child, Flow};
use rushes_core::{Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "soundtracks",
    version: 1,
    collection: None,
    is_short: false,
    about: "a finished film with music and with its original sound, one project or all",
    outside: Some(Outside::of::<Input>()),
};

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// None: every project with a finished film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
}

/// What is heard anew: the film as it is shown, best first.
const FILMS: [Kind; 3] = [Kind::WatermarkedVideo, Kind::ScoredVideo, Kind::RemixVideo];

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare(
                "project",
                "The id of a character, for its primary dance, or dance_{id}_cosplay_on_{ref}; none = every finished project.",
            )
            .or_none(),
        ]
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let one = |title: &str| {
            vec![
                "project".to_owned(),
                format!("reference {title}"),
                format!("structure {}", Kind::WatermarkedVideo.name()),
                "ai_music".to_owned(),
                "kpop_video".to_owned(),
                "orig_music".to_owned(),
                "orig_video".to_owned(),
            ]
        };
        if let Some(name) = &self.project {
            let (_, dance) = known::project(look.library, name, 0).await?;
            base(&dance, "make soundtracks", &FILMS)?;
            return Ok(Plan::of(CARD.name, 1, one(&dance.title)));
        }
        let projects = survey::all(look.library, has_film).await?;
        let line = format!("{} projects have a finished film", projects.len());
        Ok(Plan::of(CARD.name, u32::try_from(projects.len()).unwrap_or(u32::MAX), one("primary")).found(line))
    }
}

fn has_film(dance: &known::Danced) -> bool {
    FILMS.into_iter().any(|kind| dance.one(kind).is_some())
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let Some(name) = &input.project else { return every(flow).await };
    let (known, dance) = project(flow, name).await?;
    let film = base(&dance, "make soundtracks", &FILMS)?;
    let studio = Studio::new(flow, kit, known.person);
    let on = studio.followed(&dance).await?;
    let beat = studio.structure_of(&film).await?;
    let music = match dance.one(Kind::AiMusic) {
        Some(music) => Composed::unknown(music.clone()),
        None => studio.music(&on, &beat, &studio.person.concept.style).await?,
    };
    let kpop = studio.under(&on, &film, &music, &beat, Kind::KpopVideo).await?;
    let orig = studio.original_under(&on, &film).await?;
    Ok(json!({"character_id": studio.person.id, "films": [Some(kpop.id), orig.map(|orig| orig.id)]}))
}

async fn every<F: Flow>(flow: &F) -> Result<Value, Stop> {
    let projects = survey::in_steps(flow, has_film).await?;
    let children = projects.iter().map(|project| Child {
        name: format!("project {}", project.name()),
        workflow: CARD.name.to_owned(),
        input: json!(Input { project: Some(project.name()) }),
    });
    let (made, failed) = each(flow.children(children.collect()).await)?;
    survey::unless_all_failed(made.len(), failed, &[], "make soundtracks")?;
    Ok(json!({"made": made.len(), "failed": failed}))
}
