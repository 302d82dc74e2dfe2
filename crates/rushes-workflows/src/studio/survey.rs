//! The whole library, character by character, in steps whose values stay small.

use super::known::{self, Danced, ON};
use rushes_core::flow::{Flow, Library, Step, StepContext};
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

/// A batch that made nothing and failed at something has failed. Errors: `characters_failed`.
pub(crate) fn unless_all_failed(made: usize, failed: usize, operation: &str) -> Result<(), Stop> {
    if made == 0 && failed > 0 {
        return Err(Stop::Failed(Fault::new(Code::CharactersFailed, operation).with("failed", failed)));
    }
    Ok(())
}
