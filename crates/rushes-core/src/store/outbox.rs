//! What is owed to destinations and catalogs.

use crate::catalog::Record;
use crate::delivery::{Backlog, Due, Held, Leased, Owed, Wanted};
use crate::destination::Proof;
use crate::fault::Fault;
use crate::ids::JobId;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// What is owed, and its payment.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases rows of one destination or catalog that are due and need nothing else first, oldest first; renews the
    /// leases still held, where they are named. To be called with those every few seconds: a lease that nobody renews runs
    /// out, and its row is due again.
    async fn due(&self, destination: &str, wanted: Wanted) -> Result<Leased, Fault>;

    /// Keeps how far the upload of a leased row has come. Errors: `lease_lost`.
    async fn keep_session(&self, due: &Due, session: &str) -> Result<(), Fault>;

    /// The object was read back and found equal: pays the row, and ends jobs that owe nothing more.
    async fn proven(&self, due: &Due, held: &Held) -> Result<(), Fault>;

    /// Where the destination of a leased row holds the bytes it asks for under another key, and what proved them there; None
    /// where it does not, or they are just being removed.
    async fn elsewhere(&self, due: &Due) -> Result<Option<(String, Proof)>, Fault>;

    /// The record a leased row asks for, as local truth has it now, with a raised `rev`; None where there is nothing to tell any
    /// more, and the row is to be called paid.
    async fn snapshot(&self, due: &Due) -> Result<Option<Record>, Fault>;

    /// The record was written, the object or the folder removed, the folders made: pays every row under this lease, and ends jobs
    /// that owe nothing more.
    async fn recorded(&self, due: &Due) -> Result<(), Fault>;

    /// It failed: `again_ms` from now, or refused for good.
    async fn failed(&self, due: &Due, fault: &Fault, again_ms: Option<u64>) -> Result<(), Fault>;

    /// Owed and refused rows and latencies, by destination and catalog.
    async fn backlog(&self) -> Result<BTreeMap<String, Backlog>, Fault>;

    /// What one family of jobs owes, its own mirror included.
    async fn owed_by(&self, root: JobId) -> Result<Owed, Fault>;
}
