//! Several nodes on one store: each a real `rushes serve` with a home of its own, a Postgres server between them, and one
//! folder that all of them deliver to.

mod balance;
mod lost;
mod moving;
mod rolling;
mod torment;

use crate::service::{Served, new_key};
use crate::support::program::Program;
use crate::support::stores::address_of;
use crate::support::survivor::{TINY, hashes, make_reference};
use reqwest::{Method, StatusCode};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::event::Event;
use rushes_core::store::{AssetFilter, Assets, Events, JobFilter, Jobs, Outbox};
use rushes_core::{Asset, Job, JobState};
use rushes_store::{Mode, SqlStore};
use rushes_testkit::servers::{Postgres, postgres};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(300);

/// Some nodes, and what they share.
struct Nodes {
    nodes: Vec<Served>,
    server: Postgres,
    shared: tempfile::TempDir,
}

impl Nodes {
    /// None where there is no Postgres to be had.
    fn start(count: usize) -> Option<Self> {
        Self::start_with(count, |_| String::new())
    }

    /// As [`Nodes::start`], each with some more configuration of its own.
    fn start_with(count: usize, more: impl Fn(usize) -> String) -> Option<Self> {
        let prepare = |node: usize, program: &mut Program| {
            let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
            program.write("rushes.toml", format!("{}{config}", more(node)).as_bytes());
        };
        Some(Self::start_on(postgres()?, count, prepare))
    }

    /// Those who share this database, each prepared before it is started.
    fn start_on(server: Postgres, count: usize, prepare: impl Fn(usize, &mut Program)) -> Self {
        let shared = tempfile::tempdir().unwrap();
        let config = format!(
            "{TINY}[server]\nrequests_per_minute = 100000\njobs_at_once = 2\n[store]\nuri = \"{}\"\n\
             [[destinations]]\nname = \"cloud\"\nuri = \"file://{}\"\n[[catalogs]]\nname = \"records\"\nuri = \"file://{}\"\n",
            server.url(),
            shared.path().join("cloud").display(),
            shared.path().join("records").display()
        );
        let mut programs: Vec<Program> = (0..count).map(|_| Program::with(&config)).collect();
        programs.iter_mut().enumerate().for_each(|(node, program)| prepare(node, program));
        // As a folder that all of them have: without one, each renders a library of its own first.
        make_reference(&programs[0]);
        let reference = std::fs::read(programs[0].path("step.mp4")).unwrap();
        programs.iter().for_each(|program| drop(program.write("home/references/step.mp4", &reference)));
        let key = new_key(&programs[0], "admin");
        let open = |program| {
            let mut served = Served::open(program);
            served.key = Some(key.clone());
            served
        };
        Self { nodes: programs.into_iter().map(open).collect(), server, shared }
    }

    fn store(&self) -> SqlStore {
        SqlStore::open_postgres(&address_of(&self.server.url(), "rushes"), &Mode::Read, Arc::new(SystemClock), Routes::default()).unwrap()
    }

