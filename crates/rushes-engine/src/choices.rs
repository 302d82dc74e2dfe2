//! Answers of people to jobs: takes they choose, and signals of any sort.

use crate::parts::Parts;
use rushes_core::choice::{Choice, signal_of};
use rushes_core::store::JobFilter;
use rushes_core::{Code, Fault, Job, JobId};
use serde_json::Value;

/// A signal's value at most, as any value of a step.
const SIGNAL_MAX_BYTES: usize = 256 * 1024;
/// A signal's name at most, in characters.
const NAME_MAX: usize = 100;

/// What a job waits to be chosen. Errors: those of the store.
pub async fn of_job(parts: &Parts, job: &Job) -> Result<Option<Choice>, Fault> {
    // Most jobs wait for none: their steps are not read.
    if !Choice::is_awaited(job) {
        return Ok(None);
    }
    Ok(Choice::of(job, &parts.store.steps(job.id).await?))
}

/// The jobs that wait for somebody's choice, children too, the newest first, at most so many. Errors: those of the store.
pub async fn open(parts: &Parts, limit: u32) -> Result<Vec<Job>, Fault> {
    parts.store.jobs(&JobFilter { choosing: true, limit, ..JobFilter::default() }).await
}

/// Chooses for a job, or for the one of its children that waits for it. Gives the job that goes on.
/// Errors: `not_found`; `input_invalid` when it has ended, waits for no choice or for several, has been told already, or has
/// no such take.
pub(crate) async fn choose(parts: &Parts, id: JobId, take: u32) -> Result<JobId, Fault> {
    let job = parts.store.job(id).await?;
    let refuse = |reason: String| Err(Fault::new(Code::InputInvalid, "choose take").with("job", id).because(reason));
    if job.state.has_ended() {
        return refuse(format!("the job has ended: it is {}", job.state.name()));
    }
    let mut found = Vec::new();
    if let Some(choice) = of_job(parts, &job).await? {
        found.push((id, choice));
    } else if job.root == id {
        for child in parts.store.family(id).await?.jobs.iter().filter(|child| child.id != id) {
            found.extend(of_job(parts, child).await?.map(|choice| (child.id, choice)));
        }
    }
    let [(waiting, choice)] = found.as_slice() else {
        if found.is_empty() {
            let waits = job.waiting_for.map_or_else(String::new, |what| format!("; it waits for {what}"));
            return refuse(format!("it does not wait for a choice{waits}"));
        }
        let ids: Vec<String> = found.iter().map(|(id, choice)| format!("{id} ({})", choice.name)).collect();
        return refuse(format!("several of its jobs wait for one; name one of them: {}", ids.join(", ")));
    };
    parts.store.answer(*waiting, &signal_of(&choice.name), choice.value(take)?).await?;
    Ok(*waiting)
}

/// Sends any value to a name a job waits for, or will wait for. Errors: `not_found`; `input_invalid` when it has ended or the
/// name cannot be one; `body_too_large`.
pub(crate) async fn send(parts: &Parts, id: JobId, name: &str, value: Value) -> Result<(), Fault> {
    let fault = |code: Code, reason: String| Err(Fault::new(code, "send signal").with("job", id).because(reason));
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return fault(Code::InputInvalid, format!("a signal's name has 1 to {NAME_MAX} printable characters"));
    }
    if value.to_string().len() > SIGNAL_MAX_BYTES {
        return fault(Code::BodyTooLarge, format!("a value may have {SIGNAL_MAX_BYTES} bytes"));
    }
    let job = parts.store.job(id).await?;
    if job.state.has_ended() {
        return fault(Code::InputInvalid, format!("the job has ended: it is {}", job.state.name()));
    }
    parts.store.send_signal(id, name, value).await
}
