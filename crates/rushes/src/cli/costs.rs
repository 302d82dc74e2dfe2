//! `rushes costs`: what was spent at providers, and how that stands to what may be.

use super::{Context, exit, print};
use crate::wire;
use rushes_core::record::rfc3339;
use rushes_engine::costs::{costs, usd};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// So many days, today (UTC) among them.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let costs = costs(&wire::look(&context.home, &context.loaded.config)?, args.days).await?;
    let day = |ms: i64| rfc3339(ms)[..10].to_owned();
    if context.json {
        let days: Vec<_> = costs
            .days
            .iter()
            .map(|spent| json!({"day": day(spent.day_ms), "provider": spent.provider, "sent": spent.sent, "open": spent.open, "usd": usd(spent.micros)}))
            .collect();
        let jobs: Vec<_> = costs
            .jobs
            .iter()
            .map(|spent| json!({"job": spent.job, "workflow": spent.workflow, "sent": spent.sent, "usd": usd(spent.micros)}))
            .collect();
        print::json(&json!({"days": days, "jobs": jobs, "budgets": costs.budgets}))?;
        return Ok(exit::DONE);
    }
    if costs.days.is_empty() {
        print::line("Nothing was sent to any provider in that time.");
    }
    let money = |micros| format!("{:.2}", usd(micros));
    let rows = costs
        .days
        .iter()
        .map(|spent| vec![day(spent.day_ms), spent.provider.clone(), spent.sent.to_string(), spent.open.to_string(), money(spent.micros)]);
    print::table(&["day", "provider", "sent", "open", "USD"], &[2, 3, 4], rows);
    let rows =
        costs.jobs.iter().map(|spent| vec![spent.job.to_string(), spent.workflow.clone(), spent.sent.to_string(), money(spent.micros)]);
    print::table(&["job", "workflow", "sent", "USD"], &[2, 3], rows);
    for budget in &costs.budgets {
        let spent = budget.spent_usd.map_or_else(String::new, |usd| format!(", {usd:.2} of it today"));
        print::line(format!("{}: {:.2} USD{spent}", budget.setting, budget.cap_usd));
    }
    Ok(exit::DONE)
}
