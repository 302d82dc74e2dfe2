//! Jobs that are driven by requests: what a queue of tasks and a clock outside ask for, where the engine looks for no work
//! by itself.

use super::app::App;
use super::jobs::id_of;
use super::problem::Problem;
use super::read::Path;
use super::words::JobWord;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::record::rfc3339;
use rushes_core::{Code, Fault};
use rushes_engine::Driven;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// When to ask again for a job that somebody drives.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long a look stays for what is owed: a clock that looks each minute never has two under way.
const STAYS: Duration = Duration::from_secs(45);

/// What became of a job that was to be driven.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DriveFacts {
    #[schema(format = Uuid)]
    job: String,
    /// `ended`, or `handed_back`: then another task was asked for.
    became: &'static str,
    /// How it ended; `delivering`: a child whose workflow has ended.
    state: Option<JobWord>,
    /// When it is asked for next; null: once something happens to it.
    #[schema(format = DateTime)]
    again_at: Option<String>,
}

/// Drives a job for as long as `engine.tasks.drive_s` allows. 200 when it has ended, at once when it had before; 202 when it was
/// handed back and is asked for again; 409 while somebody else drives it.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/drive", tag = "jobs", params(("id" = Uuid, Path, description = "Its id")),
    responses((status = 200, body = DriveFacts), (status = 202, body = DriveFacts)))]
pub(super) async fn drive(State(app): State<App>, Path(id): Path<String>) -> Result<(StatusCode, Json<DriveFacts>), Problem> {
    let job = id_of(&id)?;
    let deadline = Instant::now() + Duration::from_secs(app.config.engine.tasks.drive_s.into());
    let (status, became, state, again_ms) = match app.desk.drive(job, deadline).await? {
        Driven::Ended(state) => (StatusCode::OK, "ended", Some(JobWord(state)), None),
        Driven::HandedBack { again_ms } => (StatusCode::ACCEPTED, "handed_back", None, again_ms),
        Driven::Busy => return Err(Fault::new(Code::JobTaken, "drive job").with("job", job).retry_after(ASK_AGAIN).into()),
    };
    Ok((status, Json(DriveFacts { job: job.to_string(), became, state, again_at: again_ms.map(rfc3339) })))
}

/// What a look came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LookFacts {
    /// Tasks that were asked for.
    asked: usize,
    /// Objects, records and messages that are still owed.
    owed: u64,
}

/// Starts what is due by the clock, asks the queue for each job that nobody drives and nobody asked for, and stays for up to
/// 45 s while what is owed is being sent. For a clock outside, each minute, where no instance is kept.
#[utoipa::path(post, path = "/api/v1/jobs/drive", tag = "jobs", responses((status = 200, body = LookFacts)))]
pub(super) async fn look(State(app): State<App>) -> Result<Json<LookFacts>, Problem> {
    app.desk.look_at_schedules().await;
    let asked = app.desk.call_for_all().await?;
    let owed = app.desk.sent_within(STAYS).await?;
    Ok(Json(LookFacts { asked, owed }))
}
