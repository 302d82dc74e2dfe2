//! Jobs that a real Restate server hands out: nothing of them is lost or done twice, whoever of the two is killed.

use crate::support::program::{Program, end};
use crate::support::survivor::{Survivor, TINY};
use crate::support::{Places, TestEngine, outside, recipes::Recipes};
use async_trait::async_trait;
use rushes_adapters::restate::{RestateQueue, RestateSettings};
use rushes_core::clock::SystemClock;
use rushes_core::queue::TaskQueue;
use rushes_core::store::Store;
use rushes_core::{Code, Fault, JobId, JobState};
use rushes_engine::restate::{Listening, generation};
use rushes_engine::{Driver, JobRules, Parts};
use rushes_testkit::servers::{Restate, restate, restate_cluster};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NAMES: &[&str] = &["files", "steps", "parent", "faulty", "undo", "wait", "choose"];

/// Restate, and what it was asked for.
struct Noted {
    queue: RestateQueue,
    timers: Mutex<Vec<JobId>>,
    store: Arc<dyn Store>,
    /// Sent to the job that is next handed back to wait, before that is done; and where Restate tells what it has begun.
    in_between: Mutex<Option<(Value, String)>>,
}

impl Noted {
    /// As another node does that sees at once what happened to the job; returns when Restate has called this one for it.
    async fn call_in_between(&self, job: JobId, word: Value, admin: &str) {
        self.store.send_signal(job, "word", word).await.unwrap();
        self.queue.ask(job, None).await.unwrap();
        // Restate's admin interface is asked in a SQL of Restate's own; it has nothing to do with our store.
        let query = json!({"query": format!("select id from sys_invocation where idempotency_key like '{job}%' and status = 'running'")});
        let client = reqwest::Client::new();
        loop {
            let asked = client.post(format!("{admin}/query")).header("accept", "application/json").json(&query).send().await.unwrap();
            // The one whose drive is being handed back, and the new one.
            if asked.json::<Value>().await.unwrap()["rows"].as_array().unwrap().len() == 2 {
                return;
            }
        }
    }
}

#[async_trait]
impl TaskQueue for Noted {
    async fn ask(&self, job: JobId, not_before_ms: Option<i64>) -> Result<(), Fault> {
        self.queue.ask(job, not_before_ms).await?;
        if not_before_ms.is_some() {
            let in_between = self.in_between.lock().unwrap().take();
            if let Some((word, admin)) = in_between {
                self.call_in_between(job, word, &admin).await;
            }
            self.timers.lock().unwrap().push(job);
        }
        Ok(())
    }

    async fn announce(&self) -> Result<(), Fault> {
        self.queue.announce().await
    }

    fn heeds_turns(&self) -> bool {
        self.queue.heeds_turns()
    }

    fn tries_again_ms(&self) -> i64 {
        self.queue.tries_again_ms()
    }

    fn look_every(&self) -> Duration {
        self.queue.look_every()
    }
}

/// An engine whose jobs this server hands out, found at this address.
struct Node {
    test: TestEngine,
    noted: Arc<Noted>,
    address: String,
}

impl std::ops::Deref for Node {
    type Target = TestEngine;

    fn deref(&self) -> &TestEngine {
        &self.test
    }
}

impl Node {
    /// How often it was handed back to wait for a time or a signal.
    fn waits(&self, job: JobId) -> usize {
        self.noted.timers.lock().unwrap().iter().filter(|asked| **asked == job).count()
    }

    async fn has_waited(&self, job: JobId, count: usize) {
        self.until("it is handed back", || async { self.waits(job) == count }).await;
    }
}

struct Stand {
    recipes: Recipes,
    places: Places,
    folder: tempfile::TempDir,
    server: Restate,
}

impl Stand {
    /// None where there is no server.
    fn new() -> Option<Self> {
        restate().map(Self::of)
    }

    fn of(server: Restate) -> Self {
        let (folder, recipes) = (tempfile::tempdir().unwrap(), Recipes::default());
        Self { recipes, places: Places::memory(folder.path()), folder, server }
    }

    fn start(&self) -> Node {
        self.start_at("127.0.0.1:0", &self.recipes)
    }

