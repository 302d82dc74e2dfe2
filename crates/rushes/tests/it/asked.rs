//! Engines that look for no work: each job is driven because somebody asks, for as long as that may take, and a queue is
//! asked for every job that has something to do.

use crate::support::{Places, TestEngine, recipes::Recipes, soon};
use async_trait::async_trait;
use rushes_core::clock::SystemClock;
use rushes_core::queue::TaskQueue;
use rushes_core::{Code, Fault, JobId, JobState};
use rushes_engine::{Driven, Driver, JobRules, NewJobRequest, Parts};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// A queue that only writes down what it is asked for.
#[derive(Default)]
struct Heard {
    asked: Mutex<Vec<(JobId, Option<i64>)>>,
    is_down: AtomicBool,
}

#[async_trait]
impl TaskQueue for Heard {
    async fn ask(&self, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Fault::new(Code::QueueDown, "ask for task"));
        }
        self.asked.lock().unwrap().push((job, not_before_ms));
        Ok(())
    }
}

impl Heard {
    fn count(&self, job: JobId) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| *asked == job).count()
    }
}

fn start(folder: &Path, places: &Places, recipes: &Recipes, queue: &Arc<Heard>) -> TestEngine {
    let jobs = JobRules { driver: Driver::Asked, ..JobRules::default() };
    let tasks: Arc<dyn TaskQueue> = queue.clone();
    TestEngine::start_as(folder, places, recipes, Arc::new(SystemClock), |parts| Parts { jobs, tasks: Some(tasks), ..parts })
}

