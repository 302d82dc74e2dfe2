//! Every document that catalogs should hold, from local truth, and how to owe them all again.

use crate::parts::Parts;
use rushes_core::record::{self, Listed};
use rushes_core::store::{AssetFilter, JobFilter, Owe};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::collections::BTreeMap;

/// What each document should say, by collection and id.
pub(crate) type Documents = BTreeMap<(String, String), Value>;

/// Owes every document anew to one catalog, or to all: what is there is written over, what is missing is made, and nothing
/// is read back but numbers. Gives how many that made due.
/// Errors: `input_invalid` where there is no such catalog, those of the catalogs that are transient, those of the store.
pub(crate) async fn owe_all(parts: &Parts, catalog: Option<&str>) -> Result<u64, Fault> {
    if let Some(name) = catalog.filter(|name| parts.catalogs.iter().all(|site| site.name != *name)) {
        let names: Vec<&str> = parts.catalogs.iter().map(|site| site.name.as_str()).collect();
        let reason = format!("there are: {}", names.join(", "));
        return Err(Fault::new(Code::InputInvalid, "sync records").with("catalog", name).because(reason));
    }
    let listed = parts.store.assets(&AssetFilter::default()).await?;
    let mut owed = 0;
    for (collection, id) in documents(parts, &listed).await?.into_keys() {
        for site in parts.catalogs.iter().filter(|site| catalog.is_none_or(|name| site.name == name)) {
            let above = match site.port.get(&collection, &id).await {
                Ok(found) => found.map_or(0, |record| record.rev),
                // It cannot be read; the writing will say why, in its row.
                Err(fault) if !fault.is_transient() => 0,
                Err(fault) => return Err(fault),
            };
            let what = Owe::Record { catalog: site.name.clone(), collection: collection.clone(), id: id.clone(), above };
            owed += parts.store.owe(&what).await?;
        }
    }
    Ok(owed)
}

/// All of them, as local truth has them.
pub(crate) async fn documents(parts: &Parts, listed: &[Listed]) -> Result<Documents, Fault> {
    let mut wanted = BTreeMap::new();
    let subjects = parts.store.subjects().await?;
    let types: BTreeMap<&str, _> = subjects.iter().map(|subject| (subject.made.id.as_str(), subject.made.subject_type)).collect();
    let mut by_subject: BTreeMap<&str, Vec<Listed>> = BTreeMap::new();
    for (asset, deliveries) in listed {
        let owner = types.get(asset.subject.as_str()).copied();
        match record::document_of(asset.kind, owner, &asset.subject, &asset.id.to_string()) {
            None => {}
            Some(own) if own.is_own => {
                wanted.insert((own.collection.to_owned(), own.id), record::asset_fields(asset, deliveries, &parts.routes));
            }
            Some(_) => by_subject.entry(&asset.subject).or_default().push((asset.clone(), deliveries.clone())),
        }
    }
    for subject in &subjects {
        if let Some(own) = by_subject.get(subject.made.id.as_str()) {
            let key = (subject.made.subject_type.collection().to_owned(), subject.made.id.clone());
            wanted.insert(key, record::subject_fields(subject, own, &parts.routes));
        }
    }
    for job in parts.store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await? {
        if let Some(collection) = &job.collection {
            let family = parts.store.family(job.id).await?;
            wanted.insert((collection.clone(), job.id.to_string()), record::job_fields(&job, &family, &parts.routes));
        }
    }
    Ok(wanted)
}
