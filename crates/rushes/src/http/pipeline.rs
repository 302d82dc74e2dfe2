//! The pipeline contract, word for word: start, status, list, cancel.

use super::app::App;
use super::caller::Caller;
use super::idempotency::{Carried, same};
use super::problem::Problem;
use super::read::{Body, Path, Query};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use rushes_core::job::Asked;
use rushes_core::record::{self, rfc3339};
use rushes_core::store::{Family, JobFilter};
use rushes_core::{Code, Fault, Job, JobId, JobState, Kind};
use rushes_engine::{NewJobRequest, estimate};
use rushes_workflows::production;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use utoipa::{IntoParams, ToSchema};

/// Answers kept until something happens.
const SEEN_MAX: usize = 1_024;

/// A production to be started.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// How many characters.
    #[schema(minimum = 1, maximum = 10)]
    pub(crate) count: u32,
    /// The style of characters and music.
    #[serde(default = "default_style")]
    pub(crate) style_id: String,
    /// Names in the reference library, one dance each; none = three from the library.
    #[serde(default)]
    pub(crate) reference_videos: Vec<String>,
    /// Where the end of the job is told.
    #[serde(default)]
    pub(crate) webhook_url: Option<String>,
    /// What is made beside the dances.
    #[serde(default, deserialize_with = "super::read::object")]
    pub(crate) options: Options,
}

/// What is made beside the dances.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the published contract has four switches")]
pub(crate) struct Options {
    /// A concept whose name exists is passed over; false: that character gets new versions.
    pub(crate) skip_existing: bool,
    /// Outfit variants.
    pub(crate) generate_variants: bool,
    /// Soundtrack versions.
    pub(crate) create_soundtracks: bool,
    /// The watermarked version.
    pub(crate) apply_watermark: bool,
}

impl Default for Options {
    fn default() -> Self {
        let production::Input { skip_existing, generate_variants, create_soundtracks, apply_watermark, .. } = production::Input::default();
        Self { skip_existing, generate_variants, create_soundtracks, apply_watermark }
    }
}

fn default_style() -> String {
    production::Input::default().style_id
}

/// The job that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Started {
    success: bool,
    job_id: String,
    status: &'static str,
    message: &'static str,
    estimated_duration: String,
}

/// Starts a production.
#[utoipa::path(post, path = "/api/v1/pipeline/run", tag = "pipeline", request_body = RunRequest, responses((status = 202, body = Started)))]
pub(super) async fn run(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    Body(request): Body<RunRequest>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let idem_key = carried.map(|Extension(Carried(key))| key);
    let count = request.count;
    let job = start(&app, &caller, idem_key, request).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(Started {
            success: true,
            job_id: job.id.to_string(),
            status: "queued",
            message: "Pipeline job started",
            estimated_duration: estimated_duration(&app, count).await?,
        }),
    ))
}

/// Starts a production for somebody. Errors: `input_invalid` and `reference_unknown`, each listing what there is.
pub(crate) async fn start(app: &App, caller: &Caller, idem_key: Option<String>, request: RunRequest) -> Result<Job, Problem> {
    let RunRequest { count, style_id, reference_videos, webhook_url, options } = request;
    let input = production::Input {
        count,
        seed: fresh_seed(),
        style_id,
        reference_videos,
        // The published contract makes so many new ones and nothing else.
        finish_pending: false,
        skip_existing: options.skip_existing,
        generate_variants: options.generate_variants,
        create_soundtracks: options.create_soundtracks,
        apply_watermark: options.apply_watermark,
        redo: 0,
    };
    let references = app.parts().home.references();
    production::check_from_outside(&input, &app.door(&references, input.seed))?;
    let input = serde_json::to_value(input).map_err(|e| Problem::new(Code::Unexpected, "start production", e))?;
    let asked = Asked { key: caller.key_id(), idem_key, webhook_url };
    let request = NewJobRequest { workflow: production::CARD.name.to_owned(), input: input.clone(), asked, ..Default::default() };
    same(app.desk.submit(request).await?, production::CARD.name, input, true)
}

/// 53 random bits: a JSON number that every reader keeps exactly.
pub(crate) fn fresh_seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0 >> 11
}

/// In words, from what productions took here.
async fn estimated_duration(app: &App, count: u32) -> Result<String, Fault> {
    Ok(format!("{} per character", estimate::of_production(app.parts(), count).await?.text()))
}

