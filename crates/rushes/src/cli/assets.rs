//! `rushes assets`: list them, show one, show what it was made from.

use super::{Context, exit, print};
use crate::wire;
use crate::words;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::record::{proven_uri, rfc3339};
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, AssetId, Code, Fault, Kind};
use rushes_engine::Parts;
use rushes_engine::address::signed;
use rushes_engine::lineage::{Kin, lineage as engine_lineage};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List assets, oldest first.
    Ls {
        /// Only of this kind.
        #[arg(long, value_parser = kind)]
        kind: Option<Kind>,
        /// Only of this subject: its id or unique slug.
        #[arg(long)]
        subject: Option<String>,
        /// Only after this asset (the `next` of the page before).
        #[arg(long, value_parser = asset_id)]
        cursor: Option<AssetId>,
        /// At most this many; everything unless given.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Show what an asset was made from, and what was made from it.
    Lineage {
        /// The asset's id.
        #[arg(value_parser = asset_id)]
        id: AssetId,
    },
    /// Give an address that others can open, without an account, until it runs out.
    Link {
        /// The asset's id.
        #[arg(value_parser = asset_id)]
        id: AssetId,
        /// For how many hours it opens.
        #[arg(long, default_value_t = 24.0)]
        hours: f64,
        /// At which destination; the first that gives addresses and has the asset proven, unless given.
        #[arg(long)]
        at: Option<String>,
    },
    /// Show one asset, where it is and what it was made from.
    Show {
        /// The asset's id.
        #[arg(value_parser = asset_id)]
        id: AssetId,
    },
}

pub(crate) fn kind(text: &str) -> Result<Kind, String> {
    let all = || rushes_core::kinds::KINDS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    Kind::named(text).ok_or_else(|| format!("kinds are: {}", all()))
}

fn asset_id(text: &str) -> Result<AssetId, String> {
    text.parse().map_err(|_| format!("{text:?} is no asset id; `rushes assets ls` lists them"))
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    match command {
        Command::Ls { kind, subject, cursor, limit } => {
            let subject = match subject {
                // A known subject by its id; anything else, such as a user's name, stands for itself.
                Some(text) => Some(parts.store.subject(&text).await?.map_or(text, |subject| subject.made.id)),
                None => None,
            };
            list(context, &parts, AssetFilter { kind, subject, after: cursor, limit, ..AssetFilter::default() }).await
        }
        Command::Lineage { id } => lineage(context, &parts, id).await,
        Command::Link { id, hours, at } => link(context, &parts, id, hours, at.as_deref()).await,
        Command::Show { id } => show(context, &parts, id).await,
    }
}

async fn deliveries(parts: &Parts, id: AssetId) -> Result<Vec<Delivery>, Fault> {
    let filter = AssetFilter { id: Some(id), all_versions: true, ..AssetFilter::default() };
    Ok(parts.store.assets(&filter).await?.pop().map(|(_, deliveries)| deliveries).unwrap_or_default())
}

async fn link(context: &Context, parts: &Parts, id: AssetId, hours: f64, at: Option<&str>) -> anyhow::Result<u8> {
    let refuse = |reason: String| Fault::new(Code::InputInvalid, "make address").with("asset", id).because(reason);
    if !(0.01..=8760.0).contains(&hours) {
        return Err(refuse("an address opens for 0.01 to 8760 hours".to_owned()).into());
    }
    let (destination, url) = signed(parts, id, Duration::from_secs_f64(hours * 3600.0), at).await?;
    if context.json {
        print::json(&json!({"asset": id, "destination": destination, "url": url, "hours": hours}))?;
    } else {
        print::line(url);
    }
    Ok(exit::DONE)
}

fn as_json(parts: &Parts, asset: &Asset, deliveries: &[Delivery]) -> Value {
    let shown = |delivery: &Delivery| parts.routes.shown(delivery.state);
    let state = deliveries.iter().map(shown).max();
    json!({
        "id": asset.id, "kind": asset.kind, "subject": asset.subject, "title": asset.title, "version": asset.version,
        "sha256": asset.blob.sha256, "size_bytes": asset.blob.size_bytes, "state": state,
        "url": proven_uri(deliveries, &parts.routes), "path": asset.path, "created_at": rfc3339(asset.created_ms),
        "deliveries": deliveries.iter().map(|d| json!({"destination": d.destination, "key": d.key, "state": shown(d)})).collect::<Vec<_>>(),
    })
}

