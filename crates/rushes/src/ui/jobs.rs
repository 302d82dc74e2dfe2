//! `/jobs`: every job, newest first; what runs stands out.

use super::job::{self, Line};
use super::read::Query;
use super::shell::{self, Answer, Shell, Visitor};
use super::words;
use crate::http::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use rushes_core::JobState;
use rushes_core::store::JobFilter;
use serde::Deserialize;

/// Jobs on one page.
const PAGE: u32 = 30;

#[derive(Deserialize)]
pub(super) struct Asked {
    state: Option<String>,
    after: Option<String>,
}

/// One choice above the table.
struct Choice {
    path: String,
    name: &'static str,
    count: u64,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs {
    shell: Shell,
    choices: Vec<Choice>,
    lines: Vec<Line>,
    next: Option<String>,
    is_filtered: bool,
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor, Query(asked): Query<Asked>) -> Answer {
    let parts = app.parts();
    let mut shell = Shell::of(&app, &visitor, "jobs", "Jobs").await?.listening("job. step.done delivery.");
    let state = asked.state.as_deref().and_then(JobState::named);
    let after = asked.after.as_deref().and_then(|id| id.parse().ok());
    let mut found = parts.store.jobs(&JobFilter { state, after, limit: PAGE + 1, ..JobFilter::default() }).await?;
    let has_more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| has_more).map(|job| {
        let state = state.map_or_else(String::new, |state| format!("state={}&", state.name()));
        format!("/jobs?{state}after={}", job.id)
    });
    let counts = parts.store.count().await?;
    let mut choices = vec![Choice { path: "/jobs".into(), name: "all", count: counts.values().sum(), is_here: state.is_none() }];
    choices.extend(JobState::ALL.iter().filter(|of| counts.contains_key(of) || state == Some(**of)).map(|of| Choice {
        path: format!("/jobs?state={}", of.name()),
        name: of.name(),
        count: counts.get(of).copied().unwrap_or(0),
        is_here: state == Some(*of),
    }));
    let mut lines = Vec::with_capacity(found.len());
    for job in &found {
        lines.push(job::line(&app, job, shell.now_ms).await?);
    }
    if lines.iter().any(|line| !line.has_ended) {
        shell.live.every_s = 2;
    }
    Ok(shell::page(StatusCode::OK, &Jobs { shell, choices, lines, next, is_filtered: state.is_some() }))
}

impl Jobs {
    fn count(&self, n: &usize) -> String {
        words::count(*n as u64, "file")
    }
}