/// Where a production stands.
#[utoipa::path(get, path = "/api/v1/pipeline/status/{job_id}", tag = "pipeline", params(("job_id" = String, Path, description = "Its id")),
    responses((status = 200, body = JobView)))]
pub(super) async fn status(State(app): State<App>, Path(job_id): Path<String>) -> Result<Response, Problem> {
    let id = job_id.parse::<JobId>().map_err(|_| unknown(&job_id))?;
    let stamp = Stamp::of(&app);
    let body = match app.seen.get(id, stamp) {
        Some(body) => body,
        None => {
            let family = production(&app, id).await?;
            let view = JobView::of(&app, &family).await?;
            let body = Bytes::from(serde_json::to_vec(&view).map_err(|e| Problem::new(Code::Unexpected, "answer status", e))?);
            app.seen.put(id, stamp, body.clone());
            body
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

fn unknown(id: &str) -> Problem {
    Problem::new(Code::NotFound, "look up job", format!("there is no pipeline job {id:?}"))
}

/// A production with all that belongs to it. Errors: `not_found`, for jobs of other workflows and children too.
async fn production(app: &App, id: JobId) -> Result<Family, Problem> {
    let family = app.parts().store.family(id).await?;
    let is_one = family.jobs.first().is_some_and(|job| job.id == id && job.parent.is_none() && job.workflow == production::CARD.name);
    if is_one { Ok(family) } else { Err(unknown(&id.to_string())) }
}

/// A job as the contract shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    job_id: String,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    progress: Progress,
    /// One entry a character.
    results: Vec<Value>,
    errors: Vec<Value>,
    created_at: String,
    updated_at: String,
    /// When it will probably have ended.
    estimated_completion: Option<String>,
}

/// How far a job has come.
#[derive(Debug, Serialize, ToSchema)]
struct Progress {
    total: u64,
    completed: usize,
    current_character: Option<String>,
    /// `character_generation`, `dance_generation`, `remix_generation`, `finalizing` or `delivering`.
    current_stage: Option<&'static str>,
    #[schema(minimum = 0, maximum = 100)]
    percent_complete: u32,
}

impl JobView {
    async fn of(app: &App, family: &Family) -> Result<Self, Fault> {
        let job = &family.jobs[0];
        let ends_ms = estimate::of_family(app.parts(), family).await?;
        let results = record::results(family, &app.parts().routes);
        let current = results.iter().rev().find(|result| result["status"] == "running");
        Ok(Self {
            job_id: job.id.to_string(),
            status: published(job.state),
            progress: Progress {
                total: job.input["count"].as_u64().unwrap_or(0),
                completed: family.jobs[1..].iter().filter(|child| is_made(child)).count(),
                current_character: current.and_then(|result| result["character_id"].as_str()).map(str::to_owned),
                current_stage: record::stage(job, &family.listed),
                percent_complete: percent(family),
            },
            errors: record::errors(family),
            results,
            created_at: rfc3339(job.created_ms),
            updated_at: rfc3339(job.updated_ms),
            estimated_completion: ends_ms.map(rfc3339),
        })
    }
}

fn is_made(child: &Job) -> bool {
    matches!(child.state, JobState::Delivering | JobState::Completed)
}

/// While it delivers, the published status is `running`.
pub(crate) fn published(state: JobState) -> &'static str {
    if state == JobState::Delivering { JobState::Running.name() } else { state.name() }
}

/// How much of a production is made, by what each character has so far. 100 only once all of it has arrived.
pub(crate) fn percent(family: &Family) -> u32 {
    let Some((job, children)) = family.jobs.split_first() else { return 0 };
    if job.state == JobState::Completed {
        return 100;
    }
    let total = u32::try_from(job.input["count"].as_u64().unwrap_or(1)).unwrap_or(1).max(1);
    let share = |child: &Job| {
        if is_made(child) {
            return 98;
        }
        let has = |kind: Kind| family.listed.iter().any(|(asset, _)| asset.job == child.id && asset.kind == kind);
        // What each of these took of the whole, as measured with the built-in renderers.
        let made = [
            (Kind::AnimeImage, 3),
            (Kind::CosplayImage, 6),
            (Kind::DanceVideo, 40),
            (Kind::VariantVideo, 65),
            (Kind::RemixVideo, 75),
            (Kind::WatermarkedVideo, 85),
            (Kind::OrigVideo, 95),
        ];
        made.into_iter().filter(|(kind, _)| has(*kind)).map(|(_, share)| share).max().unwrap_or(0)
    };
    (children.iter().map(share).sum::<u32>() / total).min(99)
}

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those with this published status.
    #[serde(default)]
    #[param(pattern = "^(queued|running|completed|failed|cancelled)$")]
    status: Option<String>,
    /// At most this many.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    limit: u32,
}

