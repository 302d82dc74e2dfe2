//! Workflows: what can be started, what it takes, what will be done, and starting it.

use super::app::App;
use super::caller::Caller;
use super::idempotency::{Carried, same};
use super::jobs::JobFacts;
use super::pipeline::fresh_seed;
use super::problem::Problem;
use super::read::{Body, Path};
use crate::plan::{self, Plan};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use rushes_core::job::Asked;
use rushes_core::{Code, Fault};
use rushes_engine::NewJobRequest;
use rushes_workflows::{Outside, Registry};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What can be done here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkflowList {
    workflows: Vec<WorkflowFacts>,
}

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowFacts {
    name: &'static str,
    /// Raised whenever its steps change.
    version: u32,
    about: &'static str,
    /// Whether it is started here. The others read files of the server's own disk: `put` is done by POST /api/v1/assets.
    startable: bool,
    /// The JSON schema of its parameters, where it is started here.
    parameters: Value,
}

/// Lists workflows with what each takes.
#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows", responses((status = 200, body = WorkflowList)))]
pub(super) async fn list() -> Json<WorkflowList> {
    let facts = Registry::cards().iter().filter(|card| !card.about.is_empty()).map(|card| WorkflowFacts {
        name: card.name,
        version: card.version,
        about: card.about,
        startable: card.outside.is_some(),
        parameters: card.outside.map_or(Value::Null, |outside| outside.schema()),
    });
    Json(WorkflowList { workflows: facts.collect() })
}

/// A job to be started, or planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartRequest {
    /// The workflow's parameters; GET /api/v1/workflows gives their schema.
    #[schema(value_type = Object)]
    parameters: Value,
    /// Where the end of the job is told.
    #[serde(default)]
    #[schema(format = Uri)]
    webhook_url: Option<String>,
}

/// Parameters to be planned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanRequest {
    /// As they would be started with.
    #[schema(value_type = Object)]
    parameters: Value,
}

/// Errors: `workflow_unknown`; `input_invalid` for one that is not started from outside.
fn outside(name: &str) -> Result<Outside, Problem> {
    let startable = || {
        let names: Vec<&str> = Registry::cards().iter().filter(|card| card.outside.is_some()).map(|card| card.name).collect();
        format!("there are: {}", names.join(", "))
    };
    let unknown = || Problem::new(Code::WorkflowUnknown, "start job", startable());
    let card = Registry::card(name).ok_or_else(unknown)?;
    card.outside.ok_or_else(|| Problem::new(Code::InputInvalid, "start job", format!("{name} is not started here; {}", startable())))
}

fn read(app: &App, outside: Outside, parameters: &Value) -> Result<Value, Fault> {
    let references = app.parts().home.references();
    (outside.read)(parameters, &app.door(&references, fresh_seed()))
}

/// Starts a job.
#[utoipa::path(post, path = "/api/v1/workflows/{name}/jobs", tag = "workflows", params(("name" = String, Path, description = "The workflow's")),
    request_body = StartRequest, responses((status = 202, body = JobFacts)))]
pub(super) async fn start(
    State(app): State<App>,
    caller: Caller,
    carried: Option<Extension<Carried>>,
    Path(name): Path<String>,
    Body(request): Body<StartRequest>,
) -> Result<(StatusCode, Json<JobFacts>), Problem> {
    let outside = outside(&name)?;
    let input = read(&app, outside, &request.parameters)?;
    let idem_key = carried.map(|Extension(Carried(key))| key).or_else(|| (outside.key)(&input));
    let asked = Asked { key: caller.key_id(), idem_key, webhook_url: request.webhook_url };
    let submitted = app.desk.submit(NewJobRequest { id: None, workflow: name.clone(), input: input.clone(), asked }).await?;
    let job = same(submitted, &name, input, request.parameters.get("seed").is_none())?;
    Ok((StatusCode::ACCEPTED, Json(JobFacts::of(&job))))
}

/// Says what a job would do, cost and take. Starts nothing.
#[utoipa::path(post, path = "/api/v1/workflows/{name}/plan", tag = "workflows", params(("name" = String, Path, description = "The workflow's")),
    request_body = PlanRequest, responses((status = 200, body = Plan)))]
pub(super) async fn plan(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(request): Body<PlanRequest>,
) -> Result<Json<Plan>, Problem> {
    let parameters = read(&app, outside(&name)?, &request.parameters)?;
    Ok(Json(plan::of(app.parts(), app.desk.workflows().kit(), &name, parameters).await?))
}
