//! `carry`: results of users in the former buckets become assets of the workspace; and back: what today's assets are is put
//! under the paths of then. A copy either way: nothing is removed on the side it comes from. Each file is a step of its own, so
//! that a restart goes on with the next.

use crate::kit::{Kit, Source, blocking};
use crate::outside::{Door, Field, Look, Outside, Parameters, Plan, refuse};
use crate::registry::Card;
use crate::studio::survey::{REFUSED_MAX, Refused};
use crate::workspace::THUMBNAIL_PX;
use rushes_core::destination::{Condition, Put};
use rushes_core::flow::{Flow, Lane, Library, Step, StepContext};
use rushes_core::former::{self, Former, Layout};
use rushes_core::store::AssetFilter;
use rushes_core::work::is_word;
use rushes_core::{Asset, AssetId, Code, Done, Fault, Kind, NewAsset, Stop};
use rushes_media::stills::write_thumbnail;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the registry says of it.
pub(crate) const CARD: Card = Card {
    name: "carry",
    version: 1,
    collection: None,
    is_short: false,
    about: "results of an app's users from the former buckets into the workspace, or back",
    outside: Some(Outside::of::<Input>()),
};

/// The two ways, as they are said.
const WAYS: [(&str, Layout); 2] = [("today", Layout::Today), ("legacy", Layout::Legacy)];
/// Looks of one job at most, each of up to 1,000 files.
const PAGES_MAX: u32 = 1_000;
/// Files of one job about which no further look begins: each is a step. Whether that was all, its value says.
const FILES_MAX: u64 = 50_000;
/// Assets of one look.
const PAGE: u32 = 500;
/// Copying one file of the largest size.
const COPY_LIMIT: Duration = Duration::from_hours(4);

/// Its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
}

impl Parameters for Input {
    fn fields() -> Vec<Field> {
        let to = "today: former objects become assets of the workspace, for as long as such are kept; legacy: today's results are put \
            into the former buckets, under the paths of then.";
        vec![Field::text("to", "to", to).needed(), Field::text("user_id", "user", "Whose: the app's id of its user; none = everybody's.")]
    }

    fn check(&self, _door: &Door<'_>) -> Result<(), Fault> {
        if self.user_id.as_ref().is_some_and(|user| !is_word(user) || user.starts_with('.')) {
            return Err(refuse("user_id is part of a path: 1 to 64 letters, digits, - and _, such as a UUID"));
        }
        self.way().map(drop)
    }

    async fn plan(&self, look: Look<'_>) -> Result<Plan, Fault> {
        let Buckets { name, .. } = Buckets::of(look.kit)?;
        let whose = self.user_id.as_ref().map_or_else(|| "everybody".to_owned(), |user| format!("user {user}"));
        let (from, to) = if self.way()? == Layout::Today { (name.as_str(), "the workspace") } else { ("the workspace", name.as_str()) };
        Ok(Plan::of(CARD.name, 1, ["find 1"]).found(format!("each result of {whose} in {from} is copied to {to}; nothing is removed")))
    }
}

impl Input {
    fn way(&self) -> Result<Layout, Fault> {
        let way = WAYS.iter().find(|(name, _)| *name == self.to);
        way.map(|(_, way)| *way).ok_or_else(|| refuse(format!("to is today or legacy, not {:?}", self.to)))
    }
}

/// The destination that holds the former buckets.
struct Buckets {
    name: String,
    source: Source,
}

impl Buckets {
    /// Errors: `input_invalid`.
    fn of(kit: &Kit) -> Result<Self, Fault> {
        let name = kit.routes.former.clone();
        let found = name.and_then(|name| Some(Self { source: kit.sources.get(&name)?.clone(), name }));
        found.ok_or_else(|| refuse("there are no former buckets; name the destination that has them as former in [workspace]"))
    }

    /// A key there, below the destination's own prefix.
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.source.prefix)
    }
}

/// One file to carry.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct File {
    /// Its path in the former buckets.
    key: String,
    /// The asset, where it goes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asset: Option<AssetId>,
}

/// What one look gave.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    files: Vec<File>,
    /// Carried before, or there already.
    known: u64,
    /// What is no result, or nobody knows of which type of job.
    strange: Vec<String>,
    strange_count: u64,
    /// Where the next look begins; None at the end.
    next: Option<Place>,
}

impl Page {
    fn leave(&mut self, what: String) {
        self.strange_count += 1;
        if self.strange.len() < REFUSED_MAX {
            self.strange.push(what);
        }
    }
}

/// Where a look begins: in which folder, or among assets of which kind, and behind what there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    part: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

