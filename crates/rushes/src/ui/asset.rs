//! `/assets/{id}`: one file: what it is, where it is, and what it was made from and into.

use super::card::{Card, Table};
use super::read::Path;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::words::{self, Copies, State, Told, When};
use crate::http::App;
use askama::Template;
use axum::extract;
use axum::http::StatusCode;
use rushes_core::store::AssetFilter;
use rushes_core::{AssetId, Fault};

/// Relatives shown at most.
const RELATIVES_MAX: usize = 60;

/// One destination of it.
struct At {
    destination: String,
    key: String,
    state: State,
    uri: Option<String>,
    proven: Option<When>,
    told: Option<Told>,
    is_refused: bool,
}

#[derive(Template)]
#[template(path = "asset.html")]
struct AssetPage {
    shell: Shell,
    id: String,
    name: String,
    card: Card,
    owner: String,
    owner_name: String,
    has_owner: bool,
    facts: Vec<(&'static str, String)>,
    sha256: String,
    path: String,
    job: String,
    made: When,
    is_retired: bool,
    deliveries: Vec<At>,
    versions: Vec<(String, u32, bool)>,
    parents: Vec<Card>,
    made_from: Vec<Card>,
}

impl Copies for AssetPage {}

pub(super) async fn show(extract::State(app): extract::State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let store = &app.parts().store;
    let asset = store.asset(id.parse().map_err(|_| Trouble::unknown("asset", &id))?).await?;
    let name = words::kind_in_set(asset.kind, &asset.title);
    let owner = store.subject(&asset.subject).await?;
    let shell = Shell::of(&app, &visitor, "characters", name.clone()).await?.listening("delivery. asset.");
    let filter = AssetFilter { subject: Some(asset.subject.clone()), all_versions: true, limit: Some(2_000), ..AssetFilter::default() };
    let listed = store.assets(&filter).await?;
    let table = Table::of(&listed, &app);
    let deliveries = listed.iter().find(|(other, _)| other.id == asset.id).map(|(_, all)| all.clone()).unwrap_or_default();
    let at = |delivery: &rushes_core::delivery::Delivery| At {
        destination: delivery.destination.clone(),
        key: delivery.key.clone(),
        state: words::delivery_state(delivery.state, &app.parts().routes),
        uri: delivery.uri.clone(),
        proven: delivery.proven_ms.map(|at_ms| When { at_ms, now_ms: shell.now_ms }),
        told: delivery.last_fault.as_ref().map(Told::from),
        is_refused: delivery.state == rushes_core::delivery::DeliveryState::Refused,
    };
    let relatives = |ids: Vec<AssetId>| -> Vec<Card> {
        let known = listed.iter().filter(|(other, _)| ids.contains(&other.id) && !super::card::is_companion(other.kind));
        known.take(RELATIVES_MAX).map(|(asset, deliveries)| table.card(asset, deliveries)).collect()
    };
    let versions = listed.iter().filter(|(other, _)| other.path == asset.path);
    let view = AssetPage {
        card: table.card(&asset, &deliveries),
        owner_name: owner.as_ref().map_or_else(|| asset.subject.clone(), |owner| owner.made.name.clone()),
        has_owner: owner.is_some(),
        owner: asset.subject.clone(),
        facts: facts(&asset),
        sha256: asset.blob.sha256.clone(),
        path: asset.path.clone(),
        job: root_of(&app, &asset).await?,
        made: When { at_ms: asset.created_ms, now_ms: shell.now_ms },
        is_retired: asset.retired_ms.is_some(),
        deliveries: deliveries.iter().map(at).collect(),
        versions: versions.map(|(other, _)| (other.id.to_string(), other.version, other.id == asset.id)).collect(),
        parents: relatives(store.parents(asset.id).await?),
        made_from: relatives(store.made_from(asset.id).await?),
        id: asset.id.to_string(),
        name,
        shell,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

async fn root_of(app: &App, asset: &rushes_core::Asset) -> Result<String, Fault> {
    // A restored asset's job may be of another machine.
    Ok(app.parts().store.job(asset.job).await.map_or(asset.job, |job| job.root).to_string())
}

fn facts(asset: &rushes_core::Asset) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Type", asset.blob.mime.clone()), ("Size", words::size(asset.blob.size_bytes))];
    if let (Some(width), Some(height)) = (asset.width, asset.height) {
        facts.push(("Pixels", format!("{width} × {height}")));
    }
    if let Some(ms) = asset.duration_ms {
        facts.push(("Length", words::length(ms)));
    }
    facts.push(("Version", asset.version.to_string()));
    if let Some(seed) = asset.seed {
        facts.push(("Seed", seed.to_string()));
    }
    for (field, name) in [("outfit", "Outfit"), ("bpm", "Beats a minute"), ("prompt", "Prompt")] {
        match &asset.meta[field] {
            serde_json::Value::String(text) => facts.push((name, text.clone())),
            serde_json::Value::Number(number) => {
                facts.push((name, number.as_f64().map_or_else(|| number.to_string(), |n| format!("{n:.1}"))))
            }
            _ => {}
        }
    }
    facts
}
