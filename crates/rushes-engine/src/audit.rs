//! Compares local truth with what destinations and catalogs really hold, in both directions. Changes nothing.

use crate::parts::{Parts, Site};
use crate::view;
use rushes_core::catalog::Catalog;
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::destination::Destination;
use rushes_core::record::{self, Listed};
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, Fault, Kind, Subject};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What one destination holds of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Objects there under keys of this kind.
    pub objects: u64,
    /// Assets whose bytes were found there, equal.
    pub proven: u64,
    /// Assets that should be there and are not (yet).
    pub missing: u64,
    /// Objects whose bytes differ.
    pub changed: u64,
    /// Objects no asset knows of; counted under the kind `unknown`.
    pub orphaned: u64,
}

/// One line of the table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct KindLine {
    /// The kind, or `unknown`.
    pub kind: String,
    /// Current assets.
    pub local: u64,
    /// By destination.
    pub destinations: BTreeMap<String, Held>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `missing`, `changed`, `orphaned`, `local_only`, `undelivered`, `blob_missing`, `link_missing`, `record_stale`, `record_missing`.
    pub code: &'static str,
    /// The asset or subject.
    pub asset: Option<String>,
    /// The destination or catalog.
    pub destination: Option<String>,
    /// The key, path or document.
    pub key: Option<String>,
    /// In words.
    pub detail: String,
}

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// Nothing was found.
    pub clean: bool,
    /// The table.
    pub kinds: Vec<KindLine>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Looks at every current asset, every object under each destination's prefix, and every subject's record.
pub async fn audit(parts: &Parts) -> Result<Audit, Fault> {
    let listed = parts.store.assets(&AssetFilter::default()).await?;
    let mut report = Report::default();
    for (asset, deliveries) in &listed {
        report.line(asset.kind.name()).local += 1;
        local(parts, asset, deliveries, &mut report);
    }
    for site in &parts.destinations {
        destination(site, &listed, &mut report).await?;
    }
    let subjects = parts.store.subjects().await?;
    let mut of_subject: BTreeMap<&str, Vec<Listed>> = BTreeMap::new();
    for pair in &listed {
        of_subject.entry(&pair.0.subject).or_default().push(pair.clone());
    }
    for site in &parts.catalogs {
        for subject in &subjects {
            let own = of_subject.get(subject.made.id.as_str()).map_or(&[][..], Vec::as_slice);
            catalog(site, subject, own, parts.primary(), &mut report).await?;
        }
    }
    Ok(Audit { clean: report.findings.is_empty(), kinds: report.lines.into_values().collect(), findings: report.findings })
}

#[derive(Default)]
struct Report {
    lines: BTreeMap<String, KindLine>,
    findings: Vec<Finding>,
}

impl Report {
    fn line(&mut self, kind: &str) -> &mut KindLine {
        self.lines.entry(kind.to_owned()).or_insert_with(|| KindLine { kind: kind.to_owned(), ..KindLine::default() })
    }

    fn held(&mut self, kind: &str, destination: &str) -> &mut Held {
        self.line(kind).destinations.entry(destination.to_owned()).or_default()
    }

    fn find(&mut self, code: &'static str, asset: Option<&Asset>, destination: Option<&str>, key: &str, detail: impl Into<String>) {
        self.findings.push(Finding {
            code,
            asset: asset.map(|asset| asset.id.to_string()),
            destination: destination.map(str::to_owned),
            key: Some(key.to_owned()),
            detail: detail.into(),
        });
    }
}

fn local(parts: &Parts, asset: &Asset, deliveries: &[Delivery], report: &mut Report) {
    let size_bytes = parts.blobs().path(&asset.blob.sha256).metadata().map(|m| m.len());
    if size_bytes.as_ref().ok() != Some(&asset.blob.size_bytes) {
        report.find("blob_missing", Some(asset), None, &asset.path, "its bytes are not on this machine whole");
    } else if !view::is_shown(&parts.home.library(), &asset.path, &parts.blobs().path(&asset.blob.sha256)) {
        report.find("link_missing", Some(asset), None, &asset.path, "the library does not show it, or shows something else");
    }
    for site in &parts.destinations {
        match deliveries.iter().find(|delivery| delivery.destination == site.name) {
            None => report.find("local_only", Some(asset), Some(&site.name), &asset.path, "it was never owed to this destination"),
            Some(delivery) if delivery.state != DeliveryState::Proven => {
                let why = delivery.last_fault.as_ref().map_or_else(|| "it is on its way".to_owned(), ToString::to_string);
                report.find("undelivered", Some(asset), Some(&site.name), &delivery.key, why);
            }
            Some(_) => {}
        }
    }
}

async fn destination(site: &Site<dyn Destination>, listed: &[Listed], report: &mut Report) -> Result<(), Fault> {
    let mut there: BTreeSet<String> = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = site.port.list(&site.prefix, cursor.as_deref()).await?;
        there.extend(page.keys);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut known: BTreeMap<&str, Kind> = BTreeMap::new();
    for (asset, deliveries) in listed {
        for delivery in deliveries.iter().filter(|d| d.destination == site.name) {
            let kind = asset.kind.name();
            if known.insert(&delivery.key, asset.kind).is_none() && there.contains(&delivery.key) {
                report.held(kind, &site.name).objects += 1;
            }
            object(site, asset, delivery, &there, report).await?;
        }
    }
    for key in there.iter().filter(|key| !known.contains_key(key.as_str())) {
        let held = report.held("unknown", &site.name);
        held.objects += 1;
        held.orphaned += 1;
        report.find("orphaned", None, Some(&site.name), key, "no asset knows of this object");
    }
    Ok(())
}

async fn object(
    site: &Site<dyn Destination>,
    asset: &Asset,
    delivery: &Delivery,
    there: &BTreeSet<String>,
    report: &mut Report,
) -> Result<(), Fault> {
    let kind = asset.kind.name();
    let proof = if there.contains(&delivery.key) { site.port.stat(&delivery.key).await? } else { None };
    match proof {
        None => {
            report.held(kind, &site.name).missing += 1;
            if delivery.state == DeliveryState::Proven {
                report.find("missing", Some(asset), Some(&site.name), &delivery.key, "it was proven there and is gone");
            }
        }
        Some(proof) if proof.is_of(&asset.blob) => report.held(kind, &site.name).proven += 1,
        Some(proof) => {
            report.held(kind, &site.name).changed += 1;
            let detail = format!("the object holds other bytes: {} instead of {}", proof.size_bytes, asset.blob.size_bytes);
            report.find("changed", Some(asset), Some(&site.name), &delivery.key, detail);
        }
    }
    Ok(())
}

/// `own`: what belongs to the subject.
async fn catalog(site: &Site<dyn Catalog>, subject: &Subject, own: &[Listed], primary: &str, report: &mut Report) -> Result<(), Fault> {
    if own.is_empty() {
        return Ok(());
    }
    let collection = subject.made.subject_type.collection();
    let document = format!("{collection}/{}", subject.made.id);
    let wanted = record::subject_fields(subject, own, primary);
    match site.port.get(collection, &subject.made.id).await? {
        None => report.find("record_missing", None, Some(&site.name), &document, "there is no record of this subject"),
        Some(found) => {
            let differing: Vec<&str> = wanted
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(field, value)| found.fields.get(field.as_str()) != Some(value))
                .map(|(field, _)| field.as_str())
                .collect();
            if !differing.is_empty() {
                report.find(
                    "record_stale",
                    None,
                    Some(&site.name),
                    &document,
                    format!("these fields are behind local truth: {}", differing.join(", ")),
                );
            }
        }
    }
    Ok(())
}
