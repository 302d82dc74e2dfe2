//! What there is of a character already: its concept as its record tells it, its pictures, its dances.

use super::set::VARIANTS;
use super::{Followed, Person, Studio, seed_of, seed_of_take};
use crate::kit::blocking;
use crate::studio::references;
use rushes_core::flow::{Flow, Library, Step, StepContext};
use rushes_core::kinds::segment;
use rushes_core::provider::Concept;
use rushes_core::recognise::{ON, PRIMARY};
use rushes_core::store::AssetFilter;
use rushes_core::subject::{Subject, SubjectType};
use rushes_core::{Asset, AssetRef, Cancel, Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A character and what there is of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) person: Person,
    pub(crate) anime: Option<AssetRef>,
    pub(crate) cosplay: Option<AssetRef>,
    /// The primary one first.
    pub(crate) dances: Vec<Danced>,
}

/// A dance that is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Danced {
    /// The reference's name, as in the dance's path.
    pub(crate) on: String,
    /// `primary`, `alternate_1`, …
    pub(crate) title: String,
    pub(crate) film: AssetRef,
    pub(crate) film_sha256: String,
    /// What it was danced on, where that is there.
    pub(crate) reference: Option<(AssetRef, String)>,
    /// What was made of it, and what stands beside it.
    pub(crate) made: Vec<AssetRef>,
}

impl Danced {
    /// What was made of it of this kind.
    pub(crate) fn one(&self, kind: Kind) -> Option<&AssetRef> {
        self.made.iter().find(|asset| asset.kind == kind)
    }

    /// Whether its films were cut: what is missing then is made from them.
    pub(crate) fn has_remix(&self) -> bool {
        let finished = [Kind::RemixVideo, Kind::ScoredVideo, Kind::WatermarkedVideo, Kind::KpopVideo, Kind::OrigVideo];
        finished.into_iter().any(|kind| self.one(kind).is_some())
    }

    /// Whether there is the film that is shown to people.
    pub(crate) fn is_finished(&self) -> bool {
        self.one(Kind::WatermarkedVideo).is_some()
    }

    /// The outfits of ours it was made again in; older names have somebody's name before them.
    pub(crate) fn outfits(&self) -> Vec<String> {
        let named = |asset: &AssetRef, outfit: &str| {
            let name = asset.stem.rsplit('/').next().unwrap_or_default();
            let name = name.strip_suffix("_dance").unwrap_or(name);
            name == outfit || name.ends_with(&format!("_{outfit}"))
        };
        let films = || self.made.iter().filter(|asset| asset.kind == Kind::VariantVideo);
        VARIANTS.iter().filter(|outfit| films().any(|film| named(film, outfit))).map(|outfit| (*outfit).to_owned()).collect()
    }

    /// `dance_{id}_cosplay_on_{ref}`.
    pub(crate) fn project(&self, character: &str) -> String {
        format!("dance_{character}{ON}{}", self.on)
    }
}

impl Known {
    /// The titles of its dances, by reference.
    pub(crate) fn titles(&self) -> BTreeMap<String, String> {
        self.dances.iter().map(|dance| (dance.on.clone(), dance.title.clone())).collect()
    }

    /// Its primary dance; the first of the others where that one is lost.
    pub(crate) fn primary(&self) -> Option<&Danced> {
        self.dances.first()
    }
}

/// Looks at the character of exactly this id or slug. Errors: `not_found`.
pub(crate) async fn character(library: &dyn Library, who: &str, take: u32) -> Result<Known, Fault> {
    let subject = library.subject(who).await?.filter(|subject| subject.made.subject_type == SubjectType::Character);
    match subject {
        Some(subject) => of(library, &subject, take).await,
        None => Err(Fault::new(Code::NotFound, "find character")
            .with("character", who)
            .because("give its whole id or its unique name in small letters, as `rushes assets ls` shows them")),
    }
}

/// Looks at a project: a character's id or slug stands for its primary dance, `dance_{id}_cosplay_on_{ref}` for that one.
/// Errors: `not_found`, naming what there is.
pub(crate) async fn project(library: &dyn Library, text: &str, take: u32) -> Result<(Known, Danced), Fault> {
    if let Some(name) = text.strip_prefix("dance_") {
        // Names may hold the words between them; what is there decides.
        for (at, _) in name.match_indices(ON) {
            let (id, on) = (&name[..at], &name[at + ON.len()..]);
            let Some(subject) = library.subject(id).await?.filter(|subject| subject.made.id == id) else { continue };
            let known = of(library, &subject, take).await?;
            if let Some(dance) = known.dances.iter().find(|dance| dance.on == on).cloned() {
                return Ok((known, dance));
            }
            let there: Vec<String> = known.dances.iter().map(|dance| dance.project(id)).collect();
            let there = if there.is_empty() { "it has no dance yet".to_owned() } else { format!("there are: {}", there.join(", ")) };
            return Err(Fault::new(Code::NotFound, "find project").with("project", text).because(there));
        }
    }
    let known = character(library, text, take).await.map_err(|fault| Fault { context: Vec::new(), ..fault }.with("project", text))?;
    match known.primary().cloned() {
        Some(dance) => Ok((known, dance)),
        None => Err(Fault::new(Code::NotFound, "find project")
            .with("project", text)
            .because("the character has no dance yet; `rushes run dance` makes one")),
    }
}

