//! What users do with the results in their workspace: save, discard, clear. Each is a short job.

use super::app::App;
use super::assets;
use super::caller::Caller;
use super::idempotency::{Carried, same};
use super::jobs::JobFacts;
use super::problem::Problem;
use super::read::{Body, Path};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use rushes_core::job::Asked;
use rushes_core::{AssetId, Code};
use rushes_engine::NewJobRequest;
use rushes_workflows::save::saved_kind;
use rushes_workflows::{clear, discard, save};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

type Started = Result<(StatusCode, Json<JobFacts>), Problem>;

/// Queues a job that is over in a moment.
async fn start(app: &App, caller: &Caller, carried: Option<Extension<Carried>>, workflow: &str, input: &impl Serialize) -> Started {
    let input = json!(input);
    let idem_key = carried.map(|Extension(Carried(key))| key);
    let asked = Asked { key: caller.key_id(), idem_key, webhook_url: None };
    let submitted = app.desk.submit(NewJobRequest { id: None, workflow: workflow.to_owned(), input: input.clone(), asked }).await?;
    Ok((StatusCode::ACCEPTED, Json(JobFacts::of(&same(submitted, workflow, input, false)?))))
}

/// A result of a workspace. Errors: `not_found`, `input_invalid` for another kind of asset.
async fn result(app: &App, text: &str) -> Result<AssetId, Problem> {
    let id = assets::id_of(text)?;
    saved_kind(app.parts().store.asset(id).await?.kind)?;
    Ok(id)
}

/// Keeps a result for good: another asset of the same bytes, below the user's folder `library`. Its job's value names it.
#[utoipa::path(post, path = "/api/v1/workspace/{asset}/save", tag = "workspace", params(("asset" = String, Path, description = "The result's id")),
    responses((status = 202, body = JobFacts)))]
pub(super) async fn save(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    Path(asset): Path<String>,
) -> Started {
    let input = save::Input { asset: result(&app, &asset).await? };
    start(&app, &caller, carried, save::CARD.name, &input).await
}

/// Removes a result at once: its row, its objects, its thumbnail. What was saved of it stays.
#[utoipa::path(post, path = "/api/v1/workspace/{asset}/discard", tag = "workspace",
    params(("asset" = String, Path, description = "The result's id")), responses((status = 202, body = JobFacts)))]
pub(super) async fn discard(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    Path(asset): Path<String>,
) -> Started {
    let input = discard::Input { asset: result(&app, &asset).await? };
    start(&app, &caller, carried, discard::CARD.name, &input).await
}

/// Whose workspace to clear.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClearRequest {
    /// The app's id of its user.
    #[schema(min_length = 1)]
    user_id: String,
    /// The app's id of one of its jobs: only what that made.
    #[serde(default)]
    job_id: Option<String>,
}

/// Removes all that a user's workspace keeps for days only, or what one job made. What was saved stays.
#[utoipa::path(post, path = "/api/v1/workspace/clear", tag = "workspace", request_body = ClearRequest,
    responses((status = 202, body = JobFacts)))]
pub(super) async fn clear(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    Body(ClearRequest { user_id, job_id }): Body<ClearRequest>,
) -> Started {
    if user_id.is_empty() {
        return Err(Problem::new(Code::InputInvalid, "clear workspace", "user_id names the user whose workspace it is"));
    }
    start(&app, &caller, carried, clear::CARD.name, &clear::Input { user_id, job_id }).await
}
