//! A set: dances on references, and everything made of the first of them.

use super::dances::Film;
use super::{Followed, Studio, title};
use rushes_core::flow::{Branch, Flow};
use rushes_core::provider::Outfit;
use rushes_core::{AssetRef, Kind, Stop};
use serde::{Deserialize, Serialize};

/// The outfits in which a dance is made again.
pub(crate) const VARIANTS: [&str; 2] = ["kpop", "swimsuit"];

/// What is made of a dance beside its remix and the music.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(crate) variants: Vec<String>,
    pub(crate) soundtracks: bool,
    pub(crate) watermark: bool,
}

impl Wanted {
    /// All of it, but for what is turned off.
    pub(crate) fn of(variants: bool, soundtracks: bool, watermark: bool) -> Self {
        let variants = if variants { VARIANTS.map(str::to_owned).to_vec() } else { Vec::new() };
        Self { variants, soundtracks, watermark }
    }
}

/// A dance: on a reference, or there already.
#[derive(Debug, Clone)]
pub(crate) struct Dance {
    pub(crate) on: Followed,
    /// Where it is there already.
    pub(crate) there: Option<AssetRef>,
}

impl<F: Flow> Studio<'_, F> {
    /// Makes the dances that are not there, and of the first of them, where anything of it is wanted, the outfit variants
    /// and every finished film; with what people look at before they play each. Gives the dances.
    pub(crate) async fn perform(&self, cosplay: &AssetRef, dances: &[Dance], wanted: Option<&Wanted>) -> Result<Vec<AssetRef>, Stop> {
        let Some(primary) = dances.first().map(|dance| &dance.on) else { return Ok(Vec::new()) };
        let variants: &[String] = wanted.map_or(&[], |wanted| &wanted.variants);
        let looks = self.variants(cosplay, primary, variants).await?;
        let new = dances.iter().filter(|dance| dance.there.is_none());
        let mut films: Vec<Branch<AssetRef>> = new.map(|dance| self.film(Outfit::signature(), cosplay, &dance.on, &Film::Dance)).collect();
        for (variant, look) in variants.iter().zip(&looks) {
            films.push(self.film(Outfit(variant.clone()), look, primary, &Film::Variant(variant.clone())));
        }
        let films = self.flow.all(films).await.into_iter().collect::<Result<Vec<AssetRef>, Stop>>()?;
        self.companions(&films).await?;
        let mut made = films.into_iter();
        let mut danced = Vec::with_capacity(dances.len());
        for dance in dances {
            danced.extend(dance.there.clone().or_else(|| made.next()));
        }
        if let Some(wanted) = wanted {
            let sources: Vec<AssetRef> = danced.iter().take(1).cloned().chain(made).collect();
            self.finish(primary, &sources, wanted).await?;
        }
        Ok(danced)
    }

    /// Every finished film of a dance (the first of `sources`) and its variants.
    async fn finish(&self, reference: &Followed, sources: &[AssetRef], wanted: &Wanted) -> Result<(), Stop> {
        let cut = self.cut(reference, sources).await?;
        let parts = self.parts(reference, &cut, wanted).await?;
        let finished = self.deliver(reference, sources, cut, parts, wanted.soundtracks).await?;
        self.companions(finished.iter().filter(|film| matches!(film.kind, Kind::RemixVideo | Kind::WatermarkedVideo))).await
    }
}

/// The steps of [`Studio::perform`], with the titles of the dances that are to be made.
pub(crate) fn steps(titles: &[String], wanted: Option<&Wanted>) -> Vec<String> {
    let variants: &[String] = wanted.map_or(&[], |wanted| &wanted.variants);
    let of = |what: &str, names: &[String]| names.iter().map(|name| format!("{what} {name}")).collect::<Vec<_>>();
    let mut steps = [
        of("variant_image", variants),
        of("dance", titles),
        of("variant_video", variants),
        of("companions dance_video", titles),
        of("companions variant_video", variants),
    ]
    .concat();
    let Some(wanted) = wanted else { return steps };
    let mut add = |is_wanted: bool, names: &[&str]| steps.extend(names.iter().filter(|_| is_wanted).map(|name| (*name).to_owned()));
    add(true, &["cut"]);
    add(wanted.soundtracks, &["orig_music"]);
    add(true, &["ai_music"]);
    add(wanted.watermark, &["icon_sticker", "name_sticker"]);
    add(true, &["deliverables", "companions remix_video remix_main"]);
    add(wanted.watermark, &["companions watermarked_video primary_deliverable"]);
    steps
}

/// The titles of so many dances of a new character.
pub(crate) fn titles(dances: usize) -> Vec<String> {
    (0..dances).map(title).collect()
}
