//! `/deliveries`: what is stuck, why, and what to do. What was refused comes first.

use super::card::Card;
use super::form::Form;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::words::{self, State, Told, When};
use crate::http::App;
use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::{self, Query};
use axum::http::StatusCode;
use rushes_core::delivery::DeliveryState;
use rushes_core::key::Scope;
use rushes_core::store::{AssetFilter, DeliveryFilter, Sending};
use rushes_core::{AssetId, Code, Fault, Kind};
use serde::Deserialize;

/// Deliveries of each state on the page.
const PAGE: u32 = 50;
/// Posters of one subject looked through.
const POSTERS_MAX: u32 = 200;
/// Deliveries tried again by one press.
const AGAIN_MAX: u32 = 500;

#[derive(Deserialize)]
pub(super) struct Asked {
    destination: Option<String>,
    sent: Option<u64>,
}

/// One that has not arrived.
struct Row {
    asset: String,
    card: Card,
    owner: String,
    destination: String,
    key: String,
    state: State,
    told: Option<Told>,
    attempts: u32,
    next: Option<String>,
    made: When,
}

/// Those that were refused for one reason.
struct Group {
    destination: String,
    told: Option<Told>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Deliveries {
    shell: Shell,
    choices: Vec<Choice>,
    refused: u64,
    owed: u64,
    refused_groups: Vec<Group>,
    waiting: Vec<Row>,
    /// Records that a catalog refused: no file, so no picture.
    records: Vec<(String, u64)>,
    sent: Option<u64>,
    arrived: String,
}

impl Deliveries {
    fn small<'a>(&self, card: &'a Card) -> Small<'a> {
        Small { card }
    }
}

/// A card's picture alone.
#[derive(Template)]
#[template(path = "small.html")]
struct Small<'a> {
    card: &'a Card,
}

impl HtmlSafe for Small<'_> {}

/// A choice above the list, named by configuration.
struct Choice {
    path: String,
    name: String,
    is_here: bool,
}

pub(super) async fn show(extract::State(app): extract::State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Answer {
    let parts = app.parts();
    let shell = Shell::of(&app, &visitor, "deliveries", "Deliveries").await?.listening("delivery. asset.made job.retried record.");
    let backlog = parts.store.backlog().await?;
    let here = asked.destination.filter(|name| backlog.contains_key(name));
    let of = |state: DeliveryState| DeliveryFilter { state: Some(state), destination: here.clone(), after: None, limit: PAGE };
    let mut refused_groups: Vec<Group> = Vec::new();
    for sending in parts.store.delivery_page(&of(DeliveryState::Refused)).await? {
        let row = row(&app, sending, shell.now_ms).await?;
        let is_same = |group: &&mut Group| {
            group.destination == row.destination
                && group.told.as_ref().map(|told| (&told.what, &told.why)) == row.told.as_ref().map(|told| (&told.what, &told.why))
        };
        match refused_groups.iter_mut().find(is_same) {
            Some(group) => group.rows.push(row),
            None => refused_groups.push(Group { destination: row.destination.clone(), told: row.told.clone(), rows: vec![row] }),
        }
    }
    let mut waiting = Vec::new();
    for state in [DeliveryState::Sending, DeliveryState::Owed, DeliveryState::Held] {
        for sending in parts.store.delivery_page(&of(state)).await? {
            waiting.push(row(&app, sending, shell.now_ms).await?);
        }
    }
    waiting.truncate(PAGE as usize);
    let is_catalog = |name: &str| parts.catalogs.iter().any(|site| site.name == name);
    let records =
        backlog.iter().filter(|(name, place)| is_catalog(name) && place.refused > 0).map(|(name, place)| (name.clone(), place.refused));
    let mut choices = vec![Choice { path: "/deliveries".into(), name: "everywhere".into(), is_here: here.is_none() }];
    choices.extend(parts.destinations.iter().map(|site| Choice {
        path: format!("/deliveries?destination={}", percent_encoding::utf8_percent_encode(&site.name, percent_encoding::NON_ALPHANUMERIC)),
        is_here: here.as_ref() == Some(&site.name),
        name: site.name.clone(),
    }));
    let counted = || backlog.iter().filter(|(name, _)| here.as_ref().is_none_or(|here| here == *name));
    let view = Deliveries {
        choices,
        refused: counted().map(|(_, place)| place.refused).sum(),
        owed: counted().map(|(_, place)| place.owed).sum(),
        records: records.collect(),
        refused_groups,
        waiting,
        sent: asked.sent,
        arrived: parts.destinations.iter().map(|site| site.name.clone()).collect::<Vec<_>>().join(" and "),
        shell,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

async fn row(app: &App, sending: Sending, now_ms: i64) -> Result<Row, Fault> {
    let Sending { delivery, asset, attempts, next_ms } = sending;
    let owner = app.parts().store.subject(&asset.subject).await?.map_or_else(|| asset.subject.clone(), |subject| subject.made.name);
    // A film is shown by its poster.
    let posters =
        AssetFilter { subject: Some(asset.subject.clone()), kind: Some(Kind::Poster), limit: Some(POSTERS_MAX), ..AssetFilter::default() };
    let listed = app.parts().store.assets(&posters).await?;
    Ok(Row {
        card: super::card::Table::of(&listed, &app.shelf).card(&asset, std::slice::from_ref(&delivery)),
        asset: asset.id.to_string(),
        owner,
        state: words::delivery_state(delivery.state),
        told: delivery.last_fault.as_ref().map(Told::from),
        attempts,
        next: next_ms.filter(|at_ms| *at_ms > now_ms).map(|at_ms| words::about(at_ms - now_ms)),
        made: When { at_ms: asset.created_ms, now_ms },
        destination: delivery.destination,
        key: delivery.key,
    })
}

/// Tries again: one delivery, or all that one destination refused.
pub(super) async fn retry(extract::State(app): extract::State<App>, visitor: Visitor, form: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let destination = form.get("destination").ok_or_else(|| Trouble::unknown("destination", ""))?;
    let store = &app.parts().store;
    let wanted: Vec<AssetId> = match form.get("asset") {
        Some(id) => vec![id.parse().map_err(|_| Trouble::unknown("asset", id))?],
        None => {
            let filter = DeliveryFilter {
                state: Some(DeliveryState::Refused),
                destination: Some(destination.to_owned()),
                after: None,
                limit: AGAIN_MAX,
            };
            store.delivery_page(&filter).await?.iter().map(|sending| sending.asset.id).collect()
        }
    };
    let mut sent = 0;
    for asset in wanted {
        match store.deliver_again(asset, destination).await {
            Ok(_) => sent += 1,
            // It has arrived meanwhile, or is gone: the page tells how it stands.
            Err(fault) if matches!(fault.code, Code::InputInvalid | Code::NotFound) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    let back = form.get("back").filter(|back| shell::is_ours(back)).unwrap_or("/deliveries");
    Ok(shell::go_to(&if back == "/deliveries" { format!("/deliveries?sent={sent}") } else { back.to_owned() }))
}
