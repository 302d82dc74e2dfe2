//! What a step sends outside is sent once: whatever answer never comes, and wherever the engine is stopped.

use crate::support::{Places, TestEngine, recipes::Recipes};
use rushes_core::ledger::{AttemptState, Standing};
use rushes_core::{JobId, JobState};
use serde_json::{Value, json};

async fn standing(engine: &TestEngine, job: JobId) -> Standing {
    Standing::of("post", &engine.parts().store.attempts(job).await.unwrap())
}

/// Runs the job to its end: what it gave, how often it was asked for outside and looked up there, and how it stands.
async fn posted(input: Value) -> (Option<Value>, [u32; 3], Standing) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let job = engine.run("post", input).await;
    let counts = ["asked", "posted", "looked"].map(|what| engine.recipes.runs(what));
    (job.value, counts, standing(&engine, job.id).await)
}

fn done(id: &str) -> Standing {
    Standing { state: Some(AttemptState::Done), external_id: Some(id.to_owned()), cost: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_what_is_answered_is_sent_and_done() {
    assert_eq!(posted(json!({})).await, (Some(json!("post 1")), [1, 1, 0], done("post 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_a_lost_answer_is_looked_up_and_not_sent_again() {
    assert_eq!(posted(json!({"lost": 1})).await, (Some(json!("post 1")), [1, 1, 1], done("post 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_what_never_arrived_is_sent_again() {
    assert_eq!(posted(json!({"lost": 1, "never arrives": true})).await, (Some(json!("post 2")), [2, 1, 1], done("post 2")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_an_engine_that_stops_before_the_answer_leaves_it_to_the_next_to_look() {
    let folder = tempfile::tempdir().unwrap();
    let (places, recipes) = (Places::memory(folder.path()), Recipes::default());
    let first = TestEngine::start(folder.path(), &places, &recipes);
    let job = first.submit("post", json!({"hangs": true})).await;
    first.until("it was posted", || async { recipes.runs("posted") == 1 }).await;
    assert_eq!(standing(&first, job).await.state, Some(AttemptState::Intent));
    first.engine.stop().await;

    let second = TestEngine::start(folder.path(), &places, &recipes);
    let ended = second.ended(job).await;
    assert_eq!((ended.state, ended.value), (JobState::Completed, Some(json!("post 1"))));
    assert_eq!((recipes.runs("asked"), recipes.runs("looked")), (1, 1));
    assert_eq!(standing(&second, job).await, done("post 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_a_cancel_before_the_answer_leaves_it_to_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let job = engine.submit("post", json!({"hangs": true})).await;
    engine.until("it was posted", || async { engine.recipes.runs("posted") == 1 }).await;
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert_eq!(standing(&engine, job).await.state, Some(AttemptState::NeedsReconcile));
}