struct Stand {
    engine: TestEngine,
    recipes: Recipes,
    queue: Arc<Heard>,
    places: Places,
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let (folder, recipes, queue) = (tempfile::tempdir().unwrap(), Recipes::default(), Arc::default());
        let places = Places::memory(folder.path());
        let engine = start(folder.path(), &places, &recipes, &queue);
        Self { engine, recipes, queue, places, folder }
    }

    async fn drive(&self, job: JobId) -> Driven {
        self.engine.engine.drive(job, Instant::now() + soon()).await.unwrap()
    }

    async fn state(&self, job: JobId) -> JobState {
        self.engine.parts().store.job(job).await.unwrap().state
    }

    async fn asked_for(&self, job: JobId, count: usize) {
        self.engine.until("the queue is asked", || async { self.queue.count(job) == count }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_wait_for_a_request_and_end_with_it_delivered_and_told() {
    let stand = Stand::new();
    let job = stand.engine.submit("files", json!({"count": 2})).await;
    assert_eq!(stand.queue.count(job), 1, "who made it has asked for it");
    assert_eq!(stand.state(job).await, JobState::Queued);
    assert_eq!(stand.drive(job).await, Driven::Ended(JobState::Completed));
    let owed = stand.engine.parts().store.owed_by(job).await.unwrap();
    assert_eq!(owed.open, 0, "its own mirror tells that it has ended: {owed:?}");
    assert_eq!(stand.drive(job).await, Driven::Ended(JobState::Completed), "a second task for it changes nothing");
    assert_eq!((stand.recipes.runs("file 0"), stand.queue.count(job)), (1, 1));
    stand.engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_that_need_what_lies_here_are_driven_here_and_by_nobody_else() {
    let stand = Stand::new();
    let request = || NewJobRequest { workflow: "undo".into(), input: json!({}), ..Default::default() };
    let job = stand.engine.engine.submit_here(request(), soon()).await.unwrap().id;
    assert_eq!((stand.state(job).await, stand.drive(job).await), (JobState::Running, Driven::Busy), "from its first moment on");
    stand.engine.until("it works", || async { stand.recipes.runs("work") == 1 }).await;
    assert_eq!(stand.queue.count(job), 0);
    stand.engine.engine.cancel(job).await.unwrap();
    assert_eq!(stand.engine.ended(job).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_are_handed_back_before_their_request_must_end() {
    let stand = Stand::new();
    let job = stand.engine.submit("undo", json!({})).await;
    let driving = stand.engine.engine.drive(job, Instant::now() + Duration::from_millis(400));
    let Driven::HandedBack { again_ms: Some(_) } = driving.await.unwrap() else { panic!("it has not ended") };
    assert_eq!((stand.recipes.runs("work"), stand.recipes.runs("undo book"), stand.queue.count(job)), (1, 0, 2), "nothing was undone");
    let store = stand.engine.parts().store.clone();
    let row = store.job(job).await.unwrap();
    assert_eq!((row.state, row.cancel, row.fault), (JobState::Running, false, None));
    assert!(store.steps(job).await.unwrap().iter().all(|step| step.name == "book"), "the work counts no failed attempt");
    let scratch = stand.engine.parts().home.scratch(job);
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0, "half a film is nobody's");

    // Asked for again it goes on, with others waiting; and a cancel reaches it wherever it is driven.
    let desk = stand.engine.engine.desk();
    let going_on = tokio::spawn(async move { desk.drive(job, Instant::now() + soon()).await });
    stand.engine.until("the work goes on", || async { stand.recipes.runs("work") == 2 }).await;
    assert_eq!(stand.drive(job).await, Driven::Busy);
    stand.engine.engine.cancel(job).await.unwrap();
    assert_eq!(going_on.await.unwrap().unwrap(), Driven::Ended(JobState::Cancelled));
    assert_eq!((stand.recipes.runs("book"), stand.recipes.runs("undo book")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_are_handed_back_when_nobody_listens_or_the_engine_stops() {
    let stand = Stand::new();
    let job = stand.engine.submit("undo", json!({})).await;
    let cut = tokio::time::timeout(Duration::from_millis(300), stand.drive(job)).await;
    assert!(cut.is_err(), "it works until it is cancelled");
    stand.engine.until("it is anybody's", || async { stand.engine.parts().store.claim_one("other", job).await.unwrap().is_some() }).await;
    // What `other` took up is given back by the next start; the engine itself lets go of what it drives.
    let second = stand.engine.submit("undo", json!({})).await;
    let (desk, runs) = (stand.engine.engine.desk(), stand.recipes.runs("work"));
    let driving = tokio::spawn(async move { desk.drive(second, Instant::now() + soon()).await });
    stand.engine.until("it works", || async { stand.recipes.runs("work") > runs }).await;
    let store = stand.engine.parts().store.clone();
    stand.engine.engine.stop().await;
    assert_eq!(driving.await.unwrap().unwrap_err().code, Code::EngineGone);
    assert!(store.claim_one("other", second).await.unwrap().is_some(), "no lease of it must run out");
    drop(store);
    let next = start(stand.folder.path(), &stand.places, &stand.recipes, &stand.queue);
    next.engine.cancel(second).await.unwrap();
    assert_eq!(next.engine.drive(second, Instant::now() + soon()).await.unwrap(), Driven::Ended(JobState::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_that_only_wait_hold_no_request_and_are_asked_for_when_it_is_over() {
    let stand = Stand::new();
    let job = stand.engine.submit("wait", json!({"nap_ms": 20_000, "limit_ms": 600_000})).await;
    let before_ms = stand.engine.parts().clock.now_ms();
    let Driven::HandedBack { again_ms: Some(again_ms) } = stand.drive(job).await else { panic!("it sleeps") };
    assert!((before_ms + 15_000..before_ms + 40_000).contains(&again_ms), "{}", again_ms - before_ms);
    assert_eq!(stand.queue.asked.lock().unwrap().last(), Some(&(job, Some(again_ms))));
    assert_eq!(stand.queue.count(job), 2, "nobody else asked for it meanwhile");

    let job = stand.engine.submit("wait", json!({"limit_ms": 600_000})).await;
    let Driven::HandedBack { again_ms: Some(_) } = stand.drive(job).await else { panic!("it waits for a signal") };
    let store = stand.engine.parts().store.clone();
    store.send_signal(job, "word", json!("one")).await.unwrap();
    stand.asked_for(job, 3).await;
    store.send_signal(job, "word", json!("two")).await.unwrap();
    assert_eq!(stand.drive(job).await, Driven::Ended(JobState::Completed));
    assert_eq!(stand.recipes.runs("after nap"), 1);
    assert_eq!(store.job(job).await.unwrap().value, Some(json!(["one", "two", [1, 1]])));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_wait_for_their_children_without_a_request_and_go_on_after_the_last() {
    let stand = Stand::new();
    let files = |subject: &str| json!({"workflow": "files", "input": {"subject": subject}});
    let parent = stand.engine.submit("parent", json!({"children": [files("mira"), files("rin")]})).await;
    assert_eq!(stand.drive(parent).await, Driven::HandedBack { again_ms: None });
    let family = stand.engine.parts().store.family(parent).await.unwrap();
    let children: Vec<JobId> = family.jobs.iter().skip(1).map(|job| job.id).collect();
    for (n, child) in children.iter().enumerate() {
        assert_eq!((stand.queue.count(*child), stand.queue.count(parent)), (1, 1), "child {n}");
        assert_eq!(stand.drive(*child).await, Driven::Ended(JobState::Delivering));
    }
    assert_eq!(stand.queue.count(parent), 2, "whoever drove the last child has asked for it before the answer");
    assert_eq!(stand.drive(parent).await, Driven::Ended(JobState::Completed));
    for child in children {
        assert_eq!(stand.drive(child).await, Driven::Ended(JobState::Completed));
    }
    stand.engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_whose_queue_is_down_are_asked_for_by_a_later_look() {
    let stand = Stand::new();
    stand.queue.is_down.store(true, Ordering::SeqCst);
    let job = stand.engine.submit("steps", json!({})).await;
    assert_eq!(stand.engine.engine.call_for_all().await.unwrap_err().code, Code::QueueDown);
    assert_eq!(stand.state(job).await, JobState::Queued, "it stands all the same");
    stand.queue.is_down.store(false, Ordering::SeqCst);
    stand.engine.engine.call_for_all().await.unwrap();
    assert_eq!((stand.engine.engine.call_for_all().await.unwrap(), stand.queue.count(job)), (0, 1), "once is enough");
    assert_eq!(stand.drive(job).await, Driven::Ended(JobState::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_jobs_are_not_driven_by_an_engine_that_takes_them_up_itself() {
    let folder = tempfile::tempdir().unwrap();
    let engine = TestEngine::start(folder.path(), &Places::memory(folder.path()), &Recipes::default());
    let job = engine.submit("steps", json!({})).await;
    assert_eq!(engine.engine.drive(job, Instant::now()).await.unwrap_err().code, Code::InputInvalid);
    assert_eq!(engine.ended(job).await.state, JobState::Completed);
}
