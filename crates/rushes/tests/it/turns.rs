//! How many jobs run at once, how long each may, and how long they are expected to take.

use crate::support::{Ahead, Places, TestEngine, recipes::Recipes};
use rushes_core::clock::SystemClock;
use rushes_core::store::JobFilter;
use rushes_core::{Code, JobId, JobState};
use rushes_engine::{JobRules, estimate};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn one_at_once() -> JobRules {
    JobRules { at_once: Some(1), ..JobRules::default() }
}

fn within(longest: Duration) -> JobRules {
    JobRules { longest: Some(longest), ..JobRules::default() }
}

fn bounded(folder: &std::path::Path, recipes: &Recipes, jobs: JobRules) -> TestEngine {
    TestEngine::start_bounded(folder, &Places::memory(folder), recipes, Arc::new(SystemClock), jobs)
}

async fn state(engine: &TestEngine, job: JobId) -> (JobState, Option<String>) {
    let job = engine.parts().store.job(job).await.unwrap();
    (job.state, job.waiting_for.map(|wait| wait.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_taken_in_order_and_a_waiting_job_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let engine = bounded(folder.path(), &Recipes::default(), one_at_once());
    let first = engine.submit("wait", json!({})).await;
    engine.until("the first waits for its signal", || async { state(&engine, first).await.1.as_deref() == Some("signal word") }).await;
    let second = engine.submit("wait", json!({})).await;
    let third = engine.submit("steps", json!({})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for job in [second, third] {
        assert_eq!(state(&engine, job).await, (JobState::Queued, Some("its turn".into())));
    }
    let store = engine.parts().store.clone();
    for job in [first, second] {
        for word in ["one", "two"] {
            store.send_signal(job, "word", json!(word)).await.unwrap();
        }
    }
    for job in [first, second, third] {
        let job = engine.ended(job).await;
        assert_eq!((job.state, job.tries), (JobState::Completed, 1));
    }
    let listed = store.jobs(&JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
    let started: Vec<i64> = listed.iter().rev().map(|job| job.started_ms.unwrap()).collect();
    assert!(started.is_sorted(), "{started:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_not_needed_by_children() {
    let folder = tempfile::tempdir().unwrap();
    let engine = bounded(folder.path(), &Recipes::default(), one_at_once());
    let child = json!({"workflow": "parent", "input": {"children": [{"workflow": "steps", "input": {}}]}});
    let job = engine.run("parent", json!({"children": [child, child, child]})).await;
    assert_eq!(job.value, Some(json!([["steps"], ["steps"], ["steps"]])));
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_of_what_was_begun_are_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = Recipes::default();
    let first = bounded(folder.path(), &recipes, JobRules::default());
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(first.submit("undo", json!({})).await);
    }
    first.until("all three work", || async { recipes.runs("work") == 3 }).await;
    first.engine.stop().await;
    let second = bounded(folder.path(), &recipes, one_at_once());
    second.until("all three work again", || async { recipes.runs("work") == 6 }).await;
    let new = second.submit("steps", json!({})).await;
    for job in &jobs[..2] {
        second.engine.cancel(*job).await.unwrap();
        second.ended(*job).await;
    }
    assert_eq!(state(&second, new).await.0, JobState::Queued, "one still has its turn");
    second.engine.cancel(jobs[2]).await.unwrap();
    assert_eq!(second.ended(new).await.state, JobState::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_end_when_a_job_runs_too_long_and_what_it_made_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = Recipes::default();
    let engine = bounded(folder.path(), &recipes, within(Duration::from_millis(900)));
    let files = json!({"workflow": "files", "input": {"count": 2}});
    let job = engine.submit("parent", json!({"children": [files, {"workflow": "undo", "input": {}}]})).await;
    let job = engine.ended(job).await;
    assert_eq!((job.state, job.fault.map(|fault| fault.code)), (JobState::Failed, Some(Code::JobLimit)));
    assert!(job.ended_ms.unwrap() - job.started_ms.unwrap() < 5_000);
    assert_eq!((recipes.runs("work told"), recipes.runs("undo book")), (1, 1), "its child was told to stop, and has undone its work");
    engine.settle().await;
    assert_eq!(engine.parts().store.assets(&Default::default()).await.unwrap().len(), 2);
    let refused = engine.parts().store.retry(job.id).await.unwrap_err();
    assert!(refused.to_string().contains("start it again"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_count_from_the_first_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let (recipes, places) = (Recipes::default(), Places::memory(folder.path()));
    let clock = Arc::new(Ahead::default());
    let hour = Duration::from_hours(1);
    let first = TestEngine::start_bounded(folder.path(), &places, &recipes, clock.clone(), within(hour));
    let job = first.submit("undo", json!({})).await;
    first.until("it works", || async { recipes.runs("work") == 1 }).await;
    first.engine.stop().await;
    clock.0.store(i64::try_from(hour.as_millis()).unwrap(), Ordering::SeqCst);
    let began = std::time::Instant::now();
    let second = TestEngine::start_bounded(folder.path(), &places, &recipes, clock, within(hour));
    let job = second.ended(job).await;
    assert_eq!(job.fault.unwrap().code, Code::JobLimit);
    assert!(began.elapsed() < Duration::from_secs(30), "it was not given another hour");
}

async fn expected(engine: &TestEngine, job: JobId) -> Option<i64> {
    let family = engine.parts().store.family(job).await.unwrap();
    estimate::of_family(engine.parts(), &family).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_estimated_from_what_earlier_jobs_took() {
    let folder = tempfile::tempdir().unwrap();
    let engine = bounded(folder.path(), &Recipes::default(), one_at_once());
    let nap = json!({"nap_ms": 400, "limit_ms": 1});
    let now = || engine.parts().clock.now_ms();
    let first = engine.submit("wait", nap.clone()).await;
    assert_eq!(expected(&engine, first).await, None, "nothing like it was ever done");
    let took_ms = {
        let job = engine.ended(first).await;
        job.ended_ms.unwrap() - job.started_ms.unwrap()
    };
    assert_eq!(expected(&engine, first).await, None, "it has ended");
    // It naps until it is told to stop: the queue behind it stands still.
    let second = engine.submit("wait", json!({"nap_ms": 600_000})).await;
    let third = engine.submit("wait", nap.clone()).await;
    let fourth = engine.submit("wait", nap).await;
    engine.until("it runs", || async { state(&engine, second).await.0 == JobState::Running }).await;
    let of_second = expected(&engine, second).await.unwrap();
    assert!((of_second - now() - took_ms).abs() <= took_ms.max(1_000), "{}", of_second - now());
    // Each is told from its own now; between the two, less goes by than a job takes.
    let began = now();
    let (of_fourth, of_third) = (expected(&engine, fourth).await.unwrap(), expected(&engine, third).await.unwrap());
    let passed_ms = now() - began;
    assert!((of_third - began - took_ms) <= passed_ms, "nothing waits before it: {}", of_third - began);
    assert!(of_third >= began + took_ms && of_fourth >= began + 2 * took_ms, "their turns come later");
    assert!(of_fourth <= began + 2 * took_ms + passed_ms, "one waits before it: {}", of_fourth - began);
    // And it is so.
    engine.engine.cancel(second).await.unwrap();
    engine.until("its turn comes", || async { state(&engine, third).await.0 != JobState::Queued }).await;
    let (of_third, of_fourth) = (engine.ended(third).await, engine.ended(fourth).await);
    assert!(of_third.started_ms < of_fourth.started_ms, "{of_third:?} {of_fourth:?}");
}