async fn list(context: &Context, parts: &Parts, filter: AssetFilter) -> anyhow::Result<u8> {
    let limit = filter.limit;
    let listed = parts.store.assets(&filter).await?;
    if context.json {
        let is_full = limit.is_some_and(|limit| listed.len() == limit as usize);
        let next = listed.last().filter(|_| is_full).map(|(asset, _)| asset.id);
        let assets: Vec<Value> = listed.iter().map(|(asset, deliveries)| as_json(parts, asset, deliveries)).collect();
        print::json(&json!({"assets": assets, "next": next}))?;
        return Ok(exit::DONE);
    }
    if listed.is_empty() {
        print::line("No assets yet. Make some: rushes run production --count 1 --seed 7");
        return Ok(exit::DONE);
    }
    let rows = listed.iter().map(|(asset, deliveries)| {
        let state = deliveries.iter().map(|d| parts.routes.shown(d.state)).max().map_or("local only", DeliveryState::name);
        vec![
            asset.id.to_string(),
            asset.kind.name().to_owned(),
            asset.title.clone(),
            state.to_owned(),
            words::size(asset.blob.size_bytes),
            asset.path.clone(),
        ]
    });
    print::table(&["asset", "kind", "title", "state", "size", "path in library"], &[4], rows);
    Ok(exit::DONE)
}

async fn lineage(context: &Context, parts: &Parts, id: AssetId) -> anyhow::Result<u8> {
    let kin = engine_lineage(parts, id).await?;
    if context.json {
        let shown = |(away, asset): &Kin| {
            json!({"generation": away, "id": asset.id, "kind": asset.kind, "title": asset.title, "version": asset.version,
                   "sha256": asset.blob.sha256, "path": asset.path, "job": asset.job, "step": asset.step})
        };
        print::json(&json!({"asset": id, "lineage": kin.iter().map(shown).collect::<Vec<_>>()}))?;
        return Ok(exit::DONE);
    }
    let rows = kin.iter().map(|(away, asset)| {
        let who = match away {
            0 => "this".to_owned(),
            ..0 => format!("made from, {} back", -away),
            1.. => format!("made of it, {away} on"),
        };
        vec![
            who,
            asset.kind.name().to_owned(),
            asset.title.clone(),
            format!("v{}", asset.version),
            asset.id.to_string(),
            asset.path.clone(),
        ]
    });
    print::table(&["relation", "kind", "title", "version", "asset", "path in library"], &[], rows);
    Ok(exit::DONE)
}

/// Ancestors (`step` −1) or descendants (`step` 1), the nearest first, each once.
async fn show(context: &Context, parts: &Parts, id: AssetId) -> anyhow::Result<u8> {
    let asset = parts.store.asset(id).await?;
    let deliveries = deliveries(parts, id).await?;
    let parents = parts.store.parents(id).await?;
    let mut shown = as_json(parts, &asset, &deliveries);
    shown["deliveries"] = json!(deliveries);
    shown["parents"] = json!(parents);
    shown["meta"] = asset.meta.clone();
    shown["mime"] = json!(asset.blob.mime);
    shown["width"] = json!(asset.width);
    shown["height"] = json!(asset.height);
    shown["duration_ms"] = json!(asset.duration_ms);
    shown["job"] = json!(asset.job);
    shown["step"] = json!(asset.step);
    if context.json {
        print::json(&shown)?;
        return Ok(exit::DONE);
    }
    for (field, value) in shown.as_object().into_iter().flatten().filter(|(field, _)| *field != "deliveries") {
        print::line(format!("{field:<12} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    for delivery in &deliveries {
        let uri = delivery.uri.as_deref().unwrap_or("not there yet");
        let why = delivery.last_fault.as_ref().map_or_else(String::new, |fault| format!(": {fault}"));
        print::line(format!("{:<12} {} {uri}{why}", delivery.destination, parts.routes.shown(delivery.state).name()));
    }
    Ok(exit::DONE)
}
