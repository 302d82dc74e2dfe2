//! `score`: music made for a film, merged with it so that the music's drop falls where the picture moves most. Of a project
//! its remix is scored; any other film becomes a film of the workspace.

use crate::kit::{Kit, blocking};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::Studio;
use crate::studio::cut::Beat;
use crate::studio::films::beat_of;
use crate::studio::known;
use crate::studio::listen::listened;
use crate::studio::references::check_style;
use crate::watermark::{base, project};
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::provider::MusicRequest;
use rushes_core::{Done, Fault, Kind, Stop};
use rushes_media::score::{self, Cue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "score",
    version: 1,
    collection: None,
    is_short: false,
    about: "music made for a film, and the film with it, drop on drop",
    outside: Some(Outside::of::<Input>()),
};

/// Looking, composing and merging.
const FILM_LIMIT: Duration = Duration::from_mins(30);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// A project, or an absolute path.
    pub(crate) film: String,
    /// None: the character's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) style_id: Option<String>,
    pub(crate) seed: u64,
}

/// What is scored of a project.
const FILMS: [Kind; 2] = [Kind::RemixVideo, Kind::DanceVideo];

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare(
                "film",
                "A project: the id of a character, for its primary dance, or dance_{id}_cosplay_on_{ref}; on this machine any film.",
            )
            .file(),
            Field::text("style_id", "style", "The style of the music; none = the character's own."),
            Field::seed("Of a film that is no project: equal seeds give equal music."),
        ]
    }

    fn check(&self, door: &Door<'_>) -> Result<(), Fault> {
        self.style_id.as_deref().map_or(Ok(()), |style| check_style(style, door))
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        if Path::new(&self.film).is_absolute() {
            return Ok(Plan::of(CARD.name, 1, ["film", "structure", "music", "scored"]));
        }
        let (_, dance) = known::project(look.library, &self.film, 0).await?;
        let film = base(&dance, "score project", &FILMS)?;
        let steps = [
            "project".to_owned(),
            format!("reference {}", dance.title),
            format!("structure {}", film.kind.name()),
            "ai_music".to_owned(),
            "scored_video".to_owned(),
        ];
        Ok(Plan::of(CARD.name, 1, steps))
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    if Path::new(&input.film).is_absolute() {
        return of_file(flow, kit, input).await;
    }
    let (known, dance) = project(flow, &input.film).await?;
    let film = base(&dance, "score project", &FILMS)?;
    let studio = Studio::new(flow, kit, known.person);
    let on = studio.followed(&dance).await?;
    let style = input.style_id.as_ref().unwrap_or(&studio.person.concept.style);
    let (music, scored) = studio.scored(&on, &film, style).await?;
    Ok(json!({"character_id": studio.person.id, "music": music.asset.id, "film": scored.id}))
}

/// A film of this machine: it becomes an asset, so that what is made from it can be traced; then the same film with music.
async fn of_file<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let (file, job, inspect) = (PathBuf::from(&input.film), flow.id().to_string(), kit.inspect.clone());
    let of_workspace = move |context: &StepContext, kind: Kind, copy: PathBuf, idx: u32| {
        context.new_asset(kind, "local", copy).name("user", "local").name("job", &job).name("idx", idx.to_string()).idx(idx)
    };
    let (named, step) = (of_workspace.clone(), Step::new("film").inputs(&file));
    let film = flow
        .step(step, move |context: StepContext| async move {
            let copy = context.scratch()?.join("film");
            tokio::fs::copy(&file, &copy).await.map_err(|e| Fault::io("copy film", &file, &e))?;
            let info = inspect.inspect(&copy).await.map_err(|fault| fault.with("film", file.display()))?;
            if !info.mime.starts_with("video/") {
                return Err(Stop::Failed(Fault::new(rushes_core::Code::NoVideo, "score film").with("file", file.display())));
            }
            let asset = named(&context, Kind::WorkspaceVideo, copy, 0);
            Ok(Done::value(asset.reference()?).with(asset))
        })
        .await?;
    let looked = film.clone();
    let beat: Beat = flow
        .step(Step::new("structure").lane(Lane::Cpu).within(FILM_LIMIT).inputs(&json!([film.id])), move |context: StepContext| async move {
            let (path, cancel) = (context.path_of(&looked).await?, context.cancel.clone());
            Ok(Done::value(blocking(move || beat_of(&path, &cancel)).await?))
        })
        .await?;
    let provider = kit.providers.music.clone();
    let style = input.style_id.unwrap_or_else(|| rushes_media::music::default_style().to_owned());
    let request = MusicRequest {
        style,
        seed: input.seed,
        duration_ms: beat.duration_ms,
        bpm: beat.bpm,
        first_beat_ms: beat.first_beat_ms,
        drop_ms: beat.peak_ms,
    };
    let step = Step::new("scored").by(&provider.card()).within(FILM_LIMIT).inputs(&json!([film.id, request, provider.card()]));
    let scored = flow
        .step(step, move |context: StepContext| async move {
            let picture = context.path_of(&film).await?;
            let music = listened(provider.make(&request, &context.call("music")?).await?, beat.peak_ms, &context.cancel).await?;
            let (scratch, cancel) = (context.scratch()?, context.cancel.clone());
            let out = scratch.join("scored.mp4");
            let made = out.clone();
            blocking(move || {
                let sound = scratch.join("sound.wav");
                let cue = Cue { drop_ms: music.drop_ms, bpm: music.bpm, asked_ms: beat.peak_ms, at_ms: beat.peak_ms };
                score::bed(&music.file, &cue, &sound, beat.duration_ms, &cancel)?;
                score::with_sound(&picture, &sound, &out, &cancel)
            })
            .await?;
            let asset = of_workspace(&context, Kind::WorkspaceVideo, made, 1).made_from(&film).seed(request.seed);
            let asset = asset.meta(json!({"style": request.style, "provider": provider.card()}));
            Ok(Done::value(asset.reference()?).with(asset))
        })
        .await?;
    Ok(json!({"film": scored.id, "path": scored.stem}))
}
