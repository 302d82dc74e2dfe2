//! Jobs of any workflow: their list, each with its children and steps, cancel, retry, signals.

use super::app::App;
use super::choices::ChoiceFacts;
use super::page;
use super::problem::Problem;
use super::read::{AnyBody, Body, Path, Query};
use super::words::JobWord;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::job::{Job, Outcome, StepRow};
use rushes_core::ledger::{AttemptState, Standing};
use rushes_core::record::rfc3339;
use rushes_core::store::JobFilter;
use rushes_core::{Code, Fault, JobId, Wait};
use rushes_engine::{Ask, choices};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsQuery {
    /// Only those that stand here.
    #[param(inline)]
    state: Option<JobWord>,
    /// Only of this workflow.
    workflow: Option<String>,
    /// At most this many.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobFacts {
    #[schema(format = Uuid)]
    id: String,
    workflow: String,
    /// Of the workflow, when the job began.
    version: u32,
    state: JobWord,
    /// What for, while it waits: `its turn`, `lane …`, `room on the disk`, `provider …`, `budget …`, `retry …`, `sleep …`, `signal …`.
    waiting_for: Option<String>,
    /// Whether it was asked to stop.
    cancel_asked: bool,
    /// The job whose child it is.
    #[schema(format = Uuid)]
    parent: Option<String>,
    /// Its name among its parent's children.
    name: Option<String>,
    /// Why it failed.
    error: Option<Reason>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl JobFacts {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            id: job.id.to_string(),
            workflow: job.workflow.clone(),
            version: job.version,
            state: JobWord(job.state),
            waiting_for: job.waiting_for.as_ref().map(Wait::to_string),
            cancel_asked: job.cancel,
            parent: job.parent.map(|id| id.to_string()),
            name: job.child_name.clone(),
            error: job.fault.as_ref().map(Reason::of),
            created_at: rfc3339(job.created_ms),
            updated_at: rfc3339(job.updated_ms),
            ended_at: job.ended_ms.map(rfc3339),
        }
    }
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reason {
    /// From the one table; /docs lists them.
    code: &'static str,
    /// What happened, why, and what to do.
    message: String,
    /// Whether it is tried again by itself, or may be.
    retryable: bool,
}

impl Reason {
    /// Of paths only the last part is told: how this machine's disks are laid out is nobody's business.
    pub(crate) fn of(fault: &Fault) -> Self {
        let mut told = fault.clone();
        for (_, value) in &mut told.context {
            if value.starts_with('/') {
                *value = value.rsplit('/').next().unwrap_or_default().to_owned();
            }
        }
        Self { code: fault.code.name(), message: told.to_string(), retryable: fault.is_transient() }
    }
}

/// Some jobs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobPage {
    jobs: Vec<JobFacts>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Lists topmost jobs, the newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(JobsQuery), responses((status = 200, body = JobPage)))]
pub(super) async fn list(State(app): State<App>, Query(query): Query<JobsQuery>) -> Result<Json<JobPage>, Problem> {
    let filter = JobFilter {
        state: query.state.map(|word| word.0),
        workflow: query.workflow,
        after: page::opened(query.cursor.as_deref())?,
        limit: page::one_more(query.limit)?,
        ..JobFilter::default()
    };
    let mut found = app.parts().store.jobs(&filter).await?;
    let next = page::next(&mut found, query.limit, |job| job.id.to_string());
    Ok(Json(JobPage { jobs: found.iter().map(JobFacts::of).collect(), next }))
}

/// A job with its parameters, what its workflow returned, and its children.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobWhole {
    #[serde(flatten)]
    facts: JobFacts,
    /// Its parameters.
    input: Value,
    /// What its workflow returned, once it has.
    value: Value,
    /// What somebody is to choose, while it waits for that. A child's stands at the child.
    choice: Option<ChoiceFacts>,
    children: Vec<JobFacts>,
}

/// Parameters as they may be shown: of files of this machine only the name.
fn shown(input: Value) -> Value {
    match input {
        Value::String(path) if path.starts_with('/') => json!(path.rsplit('/').next()),
        Value::Array(all) => all.into_iter().map(shown).collect(),
        Value::Object(all) => Value::Object(all.into_iter().map(|(name, value)| (name, shown(value))).collect()),
        other => other,
    }
}

/// Errors: `not_found`, for what is no id too.
pub(super) fn id_of(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "look up job", format!("there is no job {text:?}")))
}

async fn whole(app: &App, id: JobId) -> Result<Json<JobWhole>, Problem> {
    let store = &app.parts().store;
    let job = store.job(id).await?;
    let family = store.family(job.root).await?;
    let children = family.jobs.iter().filter(|child| child.parent == Some(id)).map(JobFacts::of).collect();
    let choice = choices::of_job(app.parts(), &job).await?.map(ChoiceFacts::of);
    let value = job.value.clone().unwrap_or(Value::Null);
    Ok(Json(JobWhole { facts: JobFacts::of(&job), input: shown(job.input), value, choice, children }))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = JobWhole)))]
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Json<JobWhole>, Problem> {
    whole(&app, id_of(&id)?).await
}

