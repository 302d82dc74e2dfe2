//! Who holds which jobs, and until when; for tests that judge by the rows how jobs change hands.

use crate::rows;
use crate::sql::Row;
use crate::sql::value::NONE;
use crate::store::SqlStore;
use rushes_core::{Fault, JobId};

/// A running job that an engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub job: JobId,
    /// Whose, by the name of one start of an engine.
    pub owner: String,
    /// Until when, unless it is renewed; milliseconds since 1970.
    pub until_ms: i64,
}

/// Every job that some engine has, its lease over or not. Errors: those of the store.
pub async fn held(store: &SqlStore) -> Result<Vec<Held>, Fault> {
    let query = "SELECT id, owner, lease_until_ms FROM jobs WHERE state = 'running' AND owner IS NOT NULL";
    let one = |row: &Row<'_>| Ok(Held { job: rows::parsed(row, 0)?, owner: row.get(1)?, until_ms: row.get(2)? });
    store.read(move |sql| rows::all(sql, query, NONE, one)).await
}
