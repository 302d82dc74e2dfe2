//! The documents that catalogs hold, and the pipeline's results, built from local truth. Pure: nouns in, JSON out.
//!
//! An asset is named in a document as soon as its object is proven at the primary destination, never before.

use crate::asset::{Asset, Blob, flaw_of_path};
use crate::codes::Code;
use crate::delivery::{Delivery, DeliveryState, Link, Routes};
use crate::digest::is_sha256;
use crate::fault::Fault;
use crate::ids::JobId;
use crate::job::{Job, JobState};
use crate::kinds::{Kind, Slot};
use crate::store::Family;
use crate::subject::{NewSubject, Subject, SubjectType};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Assets with their deliveries, as the store lists them.
pub type Listed = (Asset, Vec<Delivery>);

/// The fields of a subject's record that are the record's own; whatever else it says are the subject's fields.
pub const OWN: [&str; 6] = ["id", "name", "slug", "type", "assets", "rev"];
/// The subject's field that says what an imported record said of each set beside its files.
pub const SETS: &str = "sets";
/// The subject's field for what an imported record said under names that mean something else here.
pub const IMPORTED: &str = "imported";

/// RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn rfc3339(at_ms: i64) -> String {
    let (days, in_day) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000));
    // Civil date from a day count: 400-year eras beginning on 1 March, so that the leap day is an era's last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second, ms) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The address of an asset at the primary destination, once proven there.
#[must_use]
pub fn proven_uri<'a>(deliveries: &'a [Delivery], routes: &Routes) -> Option<&'a str> {
    proven(deliveries, routes).and_then(|delivery| delivery.uri.as_deref())
}

fn proven<'a>(deliveries: &'a [Delivery], routes: &Routes) -> Option<&'a Delivery> {
    routes.primary(deliveries).filter(|delivery| delivery.state == DeliveryState::Proven)
}

/// The fields of a subject's record: its own, and `assets` as an array of sets by title.
#[must_use]
pub fn subject_fields(subject: &Subject, listed: &[Listed], routes: &Routes) -> Value {
    let mut sets: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (asset, deliveries) in listed {
        let Some((uri, link)) = proven(deliveries, routes).and_then(|d| Some((d.uri.as_deref()?, d.link.as_ref()))) else { continue };
        for (title, field) in places(asset) {
            let set = sets.entry(title.clone()).or_insert_with(|| Map::from_iter([("title".to_owned(), json!(title))]));
            set.insert(field.to_owned(), json!(uri));
            let files = set.entry("files").or_insert_with(|| json!({}));
            files[field] = entry(asset, uri, link);
        }
    }
    // What an imported record said of a set beside its files.
    for (title, said) in subject.made.fields[SETS].as_object().into_iter().flatten() {
        if let (Some(set), Some(said)) = (sets.get_mut(title), said.as_object()) {
            for (field, value) in said {
                set.entry(field).or_insert_with(|| value.clone());
            }
        }
    }
    let mut fields = subjects_own(&subject.made.fields);
    let NewSubject { id, name, slug, subject_type, .. } = &subject.made;
    let assets = sets.into_values().map(Value::Object).collect();
    // The last of them, `rev`, is the catalog's to write.
    let own = [json!(id), json!(name), json!(slug), json!(subject_type), assets];
    fields.extend(OWN.map(str::to_owned).into_iter().zip(own));
    Value::Object(fields)
}

/// The subject a record is of, as [`subject_fields`] wrote it; None for the record of a single asset.
#[must_use]
pub fn subject_of(fields: &Value) -> Option<NewSubject> {
    let text = |field: &str| fields[field].as_str().map(str::to_owned);
    let [id, name, slug, subject_type, ..] = OWN;
    Some(NewSubject {
        subject_type: SubjectType::named(&text(subject_type)?)?,
        id: text(id)?,
        slug: text(slug)?,
        name: text(name)?,
        fields: Value::Object(subjects_own(fields)),
    })
}

