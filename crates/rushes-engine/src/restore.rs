//! Rebuilds a library from its catalogs and destinations alone, or proves that this can be done.

use crate::again::{FIRST_WAIT, patiently};
use crate::blobs::{hash_file, sha256_of};
use crate::fetch;
use crate::parts::{Parts, Site};
use crate::view;
use rushes_core::catalog::Catalog;
use rushes_core::destination::{Compared, Destination, Proof, ProofHash, compare};
use rushes_core::record;
use rushes_core::store::Found;
use rushes_core::subject::NewSubject;
use rushes_core::{Asset, Code, Fault, JobId};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came back.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Restored {
    /// Files whose bytes came back equal.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Assets that were not known here before.
    pub adopted: u64,
    /// Objects without a record: what they are cannot be known, so they are only named.
    pub unrecorded: Vec<String>,
    /// What could not be brought back, in words.
    pub lost: Vec<String>,
}

/// One file as a record tells of it.
#[derive(Clone)]
struct Told {
    subject: Option<NewSubject>,
    rev: u64,
    asset: Asset,
    uri: String,
}

/// Fetches every file that the catalogs name and knows it here again. `each` is told the share done.
/// Errors: those of catalogs, `disk_full`, those of the store. What a destination does not give in several tries is told as lost.
pub async fn restore(parts: &Parts, each: &(dyn Fn(f32) + Sync)) -> Result<Restored, Fault> {
    let (told, lost) = told(parts).await?;
    let mut restored = Restored { unrecorded: unrecorded(parts, &told).await?, lost, ..Restored::default() };
    let total = told.len().max(1);
    for (index, one) in told.into_iter().enumerate() {
        match bring(parts, one).await {
            Ok((size_bytes, is_new)) => {
                restored.files += 1;
                restored.bytes += size_bytes;
                restored.adopted += u64::from(is_new);
            }
            Err((_, fault)) if matches!(fault.code, Code::DiskFull | Code::StoreFailed | Code::HomeBusy) => return Err(fault),
            Err((path, fault)) => restored.lost.push(format!("{path}: {fault}")),
        }
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        each((index + 1) as f32 / total as f32);
    }
    Ok(restored)
}

/// Fetches every file that the catalogs name into an empty folder and compares its bytes with the hash its record
/// carries. Changes nothing of the home. Errors: as [`restore`].
pub async fn prove(parts: &Parts, folder: &std::path::Path, each: &(dyn Fn(f32) + Sync)) -> Result<Restored, Fault> {
    let (told, lost) = told(parts).await?;
    let mut restored = Restored { unrecorded: unrecorded(parts, &told).await?, lost, ..Restored::default() };
    let total = told.len().max(1);
    for (index, one) in told.into_iter().enumerate() {
        let file = folder.join(format!("{index}"));
        match patiently(FIRST_WAIT, || get(parts, &one, &file)).await {
            Ok(()) => {
                restored.files += 1;
                restored.bytes += one.asset.blob.size_bytes;
            }
            Err(fault) if fault.code == Code::DiskFull => return Err(fault),
            Err(fault) => restored.lost.push(format!("{}: {fault}", one.asset.path)),
        }
        // One file at a time, so that proving needs room for the largest only.
        let _ = tokio::fs::remove_file(&file).await;
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        each((index + 1) as f32 / total as f32);
    }
    Ok(restored)
}

/// Where an address lies: the destination and the key under which it has it. Records tell of originals only, which lie
/// under their path wherever they are.
fn locate<'a>(parts: &'a Parts, told: &Told) -> Result<(&'a Site<dyn Destination>, String), Fault> {
    for site in &parts.destinations {
        let key = format!("{}{}", site.prefix, told.asset.path);
        if site.port.uri(&key) == told.uri {
            return Ok((site, key));
        }
    }
    // The bucket may have moved: the same key under the primary destination, if it has one.
    let reason = format!("its record says {}, which is of no destination in the configuration", told.uri);
    let site = parts.destinations.first().ok_or_else(|| Fault::new(Code::NotFound, "find object").because(reason))?;
    Ok((site, format!("{}{}", site.prefix, told.asset.path)))
}

async fn get(parts: &Parts, told: &Told, file: &std::path::Path) -> Result<(), Fault> {
    let (site, key) = locate(parts, told)?;
    site.port.get(&key, None, file).await?;
    let path = file.to_owned();
    let (sha256, size_bytes) = hashed(move || sha256_of(&path)).await?;
    if sha256 == told.asset.blob.sha256 && size_bytes == told.asset.blob.size_bytes {
        return Ok(());
    }
    let reason = format!("{size_bytes} bytes came back, and they are not those its record tells of");
    Err(Fault::new(Code::ProofFailed, "compare bytes").with("key", key).because(reason))
}

