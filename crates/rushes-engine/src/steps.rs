//! The steps of a job for those who look, each with what it sent outside.

use crate::parts::Parts;
use rushes_core::job::StepRow;
use rushes_core::ledger::Standing;
use rushes_core::{Fault, JobId};

/// The steps of a job, in the order they were written, and those that have sent something and are not over: these have no
/// row in the journal yet.
pub async fn of_job(parts: &Parts, job: JobId) -> Result<Vec<(StepRow, Standing)>, Fault> {
    // First what was sent: a step that ends meanwhile has its row then.
    let sent = parts.store.attempts(job).await?;
    let mut rows = parts.store.steps(job).await?;
    for attempt in &sent {
        if rows.iter().all(|row| row.name != attempt.step) {
            rows.push(StepRow {
                name: attempt.step.clone(),
                input_hash: String::new(),
                outcome: None,
                attempts: 1,
                started_ms: attempt.began_ms,
                ended_ms: None,
                last_fault: None,
                provider: Some(attempt.provider.clone()),
            });
        }
    }
    let stands = |row: StepRow| {
        let standing = Standing::of(&row.name, &sent);
        (row, standing)
    };
    Ok(rows.into_iter().map(stands).collect())
}
