//! Homes of older schemas, opened by the real program: killed in the middle, or without room, and then let go on.

use crate::support::program::{Program, end};
use rushes_core::Code;
use rushes_core::clock::SystemClock;
use rushes_core::delivery::{DeliveryState, Routes};
use rushes_core::kinds::Keep;
use rushes_core::store::{AssetFilter, Assets, JobFilter, Jobs, Journal};
use rushes_store::older::open_at_schema;
use rushes_store::{Mode, SCHEMA_VERSION, SqlStore};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn open(path: &Path, mode: &Mode) -> Result<SqlStore, rushes_core::Fault> {
    SqlStore::open(path, mode, Arc::new(SystemClock), Routes::default())
}

/// Everything in such a home happened before this moment, in January 2024.
const MADE_BEFORE_MS: i64 = 1_705_000_000_000;

/// A home that a program of the first schema left.
fn old_home() -> (Program, PathBuf) {
    let program = Program::with("");
    let path = program.path("home/rushes.db");
    std::fs::create_dir_all(program.path("home")).unwrap();
    open_at_schema(&path, 1).unwrap();
    (program, path)
}

/// What no start changes: assets, subjects, proven deliveries, and the journals of jobs that have ended.
async fn facts(store: &SqlStore) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (mut asset, deliveries) in store.assets(&AssetFilter { all_versions: true, ..AssetFilter::default() }).await.unwrap() {
        // What has outlived its days is retired by a start that lasts long enough.
        asset.retired_ms = asset.retired_ms.filter(|_| asset.kind.row().keep == Keep::Forever);
        facts.insert(serde_json::to_string(&asset).unwrap());
        let proven = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Proven);
        facts.extend(proven.map(|delivery| serde_json::to_string(delivery).unwrap()));
    }
    facts.extend(store.subjects().await.unwrap().iter().map(|subject| serde_json::to_string(subject).unwrap()));
    for top in store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap() {
        for job in store.family(top.id).await.unwrap().jobs {
            facts.insert(format!("{} {} {} {}", job.id, job.workflow, job.version, job.input));
            if job.state.has_ended() && job.tries == 1 {
                // A start that lasts long enough also ends jobs that waited; what they did then is no fact of the old home.
                let steps = store.steps(job.id).await.unwrap();
                facts.extend(steps.iter().filter(|step| step.started_ms < MADE_BEFORE_MS).map(|step| serde_json::to_string(step).unwrap()));
            }
        }
    }
    facts
}

/// The facts of such a home as this process brings it up to date, with nothing in its way.
async fn wanted() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.db");
    open_at_schema(&path, 1).unwrap();
    let facts = facts(&open(&path, &Mode::Own { owner: "test".into() }).unwrap()).await;
    assert!(facts.len() > 20, "a home without data proves nothing: {facts:#?}");
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_an_old_home_killed_while_it_is_migrated_opens_with_all_its_data() {
    let wanted = wanted().await;
    let steps = (1..SCHEMA_VERSION).map(|step| format!("migrate:{step}=kill"));
    for plan in std::iter::once("backup:1=kill".to_owned()).chain(steps) {
        let (program, path) = old_home();
        let killed = end(program.start_with(&["init"], &[("RUSHES_FAULTS", plan.as_str())]));
        assert_eq!(killed.code, -1, "{plan}: {}", killed.stderr);
        let fault = open(&path, &Mode::Read).err().expect("it is still of an older schema");
        assert_eq!(fault.code, Code::ConfigInvalid, "{plan}: {fault}");
        let says = program.run(&["status"]);
        assert!(says.code == 1 && says.stderr.contains("`rushes init`"), "{plan}: {}", says.stderr);
        program.run(&["init"]).expect(0);
        assert_eq!(facts(&open(&path, &Mode::Read).unwrap()).await, wanted, "{plan}");
        assert!(program.path("home/rushes.db.v1.bak").exists(), "{plan}");
        assert!(!program.path("home/rushes.db.v1.bak.part").exists(), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_an_old_home_without_room_stays_as_it_is_and_says_so() {
    let wanted = wanted().await;
    for (plan, has_backup) in [("backup:1=disk_full", false), ("migrate:1=disk_full", true)] {
        let (program, path) = old_home();
        let full = end(program.start_with(&["init"], &[("RUSHES_FAULTS", plan)])).expect(1);
        assert!(full.stderr.contains("disk is full"), "{plan}: {}", full.stderr);
        assert_eq!(open(&path, &Mode::Read).err().expect("it is still of an older schema").code, Code::ConfigInvalid, "{plan}");
        assert_eq!(program.path("home/rushes.db.v1.bak").exists(), has_backup, "{plan}");
        program.run(&["init"]).expect(0);
        assert_eq!(facts(&open(&path, &Mode::Read).unwrap()).await, wanted, "{plan}");
    }
}
