//! The engine's promises about steps, replays, cancelling and children.

use crate::support::{Places, Slow, TestEngine, recipes::Recipes};
use rushes_core::clock::SystemClock;
use rushes_core::store::{AssetFilter, JobFilter};
use rushes_core::{Code, JobState, Wait};
use rushes_engine::{Ask, Parts};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn start() -> (tempfile::TempDir, Places, TestEngine) {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    (folder, places, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_runs_each_step_once() {
    let (_folder, _places, engine) = start();
    let job = engine.run("steps", json!({"count": 5})).await;
    assert_eq!((job.state, job.value), (JobState::Completed, Some(json!("steps"))));
    assert_eq!((0..5).map(|n| engine.recipes.runs(&format!("step {n}"))).collect::<Vec<_>>(), [1; 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_tries_again_within_the_steps_limit() {
    for (how, runs, state, code) in [
        ("twice", 3, JobState::Completed, None),
        ("panic", 2, JobState::Completed, None),
        ("hang", 2, JobState::Completed, None),
        ("always", 3, JobState::Failed, Some(Code::ProviderDown)),
        ("refused", 1, JobState::Failed, Some(Code::ProviderRefused)),
        ("large", 1, JobState::Failed, Some(Code::ValueTooLarge)),
        ("outside", 1, JobState::Failed, Some(Code::InputInvalid)),
        ("link", 1, JobState::Failed, Some(Code::InputInvalid)),
        ("linked folder", 1, JobState::Failed, Some(Code::InputInvalid)),
    ] {
        let (_folder, _places, engine) = start();
        let job = engine.run("faulty", json!({"how": how})).await;
        assert_eq!((job.state, job.fault.map(|fault| fault.code)), (state, code), "{how}");
        assert_eq!(engine.recipes.runs("faulty"), runs, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_says_that_a_job_waits_for_a_retry_and_keeps_whose_fault_it_was() {
    let (_folder, _places, engine) = start();
    let store = engine.parts().store.clone();
    let job = engine.submit("faulty", json!({"how": "later"})).await;
    let retry = Some(Wait::Retry("faulty".to_owned()));
    engine.until("it waits to try again", || async { store.job(job).await.unwrap().waiting_for == retry }).await;
    let ended = engine.ended(job).await;
    assert_eq!((ended.state, ended.waiting_for), (JobState::Completed, None));
    let steps = store.steps(job).await.unwrap();
    assert_eq!((steps[0].provider.as_deref(), steps[0].attempts), (Some("clumsy"), 2));
    let facts = store.events(0, 100).await.unwrap();
    let failed = facts.iter().find(|fact| fact.event_type == "step.attempt_failed").unwrap();
    assert_eq!(failed.data, json!({"step": "faulty", "attempts": 1, "provider": "clumsy"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_refuses_two_steps_of_one_name() {
    let (_folder, _places, engine) = start();
    let job = engine.run("steps", json!({"twice": true})).await;
    assert_eq!(job.fault.unwrap().code, Code::StepTwice);
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cancels_within_a_second_and_undoes() {
    let (_folder, _places, engine) = start();
    let job = engine.submit("undo", json!({})).await;
    engine.until("the work has begun", || async { engine.recipes.runs("work") == 1 }).await;
    let asked = std::time::Instant::now();
    engine.engine.cancel(job).await.unwrap();
    let job = engine.ended(job).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!((engine.recipes.runs("work told"), engine.recipes.runs("undo book")), (1, 1));
    let fault = engine.engine.cancel(job.id).await.unwrap_err();
    assert_eq!(fault.code, Code::InputInvalid, "it has ended: {fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cancels_the_look_at_what_a_step_made() {
    let folder = tempfile::tempdir().unwrap();
    let (places, recipes, slow) = (Places::memory(folder.path()), Recipes::default(), Arc::new(Slow::default()));
    let inspect = slow.clone();
    let engine = TestEngine::start_as(folder.path(), &places, &recipes, Arc::new(SystemClock), |parts| Parts { inspect, ..parts });
    let job = engine.submit("files", json!({"count": 1, "text": "slow"})).await;
    engine.until("its file is looked at", || async { slow.is_asked.load(Ordering::SeqCst) }).await;
    engine.engine.cancel(job).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), engine.ended(job)).await;
    assert_eq!(ended.expect("nobody lets go of the file").state, JobState::Cancelled);
    assert!(engine.parts().store.assets(&AssetFilter::default()).await.unwrap().is_empty());
    let scratch = engine.parts().home.scratch(job);
    engine.until("nothing lies about", || async { !scratch.exists() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cancelling_branches_starts_no_other_and_undoes_once() {
    let (_folder, _places, engine) = start();
    let job = engine.submit("branches", json!({})).await;
    let begun = || (0..5).map(|n| engine.recipes.runs(&format!("branch {n}"))).sum::<u32>();
    engine.until("both places of the lane are taken", || async { begun() == 2 }).await;
    let asked = std::time::Instant::now();
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
    assert_eq!((begun(), engine.recipes.runs("undo branches")), (2, 1), "the three that waited never began");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_goes_on_after_a_stop_without_running_finished_steps() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let recipes = Recipes::default();
    let first = TestEngine::start(folder.path(), &places, &recipes);
    let job = first.submit("wait", json!({"nap_ms": 1})).await;
    first.until("the nap is over", || async { recipes.runs("after nap") == 1 }).await;
    let store = first.parts().store.clone();
    store.send_signal(job, "word", json!("one")).await.unwrap();
    first.engine.stop().await;
    drop(store);

    let second = TestEngine::start(folder.path(), &places, &recipes);
    second.parts().store.send_signal(job, "word", json!("two")).await.unwrap();
    let job = second.ended(job).await;
    assert_eq!(job.value, Some(json!(["one", "two", [1, 1]])), "each signal is taken once, in order; each branch ran once");
    assert_eq!(recipes.runs("after nap"), 1);
    assert_eq!(job.tries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_a_signal_that_never_comes_is_none() {
    let (_folder, _places, engine) = start();
    let job = engine.run("wait", json!({"limit_ms": 30})).await;
    assert_eq!(job.value, Some(json!([null, null, [1, 1]])));
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_a_failed_child_does_not_stop_the_others() {
    let (_folder, _places, engine) = start();
    let children = json!({"children": [{"workflow": "steps", "input": {"count": 1}}, {"workflow": "faulty", "input": {"how": "refused"}}]});
    let job = engine.run("parent", children).await;
    assert_eq!((job.state, job.value), (JobState::Completed, Some(json!(["steps", {"failed": "provider_refused"}]))));
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cancelling_a_parent_cancels_its_children() {
    let (_folder, _places, engine) = start();
    let job = engine.submit("parent", json!({"children": [{"workflow": "undo", "input": {}}]})).await;
    engine.until("the child works", || async { engine.recipes.runs("work") == 1 }).await;
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert_eq!(engine.recipes.runs("undo book"), 1, "the child has undone its work before the parent ends");
    let family = engine.parts().store.family(job).await.unwrap();
    assert!(family.jobs.iter().all(|job| job.state == JobState::Cancelled));
}

/// An engine that is started to be asked goes on with the unfinished job at once, and may have ended it before it is asked.
#[tokio::test(flavor = "multi_thread")]
async fn engine_takes_a_job_that_ended_after_the_asker_began_for_the_one_asked_for() {
    let (_folder, _places, engine) = start();
    let ask = |since_ms| engine.engine.answer(Ask::Submit { workflow: "files".into(), input: json!({"count": 1}), new: false, since_ms });
    let first = ask(None).await.unwrap();
    assert_eq!(first["is_new"], true);
    let ended = engine.ended(serde_json::from_value(first["job"].clone()).unwrap()).await.ended_ms.unwrap();
    let again = ask(Some(ended)).await.unwrap();
    assert_eq!((&again["is_new"], &again["job"]), (&json!(false), &first["job"]));
    assert_eq!(ask(Some(ended + 1)).await.unwrap()["is_new"], true, "one that ended before is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_refuses_a_job_of_another_version_of_its_workflow() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let first = TestEngine::start(folder.path(), &places, &Recipes::default());
    let job = first.submit("wait", json!({})).await;
    first.until("it waits", || async { first.recipes.runs("after nap") == 1 }).await;
    first.engine.stop().await;
    let second = TestEngine::start(folder.path(), &places, &Recipes::of_version(1));
    assert_eq!(second.ended(job).await.fault.unwrap().code, Code::WorkflowChanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_leaves_no_scratch_of_a_finished_job() {
    let (folder, _places, engine) = start();
    let job = engine.run("files", json!({"count": 3})).await;
    assert_eq!(job.state, JobState::Completed);
    engine.until("scratch is empty", || async { std::fs::read_dir(folder.path().join("home/scratch")).unwrap().count() == 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_equal_requests_at_once_make_one_job() {
    let (_folder, _places, engine) = start();
    let ask = |new| engine.engine.answer(Ask::Submit { workflow: "wait".into(), input: json!({}), new, since_ms: None });
    let answers = futures_util::future::join_all((0..16).map(|_| ask(false))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer["is_new"] == true).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["job"] == answers[0]["job"]), "{answers:?}");
    assert_eq!(ask(true).await.unwrap()["is_new"], true, "another one where that is asked for");
    let listed = || async { engine.parts().store.jobs(&JobFilter { limit: 20, ..JobFilter::default() }).await.unwrap() };
    assert_eq!(listed().await.len(), 2);
    for job in listed().await {
        engine.engine.cancel(job.id).await.unwrap();
    }
    assert_eq!(ask(false).await.unwrap()["is_new"], true, "what was asked to stop is not gone on with");
}
