//! A destination and a catalog that hold just what the store says they do, without bytes: what is left of an audit then
//! is its own cost.

use async_trait::async_trait;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::delivery::Routes;
use rushes_core::destination::{Abilities, Destination, Listing, Proof, ProofHash, Put};
use rushes_core::record::{self, Listed};
use rushes_core::{Fault, Subject};
use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::path::Path;

/// Keys on one page of a listing.
const PAGE: usize = 1_000;

pub(crate) struct Truth {
    objects: BTreeMap<String, Proof>,
    records: BTreeMap<String, Record>,
}

impl Truth {
    pub(crate) fn of(listed: Vec<Listed>, subjects: &[Subject], routes: &Routes) -> Self {
        let mut objects = BTreeMap::new();
        let mut of_subject: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
        for (asset, deliveries) in listed {
            let hash = ProofHash::Sha256(asset.blob.sha256.clone());
            let proof = Proof { size_bytes: asset.blob.size_bytes, hash, etag: None };
            objects.extend(deliveries.iter().map(|delivery| (delivery.key.clone(), proof.clone())));
            of_subject.entry(asset.subject.clone()).or_default().push((asset, deliveries));
        }
        let record = |subject: &Subject| {
            let (collection, id) = (subject.made.subject_type.collection().to_owned(), subject.made.id.clone());
            let own = of_subject.get(&id).map_or(&[][..], Vec::as_slice);
            let fields = record::subject_fields(subject, own, routes);
            (format!("{collection}/{id}"), Record { collection, id, rev: subject.rev, fields })
        };
        Self { objects, records: subjects.iter().map(record).collect() }
    }
}

#[async_trait]
impl Destination for Truth {
    fn abilities(&self) -> Abilities<'_> {
        Abilities::default()
    }

    fn uri(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    async fn put(&self, _put: Put<'_>) -> Result<Proof, Fault> {
        unreachable!("everything is proven already")
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        Ok(self.objects.get(key).cloned())
    }

    async fn get(&self, _key: &str, _bytes: Option<Range<u64>>, _into: &Path) -> Result<(), Fault> {
        unreachable!("an audit reads no bytes")
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let from = cursor.map_or(Bound::Included(prefix), Bound::Excluded);
        let keys: Vec<String> = self
            .objects
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(key, _)| key.clone())
            .take_while(|key| key.starts_with(prefix))
            .take(PAGE)
            .collect();
        Ok(Listing { next: (keys.len() == PAGE).then(|| keys.last().cloned()).flatten(), keys })
    }

    async fn delete(&self, _key: &str) -> Result<(), Fault> {
        unreachable!("an audit changes nothing")
    }

    async fn ensure_folder(&self, _key: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Catalog for Truth {
    async fn put(&self, _record: &Record) -> Result<(), Fault> {
        unreachable!("everything is told already")
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        Ok(self.records.get(&format!("{collection}/{id}")).cloned())
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        let prefix = format!("{collection}/");
        let after = format!("{prefix}{}", cursor.unwrap_or_default());
        let keys = self.records.range((Bound::Excluded(after), Bound::Unbounded)).map(|(key, _)| key);
        Ok(keys.map_while(|key| key.strip_prefix(&prefix)).take(PAGE).map(str::to_owned).collect())
    }

    async fn delete(&self, _collection: &str, _id: &str) -> Result<(), Fault> {
        unreachable!("an audit changes nothing")
    }
}