pub(crate) async fn run<F: Flow>(flow: &F, kit: &Kit, input: Input) -> Result<Value, Stop> {
    let way = input.way()?;
    let (mut carried, mut refused_count, mut known, mut left_alone) = (0_u64, 0_u64, 0, 0);
    let mut refused: Vec<Refused> = Vec::new();
    let mut place = Some(Place::default());
    for number in 1..=PAGES_MAX {
        if carried + refused_count >= FILES_MAX {
            break;
        }
        let Some(from) = place.take() else { break };
        let page = find(flow, kit, &input, way, from, number).await?;
        for file in page.files {
            match carry(flow, kit, way, &file).await {
                Ok(()) => carried += 1,
                // One bad file holds none of the others up.
                Err(Stop::Failed(fault)) => {
                    refused_count += 1;
                    refused.push(Refused { what: file.key, why: fault.to_string() });
                }
                Err(stop) => return Err(stop),
            }
        }
        let why = "it is no result of a user, or of no known type of job; it stays where it is";
        refused.extend(page.strange.into_iter().map(|what| Refused { what, why: why.to_owned() }));
        refused.truncate(REFUSED_MAX);
        (known, left_alone, place) = (known + page.known, left_alone + page.strange_count, page.next);
    }
    Ok(json!({
        "carried": carried, "known": known, "left_alone": left_alone, "refused_count": refused_count, "refused": refused,
        "is_all": place.is_none(),
    }))
}

async fn find<F: Flow>(flow: &F, kit: &Kit, input: &Input, way: Layout, from: Place, number: u32) -> Result<Page, Stop> {
    let (kit, user) = (kit.clone(), input.user_id.clone());
    let step = Step::new(format!("find {number}")).inputs(&(input, &from)).lane(Lane::Net);
    flow.step(step, move |context: StepContext| async move {
        let (buckets, library) = (Buckets::of(&kit)?, context.library.as_ref());
        Ok(Done::value(match way {
            Layout::Today => objects(&buckets, library, user.as_deref(), from).await?,
            Layout::Legacy => assets(library, user, from).await?,
        }))
    })
    .await
}

/// Former objects that are no asset yet, of one folder: a bucket, or a user's in it, as either sort of worker named it.
async fn objects(buckets: &Buckets, library: &dyn Library, user: Option<&str>, from: Place) -> Result<Page, Fault> {
    let mut page = Page::default();
    let folders: Vec<String> = match user {
        None => former::buckets().map(|bucket| format!("{bucket}/")).collect(),
        Some(user) => former::buckets().flat_map(|bucket| [format!("{bucket}/{user}/"), format!("{bucket}/{bucket}/{user}/")]).collect(),
    };
    let Some(folder) = folders.get(from.part) else { return Ok(page) };
    let listing = buckets.source.port.list(&buckets.key(folder), from.after.as_deref()).await?;
    let mut have: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in listing.keys {
        let Some(key) = key.strip_prefix(&buckets.source.prefix) else { continue };
        match Former::of(key) {
            // Thumbnails are made anew.
            Some(former) if former.kind == Kind::FormerThumbnail => page.known += 1,
            Some(former) => {
                let place = former.place();
                if !have.contains_key(&former.user) {
                    have.insert(former.user.clone(), results(library, &former.user).await?);
                }
                // A file that lies there under two keys is carried once.
                let is_new = have.entry(former.user).or_default().insert(place);
                if is_new { page.files.push(File { key: key.to_owned(), asset: None }) } else { page.known += 1 }
            }
            None => page.leave(key.to_owned()),
        }
    }
    page.next = match listing.next {
        Some(after) => Some(Place { part: from.part, after: Some(after) }),
        None => folders.get(from.part + 1).map(|_| Place { part: from.part + 1, after: None }),
    };
    Ok(page)
}

/// The places of a user's results under either layout, as those of today.
async fn results(library: &dyn Library, user: &str) -> Result<BTreeSet<String>, Fault> {
    let mut places = BTreeSet::new();
    for kind in [Kind::WorkspaceImage, Kind::WorkspaceVideo, Kind::FormerImage, Kind::FormerVideo] {
        let filter = AssetFilter { kind: Some(kind), subject: Some(user.to_owned()), ..AssetFilter::default() };
        places.extend(library.assets(&filter).await?.into_iter().map(|(asset, _)| {
            let stem = asset.reference().stem;
            if Layout::of(kind) == Layout::Today {
                stem
            } else {
                stem.split_once('/').map_or_else(String::new, |(_, rest)| rest.to_owned())
            }
        }));
    }
    Ok(places)
}

