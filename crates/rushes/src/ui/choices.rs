//! What jobs wait to be chosen: the takes as pictures, each with a button.

use super::card::{Card, Table};
use super::form::Form;
use super::read::Path;
use super::shell::{self, Answer, Trouble, Visitor};
use super::words;
use crate::http::App;
use axum::extract::State;
use rushes_core::key::Scope;
use rushes_core::store::Family;
use rushes_core::{Fault, JobId};
use rushes_engine::{Ask, choices};

/// Jobs counted at most.
const JOBS_MAX: u32 = 100;

/// One of what can be chosen.
pub(super) struct Take {
    pub(super) number: u32,
    /// None where what was made is gone.
    pub(super) card: Option<Card>,
}

/// A choice that somebody is waited for with.
pub(super) struct Choosing {
    pub(super) job: JobId,
    /// What is chosen, for people.
    pub(super) name: String,
    pub(super) takes: Vec<Take>,
}

/// The choices that a family of jobs waits for.
pub(super) async fn of(app: &App, family: &Family, table: &Table<'_>) -> Result<Vec<Choosing>, Fault> {
    let mut all = Vec::new();
    for job in &family.jobs {
        let Some(choice) = choices::of_job(app.parts(), job).await? else { continue };
        let card = |number: u32, id| {
            let (asset, deliveries) = family.listed.iter().find(|(asset, _)| asset.id == id)?;
            Some(Card { name: format!("Take {number}"), ..table.card(asset, deliveries) })
        };
        let takes = (1..).zip(&choice.takes).map(|(number, take)| Take { number, card: card(number, take.id) });
        all.push(Choosing { job: job.id, takes: takes.collect(), name: words::plain(&choice.name) });
    }
    Ok(all)
}

/// How many jobs wait for a choice, and where that is made.
pub(super) struct Awaited {
    pub(super) says: String,
    pub(super) at: String,
}

/// None where no job waits for a choice.
pub(super) async fn awaited(app: &App) -> Result<Option<Awaited>, Fault> {
    let mut roots: Vec<JobId> = choices::open(app.parts(), JOBS_MAX).await?.into_iter().map(|job| job.root).collect();
    roots.sort_unstable();
    roots.dedup();
    let Some(first) = roots.first() else { return Ok(None) };
    let count = roots.len() as u64;
    let says = format!("{} {} for your choice", words::count(count, "job"), if count == 1 { "waits" } else { "wait" });
    // The oldest first: when it is done, the next is there.
    Ok(Some(Awaited { says, at: format!("/jobs/{first}") }))
}

/// Chooses; the job goes on.
pub(super) async fn choose(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    visitor.need(Scope::Run)?;
    let job: JobId = id.parse().map_err(|_| Trouble::unknown("job", &id))?;
    let take = form.text("take").parse().unwrap_or(0);
    let answer = app.desk.answer(Ask::Choose { job, take }).await;
    let now = app.parts().store.job(job).await?;
    match answer {
        // Somebody else has chosen meanwhile, or it has ended: the page tells.
        Err(_) if choices::of_job(app.parts(), &now).await?.is_none() => {}
        answer => drop(answer?),
    }
    Ok(shell::go_to(&format!("/jobs/{}", now.root)))
}
