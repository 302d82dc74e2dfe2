//! What was sent and spent, and the bounds of it: asked within the transaction that is about to send more.

use crate::rows;
use crate::sql::{Sql, params};
use crate::store::SqlStore;
use crate::writer::Write;
use rushes_core::ledger::{SpentADay, SpentByJob, Terms};
use rushes_core::{Code, Fault, JobId};
use std::time::Duration;

pub(super) const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Between two looks whether one of the unfinished has ended, or somebody has raised a budget.
const LOOK: Duration = Duration::from_secs(5);

/// What one attempt costs, or may.
const MICROS: &str = "CASE WHEN a.state = 'failed' THEN coalesce(a.cost_micros, 0) ELSE coalesce(a.cost_micros, a.reserved_micros) END";

/// What was declined, or never arrived, was sent for nothing; what came to nothing and was paid was sent all the same.
const SENT: &str = "count(CASE WHEN a.state <> 'failed' OR a.cost_micros > 0 THEN 1 END)";

pub(crate) const OPEN_THERE: &str = "SELECT count(*) FROM attempts WHERE provider = ?1 AND state IN ('intent', 'submitted', 'unknown')";
/// How many, and the first of them.
pub(crate) const SENT_SINCE: &str = "SELECT count(*), coalesce(min(began_ms), 0) FROM attempts WHERE began_ms > ?2 AND provider = ?1";

pub(crate) fn spent_since() -> String {
    format!("SELECT CAST(coalesce(sum({MICROS}), 0) AS BIGINT) FROM attempts a WHERE a.began_ms >= ?1")
}

pub(crate) fn spent_there_since() -> String {
    format!("{} AND a.provider = ?2", spent_since())
}

pub(crate) fn spent_by_root() -> String {
    format!(
        "SELECT CAST(coalesce(sum({MICROS}), 0) AS BIGINT) FROM jobs j CROSS JOIN attempts a ON a.job = j.id
         WHERE j.root = (SELECT root FROM jobs WHERE id = ?1)"
    )
}

pub(crate) fn spent_a_day() -> String {
    format!(
        "SELECT a.began_ms / {DAY_MS}, a.provider, {SENT}, count(CASE WHEN a.state NOT IN ('done', 'failed') THEN 1 END),
             CAST(coalesce(sum({MICROS}), 0) AS BIGINT)
         FROM attempts a WHERE a.began_ms >= ?1 GROUP BY 1, 2 ORDER BY 1 DESC, 2"
    )
}

pub(crate) fn spent_by_job() -> String {
    format!(
        "SELECT r.id, r.workflow, {SENT}, CAST(coalesce(sum({MICROS}), 0) AS BIGINT)
         FROM attempts a CROSS JOIN jobs j ON j.id = a.job CROSS JOIN jobs r ON r.id = j.root
         WHERE a.began_ms >= ?1 GROUP BY r.id, r.workflow ORDER BY 4 DESC, r.id DESC LIMIT ?2"
    )
}

/// Refuses what would go beyond the terms. Errors: `provider_busy`, `budget_spent`, each with how long to wait at least.
pub(super) fn check(write: &Write<'_>, job: JobId, terms: &Terms) -> Result<(), Fault> {
    let provider = &terms.provider;
    let busy = |wait: Duration, reason: String| {
        Fault::new(Code::ProviderBusy, "send").with("provider", provider).because(reason).retry_after(wait)
    };
    if let Some(most) = terms.at_once {
        let open = rows::one(write.sql, OPEN_THERE, params![provider], |row| row.get::<_, i64>(0))?.unwrap_or(0);
        if open >= i64::from(most) {
            return Err(busy(LOOK, format!("{open} are unfinished there, and {most} may be at once (`providers.{provider}.at_once`)")));
        }
    }
    if let Some(most) = terms.per_minute {
        let since_ms = write.now_ms - MINUTE_MS;
        let sent = rows::one(write.sql, SENT_SINCE, params![provider, since_ms], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let (sent, first_ms) = sent.unwrap_or_default();
        if sent >= i64::from(most) {
            let wait = u64::try_from(first_ms + MINUTE_MS - write.now_ms).unwrap_or(0).max(1);
            let reason = format!("{sent} were sent within a minute, and {most} may be (`providers.{provider}.per_minute`)");
            return Err(busy(Duration::from_millis(wait), reason));
        }
    }
    let today_ms = write.now_ms - write.now_ms.rem_euclid(DAY_MS);
    let micros = |row: &crate::sql::Row<'_>| row.get::<_, i64>(0);
    let within = |cap: Option<i64>, what: &str, setting: &str, spent: &dyn Fn() -> Result<Option<i64>, Fault>| {
        let Some(cap) = cap else { return Ok(()) };
        let spent = spent()?.unwrap_or(0);
        if spent.saturating_add(terms.price_micros) <= cap {
            return Ok(());
        }
        let reason =
            format!("{what} {} of {} are spent, and the next costs {} (`{setting}`)", usd(spent), usd(cap), usd(terms.price_micros));
        Err(Fault::new(Code::BudgetSpent, "send").with("provider", provider).because(reason).retry_after(LOOK))
    };
    within(terms.day_micros, &format!("today at {provider}"), &format!("providers.{provider}.day_usd"), &|| {
        rows::one(write.sql, &spent_there_since(), params![today_ms, provider], micros)
    })?;
    within(terms.whole_day_micros, "today", "budgets.day_usd", &|| rows::one(write.sql, &spent_since(), params![today_ms], micros))?;
    within(terms.job_micros, "by this job", "budgets.job_usd", &|| rows::one(write.sql, &spent_by_root(), params![job.to_string()], micros))
}

/// For people: cents, and what is finer only where there is any.
fn usd(micros: i64) -> String {
    let whole = format!("{}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs());
    let short = whole.trim_end_matches('0');
    let cents = whole.find('.').map_or(whole.len(), |dot| dot + 3);
    format!("{} USD", &whole[..short.len().max(cents)])
}

impl SqlStore {
    pub(super) async fn days(&self, since_ms: i64) -> Result<Vec<SpentADay>, Fault> {
        let read = move |sql: &Sql<'_>| {
            rows::all(sql, &spent_a_day(), [since_ms], |row| {
                Ok(SpentADay {
                    day_ms: row.get::<_, i64>(0)? * DAY_MS,
                    provider: row.get(1)?,
                    sent: row.get::<_, i64>(2)?.unsigned_abs(),
                    open: row.get::<_, i64>(3)?.unsigned_abs(),
                    micros: row.get(4)?,
                })
            })
        };
        self.read(read).await
    }

    pub(super) async fn dearest(&self, since_ms: i64, limit: usize) -> Result<Vec<SpentByJob>, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |sql: &Sql<'_>| {
            rows::all(sql, &spent_by_job(), [since_ms, limit], |row| {
                Ok(SpentByJob {
                    job: rows::parsed(row, 0)?,
                    workflow: row.get(1)?,
                    sent: row.get::<_, i64>(2)?.unsigned_abs(),
                    micros: row.get(3)?,
                })
            })
        };
        self.read(read).await
    }
}
