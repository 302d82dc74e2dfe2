//! `rushes schedules`: what is started by the clock, when next, and how it ended the last time.

use super::hand;
use super::{Context, exit, print};
use crate::wire;
use rushes_core::record::rfc3339;
use rushes_engine::Ask;
use rushes_engine::schedules::{Standing, standing};
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the schedules of the configuration.
    Ls,
    /// Start the job of a schedule now. Its next turn stays as it is.
    Run {
        /// The schedule's name.
        name: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Ls => list(context).await,
        Command::Run { name } => start(context, name).await,
    }
}

async fn list(context: &Context) -> anyhow::Result<u8> {
    let all = standing(&wire::look(&context.home, &context.loaded.config)?).await?;
    if context.json {
        print::json(&json!({"schedules": all.iter().map(as_json).collect::<Vec<_>>()}))?;
    } else if all.is_empty() {
        print::line("No schedules. Say in rushes.toml what is started when: [[schedules]]");
    } else {
        let rows = all.iter().map(|schedule| {
            let next = schedule.next_ms.map_or_else(|| "never".to_owned(), rfc3339);
            let cron = format!("{} {}", schedule.cron, schedule.time_zone);
            vec![schedule.name.clone(), cron, schedule.workflow.clone(), next, last(schedule)]
        });
        print::table(&["schedule", "when", "workflow", "next", "last"], &[], rows);
    }
    Ok(exit::DONE)
}

/// What came of the last occurrence.
fn last(schedule: &Standing) -> String {
    match (&schedule.passed, &schedule.last) {
        (Some((at_ms, why)), _) => format!("passed over at {}: {why}", rfc3339(*at_ms)),
        (None, Some(job)) => format!("{} {}", job.id, job.state.name()),
        (None, None) => "–".to_owned(),
    }
}

fn as_json(schedule: &Standing) -> Value {
    let last = schedule.last.as_ref().map(|job| {
        let (started, ended) = (rfc3339(job.created_ms), job.ended_ms.map(rfc3339));
        json!({"job": job.id, "state": job.state, "created_at": started, "ended_at": ended})
    });
    let passed = schedule.passed.as_ref().map(|(at_ms, why)| json!({"at": rfc3339(*at_ms), "reason": why}));
    json!({
        "name": schedule.name, "cron": schedule.cron, "time_zone": schedule.time_zone, "workflow": schedule.workflow,
        "next_at": schedule.next_ms.map(rfc3339), "last": last, "passed_over": passed,
    })
}

async fn start(context: &Context, name: String) -> anyhow::Result<u8> {
    let id = hand::job_of(&hand::ask_once(context, Ask::Schedule { name: name.clone() }).await?)?;
    if context.json {
        print::json(&json!({"schedule": name, "job": id}))?;
    } else {
        print::line(format!("{name}: job {id} is queued."));
    }
    Ok(exit::DONE)
}
