//! `/deliveries`: what is stuck, why, and what to do. What was refused comes first.

use super::card::{Card, Table};
use super::form::Form;
use super::read::Query;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::words::{self, State, Told, When};
use crate::http::App;
use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract;
use axum::http::StatusCode;
use rushes_core::delivery::DeliveryState;
use rushes_core::key::Scope;
use rushes_core::record::Listed;
use rushes_core::store::{AssetFilter, DeliveryFilter, Sending};
use rushes_core::{AssetId, Code, Fault, Kind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Deliveries of each state on the page.
const PAGE: u32 = 50;
/// Posters looked through, the newest first.
const POSTERS_MAX: u32 = 2_000;
/// Deliveries tried again by one press.
const AGAIN_MAX: u32 = 500;

#[derive(Deserialize)]
pub(super) struct Asked {
    destination: Option<String>,
    sent: Option<u64>,
}

/// One that has not arrived, as the page shows it whatever it waits for.
#[derive(Template)]
#[template(path = "delivery.html")]
struct Row {
    asset: String,
    card: Card,
    owner: String,
    destination: String,
    key: String,
    size: String,
    state: State,
    /// Why it is not there, where that is not told for several at once.
    told: Option<Told>,
    attempts: u32,
    next: Option<String>,
    made: When,
    /// What the button that tries again is called, for those who may.
    again: Option<&'static str>,
}

impl HtmlSafe for Row {}

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
    /// What is said of those that are owed while nothing is sent.
    held: Option<(String, String)>,
    refused_groups: Vec<Group>,
    waiting: Vec<Row>,
    /// Records that a catalog refused: no file, so no picture.
    records: Vec<(String, u64)>,
    sent: Option<u64>,
    arrived: String,
}

/// A choice above the list, named by configuration.
struct Choice {
    path: String,
    name: String,
    is_here: bool,
}

pub(super) async fn show(extract::State(app): extract::State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Answer {
    let parts = app.parts();
    let mut shell = Shell::of(&app, &visitor, "deliveries", "Deliveries").await?.listening("delivery. asset.made job.retried record.");
    let backlog = std::mem::take(&mut shell.backlog);
    let here = asked.destination.filter(|name| backlog.contains_key(name));
    let of =
        |state: DeliveryState| DeliveryFilter { state: Some(state), destination: here.clone(), limit: PAGE, ..DeliveryFilter::default() };
    let refused = parts.store.delivery_page(&of(DeliveryState::Refused)).await?;
    let mut waiting = parts.store.delivery_page(&of(DeliveryState::Sending)).await?;
    waiting.extend(parts.store.delivery_page(&of(DeliveryState::Owed)).await?);
    waiting.truncate(PAGE as usize);
    let beside = Beside::of(&app, refused.iter().chain(&waiting)).await?;
    let row = |sending: &Sending| beside.row(&app, &shell, sending);
    let is_catalog = |name: &str| parts.catalogs.iter().any(|site| site.name == name);
    let records =
        backlog.iter().filter(|(name, place)| is_catalog(name) && place.refused > 0).map(|(name, place)| (name.clone(), place.refused));
    let mut choices = vec![Choice { path: "/deliveries".into(), name: "everywhere".into(), is_here: here.is_none() }];
    choices.extend(parts.destinations.iter().map(|site| Choice {
        path: format!("/deliveries?destination={}", percent_encoding::utf8_percent_encode(&site.name, percent_encoding::NON_ALPHANUMERIC)),
        is_here: here.as_ref() == Some(&site.name),
        name: site.name.clone(),
    }));
    let counted = || backlog.iter().filter(|(name, _)| here.as_ref().is_none_or(|here| here == *name)).map(|(_, place)| place);
    let owed = counted().map(|place| place.owed).sum();
    let view = Deliveries {
        choices,
        refused: counted().map(|place| place.refused).sum(),
        owed,
        held: parts.routes.hold.then(|| words::held(owed)),
        records: records.collect(),
        refused_groups: groups(refused.iter().map(row)),
        waiting: waiting.iter().map(row).collect(),
        sent: asked.sent,
        arrived: parts.destinations.iter().map(|site| site.name.clone()).collect::<Vec<_>>().join(" and "),
        shell,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

/// Rows refused by one destination for one reason come together, and the reason is told once.
fn groups(rows: impl Iterator<Item = Row>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for mut row in rows {
        let told = row.told.take();
        let why = |told: &Option<Told>| told.as_ref().map(|told| (told.what, told.why.clone()));
        match groups.iter_mut().find(|group| group.destination == row.destination && why(&group.told) == why(&told)) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { destination: row.destination.clone(), told, rows: vec![row] }),
        }
    }
    groups
}

/// What rows show beside their deliveries, looked up for all of them at once.
struct Beside {
    owners: BTreeMap<String, String>,
    /// A film is shown by its poster.
    posters: Vec<Listed>,
}

impl Beside {
    async fn of(app: &App, sendings: impl Iterator<Item = &Sending>) -> Result<Self, Fault> {
        let store = &app.parts().store;
        let (mut ids, mut films) = (BTreeSet::new(), BTreeSet::new());
        for Sending { asset, .. } in sendings {
            ids.insert(asset.subject.clone());
            if asset.blob.mime.starts_with("video/") {
                films.insert(asset.subject.clone());
            }
        }
        let posters = if films.is_empty() {
            Vec::new()
        } else {
            let limit = Some(POSTERS_MAX);
            let subjects = films.into_iter().collect();
            let filter = AssetFilter { subjects, kind: Some(Kind::Poster), limit, newest_first: true, ..AssetFilter::default() };
            store.assets(&filter).await?.into_iter().rev().collect()
        };
        let known = store.subjects_of(ids.into_iter().collect()).await?;
        Ok(Self { owners: known.into_iter().map(|subject| (subject.made.id, subject.made.name)).collect(), posters })
    }

    fn row(&self, app: &App, shell: &Shell, sending: &Sending) -> Row {
        let Sending { delivery, asset, attempts, next_ms } = sending;
        let (routes, now_ms) = (&app.parts().routes, shell.now_ms);
        let told = delivery.last_fault.as_ref().map(Told::from);
        let again = if delivery.state == DeliveryState::Refused { Some("Retry") } else { told.as_ref().map(|_| "Now") };
        Row {
            card: Table::of(&self.posters, app).card(asset, std::slice::from_ref(delivery)),
            asset: asset.id.to_string(),
            owner: self.owners.get(&asset.subject).unwrap_or(&asset.subject).clone(),
            destination: delivery.destination.clone(),
            key: delivery.key.clone(),
            size: words::size(delivery.held(asset).size_bytes),
            state: words::delivery_state(delivery.state, routes),
            again: again.filter(|_| shell.may_run && !(routes.hold && delivery.state != DeliveryState::Refused)),
            told,
            attempts: *attempts,
            next: next_ms.filter(|at_ms| *at_ms > now_ms && !routes.hold).map(|at_ms| words::about(at_ms - now_ms)),
            made: When { at_ms: asset.created_ms, now_ms },
        }
    }
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
                limit: AGAIN_MAX,
                ..DeliveryFilter::default()
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
