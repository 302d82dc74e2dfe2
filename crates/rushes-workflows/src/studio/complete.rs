//! What a remix that is there still lacks: music, the watermark, its soundtracks. What was made before stays as it is.

use super::deliverables::Composed;
use super::known::Danced;
use super::set::Wanted;
use super::{Followed, Studio};
use rushes_core::flow::Flow;
use rushes_core::{AssetRef, Kind, Stop};

/// What a dance whose remix is there lacks, and the steps that make it.
pub(crate) fn missing(dance: &Danced, wanted: &Wanted, has_sound: bool) -> Vec<Kind> {
    let mut missing = Vec::new();
    let mut lacks = |is_wanted: bool, kind: Kind| missing.extend((is_wanted && dance.one(kind).is_none()).then_some(kind));
    // An older library may keep its marked film alone.
    lacks(dance.one(Kind::WatermarkedVideo).is_none() && wanted.watermark, Kind::ScoredVideo);
    lacks(wanted.watermark, Kind::WatermarkedVideo);
    lacks(wanted.soundtracks, Kind::KpopVideo);
    lacks(wanted.soundtracks && has_sound, Kind::OrigVideo);
    missing
}

impl<F: Flow> Studio<'_, F> {
    /// Makes what a dance with a remix still lacks. Gives what was made.
    pub(crate) async fn complete(&self, on: &Followed, dance: &Danced, wanted: &Wanted) -> Result<Vec<AssetRef>, Stop> {
        let missing = missing(dance, wanted, on.has_sound);
        let mut made: Vec<AssetRef> = Vec::new();
        let style = self.person.concept.style.clone();
        let mut music = dance.one(Kind::AiMusic).cloned().map(Composed::unknown);
        // The first there is of these, most finished first.
        let first = |made: &[AssetRef], kinds: &[Kind]| {
            kinds.iter().find_map(|kind| made.iter().find(|asset| asset.kind == *kind).or_else(|| dance.one(*kind)).cloned())
        };
        let Some(remix) = first(&made, &[Kind::RemixVideo, Kind::ScoredVideo, Kind::WatermarkedVideo, Kind::KpopVideo, Kind::OrigVideo])
        else {
            return Ok(made);
        };
        if missing.contains(&Kind::ScoredVideo) {
            let (composed, scored) = self.scored(on, &remix, &style).await?;
            made.push(scored);
            music = Some(composed);
        }
        if missing.contains(&Kind::WatermarkedVideo) {
            let from = first(&made, &[Kind::ScoredVideo]).unwrap_or_else(|| remix.clone());
            made.push(self.watermarked(on, &from).await?);
        }
        let shown = first(&made, &[Kind::WatermarkedVideo, Kind::ScoredVideo]).unwrap_or_else(|| remix.clone());
        if missing.contains(&Kind::KpopVideo) {
            let beat = self.structure_of(&shown).await?;
            let music = match music {
                Some(music) => music,
                None => self.music(on, &beat, &style).await?,
            };
            made.push(self.under(on, &shown, &music, &beat, Kind::KpopVideo).await?);
        }
        if missing.contains(&Kind::OrigVideo) {
            made.extend(self.original_under(on, &shown).await?);
        }
        self.companions(made.iter().filter(|film| film.kind == Kind::WatermarkedVideo)).await?;
        Ok(made)
    }
}
