//! `rushes status`: what is still owed, and how fast deliveries have been.

use super::{Context, exit, print};
use crate::wire;
use crate::words;
use serde_json::json;

pub(super) async fn run(context: &Context) -> anyhow::Result<u8> {
    let parts = wire::look(&context.home, &context.loaded.config)?;
    let (jobs, places) = (parts.store.count().await?, parts.store.backlog().await?);
    if context.json {
        print::json(&json!({"jobs": jobs, "destinations": places, "held": parts.routes.hold}))?;
        return Ok(exit::DONE);
    }
    let jobs: Vec<String> = jobs.iter().map(|(state, n)| format!("{n} {}", state.name())).collect();
    print::line(format!("Jobs: {}", if jobs.is_empty() { "none yet".to_owned() } else { jobs.join(", ") }));
    if parts.routes.hold {
        print::line("Deliveries are held: nothing is sent until `delivery.hold` is lifted.");
    }
    for (name, backlog) in places.iter().filter(|(_, backlog)| backlog.alarms > 0) {
        print::line(format!(
            "Alarm: {} of what {name} is owed failed {} times or more; it is still tried.",
            backlog.alarms, parts.routes.alarm_after
        ));
    }
    print::table(
        &["place", "owed", "refused", "oldest owed", "p50", "p95", "p99", "success"],
        &[1, 2, 3, 4, 5, 6, 7],
        places.into_iter().map(|(name, backlog)| {
            let ms = |ms: u64| words::took(i64::try_from(ms).unwrap_or(i64::MAX));
            let oldest = if backlog.owed == 0 { "–".to_owned() } else { format!("{:.1} s", backlog.oldest_s) };
            let success = format!("{:.1} %", backlog.success_rate * 100.0);
            vec![
                name,
                backlog.owed.to_string(),
                backlog.refused.to_string(),
                oldest,
                ms(backlog.p50_ms),
                ms(backlog.p95_ms),
                ms(backlog.p99_ms),
                success,
            ]
        }),
    );
    Ok(exit::DONE)
}
