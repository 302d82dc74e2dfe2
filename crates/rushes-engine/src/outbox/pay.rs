//! How one row is paid: an object put and proven, a record written whole.

use crate::blobs::Blobs;
use async_trait::async_trait;
use rushes_core::catalog::Catalog;
use rushes_core::delivery::{Due, Work};
use rushes_core::destination::{Condition, Destination};
use rushes_core::store::Store;
use rushes_core::{Code, Fault};
use std::sync::Arc;
use std::time::Duration;

/// The slowest transfer still waited for, bytes a second.
const SLOWEST_BYTES_PER_S: u64 = 32 * 1024;
/// What every call may take beside the transfer.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Pays rows of one sort of place.
#[async_trait]
pub(super) trait Payer: Send + Sync + 'static {
    /// Whether rows may be leased before they can be paid.
    const LEASES_AHEAD: bool;

    /// Does what the row asks and writes down that it is done. A fault leaves the row leased for the caller to put off.
    async fn pay(&self, due: &Due) -> Result<(), Fault>;
}

pub(super) struct ToDestination {
    pub(super) port: Arc<dyn Destination>,
    pub(super) blobs: Blobs,
    pub(super) store: Arc<dyn Store>,
}

#[async_trait]
impl Payer for ToDestination {
    const LEASES_AHEAD: bool = true;

    async fn pay(&self, due: &Due) -> Result<(), Fault> {
        let Work::PutObject { asset, key, replaces } = &due.work else { return Err(misplaced(due)) };
        let file = self.blobs.existing(&asset.blob.sha256)?;
        let condition = match replaces {
            Some(proof) if !proof.is_of(&asset.blob) => Condition::Replace(proof),
            _ => Condition::CreateOnly,
        };
        let limit = CALL_LIMIT + Duration::from_secs(asset.blob.size_bytes / SLOWEST_BYTES_PER_S);
        let put = self.port.put(key, &file, &asset.blob, condition);
        let proof = tokio::time::timeout(limit, put).await.map_err(|_| {
            Fault::new(Code::DestinationDown, "put object").with("key", key).because(format!("no answer within {} s", limit.as_secs()))
        })??;
        if !proof.is_of(&asset.blob) {
            return Err(Fault::new(Code::ProofFailed, "prove object")
                .with("key", key)
                .because(format!("it holds {} bytes with {:?}", proof.size_bytes, proof.hash)));
        }
        self.store.proven(due, &proof, &self.port.uri(key)).await
    }
}

pub(super) struct ToCatalog {
    pub(super) port: Arc<dyn Catalog>,
    pub(super) store: Arc<dyn Store>,
}

#[async_trait]
impl Payer for ToCatalog {
    // The later a document is leased, the more of what is owed one write of it pays.
    const LEASES_AHEAD: bool = false;

    async fn pay(&self, due: &Due) -> Result<(), Fault> {
        let record = self.store.snapshot(due).await?;
        let put = tokio::time::timeout(CALL_LIMIT, self.port.put(&record)).await;
        put.map_err(|_| Fault::new(Code::CatalogDown, "put record").with("id", &record.id).because("no answer within a minute"))??;
        self.store.recorded(due).await
    }
}

fn misplaced(due: &Due) -> Fault {
    Fault::new(Code::Unexpected, "pay outbox row").with("row", due.row).because("a record is owed to a destination")
}