/// Looks at a character that was found.
pub(crate) async fn of(library: &dyn Library, subject: &Subject, take: u32) -> Result<Known, Fault> {
    let id = &subject.made.id;
    let listed = library.assets(&AssetFilter { subject: Some(id.clone()), ..AssetFilter::default() }).await?;
    let assets: Vec<Asset> = listed.into_iter().map(|(asset, _)| asset).collect();
    let one = |kind: Kind| assets.iter().find(|asset| asset.kind == kind).map(Asset::reference);
    let mut dances: Vec<Danced> =
        assets.iter().filter(|asset| asset.kind == Kind::DanceVideo).filter_map(|film| danced(film, &assets)).collect();
    dances.sort_by(|a, b| (a.title != PRIMARY, &a.title, &a.on).cmp(&(b.title != PRIMARY, &b.title, &b.on)));
    let person = Person { id: id.clone(), concept: concept(subject), redo: take };
    Ok(Known { person, anime: one(Kind::AnimeImage), cosplay: one(Kind::CosplayImage), dances })
}

fn danced(film: &Asset, assets: &[Asset]) -> Option<Danced> {
    // By its owner's id, whatever words that holds.
    let stem = film.reference().stem;
    let dance = stem.strip_prefix("dances/")?;
    let on = dance.strip_prefix(&format!("dance_{}{ON}", segment(&film.subject)))?.to_owned();
    let folder = format!("remixes/{dance}/");
    let is_beside = |asset: &&Asset| asset.reference().stem == format!("{stem}_{}", asset.kind.name());
    let made = assets.iter().filter(|asset| asset.path.starts_with(&folder) || is_beside(asset)).map(Asset::reference).collect();
    let is_it = |asset: &&Asset| asset.kind == Kind::ReferenceVideo && asset.reference().stem == format!("references/{on}");
    let reference = assets.iter().find(is_it).map(|asset| (asset.reference(), asset.blob.sha256.clone()));
    Some(Danced { title: film.title.clone(), film: film.reference(), film_sha256: film.blob.sha256.clone(), reference, made, on })
}

/// The film of this name: another character's, since one name is one film, so that none takes its place; else the reference
/// library's.
async fn of_that_name(context: &StepContext, folder: &Path, name: &str) -> Result<Option<PathBuf>, Fault> {
    let filter = AssetFilter { kind: Some(Kind::ReferenceVideo), ..AssetFilter::default() };
    let registered = context.library.assets(&filter).await?.into_iter().map(|(asset, _)| asset.reference());
    if let Some(asset) = registered.into_iter().find(|asset| asset.stem == format!("references/{name}")) {
        return context.path_of(&asset).await.map(Some);
    }
    let found = references::library(folder)?.into_iter().find(|reference| segment(&reference.name) == name);
    Ok(found.map(|reference| reference.file))
}

/// A character as its record tells of it. Older records say less: what is drawn then follows from the id.
fn concept(subject: &Subject) -> Concept {
    let (made, fields) = (&subject.made, &subject.made.fields);
    let text = |name: &str| fields[name].as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let seed = fields["seed"].as_u64().unwrap_or_else(|| seed_of(&made.id));
    let traits = match &fields["traits"] {
        Value::Array(traits) => traits.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Concept {
        name: made.name.clone(),
        tagline: text("tagline").unwrap_or_default(),
        traits,
        prompt: text("prompt")
            .or_else(|| text("concept"))
            .unwrap_or_else(|| format!("Original adult character {}, fully clothed", made.name)),
        seed,
        style: text("style").unwrap_or_else(|| rushes_media::music::default_style().to_owned()),
    }
}

impl<F: Flow> Studio<'_, F> {
    /// The reference of a dance that is there: as registered, for this character or another; else from the reference library;
    /// else the dance itself, which moves to the same beat and has the reference's sound.
    pub(crate) async fn followed(&self, dance: &Danced) -> Result<Followed, Stop> {
        let (dance, folder, subject) = (dance.clone(), self.kit.references.clone(), self.person.id.clone());
        let is_aside = self.is_aside;
        let step = Step::new(format!("reference {}", dance.title)).inputs(&json!([dance.film.id, dance.reference]));
        self.flow
            .step(step, move |context: StepContext| async move {
                let mut made = None;
                let (asset, sha256, path) = match &dance.reference {
                    Some((asset, sha256)) => (asset.clone(), sha256.clone(), context.path_of(asset).await?),
                    None => match of_that_name(&context, &folder, &dance.on).await? {
                        Some(file) => {
                            let copy = context.scratch()?.join("reference");
                            tokio::fs::copy(&file, &copy).await.map_err(|e| Fault::io("copy reference", &file, &e))?;
                            let new = context.new_asset(Kind::ReferenceVideo, &subject, &copy).title(&dance.title).name("ref", &dance.on);
                            let new = made.insert(new.aside(is_aside));
                            (new.reference()?, String::new(), copy)
                        }
                        None => (dance.film.clone(), dance.film_sha256.clone(), context.path_of(&dance.film).await?),
                    },
                };
                let cancel: Cancel = context.cancel.clone();
                let (sha256, has_sound) = blocking(move || {
                    let sound = rushes_media::probe::probe(&path, &cancel)?.audio.is_some();
                    let read = || std::fs::File::open(&path).and_then(rushes_core::digest::sha256).map(|(hash, _)| hash);
                    let sha256 = if sha256.is_empty() { read().map_err(|e| Fault::io("read reference", &path, &e))? } else { sha256 };
                    Ok((sha256, sound))
                })
                .await?;
                let followed = Followed { asset, name: dance.on, sha256, has_sound, title: dance.title };
                Ok(Done { made: made.into_iter().collect(), ..Done::value(followed) })
            })
            .await
    }

    /// The anime image another take of the look begins with; its seed.
    pub(crate) fn with_new_look(mut self) -> Self {
        self.person.concept.seed = seed_of_take(self.person.concept.seed, self.person.redo);
        self
    }
}
