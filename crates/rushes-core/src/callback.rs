//! The job callback: what an app that keeps its users' workspace is told of the end of its jobs. Pure.
//!
//! It is a message like those of webhooks: owed in the transaction that ends the job, the same bytes in every try.

use crate::asset::Asset;
use crate::delivery::{Delivery, DeliveryState, Routes};
use crate::job::Job;
use crate::kinds::Kind;
use crate::record::Listed;
use crate::store::Family;
use crate::webhook::BODY_MAX_BYTES;
use serde_json::{Value, json};

/// The workflow whose jobs are told of so.
pub const WORKFLOW: &str = "workspace";

/// What is told of the end of a job of the workspace; `job_id` is the app's own, and assets are those proven by then.
#[must_use]
pub fn callback_body(job: &Job, family: &Family, routes: &Routes) -> String {
    let mut assets: Vec<(u64, Value)> =
        results(family, routes).map(|(index, asset, delivery)| (index, told(index, asset, delivery, family, routes))).collect();
    assets.sort_by_key(|(index, _)| *index);
    let assets: Vec<Value> = assets.into_iter().map(|(_, told)| told).collect();
    let said = |field: &str| job.value.as_ref().map(|value| &value[field]).filter(|said| !said.is_null()).or_else(|| job.input.get(field));
    let job_id = job.value.as_ref().and_then(|value| value["job_id"].as_str()).or_else(|| job.input["id"].as_str());
    let mut body = json!({
        "job_id": job_id.map_or_else(|| job.id.to_string(), str::to_owned),
        "status": job.state,
        "assets": assets,
        "error_message": job.fault.as_ref().map(ToString::to_string),
        "metadata": said("metadata"),
    });
    if let Some(text) = job.value.as_ref().map(|value| &value["text"]).filter(|text| !text.is_null()) {
        body["text"] = text.clone();
    }
    let whole = body.to_string();
    if whole.len() <= BODY_MAX_BYTES {
        return whole;
    }
    // What the app handed in it has itself.
    body["metadata"] = Value::Null;
    body.to_string()
}

/// The results with their places, where they are proven.
fn results<'a>(family: &'a Family, routes: &'a Routes) -> impl Iterator<Item = (u64, &'a Asset, &'a Delivery)> {
    let results = family.listed.iter().filter(|(asset, _)| matches!(asset.kind.today(), Kind::WorkspaceImage | Kind::WorkspaceVideo));
    results.filter_map(|listed| Some((index_of(&listed.0), &listed.0, proven(listed, routes)?)))
}

fn proven<'a>((asset, deliveries): &'a Listed, routes: &Routes) -> Option<&'a Delivery> {
    let is_there = |delivery: &&Delivery| delivery.state == DeliveryState::Proven && asset.retired_ms.is_none();
    routes.primary(deliveries).filter(is_there)
}

fn index_of(asset: &Asset) -> u64 {
    asset.meta["asset_index"].as_u64().unwrap_or_else(|| asset.idx.into())
}

/// Where an app finds it: the address for others, where the destination gives any; else bucket and key at Supabase, and the
/// destination's own address elsewhere.
fn address(delivery: &Delivery) -> Option<String> {
    let own = delivery.uri.as_ref().map(|uri| uri.strip_prefix("supabase://").unwrap_or(uri).to_owned());
    delivery.link.as_ref().map(|link| link.url.clone()).or(own)
}

fn told(index: u64, asset: &Asset, delivery: &Delivery, family: &Family, routes: &Routes) -> Value {
    let is_its = |(thumbnail, _): &&Listed| thumbnail.kind.today() == Kind::Thumbnail && index_of(thumbnail) == index;
    let thumbnail = family.listed.iter().filter(is_its).find_map(|listed| address(proven(listed, routes)?));
    #[expect(clippy::cast_precision_loss, reason = "films are shorter than the age of the universe")]
    let duration_seconds = asset.duration_ms.map(|ms| ms as f64 / 1_000.0);
    let format = asset.path.rsplit_once('.').map(|(_, format)| format);
    json!({
        "type": if asset.kind.today() == Kind::WorkspaceVideo { "video" } else { "image" },
        "url": address(delivery), "thumbnail_url": thumbnail,
        "metadata": {
            "asset_id": asset.id, "width": asset.width, "height": asset.height, "format": format, "seed": asset.seed,
            "file_size_bytes": asset.blob.size_bytes, "asset_index": index, "duration_seconds": duration_seconds,
            "model": asset.meta["model"], "sha256": asset.blob.sha256,
        },
        "temp_storage_path": delivery.key, "file_size_bytes": asset.blob.size_bytes, "mime_type": asset.blob.mime,
        "generation_seed": asset.seed, "asset_index": index, "duration_seconds": duration_seconds,
        "width": asset.width, "height": asset.height,
    })
}

#[cfg(test)]
mod tests;
