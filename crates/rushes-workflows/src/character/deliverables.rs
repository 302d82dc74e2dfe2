//! The finished films: sounds and stickers first, then every version in one plan.

use super::cut::Cut;
use super::{Followed, Image, Input, Person, image};
use crate::kit::{Kit, blocking};
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::provider::{MusicRequest, Outfit, Picture, ReportProgress};
use rushes_core::{AssetRef, Cancel, Done, Fault, Kind, NewAsset, Stop};
use rushes_media::edit::{Deliverables, EditList, Stickers};
use rushes_media::loudness;
use rushes_media::run::encode::Quality;
use rushes_media::score::{self, Cue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Encoding every version.
const PLAN_LIMIT: Duration = Duration::from_mins(30);

/// What the versions are put together from, beside the picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Parts {
    /// None where the reference has no sound.
    original: Option<AssetRef>,
    music: Composed,
    /// None without a watermark.
    stickers: Option<(AssetRef, AssetRef)>,
}

/// The music, and what its maker says of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Composed {
    #[serde(flatten)]
    asset: AssetRef,
    /// Where its drop is; None where it was made before, or by who did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop_ms: Option<u64>,
    /// Its beats a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bpm: Option<f64>,
}

/// Makes music and stickers, and takes the reference's own sound out.
pub(crate) async fn parts<F: Flow>(
    flow: &F,
    kit: &Kit,
    person: &Person,
    reference: &Followed,
    cut: &Cut,
    input: &Input,
) -> Result<Parts, Stop> {
    let original = if reference.has_sound && input.soundtracks { original(flow, person, reference).await? } else { None };
    let music = music(flow, kit, person, reference, cut).await?;
    if !input.watermark {
        return Ok(Parts { original, music, stickers: None });
    }
    let sticker = |step: &str, kind, picture| {
        let mut names = reference.names();
        names.insert("name".into(), rushes_core::kinds::segment(&person.concept.name.replace(' ', "_")));
        image(
            kit,
            person,
            Image { step: step.to_owned(), kind, picture, outfit: Outfit::signature(), like: None, title: "primary".into(), names },
        )
    };
    let both = vec![
        sticker("icon_sticker", Kind::IconSticker, Picture::IconSticker),
        sticker("name_sticker", Kind::NameSticker, Picture::NameSticker),
    ];
    let mut made = flow.all(both).await.into_iter().collect::<Result<Vec<_>, Stop>>()?.into_iter();
    let stickers = made.next().zip(made.next());
    Ok(Parts { original, music, stickers })
}

async fn original<F: Flow>(flow: &F, person: &Person, reference: &Followed) -> Result<Option<AssetRef>, Stop> {
    let (subject, reference) = (person.id.clone(), reference.clone());
    flow.step(Step::new("orig_music").lane(Lane::Cpu).inputs(&json!([reference.asset.id])), move |context: StepContext| async move {
        let path = context.path_of(&reference.asset).await?;
        let (stem, cancel) = (context.scratch()?.join("orig_music"), context.cancel.clone());
        let Some(file) = blocking(move || loudness::extract_original(&path, &stem, &cancel)).await? else { return Ok(Done::value(None)) };
        let asset = context.new_asset(Kind::OrigMusic, &subject, file).names(&reference.names()).made_from(&reference.asset);
        Ok(Done::value(Some(asset.reference()?)).with(asset))
    })
    .await
}

async fn music<F: Flow>(flow: &F, kit: &Kit, person: &Person, reference: &Followed, cut: &Cut) -> Result<Composed, Stop> {
    let (provider, subject, names) = (kit.providers.music.clone(), person.id.clone(), reference.names());
    let request = MusicRequest {
        style: person.concept.style.clone(),
        seed: person.concept.seed,
        duration_ms: cut.duration_ms,
        bpm: cut.bpm,
        first_beat_ms: cut.first_beat_ms,
        drop_ms: cut.peak_ms,
    };
    let step = Step::new("ai_music").by(&provider.card()).inputs(&json!([request, provider.card(), person.redo]));
    flow.step(step, move |context: StepContext| async move {
        let (file, told, meta) = match context.made_before(Kind::AiMusic).await? {
            Some(before) => (before.file, None, json!({"style": request.style, "provider": provider.card(), "reused_from": before.asset})),
            None => {
                let made = provider.make(&request, &context.call("music")?).await?;
                let meta = json!({"bpm": made.bpm, "drop_ms": made.drop_ms, "style": request.style, "provider": provider.card()});
                (made.file, Some((made.drop_ms, made.bpm)), meta)
            }
        };
        let asset = context.new_asset(Kind::AiMusic, &subject, file).names(&names).seed(request.seed).meta(meta);
        let composed = Composed { asset: asset.reference()?, drop_ms: told.map(|(drop_ms, _)| drop_ms), bpm: told.map(|(_, bpm)| bpm) };
        Ok(Done::value(composed).with(asset))
    })
    .await
}