    fn start_at(&self, address: &str, recipes: &Recipes) -> Node {
        let listening = Listening::bind(address).unwrap().refusing_for(Duration::from_secs(1));
        let address = listening.address().unwrap().to_string();
        let deployment = format!("http://{address}/{}", generation(recipes, NAMES));
        let nodes = || 0..self.server.nodes();
        let settings = RestateSettings {
            ingress: nodes().map(|node| self.server.ingress(node)).collect(),
            admin: nodes().map(|node| self.server.admin(node)).collect(),
            deployment,
        };
        let mut noted = None;
        let asked = |parts: Parts| {
            let (queue, store) = (RestateQueue::new(settings, parts.store.clone()).unwrap(), parts.store.clone());
            let queue = noted.insert(Arc::new(Noted { queue, timers: Mutex::default(), store, in_between: Mutex::default() })).clone();
            let jobs = JobRules { driver: Driver::Asked, at_once: Some(2), ..JobRules::default() };
            Parts { jobs, tasks: Some(queue), ..parts }
        };
        let mut test = TestEngine::start_as(self.folder.path(), &self.places, recipes, Arc::new(SystemClock), asked);
        test.engine.answer_restate(listening, NAMES).unwrap();
        Node { test, noted: noted.unwrap(), address }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_hands_out_jobs_and_their_children_and_each_step_is_done_once() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    let child = |n: u64| json!({"workflow": "files", "input": {"subject": format!("c{n}"), "count": 2}});
    let mut children: Vec<_> = (0..5).map(child).collect();
    children.push(json!({"workflow": "faulty", "input": {"how": "refused"}}));
    let job = engine.run("parent", json!({ "children": children })).await;
    assert_eq!(job.state, JobState::Completed, "{:?}", job.fault);
    assert_eq!(job.value.as_ref().unwrap().as_array().unwrap().len(), 6);
    assert_eq!((stand.recipes.runs("file 0"), stand.recipes.runs("subject")), (5, 5));
    engine.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_lets_a_cancel_reach_the_work_and_undo_it() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    let job = engine.submit("undo", json!({})).await;
    engine.until("it works", || async { stand.recipes.runs("work") == 1 }).await;
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert_eq!((stand.recipes.runs("work told"), stand.recipes.runs("undo book")), (1, 1));

    // One that nobody drives is taken up to be undone.
    let job = engine.submit("wait", json!({"limit_ms": 600_000})).await;
    engine.has_waited(job, 1).await;
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_wakes_what_sleeps_and_what_waits_for_a_signal_and_nobody_holds_it_meanwhile() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    let began = std::time::Instant::now();
    let job = engine.submit("wait", json!({"nap_ms": 8_000, "limit_ms": 600_000})).await;
    engine.has_waited(job, 1).await;
    assert_eq!(stand.recipes.runs("after nap"), 0);
    engine.until("it is woken", || async { stand.recipes.runs("after nap") == 1 }).await;
    assert!(began.elapsed() >= Duration::from_secs(8), "not before its time");
    engine.has_waited(job, 2).await;
    let store = engine.parts().store.clone();
    for word in ["one", "two"] {
        store.send_signal(job, "word", json!(word)).await.unwrap();
    }
    let ended = engine.ended(job).await;
    assert_eq!(ended.value.unwrap(), json!(["one", "two", [1, 1]]));
    assert_eq!(ended.tries, 3, "each wait ended one drive, and nothing else did");
}

/// A call that comes while the drive before it is still being handed back is about what happened since.
#[tokio::test(flavor = "multi_thread")]
async fn restate_loses_no_call_that_meets_the_end_of_the_drive_before_it() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    *engine.noted.in_between.lock().unwrap() = Some((json!("one"), stand.server.admin(0)));
    let job = engine.submit("wait", json!({"limit_ms": 600_000})).await;
    engine.has_waited(job, 2).await;
    engine.parts().store.send_signal(job, "word", json!("two")).await.unwrap();
    let ended = engine.ended(job).await;
    assert_eq!((ended.value.unwrap(), ended.tries), (json!(["one", "two", [1, 1]]), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_does_not_try_for_ever_what_has_failed_and_tries_again_what_may_pass() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    let failed = engine.run("faulty", json!({"how": "refused"})).await;
    assert_eq!((failed.state, stand.recipes.runs("faulty")), (JobState::Failed, 1), "{:?}", failed.fault);
    let passed = engine.run("faulty", json!({"how": "twice"})).await;
    assert_eq!((passed.state, passed.tries), (JobState::Completed, 1), "{:?}", passed.fault);
    // Tried anew by a person, it is another invocation.
    let again = engine.engine.answer(rushes_engine::Ask::Retry { job: failed.id, had_failed: true }).await;
    again.unwrap();
    assert_eq!(engine.ended(failed.id).await.tries, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_gives_out_as_many_jobs_at_once_as_may_run_and_the_oldest_first() {
    let Some(stand) = Stand::new() else { return };
    let engine = stand.start();
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(engine.submit("undo", json!({})).await);
    }
    for turn in [0, 2] {
        engine.until("two work", || async { stand.recipes.runs("work") == turn + 2 }).await;
        assert_eq!(engine.parts().store.count_open().await.unwrap().get(&JobState::Running), Some(&2));
        for _ in 0..2 {
            let job = jobs.remove(0);
            engine.engine.cancel(job).await.unwrap();
            assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_goes_on_with_the_next_engine_when_one_stops_or_dies() {
    let Some(stand) = Stand::new() else { return };
    let (engine, recipes) = (stand.start(), &stand.recipes);
    let job = engine.submit("undo", json!({})).await;
    engine.until("it works", || async { recipes.runs("work") == 1 }).await;
    let Node { test, address, .. } = engine;
    test.engine.stop().await;
    let engine = stand.start_at(&address, recipes);
    engine.until("it works again", || async { recipes.runs("work") == 2 }).await;
    // Dropped, it leaves everything where it is.
    drop(engine);
    let engine = stand.start();
    engine.until("and again", || async { recipes.runs("work") == 3 }).await;
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert_eq!((recipes.runs("book"), recipes.runs("undo book")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_may_be_killed_and_started_again() {
    let Some(mut stand) = Stand::new() else { return };
    let engine = stand.start();
    let job = engine.submit("undo", json!({})).await;
    engine.until("it works", || async { stand.recipes.runs("work") == 1 }).await;
    stand.server.kill(0);
    // What is made meanwhile is handed over when there is somebody to hand it to.
    let second = engine.submit("files", json!({"count": 1})).await;
    stand.server.start(0);
    let ended = engine.ended(second).await;
    assert_eq!(ended.state, JobState::Completed, "{:?}", ended.fault);
    engine.engine.cancel(job).await.unwrap();
    assert_eq!(engine.ended(job).await.state, JobState::Cancelled);
    assert_eq!(stand.recipes.runs("work"), 1, "the work went on without it");
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_gives_no_job_to_a_program_with_another_version_of_its_workflow() {
    let Some(stand) = Stand::new() else { return };
    let (engine, recipes) = (stand.start(), &stand.recipes);
    let job = engine.submit("wait", json!({"limit_ms": 600_000})).await;
    engine.until("it waits", || async { recipes.runs("after nap") == 1 }).await;
    drop(engine);
    // Its name leads to the first program only, which is gone: nobody touches the job, and nothing of it is misread.
    let newer = stand.start_at("127.0.0.1:0", &Recipes::of_version(1));
    newer.parts().store.send_signal(job, "word", json!("one")).await.unwrap();
    assert_eq!(newer.run("files", json!({"count": 1})).await.state, JobState::Completed, "its own jobs go on");
    assert_eq!(newer.parts().store.job(job).await.unwrap().fault, None);
    drop(newer);
    let older = stand.start();
    older.parts().store.send_signal(job, "word", json!("two")).await.unwrap();
    assert_eq!(older.ended(job).await.value.unwrap(), json!(["one", "two", [1, 1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_jobs_whose_version_is_nowhere_any_more_fail_and_say_so() {
    let Some(stand) = Stand::new() else { return };
    let older = stand.start();
    let job = older.submit("wait", json!({"limit_ms": 600_000})).await;
    older.has_waited(job, 1).await;
    let Node { test, address, .. } = older;
    test.engine.stop().await;
    // Whoever is behind the old address now has another version.
    let newer = stand.start_at(&address, &Recipes::of_version(1));
    newer.parts().store.send_signal(job, "word", json!("one")).await.unwrap();
    let ended = newer.ended(job).await;
    assert_eq!((ended.state, ended.fault.map(|fault| fault.code)), (JobState::Failed, Some(Code::WorkflowChanged)));
}

/// Behind one address may be nodes of two programs: what one has must not be taken for what the other has.
#[tokio::test(flavor = "multi_thread")]
async fn restate_is_not_told_of_one_program_by_a_node_of_another() {
    let Some(stand) = Stand::new() else { return };
    let node = stand.start();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, url) = (reqwest::Client::new(), format!("{}/deployments", stand.server.admin(0)));
    let tell = async |of: &str| {
        let body = json!({"uri": format!("http://{}/{of}", node.address), "force": false});
        client.post(&url).json(&body).send().await.unwrap().status().is_success()
    };
    assert!(!tell("0badc0de").await);
    assert!(tell(&generation(&stand.recipes, NAMES)).await, "a node of that program tells it");
}

#[tokio::test(flavor = "multi_thread")]
async fn restate_may_lose_a_node_of_its_cluster_and_get_it_back() {
    let Some(server) = restate_cluster(3) else { return };
    let mut stand = Stand::of(server);
    let engine = stand.start();
    let job = engine.submit("wait", json!({"nap_ms": 5_000, "limit_ms": 600_000})).await;
    engine.has_waited(job, 1).await;
    // The one that is asked first.
    stand.server.kill(0);
    let files = engine.run("files", json!({"count": 2})).await;
    assert_eq!(files.state, JobState::Completed, "{:?}", files.fault);
    stand.server.start(0);
    stand.server.kill(1);
    engine.until("the others wake it", || async { stand.recipes.runs("after nap") == 1 }).await;
    for word in ["one", "two"] {
        engine.parts().store.send_signal(job, "word", json!(word)).await.unwrap();
    }
    assert_eq!(engine.ended(job).await.value.unwrap(), json!(["one", "two", [1, 1]]));
}

#[test]
fn restate_carries_a_production_through_kills_of_both() {
    let Some(mut server) = restate() else { return };
    let mut program = Program::with(TINY);
    program.variables = outside::variables_of(&server, "127.0.0.1:0");
    let mut survivor = Survivor::of(program, &[], None);
    for plan in ["step_kept:2=kill", "object_put:3=kill"] {
        assert_eq!(end(survivor.start(plan)).code, -1);
        survivor.look();
        server.kill(0);
        server.start(0);
    }
    survivor.finish();
    survivor.oracle();
}