/// What is left without the record's own.
fn subjects_own(fields: &Value) -> Map<String, Value> {
    let mut fields = fields.as_object().cloned().unwrap_or_default();
    fields.retain(|field, _| !OWN.contains(&field.as_str()));
    fields
}

/// All that a catalog says of one file: enough to know it again where nothing else is left.
fn entry(asset: &Asset, uri: &str, link: Option<&Link>) -> Value {
    let mut entry = json!({
        "asset": asset.id, "uri": uri, "sha256": asset.blob.sha256, "size_bytes": asset.blob.size_bytes,
        "kind": asset.kind, "version": asset.version, "path": asset.path, "mime": asset.blob.mime,
        "title": asset.title, "idx": asset.idx, "seed": asset.seed, "width": asset.width, "height": asset.height,
        "duration_ms": asset.duration_ms, "created_ms": asset.created_ms, "meta": asset.meta,
    });
    match link {
        None => {}
        Some(Link { url, until_ms: None }) => entry["public_url"] = json!(url),
        Some(Link { url, until_ms: Some(until_ms) }) => {
            entry["signed_url"] = json!(url);
            entry["signed_until"] = json!(rfc3339(*until_ms));
        }
    }
    entry
}

/// The collection of records that single assets have whose owner has none: those of the kind's slot, or `assets`.
#[must_use]
pub(crate) fn own_collection(kind: Kind) -> &'static str {
    match kind.row().slot {
        Slot::Row(collection) => collection,
        _ => "assets",
    }
}

/// The record that names an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// The collection.
    pub collection: &'static str,
    /// The document in it.
    pub id: String,
    /// Of this asset alone, not of its subject.
    pub is_own: bool,
}

impl Document {
    /// `{collection}/{id}`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.collection, self.id)
    }
}

/// The record that names an asset: its subject's; its own where its kind says so or its owner has none; None where it is
/// found by its key alone. `owner` is the sort of its subject, where it has one.
#[must_use]
pub fn document_of(kind: Kind, owner: Option<SubjectType>, subject: &str, asset: &str) -> Option<Document> {
    let own = Document { collection: own_collection(kind), id: asset.to_owned(), is_own: true };
    match (kind.row().slot, owner) {
        (Slot::Unlisted, _) => None,
        (Slot::Row(_), _) | (_, None) => Some(own),
        (_, Some(owner)) => Some(Document { collection: owner.collection(), id: subject.to_owned(), is_own: false }),
    }
}

/// Every collection that may hold records of assets: of subjects and of single assets.
#[must_use]
pub fn collections() -> Vec<&'static str> {
    let types = [SubjectType::Character, SubjectType::Person, SubjectType::User, SubjectType::Shoot];
    let mut all: Vec<&str> = types.map(SubjectType::collection).to_vec();
    all.extend(crate::kinds::KINDS.iter().map(|row| own_collection(row.kind)));
    all.sort_unstable();
    all.dedup();
    all
}

/// The fields of the record of an asset whose owner has none.
#[must_use]
pub fn asset_fields(asset: &Asset, deliveries: &[Delivery], routes: &Routes) -> Value {
    let delivery = proven(deliveries, routes);
    let uri = delivery.and_then(|delivery| delivery.uri.as_deref());
    let mut fields = entry(asset, uri.unwrap_or_default(), delivery.and_then(|delivery| delivery.link.as_ref()));
    fields["owner"] = json!(asset.subject);
    fields["uri"] = json!(uri);
    fields
}

/// The entries of files in a record, wherever they stand, each once.
#[must_use]
pub fn entries(fields: &Value) -> Vec<&Value> {
    let of_sets = match &fields["assets"] {
        Value::Array(sets) => sets.iter().collect(),
        Value::Object(sets) => sets.values().collect(),
        _ => Vec::new(),
    };
    let files = of_sets.into_iter().filter_map(|set| set["files"].as_object()).flat_map(Map::values);
    let own = fields["sha256"].is_string().then_some(fields);
    let mut seen = std::collections::BTreeSet::new();
    files.chain(own).filter(|entry| seen.insert(entry["asset"].as_str().unwrap_or_default())).collect()
}

