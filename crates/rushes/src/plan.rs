//! What a job would do, how long that takes and what it costs: for the command line and over HTTP alike. Starts nothing.

use rushes_core::{Code, Fault};
use rushes_engine::{Parts, estimate, library};
use rushes_workflows::{Kit, Look, Registry};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a job would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    workflow: String,
    /// The parameters with everything filled in that was left out; the seed is another each time, unless given.
    parameters: Value,
    pub(crate) steps: Vec<PlannedStep>,
    /// What there is to do, a line each, where that depends on what there is.
    pub(crate) found: Vec<String>,
    /// What providers charge for it. The built-in ones charge nothing.
    pub(crate) cost: Cost,
    /// How long it takes, from what earlier jobs here took; none where nothing like it was done yet.
    pub(crate) seconds: Option<f64>,
}

/// A step of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedStep {
    /// The workflow whose step it is: the job's own, or its children's.
    pub(crate) workflow: &'static str,
    pub(crate) name: String,
    /// How often: once in each child.
    pub(crate) times: u32,
    /// How long each usually takes; none where it was not done yet.
    pub(crate) seconds: Option<f64>,
}

/// Money.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cost {
    pub(crate) amount: f64,
    /// ISO 4217.
    pub(crate) currency: &'static str,
}

/// The plan of a workflow with whole parameters. Errors: `workflow_unknown`, `not_found`, those of the store.
pub(crate) async fn of(parts: &Parts, kit: &Kit, workflow: &str, parameters: Value) -> Result<Plan, Fault> {
    let outside = Registry::card(workflow).and_then(|card| card.outside);
    let outside = outside.ok_or_else(|| Fault::new(Code::WorkflowUnknown, "plan job").with("workflow", workflow))?;
    let library = library(parts);
    let planned = (outside.plan)(parameters.clone(), Look { kit, library: library.as_ref() }).await?;
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    let seconds = |ms: i64| ms.max(0) as f64 / 1_000.0;
    let mut steps = Vec::new();
    for step in planned.steps {
        let usual = estimate::of_steps(parts, step.workflow).await?;
        let took = usual.get(&step.step).copied().map(seconds);
        steps.push(PlannedStep { workflow: step.workflow, name: step.step, times: step.times, seconds: took });
    }
    let whole = estimate::of_parameters(parts, workflow, &parameters).await?.map(seconds);
    let cost = Cost { amount: 0.0, currency: "USD" };
    Ok(Plan { workflow: workflow.to_owned(), parameters, steps, found: planned.found, cost, seconds: whole })
}
