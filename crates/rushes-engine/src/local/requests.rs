//! What is asked of a running engine, by its own process or by another, and the answers.

use super::{LOOK_EVERY, NewJobRequest, Shared, asked, new_job};
use crate::audit::audit;
use crate::choices;
use crate::keep;
use crate::mend::mend;
use crate::owner::{self, Ask};
use crate::records::owe_all;
use crate::schedules;
use crate::webhooks;
use rushes_core::flow::Workflows;
use rushes_core::job::{Job, NewJob};
use rushes_core::ledger::AttemptEnd;
use rushes_core::store::Owe;
use rushes_core::{Cancel, Code, Fault, JobId, JobState};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// Requests of other processes under way at once.
const TALKS_MAX: usize = 64;

pub(super) async fn submit<W: Workflows>(shared: &Shared<W>, request: NewJobRequest) -> Result<Job, Fault> {
    let job = shared.parts.store.create(asked_for(shared, request)?).await?;
    asked::call_quietly(shared).await;
    Ok(job)
}

/// The job to be made of a request. Errors: `workflow_unknown`, `input_invalid`.
pub(crate) fn asked_for<W: Workflows>(shared: &Shared<W>, request: NewJobRequest) -> Result<NewJob, Fault> {
    // Here, so that no door takes an address that is never spoken to.
    request.asked.webhook_url.as_deref().map_or(Ok(()), |url| shared.parts.webhooks.post.check(url))?;
    let id = request.id.unwrap_or_else(|| JobId(shared.parts.clock.new_id()));
    new_job((&shared.workflows, &shared.parts), id, request, None, id)
}

pub(super) async fn answer<W: Workflows>(shared: &Shared<W>, ask: Ask) -> Result<Value, Fault> {
    let answer = carry_out(shared, ask).await?;
    // Whatever it was, a job may have something to do now.
    asked::call_quietly(shared).await;
    Ok(answer)
}

async fn carry_out<W: Workflows>(shared: &Shared<W>, ask: Ask) -> Result<Value, Fault> {
    let parts = &shared.parts;
    match ask {
        Ask::Submit { workflow, input, new, since_ms } => {
            let request = NewJobRequest { workflow, input, ..Default::default() };
            let job = asked_for(shared, request)?;
            let (job, is_new) = match new {
                true => (parts.store.create(job).await?, true),
                false => parts.store.create_or_join(job, since_ms.unwrap_or(i64::MAX)).await?,
            };
            Ok(json!({"job": job.id, "is_new": is_new}))
        }
        Ask::Schedule { name } => schedules::start_now(shared, &name).await.map(|job| json!({"job": job.id, "is_new": true})),
        Ask::Choose { job, take } => choices::choose(parts, job, take).await.map(|job| json!({ "job": job })),
        Ask::Signal { job, name, value } => choices::send(parts, job, &name, value).await.map(|()| json!({ "job": job })),
        Ask::Settle { job, step, arrived } => {
            let nowhere = || Fault::new(Code::AnswerLost, "settle attempt").because("somebody looked: it never arrived");
            let end = arrived.map_or_else(|| AttemptEnd::Failed(nowhere()), AttemptEnd::Submitted);
            parts.store.settle_attempt(job, &step, end).await.map(|()| json!({ "job": job }))
        }
        Ask::Cancel { job } => parts.store.cancel(job).await.map(|job| json!({"job": job.id})),
        Ask::Retry { job, had_failed } => {
            let retried = match parts.store.retry(job).await {
                Err(fault) if had_failed && fault.code == Code::InputInvalid => {
                    let root = parts.store.job(parts.store.job(job).await?.root).await?;
                    if root.state == JobState::Completed { Ok(root) } else { Err(fault) }
                }
                retried => retried,
            };
            retried.map(|job| json!({"job": job.id}))
        }
        Ask::Sync { subject } => parts.store.owe(&Owe::Subject(subject)).await.map(|owed| json!({"owed": owed})),
        Ask::Records { catalog } => owe_all(parts, catalog.as_deref()).await.map(|owed| json!({"owed": owed})),
        Ask::Sweep => {
            let swept = keep::sweep(parts, true).await?;
            serde_json::to_value(swept).map_err(|e| Fault::new(Code::Unexpected, "answer request").because(e))
        }
        Ask::Webhooks { change } => webhooks::change(parts, change).await,
        Ask::Fix { deep } => {
            let mended = mend(parts, &audit(parts, deep).await?).await?;
            serde_json::to_value(mended).map_err(|e| Fault::new(Code::Unexpected, "answer request").because(e))
        }
    }
}

/// Takes requests until `stop`, and answers those it has taken.
pub(super) async fn take_requests<W: Workflows>(shared: Arc<Shared<W>>, listener: UnixListener, stop: Cancel) {
    let mut talks = JoinSet::new();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if talks.len() < TALKS_MAX => {
                    let shared = shared.clone();
                    talks.spawn(async move { owner::converse(stream, |ask| async move { answer(&shared, ask).await }).await });
                }
                // Beyond the bound it is closed at once: who asks is told, and asks again.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a request could not be taken");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            },
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
        }
    }
    drop(listener);
    while talks.join_next().await.is_some() {}
}