/// Every version in one plan: each distinct picture is encoded once.
#[expect(clippy::too_many_arguments, reason = "the whole of what a remix is made from, each once")]
pub(crate) async fn deliver<F: Flow>(
    flow: &F,
    kit: &Kit,
    person: &Person,
    reference: &Followed,
    sources: &[AssetRef],
    cut: Cut,
    parts: Parts,
    input: &Input,
) -> Result<Vec<AssetRef>, Stop> {
    let quality = if kit.is_final_quality { Quality::Final } else { Quality::Draft };
    let job = Plan {
        subject: person.id.clone(),
        reference: reference.clone(),
        sources: sources.to_vec(),
        cut,
        parts,
        quality,
        soundtracks: input.soundtracks,
    };
    let step = Step::new("deliverables").lane(Lane::Cpu).within(PLAN_LIMIT).inputs(&json!([
        job.sources,
        job.cut,
        job.parts,
        quality,
        input.soundtracks
    ]));
    flow.step(step, move |context: StepContext| async move {
        let files = job.files(&context).await?;
        let (plan, cancel, progress) = (job.clone(), context.cancel.clone(), context.progress.clone());
        let list = EditList { sources: files.sources.clone(), segments: plan.cut.segments.clone(), spec: plan.cut.spec };
        let wanted = blocking(move || plan.render(&list, files, &cancel, &progress)).await?;
        let mut made: Vec<NewAsset> = Vec::new();
        for (kind, file) in wanted {
            made.push(
                job.sources.iter().fold(context.new_asset(kind, &job.subject, file).names(&job.reference.names()), NewAsset::made_from),
            );
        }
        let value = made.iter().map(NewAsset::reference).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Done { made, ..Done::value(value) })
    })
    .await
}

#[derive(Clone)]
struct Plan {
    subject: String,
    reference: Followed,
    sources: Vec<AssetRef>,
    cut: Cut,
    parts: Parts,
    quality: Quality,
    soundtracks: bool,
}

/// Where the plan's inputs are on this machine.
struct Files {
    sources: Vec<PathBuf>,
    /// Where the original sound comes from, when it is wanted.
    original: Option<PathBuf>,
    music: PathBuf,
    stickers: Option<Stickers>,
    scratch: PathBuf,
}

impl Plan {
    async fn files(&self, context: &StepContext) -> Result<Files, Fault> {
        let mut sources = Vec::new();
        for source in &self.sources {
            sources.push(context.path_of(source).await?);
        }
        let original = match &self.parts.original {
            Some(asset) => Some(context.path_of(asset).await?),
            // Without soundtrack versions it is not kept as an asset; the remix still sounds as the dance does.
            None if self.reference.has_sound => Some(context.path_of(&self.reference.asset).await?),
            None => None,
        };
        let stickers = match &self.parts.stickers {
            Some((icon, name)) => Some(Stickers { icon: context.path_of(icon).await?, name: context.path_of(name).await? }),
            None => None,
        };
        Ok(Files { sources, original, music: context.path_of(&self.parts.music.asset).await?, stickers, scratch: context.scratch()? })
    }

    /// Masters both sounds and renders every version wanted; gives their kinds and files.
    fn render(&self, list: &EditList, files: Files, cancel: &Cancel, progress: &ReportProgress) -> Result<Vec<(Kind, PathBuf)>, Fault> {
        let master = |from: &Path, name: &str| {
            let to = files.scratch.join(name);
            loudness::master(from, &to, self.cut.duration_ms, cancel).map(|_| to)
        };
        progress(0.02, "mastering");
        // The provider's drop is near to where it was asked for; under the film it falls there exactly.
        let composed = &self.parts.music;
        let cue = Cue { drop_ms: composed.drop_ms, bpm: composed.bpm, asked_ms: self.cut.peak_ms, at_ms: self.cut.peak_ms };
        let music = files.scratch.join("music.wav");
        score::bed(&files.music, &cue, &music, self.cut.duration_ms, cancel)?;
        let original = files.original.as_deref().map(|from| master(from, "original.wav")).transpose()?;
        let mut wanted: Vec<(Kind, PathBuf)> = Vec::new();
        let mut want = |is_wanted: bool, kind: Kind| {
            let file = is_wanted.then(|| files.scratch.join(format!("{}.mp4", kind.name())))?;
            wanted.push((kind, file.clone()));
            Some(file)
        };
        let deliverables = Deliverables {
            remix: want(true, Kind::RemixVideo),
            scored: want(true, Kind::ScoredVideo),
            watermarked: want(files.stickers.is_some(), Kind::WatermarkedVideo),
            kpop: want(self.soundtracks, Kind::KpopVideo),
            orig: want(self.soundtracks && original.is_some(), Kind::OrigVideo),
            original_sound: original,
            music: Some(music),
            stickers: files.stickers,
        };
        #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
        let whole_ms = list.duration_ms().max(1) as f32;
        let mut tell = |done: Duration| progress(0.1 + 0.9 * (done.as_secs_f32() * 1_000.0 / whole_ms).min(1.0), "encoding every version");
        deliverables.render(list, self.quality, cancel, &mut tell)?;
        Ok(wanted)
    }
}
