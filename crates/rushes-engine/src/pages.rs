//! All current assets, a page at a time: there may be more of them than memory holds.

use crate::parts::Parts;
use rushes_core::record::Listed;
use rushes_core::store::AssetFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{AssetId, Fault};
use std::collections::{BTreeMap, BTreeSet};

/// Assets on one page.
const PAGE: u32 = 500;

/// Where a walk through all of them is.
pub(crate) struct Pages<'a> {
    parts: &'a Parts,
    after: Option<AssetId>,
}

impl<'a> Pages<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Self {
        Self { parts, after: None }
    }

    /// The next page, with deliveries; None after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Listed>>, Fault> {
        let filter = AssetFilter { after: self.after, limit: Some(PAGE), ..AssetFilter::default() };
        let page = self.parts.store.assets(&filter).await?;
        self.after = page.last().map(|(asset, _)| asset.id).or(self.after);
        Ok((!page.is_empty()).then_some(page))
    }
}

/// Of which sort each of a page's subjects is. Asked after the page: a subject may have come with its first asset.
pub(crate) async fn owners(parts: &Parts, page: &[Listed]) -> Result<BTreeMap<String, SubjectType>, Fault> {
    let subjects: BTreeSet<&str> = page.iter().map(|(asset, _)| asset.subject.as_str()).collect();
    types(parts, subjects.into_iter().map(str::to_owned).collect()).await
}

/// Of which sort those of these ids are that are subjects.
pub(crate) async fn types(parts: &Parts, ids: Vec<String>) -> Result<BTreeMap<String, SubjectType>, Fault> {
    let subjects = parts.store.subjects_of(ids).await?;
    Ok(subjects.into_iter().map(|subject| (subject.made.id, subject.made.subject_type)).collect())
}