/// Stops a job. It takes effect within a second; what was made is kept. 400 when it has ended.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = JobWhole)))]
pub(super) async fn cancel(State(app): State<App>, Path(id): Path<String>) -> Result<Json<JobWhole>, Problem> {
    let id = id_of(&id)?;
    app.desk.cancel(id).await?;
    whole(&app, id).await
}

/// Takes a failed job up again at the steps that failed; where only a destination refused, it delivers again. 400 when
/// nothing of it failed.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs", params(("id" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = JobWhole)))]
pub(super) async fn retry(State(app): State<App>, Path(id): Path<String>) -> Result<Json<JobWhole>, Problem> {
    let id = id_of(&id)?;
    app.desk.answer(Ask::Retry { job: id, had_failed: false }).await?;
    whole(&app, id).await
}

/// What became of what a step sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Settling {
    /// The step's name.
    step: String,
    /// The name it has at the provider; null where it never arrived, and may be sent again.
    arrived: Option<String>,
}

/// Says what became of what a step sent to a provider, where nobody could tell (`sent` is `needs_reconcile`); `retry` then
/// goes on with that. 400 while the job is at work, 404 where nothing of that step needs anybody.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/settle", tag = "jobs", params(("id" = Uuid, Path, description = "Its id")),
    request_body = Settling, responses((status = 200, body = JobWhole)))]
pub(super) async fn settle(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(settling): Body<Settling>,
) -> Result<Json<JobWhole>, Problem> {
    let id = id_of(&id)?;
    app.desk.answer(Ask::Settle { job: id, step: settling.step, arrived: settling.arrived }).await?;
    whole(&app, id).await
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepFacts {
    name: String,
    /// `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// How often it was begun.
    attempts: u32,
    /// Who did the work, where a provider did.
    provider: Option<String>,
    /// What it sent outside is known there by this name.
    external_id: Option<String>,
    /// How far what it sent outside has come: `intent`, `submitted`, `unknown` (the answer never came; it is looked up before
    /// anything is sent again), `done`, `failed`, or `needs_reconcile` (the step has ended, and a person has to look).
    sent: Option<&'static str>,
    /// What it cost so far, in US dollars.
    cost: Option<f64>,
    /// Why it failed, or its last attempt did.
    error: Option<Reason>,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl StepFacts {
    fn of(step: &StepRow, sent: Standing) -> Self {
        let (state, fault) = match &step.outcome {
            None => ("running", step.last_fault.as_ref()),
            Some(Outcome::Value(_)) => ("done", None),
            Some(Outcome::Failed(fault)) => ("failed", Some(fault)),
            Some(Outcome::Cancelled) => ("cancelled", None),
        };
        Self {
            name: step.name.clone(),
            state,
            attempts: step.attempts,
            provider: step.provider.clone(),
            external_id: sent.external_id,
            sent: sent.state.map(AttemptState::name),
            cost: sent.cost,
            error: fault.map(Reason::of),
            started_at: rfc3339(step.started_ms),
            ended_at: step.ended_ms.map(rfc3339),
        }
    }
}

/// A job's steps.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepList {
    steps: Vec<StepFacts>,
}

/// The steps of a job, in the order they were written.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/steps", tag = "jobs", params(("id" = Uuid, Path, description = "The job's id")),
    responses((status = 200, body = StepList)))]
pub(super) async fn steps(State(app): State<App>, Path(id): Path<String>) -> Result<Json<StepList>, Problem> {
    let id = id_of(&id)?;
    app.parts().store.job(id).await?;
    let steps = rushes_engine::steps::of_job(app.parts(), id).await?;
    Ok(Json(StepList { steps: steps.into_iter().map(|(step, sent)| StepFacts::of(&step, sent)).collect() }))
}

/// It was written down for the job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    #[schema(format = Uuid)]
    job: String,
    signal: String,
}

/// Sends any JSON value to a name a job waits for, or will wait for. 400 when the job has ended.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/signals/{name}", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job's id"), ("name" = String, Path, description = "What it waits for", min_length = 1, max_length = 100)),
    request_body = Value, responses((status = 202, body = Sent)))]
pub(super) async fn signal(
    State(app): State<App>,
    Path((id, name)): Path<(String, String)>,
    AnyBody(value): AnyBody,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let job = id_of(&id)?;
    app.desk.answer(Ask::Signal { job, name: name.clone(), value }).await?;
    Ok((StatusCode::ACCEPTED, Json(Sent { job: job.to_string(), signal: name })))
}
