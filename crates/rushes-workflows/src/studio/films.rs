//! Further versions of a film that is there: scored, watermarked, with other soundtracks. The picture is encoded again only
//! where it changes.

use super::cut::{Beat, ms, thousandths};
use super::deliverables::Composed;
use super::{Followed, Studio};
use crate::kit::blocking;
use rushes_core::flow::{Flow, Lane, Step, StepContext};
use rushes_core::{AssetRef, Code, Done, Fault, Kind, NewAsset, Stop};
use rushes_media::edit::{Deliverables, EditList, Segment, Stickers, Transition};
use rushes_media::probe::probe;
use rushes_media::run::encode::{Quality, VideoSpec};
use rushes_media::{loudness, score};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Encoding one version.
const FILM_LIMIT: Duration = Duration::from_mins(30);

impl<F: Flow> Studio<'_, F> {
    /// What a film does when.
    pub(crate) async fn structure_of(&self, film: &AssetRef) -> Result<Beat, Stop> {
        let film = film.clone();
        let step = Step::new(format!("structure {}", film.kind.name())).lane(Lane::Cpu).inputs(&json!([film.id]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let (path, cancel) = (context.path_of(&film).await?, context.cancel.clone());
                Ok(Done::value(blocking(move || beat_of(&path, &cancel)).await?))
            })
            .await
    }

    /// The film with music made for it, whose drop falls where it moves most; the music first.
    pub(crate) async fn scored(&self, reference: &Followed, film: &AssetRef, style: &str) -> Result<(Composed, AssetRef), Stop> {
        let beat = self.structure_of(film).await?;
        let music = self.music(reference, &beat, style).await?;
        let asset = self.under(reference, film, &music, &beat, Kind::ScoredVideo).await?;
        Ok((music, asset))
    }

    /// The film with this music as its sound.
    pub(crate) async fn under(
        &self,
        reference: &Followed,
        film: &AssetRef,
        music: &Composed,
        beat: &Beat,
        kind: Kind,
    ) -> Result<AssetRef, Stop> {
        let (cue, music_asset, beat) = (music.cue(beat), music.asset.clone(), beat.clone());
        let (film, reference, subject, is_aside) = (film.clone(), reference.clone(), self.person.id.clone(), self.is_aside);
        let step = Step::new(kind.name()).lane(Lane::Cpu).within(FILM_LIMIT).inputs(&json!([film.id, music_asset.id, beat, kind]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let (picture, music) = (context.path_of(&film).await?, context.path_of(&music_asset).await?);
                let (scratch, cancel) = (context.scratch()?, context.cancel.clone());
                let out = scratch.join("film.mp4");
                let made = out.clone();
                blocking(move || {
                    let sound = scratch.join("sound.wav");
                    score::bed(&music, &cue, &sound, beat.duration_ms, &cancel)?;
                    score::with_sound(&picture, &sound, &out, &cancel)
                })
                .await?;
                let asset = film_of(&context, kind, &subject, &reference, made).made_from(&film).made_from(&music_asset).aside(is_aside);
                Ok(Done::value(asset.reference()?).with(asset))
            })
            .await
    }

    /// The film with the reference's own sound; None where that has none.
    pub(crate) async fn original_under(&self, reference: &Followed, film: &AssetRef) -> Result<Option<AssetRef>, Stop> {
        let Some(original) = self.original(reference).await? else { return Ok(None) };
        let (film, reference, subject, is_aside) = (film.clone(), reference.clone(), self.person.id.clone(), self.is_aside);
        let kind = Kind::OrigVideo;
        let step = Step::new(kind.name()).lane(Lane::Cpu).within(FILM_LIMIT).inputs(&json!([film.id, original.id]));
        let made = self.flow.step(step, move |context: StepContext| async move {
            let (picture, sound) = (context.path_of(&film).await?, context.path_of(&original).await?);
            let (scratch, cancel) = (context.scratch()?, context.cancel.clone());
            let out = scratch.join("film.mp4");
            let made = out.clone();
            blocking(move || {
                let mastered = scratch.join("sound.wav");
                let length_ms = length_of(&picture, &cancel)?;
                loudness::master(&sound, &mastered, length_ms, &cancel)?;
                score::with_sound(&picture, &mastered, &out, &cancel)
            })
            .await?;
            let asset = film_of(&context, kind, &subject, &reference, made).made_from(&film).made_from(&original).aside(is_aside);
            Ok(Done::value(asset.reference()?).with(asset))
        });
        Ok(Some(made.await?))
    }

    /// The film with both stickers on it, and its own sound.
    pub(crate) async fn watermarked(&self, reference: &Followed, film: &AssetRef) -> Result<AssetRef, Stop> {
        let (icon, name) = self.stickers(reference).await?;
        let quality = if self.kit.is_final_quality { Quality::Final } else { Quality::Draft };
        let (film, reference, subject, is_aside) = (film.clone(), reference.clone(), self.person.id.clone(), self.is_aside);
        let kind = Kind::WatermarkedVideo;
        let step = Step::new(kind.name()).lane(Lane::Cpu).within(FILM_LIMIT).inputs(&json!([film.id, icon.id, name.id, quality]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let picture = context.path_of(&film).await?;
                let stickers = Stickers { icon: context.path_of(&icon).await?, name: context.path_of(&name).await? };
                let (out, cancel, progress) = (context.scratch()?.join("film.mp4"), context.cancel.clone(), context.progress.clone());
                let made = out.clone();
                blocking(move || {
                    let (list, has_sound) = whole(&picture, &cancel)?;
                    let sound = has_sound.then(|| picture.clone());
                    let wanted =
                        Deliverables { watermarked: Some(out), original_sound: sound, stickers: Some(stickers), ..Deliverables::default() };
                    #[expect(clippy::cast_precision_loss, reason = "a fraction for people")]
                    let whole_ms = list.duration_ms().max(1) as f32;
                    let mut tell = |done: Duration| progress((done.as_secs_f32() * 1_000.0 / whole_ms).min(1.0), "stickers");
                    wanted.render(&list, quality, &cancel, &mut tell).map(drop)
                })
                .await?;
                let asset = film_of(&context, kind, &subject, &reference, made);
                let asset = asset.made_from(&film).made_from(&icon).made_from(&name).aside(is_aside);
                Ok(Done::value(asset.reference()?).with(asset))
            })
            .await
    }
}

