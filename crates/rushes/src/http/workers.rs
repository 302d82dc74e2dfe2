//! Workers: who is there, what waits for them, and the leases under which they work. Bytes go by [`super::handed`].

use super::app::App;
use super::problem::Problem;
use super::read::{Body, Path, Query};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::record::rfc3339;
use rushes_core::work::{LeasedWork, NewWorker, Worker, is_word};
use rushes_core::{Code, Fault, JobId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Work shown to one worker at once.
const WAITING_MAX: u32 = 300;
/// A worker that waits for work is answered at the latest after this long.
const WAIT_MAX_S: u64 = 25;
/// Work whose lease ran out, or whose time has come, rings no bell.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Families and labels of one worker at most.
const WORDS_MAX: usize = 32;

/// A worker, as it says of itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerRequest {
    /// Unique among the workers: 1 to 64 letters, digits, `-`, `_` and `.`.
    name: String,
    /// The families of models it has.
    families: Vec<String>,
    /// What else it is called; a job may ask for a label.
    #[serde(default)]
    labels: Vec<String>,
    /// Its program's version.
    #[serde(default)]
    version: String,
    /// Its card's memory in MB.
    #[serde(default)]
    card_mb: Option<u32>,
}

/// A worker.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkerFacts {
    name: String,
    families: Vec<String>,
    labels: Vec<String>,
    version: String,
    card_mb: Option<u32>,
    /// When it was heard of last.
    #[schema(format = DateTime)]
    seen_at: String,
    /// The job whose work it has.
    #[schema(format = Uuid)]
    job: Option<String>,
    /// How far that is, 0 to 1.
    share: Option<f32>,
    /// It takes nothing more.
    draining: bool,
}

impl WorkerFacts {
    fn of(worker: Worker) -> Self {
        let Worker { made, seen_ms, job, share, is_draining } = worker;
        let NewWorker { name, families, labels, version, card_mb } = made;
        let job = job.map(|job| job.to_string());
        Self { name, families, labels, version, card_mb, seen_at: rfc3339(seen_ms), job, share, draining: is_draining }
    }
}

/// Workers that were heard of within a day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkerList {
    workers: Vec<WorkerFacts>,
}

/// Lists workers.
#[utoipa::path(get, path = "/api/v1/workers", tag = "workers", responses((status = 200, body = WorkerList)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<WorkerList>, Problem> {
    let workers = app.parts().store.workers().await?.into_iter().map(WorkerFacts::of).collect();
    Ok(Json(WorkerList { workers }))
}

/// Makes a worker known, or says what has changed of it.
#[utoipa::path(post, path = "/api/v1/workers", tag = "workers", request_body = WorkerRequest, responses((status = 200, body = WorkerFacts)))]
pub(super) async fn register(State(app): State<App>, Body(said): Body<WorkerRequest>) -> Result<Json<WorkerFacts>, Problem> {
    let refuse = |reason: String| Problem::new(Code::InputInvalid, "register worker", reason);
    let words = || said.families.iter().chain(&said.labels);
    if let Some(wrong) = std::iter::once(&said.name).chain(words()).find(|word| !is_word(word)) {
        return Err(refuse(format!("{wrong:?} is no name: 1 to 64 letters, digits, -, _ and .")));
    }
    if said.families.is_empty() || words().count() > WORDS_MAX || said.version.chars().count() > 64 {
        return Err(refuse(format!("a worker has a family or more, and at most {WORDS_MAX} families and labels")));
    }
    let WorkerRequest { name, families, labels, version, card_mb } = said;
    let worker = app.parts().store.note_worker(NewWorker { name, families, labels, version, card_mb }).await?;
    Ok(Json(WorkerFacts::of(worker)))
}

/// Whether a worker is to take nothing more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrainRequest {
    draining: bool,
}