    /// Asks a node for a job; the answer may be lost with the node, so it is asked under one key until it comes.
    async fn submit(&self, node: usize, workflow: &str, input: &Value, idem_key: &str) -> String {
        let began = Instant::now();
        for node in (0..self.nodes.len()).cycle().skip(node) {
            assert!(began.elapsed() < LONG, "{idem_key} is never taken");
            let request = self.nodes[node].ask(Method::POST, &format!("/api/v1/workflows/{workflow}/jobs"));
            let sent = request.header("Idempotency-Key", idem_key).timeout(Duration::from_secs(20)).json(input).send().await;
            if let Some(job) = taken(sent).await {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        unreachable!("a cycle has no end")
    }
}

/// The job's id where it was taken; None where it is to be asked for again.
async fn taken(sent: reqwest::Result<reqwest::Response>) -> Option<String> {
    let answer = sent.ok()?;
    let status = answer.status();
    let passes = [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS].contains(&status) || status.is_server_error();
    let said = answer.json::<Value>().await.ok()?;
    assert!(status.is_success() || passes, "{status}: {said}");
    status.is_success().then(|| said["id"].as_str().or(said["job"].as_str()).unwrap_or_else(|| panic!("{said}")).to_owned())
}

/// Waits until every topmost job has ended and nothing is owed, the records that tell of the ends among it; gives them.
async fn all_ended(store: &SqlStore, wanted: usize) -> Vec<Job> {
    let began = Instant::now();
    loop {
        let jobs = store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await.unwrap();
        let owed: u64 = store.backlog().await.unwrap().values().map(|backlog| backlog.owed).sum();
        if jobs.len() == wanted && jobs.iter().all(|job| job.state.has_ended()) && owed == 0 {
            return jobs;
        }
        if began.elapsed() > LONG {
            panic!("not in time, {} of {wanted} there, {owed} owed: {:#?}", jobs.len(), open_of(store, &jobs).await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The jobs that go on, children too, and how they stand.
async fn open_of(store: &SqlStore, jobs: &[Job]) -> Vec<String> {
    let mut open = Vec::new();
    for root in jobs.iter().filter(|job| !job.state.has_ended()) {
        for job in store.family(root.id).await.unwrap().jobs.iter().filter(|job| !job.state.has_ended()) {
            open.push(format!("{} {} {} {:?} tries {}", job.id, job.workflow, job.state.name(), job.waiting_for, job.tries));
        }
    }
    open
}

/// Every fact, in its order.
async fn facts(store: &SqlStore) -> Vec<Event> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = store.events(after, 1_000).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = last.seq;
        all.extend(page);
    }
}

/// What must be true however rough it was: each job ended once and well, each asset is in the cloud once, with its bytes.
async fn oracle(nodes: &Nodes, jobs: &[Job]) {
    let store = nodes.store();
    for job in jobs {
        let family = store.family(job.id).await.unwrap().jobs;
        let faults: Vec<String> = family.iter().filter_map(|job| Some(format!("{}: {}", job.id, job.fault.as_ref()?))).collect();
        assert_eq!(job.state, JobState::Completed, "{faults:#?}");
    }
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for fact in facts(&store).await.iter().filter(|fact| fact.event_type == "job.completed") {
        *ends.entry(fact.job.clone().unwrap()).or_default() += 1;
    }
    assert!(jobs.iter().all(|job| ends.get(&job.id.to_string()) == Some(&1)), "each ends once: {ends:?}");
    let every = store.assets(&AssetFilter { all_versions: true, ..AssetFilter::default() }).await.unwrap();
    let current: Vec<Asset> = store.assets(&AssetFilter::default()).await.unwrap().into_iter().map(|(asset, _)| asset).collect();
    assert!(!current.is_empty(), "a run in which nothing was made proves nothing");
    let cloud = nodes.shared.path().join("cloud");
    // What was put aside for other nodes is gone, but for what a node left that was killed before it wrote a row of it.
    let known: BTreeSet<String> = every.iter().map(|(asset, _)| asset.blob.sha256.clone()).collect();
    let began = Instant::now();
    let mut there = hashes(&cloud);
    while there.iter().any(|(path, sha256)| path.starts_with(".rushes/") && known.contains(sha256)) {
        assert!(began.elapsed() < LONG, "what waited for delivery is left behind");
        nodes.nodes[0].program.run(&["doctor", "--fix", "--json"]);
        tokio::time::sleep(Duration::from_millis(500)).await;
        there = hashes(&cloud);
    }
    there.retain(|path, _| !path.starts_with(".rushes/"));
    let wanted: BTreeMap<String, String> = current.iter().map(|asset| (asset.path.clone(), asset.blob.sha256.clone())).collect();
    assert_eq!(there, wanted, "the cloud holds every asset and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_share_the_work_of_one_store_and_each_job_ends_once() {
    let Some(nodes) = Nodes::start(3) else { return };
    let count = 6;
    for n in 0..count {
        nodes.submit(n % 3, "character", &json!({"parameters": {"seed": 40 + n}}), &format!("job {n}")).await;
    }
    let store = nodes.store();
    let jobs = all_ended(&store, count).await;
    oracle(&nodes, &jobs).await;
    let audit = nodes.nodes[1].program.run(&["audit", "--deep", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}