fn default_limit() -> u32 {
    20
}

/// Jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobList {
    success: bool,
    jobs: Vec<JobView>,
    count: usize,
}

/// Lists productions, newest first.
#[utoipa::path(get, path = "/api/v1/pipeline/jobs", tag = "pipeline", params(ListQuery), responses((status = 200, body = JobList)))]
pub(super) async fn jobs(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<Json<JobList>, Problem> {
    let refuse = |reason: String| Problem::new(Code::InputInvalid, "list jobs", reason);
    if !(1..=200).contains(&query.limit) {
        return Err(refuse(format!("limit is 1 to 200, not {}", query.limit)));
    }
    let states: Vec<Option<JobState>> = match query.status.as_deref() {
        None => vec![None],
        Some("running") => vec![Some(JobState::Running), Some(JobState::Delivering)],
        Some(status) => match JobState::named(status).filter(|state| *state != JobState::Delivering) {
            Some(state) => vec![Some(state)],
            None => return Err(refuse(format!("status is queued, running, completed, failed or cancelled, not {status:?}"))),
        },
    };
    let mut found: Vec<Job> = Vec::new();
    for state in states {
        let workflow = Some(production::CARD.name.to_owned());
        found.extend(app.parts().store.jobs(&JobFilter { state, workflow, limit: query.limit, ..JobFilter::default() }).await?);
    }
    found.sort_by_key(|job| std::cmp::Reverse((job.created_ms, job.id)));
    found.truncate(query.limit as usize);
    let mut jobs = Vec::with_capacity(found.len());
    for job in found {
        jobs.push(JobView::of(&app, &app.parts().store.family(job.id).await?).await?);
    }
    Ok(Json(JobList { success: true, count: jobs.len(), jobs }))
}

/// Stops a production. It takes effect within a second; what was made is kept.
#[utoipa::path(post, path = "/api/v1/pipeline/cancel/{job_id}", tag = "pipeline", params(("job_id" = String, Path, description = "Its id")),
    responses((status = 200, body = Cancelled)))]
pub(super) async fn cancel(State(app): State<App>, Path(job_id): Path<String>) -> Result<Json<Cancelled>, Problem> {
    let id = job_id.parse::<JobId>().map_err(|_| unknown(&job_id))?;
    production(&app, id).await?;
    app.desk.cancel(id).await?;
    Ok(Json(Cancelled { success: true, status: "cancelled" }))
}

/// It was asked to stop.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cancelled {
    success: bool,
    status: &'static str,
}

/// How often something was written that answers may tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp([u64; 3]);

impl Stamp {
    fn of(app: &App) -> Self {
        let watch = &app.parts().watch;
        Self([*watch.events.borrow(), *watch.jobs.borrow(), *watch.outbox.borrow()])
    }
}

/// Answers about jobs, good until anything is written: those who ask every second cost next to nothing.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<JobId, (Stamp, Bytes)>>);

impl Seen {
    fn get(&self, id: JobId, stamp: Stamp) -> Option<Bytes> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&id).filter(|(at, _)| *at == stamp).map(|(_, body)| body.clone())
    }

    fn put(&self, id: JobId, stamp: Stamp, body: Bytes) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX {
            seen.clear();
        }
        seen.insert(id, (stamp, body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pipeline_requests_have_the_published_defaults() {
        let request: RunRequest = serde_json::from_value(json!({"count": 5})).unwrap();
        assert_eq!((request.style_id.as_str(), request.reference_videos.len()), ("kpop_dance", 0));
        let Options { skip_existing, generate_variants, create_soundtracks, apply_watermark } = request.options;
        assert!(skip_existing && generate_variants && create_soundtracks && apply_watermark);
        assert!(serde_json::from_value::<RunRequest>(json!({"count": 5, "more": 1})).is_err());
    }
}