/// Today's results, of one kind.
async fn assets(library: &dyn Library, user: Option<String>, from: Place) -> Result<Page, Fault> {
    const KINDS: [Kind; 2] = [Kind::WorkspaceImage, Kind::WorkspaceVideo];
    let mut page = Page::default();
    let after: Option<AssetId> = from.after.as_ref().and_then(|after| after.parse().ok());
    let filter = AssetFilter { kind: KINDS.get(from.part).copied(), subject: user, after, limit: Some(PAGE), ..AssetFilter::default() };
    let listed = library.assets(&filter).await?;
    page.next = match listed.last() {
        Some((last, _)) if listed.len() == PAGE as usize => Some(Place { part: from.part, after: Some(last.id.to_string()) }),
        _ => Some(Place { part: from.part + 1, after: None }).filter(|place| place.part < KINDS.len()),
    };
    for (asset, _) in listed {
        match former_key(&asset) {
            Some(key) => page.files.push(File { key, asset: Some(asset.id) }),
            None => page.leave(asset.path),
        }
    }
    Ok(page)
}

/// Where an asset of today's lay, or would have lain, by what is kept with it.
fn former_key(asset: &Asset) -> Option<String> {
    let carried = asset.meta["former"].as_str().and_then(Former::of).map(|former| former.key());
    carried.or_else(|| former::key_of(&asset.path, asset.meta["job_type"].as_str()?))
}

async fn carry<F: Flow>(flow: &F, kit: &Kit, way: Layout, file: &File) -> Result<(), Stop> {
    let (kit, file) = (kit.clone(), file.clone());
    let (name, lane) = match way {
        Layout::Today => (format!("take {}", file.key), Lane::Cpu),
        Layout::Legacy => (format!("put {}", file.key), Lane::Net),
    };
    flow.step(Step::new(name).inputs(&file).lane(lane).within(COPY_LIMIT), move |context: StepContext| async move {
        let buckets = Buckets::of(&kit)?;
        match file.asset {
            None => take(&context, &kit, &buckets, &file.key).await,
            Some(asset) => put(&context, &buckets, asset, &file.key).await,
        }
    })
    .await
}

/// A former object as an asset of the workspace, with its thumbnail.
async fn take(context: &StepContext, kit: &Kit, buckets: &Buckets, key: &str) -> Result<Done<()>, Stop> {
    let unknown = || Fault::new(Code::NotFound, "carry result").with("key", key);
    let former = Former::of(key).ok_or_else(unknown)?;
    let scratch = context.scratch()?;
    let (file, thumbnail) = (scratch.join("file"), scratch.join("thumbnail.webp"));
    buckets.source.port.get(&buckets.key(key), None, &file).await?;
    // The bytes say what it is; a name may be wrong.
    let is_film = kit.inspect.inspect(&file).await?.mime.starts_with("video/");
    let (from, to, cancel) = (file.clone(), thumbnail.clone(), context.cancel.clone());
    blocking(move || write_thumbnail(&from, is_film, THUMBNAIL_PX, &to, &cancel)).await?;
    let index = former.index;
    let named = |kind: Kind, file| -> NewAsset {
        let asset = context.new_asset(kind, &former.user, file).idx(index).name("user", &former.user);
        asset.name("job", &former.job).name("idx", index.to_string())
    };
    let small = named(Kind::Thumbnail, thumbnail).meta(json!({"job_id": former.job, "asset_index": index}));
    let meta = json!({
        "job_id": former.job, "asset_index": index, "asset_type": if is_film { "video" } else { "image" },
        "job_type": former::type_in(former.bucket), "former": former.key(), "thumbnail": format!("{}.webp", small.reference()?.stem),
    });
    let result = named(if is_film { Kind::WorkspaceVideo } else { Kind::WorkspaceImage }, file).meta(meta);
    let small = small.made_from(&result.reference()?);
    Ok(Done::value(()).with(result).with(small))
}

/// An asset's bytes at the path of then: only where nothing is, or the same.
async fn put(context: &StepContext, buckets: &Buckets, asset: AssetId, key: &str) -> Result<Done<()>, Stop> {
    let library = context.library.as_ref();
    let filter = AssetFilter { id: Some(asset), ..AssetFilter::default() };
    let found = library.assets(&filter).await?.pop();
    let gone = || Fault::new(Code::NotFound, "carry result").with("asset", asset).because("its days are over, or it was discarded");
    let (found, _) = found.ok_or_else(gone)?;
    let file = library.path_of(asset).await?;
    buckets.source.port.put(Put::new(&buckets.key(key), &file, &found.blob, Condition::CreateOnly)).await?;
    Ok(Done::value(()))
}
