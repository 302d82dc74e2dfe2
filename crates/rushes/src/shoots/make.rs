//! Workflows of shoots as doors start them: the change itself stands in the album, and they make it so everywhere.

use super::{Stand, incoming};
use rushes_core::album::{Album, Corrected, Correction, Rules};
use rushes_core::store::Store;
use rushes_core::subject::slug;
use rushes_core::{Code, Fault, Job, JobId};
use rushes_engine::{Ask, Desk};
use rushes_workflows::Registry;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// How long a door waits for a short workflow.
const WAIT: Duration = Duration::from_secs(10);
/// The longest name of a shoot.
const NAME_MAX: usize = 100;

/// Starts a workflow of shoots.
pub(crate) async fn begin(desk: &Desk<Registry>, workflow: &str, input: Value) -> Result<JobId, Fault> {
    // One that is under way may have looked already.
    let ask = Ask::Submit { workflow: workflow.to_owned(), input, new: true, since_ms: None };
    let answer = desk.answer(ask).await?;
    serde_json::from_value(answer["job"].clone()).map_err(|e| Fault::new(Code::Unexpected, "start workflow").because(e))
}

/// Starts a workflow of shoots and waits for what it gives. Errors: those of the job; `engine_gone` where it takes longer than a
/// door waits: then it goes on.
pub(crate) async fn done(desk: &Desk<Registry>, workflow: &str, input: Value) -> Result<Value, Fault> {
    let id = begin(desk, workflow, input).await?;
    match timeout(WAIT, ended(desk, id)).await {
        Ok(job) => {
            let job = job?;
            job.fault.map_or(Ok(job.value.unwrap_or_default()), Err)
        }
        Err(_) => Err(Fault::new(Code::EngineGone, "wait for job").with("job", id).because("it goes on by itself; look again in a moment")),
    }
}

async fn ended(desk: &Desk<Registry>, id: JobId) -> Result<Job, Fault> {
    let mut bell = desk.parts().watch.job(id);
    loop {
        bell.mark_unchanged();
        let job = desk.parts().store.job(id).await?;
        if job.state.has_ended() || job.value.is_some() {
            return Ok(job);
        }
        let _ = timeout(Duration::from_secs(1), bell.changed()).await;
    }
}

/// What somebody said stands in the album; this workflow makes it so everywhere.
pub(crate) struct Said {
    pub(crate) corrected: Corrected,
    pub(crate) workflow: &'static str,
    pub(crate) input: Value,
}

/// Has the album know what somebody says. Errors: those of [`Album::correct`](rushes_core::album::Album::correct).
pub(crate) async fn say(stand: &Stand, correction: Correction) -> Result<Said, Fault> {
    if let Correction::Forget { person } = correction {
        // One of whom the album knows nothing already is forgotten everywhere by saying it once more.
        let is_begun = stand.album.forgotten().await?.contains(&person);
        let corrected = if is_begun {
            Corrected { person: Some(person), photos: 0, undone: None }
        } else {
            stand.album.correct(correction, stand.rules).await?
        };
        return Ok(Said { corrected, workflow: "forget", input: json!({"shoot": stand.id(), "person": person}) });
    }
    let corrected = stand.album.correct(correction, stand.rules).await?;
    Ok(Said { corrected, workflow: "route", input: json!({"shoot": stand.id()}) })
}

/// The same, and starts what makes it so everywhere.
pub(crate) async fn said(desk: &Desk<Registry>, stand: &Stand, correction: Correction) -> Result<Corrected, Fault> {
    let Said { corrected, workflow, input } = say(stand, correction).await?;
    begin(desk, workflow, input).await?;
    Ok(corrected)
}

/// What makes that so everywhere which an album has decided, where that was cut off.
pub(crate) async fn left(album: &dyn Album, shoot: &str) -> Result<Option<(&'static str, Value)>, Fault> {
    if let Some(person) = album.forgotten().await?.first() {
        return Ok(Some(("forget", json!({"shoot": shoot, "person": person}))));
    }
    let is_settled = album.counts().await?.unsettled == 0;
    Ok((!is_settled).then(|| ("route", json!({"shoot": shoot}))))
}

/// What the album has decided becomes so.
pub(crate) async fn route(desk: &Desk<Registry>, shoot: &str) -> Result<(), Fault> {
    begin(desk, "route", json!({"shoot": shoot})).await.map(drop)
}

/// Makes a shoot; gives its id. Errors: `name_taken`, `input_invalid`.
pub(crate) async fn shoot(desk: &Desk<Registry>, name: &str, rules: Rules) -> Result<String, Fault> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        let reason = format!("a name has 1 to {NAME_MAX} printable characters");
        return Err(Fault::new(Code::InputInvalid, "make shoot").because(reason));
    }
    rules.check()?;
    let id = free_id(desk.parts().store.as_ref(), name).await?;
    done(desk, "shoot", json!({"id": id, "name": name, "rules": rules})).await?;
    Ok(id)
}

/// The id of a shoot that is called so.
pub(crate) fn id_of(name: &str) -> String {
    slug(name).replace('_', "-")
}

/// The id of a new shoot. Errors: `name_taken`.
pub(crate) async fn free_id(store: &dyn Store, name: &str) -> Result<String, Fault> {
    let id = id_of(name);
    if store.subject(&id).await?.is_none() {
        return Ok(id);
    }
    let reason = format!("there is a {id} already; choose another name, or change that one");
    Err(Fault::new(Code::NameTaken, "make shoot").because(reason))
}

/// Has a shoot do so from now on. Errors: `input_invalid`.
pub(crate) async fn change(desk: &Desk<Registry>, stand: &Stand, rules: Rules) -> Result<(), Fault> {
    rules.check()?;
    if rules.is_open && !stand.rules.is_open {
        // While it was closed, another may have been pointed at its folders.
        incoming::no_others(desk.parts(), &desk.workflows().kit().shoots, stand.id(), &stand.album.incoming().await?).await?;
    }
    done(desk, "shoot", json!({"id": stand.id(), "name": stand.subject.made.name, "rules": rules})).await.map(drop)
}
