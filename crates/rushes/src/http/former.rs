//! Results by their former paths: where each is now. A map to read by; nothing it finds is changed.

use super::app::App;
use super::problem::Problem;
use super::read::Query;
use axum::Json;
use axum::extract::State;
use percent_encoding::percent_decode_str;
use rushes_core::delivery::DeliveryState;
use rushes_core::destination::Destination;
use rushes_core::former::Former;
use rushes_core::record::rfc3339;
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, Code, Fault};
use rushes_engine::{Parts, Site};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// An address opens for so long at most, seconds: what every destination signs.
const TTL_MAX_S: u32 = 7 * 24 * 3_600;

/// Which result.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FormerQuery {
    /// `{bucket}/{user}/{job}/{index}.{ext}`, or an address that ends so.
    path: String,
    /// How long the address opens, seconds.
    #[serde(default = "an_hour")]
    #[param(minimum = 1, maximum = 604_800, default = 3_600)]
    ttl: u32,
}

fn an_hour() -> u32 {
    3_600
}

/// Where a result of a former path is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FormerFacts {
    /// The path it was asked by, without what stood around it.
    former: String,
    /// The asset that it is; none where it lies in its former bucket alone.
    asset: Option<String>,
    /// The destination that has it.
    destination: Option<String>,
    /// Under which key there.
    key: Option<String>,
    /// Its address there.
    uri: Option<String>,
    /// An address that opens without a key, where the destination gives any.
    url: Option<String>,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Where this server gives its bytes; none where it lies in its former bucket alone.
    content: Option<String>,
}

/// Finds a result by its former path or address: as an asset, under whichever layout, else in its former bucket. 404 where it is
/// neither.
#[utoipa::path(get, path = "/api/v1/workspace/former", tag = "workspace", params(FormerQuery), responses((status = 200, body = FormerFacts)))]
pub(super) async fn find(State(app): State<App>, Query(query): Query<FormerQuery>) -> Result<Json<FormerFacts>, Problem> {
    let refuse = |reason: String| Problem::new(Code::InputInvalid, "find former result", reason);
    if !(1..=TTL_MAX_S).contains(&query.ttl) {
        return Err(refuse(format!("ttl is 1 to {TTL_MAX_S} seconds, not {}", query.ttl)));
    }
    let path = query.path.split(['?', '#']).next().unwrap_or_default();
    let former = Former::of(&percent_decode_str(path).decode_utf8_lossy());
    let former =
        former.ok_or_else(|| refuse("a former path is {bucket}/{user}/{job}/{index}.{ext}, in one of the former buckets".into()))?;
    let parts = app.parts();
    let facts = match asset_of(parts, &former).await? {
        Some(asset) => of_asset(parts, &former, &asset, query.ttl).await?,
        None => of_object(parts, &former, query.ttl).await?,
    };
    Ok(Json(facts))
}

/// The result as an asset: made under the former layout, carried over, or made since.
async fn asset_of(parts: &Parts, former: &Former) -> Result<Option<Asset>, Fault> {
    for stem in [format!("{}/{}", former.bucket, former.place()), former.place()] {
        let found = parts.store.current_at(&stem).await?.into_iter();
        let is_it = |asset: &Asset| asset.subject == former.user && asset.kind.today() == former.kind.today();
        if let Some(asset) = found.into_iter().find(is_it) {
            return Ok(Some(asset));
        }
    }
    Ok(None)
}

async fn of_asset(parts: &Parts, former: &Former, asset: &Asset, ttl: u32) -> Result<FormerFacts, Fault> {
    let filter = AssetFilter { id: Some(asset.id), ..AssetFilter::default() };
    let deliveries = parts.store.assets(&filter).await?.pop().map(|(_, deliveries)| deliveries).unwrap_or_default();
    let proven = parts.routes.primary(&deliveries).filter(|delivery| delivery.state == DeliveryState::Proven);
    let at = proven.and_then(|delivery| Some((site(parts, &delivery.destination)?, delivery.key.as_str())));
    let mut facts = facts(parts, former, at, ttl).await?;
    facts.asset = Some(asset.id.to_string());
    facts.content = Some(format!("/api/v1/assets/{}/content", asset.id));
    Ok(facts)
}

async fn of_object(parts: &Parts, former: &Former, ttl: u32) -> Result<FormerFacts, Fault> {
    if let Some(site) = parts.routes.former.as_ref().and_then(|name| site(parts, name)) {
        for key in former.keys() {
            let key = format!("{}{key}", site.prefix);
            if site.port.stat(&key).await?.is_some() {
                return facts(parts, former, Some((site, &key)), ttl).await;
            }
        }
    }
    Err(Fault::new(Code::NotFound, "find former result").with("path", former.key()))
}

fn site<'a>(parts: &'a Parts, name: &str) -> Option<&'a Site<dyn Destination>> {
    parts.destinations.iter().find(|site| site.name == name)
}

async fn facts(parts: &Parts, former: &Former, at: Option<(&Site<dyn Destination>, &str)>, ttl: u32) -> Result<FormerFacts, Fault> {
    let mut facts = FormerFacts {
        former: former.key(),
        asset: None,
        destination: at.map(|(site, _)| site.name.clone()),
        key: at.map(|(_, key)| key.to_owned()),
        uri: at.map(|(site, key)| site.port.uri(key)),
        url: None,
        expires_at: None,
        content: None,
    };
    if let Some((links, key)) = at.and_then(|(site, key)| Some((site.port.abilities().links?, key))) {
        let until_ms = parts.clock.now_ms() + i64::from(ttl) * 1_000;
        facts.url = Some(links.signed_url(key, Duration::from_secs(ttl.into())).await?);
        facts.expires_at = Some(rfc3339(until_ms));
    }
    Ok(facts)
}