async fn hashed<T: Send + 'static>(hash: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(hash).await.map_err(|e| Fault::new(Code::Panicked, "hash bytes").because(e))?
}

async fn bring(parts: &Parts, told: Told) -> Result<(u64, bool), (String, Fault)> {
    let path = told.asset.path.clone();
    patiently(FIRST_WAIT, || bring_one(parts, told.clone())).await.map_err(|fault| (path, fault))
}

async fn bring_one(parts: &Parts, told: Told) -> Result<(u64, bool), Fault> {
    let (site, key) = locate(parts, &told)?;
    let (mut asset, blobs) = (told.asset, parts.blobs());
    let blob = blobs.path(&asset.blob.sha256);
    let is_here = blob.metadata().is_ok_and(|there| there.len() == asset.blob.size_bytes);
    let mut proven = None;
    // Records carry one hash; the others are of these very bytes. Of the MD5 nobody knows yet whether it is asked for.
    asset.blob = if is_here {
        let mime = asset.blob.mime.clone();
        hashed(move || hash_file(&blob, &mime)).await?
    } else {
        // What is the same version after it was fetched as before is what was fetched.
        let before = site.port.stat(&key).await?;
        let fetched = fetch::get(parts, &asset.blob, site.port.as_ref(), &key, hash_file).await?;
        proven = before.map(|before| Proof { hash: ProofHash::Sha256(fetched.sha256.clone()), ..before });
        fetched
    };
    let Compared::Same(proof) = compare(site.port.as_ref(), &key, &asset.blob, proven.as_ref()).await? else {
        return Err(Fault::new(Code::ProofFailed, "prove object").with("key", &key));
    };
    let found = Found {
        subject: told.subject,
        rev: told.rev,
        asset: asset.clone(),
        destination: site.name.clone(),
        uri: site.port.uri(&key),
        key,
        proof,
    };
    let is_new = parts.store.adopt(&found).await?;
    view::link(&parts.home.library(), &asset.path, &blobs.path(&asset.blob.sha256))?;
    Ok((asset.blob.size_bytes, is_new))
}

/// Every file that the first catalog which has it tells of, by path, so that it comes back in one order; and in words
/// what no sense can be made of.
async fn told(parts: &Parts) -> Result<(Vec<Told>, Vec<String>), Fault> {
    let mut lost = Vec::new();
    let job = JobId(parts.clock.new_id());
    let mut all: BTreeMap<(String, String), Told> = BTreeMap::new();
    for site in &parts.catalogs {
        for collection in record::collections().into_iter().filter(|collection| site.takes(collection)) {
            let mut cursor: Option<String> = None;
            loop {
                let ids = site.port.list(collection, cursor.as_deref()).await?;
                let Some(last) = ids.last().cloned() else { break };
                for id in &ids {
                    for one in of_record(site, collection, id, job).await? {
                        match one {
                            Ok(one) => {
                                all.entry((one.asset.path.clone(), one.asset.id.to_string())).or_insert(one);
                            }
                            Err(fault) => lost.push(fault.to_string()),
                        }
                    }
                }
                cursor = Some(last);
            }
        }
    }
    Ok((all.into_values().collect(), lost))
}

async fn of_record(site: &Site<dyn Catalog>, collection: &str, id: &str, job: JobId) -> Result<Vec<Result<Told, Fault>>, Fault> {
    let Some(record) = site.port.get(collection, id).await? else { return Ok(Vec::new()) };
    let subject = record::subject_of(&record.fields);
    let owner = match &subject {
        Some(subject) => subject.id.clone(),
        None => record.fields["owner"].as_str().unwrap_or_default().to_owned(),
    };
    let mut told = Vec::new();
    for entry in record::entries(&record.fields) {
        let Some(uri) = entry["uri"].as_str() else { continue };
        let asset = record::asset_of(entry, &owner, job).map_err(|fault| fault.with("record", format!("{collection}/{id}")));
        told.push(asset.map(|asset| Told { subject: subject.clone(), rev: record.rev, asset, uri: uri.to_owned() }));
    }
    Ok(told)
}

/// Objects that no record tells of.
async fn unrecorded(parts: &Parts, told: &[Told]) -> Result<Vec<String>, Fault> {
    let mut unrecorded = Vec::new();
    for site in &parts.destinations {
        let mut known: std::collections::BTreeSet<String> = told.iter().map(|one| format!("{}{}", site.prefix, one.asset.path)).collect();
        let route = parts.routes.destinations.iter().find(|route| route.name == site.name);
        known.extend(route.into_iter().flat_map(|route| told.iter().map(|one| route.key_of(&one.asset))));
        let mut cursor: Option<String> = None;
        loop {
            let page = site.port.list(&site.prefix, cursor.as_deref()).await?;
            unrecorded.extend(page.keys.into_iter().filter(|key| !known.contains(key)).map(|key| site.port.uri(&key)));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(unrecorded)
}
