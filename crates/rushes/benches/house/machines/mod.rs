//! One node and several: the same jobs on SQLite, on Postgres, on nodes that share it, with Restate handing them out, and by
//! `apalis`, all in one run on one Postgres server that syncs what it commits.
//!
//! Nodes are processes of their own on this machine, so they share its cores: what is compared is what a step costs and where
//! it waits, not what more machines would bring.

mod counted;
mod node;
mod nodes;
mod peer;
mod tables;
mod usage;
mod ways;
mod work;

use rushes_testkit::servers::{Postgres, postgres_synced};
use std::cell::Cell;
use std::time::Duration;
use ways::{Ran, Rows, Way};
use work::{COUNT, Load, MAKE};

/// No run is waited for longer; it says how far it came.
const LIMIT: Duration = Duration::from_mins(5);
/// Jobs at once over all nodes together, whatever the way: so the times of steps can be compared.
const AT_ONCE: usize = 12;
const JOBS: u64 = 1_000;
const STEPS: u64 = 10;
/// Jobs without files, which are nothing but writes: as many at once as there are, to find where writing ends.
const COUNTING: u64 = 300;

const WAYS: [Way; 7] = [
    Way { key: "sqlite", name: "local, SQLite, 1 node", rows: Rows::File, is_called: false, nodes: 1 },
    Way { key: "alone", name: "local, Postgres, 1 node", rows: Rows::Alone, is_called: false, nodes: 1 },
    Way { key: "shared1", name: "local, shared Postgres, 1 node", rows: Rows::Shared, is_called: false, nodes: 1 },
    Way { key: "shared3", name: "local, shared Postgres, 3 nodes", rows: Rows::Shared, is_called: false, nodes: 3 },
    Way { key: "restate1", name: "Restate, shared Postgres, 1 node", rows: Rows::Shared, is_called: true, nodes: 1 },
    Way { key: "restate2", name: "Restate, shared Postgres, 2 nodes", rows: Rows::Shared, is_called: true, nodes: 2 },
    Way { key: "restate3", name: "Restate, shared Postgres, 3 nodes", rows: Rows::Shared, is_called: true, nodes: 3 },
];

/// What all runs share.
struct Ground {
    postgres: Option<Postgres>,
    folder: tempfile::TempDir,
    used: Cell<u32>,
}

impl Ground {
    /// The name of a schema that nobody has used.
    fn schema(&self) -> String {
        self.used.set(self.used.get() + 1);
        format!("bench{}", self.used.get())
    }
}

/// Whether this process is a node; then it has done its work.
pub(crate) fn was_child() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, settings] = arguments.as_slice() else { return false };
    if name != node::NAME {
        return false;
    }
    node::run(settings);
    true
}

/// `RUSHES_BENCH_JOBS` says how many jobs, `RUSHES_BENCH_MACHINES` which runs, by their keys.
pub(crate) async fn measure() {
    let jobs = std::env::var("RUSHES_BENCH_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(JOBS);
    let only = std::env::var("RUSHES_BENCH_MACHINES").unwrap_or_default();
    let is_wanted = |key: &str| only.is_empty() || only.split(',').any(|word| word == key);
    let ground = Ground { postgres: postgres_synced(), folder: tempfile::tempdir().unwrap(), used: Cell::new(0) };
    tables::head(jobs);
    let load = |workflow: &str, jobs| Load { workflow: workflow.to_owned(), first: 0, jobs, steps: STEPS };
    let mut ran: Vec<(&str, Ran)> = Vec::new();
    for way in WAYS.iter().filter(|way| is_wanted(way.key)) {
        match ways::run(way, &ground, &load(MAKE, jobs), AT_ONCE).await {
            Ok(one) => ran.push((way.name, tables::row(way.name, one))),
            Err(missing) => tables::missing(way.name, &missing),
        }
    }
    if is_wanted("apalis") {
        match peer::run(&ground, jobs).await {
            Ok(one) => drop(tables::row(peer::NAME, one)),
            Err(missing) => tables::missing(peer::NAME, &missing),
        }
    }
    ran.iter().for_each(|(name, one)| tables::units(name, one));
    let counting = COUNTING.min(jobs);
    for way in WAYS.iter().filter(|way| !way.is_called && is_wanted("writes") && (only.is_empty() || way.rows != Rows::File)) {
        let at_once = usize::try_from(counting).unwrap_or(usize::MAX);
        match ways::run(way, &ground, &load(COUNT, counting), at_once).await {
            Ok(one) => tables::writes(way.name, &one),
            Err(missing) => tables::missing(way.name, &missing),
        }
    }
    if let Some(server) = &ground.postgres {
        tables::round_trip(&node::address(&server.url(), "public", None));
    }
}
