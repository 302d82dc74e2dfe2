//! Compares local truth with what destinations and catalogs really hold, in both directions. Changes nothing; each
//! finding carries what would mend it, for [`crate::mend`].

mod catalogs;

use crate::blobs::sha256_of;
use crate::pages::{Pages, owners};
use crate::parts::{Parts, Site};
use crate::view;
use futures_util::{StreamExt, TryStreamExt, stream};
use rushes_core::delivery::{Delivery, DeliveryState, is_passing};
use rushes_core::destination::{Compared, Destination, compare};
use rushes_core::record::Listed;
use rushes_core::store::Owe;
use rushes_core::subject::SubjectType;
use rushes_core::{Asset, Fault};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Objects looked at at once.
const AT_ONCE: usize = 16;

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
    /// The kind, or `unknown`; `former` for what lies in the former buckets and is not ours.
    pub kind: String,
    /// Current assets.
    pub local: u64,
    /// By destination.
    pub destinations: BTreeMap<String, Held>,
}

/// What would mend a finding.
#[derive(Debug, Clone, Default)]
pub enum Cure {
    /// Nothing Rushes may do by itself.
    #[default]
    Nothing,
    /// It is on its way already.
    Wait,
    /// To be owed again.
    Owe(Owe),
    /// Bytes to be fetched back, after those here (if any) are put aside.
    Fetch(Box<Asset>),
    /// A link to be made in the library.
    Link(Box<Asset>),
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `missing`, `changed`, `orphaned`, `local_only`, `undelivered`, `blob_missing`, `blob_changed`, `link_missing`,
    /// `record_stale`, `record_missing`, `record_orphaned`.
    pub code: &'static str,
    /// The asset or subject.
    pub asset: Option<String>,
    /// The destination or catalog.
    pub destination: Option<String>,
    /// The key, path or document.
    pub key: Option<String>,
    /// In words.
    pub detail: String,
    /// What would mend it.
    #[serde(skip)]
    pub cure: Cure,
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

/// Looks at every current asset, every object under each destination's prefix, and every record. `deep`: also reads the
/// bytes on this machine, not only their sizes.
pub async fn audit(parts: &Parts, deep: bool) -> Result<Audit, Fault> {
    let mut findings = Vec::new();
    let kinds = look(parts, deep, &mut |finding| findings.push(finding)).await?;
    Ok(Audit { clean: findings.is_empty(), kinds, findings })
}

/// As [`audit`], for those who need not keep every finding: each is handed on as it is found.
pub async fn look(parts: &Parts, deep: bool, each: &mut (dyn FnMut(Finding) + Send)) -> Result<Vec<KindLine>, Fault> {
    let mut report = Report { lines: BTreeMap::new(), each };
    let mut pages = Pages::of(parts);
    while let Some(page) = pages.next().await? {
        here(parts, &page, deep, &mut report).await?;
        for site in &parts.destinations {
            there(site, &page, &mut report).await?;
        }
    }
    for site in &parts.destinations {
        listed(parts, site, &mut report).await?;
    }
    catalogs::records(parts, &mut report).await?;
    Ok(report.lines.into_values().collect())
}

struct Report<'a> {
    lines: BTreeMap<String, KindLine>,
    each: &'a mut (dyn FnMut(Finding) + Send),
}

impl Report<'_> {
    fn line(&mut self, kind: &str) -> &mut KindLine {
        self.lines.entry(kind.to_owned()).or_insert_with(|| KindLine { kind: kind.to_owned(), ..KindLine::default() })
    }

    fn held(&mut self, kind: &str, destination: &str) -> &mut Held {
        self.line(kind).destinations.entry(destination.to_owned()).or_default()
    }

    fn find(
        &mut self,
        code: &'static str,
        asset: Option<&Asset>,
        (destination, key): (Option<&str>, &str),
        detail: impl Into<String>,
        cure: Cure,
    ) {
        (self.each)(Finding {
            code,
            asset: asset.map(|asset| asset.id.to_string()),
            destination: destination.map(str::to_owned),
            key: Some(key.to_owned()),
            detail: detail.into(),
            cure,
        });
    }
}

/// What this machine has of an asset.
struct Seen {
    /// None where its bytes are not here.
    size_bytes: Option<u64>,
    is_shown: bool,
}

