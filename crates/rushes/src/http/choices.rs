//! Choosing among takes: what a job waits for, and the answer.

use super::app::App;
use super::jobs::id_of;
use super::problem::Problem;
use super::read::{Body, Path};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::choice::Choice;
use rushes_engine::Ask;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is to choose, so that the job goes on: by POST /api/v1/jobs/{id}/choose.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChoiceFacts {
    name: String,
    takes: Vec<Take>,
}

/// One of what can be chosen.
#[derive(Debug, Serialize, ToSchema)]
struct Take {
    /// Its number, from 1.
    take: u32,
    /// The asset's id.
    asset: String,
    /// Where its bytes are, on this server.
    url: String,
}

impl ChoiceFacts {
    pub(super) fn of(choice: Choice) -> Self {
        let takes = (1..).zip(choice.takes).map(|(take, asset)| Take {
            take,
            asset: asset.id.to_string(),
            url: format!("/api/v1/assets/{}/content", asset.id),
        });
        Self { takes: takes.collect(), name: choice.name }
    }
}

/// Which take it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChooseRequest {
    /// Its number, from 1.
    #[schema(minimum = 1)]
    take: u32,
}

/// It was written down for the job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Chosen {
    /// The job that goes on: the one that was named, or its child that waited.
    #[schema(format = Uuid)]
    job: String,
    take: u32,
}

/// Chooses the take that a job, or one of its children, waits for. 400 when it waits for no choice, has no such take, has been
/// told already, or has ended.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/choose", tag = "jobs", params(("id" = Uuid, Path, description = "The job's id")),
    request_body = ChooseRequest, responses((status = 202, body = Chosen)))]
pub(super) async fn choose(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(ChooseRequest { take }): Body<ChooseRequest>,
) -> Result<(StatusCode, Json<Chosen>), Problem> {
    let answer = app.desk.answer(Ask::Choose { job: id_of(&id)?, take }).await?;
    let job = answer["job"].as_str().unwrap_or(&id).to_owned();
    Ok((StatusCode::ACCEPTED, Json(Chosen { job, take })))
}