/// An entry as the asset it tells of. Records come from outside: whoever can write to a catalog must not choose where on
/// this machine a file is put. Errors: `input_invalid`, naming the field that is missing or wrong.
pub fn asset_of(entry: &Value, subject: &str, job: JobId) -> Result<Asset, Fault> {
    let lacks = |field: &str| Fault::new(Code::InputInvalid, "read record").with("asset", &entry["asset"]).with("field", field);
    let text = |field: &str| entry[field].as_str().map(str::to_owned).ok_or_else(|| lacks(field));
    let path = text("path")?;
    if let Some(flaw) = flaw_of_path(&path) {
        return Err(lacks("path").because(flaw));
    }
    let sha256 = text("sha256")?;
    if !is_sha256(&sha256) {
        return Err(lacks("sha256").because("it is no SHA-256"));
    }
    let number = |field: &str| entry[field].as_u64();
    let small = |field: &str| number(field).and_then(|n| u32::try_from(n).ok());
    let id = text("asset")?;
    Ok(Asset {
        id: id.parse().map_err(|_| lacks("asset"))?,
        kind: Kind::named(&text("kind")?).ok_or_else(|| lacks("kind"))?,
        subject: subject.to_owned(),
        title: entry["title"].as_str().unwrap_or("primary").to_owned(),
        idx: small("idx").unwrap_or(0),
        version: small("version").unwrap_or(1),
        blob: Blob {
            sha256,
            md5: None,
            crc32c: 0,
            size_bytes: number("size_bytes").ok_or_else(|| lacks("size_bytes"))?,
            mime: text("mime")?,
        },
        path,
        seed: number("seed"),
        width: small("width"),
        height: small("height"),
        duration_ms: number("duration_ms"),
        meta: entry["meta"].clone(),
        job,
        step: id,
        created_ms: entry["created_ms"].as_i64().unwrap_or(0),
        retired_ms: None,
    })
}

/// Under which titles and fields an asset is named.
fn places(asset: &Asset) -> Vec<(String, &'static str)> {
    // A set made from another dance carries `@{ref}` behind its title; fixed titles keep that mark.
    let mark = asset.title.find('@').map_or("", |at| &asset.title[at..]);
    let fixed = |title: &str| format!("{title}{mark}");
    match asset.kind.row().slot {
        Slot::Titled(field) => vec![(asset.title.clone(), field)],
        Slot::Fixed(title, field) => vec![(fixed(title), field)],
        Slot::Twice((title, field), (second, other)) => vec![(fixed(title), field), (fixed(second), other)],
        Slot::Row(_) | Slot::Unlisted => Vec::new(),
    }
}

/// A production's results: one entry a character, in the order they began; a field appears once it is proven.
#[must_use]
pub fn results(family: &Family, routes: &Routes) -> Vec<Value> {
    let Family { jobs, listed, subjects } = family;
    let mut children: Vec<&Job> = jobs.iter().filter(|job| job.parent.is_some()).collect();
    children.sort_by_key(|job| (job.created_ms, job.id));
    let mut out = Vec::new();
    for job in children {
        let made: Vec<&Listed> = listed.iter().filter(|(asset, _)| asset.job == job.id).collect();
        let Some(subject) = made
            .iter()
            .find_map(|(asset, _)| subjects.iter().find(|s| s.made.id == asset.subject && s.made.subject_type == SubjectType::Character))
        else {
            continue;
        };
        let status = match job.state {
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Queued | JobState::Running => "running",
            JobState::Delivering | JobState::Completed => "completed",
        };
        out.push(
            json!({"character_id": subject.made.id, "name": subject.made.name, "status": status, "assets": result_assets(&made, routes)}),
        );
    }
    out
}

