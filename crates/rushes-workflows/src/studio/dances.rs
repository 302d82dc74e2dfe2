//! References taken in, and dances on them.

use super::{Followed, Studio};
use crate::kit::blocking;
use crate::studio::references::Reference;
use rushes_core::flow::{Branch, Flow, Step, StepContext};
use rushes_core::provider::{MotionRequest, Outfit};
use rushes_core::{AssetRef, Done, Fault, Kind, Stop};
use rushes_media::align::align;
use rushes_media::shorten::shorten;
use rushes_media::voice::voice;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Drawing and encoding one dance.
const FILM_LIMIT: Duration = Duration::from_mins(30);

/// Which film of a character.
pub(crate) enum Film {
    /// The dance in the character's own outfit.
    Dance,
    /// The same in this outfit.
    Variant(String),
}

/// The still as a dance on that reference begins: its figure as tall and on the same floor. An intermediate: it stays in
/// scratch.
async fn fitted(context: &StepContext, still: &Path, reference: &Path, (width, height): (u32, u32)) -> Result<PathBuf, Fault> {
    let out = context.scratch()?.join("aligned.png");
    let (still, reference, made, cancel) = (still.to_owned(), reference.to_owned(), out.clone(), context.cancel.clone());
    blocking(move || align(&still, &reference, width, height, &made, &cancel)).await?;
    Ok(out)
}

/// As much of a reference as there is to be of the dance.
async fn beginning(context: &StepContext, reference: PathBuf, max_ms: u64) -> Result<PathBuf, Fault> {
    let out = context.scratch()?.join("reference.mp4");
    let (film, made, cancel) = (reference.clone(), out.clone(), context.cancel.clone());
    let is_longer = blocking(move || shorten(&film, max_ms, &made, &cancel)).await?;
    Ok(if is_longer { out } else { reference })
}

/// The film as it is, or with the reference's sound where it came silent.
async fn heard(context: &StepContext, film: PathBuf, reference: PathBuf) -> Result<PathBuf, Fault> {
    let out = context.scratch()?.join("heard.mp4");
    let (silent, made, cancel) = (film.clone(), out.clone(), context.cancel.clone());
    let was_silent = blocking(move || voice(&silent, &reference, &made, &cancel)).await?;
    Ok(if was_silent { out } else { film })
}

impl<F: Flow> Studio<'_, F> {
    /// Takes a reference in as an asset of this character, under a name no other bytes have. The dance on it has the title
    /// that `titles` has for that name, else the one given.
    pub(crate) async fn follow(&self, reference: &Reference, title: &str, titles: &BTreeMap<String, String>) -> Result<Followed, Stop> {
        let (subject, reference, title, is_aside) = (self.person.id.clone(), reference.clone(), title.to_owned(), self.is_aside);
        let (titles, file) = (titles.clone(), reference.here(self.kit));
        let step = Step::new(format!("reference {title}")).inputs(&json!([reference, title]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let copy = context.scratch()?.join("reference");
                tokio::fs::copy(&file, &copy).await.map_err(|e| Stop::from(Fault::io("copy reference", &file, &e)))?;
                let sha256 = blocking({
                    let copy = copy.clone();
                    move || {
                        std::fs::File::open(&copy)
                            .and_then(|file| rushes_core::digest::digest(file, ""))
                            .map_err(|e| Fault::io("read reference", &copy, &e))
                    }
                })
                .await?
                .sha256;
                let taken = context.library.sha256_at(&format!("references/{}.{}", reference.name, reference.extension)).await?;
                let name = match taken {
                    Some(other) if other != sha256 => format!("{}-{}", reference.name, &sha256[..4]),
                    _ => reference.name.clone(),
                };
                let title = titles.get(&name).cloned().unwrap_or(title);
                let asset = context.new_asset(Kind::ReferenceVideo, &subject, copy).title(&title).name("ref", &name).aside(is_aside);
                let followed = Followed { asset: asset.reference()?, name, sha256, has_sound: reference.has_sound, title };
                Ok(Done::value(followed).with(asset))
            })
            .await
    }

    /// A step that makes one dance.
    pub(crate) fn film(&self, outfit: Outfit, image: &AssetRef, reference: &Followed, film: &Film) -> Branch<AssetRef> {
        let provider = self.kit.providers.motion.clone();
        let (name, kind, title, names) = match film {
            Film::Dance => (format!("dance {}", reference.title), Kind::DanceVideo, reference.title.clone(), reference.names()),
            Film::Variant(variant) => {
                let mut names = reference.names();
                names.insert("variant".into(), variant.clone());
                (format!("variant_video {variant}"), Kind::VariantVideo, reference.titled(variant), names)
            }
        };
        let (person, image, reference, is_aside) = (self.person.clone(), image.clone(), reference.clone(), self.is_aside);
        let (width, height, fps, max_ms) = (self.kit.width, self.kit.height, self.kit.fps, self.kit.dance_max_ms);
        let step = Step::new(name).by(&provider.card()).within(FILM_LIMIT).inputs(&json!([
            person.concept,
            outfit,
            reference.sha256,
            width,
            height,
            fps,
            max_ms,
            self.kit.providers.image.card(),
            provider.card(),
            person.redo
        ]));
        Branch::new(step, move |context: StepContext| async move {
            let before = context.made_before(kind).await?;
            let (still, followed) = (context.path_of(&image).await?, context.path_of(&reference.asset).await?);
            let is_fitted = before.is_none() && provider.works_from_picture();
            let image_path = if is_fitted { fitted(&context, &still, &followed, (width, height)).await? } else { still };
            let followed = match provider.reference_max_ms() {
                Some(longest_ms) if before.is_none() => beginning(&context, followed, longest_ms.min(max_ms)).await?,
                _ => followed,
            };
            let request = MotionRequest {
                outfit: outfit.clone(),
                image: image_path,
                reference: followed,
                seed: person.take_seed(),
                concept: person.concept.clone(),
                width,
                height,
                fps,
                max_ms,
            };
            let (file, reused_from) = match before {
                Some(before) => (before.file, Some(before.asset)),
                None => {
                    let film = provider.make(&request, &context.call("film")?).await?;
                    (if provider.is_outside() { heard(&context, film, request.reference.clone()).await? } else { film }, None)
                }
            };
            let asset = context
                .new_asset(kind, &person.id, file)
                .title(&title)
                .names(&names)
                .seed(request.seed)
                .made_from(&image)
                .made_from(&reference.asset)
                .aside(is_aside);
            let asset = asset.meta(json!({"outfit": outfit, "provider": provider.card(), "reused_from": reused_from}));
            Ok(Done::value(asset.reference()?).with(asset))
        })
    }
}
