//! `production`: first the characters that wait for their dances, then so many new ones, each from concept to delivered
//! films. Characters are children of the job; one that fails does not stop the others.

use crate::character::{self, redo_field, style_field};
use crate::dance;
use crate::kit::Kit;
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::set::{self, Wanted};
use crate::studio::{references, seed_of};
use rushes_core::flow::{Child, Flow, Library, Step, StepContext};
use rushes_core::store::{AssetFilter, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the registry says of it.
pub const CARD: Card = Card {
    name: "production",
    version: 4,
    collection: Some("pipeline_jobs"),
    is_short: false,
    about: "characters, dances, outfits, remix, music, stickers: the whole set",
    outside: Some(Outside::of::<Input>()),
};

/// Characters in one production at most, new ones and those that waited each.
pub const COUNT_MAX: u32 = 10;
/// Subjects looked at in one go.
const PAGE: u32 = 200;

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the published contract has four switches")]
pub struct Input {
    /// How many new characters, 1–10.
    pub count: u32,
    /// Equal seeds give equal productions.
    pub seed: u64,
    /// The style of characters and music.
    pub style_id: String,
    /// Names in the library, or absolute paths; one dance each. Empty: three from the library.
    pub reference_videos: Vec<String>,
    /// First finish the characters that have a cosplay image and no dance, ten at most.
    pub finish_pending: bool,
    /// Pass over concepts whose name exists and draw others; false: that character gets new versions.
    pub skip_existing: bool,
    /// Make outfit variants.
    pub generate_variants: bool,
    /// Make soundtrack versions.
    pub create_soundtracks: bool,
    /// Make the watermarked version.
    pub apply_watermark: bool,
    /// Another number makes everything anew that equal inputs would reuse.
    #[serde(default)]
    pub redo: u32,
}

/// What is asked for where nothing is said.
impl Default for Input {
    fn default() -> Self {
        Self {
            count: 1,
            seed: 1,
            style_id: rushes_media::music::default_style().to_owned(),
            reference_videos: Vec::new(),
            finish_pending: true,
            skip_existing: true,
            generate_variants: true,
            create_soundtracks: true,
            apply_watermark: true,
            redo: 0,
        }
    }
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::whole("count", "count", 1..=COUNT_MAX.into(), Some(1), "How many new characters.").needed(),
            Field::seed("Equal seeds give equal productions."),
            style_field(),
            references::field("A film to dance on, by its name in the reference library; one dance each; none = three from the library."),
            Field::unless("finish_pending", "no-pending", "First finish characters that have a cosplay image and no dance, ten at most."),
            Field::unless(
                "skip_existing",
                "no-skip-existing",
                "A concept whose name exists is passed over; off: that character gets new versions.",
            ),
            Field::unless("generate_variants", "no-variants", "Outfit variants."),
            Field::unless("create_soundtracks", "no-soundtracks", "Soundtrack versions."),
            Field::unless("apply_watermark", "no-watermark", "The watermarked version."),
            redo_field(),
        ]
    }

    fn check(&self, door: &Door<'_>) -> Result<(), Fault> {
        references::check_style(&self.style_id, door)?;
        references::check(&self.reference_videos, door)
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let dances = if self.reference_videos.is_empty() { references::USUAL } else { self.reference_videos.len() };
        let wanted = self.wanted();
        let pending = if self.finish_pending { pending(look.library).await? } else { Vec::new() };
        let mut plan = Plan::of(CARD.name, 1, self.finish_pending.then_some("pending").into_iter().chain(["references"]));
        if !pending.is_empty() {
            let titles = set::titles(dances);
            let mut steps = vec!["character".to_owned()];
            steps.extend(titles.iter().map(|title| format!("reference {title}")));
            steps.extend(set::steps(&titles, Some(&wanted)));
            let line = format!("{} waited for their dances: {}", pending.len(), pending.join(", "));
            plan = plan.and(Plan::of(dance::CARD.name, u32::try_from(pending.len()).unwrap_or(COUNT_MAX), steps)).found(line);
        }
        Ok(plan.and(Plan::of(character::CARD.name, self.count, character::steps(dances, Some(&wanted)))))
    }
}

