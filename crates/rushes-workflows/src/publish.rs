//! `publish`: a finished film as a reel. Handing it over, waiting for it and showing it are steps of their own; showing is
//! written down before it is asked for, so that no crash and no lost answer shows a film twice.

use crate::kit::Kit;
use crate::outside::{Field, Look, Outside, Parameters, Plan};
use crate::registry::Card;
use crate::studio::known;
use crate::studio::survey;
use crate::watermark::base;
use rushes_core::delivery::DeliveryState;
use rushes_core::flow::{Flow, Lane, Library, Step, StepContext, hash};
use rushes_core::ledger::{Attempt, Found, Terms, once};
use rushes_core::publisher::{Container, NewPost, Publisher};
use rushes_core::store::AssetFilter;
use rushes_core::{AssetRef, Code, Done, Fault, Kind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "publish",
    version: 1,
    collection: None,
    is_short: false,
    about: "a finished film as a reel at Instagram, once; none named: one that was not published yet",
    outside: Some(Outside::of::<Input>()),
};

/// How long the address of the film opens for who fetches it.
const ADDRESS_OPENS: Duration = Duration::from_hours(6);
/// Looks at a film that was handed over; the wait between two grows to a minute: about an hour.
const LOOKS_MAX: u32 = 70;
const WAIT_MAX: Duration = Duration::from_mins(1);
/// A film is handed over again where the other side could not use it for now, at most so often.
const CONTAINERS_MAX: u32 = 3;
/// The field of a character's record that tells of its posts, by film.
const PUBLISHED: &str = "published";

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// None: one that was not published, drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) caption: Option<String>,
    pub(crate) share_to_feed: bool,
    pub(crate) again: bool,
    pub(crate) seed: u64,
}

/// What is published, best first.
const FILMS: [Kind; 2] = [Kind::WatermarkedVideo, Kind::ScoredVideo];

/// The film, and what is said of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Chosen {
    character: String,
    project: String,
    film: AssetRef,
    caption: String,
}

/// How far a film that was handed over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ready {
    NotYet,
    Yes,
    /// It is to be handed over again.
    Never,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        vec![
            Field::bare(
                "project",
                "The id of a character, for its primary dance, or dance_{id}_cosplay_on_{ref}; none = one that was not published yet.",
            )
            .or_none(),
            Field::text("caption", "caption", "The words below it; none = the character's name and its line."),
            Field::unless("share_to_feed", "no-feed", "Followers see it among everything else, too."),
            Field::switch("again", "again", "Publish it although it was published before."),
            Field::seed("Which one is drawn where none is named."),
        ]
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        account(look.kit)?;
        let chosen = choose(look.library, self).await?;
        let steps = ["choose", "quota", "hand over 1", "look 1 1", "show", "note"];
        Ok(Plan::of(CARD.name, 1, steps).found(format!("{} is published: {}", chosen.film.stem, chosen.caption)))
    }
}

fn account(kit: &Kit) -> Result<Arc<dyn Publisher>, Fault> {
    let missing = || {
        Fault::new(Code::ConfigInvalid, "publish film")
            .with("setting", "instagram")
            .because("no account is configured; rushes.example.toml shows how")
    };
    kit.publisher.clone().ok_or_else(missing)
}