fn result_assets(made: &[&Listed], routes: &Routes) -> Value {
    let of = |kind: Kind| {
        made.iter()
            .filter(move |(asset, _)| asset.kind == kind)
            .filter_map(|(asset, deliveries)| Some((asset, proven_uri(deliveries, routes)?)))
    };
    let mut assets = Map::new();
    for (field, kind) in [("anime_image", Kind::AnimeImage), ("cosplay_image", Kind::CosplayImage)] {
        if let Some((_, uri)) = of(kind).next() {
            assets.insert(field.into(), json!(uri));
        }
    }
    // `primary` is the first dance, `alternate_1` and so on the others.
    let mut dances: Vec<(bool, &str, &str)> =
        of(Kind::DanceVideo).map(|(asset, uri)| (asset.title != "primary", asset.title.as_str(), uri)).collect();
    dances.sort_unstable();
    assets.insert("dances".into(), dances.iter().map(|(_, _, uri)| *uri).collect());
    assets.insert("remixes".into(), Value::Object(of(Kind::VariantVideo).map(|(asset, uri)| (asset.title.clone(), json!(uri))).collect()));
    let deliverables =
        [("watermarked", Kind::WatermarkedVideo), ("kpop_soundtrack", Kind::KpopVideo), ("orig_soundtrack", Kind::OrigVideo)];
    let deliverables = deliverables.into_iter().flat_map(|(name, kind)| of(kind).map(move |(_, uri)| json!({"type": name, "url": uri})));
    assets.insert("deliverables".into(), deliverables.collect());
    Value::Object(assets)
}

/// A production's errors: its children's faults, and those its value lists.
#[must_use]
pub fn errors(family: &Family) -> Vec<Value> {
    let mut failed: Vec<&Job> = family.jobs.iter().filter(|job| job.fault.is_some()).collect();
    failed.sort_by_key(|job| (job.created_ms, job.id));
    failed
        .into_iter()
        .filter_map(|job| {
            let fault = job.fault.as_ref()?;
            let at = rfc3339(job.ended_ms.unwrap_or(job.updated_ms));
            Some(json!({"code": fault.code, "message": fault.to_string(), "character_id": fault.get("character"), "step": fault.get("step"), "at": at}))
        })
        .collect()
}

/// The mirror of a pipeline job, as the collection `pipeline_jobs` holds it.
#[must_use]
pub fn job_fields(job: &Job, family: &Family, routes: &Routes) -> Value {
    let results = results(family, routes);
    let children: Vec<&Job> = family.jobs.iter().filter(|child| child.parent == Some(job.id)).collect();
    let is_done = |child: &&&Job| matches!(child.state, JobState::Delivering | JobState::Completed);
    let current = results.iter().rev().find(|result| result["status"] == "running");
    let status = if job.state == JobState::Delivering { JobState::Running } else { job.state };
    json!({
        "job_id": job.id,
        "status": status,
        "created_at": rfc3339(job.created_ms),
        "updated_at": rfc3339(job.updated_ms),
        "config": job.input,
        "progress": {
            "total_characters": job.input.get("count").cloned().unwrap_or(json!(children.len())),
            "completed": children.iter().filter(is_done).count(),
            "current_stage": stage(job, &family.listed),
            "current_character": current.map(|result| result["character_id"].clone()),
        },
        "results": results,
        "errors": errors(family),
    })
}

/// The published stage a production is in, by what it has made so far; None once it has ended.
#[must_use]
pub fn stage(job: &Job, listed: &[Listed]) -> Option<&'static str> {
    if job.state.has_ended() {
        return None;
    }
    if job.state == JobState::Delivering {
        return Some("delivering");
    }
    let has = |kind: Kind| listed.iter().any(|(asset, _)| asset.kind == kind);
    Some(if has(Kind::RemixVideo) {
        "finalizing"
    } else if has(Kind::VariantImage) {
        "remix_generation"
    } else if has(Kind::CosplayImage) {
        "dance_generation"
    } else {
        "character_generation"
    })
}

#[cfg(test)]
mod tests;
