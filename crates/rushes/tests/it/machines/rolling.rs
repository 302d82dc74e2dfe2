//! One node after the other is replaced by the program that comes next, while jobs are asked for and done all the time.

use super::balance::called_by;
use super::{LONG, Nodes, all_ended, oracle};
use crate::service::Served;
use crate::support::program::Program;
use crate::support::recipes::Recipes;
use crate::support::stores::address_of;
use crate::support::survivor::report;
use crate::support::{TestEngine, parts};
use reqwest::{Method, StatusCode};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::store::{AssetFilter, Assets, Jobs};
use rushes_core::{Asset, Code, Job, JobId, JobState, Wait};
use rushes_engine::{Ask, Engine, Home, Parts};
use rushes_store::held::held;
use rushes_store::{Mode, PostgresAddress, SqlStore};
use rushes_testkit::servers::{Postgres, postgres, restate};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const VERSIONS: &str = "RUSHES_FAULTS_VERSIONS";
const PATIENCE: &str = "RUSHES_ENGINE__VERSION_PATIENCE_S";
/// The workflow that changes: another version than any it has ever had.
const CHANGED: &str = "character=1000";

/// How a node goes.
enum Goes {
    /// Asked to, and given the time it takes.
    Told,
    /// Asked to, and killed before it has answered.
    Cut,
}