/// The film that is named, or one of those that were not published. Errors: `not_found`, `input_invalid`.
async fn choose(library: &dyn Library, input: &Input) -> Result<Chosen, Fault> {
    let refuse = |reason: &str| Fault::new(Code::InputInvalid, "publish film").because(reason);
    let name = match &input.project {
        Some(name) => name.clone(),
        None => {
            let mut waiting = Vec::new();
            for project in survey::all(library, |dance| FILMS.iter().any(|kind| dance.one(*kind).is_some())).await? {
                if !is_published(library, &project.character, &project.name()).await? {
                    waiting.push(project.name());
                }
            }
            let drawn = usize::from_str_radix(&hash(&(input.seed, waiting.len()))[..8], 16).unwrap_or(0);
            let none = || refuse("every finished film was published; `rushes run production` makes more");
            waiting.get(drawn % waiting.len().max(1)).cloned().ok_or_else(none)?
        }
    };
    let (known, dance) = known::project(library, &name, 0).await?;
    let project = dance.project(&known.person.id);
    if !input.again && is_published(library, &known.person.id, &project).await? {
        return Err(
            refuse("it was published before, as the character's record says; --again publishes it once more").with("project", project)
        );
    }
    let film = base(&dance, "publish film", &FILMS)?;
    let concept = &known.person.concept;
    let line = if concept.tagline.is_empty() { concept.name.clone() } else { format!("{}: {}", concept.name, concept.tagline) };
    Ok(Chosen { character: known.person.id.clone(), project, film, caption: input.caption.clone().unwrap_or(line) })
}

async fn is_published(library: &dyn Library, character: &str, project: &str) -> Result<bool, Fault> {
    let subject = library.subject(character).await?;
    Ok(subject.is_some_and(|subject| !subject.made.fields[PUBLISHED][project].is_null()))
}

/// An address of the film that opens from outside. Errors: `config_invalid` where no destination gives any.
async fn address(context: &StepContext, kit: &Kit, film: &AssetRef) -> Result<String, Fault> {
    let found = context.library.assets(&AssetFilter { id: Some(film.id), ..AssetFilter::default() }).await?;
    let deliveries = found.into_iter().flat_map(|(_, deliveries)| deliveries);
    for delivery in deliveries.filter(|delivery| delivery.state == DeliveryState::Proven) {
        let Some(source) = kit.sources.get(&delivery.destination) else { continue };
        let Some(links) = source.port.abilities().links else { continue };
        // One that anybody opens for good needs no signature.
        if let Some(link) = delivery.link.filter(|link| link.until_ms.is_none()) {
            return Ok(link.url);
        }
        return links.signed_url(&delivery.key, ADDRESS_OPENS).await;
    }
    let reason = "no destination that has the film gives addresses that open from outside; configure one in a cloud";
    Err(Fault::new(Code::ConfigInvalid, "publish film").with("asset", film.id).because(reason))
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let account = account(kit).map_err(Stop::Failed)?;
    let asked = input.clone();
    let chosen: Chosen =
        flow.step(Step::new("choose"), move |context: StepContext| async move {
            Ok(Done::value(choose(context.library.as_ref(), &asked).await?))
        })
        .await?;
    quota(flow, account.clone()).await?;
    let mut shown = None;
    for number in 1..=CONTAINERS_MAX {
        let container = hand_over(flow, kit, account.clone(), &chosen, &input, number).await?;
        if is_ready(flow, account.clone(), &container, number).await? {
            shown = Some(container);
            break;
        }
    }
    let never = || {
        Fault::new(Code::ProviderRefused, "publish film")
            .with("project", &chosen.project)
            .because("it was handed over and never became ready")
    };
    let container = shown.ok_or_else(|| Stop::Failed(never()))?;
    let post = show(flow, account.clone(), &container, &chosen).await?;
    note(flow, account, chosen, post).await
}

/// Errors: `provider_refused` when no more may be published today.
async fn quota<F: Flow>(flow: &F, account: Arc<dyn Publisher>) -> Result<(), Stop> {
    let step = Step::new("quota").lane(Lane::Net);
    flow.step(step, move |_: StepContext| async move {
        let quota = account.quota().await?;
        if quota.left() > 0 {
            return Ok(Done::value(()));
        }
        let hours = quota.window.as_secs() / 3_600;
        let reason = format!("{} of {} were published within {hours} h; run it again later", quota.used, quota.limit);
        Err(Stop::Failed(Fault::new(Code::ProviderRefused, "publish film").because(reason)))
    })
    .await
}

