//! `/jobs/{id}`: how far, what it is doing, what it made. A strip of pictures for each character, and every step with the
//! reason for its wait; buttons that stop it or take it up again.

use super::card::{Card, Table};
use super::choices::{self, Choosing};
use super::read::Path;
use super::shell::{self, Answer, Shell, Trouble, Visitor};
use super::steps::{self, Entry};
use super::words::{self, Copyable, State, Told, When};
use crate::http::{self, App};
use askama::Template;
use axum::extract;
use axum::http::StatusCode;
use rushes_core::delivery::DeliveryState;
use rushes_core::key::Scope;
use rushes_core::record;
use rushes_core::store::Family;
use rushes_core::{Code, Fault, Job, JobId, JobState, Wait};
use rushes_engine::{Ask, estimate};
use serde_json::Value;

/// One job in a table.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: State,
    pub(super) has_ended: bool,
    pub(super) percent: u32,
    /// What it is doing, or why it failed.
    pub(super) says: String,
    pub(super) files: usize,
    pub(super) made: When,
    pub(super) took: String,
}

impl Line {
    pub(super) fn reel(&self) -> &'static str {
        reel(&self.state)
    }

    pub(super) fn copyable(&self) -> Copyable<'_> {
        Copyable(&self.id)
    }
}

fn reel(state: &State) -> &'static str {
    match state.word {
        "completed" => "done",
        "failed" | "cancelled" => "stopped",
        _ => "",
    }
}

/// What a job is called: its workflow, and how many characters.
fn name(job: &Job) -> String {
    match job.input["count"].as_u64() {
        Some(n) if job.workflow == "production" => format!("Production of {}", words::count(n, "character")),
        _ => words::sentence(&job.workflow),
    }
}

/// A job as tables show it.
pub(super) async fn line(app: &App, job: &Job, now_ms: i64) -> Result<Line, Fault> {
    let family = app.parts().store.family(job.id).await?;
    Ok(Line {
        id: job.id.to_string(),
        name: name(job),
        state: words::job_state(job.state, job.cancel),
        has_ended: job.state.has_ended(),
        percent: percent(job, &family),
        says: says(app, job, &family),
        files: family.listed.len(),
        made: When { at_ms: job.created_ms, now_ms },
        took: words::took(job.ended_ms.unwrap_or(now_ms) - job.created_ms),
    })
}

/// How much is made; what was stopped before its end has no share.
fn percent(job: &Job, family: &Family) -> u32 {
    if matches!(job.state, JobState::Failed | JobState::Cancelled) { 0 } else { http::percent(family) }
}

/// One sentence on where it stands.
fn says(app: &App, job: &Job, family: &Family) -> String {
    match job.state {
        JobState::Queued => Wait::Turn.sentence(),
        JobState::Failed => job.fault.as_ref().map_or_else(String::new, |fault| Told::from(fault).what.to_owned()),
        JobState::Cancelled => "What was made is kept".to_owned(),
        JobState::Completed => {
            let failed = family.jobs.iter().filter(|job| job.state == JobState::Failed).count() as u64;
            if failed == 0 { String::new() } else { format!("{} could not be made", words::count(failed, "character")) }
        }
        JobState::Delivering => "Made; the last files are on their way".to_owned(),
        JobState::Running => {
            let stage = record::stage(job, &family.listed).filter(|_| job.workflow == "production");
            let waits = family.jobs.iter().filter_map(|job| job.waiting_for.as_ref()).find(|wait| !wait.is_routine());
            match (waits, stage) {
                (Some(wait), _) => wait.sentence(),
                (None, Some(stage)) => words::stage(stage).to_owned(),
                (None, None) => {
                    app.shelf.doing(job.id).first().map_or_else(|| "Under way".to_owned(), |doing| words::sentence(&doing.step))
                }
            }
        }
    }
}

/// One character of a production, or the job itself.
struct Member {
    key: String,
    name: String,
    subject: Option<String>,
    state: State,
    cards: Vec<Card>,
    /// Whether more will come.
    goes_on: bool,
    steps: Vec<Entry>,
    trouble: Option<Told>,
    is_open: bool,
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    shell: Shell,
    id: String,
    name: String,
    state: State,
    says: String,
    percent: u32,
    left: Option<String>,
    made: When,
    ended: Option<When>,
    took: String,
    files: usize,
    delivered: usize,
    refused: usize,
    trouble: Option<Told>,
    choices: Vec<Choosing>,
    members: Vec<Member>,
    input: Vec<(String, String)>,
    can_cancel: bool,
    can_retry: bool,
}

impl JobPage {
    fn reel(&self) -> &'static str {
        reel(&self.state)
    }

    fn copyable(&self) -> Copyable<'_> {
        Copyable(&self.id)
    }
}

fn parse(id: &str) -> Result<JobId, Trouble> {
    id.parse().map_err(|_| Trouble::unknown("job", id))
}

