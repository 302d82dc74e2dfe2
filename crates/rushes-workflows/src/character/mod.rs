//! `character`: one original character from concept to delivered films.
//!
//! concept → anime image → cosplay image → references → dances and outfit variants → remix cut on the beat → music →
//! stickers → the deliverables in one plan → posters and the like for each film.

mod companions;
mod cut;
mod deliverables;

use crate::kit::Kit;
use crate::production::Reference;
use crate::registry::Card;
use rushes_core::flow::{Branch, Flow, Step, StepContext};
use rushes_core::kinds::Names;
use rushes_core::provider::{Concept, ConceptRequest, ImageRequest, MotionRequest, Outfit, Picture};
use rushes_core::subject::{NewSubject, SubjectType, slug};
use rushes_core::{AssetRef, Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card { name: "character", version: 3, collection: None, is_short: false, about: "", outside: None };

/// The outfits in which the primary dance is made again.
pub(crate) const VARIANTS: [&str; 2] = ["kpop", "swimsuit"];
/// Concepts drawn at most before giving up on finding a free name.
const DRAWS_MAX: u32 = 200;
/// Drawing and encoding one dance.
const FILM_LIMIT: Duration = Duration::from_mins(30);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) seed: u64,
    pub(crate) style: String,
    pub(crate) references: Vec<Reference>,
    pub(crate) skip_existing: bool,
    pub(crate) variants: Vec<String>,
    pub(crate) soundtracks: bool,
    pub(crate) watermark: bool,
    /// Another number makes everything anew that equal inputs would reuse.
    #[serde(default)]
    pub(crate) redo: u32,
}

/// A character that exists: its concept and its subject's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) concept: Concept,
    pub(crate) redo: u32,
}

/// A reference as taken in: its asset, and the name its dance's path carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub(crate) asset: AssetRef,
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) has_sound: bool,
}

impl Followed {
    /// What fills the paths of everything danced on it.
    pub(crate) fn names(&self) -> Names {
        Names::from([("ref".to_owned(), self.name.clone())])
    }
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let person = concept(flow, kit, &input).await?;
    let anime = portrait(flow, kit, &person, Picture::Anime, None).await?;
    let cosplay = portrait(flow, kit, &person, Picture::Cosplay, Some(&anime)).await?;
    let mut followed = Vec::new();
    for (index, reference) in input.references.iter().enumerate() {
        followed.push(follow(flow, &person, reference, &title(index)).await?);
    }
    let primary = followed
        .first()
        .cloned()
        .ok_or_else(|| Stop::Failed(Fault::new(Code::InputInvalid, "make character").because("there is no reference to dance on")))?;

    let looks = variant_images(flow, kit, &person, &cosplay, &primary, &input.variants).await?;
    let mut films: Vec<Branch<AssetRef>> = Vec::new();
    for (index, reference) in followed.iter().enumerate() {
        films.push(film(kit, &person, Outfit::signature(), &cosplay, reference, Film::Dance(title(index))));
    }
    for (variant, look) in input.variants.iter().zip(&looks) {
        films.push(film(kit, &person, Outfit(variant.clone()), look, &primary, Film::Variant(variant.clone())));
    }
    let films = flow.all(films).await.into_iter().collect::<Result<Vec<AssetRef>, Stop>>()?;
    let shown = films.iter().map(|film| companions::of(film, &person.id)).collect();
    flow.all(shown).await.into_iter().collect::<Result<Vec<()>, Stop>>()?;

    let (dances, variants) = films.split_at(followed.len());
    let sources: Vec<AssetRef> = dances.iter().take(1).chain(variants).cloned().collect();
    let cut = cut::cut(flow, &primary, &sources, person.concept.seed).await?;
    let parts = deliverables::parts(flow, kit, &person, &primary, &cut, &input).await?;
    let finished = deliverables::deliver(flow, kit, &person, &primary, &sources, cut, parts, &input).await?;
    let shown = finished
        .iter()
        .filter(|film| matches!(film.kind, Kind::RemixVideo | Kind::WatermarkedVideo))
        .map(|film| companions::of(film, &person.id))
        .collect();
    flow.all(shown).await.into_iter().collect::<Result<Vec<()>, Stop>>()?;
    Ok(json!({"character_id": person.id, "name": person.concept.name}))
}

