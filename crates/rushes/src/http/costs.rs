//! What was spent at providers, and how that stands to what may be.

use super::app::App;
use super::problem::Problem;
use super::read::Query;
use axum::Json;
use axum::extract::State;
use rushes_core::Code;
use rushes_core::record::rfc3339;
use rushes_engine::costs::{self, COST_DAYS, usd};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const USUAL_DAYS: u32 = 30;

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// So many days, today (UTC) among them; 30 unless told.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// What was spent, and what may be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CostsWhole {
    /// By day and provider, newest first.
    days: Vec<DayCosts>,
    /// By topmost job with its children, the dearest first; fifty at most.
    jobs: Vec<JobCosts>,
    /// The caps there are.
    budgets: Vec<BudgetFacts>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DayCosts {
    /// As `2026-11-22`, UTC.
    day: String,
    provider: String,
    /// Attempts that were sent.
    sent: u64,
    /// Of them unfinished, or to be settled by a person.
    open: u64,
    /// Spent and set aside, US dollars.
    usd: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct JobCosts {
    #[schema(format = Uuid)]
    job: String,
    workflow: String,
    /// Attempts that were sent.
    sent: u64,
    /// Spent and set aside, US dollars.
    usd: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct BudgetFacts {
    /// Where it is set.
    setting: String,
    /// US dollars.
    cap_usd: f64,
    /// Spent and set aside today, US dollars; null for the cap of each job.
    spent_usd: Option<f64>,
}

/// Says what was spent by day, by job and of each budget. What is not over counts as what was set aside for it.
#[utoipa::path(get, path = "/api/v1/costs", tag = "jobs", params(Since), responses((status = 200, body = CostsWhole)))]
pub(super) async fn show(State(app): State<App>, Query(since): Query<Since>) -> Result<Json<CostsWhole>, Problem> {
    let days = since.days.unwrap_or(USUAL_DAYS);
    if !COST_DAYS.contains(&days) {
        return Err(Problem::new(Code::InputInvalid, "list costs", "days is 1 to 366"));
    }
    let costs = costs::costs(app.parts(), days).await?;
    let days = costs.days.into_iter().map(|spent| DayCosts {
        day: rfc3339(spent.day_ms)[..10].to_owned(),
        provider: spent.provider,
        sent: spent.sent,
        open: spent.open,
        usd: usd(spent.micros),
    });
    let jobs = costs.jobs.into_iter().map(|spent| JobCosts {
        job: spent.job.to_string(),
        workflow: spent.workflow,
        sent: spent.sent,
        usd: usd(spent.micros),
    });
    let budgets =
        costs.budgets.into_iter().map(|told| BudgetFacts { setting: told.setting, cap_usd: told.cap_usd, spent_usd: told.spent_usd });
    Ok(Json(CostsWhole { days: days.collect(), jobs: jobs.collect(), budgets: budgets.collect() }))
}
