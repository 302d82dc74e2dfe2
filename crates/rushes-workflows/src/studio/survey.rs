//! The whole library, character by character, in steps whose values stay small.

use super::known::{self, Danced};
use rushes_core::flow::{Flow, Library, Step, StepContext};
use rushes_core::recognise::ON;
use rushes_core::store::SubjectFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{Code, Done, Fault, Stop};
use serde::{Deserialize, Serialize};

/// Characters looked at in one step.
const PAGE: u32 = 100;

/// What one look gave.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    projects: Vec<Project>,
    /// The last character looked at; None at the end.
    after: Option<String>,
}

/// A character's dance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Project {
    pub(crate) character: String,
    /// The reference's name.
    pub(crate) on: String,
}

impl Project {
    /// `dance_{id}_cosplay_on_{ref}`.
    pub(crate) fn name(&self) -> String {
        format!("dance_{}{ON}{}", self.character, self.on)
    }
}

/// Things refused of which one job's value tells at most.
pub(crate) const REFUSED_MAX: usize = 200;

/// Something that was not taken or not understood, while the rest went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// A file, a name: as people know it.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) why: String,
}

/// Every primary dance that is `wanted`.
pub(crate) async fn in_steps<F: Flow>(flow: &F, wanted: fn(&Danced) -> bool) -> Result<Vec<Project>, Stop> {
    let (mut found, mut after) = (Vec::new(), None);
    for number in 1.. {
        let from = after.take();
        let step = Step::new(format!("look {number}")).inputs(&from);
        let page = flow
            .step(step, move |context: StepContext| async move { Ok(Done::value(page(context.library.as_ref(), from, wanted).await?)) });
        let page: Page = page.await?;
        found.extend(page.projects);
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The same without a job.
pub(crate) async fn all(library: &dyn Library, wanted: fn(&Danced) -> bool) -> Result<Vec<Project>, Fault> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = page(library, after, wanted).await?;
        found.extend(page.projects);
        after = page.after;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn page(library: &dyn Library, after: Option<String>, wanted: fn(&Danced) -> bool) -> Result<Page, Fault> {
    let filter = SubjectFilter { subject_type: Some(SubjectType::Character), after, limit: PAGE };
    let subjects = library.subjects(&filter).await?;
    let is_last = subjects.len() < PAGE as usize;
    let after = subjects.last().map(|subject| subject.made.id.clone()).filter(|_| !is_last);
    let mut projects = Vec::new();
    for subject in &subjects {
        let known = known::of(library, subject, 0).await?;
        let dance = known.primary().filter(|dance| wanted(dance));
        projects.extend(dance.map(|dance| Project { character: known.person.id.clone(), on: dance.on.clone() }));
    }
    Ok(Page { projects, after })
}

/// A batch that made nothing and failed at something has failed. What it refused is said with it, since it has no value.
/// Errors: `characters_failed`.
pub(crate) fn unless_all_failed(made: usize, failed: usize, refused: &[Refused], operation: &str) -> Result<(), Stop> {
    if made > 0 || failed == 0 {
        return Ok(());
    }
    let fault = Fault::new(Code::CharactersFailed, operation).with("failed", failed);
    if refused.is_empty() {
        return Err(Stop::Failed(fault));
    }
    let lines: Vec<String> = refused.iter().take(REFUSED_SAID).map(|refused| format!("{}: {}", refused.what, refused.why)).collect();
    let more = refused.len() - lines.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(Stop::Failed(fault.because(format!("refused: {}{more}", lines.join("; ")))))
}

/// Things refused that a failure says.
const REFUSED_SAID: usize = 20;
