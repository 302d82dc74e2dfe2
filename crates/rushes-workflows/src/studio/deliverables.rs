//! The finished films: sounds and stickers first, then every version in one plan.

use super::cut::{Beat, Cut};
use super::listen::listened;
use super::set::Wanted;
use super::{Followed, Studio};
use crate::kit::blocking;
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::provider::{MusicRequest, ReportProgress};
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
    pub(crate) asset: AssetRef,
    /// Where its drop is; None where it was made before, or by who did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop_ms: Option<u64>,
    /// Its beats a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bpm: Option<f64>,
}

impl Composed {
    /// Music of which nothing more is known.
    pub(crate) fn unknown(asset: AssetRef) -> Self {
        Self { asset, drop_ms: None, bpm: None }
    }

    /// How it lies under a film. The maker's drop is near to where it was asked for; under the film it falls there exactly.
    pub(crate) fn cue(&self, beat: &Beat) -> Cue {
        Cue { drop_ms: self.drop_ms, bpm: self.bpm, asked_ms: beat.peak_ms, at_ms: beat.peak_ms }
    }
}

impl<F: Flow> Studio<'_, F> {
    /// Makes music and stickers, and takes the reference's own sound out.
    pub(crate) async fn parts(&self, reference: &Followed, cut: &Cut, wanted: &Wanted) -> Result<Parts, Stop> {
        let original = if wanted.soundtracks { self.original(reference).await? } else { None };
        let music = self.music(reference, &cut.beat(), &self.person.concept.style).await?;
        let stickers = if wanted.watermark { Some(self.stickers(reference).await?) } else { None };
        Ok(Parts { original, music, stickers })
    }

    /// The reference's own sound; None where it has none.
    pub(crate) async fn original(&self, reference: &Followed) -> Result<Option<AssetRef>, Stop> {
        if !reference.has_sound {
            return Ok(None);
        }
        let (subject, reference, is_aside) = (self.person.id.clone(), reference.clone(), self.is_aside);
        let step = Step::new("orig_music").lane(Lane::Cpu).inputs(&json!([reference.asset.id]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let path = context.path_of(&reference.asset).await?;
                let (stem, cancel) = (context.scratch()?.join("orig_music"), context.cancel.clone());
                let Some(file) = blocking(move || loudness::extract_original(&path, &stem, &cancel)).await? else {
                    return Ok(Done::value(None));
                };
                let asset = context
                    .new_asset(Kind::OrigMusic, &subject, file)
                    .title(reference.title_of(Kind::OrigMusic))
                    .names(&reference.names())
                    .made_from(&reference.asset)
                    .aside(is_aside);
                Ok(Done::value(Some(asset.reference()?)).with(asset))
            })
            .await
    }

    /// Music in this style, with the length, the beat and the drop of a film.
    pub(crate) async fn music(&self, reference: &Followed, beat: &Beat, style: &str) -> Result<Composed, Stop> {
        let (provider, subject, is_aside) = (self.kit.providers.music.clone(), self.person.id.clone(), self.is_aside);
        let (names, title) = (reference.names(), reference.title_of(Kind::AiMusic));
        let request = MusicRequest {
            style: style.to_owned(),
            seed: self.person.take_seed(),
            duration_ms: beat.duration_ms,
            bpm: beat.bpm,
            first_beat_ms: beat.first_beat_ms,
            drop_ms: beat.peak_ms,
        };
        let step = Step::new("ai_music").by(&provider.card()).inputs(&json!([request, provider.card(), self.person.redo]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let (file, (drop_ms, bpm), meta) = match context.made_before(Kind::AiMusic).await? {
                    Some(before) => (
                        before.file,
                        (None, None),
                        json!({"style": request.style, "provider": provider.card(), "reused_from": before.asset}),
                    ),
                    None => {
                        let made = provider.make(&request, &context.call("music")?).await?;
                        let made = listened(made, request.drop_ms, &context.cancel).await?;
                        let meta = json!({"bpm": made.bpm, "drop_ms": made.drop_ms, "style": request.style, "provider": provider.card()});
                        (made.file, (made.drop_ms, made.bpm), meta)
                    }
                };
                let asset = context.new_asset(Kind::AiMusic, &subject, file).title(title).names(&names).seed(request.seed).meta(meta);
                let asset = asset.aside(is_aside);
                Ok(Done::value(Composed { asset: asset.reference()?, drop_ms, bpm }).with(asset))
            })
            .await
    }

    /// Every version in one plan: each distinct picture is encoded once.
    pub(crate) async fn deliver(
        &self,
        reference: &Followed,
        sources: &[AssetRef],
        cut: Cut,
        parts: Parts,
        soundtracks: bool,
    ) -> Result<Vec<AssetRef>, Stop> {
        let quality = if self.kit.is_final_quality { Quality::Final } else { Quality::Draft };
        let is_aside = self.is_aside;
        let (subject, reference, sources) = (self.person.id.clone(), reference.clone(), sources.to_vec());
        let job = Plan { subject, reference, sources, cut, parts, quality, soundtracks };
        let inputs = json!([job.sources, job.cut, job.parts, quality, soundtracks]);
        let step = Step::new("deliverables").lane(Lane::Cpu).within(PLAN_LIMIT).inputs(&inputs);
        self.flow
            .step(step, move |context: StepContext| async move {
                let files = job.files(&context).await?;
                let (plan, cancel, progress) = (job.clone(), context.cancel.clone(), context.progress.clone());
                let list = EditList { sources: files.sources.clone(), segments: plan.cut.segments.clone(), spec: plan.cut.spec };
                let wanted = blocking(move || plan.render(&list, files, &cancel, &progress)).await?;
                let mut made: Vec<NewAsset> = Vec::new();
                for (kind, file) in wanted {
                    let asset = context.new_asset(kind, &job.subject, file).title(job.reference.title_of(kind));
                    let asset = asset.names(&job.reference.names()).aside(is_aside);
                    made.push(job.sources.iter().fold(asset, NewAsset::made_from));
                }
                let value = made.iter().map(NewAsset::reference).collect::<Result<Vec<_>, Fault>>()?;
                Ok(Done { made, ..Done::value(value) })
            })
            .await
    }
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
        let cue = self.parts.music.cue(&self.cut.beat());
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