/// Tells a worker to take nothing more once it is done with what it has, or that it may again.
#[utoipa::path(post, path = "/api/v1/workers/{name}/drain", tag = "workers", params(("name" = String, Path, description = "The worker's")),
    request_body = DrainRequest, responses((status = 200, body = WorkerFacts)))]
pub(super) async fn drain(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(said): Body<DrainRequest>,
) -> Result<Json<WorkerFacts>, Problem> {
    Ok(Json(WorkerFacts::of(app.parts().store.drain_worker(&name, said.draining).await?)))
}

/// How long to wait for work.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitingQuery {
    /// Where there is none, seconds; 25 at most.
    #[serde(default)]
    #[param(minimum = 0, maximum = 25)]
    wait_s: u64,
}

/// Work that a worker could lease.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WaitingList {
    /// The oldest first.
    work: Vec<WaitingFacts>,
}

/// Work that waits.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingFacts {
    /// Whose it is; to be leased by.
    #[schema(format = Uuid)]
    job: String,
    /// The family of models it needs.
    family: String,
    /// Since when, milliseconds since 1970.
    since_ms: i64,
}

/// Lists the work that a worker could lease now: it chooses. Waits for some where there is none.
#[utoipa::path(get, path = "/api/v1/workers/{name}/work", tag = "workers", params(("name" = String, Path, description = "The worker's"), WaitingQuery),
    responses((status = 200, body = WaitingList)))]
pub(super) async fn waiting(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<WaitingQuery>,
) -> Result<Json<WaitingList>, Problem> {
    let until = Instant::now() + Duration::from_secs(query.wait_s.min(WAIT_MAX_S));
    let mut bell = app.parts().watch.jobs.clone();
    loop {
        bell.mark_unchanged();
        let found = app.parts().store.waiting_work(&name, WAITING_MAX).await?;
        let left = until.saturating_duration_since(Instant::now());
        if !found.is_empty() || left.is_zero() || app.stop.is_cancelled() {
            let facts =
                found.into_iter().map(|work| WaitingFacts { job: work.job.to_string(), family: work.family, since_ms: work.since_ms });
            return Ok(Json(WaitingList { work: facts.collect() }));
        }
        tokio::select! {
            _ = timeout(left.min(LOOK_EVERY), bell.changed()) => {}
            () = app.stop.cancelled() => {}
        }
    }
}

/// Which work, by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseRequest {
    /// The worker's name.
    worker: String,
    /// Whose work.
    #[schema(format = Uuid)]
    job: String,
}

/// Work as a worker has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeaseFacts {
    #[schema(format = Uuid)]
    job: String,
    /// The lease, as the routes under `/api/v1/workers/leases` name it.
    #[schema(format = Uuid)]
    token: String,
    /// Until when it holds unless a heartbeat renews it, milliseconds since 1970.
    until_ms: i64,
    /// The family of models it needs.
    family: String,
    order: OrderFacts,
    /// The files that are handed in already.
    have: Vec<u32>,
}

/// What is to be made.
#[derive(Debug, Serialize, ToSchema)]
struct OrderFacts {
    /// What fills the graph, by the names of its inputs.
    #[schema(value_type = Object)]
    inputs: Value,
    /// One for each file.
    seeds: Vec<u64>,
    /// Pictures that it is made from, by the names of the graph's inputs, each with the asset's id.
    pictures: BTreeMap<String, String>,
    /// `image/png` or `video/mp4`.
    mime: String,
}

impl LeaseFacts {
    fn of(work: LeasedWork) -> Self {
        let LeasedWork { job, token, until_ms, family, order, have } = work;
        let order = OrderFacts {
            inputs: Value::Object(order.inputs),
            seeds: order.seeds,
            pictures: order.pictures.into_iter().map(|(name, asset)| (name, asset.to_string())).collect(),
            mime: order.mime,
        };
        Self { job: job.to_string(), token: token.to_string(), until_ms, family, order, have }
    }
}

