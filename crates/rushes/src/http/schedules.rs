//! Schedules: what is started by the clock, for those who look.

use super::app::App;
use super::problem::Problem;
use super::words::JobWord;
use axum::Json;
use axum::extract::State;
use rushes_core::record::rfc3339;
use rushes_engine::schedules::{Standing, standing};
use serde::Serialize;
use utoipa::ToSchema;

/// Every schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScheduleList {
    schedules: Vec<ScheduleFacts>,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
struct ScheduleFacts {
    name: String,
    /// Minute, hour, day of the month, month, day of the week; or a nickname such as `@daily`.
    cron: String,
    /// The zone those are meant in, by its IANA name.
    time_zone: String,
    workflow: String,
    /// When it comes round next.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// The last job that was started for it.
    last: Option<LastJob>,
    /// The occurrence that was passed over since.
    passed_over: Option<PassedOver>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LastJob {
    #[schema(format = Uuid)]
    job: String,
    state: JobWord,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PassedOver {
    #[schema(format = DateTime)]
    at: String,
    /// Why, in words.
    reason: String,
}

impl ScheduleFacts {
    fn of(schedule: Standing) -> Self {
        let last = schedule.last.map(|job| LastJob {
            job: job.id.to_string(),
            state: JobWord(job.state),
            created_at: rfc3339(job.created_ms),
            ended_at: job.ended_ms.map(rfc3339),
        });
        Self {
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            workflow: schedule.workflow,
            next_at: schedule.next_ms.map(rfc3339),
            last,
            passed_over: schedule.passed.map(|(at_ms, reason)| PassedOver { at: rfc3339(at_ms), reason }),
        }
    }
}

/// Lists what is started by the clock, when next, and what came of the last time.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "workflows", responses((status = 200, body = ScheduleList)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<ScheduleList>, Problem> {
    let all = standing(app.parts()).await?;
    Ok(Json(ScheduleList { schedules: all.into_iter().map(ScheduleFacts::of).collect() }))
}
