//! One run of ours: servers, nodes and jobs from the first to the last, and what they took.

use super::node::{Called, Settings, address};
use super::nodes::Nodes;
use super::usage::{Group, Meter, Usage};
use super::work::{Load, MAKE};
use super::{Ground, LIMIT};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::store::{JobFilter, Jobs, Journal, Outbox};
use rushes_core::{Job, JobState};
use rushes_store::weigh::{Weight, remove, weigh};
use rushes_store::{Mode, SqlStore};
use rushes_testkit::balance::balance;
use rushes_testkit::servers::{Restate, claim_ports, restate};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Where the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// SQLite, in the home of the one node.
    File,
    /// Postgres, which one node has for itself.
    Alone,
    /// Postgres, shared.
    Shared,
}

/// A way to do it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// For those who want some of them only.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) rows: Rows,
    pub(super) is_called: bool,
    pub(super) nodes: usize,
}

/// What a run gave.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) wall_s: f64,
    /// Jobs that ended well, of so many.
    pub(super) ended: u64,
    pub(super) jobs: u64,
    pub(super) steps: u64,
    /// From one step's end to the next one's of the same job; sorted.
    pub(super) step_ms: Vec<f64>,
    pub(super) usage: Usage,
    /// Of the server, before and after; where there is one.
    pub(super) weights: Option<(Weight, Weight)>,
    /// By [`super::counted::COUNTED`].
    pub(super) calls: Vec<u64>,
    /// Files and bytes in all homes but for the database, and at the destination.
    pub(super) homes: (u64, u64),
    pub(super) cloud: (u64, u64),
}

/// Runs it. What is missing, by name, where it cannot be run.
pub(super) async fn run(way: &Way, ground: &Ground, load: &Load, at_once: usize) -> Result<Ran, String> {
    let folder = tempfile::tempdir_in(ground.folder.path()).unwrap();
    let server = match way.rows {
        Rows::File => None,
        Rows::Alone | Rows::Shared => Some(ground.postgres.as_ref().ok_or("Postgres is missing (scripts/setup.sh develop installs it)")?),
    };
    let called = if way.is_called { Some(restate().ok_or("Restate is missing (scripts/setup.sh develop installs it)")?) } else { None };
    let settings = settings(way, folder.path(), server.map(|server| (server.url(), ground.schema())), called.as_ref(), at_once).await;
    let place = settings[0].store.as_ref().map(|(server, schema)| address(server, schema, None));
    rustix::fs::sync();
    let mut nodes = tokio::task::block_in_place(|| Nodes::start(&settings));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = match &place {
        None => SqlStore::open(&settings[0].home.join("rushes.db"), &Mode::Read, clock.clone(), Routes::default()),
        Some(place) => SqlStore::open_postgres(place, &Mode::Read, clock.clone(), Routes::default()),
    };
    let store = store.unwrap();
    let before = place.as_ref().map(|place| weigh(place).unwrap());
    let mut groups = vec![Group { name: "nodes", processes: nodes.processes() }];
    groups.extend(server.map(|server| Group { name: "Postgres", processes: vec![server.process()] }));
    groups.extend(called.as_ref().map(|server| Group { name: "Restate", processes: vec![server.process(0)] }));
    let (meter, began_ms) = (Meter::start(groups), clock.now_ms());
    tokio::task::block_in_place(|| nodes.make(load));
    let is_whole = all_ended(&store, way, load).await;
    let usage = meter.stop();
    let calls = tokio::task::block_in_place(|| nodes.stop());
    let mut ran = Ran { jobs: load.jobs, usage, calls, ..Ran::default() };
    times(&store, began_ms, is_whole, &mut ran).await;
    drop(store);
    ran.weights = before.zip(place.as_ref().map(|place| weigh(place).unwrap()));
    ran.homes = settings.iter().map(|node| held(&node.home)).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    ran.cloud = held(&settings[0].shared.join("cloud"));
    if is_whole && load.workflow == MAKE {
        assert_eq!(ran.cloud.0, load.jobs * load.steps, "{}: every file is at the destination", way.name);
    }
    place.iter().for_each(|place| remove(place).unwrap());
    Ok(ran)
}

async fn settings(way: &Way, folder: &Path, store: Option<(String, String)>, called: Option<&Restate>, at_once: usize) -> Vec<Settings> {
    let ports = claim_ports(way.nodes);
    let advertise = format!("http://{}", balance(ports.clone()).await);
    // Restate bounds jobs over all nodes together, a node that looks by itself its own.
    let jobs_at_once = if way.is_called { at_once } else { at_once / way.nodes };
    let settings = |(at, port): (usize, &std::net::SocketAddr)| Settings {
        home: folder.join(format!("home{at}")),
        shared: folder.join("shared"),
        store: store.clone(),
        node: (way.rows == Rows::Shared).then(|| format!("node-{at}")),
        jobs_at_once,
        restate: called.map(|server| Called {
            ingress: server.ingress(0),
            admin: server.admin(0),
            listen: port.to_string(),
            advertise: advertise.clone(),
        }),
    };
    ports.iter().enumerate().map(settings).collect()
}

/// Waits until every job has ended and nothing is owed; false where that takes too long.
async fn all_ended(store: &SqlStore, way: &Way, load: &Load) -> bool {
    let (began, mut told) = (Instant::now(), Instant::now());
    while began.elapsed() < LIMIT {
        let open: u64 = store.count_open().await.unwrap().values().sum();
        if open == 0 && store.backlog().await.unwrap().values().all(|place| place.owed == 0) {
            return true;
        }
        if told.elapsed() > TOLD_EVERY {
            eprintln!("machines    {}: {} of {} jobs", way.name, load.jobs.saturating_sub(open), load.jobs);
            told = Instant::now();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    false
}

/// When jobs and steps ended, as their rows say.
async fn times(store: &SqlStore, began_ms: i64, is_whole: bool, ran: &mut Ran) {
    let jobs = store.jobs(&JobFilter { limit: u32::MAX, ..JobFilter::default() }).await.unwrap();
    let ended = |job: &&Job| job.state == JobState::Completed;
    ran.ended = jobs.iter().filter(ended).count() as u64;
    let last_ms = jobs.iter().filter_map(|job| job.ended_ms).max().unwrap_or(began_ms);
    ran.wall_s = if is_whole { (last_ms - began_ms) as f64 / 1e3 } else { LIMIT.as_secs_f64() };
    for job in &jobs {
        let mut ends: Vec<i64> = store.steps(job.id).await.unwrap().iter().filter_map(|step| step.ended_ms).collect();
        ends.sort_unstable();
        ran.steps += ends.len() as u64;
        ran.step_ms.extend(ends.windows(2).map(|pair| (pair[1] - pair[0]) as f64));
    }
    ran.step_ms.sort_by(f64::total_cmp);
}

/// Files and their bytes below a folder, each file once however many names it has; neither a database nor what was put aside
/// for other nodes.
fn held(folder: &Path) -> (u64, u64) {
    let (mut seen, mut open, mut bytes) = (std::collections::BTreeSet::new(), vec![folder.to_path_buf()], 0);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && name != ".rushes" {
                open.push(entry.path());
            } else if meta.is_file() && !name.starts_with("rushes.") && name != "node" && seen.insert(meta.ino()) {
                bytes += meta.len();
            }
        }
    }
    (seen.len() as u64, bytes)
}
