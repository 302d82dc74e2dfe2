//! `/`: is everything arriving? One sentence first, then the figures it follows from.

use super::card::Card;
use super::chart::{self, Chart, Minute};
use super::choices::{self, Awaited};
use super::job::{self, Line};
use super::pictures;
use super::shell::{self, Answer, Shell, Visitor};
use super::words::{self, Cure, Due, Told};
use crate::http::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::delivery::{Backlog, DeliveryState};
use rushes_core::store::{AssetFilter, DeliveryFilter, JobFilter};
use rushes_core::{Fault, JobState};
use rushes_engine::Parts;
use rushes_engine::schedules::standing;
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;
/// Deliveries the chart is drawn from at most, of each destination.
const LATENCIES_MAX: u32 = 20_000;
/// The newest pictures shown.
const NEWEST: usize = 12;
/// Schedules shown.
const NEXT: usize = 3;
/// What waits longer than this is told as a trouble, not as work.
const SLOW_S: f64 = 60.0;

/// The answer to the page's question.
struct Sentence {
    class: &'static str,
    icon: &'static str,
    text: String,
    why: Option<String>,
    cure: Option<Cure>,
}

/// One destination or catalog.
struct PlaceRow {
    name: String,
    backlog: Backlog,
}

impl PlaceRow {
    fn oldest(&self) -> String {
        if self.backlog.owed == 0 { "–".to_owned() } else { words::took(seconds_ms(self.backlog.oldest_s)) }
    }

    fn span(&self, ms: &u64) -> String {
        // Nothing has gone there yet.
        if self.backlog.p99_ms == 0 {
            return "–".to_owned();
        }
        words::took(i64::try_from(*ms).unwrap_or(i64::MAX))
    }

    fn success(&self) -> String {
        percent(self.backlog.success_rate)
    }
}

/// A schedule, and when it comes round.
struct Next {
    name: String,
    due: Due,
    /// The occurrence before it was passed over, for this reason.
    passed: Option<String>,
}

/// The schedules that come round first.
async fn next(parts: &Parts, now_ms: i64) -> Result<Vec<Next>, Fault> {
    let mut all = standing(parts).await?;
    all.sort_by_key(|schedule| schedule.next_ms.unwrap_or(i64::MAX));
    let shown = all.into_iter().take(NEXT).filter_map(|schedule| {
        let due = Due { at_ms: schedule.next_ms?, now_ms };
        Some(Next { name: schedule.name, due, passed: schedule.passed.map(|(_, why)| why) })
    });
    Ok(shown.collect())
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    shell: Shell,
    sentence: Sentence,
    is_empty: bool,
    success: String,
    typical: String,
    owed: u64,
    oldest: Option<String>,
    places: Vec<PlaceRow>,
    minutes: Vec<Minute>,
    chart: Chart,
    running: Vec<Line>,
    awaited: Option<Awaited>,
    /// What the clock starts next.
    next: Vec<Next>,
    newest: Vec<Card>,
}

#[expect(clippy::cast_possible_truncation, reason = "seconds for people")]
fn seconds_ms(seconds: f64) -> i64 {
    (seconds * 1_000.0) as i64
}