/// A finished film of a dance.
fn film_of(context: &StepContext, kind: Kind, subject: &str, reference: &Followed, file: std::path::PathBuf) -> NewAsset {
    context.new_asset(kind, subject, file).title(reference.title_of(kind)).names(&reference.names())
}

fn length_of(film: &Path, cancel: &rushes_core::Cancel) -> Result<u64, Fault> {
    let probed = probe(film, cancel)?;
    let video = probed.video.as_ref().ok_or_else(|| Fault::new(Code::NoVideo, "look at film").with("path", film.display()))?;
    let length = video.duration.or(probed.duration).unwrap_or_default();
    Ok(u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1))
}

/// A film's length, its beat, and where it moves most.
pub(crate) fn beat_of(film: &Path, cancel: &rushes_core::Cancel) -> Result<Beat, Fault> {
    let duration_ms = length_of(film, cancel)?;
    #[expect(clippy::cast_precision_loss, reason = "lengths of films")]
    let found = score::structure(film, duration_ms as f64 / 1_000.0, cancel)?;
    let first_beat_ms = found.beats_s.first().copied().map_or(0, ms);
    Ok(Beat { duration_ms, bpm: found.bpm.map(thousandths), first_beat_ms, peak_ms: found.drop_s.map(ms) })
}

/// All of a film as it is, and whether it has sound.
fn whole(film: &Path, cancel: &rushes_core::Cancel) -> Result<(EditList, bool), Fault> {
    let probed = probe(film, cancel)?;
    let spec = VideoSpec::of(&probed).ok_or_else(|| Fault::new(Code::NoVideo, "look at film").with("path", film.display()))?;
    let length_ms = length_of(film, cancel)?;
    let frames = (length_ms * u64::from(spec.fps) + 500) / 1_000;
    let segment = Segment { source: 0, start_frame: 0, frames: frames.max(1), transition: Transition::Cut };
    Ok((EditList { sources: vec![film.to_owned()], segments: vec![segment], spec }, probed.audio.is_some()))
}
