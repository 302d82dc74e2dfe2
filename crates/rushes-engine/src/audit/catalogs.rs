//! What catalogs hold against what they should: one document at a time.

use super::{Cure, Report};
use crate::parts::{Parts, Site};
use crate::records::{Document, Documents, strange};
use rushes_core::Fault;
use rushes_core::catalog::Catalog;
use rushes_core::record;
use rushes_core::store::Owe;
use std::collections::BTreeSet;

/// Whether each catalog's records say what is so here, and whether something here has each.
pub(super) async fn records(parts: &Parts, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut collections: BTreeSet<String> = record::collections().into_iter().map(str::to_owned).collect();
    let mut documents = Documents::of(parts);
    while let Some(page) = documents.next().await? {
        for document in page {
            for site in parts.catalogs.iter().filter(|site| site.takes(&document.collection)) {
                document_at(site, &document, report).await?;
            }
            collections.insert(document.collection);
        }
    }
    for site in &parts.catalogs {
        for collection in collections.iter().filter(|collection| site.takes(collection)) {
            let mut cursor: Option<String> = None;
            loop {
                let ids = site.port.list(collection, cursor.as_deref()).await?;
                for id in strange(parts, collection, &ids).await? {
                    let detail = "nothing here has this record; it is left as it is";
                    report.find("record_orphaned", None, (Some(&site.name), &format!("{collection}/{id}")), detail, Cure::Nothing);
                }
                cursor = ids.into_iter().last();
                if cursor.is_none() {
                    break;
                }
            }
        }
    }
    Ok(())
}

async fn document_at(site: &Site<dyn Catalog>, document: &Document, report: &mut Report<'_>) -> Result<(), Fault> {
    let Document { collection, id, fields } = document;
    let key = format!("{collection}/{id}");
    let owe = |above| Cure::Owe(Owe::Record { catalog: site.name.clone(), collection: collection.clone(), id: id.clone(), above });
    match site.port.get(collection, id).await {
        // Not ours to overwrite when it cannot even be read; said, and left.
        Err(fault) if !fault.is_transient() => {
            report.find("record_stale", None, (Some(&site.name), &key), fault.to_string(), Cure::Nothing);
        }
        Err(fault) => return Err(fault),
        Ok(None) => report.find("record_missing", None, (Some(&site.name), &key), "there is no such record", owe(0)),
        Ok(Some(found)) => {
            let differing: Vec<&str> = fields
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(field, value)| found.fields.get(field.as_str()) != Some(value))
                .map(|(field, _)| field.as_str())
                .collect();
            if !differing.is_empty() {
                let detail = format!("these fields differ from local truth: {}", differing.join(", "));
                report.find("record_stale", None, (Some(&site.name), &key), detail, owe(found.rev));
            }
        }
    }
    Ok(())
}
