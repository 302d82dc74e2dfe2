//! A node: this very program once more, with an engine on a home of its own and two workflows, as `rushes serve` is one with
//! the product's. It says `ready`, takes a line with the jobs it is to make, says `made`, and works until SIGTERM; then it
//! hands back what it has and says what it asked of its destination.

use super::counted::{Calls, Counted};
use super::work::{Load, Makes, NAMES};
use crate::support::{AnyFile, parts_on, stores};
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::restate::{RestateQueue, RestateSettings};
use rushes_core::catalog::Catalog;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Route, Routes};
use rushes_core::destination::Destination;
use rushes_engine::restate::{Listening, generation};
use rushes_engine::{Access, Driver, Engine, Home, JobRules, Lanes, NewJobRequest, Parts, Role, Site};
use rushes_store::{Mode, PostgresAddress, SqlStore};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// The first argument of such a process.
pub(super) const NAME: &str = "machines-node";
/// As configured where nothing else is said.
const IN_FLIGHT: usize = 8;

/// What a node is told when it is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) home: PathBuf,
    /// What all nodes deliver into.
    pub(super) shared: PathBuf,
    /// A server and a schema there; None: a file in the home.
    pub(super) store: Option<(String, String)>,
    /// Its name among nodes that share the store; None where it is alone.
    pub(super) node: Option<String>,
    pub(super) jobs_at_once: usize,
    pub(super) restate: Option<Called>,
}

/// Who calls for jobs, and where this node is found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Called {
    pub(super) ingress: String,
    pub(super) admin: String,
    pub(super) listen: String,
    /// In front of all nodes.
    pub(super) advertise: String,
}

/// Where the rows of a schema are.
pub(super) fn address(server: &str, schema: &str, node: Option<&str>) -> PostgresAddress {
    PostgresAddress { node: node.map(str::to_owned), ..stores::address_of(server, schema) }
}

/// Runs as a node.
pub(super) fn run(settings: &str) {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).unwrap();
        let calls = Arc::new(Calls::default());
        let (engine, _lock) = start(&settings, calls.clone());
        println!("ready");
        let (sender, mut lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || std::io::stdin().lines().try_for_each(|line| sender.send(line.unwrap())));
        loop {
            tokio::select! {
                _ = term.recv() => break,
                line = lines.recv() => match line {
                    Some(line) => {
                        make(&engine, &serde_json::from_str(&line).unwrap()).await;
                        println!("made");
                    }
                    // Whoever measures is gone.
                    None => break,
                },
            }
        }
        engine.stop().await;
        println!("{}", json!(calls.counts()));
    });
}

/// All at once, as callers of a service would.
async fn make(engine: &Engine<Makes>, load: &Load) {
    let each = load.numbers().map(|number| {
        let input = json!({ "number": number, "steps": load.steps });
        engine.submit(NewJobRequest { workflow: load.workflow.clone(), input, ..Default::default() })
    });
    futures_util::future::join_all(each).await.into_iter().for_each(|job| drop(job.unwrap()));
}

fn start(settings: &Settings, calls: Arc<Calls>) -> (Engine<Makes>, rushes_engine::Lock) {
    let home = Home::at(&settings.home);
    home.prepare().unwrap();
    let lock = home.lock(Role::Service).unwrap();
    let first_backoff = Duration::from_secs(1);
    let folder = Counted::folder(&settings.shared.join("cloud"), calls);
    let destination: Site<dyn Destination> = Site {
        name: "cloud".into(),
        prefix: String::new(),
        port: Arc::new(folder),
        in_flight: IN_FLIGHT,
        first_backoff,
        access: Access::Private,
    };
    let catalog: Site<dyn Catalog> = Site {
        name: "records".into(),
        prefix: String::new(),
        port: Arc::new(JsonCatalog::new(settings.shared.join("records"))),
        in_flight: IN_FLIGHT,
        first_backoff,
        access: Access::Private,
    };
    let route = Route { name: "cloud".into(), ..Route::default() };
    let routes = Routes { destinations: vec![route], catalogs: vec!["records".into()], ..Routes::default() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let owner = clock.new_id().to_string();
    let mode = Mode::Own { owner: owner.clone() };
    let store = match &settings.store {
        None => SqlStore::open(&home.database(), &mode, clock.clone(), routes.clone()),
        Some((server, schema)) => {
            SqlStore::open_postgres(&address(server, schema, settings.node.as_deref()), &mode, clock.clone(), routes.clone())
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let jobs = JobRules { at_once: Some(settings.jobs_at_once), ..JobRules::default() };
    let parts = Parts {
        node: settings.node.clone(),
        inspect: Arc::new(AnyFile),
        lanes: Lanes::new(cores, 16, 1),
        scan_every: Duration::from_secs(2),
        jobs,
        ..parts_on(store.unwrap(), home, clock, routes, (vec![destination], vec![catalog]))
    };
    let Some(called) = &settings.restate else { return (Engine::start(parts, Makes, owner), lock) };
    let listening = Listening::bind(&called.listen).unwrap();
    let deployment = format!("{}/{}", called.advertise, generation(&Makes, NAMES));
    let settings = RestateSettings { ingress: vec![called.ingress.clone()], admin: vec![called.admin.clone()], deployment };
    let queue = RestateQueue::new(settings, parts.store.clone()).unwrap();
    let jobs = JobRules { driver: Driver::Asked, ..parts.jobs };
    let mut engine = Engine::start(Parts { jobs, tasks: Some(Arc::new(queue)), ..parts }, Makes, owner);
    engine.answer_restate(listening, NAMES).unwrap();
    (engine, lock)
}