async fn hand_over<F: Flow>(
    flow: &F,
    kit: &Kit,
    account: Arc<dyn Publisher>,
    chosen: &Chosen,
    input: &Input,
    number: u32,
) -> Result<String, Stop> {
    let (kit, chosen, share_to_feed) = (kit.clone(), chosen.clone(), input.share_to_feed);
    let step = Step::new(format!("hand over {number}")).lane(Lane::Net).inputs(&json!([chosen.film.id, number]));
    flow.step(step, move |context: StepContext| async move {
        let found = context.library.assets(&AssetFilter { id: Some(chosen.film.id), ..AssetFilter::default() }).await?;
        if let Some((film, _)) = found.first() {
            account.specs().check(film.duration_ms.unwrap_or(0), film.blob.size_bytes, film.width.unwrap_or(0))?;
        }
        let video_url = address(&context, &kit, &chosen.film).await?;
        let post = NewPost { video_url, caption: chosen.caption, cover_ms: None, share_to_feed };
        Ok(Done::value(account.create(&post).await?))
    })
    .await
}

/// Waits until what was handed over can be shown; false where it is to be handed over again.
async fn is_ready<F: Flow>(flow: &F, account: Arc<dyn Publisher>, container: &str, number: u32) -> Result<bool, Stop> {
    for look in 1..=LOOKS_MAX {
        let (account, container) = (account.clone(), container.to_owned());
        let step = Step::new(format!("look {number} {look}")).lane(Lane::Net);
        let ready = flow.step(step, move |_: StepContext| async move {
            Ok(Done::value(match account.container(&container).await? {
                Container::InProgress => Ready::NotYet,
                Container::Finished | Container::Published => Ready::Yes,
                Container::Expired => Ready::Never,
                Container::Failed(fault) if fault.is_transient() => Ready::Never,
                Container::Failed(fault) => return Err(Stop::Failed(fault)),
            }))
        });
        match ready.await? {
            Ready::Yes => return Ok(true),
            Ready::Never => return Ok(false),
            Ready::NotYet => {}
        }
        let wait = Duration::from_millis(250).saturating_mul(1 << look.min(12)).min(WAIT_MAX);
        flow.sleep(&format!("before look {number} {}", look + 1), wait).await?;
    }
    Ok(false)
}

async fn show<F: Flow>(flow: &F, account: Arc<dyn Publisher>, container: &str, chosen: &Chosen) -> Result<String, Stop> {
    let (container, caption) = (container.to_owned(), chosen.caption.clone());
    let step = Step::new("show").lane(Lane::Net).at_most(20).inputs(&json!([container]));
    flow.step(step, move |context: StepContext| async move {
        let find = |attempt: Attempt| {
            let (account, container, caption) = (account.clone(), container.clone(), caption.clone());
            async move {
                let there = account.find(&container, &caption, attempt.began_ms).await?;
                Ok(there.map_or(Found::Nowhere, Found::There))
            }
        };
        Ok(Done::value(once(context.ledger.as_ref(), &Terms::free(account.name()), find, || account.publish(&container)).await?))
    })
    .await
}

/// Keeps the post's id in the character's record.
async fn note<F: Flow>(flow: &F, account: Arc<dyn Publisher>, chosen: Chosen, post: String) -> Result<Value, Stop> {
    let step = Step::new("note").lane(Lane::Net).inputs(&json!([post]));
    flow.step(step, move |context: StepContext| async move {
        let post = account.post(&post).await?;
        let lost = || Fault::new(Code::NotFound, "note post").with("character", &chosen.character);
        let mut made = context.library.subject(&chosen.character).await?.ok_or_else(lost)?.made;
        let told = json!({"post": post.id, "permalink": post.permalink, "at": account.name(), "film": chosen.film.id, "at_ms": context.library.now_ms()});
        if !made.fields[PUBLISHED].is_object() {
            made.fields[PUBLISHED] = json!({});
        }
        made.fields[PUBLISHED][&chosen.project] = told;
        let value = json!({"character_id": chosen.character, "project": chosen.project, "post": post.id, "permalink": post.permalink});
        Ok(Done { renewed: vec![made], ..Done::value(value) })
    })
    .await
}
