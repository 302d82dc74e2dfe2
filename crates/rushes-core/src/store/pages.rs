//! Long lists, a page at a time, and what their figures are made of.

use crate::asset::Asset;
use crate::delivery::{Delivery, DeliveryState};
use crate::fault::Fault;
use crate::ids::AssetId;
use crate::subject::{Subject, SubjectType};
use async_trait::async_trait;

/// Which subjects to list, by id.
#[derive(Debug, Clone, Default)]
pub struct SubjectFilter {
    /// Only of this sort.
    pub subject_type: Option<SubjectType>,
    /// Only after this id.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// Which deliveries of current assets to list, those of the oldest asset first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those that stand here.
    pub state: Option<DeliveryState>,
    /// Only to this place.
    pub destination: Option<String>,
    /// Only of what lies in this folder of the library.
    pub folder: Option<String>,
    /// Only after this asset, destination and key.
    pub after: Option<(AssetId, String, String)>,
    /// At most this many.
    pub limit: u32,
}

/// A delivery with what it is of, and how it is tried.
#[derive(Debug, Clone)]
pub struct Sending {
    /// How far it is.
    pub delivery: Delivery,
    /// What is delivered.
    pub asset: Asset,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again, milliseconds since 1970; None unless it is owed.
    pub next_ms: Option<i64>,
}

/// How long one file took from its commit to its proof at one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// When it was proven, milliseconds since 1970.
    pub done_ms: i64,
    /// Milliseconds.
    pub took_ms: i64,
}

/// Pages of what there is, for those who look; and one delivery tried again by who has looked.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Some subjects.
    async fn subject_page(&self, filter: &SubjectFilter) -> Result<Vec<Subject>, Fault>;

    /// Some deliveries.
    async fn delivery_page(&self, filter: &DeliveryFilter) -> Result<Vec<Sending>, Fault>;

    /// Has one asset tried at one destination now: what was refused, and what waits for its time. Gives what stands there
    /// then. Errors: `not_found`, `input_invalid` when it is proven, or a newer version has taken its place.
    async fn deliver_again(&self, asset: AssetId, destination: &str) -> Result<Vec<Sending>, Fault>;

    /// What was proven at a destination since then, the newest first, at most `limit`.
    async fn latencies(&self, destination: &str, since_ms: i64, limit: u32) -> Result<Vec<Latency>, Fault>;
}