/// What is no token opens nothing. Errors: `lease_lost`.
pub(super) fn token_of(text: &str) -> Result<Uuid, Fault> {
    text.parse().map_err(|_| Fault::new(Code::LeaseLost, "look up lease").because("there is no such lease"))
}

/// Leases a job's work. 409 where another worker was first.
#[utoipa::path(post, path = "/api/v1/workers/lease", tag = "workers", request_body = LeaseRequest, responses((status = 200, body = LeaseFacts)))]
pub(super) async fn lease(State(app): State<App>, Body(said): Body<LeaseRequest>) -> Result<Json<LeaseFacts>, Problem> {
    let job: JobId = said.job.parse().map_err(|_| Problem::new(Code::NotFound, "lease work", "there is no such job"))?;
    Ok(Json(LeaseFacts::of(app.parts().store.lease_work(&said.worker, job).await?)))
}

/// The work of a lease, for a worker that was started again.
#[utoipa::path(get, path = "/api/v1/workers/leases/{token}", tag = "workers", params(("token" = String, Path, description = "The lease's")),
    responses((status = 200, body = LeaseFacts)))]
pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Result<Json<LeaseFacts>, Problem> {
    Ok(Json(LeaseFacts::of(app.parts().store.leased_work(token_of(&token)?).await?)))
}

/// How far it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatRequest {
    /// 0 to 1.
    #[serde(default)]
    share: Option<f32>,
}

/// Whether to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeartbeatFacts {
    /// False where the job was cancelled: stop, and give it back.
    wanted: bool,
}

/// Renews a lease. 409 where it is another worker's by now: stop, whatever is made of it counts no more.
#[utoipa::path(post, path = "/api/v1/workers/leases/{token}/heartbeat", tag = "workers", params(("token" = String, Path, description = "The lease's")),
    request_body = HeartbeatRequest, responses((status = 200, body = HeartbeatFacts)))]
pub(super) async fn heartbeat(
    State(app): State<App>,
    Path(token): Path<String>,
    Body(said): Body<HeartbeatRequest>,
) -> Result<Json<HeartbeatFacts>, Problem> {
    let share = said.share.filter(|share| share.is_finite());
    Ok(Json(HeartbeatFacts { wanted: app.parts().store.renew_work(token_of(&token)?, share).await? }))
}

/// Ends a lease whose files are all handed in.
#[utoipa::path(post, path = "/api/v1/workers/leases/{token}/complete", tag = "workers", params(("token" = String, Path, description = "The lease's")),
    responses((status = 204)))]
pub(super) async fn complete(State(app): State<App>, Path(token): Path<String>) -> Result<StatusCode, Problem> {
    app.parts().store.complete_work(token_of(&token)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why work comes to nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailRequest {
    /// One of the codes in docs/codes.md. What may pass is offered again, to any worker.
    code: String,
    /// In words a person can act on.
    reason: String,
    /// Not before this long, seconds.
    #[serde(default)]
    retry_after_s: Option<u32>,
    /// The worker goes, and has not failed: somebody else may have the work at once.
    #[serde(default)]
    given_back: bool,
}

/// Gives work back.
#[utoipa::path(post, path = "/api/v1/workers/leases/{token}/fail", tag = "workers", params(("token" = String, Path, description = "The lease's")),
    request_body = FailRequest, responses((status = 204)))]
pub(super) async fn fail(State(app): State<App>, Path(token): Path<String>, Body(said): Body<FailRequest>) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(Code::InputInvalid, "give work back", format!("there is no code {:?}", said.code));
    let code: Code = serde_json::from_value(Value::String(said.code.clone())).map_err(|_| unknown())?;
    let reason: String = said.reason.chars().take(1_000).collect();
    let mut fault = Fault::new(code, "do work").because(reason);
    if let Some(seconds) = said.retry_after_s {
        fault = fault.retry_after(Duration::from_secs(seconds.into()));
    }
    app.parts().store.fail_work(token_of(&token)?, &fault, said.given_back).await?;
    Ok(StatusCode::NO_CONTENT)
}
