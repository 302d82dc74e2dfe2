//! What was spent at providers: by day, by job, and how that stands to what may be.

use crate::parts::Parts;
use rushes_core::Fault;
use rushes_core::ledger::{SpentADay, SpentByJob};
use serde::Serialize;

const DAY_MS: i64 = 86_400_000;
/// Jobs that are told of, the dearest first.
const JOBS_MAX: usize = 50;
/// Days that may be asked for.
pub const COST_DAYS: std::ops::RangeInclusive<u32> = 1..=366;

/// What may be spent, in millionths of a US dollar; None = no cap.
#[derive(Debug, Clone, Default)]
pub struct Budgets {
    /// Within a day (UTC), at all providers.
    pub day_micros: Option<i64>,
    /// By one job with its children.
    pub job_micros: Option<i64>,
    /// Within a day, at one: its name and the cap.
    pub providers: Vec<(String, i64)>,
}

/// A cap, and how far it is used up today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Budget {
    /// The setting that says it.
    pub setting: String,
    /// US dollars.
    pub cap_usd: f64,
    /// Spent and set aside today, US dollars; None for the cap of each job.
    pub spent_usd: Option<f64>,
}

/// What was spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// By day and provider, newest first.
    pub days: Vec<SpentADay>,
    /// By topmost job, the dearest first.
    pub jobs: Vec<SpentByJob>,
    /// The caps there are.
    pub budgets: Vec<Budget>,
}

/// US dollars of millionths.
#[must_use]
pub fn usd(micros: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "nobody spends thousands of millions")]
    let usd = micros as f64 / 1e6;
    usd
}

/// What was spent within the last days, today (UTC) among them. `days` is of [`COST_DAYS`].
pub async fn costs(parts: &Parts, days: u32) -> Result<Costs, Fault> {
    let now_ms = parts.clock.now_ms();
    let today_ms = now_ms - now_ms.rem_euclid(DAY_MS);
    let since_ms = today_ms - i64::from(days.saturating_sub(1)) * DAY_MS;
    let (days, jobs) = (parts.store.spent_a_day(since_ms).await?, parts.store.spent_by_job(since_ms, JOBS_MAX).await?);
    let today = |of: Option<&str>| {
        let of_today = days.iter().filter(|day| day.day_ms == today_ms && of.is_none_or(|name| day.provider == name));
        usd(of_today.map(|day| day.micros).sum())
    };
    let caps = &parts.budgets;
    let mut budgets: Vec<Budget> = Vec::new();
    let mut tell = |setting: String, cap: i64, spent_usd| budgets.push(Budget { setting, cap_usd: usd(cap), spent_usd });
    if let Some(cap) = caps.day_micros {
        tell("budgets.day_usd".to_owned(), cap, Some(today(None)));
    }
    if let Some(cap) = caps.job_micros {
        tell("budgets.job_usd".to_owned(), cap, None);
    }
    for (name, cap) in &caps.providers {
        tell(format!("providers.{name}.day_usd"), *cap, Some(today(Some(name))));
    }
    Ok(Costs { days, jobs, budgets })
}