/// The steps of one character, as [`run`] takes them.
pub(crate) fn steps(references: usize, variants: &[&str], soundtracks: bool, watermark: bool) -> Vec<String> {
    let titles = || (0..references).map(title);
    let of_variants = |what: &str| variants.iter().map(move |variant| format!("{what} {variant}")).collect::<Vec<_>>();
    let mut steps: Vec<String> = ["concept", "anime_image", "cosplay_image"].map(str::to_owned).into();
    steps.extend(titles().map(|title| format!("reference {title}")));
    steps.extend(of_variants("variant_image"));
    steps.extend(titles().map(|title| format!("dance {title}")));
    steps.extend(of_variants("variant_video"));
    steps.extend(titles().map(|title| format!("companions dance_video {title}")));
    steps.extend(of_variants("companions variant_video"));
    steps.push("cut".to_owned());
    steps.extend(soundtracks.then(|| "orig_music".to_owned()));
    steps.push("ai_music".to_owned());
    if watermark {
        steps.extend(["icon_sticker", "name_sticker"].map(str::to_owned));
    }
    steps.push("deliverables".to_owned());
    steps.push("companions remix_video remix_main".to_owned());
    steps.extend(watermark.then(|| "companions watermarked_video primary_deliverable".to_owned()));
    steps
}

/// `primary`, `alternate_1`, `alternate_2`, …
fn title(index: usize) -> String {
    if index == 0 { "primary".to_owned() } else { format!("alternate_{index}") }
}

/// Draws a concept whose name is free (or, when existing ones are not passed over, takes up the one that has it).
async fn concept<F: Flow>(flow: &F, kit: &Kit, input: &Input) -> Result<Person, Stop> {
    let provider = kit.providers.text.clone();
    let (seed, style, skip_existing, redo) = (input.seed, input.style.clone(), input.skip_existing, input.redo);
    // A name taken between look and commit is drawn anew, so the attempts are as many as characters beside it may be.
    let step = Step::new("concept").by(&provider.card()).at_most(20).inputs(&json!([seed, style, provider.card()]));
    flow.step(step, move |context: StepContext| async move {
        for draw in 0..DRAWS_MAX {
            let request = ConceptRequest { seed, draw, style: style.clone() };
            let concept = provider.make(&request, &context.call("concept")?).await?;
            let slug = slug(&concept.name);
            match context.library.subject(&slug).await? {
                Some(_) if skip_existing => {}
                Some(there) => return Ok(Done::value(Person { id: there.made.id, concept, redo })),
                None => {
                    let id = format!("{slug}_{}", context.library.now_ms() / 1_000);
                    let fields = json!({"tagline": concept.tagline, "traits": concept.traits, "prompt": concept.prompt, "style": concept.style, "seed": concept.seed});
                    let subject = NewSubject { id: id.clone(), subject_type: SubjectType::Character, slug, name: concept.name.clone(), fields };
                    return Ok(Done { subjects: vec![subject], ..Done::value(Person { id, concept, redo }) });
                }
            }
        }
        let reason = format!("all of {DRAWS_MAX} names drawn from this seed exist; take another seed, or --no-skip-existing for new versions");
        Err(Stop::Failed(Fault::new(Code::InputInvalid, "draw concept").because(reason)))
    })
    .await
}

async fn portrait<F: Flow>(flow: &F, kit: &Kit, person: &Person, picture: Picture, like: Option<&AssetRef>) -> Result<AssetRef, Stop> {
    let (name, kind) = match picture {
        Picture::Anime => ("anime_image", Kind::AnimeImage),
        _ => ("cosplay_image", Kind::CosplayImage),
    };
    let branch = image(
        kit,
        person,
        Image {
            step: name.to_owned(),
            kind,
            picture,
            outfit: Outfit::signature(),
            like: like.cloned(),
            title: "primary".into(),
            names: Names::new(),
        },
    );
    flow.all(vec![branch]).await.remove(0)
}

