//! What was made, and whose it is.

use crate::asset::{Asset, Blob};
use crate::delivery::{Delivery, DeliveryState};
use crate::fault::Fault;
use crate::ids::{AssetId, JobId};
use crate::kinds::Kind;
use crate::subject::Subject;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Which assets to list; current versions only unless `all_versions`.
#[derive(Debug, Clone, Default)]
pub struct AssetFilter {
    /// Only this one.
    pub id: Option<AssetId>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this subject id.
    pub subject: Option<String>,
    /// Only of one of these subject ids; empty: of any.
    pub subjects: Vec<String>,
    /// Only made by this job or its children.
    pub root: Option<JobId>,
    /// Only made by this very job.
    pub job: Option<JobId>,
    /// Only made from this one.
    pub parent: Option<AssetId>,
    /// Only with these bytes.
    pub sha256: Option<String>,
    /// Only those the worst of whose deliveries stands here.
    pub state: Option<DeliveryState>,
    /// Only made by families of jobs that work no more.
    pub is_settled: bool,
    /// Retired versions too; those that were never shown only of one job or family.
    pub all_versions: bool,
    /// The newest first, not the oldest.
    pub newest_first: bool,
    /// Only those that come after this id in the list.
    pub after: Option<AssetId>,
    /// At most this many; None = all.
    pub limit: Option<u32>,
}

/// Assets, bytes and subjects, for those who look.
#[async_trait]
pub trait Assets: Send + Sync {
    /// One asset. Errors: `not_found`.
    async fn asset(&self, id: AssetId) -> Result<Asset, Fault>;

    /// Several assets with their deliveries.
    async fn assets(&self, filter: &AssetFilter) -> Result<Vec<(Asset, Vec<Delivery>)>, Fault>;

    /// The assets this one was made from.
    async fn parents(&self, id: AssetId) -> Result<Vec<AssetId>, Fault>;

    /// The assets made from this one.
    async fn made_from(&self, id: AssetId) -> Result<Vec<AssetId>, Fault>;

    /// The newest bytes of this kind that a finished step with this inputs hash made.
    async fn made_before(&self, input_hash: &str, kind: Kind) -> Result<Option<Asset>, Fault>;

    /// The bytes now current at a path below the library; None where nothing is.
    async fn blob_at(&self, path: &str) -> Result<Option<Blob>, Fault>;

    /// The current assets at a path below the library, whatever it ends in (`.png`, …).
    async fn current_at(&self, stem: &str) -> Result<Vec<Asset>, Fault>;

    /// Of these keys at a destination those that current assets are delivered under, or that are about to be removed, with
    /// the assets' kinds.
    async fn kinds_at(&self, destination: &str, keys: Vec<String>) -> Result<BTreeMap<String, Kind>, Fault>;

    /// The current ones among the first `limit` assets written after `row` (0: from the beginning), in that order, and
    /// the row to go on from.
    async fn written_after(&self, row: i64, limit: u32) -> Result<(Vec<Asset>, i64), Fault>;

    /// The subject of this id or unique slug.
    async fn subject(&self, id_or_slug: &str) -> Result<Option<Subject>, Fault>;

    /// Those of these ids that are subjects, by id.
    async fn subjects_of(&self, ids: Vec<String>) -> Result<Vec<Subject>, Fault>;

    /// Every subject, by id.
    async fn subjects(&self) -> Result<Vec<Subject>, Fault>;
}
