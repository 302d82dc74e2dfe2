//! Deliveries: what is where, what waits and why, and one of them tried again.
//!
//! A delivery has no number of its own: its id is `{asset}@{destination}`, the destination's name percent-encoded where an
//! address would not take it as it is.

use super::app::App;
use super::jobs::Reason;
use super::page;
use super::problem::Problem;
use super::read::{Path, Query};
use super::words::{DeliveryWord, KindWord};
use axum::Json;
use axum::extract::State;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rushes_core::delivery::{Delivery, DeliveryState, Routes};
use rushes_core::record::rfc3339;
use rushes_core::store::{DeliveryFilter, Sending};
use rushes_core::{AssetId, Code};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What an address takes as it is (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The id of a delivery.
pub(super) fn id_of(delivery: &Delivery) -> String {
    format!("{}@{}", delivery.asset, utf8_percent_encode(&delivery.destination, PLAIN))
}

/// What an id names: as it stands in an address that was decoded once, or encoded once more by a client that knows
/// nothing of it. Errors: `not_found`.
fn named(id: &str) -> Result<(AssetId, [String; 2]), Problem> {
    let parts = id.split_once('@').and_then(|(asset, destination)| {
        let decoded = percent_decode_str(destination).decode_utf8().ok()?;
        Some((asset.parse().ok()?, [destination.to_owned(), decoded.into_owned()]))
    });
    parts.ok_or_else(|| Problem::new(Code::NotFound, "look up delivery", format!("there is no delivery {id:?}")))
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesQuery {
    /// Only those that stand here.
    #[param(inline)]
    state: Option<DeliveryWord>,
    /// Only to this destination.
    destination: Option<String>,
    /// At most this many.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// One asset at one destination.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryFacts {
    /// `{asset}@{destination}`
    id: String,
    asset: String,
    kind: KindWord,
    subject: String,
    size_bytes: u64,
    destination: String,
    /// Where it is or will be there.
    key: String,
    state: DeliveryWord,
    /// Its address there, once proven.
    url: Option<String>,
    #[schema(format = DateTime)]
    proven_at: Option<String>,
    /// How often it was tried.
    attempts: u32,
    /// Why it failed the last time, and what to do.
    reason: Option<Reason>,
    /// When it is tried again by itself; none unless it is owed.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
}

impl DeliveryFacts {
    fn all(found: &[Sending], routes: &Routes) -> Vec<Self> {
        found.iter().map(|sending| Self::of(sending, routes)).collect()
    }

    fn of(sending: &Sending, routes: &Routes) -> Self {
        let Sending { delivery, asset, attempts, next_ms } = sending;
        let state = routes.shown(delivery.state);
        Self {
            id: id_of(delivery),
            asset: asset.id.to_string(),
            kind: KindWord(asset.kind),
            subject: asset.subject.clone(),
            size_bytes: delivery.held(asset).size_bytes,
            destination: delivery.destination.clone(),
            key: delivery.key.clone(),
            state: DeliveryWord(state),
            url: delivery.uri.clone(),
            proven_at: delivery.proven_ms.map(rfc3339),
            attempts: *attempts,
            reason: delivery.last_fault.as_ref().map(Reason::of),
            next_attempt_at: next_ms.filter(|_| state == DeliveryState::Owed).map(|at_ms| rfc3339(at_ms.max(asset.created_ms))),
        }
    }
}

/// Some deliveries of current assets, those of the oldest asset first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    deliveries: Vec<DeliveryFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Where a page goes on: asset, destination, key.
struct After(AssetId, String, String);

impl std::str::FromStr for After {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '\n');
        let mut part = || parts.next().ok_or(());
        Ok(Self(part()?.parse().map_err(|_| ())?, part()?.to_owned(), part()?.to_owned()))
    }
}

/// The order of the list.
fn place(Sending { delivery, .. }: &Sending) -> (AssetId, &str, &str) {
    (delivery.asset, &delivery.destination, &delivery.key)
}

/// Lists deliveries: what waits, why, and when it is tried again.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveriesQuery), responses((status = 200, body = DeliveryPage)))]
pub(super) async fn list(State(app): State<App>, Query(query): Query<DeliveriesQuery>) -> Result<Json<DeliveryPage>, Problem> {
    let after: Option<After> = page::opened(query.cursor.as_deref())?;
    let (parts, limit) = (app.parts(), page::one_more(query.limit)?);
    let after = after.map(|After(asset, destination, key)| (asset, destination, key));
    let filter = DeliveryFilter { destination: query.destination, after, limit, ..DeliveryFilter::default() };
    let mut found = Vec::new();
    for state in page::states(query.state, &parts.routes) {
        found.extend(parts.store.delivery_page(&DeliveryFilter { state, ..filter.clone() }).await?);
    }
    found.sort_by(|a, b| place(a).cmp(&place(b)));
    found.truncate(limit as usize);
    let next = page::next(&mut found, query.limit, |Sending { delivery, .. }| {
        format!("{}\n{}\n{}", delivery.asset, delivery.destination, delivery.key)
    });
    Ok(Json(DeliveryPage { deliveries: DeliveryFacts::all(&found, &parts.routes), next }))
}

/// What was tried again: one delivery, or as many as one asset has keys at one destination.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Retried {
    deliveries: Vec<DeliveryFacts>,
}

/// Tries one delivery again now: what was refused, or waits for its time. 400 when it is proven already.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/retry", tag = "deliveries",
    params(("id" = String, Path, description = "`{asset}@{destination}`")), responses((status = 200, body = Retried)))]
pub(super) async fn retry(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Retried>, Problem> {
    let (asset, [plain, decoded]) = named(&id)?;
    let store = &app.parts().store;
    let found = match store.deliver_again(asset, &plain).await {
        Err(fault) if fault.code == Code::NotFound && plain != decoded => store.deliver_again(asset, &decoded).await,
        found => found,
    }?;
    Ok(Json(Retried { deliveries: DeliveryFacts::all(&found, &app.parts().routes) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_named_whatever_their_destination_is_called() {
        let asset: AssetId = "asset_00000000-0000-7000-8000-000000000001".parse().unwrap();
        for destination in ["drive", "my drive", "a/b", "50%", "a@b", "Größe"] {
            let id = format!("{asset}@{}", utf8_percent_encode(destination, PLAIN));
            assert_eq!(named(&id).unwrap().1[1], destination, "encoded by the client once more");
            let decoded = percent_decode_str(&id).decode_utf8().unwrap();
            assert_eq!(named(&decoded).unwrap().1[0], destination, "as it stands in an address");
            assert!(!id.contains(['/', ' ', '?', '#']), "{id}");
        }
        for bad in ["", "@", "x@drive", "../../etc@drive", &asset.to_string()] {
            assert!(named(bad).is_err(), "{bad:?}");
        }
    }
}