/// Lets a program go and starts the next on its home, with these variables of its own.
fn replace(served: &mut Served, goes: &Goes, variables: &[(&'static str, &str)]) {
    match goes {
        Goes::Told => assert_eq!(served.stop().code, 0, "{}", served.log()),
        Goes::Cut => {
            served.send("TERM");
            served.kill();
        }
    }
    served.program.variables.retain(|(name, _)| ![VERSIONS, PATIENCE].contains(name));
    served.program.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
    served.start_again();
}

/// Nodes, and what was asked of them.
struct Roll {
    nodes: Nodes,
    store: SqlStore,
    asked: u64,
}

impl Roll {
    /// Three nodes of the program that is there first.
    fn begin(nodes: Nodes) -> Self {
        let store = nodes.store();
        Self { nodes, store, asked: 0 }
    }

    async fn ask(&mut self, node: usize, takes: u32) -> JobId {
        self.asked += 1;
        let parameters = json!({"parameters": {"seed": 300 + self.asked, "takes": takes}});
        let id = self.nodes.submit(node, "character", &parameters, &format!("job {}", self.asked)).await;
        id.parse().unwrap()
    }

    /// A job that waits for somebody: in flight for as long as the test wants.
    async fn ask_held(&mut self, node: usize) -> JobId {
        let job = self.ask(node, 2).await;
        self.until("it waits", |job| matches!(job.waiting_for, Some(Wait::Signal(_))), job).await;
        job
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Job) -> bool, job: JobId) -> Job {
        let began = Instant::now();
        loop {
            let row = self.store.job(job).await.unwrap();
            if is_so(&row) {
                return row;
            }
            assert!(began.elapsed() < LONG, "not in time: {what}: {row:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn choose(&self, node: usize, job: JobId) {
        assert!(self.may_choose(node, job).await, "it waits for a choice");
    }

    /// False where it has failed before.
    async fn may_choose(&self, node: usize, job: JobId) -> bool {
        let (status, said) = self.nodes.nodes[node].post(&format!("/api/v1/jobs/{job}/choose"), &json!({"take": 1})).await;
        assert!([StatusCode::ACCEPTED, StatusCode::CONFLICT].contains(&status), "{status}: {said}");
        status == StatusCode::ACCEPTED
    }

    async fn made_by(&self, job: JobId) -> Vec<Asset> {
        let filter = AssetFilter { job: Some(job), all_versions: true, ..AssetFilter::default() };
        self.store.assets(&filter).await.unwrap().into_iter().map(|(asset, _)| asset).collect()
    }

    /// Replaces all three; gives the job that was in flight all the while, and the version it has.
    async fn through(&mut self) -> (JobId, u32) {
        let held = self.ask_held(0).await;
        let early = self.ask_held(1).await;
        let version = self.store.job(held).await.unwrap().version;
        let next = [(VERSIONS, CHANGED)];
        for (node, goes) in [Goes::Told, Goes::Cut].iter().enumerate() {
            self.ask(node, 1).await;
            replace(&mut self.nodes.nodes[node], goes, &next);
            self.ask(node, 1).await;
            self.ask(2, 1).await;
        }
        // One of the older program is left: what was begun with it goes on there, whoever is told what it waits for.
        self.choose(0, early).await;
        let early = self.until("the older program ends it", |job| job.state.has_ended(), early).await;
        assert_eq!((early.state, early.version), (JobState::Completed, version), "{:?}", early.fault);
        self.ask(2, 1).await;
        replace(&mut self.nodes.nodes[2], &Goes::Told, &[next[0], (PATIENCE, "1")]);
        (held, version)
    }
}

/// Rolls three nodes from one program to the next and half the way back. Nothing is lost: what nobody had begun goes on with the
/// next program, what was begun where its version is; where that is nowhere it fails, says why, and goes on from where it was once
/// its program is back.
async fn roll(nodes: Nodes, what: &str) {
    let mut roll = Roll::begin(nodes);
    let (held, version) = roll.through().await;
    // Handed back as it only waited, it is nobody's until something happens to it; driven meanwhile, it fails by itself.
    let is_chosen = roll.may_choose(2, held).await;
    let asked = usize::try_from(roll.asked).unwrap();
    let jobs = all_ended(&roll.store, asked).await;
    let refused: Vec<&Job> = jobs.iter().filter(|job| job.state != JobState::Completed).collect();
    assert!(refused.iter().any(|job| job.id == held), "{refused:#?}");
    for job in &refused {
        let fault = job.fault.as_ref().unwrap_or_else(|| panic!("{job:?}"));
        assert_eq!((job.state, fault.code, job.version), (JobState::Failed, Code::WorkflowChanged, version), "{fault}");
    }
    let newer = jobs.iter().filter(|job| job.version == 1_000).count();
    assert!(newer >= 1, "the next program has worked");
    let made = roll.made_by(held).await;
    assert_eq!(made.len(), 2, "the takes it was to choose from stay: {made:?}");
    // What to do about it: a program of the older version, and another try.
    replace(&mut roll.nodes.nodes[2], &Goes::Told, &[(VERSIONS, CHANGED)]);
    replace(&mut roll.nodes.nodes[0], &Goes::Told, &[]);
    for job in &refused {
        let retried = roll.nodes.nodes[1].ask(Method::POST, &format!("/api/v1/jobs/{}/retry", job.id)).send().await.unwrap();
        assert!(retried.status().is_success(), "{}", retried.text().await.unwrap());
    }
    if !is_chosen {
        let waits = |job: &Job| job.state == JobState::Running && matches!(job.waiting_for, Some(Wait::Signal(_)));
        roll.until("it waits again", waits, held).await;
        assert_eq!(ids(&roll.made_by(held).await), ids(&made), "nothing is made twice");
        roll.choose(1, held).await;
    }
    let jobs = all_ended(&roll.store, asked).await;
    oracle(&roll.nodes, &jobs).await;
    let audit = roll.nodes.nodes[1].program.run(&["audit", "--deep", "--json"]).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
    let every = roll.store.assets(&AssetFilter { all_versions: true, ..AssetFilter::default() }).await.unwrap();
    assert!(every.iter().all(|(asset, _)| asset.version == 1), "each is made once");
    report(
        what,
        &format!(
            "{asked} jobs while three nodes are replaced, {newer} begun by the next program, {} gone on with by the older",
            refused.len()
        ),
    );
}

fn ids(assets: &[Asset]) -> BTreeSet<String> {
    assets.iter().map(|asset| asset.id.to_string()).collect()
}

/// Jobs that wait take no other's turn.
fn roomy(program: &mut Program) {
    program.variables.push(("RUSHES_SERVER__JOBS_AT_ONCE", "6".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_replaced_by_a_changed_program_one_after_the_other_and_lose_nothing() {
    let Some(server) = postgres() else { return };
    roll(Nodes::start_on(server, 3, |_, program| roomy(program)), "three nodes replaced by a changed program").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_called_by_restate_are_replaced_by_a_changed_program_and_lose_nothing() {
    let (Some(restate), Some(server)) = (restate(), postgres()) else { return };
    let engines = called_by(&restate, 3).await;
    let prepare = |node: usize, program: &mut Program| {
        let config = std::fs::read_to_string(program.path("rushes.toml")).unwrap();
        program.write("rushes.toml", format!("{}{config}", engines[node]).as_bytes());
        roomy(program);
    };
    roll(Nodes::start_on(server, 3, prepare), "three nodes that Restate calls, replaced by a changed program").await;
}

/// An engine with a home of its own among others on this server.
fn among(server: &Postgres, folder: &Path, name: &str, recipes: &Recipes) -> TestEngine {
    let home = Home::at(&folder.join(name));
    home.prepare().unwrap();
    let (parts, owner) = parts(home, Arc::new(SystemClock), Routes::default(), (Vec::new(), Vec::new()));
    let address = PostgresAddress { node: Some(name.to_owned()), ..address_of(&server.url(), "rushes") };
    let mode = Mode::Own { owner: owner.clone() };
    let store = SqlStore::open_postgres(&address, &mode, Arc::new(SystemClock), Routes::default()).unwrap();
    let parts = Parts { watch: store.watch(), store: Arc::new(store), node: Some(name.to_owned()), ..parts };
    TestEngine { engine: Engine::start(parts, recipes.clone(), owner), recipes: recipes.clone() }
}

/// A changed workflow whose version was forgotten is found out by the journal: the job fails and keeps all it has.
#[tokio::test(flavor = "multi_thread")]
async fn machines_refuse_a_journal_that_does_not_fit_and_the_program_that_fits_goes_on_with_it() {
    let Some(server) = postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let recipes = Recipes::default();
    let first = among(&server, folder.path(), "first", &recipes);
    let job = first.submit("wait", json!({"limit_ms": 600_000})).await;
    first.until("it waits", || async { recipes.runs("after nap") == 1 }).await;
    let address = address_of(&server.url(), "rushes");
    let store = SqlStore::open_postgres(&address, &Mode::Read, Arc::new(SystemClock), Routes::default()).unwrap();
    assert_eq!(held(&store).await.unwrap().len(), 1);
    first.engine.stop().await;
    assert_eq!(held(&store).await.unwrap(), [], "who stops hands back, and nobody waits for a lease");
    let changed = Recipes::without("after nap");
    let second = among(&server, folder.path(), "second", &changed);
    for word in ["one", "two"] {
        second.parts().store.send_signal(job, "word", json!(word)).await.unwrap();
    }
    let refused = second.ended(job).await;
    let fault = refused.fault.unwrap();
    assert_eq!((refused.state, fault.code, fault.get("step")), (JobState::Failed, Code::WorkflowChanged, Some("after nap")));
    second.engine.stop().await;
    let third = among(&server, folder.path(), "first", &recipes);
    third.engine.answer(Ask::Retry { job, had_failed: true }).await.unwrap();
    let ended = third.ended(job).await;
    assert_eq!((ended.state, ended.value), (JobState::Completed, Some(json!(["one", "two", [1, 1]]))));
    assert_eq!((recipes.runs("after nap"), changed.runs("left"), recipes.runs("left")), (1, 1, 0), "no step is done twice");
}
