//! Assets: their list, each with its deliveries, its family, and an address for others.

use super::app::App;
use super::deliveries;
use super::jobs::Reason;
use super::page;
use super::problem::Problem;
use super::read::{Path, Query};
use super::words::{DeliveryWord, KindWord};
use axum::Json;
use axum::extract::State;
use rushes_core::delivery::Delivery;
use rushes_core::record::{proven_uri, rfc3339};
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, AssetId, Code, JobId};
use rushes_engine::address;
use rushes_engine::lineage::{self, Kin};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// An address opens for so long at most, seconds: what every destination signs.
const TTL_MAX_S: u32 = 7 * 24 * 3_600;

/// In which order to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// Which assets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AssetsQuery {
    /// Only of this kind.
    #[param(inline)]
    kind: Option<KindWord>,
    /// Only of this subject: its id or unique slug.
    subject: Option<String>,
    /// Only made by this job, or by its children too where it is a topmost one.
    #[param(format = Uuid)]
    job: Option<String>,
    /// Only those the worst of whose deliveries stands here.
    #[param(inline)]
    state: Option<DeliveryWord>,
    /// Retired versions too.
    #[serde(default)]
    all_versions: bool,
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// At most this many.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A registered file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetFacts {
    id: String,
    kind: KindWord,
    /// Whose.
    subject: String,
    /// Which of the subject's sets.
    title: String,
    version: u32,
    sha256: String,
    size_bytes: u64,
    /// By content.
    mime: String,
    /// Pixels.
    width: Option<u32>,
    /// Pixels.
    height: Option<u32>,
    duration_ms: Option<u64>,
    /// The worst of its deliveries; none where it goes nowhere.
    state: Option<DeliveryWord>,
    /// At the primary destination, once proven there.
    url: Option<String>,
    /// Below the library and below each destination's prefix.
    path: String,
    #[schema(format = Uuid)]
    job: String,
    step: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When a newer version took its place.
    #[schema(format = DateTime)]
    retired_at: Option<String>,
    deliveries: Vec<Place>,
}

/// Where an asset is, or will be.
#[derive(Debug, Serialize, ToSchema)]
struct Place {
    /// Of the delivery.
    id: String,
    destination: String,
    key: String,
    state: DeliveryWord,
    /// Its address there, once proven.
    url: Option<String>,
    #[schema(format = DateTime)]
    proven_at: Option<String>,
    /// Why it failed the last time, and what to do.
    reason: Option<Reason>,
}

impl AssetFacts {
    pub(crate) fn of(app: &App, asset: &Asset, deliveries: &[Delivery]) -> Self {
        let routes = &app.parts().routes;
        let shown = |delivery: &Delivery| routes.shown(delivery.state);
        let place = |delivery: &Delivery| Place {
            id: deliveries::id_of(delivery),
            destination: delivery.destination.clone(),
            key: delivery.key.clone(),
            state: DeliveryWord(shown(delivery)),
            url: delivery.uri.clone(),
            proven_at: delivery.proven_ms.map(rfc3339),
            reason: delivery.last_fault.as_ref().map(Reason::of),
        };
        Self {
            id: asset.id.to_string(),
            kind: KindWord(asset.kind),
            subject: asset.subject.clone(),
            title: asset.title.clone(),
            version: asset.version,
            sha256: asset.blob.sha256.clone(),
            size_bytes: asset.blob.size_bytes,
            mime: asset.blob.mime.clone(),
            width: asset.width,
            height: asset.height,
            duration_ms: asset.duration_ms,
            state: deliveries.iter().map(shown).max().map(DeliveryWord),
            url: proven_uri(deliveries, routes).map(str::to_owned),
            path: asset.path.clone(),
            job: asset.job.to_string(),
            step: asset.step.clone(),
            created_at: rfc3339(asset.created_ms),
            retired_at: asset.retired_ms.map(rfc3339),
            deliveries: deliveries.iter().map(place).collect(),
        }
    }
}

/// Some assets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetPage {
    assets: Vec<AssetFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Lists assets.