impl Seen {
    fn of(parts: &Parts, asset: &Asset) -> Self {
        let blob = parts.blobs().path(&asset.blob.sha256);
        let size_bytes = blob.metadata().ok().map(|there| there.len());
        Self { size_bytes, is_shown: size_bytes.is_some() && view::is_shown(&parts.home.library(), &asset.path, &blob) }
    }
}

/// Looks at what seems amiss, each after such a pause: while bytes come back, it is so for a moment.
const PAUSES: [Duration; 4] = [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];

/// What this machine has of each of a page of assets; None of those whose bytes are elsewhere by right. What a crash left of
/// those is swept in time.
async fn seen(parts: &Parts, page: &[Listed]) -> Result<Vec<Option<Seen>>, Fault> {
    let is_doubtful = |seen: &Seen| seen.size_bytes.is_none() || !seen.is_shown;
    let mut all: Vec<Option<Seen>> = page.iter().map(|(asset, _)| Some(Seen::of(parts, asset))).collect();
    let mut doubtful: Vec<usize> = (0..all.len()).filter(|at| all[*at].as_ref().is_some_and(is_doubtful)).collect();
    // What is being evicted is waited for, and what is held is not evicted between two looks.
    let mut held = Vec::with_capacity(doubtful.len());
    for at in &doubtful {
        held.push(parts.pins.pin(&page[*at].0.blob.sha256).await);
    }
    for pause in PAUSES {
        if doubtful.is_empty() {
            break;
        }
        tokio::time::sleep(pause).await;
        let hashes = doubtful.iter().map(|at| page[*at].0.blob.sha256.clone()).collect();
        let states = parts.store.blob_states(hashes).await?;
        doubtful.retain(|at| {
            let asset = &page[*at].0;
            let there = Seen::of(parts, asset);
            let is_elsewhere = parts.node.is_some() || states.get(&asset.blob.sha256) == Some(&false);
            let is_amiss = is_doubtful(&there);
            all[*at] = (!(is_amiss && is_elsewhere)).then_some(there);
            is_amiss && !is_elsewhere
        });
    }
    Ok(all)
}

/// What this machine has of a page of assets, and what places were told of them.
async fn here(parts: &Parts, page: &[Listed], deep: bool, report: &mut Report<'_>) -> Result<(), Fault> {
    let owners = owners(parts, page).await?;
    for ((asset, deliveries), seen) in page.iter().zip(seen(parts, page).await?) {
        report.line(asset.kind.name()).local += 1;
        if let Some(seen) = seen {
            local(parts, asset, &seen, deep, report).await?;
        }
        owed(parts, asset, owners.get(&asset.subject).copied(), deliveries, report);
    }
    Ok(())
}

/// Whether an asset's bytes are here as they should be, and shown.
async fn local(parts: &Parts, asset: &Asset, seen: &Seen, deep: bool, report: &mut Report<'_>) -> Result<(), Fault> {
    let path = parts.blobs().path(&asset.blob.sha256);
    let fetch = || Cure::Fetch(Box::new(asset.clone()));
    match seen.size_bytes {
        Some(there) if there == asset.blob.size_bytes => {
            if deep {
                let path = path.clone();
                let hashed = tokio::task::spawn_blocking(move || sha256_of(&path)).await;
                let (sha256, _) = hashed.map_err(|e| Fault::new(rushes_core::Code::Panicked, "hash blob").because(e))??;
                if sha256 != asset.blob.sha256 {
                    report.find(
                        "blob_changed",
                        Some(asset),
                        (None, &asset.path),
                        "its bytes on this machine are not those it was made of",
                        fetch(),
                    );
                    return Ok(());
                }
            }
            if !seen.is_shown {
                let detail = "the library does not show it, or shows something else";
                report.find("link_missing", Some(asset), (None, &asset.path), detail, Cure::Link(Box::new(asset.clone())));
            }
        }
        Some(there) => {
            let detail = format!("{there} of its {} bytes are on this machine", asset.blob.size_bytes);
            report.find("blob_changed", Some(asset), (None, &asset.path), detail, fetch());
        }
        None => report.find("blob_missing", Some(asset), (None, &asset.path), "its bytes are not on this machine", fetch()),
    }
    Ok(())
}

