//! `rushes jobs`: list them, show one, answer what one waits for, cancel one, retry one, settle what nobody can tell.

use super::follow::{self, End, Until};
use super::hand::{self, Hand};
use super::{Context, exit, print};
use crate::wire;
use crate::words;
use rushes_core::choice::Choice;
use rushes_core::job::{Job, JobState, Outcome, StepRow};
use rushes_core::ledger::Standing;
use rushes_core::record::rfc3339;
use rushes_core::store::JobFilter;
use rushes_core::{Fault, JobId};
use rushes_engine::{Ask, Parts, choices, steps};
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List jobs, newest first.
    Ls {
        /// Only those in this state.
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one job, its children and their steps.
    Show {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
    },
    /// Stop a job; what is made is kept.
    Cancel {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
    },
    /// Choose the take a job waits for; it goes on with that.
    Choose {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
        /// The take's number, from 1; `rushes jobs show` lists them.
        take: u32,
    },
    /// Send a value to a name a job waits for.
    Signal {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
        /// What it waits for, as `rushes jobs show` says.
        name: String,
        /// Any JSON, such as true or '{"take": 2}'.
        #[arg(value_parser = json_value)]
        value: Value,
    },
    /// Say what became of what a step sent to a provider, where nobody could tell; `retry` then goes on with that.
    Settle {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
        /// The step's name, as `rushes jobs show` says.
        step: String,
        /// It arrived, and has this name at the provider.
        #[arg(long, value_name = "NAME", conflicts_with = "not_arrived", required_unless_present = "not_arrived")]
        arrived: Option<String>,
        /// It never arrived: it may be sent again.
        #[arg(long)]
        not_arrived: bool,
    },
    /// Take a failed job up again at the steps that failed; where only a destination refused, deliver again.
    Retry {
        /// The job's id.
        #[arg(value_parser = print::job_id)]
        id: JobId,
        /// Do not wait for its end.
        #[arg(long)]
        no_wait: bool,
    },
}

fn state(text: &str) -> Result<JobState, String> {
    JobState::named(text).ok_or_else(|| format!("states are: {}", JobState::ALL.map(JobState::name).join(", ")))
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("it is no JSON: {e}; text stands in quotes: '\"text\"'"))
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Ls { state, limit } => list(context, state, limit).await,
        Command::Show { id } => show(context, id).await,
        Command::Choose { id, take } => {
            let says = format!("goes on with take {take}");
            tell(context, Ask::Choose { job: id, take }, json!({ "take": take }), &says).await
        }
        Command::Signal { id, name, value } => {
            let says = format!("was sent {name}");
            tell(context, Ask::Signal { job: id, name: name.clone(), value }, json!({ "signal": name }), &says).await
        }
        Command::Settle { id, step, arrived, not_arrived: _ } => {
            let says = format!("knows what became of {step}");
            tell(context, Ask::Settle { job: id, step: step.clone(), arrived }, json!({ "step": step }), &says).await
        }
        Command::Cancel { id } => change(context, Ask::Cancel { job: id }, true).await,
        Command::Retry { id, no_wait } => {
            let parts = wire::look(&context.home, &context.loaded.config)?;
            let had_failed = parts.store.job(id).await.is_ok_and(|job| job.state == JobState::Failed);
            change(context, Ask::Retry { job: id, had_failed }, !no_wait).await
        }
    }
}

/// Tells a job something. Whoever works on the home goes on with it, now or when they come.
async fn tell(context: &Context, ask: Ask, mut answer: Value, says: &str) -> anyhow::Result<u8> {
    let job = hand::job_of(&hand::ask_once(context, ask).await?)?;
    answer["job"] = json!(job);
    if context.json {
        print::json(&answer)?;
    } else {
        print::line(format!("{job} {says}."));
    }
    Ok(exit::DONE)
}

/// Asks for the change, waits for the job's end, and says how it stands.
async fn change(context: &Context, ask: Ask, wait: bool) -> anyhow::Result<u8> {
    let is_cancel = matches!(ask, Ask::Cancel { .. });
    let mut hand = Hand::open(context).await?;
    let id = hand::job_of(&hand.ask(ask).await?)?;
    // A retry without waiting is left to whoever works on the home, or will.
    let until = match (wait, is_cancel) {
        (false, _) => Until::Nothing,
        // What was made before is sent all the same; nobody waits for that.
        (true, true) => Until::Workflow,
        (true, false) => Until::Delivery,
    };
    let End { job, code } = follow::follow(&mut hand, id, until, None).await?;
    hand.close().await;
    if context.json {
        print::json(&as_json(&job))?;
    } else {
        let why = job.fault.as_ref().map_or_else(String::new, |fault| format!(": {fault}"));
        print::line(format!("{} {}{why}", job.id, job.state.name()));
    }
    // To have been cancelled is what was asked for.
    Ok(if is_cancel && code == exit::CANCELLED { exit::DONE } else { code })
}

