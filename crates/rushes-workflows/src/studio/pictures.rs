//! Still pictures of a character: portraits, outfits, stickers.

use super::{Followed, Studio};
use crate::kit::blocking;
use rushes_core::flow::{Branch, Flow, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::provider::{ImageRequest, Outfit, Picture};
use rushes_core::recognise::PRIMARY;
use rushes_core::{AssetRef, Done, Fault, Kind, Stop};
use rushes_media::stills::{Shape, cut_out, fit};
use serde_json::json;
use std::path::PathBuf;

/// A sticker as one with transparency, also where its maker could only put it on a plain ground.
async fn clear(context: &StepContext, picture: Picture, file: PathBuf) -> Result<PathBuf, Fault> {
    if !matches!(picture, Picture::IconSticker | Picture::NameSticker) {
        return Ok(file);
    }
    let (out, cancel) = (context.scratch()?.join("sticker.png"), context.cancel.clone());
    blocking(move || {
        cut_out(&file, &out, &cancel)?;
        Ok(out)
    })
    .await
}

/// The picture in the size it was asked for, as PNG: some makers know some shapes only. Of stickers nothing is cut off.
async fn fitted(context: &StepContext, picture: Picture, file: PathBuf, size: (u32, u32)) -> Result<PathBuf, Fault> {
    let shape = match picture {
        Picture::Anime | Picture::Cosplay => Shape::Fill,
        Picture::IconSticker | Picture::NameSticker => Shape::Whole,
    };
    let (out, cancel) = (context.scratch()?.join("fitted.png"), context.cancel.clone());
    blocking(move || Ok(if fit(&file, size, shape, &out, &cancel)? { out } else { file })).await
}

/// One still picture to be made.
pub(crate) struct Image {
    pub(crate) step: String,
    pub(crate) kind: Kind,
    pub(crate) picture: Picture,
    pub(crate) outfit: Outfit,
    pub(crate) like: Option<AssetRef>,
    pub(crate) title: String,
    pub(crate) names: Names,
}

impl<F: Flow> Studio<'_, F> {
    /// The anime image, and the cosplay image made from it.
    pub(crate) async fn portraits(&self) -> Result<(AssetRef, AssetRef), Stop> {
        let anime = self.anime().await?;
        let cosplay = self.cosplay(&anime).await?;
        Ok((anime, cosplay))
    }

    /// The anime image.
    pub(crate) async fn anime(&self) -> Result<AssetRef, Stop> {
        self.portrait(Picture::Anime, None).await
    }

    /// The cosplay image.
    pub(crate) async fn cosplay(&self, anime: &AssetRef) -> Result<AssetRef, Stop> {
        self.portrait(Picture::Cosplay, Some(anime)).await
    }

    async fn portrait(&self, picture: Picture, like: Option<&AssetRef>) -> Result<AssetRef, Stop> {
        let (name, kind) = match picture {
            Picture::Anime => ("anime_image", Kind::AnimeImage),
            _ => ("cosplay_image", Kind::CosplayImage),
        };
        let (outfit, title, names) = (Outfit::signature(), PRIMARY.to_owned(), Names::new());
        let image = Image { step: name.to_owned(), kind, picture, outfit, like: like.cloned(), title, names };
        self.flow.all(vec![self.image(image)]).await.remove(0)
    }

    /// The character in each of these outfits, for dances on that reference.
    pub(crate) async fn variants(&self, like: &AssetRef, reference: &Followed, variants: &[String]) -> Result<Vec<AssetRef>, Stop> {
        let images = variants.iter().map(|variant| {
            let mut names = reference.names();
            names.insert("variant".into(), variant.clone());
            self.image(Image {
                step: format!("variant_image {variant}"),
                kind: Kind::VariantImage,
                picture: Picture::Cosplay,
                outfit: Outfit(variant.clone()),
                like: Some(like.clone()),
                title: reference.titled(variant),
                names,
            })
        });
        self.flow.all(images.collect()).await.into_iter().collect()
    }

    /// The icon and the name as stickers, for films danced on that reference.
    pub(crate) async fn stickers(&self, reference: &Followed) -> Result<(AssetRef, AssetRef), Stop> {
        let sticker = |step: &str, kind, picture| {
            let mut names = reference.names();
            names.insert("name".into(), rushes_core::kinds::segment(&self.person.concept.name.replace(' ', "_")));
            let (outfit, title) = (Outfit::signature(), reference.titled(PRIMARY));
            self.image(Image { step: step.to_owned(), kind, picture, outfit, like: None, title, names })
        };
        let icon = sticker("icon_sticker", Kind::IconSticker, Picture::IconSticker);
        let name = sticker("name_sticker", Kind::NameSticker, Picture::NameSticker);
        let mut made = self.flow.all(vec![icon, name]).await;
        let name = made.remove(1)?;
        Ok((made.remove(0)?, name))
    }

    /// A step that makes one still picture.
    pub(super) fn image(&self, image: Image) -> Branch<AssetRef> {
        let provider = self.kit.providers.image.clone();
        let (width, height) = match image.picture {
            Picture::Anime | Picture::Cosplay => (self.kit.width, self.kit.height),
            Picture::IconSticker => (512, 512),
            Picture::NameSticker => (720, 260),
        };
        let (person, is_aside) = (self.person.clone(), self.is_aside);
        let step = Step::new(&image.step).by(&provider.card()).inputs(&json!([
            person.concept,
            image.picture,
            image.outfit,
            width,
            height,
            provider.card(),
            person.redo
        ]));
        Branch::new(step, move |context: StepContext| async move {
            let before = context.made_before(image.kind).await?;
            let like = match &image.like {
                Some(asset) => Some(context.path_of(asset).await?),
                None => None,
            };
            let request =
                ImageRequest { concept: person.concept.clone(), picture: image.picture, outfit: image.outfit.clone(), width, height, like };
            let (file, reused_from) = match before {
                Some(before) => (before.file, Some(before.asset)),
                None => {
                    let made = provider.make(&request, &context.call("image")?).await?;
                    let made = clear(&context, image.picture, made).await?;
                    (fitted(&context, image.picture, made, (width, height)).await?, None)
                }
            };
            let mut asset =
                context.new_asset(image.kind, &person.id, file).title(&image.title).names(&image.names).seed(person.concept.seed);
            if let Some(like) = &image.like {
                asset = asset.made_from(like);
            }
            let asset = asset.aside(is_aside).meta(
                json!({"prompt": person.concept.prompt, "outfit": image.outfit, "provider": provider.card(), "reused_from": reused_from}),
            );
            Ok(Done::value(asset.reference()?).with(asset))
        })
    }
}