#[utoipa::path(get, path = "/api/v1/assets", tag = "assets", params(AssetsQuery), responses((status = 200, body = AssetPage)))]
pub(super) async fn list(State(app): State<App>, Query(query): Query<AssetsQuery>) -> Result<Json<AssetPage>, Problem> {
    let (store, limit) = (&app.parts().store, page::one_more(query.limit)?);
    let mut filter = AssetFilter {
        kind: query.kind.map(|word| word.0),
        all_versions: query.all_versions,
        newest_first: query.order == Order::Newest,
        after: page::opened(query.cursor.as_deref())?,
        limit: Some(limit),
        ..AssetFilter::default()
    };
    if let Some(text) = query.subject {
        // A known subject by its id; anything else, such as a user's name, stands for itself.
        filter.subject = Some(store.subject(&text).await?.map_or(text, |subject| subject.made.id));
    }
    if let Some(text) = query.job {
        let refuse = || Problem::new(Code::InputInvalid, "list assets", format!("{text:?} is no job's id"));
        let id: JobId = text.parse().map_err(|_| refuse())?;
        // Nothing was made by a job nobody knows.
        let is_child = store.job(id).await.is_ok_and(|job| job.parent.is_some());
        (filter.root, filter.job) = if is_child { (None, Some(id)) } else { (Some(id), None) };
    }
    let mut found = Vec::new();
    for state in page::states(query.state, &app.parts().routes) {
        found.extend(store.assets(&AssetFilter { state, ..filter.clone() }).await?);
    }
    found.sort_by_key(|(asset, _)| asset.id);
    if filter.newest_first {
        found.reverse();
    }
    found.truncate(limit as usize);
    let next = page::next(&mut found, query.limit, |(asset, _)| asset.id.to_string());
    let assets = found.iter().map(|(asset, deliveries)| AssetFacts::of(&app, asset, deliveries)).collect();
    Ok(Json(AssetPage { assets, next }))
}

/// An asset with what it was made from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetWhole {
    #[serde(flatten)]
    facts: AssetFacts,
    /// The seed it was made from; text, since it may be beyond what JSON numbers keep.
    seed: Option<String>,
    /// What was kept with it: prompt, model, tempo.
    meta: Value,
    /// The assets it was made from.
    parents: Vec<String>,
}

/// Errors: `not_found`, for what is no id too.
pub(super) fn id_of(text: &str) -> Result<AssetId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "look up asset", format!("there is no asset {text:?}")))
}

/// One asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}", tag = "assets", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = AssetWhole)))]
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Json<AssetWhole>, Problem> {
    let (id, store) = (id_of(&id)?, &app.parts().store);
    let found = store.assets(&AssetFilter { id: Some(id), all_versions: true, ..AssetFilter::default() }).await?.pop();
    let (asset, deliveries) = found.ok_or_else(|| Problem::new(Code::NotFound, "look up asset", format!("there is no asset {id}")))?;
    let parents = store.parents(id).await?.iter().map(ToString::to_string).collect();
    let facts = AssetFacts::of(&app, &asset, &deliveries);
    Ok(Json(AssetWhole { facts, seed: asset.seed.map(|seed| seed.to_string()), meta: asset.meta, parents }))
}

/// The family of an asset: the farthest ancestors first, then itself, then what was made of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Lineage {
    asset: String,
    lineage: Vec<KinFacts>,
}

#[derive(Debug, Serialize, ToSchema)]
struct KinFacts {
    /// How far away: below zero for what it was made from, 0 for itself.
    generation: i64,
    id: String,
    kind: KindWord,
    title: String,
    version: u32,
    path: String,
    #[schema(format = Uuid)]
    job: String,
    step: String,
}

/// What an asset was made from, and what was made of it.
#[utoipa::path(get, path = "/api/v1/assets/{id}/lineage", tag = "assets", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Lineage)))]
pub(super) async fn family(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Lineage>, Problem> {
    let id = id_of(&id)?;
    let kin = |(generation, asset): Kin| KinFacts {
        generation,
        id: asset.id.to_string(),
        kind: KindWord(asset.kind),
        title: asset.title,
        version: asset.version,
        path: asset.path,
        job: asset.job.to_string(),
        step: asset.step,
    };
    let lineage = lineage::lineage(app.parts(), id).await?.into_iter().map(kin).collect();
    Ok(Json(Lineage { asset: id.to_string(), lineage }))
}

/// For how long.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AddressQuery {
    /// Seconds.
    #[serde(default = "an_hour")]
    #[param(minimum = 1, maximum = 604_800, default = 3_600)]
    ttl: u32,
}

fn an_hour() -> u32 {
    3_600
}

/// An address that opens one asset without a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Address {
    url: String,
    destination: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// An address that others can open until it runs out, signed by a destination. 400 when it is proven at none that signs.
#[utoipa::path(get, path = "/api/v1/assets/{id}/url", tag = "assets", params(("id" = String, Path, description = "Its id"), AddressQuery),
    responses((status = 200, body = Address)))]
pub(super) async fn address(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<AddressQuery>,
) -> Result<Json<Address>, Problem> {
    let id = id_of(&id)?;
    if !(1..=TTL_MAX_S).contains(&query.ttl) {
        return Err(Problem::new(Code::InputInvalid, "make address", format!("ttl is 1 to {TTL_MAX_S} seconds, not {}", query.ttl)));
    }
    let until_ms = app.parts().clock.now_ms() + i64::from(query.ttl) * 1_000;
    let (destination, url) = address::signed(app.parts(), id, Duration::from_secs(query.ttl.into()), None).await?;
    Ok(Json(Address { url, destination, expires_at: rfc3339(until_ms) }))
}
