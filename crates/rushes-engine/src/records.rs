//! Every document that catalogs should hold, from local truth, and how to owe them all again.

use crate::pages::{Pages, owners, types};
use crate::parts::{Parts, Site};
use rushes_core::catalog::Catalog;
use rushes_core::record::{self, Listed};
use rushes_core::store::{AssetFilter, JobFilter, Owe, SubjectFilter};
use rushes_core::subject::SubjectType;
use rushes_core::{AssetId, Code, Fault, Job, JobId, Subject};
use serde_json::Value;
use std::collections::BTreeMap;

/// What one document should say.
pub(crate) struct Document {
    pub(crate) collection: String,
    pub(crate) id: String,
    pub(crate) fields: Value,
}

/// Subjects or jobs taken up at once: each brings all its assets along.
const FEW: u32 = 20;

/// Where the walk is.
enum At<'a> {
    Assets(Pages<'a>),
    Subjects(Option<String>),
    Jobs(Option<JobId>),
    End,
}

/// All of them, some at a time: those of single assets, of subjects, of jobs; each once.
pub(crate) struct Documents<'a> {
    parts: &'a Parts,
    at: At<'a>,
}

impl<'a> Documents<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Self {
        Self { parts, at: At::Assets(Pages::of(parts)) }
    }

    /// The next ones, which may be none; None after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Document>>, Fault> {
        let store = &self.parts.store;
        let mut found = Vec::new();
        match &mut self.at {
            At::Assets(pages) => match pages.next().await? {
                None => self.at = At::Subjects(None),
                Some(page) => {
                    let owners = owners(self.parts, &page).await?;
                    found.extend(page.iter().filter_map(|listed| self.of_asset(listed, &owners)));
                }
            },
            At::Subjects(after) => {
                let page = store.subject_page(&SubjectFilter { after: after.take(), limit: FEW, ..SubjectFilter::default() }).await?;
                self.at = page.last().map_or(At::Jobs(None), |last| At::Subjects(Some(last.made.id.clone())));
                for subject in &page {
                    found.extend(self.of_subject(subject).await?);
                }
            }
            At::Jobs(after) => {
                let page = store.jobs(&JobFilter { after: *after, limit: FEW, ..JobFilter::default() }).await?;
                self.at = page.last().map_or(At::End, |last| At::Jobs(Some(last.id)));
                for job in &page {
                    found.extend(self.of_job(job).await?);
                }
            }
            At::End => return Ok(None),
        }
        Ok(Some(found))
    }

    /// That of an asset alone, where it has one.
    fn of_asset(&self, (asset, deliveries): &Listed, owners: &BTreeMap<String, SubjectType>) -> Option<Document> {
        let owner = owners.get(&asset.subject).copied();
        let named = record::document_of(asset.kind, owner, &asset.subject, &asset.id.to_string()).filter(|named| named.is_own)?;
        let fields = record::asset_fields(asset, deliveries, &self.parts.routes);
        Some(Document { collection: named.collection.to_owned(), id: named.id, fields })
    }

    /// That of a subject, once it has files.
    async fn of_subject(&self, subject: &Subject) -> Result<Option<Document>, Fault> {
        let (id, owner) = (&subject.made.id, subject.made.subject_type);
        let mut listed = self.parts.store.assets(&AssetFilter { subject: Some(id.clone()), ..AssetFilter::default() }).await?;
        listed.retain(|(asset, _)| record::document_of(asset.kind, Some(owner), id, "").is_some_and(|named| !named.is_own));
        let fields = || record::subject_fields(subject, &listed, &self.parts.routes);
        Ok((!listed.is_empty()).then(|| Document { collection: owner.collection().to_owned(), id: id.clone(), fields: fields() }))
    }

    /// That of a job, where it has one.
    async fn of_job(&self, job: &Job) -> Result<Option<Document>, Fault> {
        let Some(collection) = job.collection.clone() else { return Ok(None) };
        let fields = record::job_fields(job, &self.parts.store.family(job.id).await?, &self.parts.routes);
        Ok(Some(Document { collection, id: job.id.to_string(), fields }))
    }
}

/// Those of these records that nothing here has. A subject may have one before it has files.
pub(crate) async fn strange(parts: &Parts, collection: &str, ids: &[String]) -> Result<Vec<String>, Fault> {
    let subjects = types(parts, ids.to_vec()).await?;
    let mut strange = Vec::new();
    for id in ids {
        let is_subject = subjects.get(id).is_some_and(|owner| owner.collection() == collection);
        if !is_subject && !is_of_asset_or_job(parts, collection, id).await? {
            strange.push(id.clone());
        }
    }
    Ok(strange)
}

async fn is_of_asset_or_job(parts: &Parts, collection: &str, id: &str) -> Result<bool, Fault> {
    // Ids have a second spelling, which is no id of a record.
    if let Some(asset) = id.parse::<AssetId>().ok().filter(|asset| asset.to_string() == id) {
        let Some(asset) = found(parts.store.asset(asset).await)?.filter(|asset| asset.retired_ms.is_none()) else { return Ok(false) };
        let owner = types(parts, vec![asset.subject.clone()]).await?.get(&asset.subject).copied();
        let named = record::document_of(asset.kind, owner, &asset.subject, id);
        return Ok(named.is_some_and(|named| named.is_own && named.collection == collection));
    }
    let Some(job) = id.parse::<JobId>().ok().filter(|job| job.to_string() == id) else { return Ok(false) };
    Ok(found(parts.store.job(job).await)?.is_some_and(|job| job.parent.is_none() && job.collection.as_deref() == Some(collection)))
}

fn found<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.code == Code::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Owes every document anew to one catalog, or to all: what is there is written over, what is missing is made, and nothing
/// is read back but numbers. Gives how many that made due.
/// Errors: `input_invalid` where there is no such catalog, those of the catalogs that are transient, those of the store.
pub(crate) async fn owe_all(parts: &Parts, catalog: Option<&str>) -> Result<u64, Fault> {
    if let Some(name) = catalog.filter(|name| parts.catalogs.iter().all(|site| site.name != *name)) {
        let names: Vec<&str> = parts.catalogs.iter().map(|site| site.name.as_str()).collect();
        let reason = format!("there are: {}", names.join(", "));
        return Err(Fault::new(Code::InputInvalid, "sync records").with("catalog", name).because(reason));
    }
    let mut documents = Documents::of(parts);
    let mut owed = 0;
    while let Some(page) = documents.next().await? {
        for Document { collection, id, .. } in page {
            let is_meant = |site: &&Site<dyn Catalog>| catalog.is_none_or(|name| site.name == name) && site.takes(&collection);
            for site in parts.catalogs.iter().filter(is_meant) {
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
    }
    Ok(owed)
}
