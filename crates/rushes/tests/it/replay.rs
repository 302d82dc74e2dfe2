//! Recorded journals against today's workflows: whether a job that was begun before a change can go on after it.

use crate::support::{Places, TestEngine, journals, recipes::Recipes};
use rushes_core::flow::Workflows;
use rushes_core::job::Outcome;
use rushes_core::{Code, JobId, JobState};
use rushes_testkit::replay::{Difference, Recorded, replay};
use rushes_workflows::{Look, Registry};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CURE: &str = "A job begun before this change cannot go on after it. If the change is meant, raise the version in the \
                    workflow's `CARD`; then record anew: cargo test -p rushes --test it -- --ignored record_journals";

#[test]
#[ignore = "writes the journals anew; run it after a workflow's version was raised"]
fn record_journals() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        journals::record().await;
        // It needs an account, and a store whose addresses open.
        let stand = crate::reels::Stand::new().await;
        stand.publish(&[]).expect(0);
        journals::record_of(&stand.program, "publish").await;
        // It needs somebody who answers.
        crate::chat::record().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a journal anew; run it after the workflow's version was raised"]
async fn record_journals_of_workers() {
    crate::workers::record().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes a journal anew; run it after the workflow's version was raised"]
async fn record_journals_of_shoots() {
    crate::shoots::record().await;
}

#[tokio::test]
async fn replay_recorded_journals_still_run() {
    let registry = journals::registry();
    let mut wrong = Vec::new();
    for (file, journal) in journals::recorded() {
        match replay(&registry, &journal).await {
            Ok(replayed) => wrong.extend(replayed.differences.iter().map(|difference| format!("{file}: {difference}"))),
            // The engine refuses such a job in the same words; nothing of it can be misread.
            Err(fault) => {
                assert_eq!(fault.code, Code::WorkflowChanged);
                assert!(registry.version(&journal.workflow) > Some(journal.version), "{file}: {fault}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{CURE}", wrong.join("\n"));
}

#[test]
fn replay_has_a_journal_of_every_workflow_as_it_is_today() {
    let journals = journals::recorded();
    let recorded: BTreeSet<(&str, u32)> = journals.values().map(|journal| (journal.workflow.as_str(), journal.version)).collect();
    let today: BTreeSet<(&str, u32)> = Registry::cards().iter().map(|card| (card.name, card.version)).collect();
    assert!(today.is_subset(&recorded), "today's workflows are {today:?}, recorded are {recorded:?}.\n{CURE}");
    assert!(journals.values().any(|journal| matches!(journal.end, Outcome::Failed(_))), "none that failed");
    assert!(journals.values().any(|journal| journal.end == Outcome::Cancelled), "none that was cancelled");
}

/// What a production danced on was taken in by its first step; the film may be gone when it is gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn replay_asks_no_library_for_what_a_step_has_answered() {
    let mut journal = journals::recorded().remove("production.json").unwrap();
    let gone = json!(["renamed-since.mp4"]);
    journal.input["reference_videos"] = gone.clone();
    let step = journal.steps.iter_mut().find(|step| step.name == "references").unwrap();
    step.input_hash = rushes_core::flow::hash(&gone);
    assert_eq!(replay(&journals::registry(), &journal).await.unwrap().differences, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_plans_name_the_steps_that_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let (journals, registry, library) = (journals::recorded(), journals::registry(), rushes_engine::library(engine.parts()));
    let plan = Registry::card("production").and_then(|card| card.outside).unwrap().plan;
    let look = Look { kit: registry.kit(), library: library.as_ref() };
    let planned = plan(journals["production.json"].input.clone(), look).await.unwrap().steps;
    for workflow in ["production", "character"] {
        let planned: BTreeSet<&str> = planned.iter().filter(|one| one.workflow == workflow).map(|one| one.step.as_str()).collect();
        let journal = &journals[&format!("{workflow}.json")];
        let taken: BTreeSet<&str> = journal.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(planned, taken, "{workflow}");
    }
}

/// Runs a workflow on a real engine and takes its journal.
async fn recorded(workflow: &str, input: Value, on_its_way: impl AsyncFn(&TestEngine, JobId)) -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let job = engine.submit(workflow, input).await;
    on_its_way(&engine, job).await;
    let job = engine.ended(job).await;
    journals::take(&*engine.parts().store, &job).await
}

/// A workflow that sleeps, takes a signal, misses another, and runs branches.
async fn waited() -> Recorded {
    let send = async |engine: &TestEngine, job| engine.parts().store.send_signal(job, "word", json!("one")).await.unwrap();
    recorded("wait", json!({"limit_ms": 600}), send).await
}

async fn differences(journal: &Recorded) -> Vec<Difference> {
    replay(&Recipes::default(), journal).await.unwrap().differences
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_of_an_unchanged_workflow_finds_nothing() {
    let waited = waited().await;
    assert_eq!(waited.end, Outcome::Value(json!(["one", null, [1, 1]])));
    assert_eq!(differences(&waited).await, []);
    let children = json!({"children": [{"workflow": "steps", "input": {"count": 1}}, {"workflow": "faulty", "input": {"how": "refused"}}]});
    let parent = recorded("parent", children, async |_, _| {}).await;
    assert_eq!(parent.children.len(), 2);
    assert_eq!(differences(&parent).await, []);
    let failed = recorded("faulty", json!({"how": "refused"}), async |_, _| {}).await;
    assert_eq!(differences(&failed).await, []);
    let cancel = async |engine: &TestEngine, job| {
        engine.until("the work has begun", || async { engine.recipes.runs("work") == 1 }).await;
        assert_eq!(engine.engine.cancel(job).await.unwrap().id, job);
    };
    let undone = recorded("undo", json!({}), cancel).await;
    assert_eq!((&undone.end, undone.steps.len()), (&Outcome::Cancelled, 3));
    assert_eq!(differences(&undone).await, []);
    let napped = recorded("wait", json!({"nap_ms": 60_000}), async |engine, job| {
        engine.until("it sleeps", || async { !engine.parts().store.steps(job).await.unwrap().is_empty() }).await;
        engine.engine.cancel(job).await.unwrap();
    });
    let napped = napped.await;
    assert_eq!((&napped.end, napped.steps.len()), (&Outcome::Cancelled, 1), "a cancel during a sleep leaves no row");
    assert_eq!(differences(&napped).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_names_what_a_workflow_does_otherwise() {
    let waited = waited().await;
    let changed = async |change: &dyn Fn(&mut Recorded)| {
        let mut journal = waited.clone();
        change(&mut journal);
        differences(&journal).await.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let at = |journal: &mut Recorded, name: &str| journal.steps.iter().position(|step| step.name == name).unwrap();
    let says = changed(&|journal| {
        let step = at(journal, "after nap");
        journal.steps[step].name = "after sleep".into();
    })
    .await;
    assert_eq!(says[0], "step `after nap` is asked for and not recorded");
    assert!(says.contains(&"step `after sleep` is recorded and never asked for".to_owned()), "{says:?}");
    let says = changed(&|journal| {
        let step = at(journal, "left");
        journal.steps[step].input_hash = "of something else".into();
    })
    .await;
    assert_eq!(says, ["step `left` works from other inputs than recorded"]);
    let says = changed(&|journal| {
        let step = at(journal, "right");
        journal.steps[step].outcome = Outcome::Value(json!("words"));
    })
    .await;
    assert!(says[0].starts_with("the recorded value of `right` can no longer be read"), "{says:?}");
    let says = changed(&|journal| journal.end = Outcome::Cancelled).await;
    assert_eq!(says.len(), 1, "{says:?}");

    let mut twice = recorded("steps", json!({"count": 1}), async |_, _| {}).await;
    twice.input = json!({"count": 1, "twice": true});
    assert_eq!(differences(&twice).await[0], Difference::Twice { step: "step 0".into() });

    let mut parent = recorded("parent", json!({"children": [{"workflow": "steps", "input": {}}]}), async |_, _| {}).await;
    parent.children[0].input = json!({"count": 2});
    assert_eq!(differences(&parent).await, [Difference::OtherChild { child: "child 0".into() }]);
    parent.children[0].name = "child".into();
    let missing = [Difference::ChildNotRecorded { child: "child 0".into() }, Difference::ChildNeverAsked { child: "child".into() }];
    assert_eq!(differences(&parent).await[..2], missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_refuses_a_journal_of_another_version() {
    let journal = recorded("steps", json!({}), async |_, _| {}).await;
    let fault = replay(&Recipes::of_version(1), &journal).await.unwrap_err();
    assert_eq!(fault.code, Code::WorkflowChanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_a_step_no_longer_asked_for_fails_the_job_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let first = TestEngine::start(folder.path(), &places, &Recipes::default());
    let job = first.submit("wait", json!({})).await;
    first.until("the step is done", || async { first.parts().store.steps(job).await.unwrap().len() >= 3 }).await;
    first.engine.stop().await;
    let second = TestEngine::start(folder.path(), &places, &Recipes::without("after nap"));
    for word in ["one", "two"] {
        second.parts().store.send_signal(job, "word", json!(word)).await.unwrap();
    }
    let job = second.ended(job).await;
    let fault = job.fault.unwrap();
    assert_eq!((job.state, fault.code, fault.get("step")), (JobState::Failed, Code::WorkflowChanged, Some("after nap")));
}