/// What every destination that takes such an asset was told of it.
fn owed(parts: &Parts, asset: &Asset, owner: Option<SubjectType>, deliveries: &[Delivery], report: &mut Report<'_>) {
    for site in parts.routes.of(asset.kind, owner) {
        let owe = || Cure::Owe(Owe::Object { asset: asset.id, destination: site.name.clone(), there: None });
        match deliveries.iter().find(|delivery| delivery.destination == site.name) {
            None => {
                report.find("local_only", Some(asset), (Some(&site.name), &asset.path), "it was never owed to this destination", owe());
            }
            Some(delivery) if delivery.state != DeliveryState::Proven => {
                let why = delivery.last_fault.as_ref().map_or_else(|| "it is on its way".to_owned(), ToString::to_string);
                let cure = if delivery.state == DeliveryState::Refused { owe() } else { Cure::Wait };
                report.find("undelivered", Some(asset), (Some(&site.name), &delivery.key), why, cure);
            }
            Some(_) => {}
        }
    }
}

/// Whether a destination holds what a page of assets has there; several are looked at at once.
async fn there(site: &Site<dyn Destination>, page: &[Listed], report: &mut Report<'_>) -> Result<(), Fault> {
    let all = page.iter().flat_map(|(asset, deliveries)| deliveries.iter().map(move |delivery| (asset, delivery)));
    let own: Vec<(&Asset, &Delivery)> = all.filter(|(_, delivery)| delivery.destination == site.name).collect();
    let own = &own;
    let looks = stream::iter(0..own.len()).map(|index| async move {
        let (asset, delivery) = own[index];
        compare(site.port.as_ref(), &delivery.key, delivery.held(asset), delivery.proof.as_ref()).await
    });
    let compared: Vec<Compared> = looks.buffered(AT_ONCE).try_collect().await?;
    for ((asset, delivery), there) in own.iter().zip(compared) {
        object(site, asset, delivery, there, report);
    }
    Ok(())
}

/// Whether some asset knows each object that a destination lists.
async fn listed(parts: &Parts, site: &Site<dyn Destination>, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut cursor: Option<String> = None;
    // Others' results of earlier days lie there by right.
    let is_former = parts.routes.former.as_ref() == Some(&site.name);
    loop {
        let page = site.port.list(&site.prefix, cursor.as_deref()).await?;
        let known = parts.store.kinds_at(&site.name, page.keys.clone()).await?;
        for key in &page.keys {
            // On its way from one node to another, and gone once it has arrived.
            if is_passing(&site.prefix, key) {
                continue;
            }
            if let Some(kind) = known.get(key) {
                report.held(kind.name(), &site.name).objects += 1;
                continue;
            }
            if is_former {
                report.held("former", &site.name).objects += 1;
                continue;
            }
            let held = report.held("unknown", &site.name);
            held.objects += 1;
            held.orphaned += 1;
            report.find("orphaned", None, (Some(&site.name), key), "no asset knows of this object; it is left as it is", Cure::Nothing);
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

fn object(site: &Site<dyn Destination>, asset: &Asset, delivery: &Delivery, there: Compared, report: &mut Report<'_>) {
    let kind = asset.kind.name();
    let owe = |there| Cure::Owe(Owe::Object { asset: asset.id, destination: site.name.clone(), there });
    match there {
        Compared::Absent => {
            report.held(kind, &site.name).missing += 1;
            if delivery.state == DeliveryState::Proven {
                report.find("missing", Some(asset), (Some(&site.name), &delivery.key), "it was proven there and is gone", owe(None));
            }
        }
        Compared::Same(_) => report.held(kind, &site.name).proven += 1,
        Compared::Other(proof) => {
            report.held(kind, &site.name).changed += 1;
            let detail = format!("the object holds other bytes: {} instead of {}", proof.size_bytes, delivery.held(asset).size_bytes);
            // What was never ours under that key is not written over, not even when asked to mend.
            let cure = if delivery.state == DeliveryState::Proven { owe(Some(proof)) } else { Cure::Nothing };
            report.find("changed", Some(asset), (Some(&site.name), &delivery.key), detail, cure);
        }
    }
}