impl Input {
    fn wanted(&self) -> Wanted {
        Wanted::of(self.generate_variants, self.create_soundtracks, self.apply_watermark)
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let pending = if input.finish_pending { pending_in_step(flow).await? } else { Vec::new() };
    let references = references::choose_in_step(flow, kit, &input.reference_videos).await?;
    let waiting = pending.iter().map(|id| {
        let parameters = dance::Input {
            generate_variants: input.generate_variants,
            create_soundtracks: input.create_soundtracks,
            apply_watermark: input.apply_watermark,
            redo: input.redo,
            references: references.clone(),
            ..dance::Input::finishing(id, None)
        };
        Child { name: format!("pending {id}"), workflow: dance::CARD.name.to_owned(), input: json!(parameters) }
    });
    let new = (0..input.count).map(|index| {
        let parameters = character::Input {
            seed: character_seed(input.seed, index),
            style_id: input.style_id.clone(),
            name: None,
            concept: None,
            skip_existing: input.skip_existing,
            redo: input.redo,
            takes: 1,
            references: references.clone(),
            wanted: Some(input.wanted()),
        };
        Child { name: format!("character {}", index + 1), workflow: character::CARD.name.to_owned(), input: json!(parameters) }
    });
    let (made, failed) = crate::kit::each(flow.children(waiting.chain(new).collect()).await)?;
    if made.is_empty() {
        return Err(Stop::Failed(Fault::new(Code::CharactersFailed, "end production").with("failed", failed)));
    }
    Ok(json!({"characters": made, "failed": failed}))
}

/// Refuses what can be refused before a job is made: the count, the style, names that are not in the library, paths.
/// Errors: `input_invalid`, `reference_unknown`, each naming what there is.
pub fn check_from_outside(input: &Input, door: &Door<'_>) -> Result<(), Fault> {
    let said = serde_json::to_value(input).map_err(crate::outside::refuse)?;
    (Outside::of::<Input>().read)(&said, door).map(drop)
}

/// Each character's own seed; not `seed + index`, so that neighbouring productions share no character.
fn character_seed(seed: u64, index: u32) -> u64 {
    seed_of(&(seed, index))
}

async fn pending_in_step<F: Flow>(flow: &F) -> Result<Vec<String>, Stop> {
    let step = Step::new("pending");
    flow.step(step, |context: StepContext| async move { Ok(Done::value(pending(context.library.as_ref()).await?)) }).await
}

/// Characters that have a cosplay image and no dance, and that nobody works on: ten at most, by id.
async fn pending(library: &dyn Library) -> Result<Vec<String>, Fault> {
    let mut pending = Vec::new();
    let mut after = None;
    loop {
        let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after, limit: PAGE };
        let ids: Vec<String> = library.subjects(&filter).await?.into_iter().map(|subject| subject.made.id).collect();
        let Some(last) = ids.last().cloned() else { return Ok(pending) };
        let of = async |kind: Kind, is_settled: bool| {
            let filter = AssetFilter { kind: Some(kind), subjects: ids.clone(), is_settled, ..AssetFilter::default() };
            let found = library.assets(&filter).await?;
            Ok::<BTreeSet<String>, Fault>(found.into_iter().map(|(asset, _)| asset.subject).collect())
        };
        let (dressed, danced) = (of(Kind::CosplayImage, true).await?, of(Kind::DanceVideo, false).await?);
        pending.extend(dressed.difference(&danced).cloned());
        if pending.len() >= COUNT_MAX as usize {
            pending.truncate(COUNT_MAX as usize);
            return Ok(pending);
        }
        after = Some(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_from_outside_needs_a_count_only_and_takes_no_paths() {
        let folder = tempfile::tempdir().unwrap();
        let styles = rushes_media::music::Styles::builtin();
        let door = Door { seed: 7, references: folder.path(), styles: &styles, may_name_files: false };
        let outside = CARD.outside.unwrap();
        let read = |said: Value| (outside.read)(&said, &door);
        let input = read(json!({"count": 2, "style_id": "lofi"})).unwrap();
        assert_eq!(
            (&input["count"], &input["seed"], &input["style_id"], &input["skip_existing"]),
            (&json!(2), &json!(7), &json!("lofi"), &json!(true))
        );
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        for (bad, says) in [
            (json!({}), "count is missing"),
            (json!([]), "object"),
            (json!({"count": 11}), "1 to 10"),
            (json!({"count": "one"}), "1 to 10"),
            (json!({"count": 1, "more": 1}), "unknown field \"more\"; there are: count"),
            (json!({"count": 1, "style_id": "polka"}), "kpop_dance"),
            (json!({"count": 1, "seed": crate::outside::SEED_MAX + 1}), "seed is 9007199254740992, and may be"),
            (json!({"count": 1, "reference_videos": ["/etc/passwd"]}), "is a path"),
            (json!({"count": 1, "reference_videos": ["../x"]}), "is a path"),
            (json!({"count": 1, "reference_videos": [""]}), "is empty"),
            (json!({"count": 1, "reference_videos": many}), "may be 20"),
            (json!({"count": 1, "reference_videos": ["nobody"]}), "library is empty"),
            (json!({"count": 1, "apply_watermark": "no"}), "true or false"),
        ] {
            let fault = read(bad.clone()).unwrap_err();
            assert!(fault.to_string().contains(says), "{bad}: {fault}");
        }
    }
}