fn as_json(job: &Job) -> Value {
    json!({
        "id": job.id, "workflow": job.workflow, "state": job.state, "waiting_for": job.waiting_for, "input": job.input,
        "value": job.value, "error": job.fault, "parent": job.parent, "tries": job.tries,
        "created_at": rfc3339(job.created_ms), "updated_at": rfc3339(job.updated_ms), "ended_at": job.ended_ms.map(rfc3339),
    })
}

fn choice_json(choice: &Choice) -> Value {
    let takes: Vec<Value> = (1..).zip(&choice.takes).map(|(take, asset): (u32, _)| json!({"take": take, "asset": asset.id})).collect();
    json!({"name": choice.name, "takes": takes})
}

/// A job's steps, each with what it sent outside.
async fn steps_json(parts: &Parts, job: JobId) -> Result<Vec<Value>, Fault> {
    Ok(steps::of_job(parts, job).await?.iter().map(|(step, sent)| step_json(step, sent)).collect())
}

fn step_json(step: &StepRow, sent: &Standing) -> Value {
    json!({
        "name": step.name, "state": step_state(step), "attempts": step.attempts, "started_at": rfc3339(step.started_ms),
        "ended_at": step.ended_ms.map(rfc3339), "provider": step.provider, "external_id": sent.external_id, "sent": sent.state,
        "cost": sent.cost, "last_error": step.last_fault,
    })
}

fn step_state(step: &StepRow) -> &'static str {
    match step.outcome {
        None => "running",
        Some(Outcome::Value(_)) => "done",
        Some(Outcome::Failed(_)) => "failed",
        Some(Outcome::Cancelled) => "cancelled",
    }
}

async fn list(context: &Context, state: Option<JobState>, limit: u32) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let jobs = parts.store.jobs(&JobFilter { state, limit, ..JobFilter::default() }).await?;
    if context.json {
        print::json(&json!({"jobs": jobs.iter().map(as_json).collect::<Vec<_>>()}))?;
    } else if jobs.is_empty() {
        print::line("No jobs yet. Start one: rushes run production --count 1 --seed 7");
    } else {
        let rows = jobs
            .iter()
            .map(|job| vec![job.id.to_string(), job.workflow.clone(), job.state.name().to_owned(), rfc3339(job.created_ms), took(job)]);
        print::table(&["job", "workflow", "state", "created", "took"], &[4], rows);
    }
    Ok(exit::DONE)
}

fn took(job: &Job) -> String {
    job.ended_ms.map_or_else(|| "–".to_owned(), |ended_ms| words::took(ended_ms - job.created_ms))
}

async fn show(context: &Context, id: JobId) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let job = parts.store.job(id).await?;
    let family = parts.store.family(job.root).await?.jobs;
    let members: Vec<&Job> = std::iter::once(&job).chain(family.iter().filter(|child| child.parent == Some(id))).collect();
    if context.json {
        let steps = steps_json(&parts, id).await?;
        let mut children = Vec::new();
        for child in &members[1..] {
            let steps = steps_json(&parts, child.id).await?;
            let mut shown = as_json(child);
            shown["steps"] = json!(steps);
            shown["choice"] = choices::of_job(&parts, child).await?.map_or(Value::Null, |choice| choice_json(&choice));
            children.push(shown);
        }
        let mut shown = as_json(&job);
        shown["steps"] = json!(steps);
        shown["choice"] = choices::of_job(&parts, &job).await?.map_or(Value::Null, |choice| choice_json(&choice));
        shown["children"] = json!(children);
        print::json(&shown)?;
        return Ok(exit::DONE);
    }
    for member in members {
        let name = member.child_name.as_deref().map_or_else(|| member.workflow.clone(), |name| format!("{} ({name})", member.workflow));
        let waits = member.waiting_for.as_ref().map_or_else(String::new, |what| format!(", waiting for {what}"));
        print::line(format!("{} {name}: {}{waits}, took {}", member.id, member.state.name(), took(member)));
        if let Some(fault) = &member.fault {
            print::line(format!("  {fault}"));
        }
        if let Some(choice) = choices::of_job(&parts, member).await? {
            print::line(format!("  choose {} with `rushes jobs choose {} TAKE`:", choice.name, member.id));
            (1..).zip(&choice.takes).for_each(|(take, asset)| print::line(format!("  {take}  {}  {}", asset.id, asset.stem)));
        }
        let steps = steps::of_job(&parts, member.id).await?;
        let rows = steps.iter().map(|(step, _)| {
            let took = step.ended_ms.map_or_else(|| "–".to_owned(), |ended_ms| words::took(ended_ms - step.started_ms));
            vec![step.name.clone(), step_state(step).to_owned(), step.attempts.to_string(), took, step.provider.clone().unwrap_or_default()]
        });
        print::table(&["step", "state", "attempts", "took", "provider"], &[2, 3], rows);
    }
    Ok(exit::DONE)
}