/// Never 100 % while something is missing.
fn percent(share: f64) -> String {
    let hundred = share * 100.0;
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.1} %", (hundred * 10.0).floor() / 10.0) }
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Answer {
    let parts = app.parts();
    let mut shell = Shell::of(&app, &visitor, "overview", "Overview").await?.listening("job. step.done asset. delivery. subject.");
    let backlog = std::mem::take(&mut shell.backlog);
    let mut latencies = Vec::new();
    for site in &parts.destinations {
        latencies.extend(parts.store.latencies(&site.name, shell.now_ms - HOUR_MS, LATENCIES_MAX).await?);
    }
    let mut running = Vec::new();
    for state in [JobState::Running, JobState::Delivering, JobState::Queued] {
        for job in parts.store.jobs(&JobFilter { state: Some(state), limit: 6, ..JobFilter::default() }).await? {
            running.push(job::line(&app, &job, shell.now_ms).await?);
        }
    }
    running.truncate(6);
    if !running.is_empty() {
        shell.live.every_s = 2;
    }
    let newest = pictures::newest(&app, &AssetFilter { newest_first: true, limit: Some(200), ..AssetFilter::default() }, NEWEST).await?;
    let mut took: Vec<i64> = latencies.iter().map(|latency| latency.took_ms).collect();
    took.sort_unstable();
    let is_empty = newest.is_empty() && running.is_empty();
    let sentence = sentence(parts, &backlog, &took, is_empty).await?;
    let minutes = chart::minutes(&latencies, shell.now_ms);
    let places: Vec<PlaceRow> = backlog.into_iter().map(|(name, backlog)| PlaceRow { name, backlog }).collect();
    let owed = places.iter().map(|place| place.backlog.owed).sum();
    let oldest_s = places.iter().filter(|place| place.backlog.owed > 0).map(|place| place.backlog.oldest_s).fold(0.0, f64::max);
    let view = Overview {
        sentence,
        is_empty,
        success: percent(places.iter().map(|place| place.backlog.success_rate).fold(1.0, f64::min)),
        typical: if took.is_empty() { "–".to_owned() } else { words::took(chart::at_percent(&took, 50)) },
        owed,
        oldest: (owed > 0).then(|| words::took(seconds_ms(oldest_s))),
        chart: chart::draw(&minutes, shell.now_ms),
        minutes,
        places,
        awaited: choices::awaited(&app).await?,
        next: next(parts, shell.now_ms).await?,
        running,
        newest,
        shell,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

async fn sentence(parts: &Parts, backlog: &BTreeMap<String, Backlog>, took: &[i64], is_empty: bool) -> Result<Sentence, Fault> {
    let worst = |count: fn(&Backlog) -> u64| backlog.iter().filter(|(_, b)| count(b) > 0).max_by_key(|(_, b)| count(b));
    if let Some((name, place)) = worst(|backlog| backlog.refused) {
        let told = reason(parts, name, DeliveryState::Refused).await?;
        let text = format!("{} refused {}.", words::capital(name), words::deliveries(place.refused));
        return Ok(Sentence {
            class: "refused",
            icon: "alert",
            text,
            why: told.as_ref().and_then(|told| told.why.clone()),
            cure: told.map(|told| told.cure),
        });
    }
    let owed: u64 = backlog.values().map(|backlog| backlog.owed).sum();
    if owed > 0 && parts.routes.hold {
        let (text, why) = words::held(owed);
        return Ok(Sentence { class: "", icon: "stop", text, why: Some(why), cure: None });
    }
    if let Some((name, place)) =
        backlog.iter().filter(|(_, b)| b.owed > 0 && b.oldest_s > SLOW_S).max_by(|a, b| a.1.oldest_s.total_cmp(&b.1.oldest_s))
    {
        let told = reason(parts, name, DeliveryState::Owed).await?;
        return Ok(Sentence {
            class: "moving",
            icon: "clock",
            text: format!("{} wait for {name}, the oldest for {}.", words::deliveries(owed), words::took(seconds_ms(place.oldest_s))),
            why: told.as_ref().map(|told| told.why.clone().unwrap_or_else(|| told.what.to_owned())),
            cure: told.map(|told| told.cure),
        });
    }
    let (class, icon, text) = if is_empty {
        ("", "overview", "Nothing has been made here yet.".to_owned())
    } else if owed > 0 {
        ("moving", "send", format!("{} on the way.", words::deliveries(owed)))
    } else if took.is_empty() {
        ("proven", "good", "Everything is delivered.".to_owned())
    } else {
        let files = words::count(took.len() as u64, "file");
        ("proven", "good", format!("All {files} of the last hour delivered, typically after {}.", words::took(chart::at_percent(took, 50))))
    };
    let why = (class == "proven" && took.is_empty()).then(|| "Nothing new in the last hour.".to_owned());
    Ok(Sentence { class, icon, text, why, cure: None })
}

/// Why something to that place stands so.
async fn reason(parts: &Parts, destination: &str, state: DeliveryState) -> Result<Option<Told>, Fault> {
    let filter = DeliveryFilter { state: Some(state), destination: Some(destination.to_owned()), limit: 20, ..DeliveryFilter::default() };
    let found = parts.store.delivery_page(&filter).await?;
    Ok(found.iter().find_map(|sending| sending.delivery.last_fault.as_ref()).map(Told::from))
}

#[cfg(test)]
mod tests {
    #[test]
    fn overview_never_rounds_up_to_all() {
        assert_eq!([1.0, 0.9999, 0.5].map(super::percent), ["100 %", "99.9 %", "50.0 %"]);
    }
}