pub(super) async fn show(extract::State(app): extract::State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    let parts = app.parts();
    let job = parts.store.job(parse(&id)?).await?;
    if job.root != job.id {
        return Ok(shell::go_to(&format!("/jobs/{}", job.root)));
    }
    let mut shell = Shell::of(&app, &visitor, "jobs", name(&job)).await?.listening("job. step. asset. delivery.");
    let family = parts.store.family(job.id).await?;
    shell.live.jobs = family.jobs.iter().map(|job| job.id.to_string()).collect::<Vec<_>>().join(" ");
    shell.live.every_s = if job.state.has_ended() { 0 } else { 1 };
    let table = Table::of(&family.listed, &app);
    let mut members = Vec::new();
    for member in &family.jobs {
        members.push(member_of(&app, member, &family, &table, shell.now_ms).await?);
    }
    let has_one = members.len() == 2;
    if let Some(child) = members.get_mut(1).filter(|_| has_one) {
        child.is_open = true;
    }
    let (delivered, refused) = (count(&family, DeliveryState::Proven), count_any(&family, DeliveryState::Refused));
    let percent = percent(&job, &family);
    let now_ms = shell.now_ms;
    let view = JobPage {
        id: job.id.to_string(),
        name: name(&job),
        state: words::job_state(job.state, job.cancel),
        says: says(&app, &job, &family),
        percent,
        left: left(&app, &family, now_ms).await?,
        made: When { at_ms: job.created_ms, now_ms },
        ended: job.ended_ms.map(|at_ms| When { at_ms, now_ms }),
        took: words::took(job.ended_ms.unwrap_or(now_ms) - job.created_ms),
        files: family.listed.len(),
        delivered,
        refused,
        trouble: job.fault.as_ref().map(Told::from),
        choices: choices::of(&app, &family, &table).await?,
        members,
        input: input(&job),
        can_cancel: !job.state.has_ended() && !job.cancel,
        can_retry: refused > 0 || family.jobs.iter().any(|job| job.state == JobState::Failed),
        shell,
    };
    Ok(shell::page(StatusCode::OK, &view))
}

/// Assets all of whose deliveries stand so.
fn count(family: &Family, state: DeliveryState) -> usize {
    family.listed.iter().filter(|(_, deliveries)| !deliveries.is_empty() && deliveries.iter().all(|d| d.state == state)).count()
}

fn count_any(family: &Family, state: DeliveryState) -> usize {
    family.listed.iter().filter(|(_, deliveries)| deliveries.iter().any(|d| d.state == state)).count()
}

/// How long it will still take, going by what earlier jobs took. None where nothing is known, or nothing more is to be done.
async fn left(app: &App, family: &Family, now_ms: i64) -> Result<Option<String>, Fault> {
    if !family.jobs.first().is_some_and(|job| job.state == JobState::Running && !job.cancel) {
        return Ok(None);
    }
    Ok(estimate::of_family(app.parts(), family).await?.map(|ends_ms| words::about(ends_ms - now_ms)))
}

async fn member_of(app: &App, job: &Job, family: &Family, table: &Table<'_>, now_ms: i64) -> Result<Member, Fault> {
    let is_top = job.parent.is_none();
    let steps = steps::of(app, job, &app.parts().store.steps(job.id).await?, now_ms);
    let subject = family.listed.iter().find(|(asset, _)| asset.job == job.id).map(|(asset, _)| asset.subject.clone());
    let known = subject.as_ref().and_then(|id| family.subjects.iter().find(|known| known.made.id == *id));
    let called = job.child_name.as_deref().map_or_else(|| name(job), words::sentence);
    Ok(Member {
        key: job.id.to_string(),
        name: known.filter(|_| !is_top).map_or(called, |known| known.made.name.clone()),
        subject: known.map(|known| known.made.id.clone()),
        state: words::job_state(job.state, job.cancel),
        cards: table.cards(|asset| asset.job == job.id && asset.kind != rushes_core::Kind::ReferenceVideo),
        goes_on: !job.state.has_ended() && job.state != JobState::Delivering && !job.cancel,
        is_open: job.fault.is_some() || (is_top && family.jobs.len() == 1),
        steps,
        trouble: job.fault.as_ref().filter(|_| !is_top).map(Told::from),
    })
}

/// What people call the parameters of a production, in the order of the form.
const NAMES: [(&str, &str); 8] = [
    ("count", "Characters"),
    ("style_id", "Style"),
    ("reference_videos", "References"),
    ("generate_variants", "Outfits"),
    ("create_soundtracks", "Soundtrack versions"),
    ("apply_watermark", "Stickered version"),
    ("skip_existing", "New characters only"),
    ("seed", "Seed"),
];

/// The parameters, for people.
fn input(job: &Job) -> Vec<(String, String)> {
    let said = |name: &str, value: &Value| match value {
        Value::String(text) if name == "style_id" => words::style(text),
        Value::String(text) => text.clone(),
        Value::Bool(is) => if *is { "yes" } else { "no" }.to_owned(),
        Value::Array(all) if all.is_empty() && name == "reference_videos" => "the first three of the library".to_owned(),
        Value::Array(all) => {
            all.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect::<Vec<_>>().join(", ")
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    let Some(fields) = job.input.as_object() else { return Vec::new() };
    let place = |name: &str| NAMES.iter().position(|(known, _)| *known == name).unwrap_or(NAMES.len());
    let mut told: Vec<(&String, &Value)> = fields.iter().filter(|(name, value)| !(name.as_str() == "redo" && *value == 0)).collect();
    told.sort_by_key(|(name, _)| place(name));
    let called = |name: &str| NAMES.get(place(name)).map_or_else(|| words::sentence(name), |(_, called)| (*called).to_owned());
    told.into_iter().map(|(name, value)| (called(name), said(name, value))).collect()
}

/// Stops a job; what is made is kept.
pub(super) async fn cancel(extract::State(app): extract::State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    visitor.need(Scope::Run)?;
    match app.desk.cancel(parse(&id)?).await {
        // It has ended meanwhile, which the page tells.
        Err(fault) if fault.code != Code::InputInvalid => Err(fault.into()),
        _ => Ok(shell::go_to(&format!("/jobs/{id}"))),
    }
}

/// Takes up again what failed, and delivers again what was refused.
pub(super) async fn retry(extract::State(app): extract::State<App>, visitor: Visitor, Path(id): Path<String>) -> Answer {
    visitor.need(Scope::Run)?;
    app.desk.answer(Ask::Retry { job: parse(&id)?, had_failed: false }).await?;
    Ok(shell::go_to(&format!("/jobs/{id}")))
}