async fn variant_images<F: Flow>(
    flow: &F,
    kit: &Kit,
    person: &Person,
    like: &AssetRef,
    primary: &Followed,
    variants: &[String],
) -> Result<Vec<AssetRef>, Stop> {
    let images = variants.iter().map(|variant| {
        let mut names = primary.names();
        names.insert("variant".into(), variant.clone());
        let (picture, outfit) = (Picture::Cosplay, Outfit(variant.clone()));
        image(
            kit,
            person,
            Image {
                step: format!("variant_image {variant}"),
                kind: Kind::VariantImage,
                picture,
                outfit,
                like: Some(like.clone()),
                title: variant.clone(),
                names,
            },
        )
    });
    flow.all(images.collect()).await.into_iter().collect()
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

/// A step that makes one still picture of a character.
pub(crate) fn image(kit: &Kit, person: &Person, image: Image) -> Branch<AssetRef> {
    let provider = kit.providers.image.clone();
    let (width, height) = match image.picture {
        Picture::Anime | Picture::Cosplay => (kit.width, kit.height),
        Picture::IconSticker => (512, 512),
        Picture::NameSticker => (720, 260),
    };
    let person = person.clone();
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
            None => (provider.make(&request, &context.call("image")?).await?, None),
        };
        let mut asset = context.new_asset(image.kind, &person.id, file).title(&image.title).names(&image.names).seed(person.concept.seed);
        if let Some(like) = &image.like {
            asset = asset.made_from(like);
        }
        let asset = asset.meta(
            json!({"prompt": person.concept.prompt, "outfit": image.outfit, "provider": provider.card(), "reused_from": reused_from}),
        );
        Ok(Done::value(asset.reference()?).with(asset))
    })
}

/// Takes a reference in as an asset of this character, under a name no other bytes have.
async fn follow<F: Flow>(flow: &F, person: &Person, reference: &Reference, title: &str) -> Result<Followed, Stop> {
    let (subject, reference, title) = (person.id.clone(), reference.clone(), title.to_owned());
    let step = Step::new(format!("reference {title}")).inputs(&json!([reference, title]));
    flow.step(step, move |context: StepContext| async move {
        let copy = context.scratch()?.join("reference");
        tokio::fs::copy(&reference.file, &copy).await.map_err(|e| Stop::from(Fault::io("copy reference", &reference.file, &e)))?;
        let sha256 = crate::kit::blocking({
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
        let asset = context.new_asset(Kind::ReferenceVideo, &subject, copy).title(&title).name("ref", &name);
        Ok(Done::value(Followed { asset: asset.reference()?, name, sha256, has_sound: reference.has_sound }).with(asset))
    })
    .await
}

/// Which film of a character.
enum Film {
    /// The dance of this title.
    Dance(String),
    /// The primary dance in this outfit.
    Variant(String),
}

/// A step that makes one dance.
fn film(kit: &Kit, person: &Person, outfit: Outfit, image: &AssetRef, reference: &Followed, film: Film) -> Branch<AssetRef> {
    let provider = kit.providers.motion.clone();
    let (name, kind, title, names) = match film {
        Film::Dance(title) => (format!("dance {title}"), Kind::DanceVideo, title, reference.names()),
        Film::Variant(variant) => {
            let mut names = reference.names();
            names.insert("variant".into(), variant.clone());
            (format!("variant_video {variant}"), Kind::VariantVideo, variant, names)
        }
    };
    let (person, image, reference) = (person.clone(), image.clone(), reference.clone());
    let (width, height, fps, max_ms) = (kit.width, kit.height, kit.fps, kit.dance_max_ms);
    let step = Step::new(name).by(&provider.card()).within(FILM_LIMIT).inputs(&json!([
        person.concept,
        outfit,
        reference.sha256,
        width,
        height,
        fps,
        max_ms,
        kit.providers.image.card(),
        provider.card(),
        person.redo
    ]));
    Branch::new(step, move |context: StepContext| async move {
        let before = context.made_before(kind).await?;
        let request = MotionRequest {
            outfit: outfit.clone(),
            image: context.path_of(&image).await?,
            reference: context.path_of(&reference.asset).await?,
            // One seed for all films of a character: on one reference they dance alike, so a remix can cut between them.
            seed: person.concept.seed,
            concept: person.concept.clone(),
            width,
            height,
            fps,
            max_ms,
        };
        let (file, reused_from) = match before {
            Some(before) => (before.file, Some(before.asset)),
            None => (provider.make(&request, &context.call("film")?).await?, None),
        };
        let asset = context
            .new_asset(kind, &person.id, file)
            .title(&title)
            .names(&names)
            .seed(person.concept.seed)
            .made_from(&image)
            .made_from(&reference.asset);
        let asset = asset.meta(json!({"outfit": outfit, "provider": provider.card(), "reused_from": reused_from}));
        Ok(Done::value(asset.reference()?).with(asset))
    })
}
