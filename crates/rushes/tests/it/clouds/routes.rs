//! What goes where, and how it is found there: routes by kind, destinations that come later, addresses for others, and a
//! second witness for a bucket.

#![expect(clippy::disallowed_methods, reason = "the second witness is a program")]

use super::stand::{BUCKET, Stand};
use crate::support::program::Program;
use crate::support::recipes::Recipes;
use crate::support::survivor::{TINY, make_reference, report};
use crate::support::{Places, TestEngine};
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_core::Kind;
use rushes_core::delivery::DeliveryState;
use rushes_core::destination::Destination;
use rushes_core::store::AssetFilter;
use rushes_testkit::open;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;

/// Every key of a destination, in order.
async fn keys(port: &dyn Destination) -> Vec<String> {
    port.list("", None).await.unwrap().keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_routes_send_each_kind_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let (all, films) = (Arc::new(MemoryDestination::default()), Arc::new(MemoryDestination::default()));
    let mut places = Places::memory(folder.path());
    places.destinations = vec![("films".into(), films.clone()), ("all".into(), all.clone())];
    places.kinds.insert("films".into(), vec![Kind::DanceVideo]);
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let dances = engine.submit("files", json!({"count": 2})).await;
    let workspace = engine.submit("workspace", json!({})).await;
    for job in [dances, workspace] {
        engine.ended(job).await;
    }
    let store = engine.parts().store.clone();
    let listed = store.assets(&AssetFilter::default()).await.unwrap();
    for (asset, deliveries) in &listed {
        let mut found: Vec<&str> = deliveries.iter().map(|delivery| delivery.destination.as_str()).collect();
        found.sort_unstable();
        let wanted: &[&str] = if asset.kind == Kind::DanceVideo { &["all", "films"] } else { &["all"] };
        assert_eq!(found, wanted, "{}", asset.path);
        // The primary destination is the first that takes the kind; the record names the object there.
        let primary = engine.parts().routes.primary(deliveries).unwrap();
        assert_eq!(primary.destination, wanted.last().copied().filter(|_| wanted.len() == 2).unwrap_or("all"));
    }
    engine.until("nothing is owed", || async { store.backlog().await.unwrap().values().all(|backlog| backlog.owed == 0) }).await;
    let found = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    assert!(found.findings.is_empty(), "what a destination does not take is not missing there: {:?}", found.findings);
    assert_eq!(keys(films.as_ref()).await.len(), 2);
    assert_eq!(keys(all.as_ref()).await.len(), listed.len());
}

/// A destination that is added later gets what was made before it, and one start does that for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clouds_a_destination_added_later_gets_everything() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    engine.run("files", json!({"count": 300})).await;
    engine.engine.stop().await;
    let later = Arc::new(MemoryDestination::default());
    places.destinations.push(("later".into(), later.clone()));
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let store = engine.parts().store.clone();
    engine.until("all of it is there", || async { keys(later.as_ref()).await.len() == 300 }).await;
    engine.settle().await;
    let listed = store.assets(&AssetFilter::default()).await.unwrap();
    assert!(listed.iter().all(|(_, deliveries)| deliveries.len() == 2 && deliveries.iter().all(|d| d.state == DeliveryState::Proven)));
}

/// By configuration alone: records carry an address that opens, from a store that anybody may not read.
#[test]
fn clouds_records_carry_signed_addresses() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for name in ["s3s-fs", "supabase"] {
        let Some(stand) = runtime.block_on(Stand::named(name)) else { continue };
        let config = format!("{TINY}{}access = \"signed\"\nsigned_hours = 1.0\n", stand.section("cloud"));
        let program = Program::with(&config);
        let lines: String = stand.secrets().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        program.write(".env", lines.as_bytes());
        make_reference(&program);
        let put = program.run(&["put", "step.mp4", "--json"]).expect(0).json();
        let record = program.path("home/remote/records/workspace_assets");
        let record = std::fs::read_dir(record).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some()).unwrap();
        let fields: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
        assert_eq!(fields["uri"], put["url"]);
        let (status, bytes) = open(fields["signed_url"].as_str().unwrap());
        assert_eq!((status, bytes), (200, std::fs::read(program.path("step.mp4")).unwrap()), "{name}");
        assert!(fields["signed_until"].as_str().unwrap() > "2026-01-01");
        let link = program.run(&["assets", "link", put["asset"].as_str().unwrap(), "--hours", "0.5"]).expect(0).stdout;
        assert_eq!(open(link.trim()).0, 200, "{name}: {link}");
        let unsigned = fields["signed_url"].as_str().unwrap().split('?').next().unwrap().to_owned();
        assert_ne!(open(&unsigned).0, 200, "{name}: without its signature it stays shut");
    }
}

/// Not our word for it: rclone compares the bucket with the library, byte by byte.
#[test]
fn clouds_rclone_agrees_about_the_bucket() {
    if Command::new("rclone").arg("version").output().is_err() {
        report("rclone check", "skipped: rclone (apt-get install rclone)");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for name in ["s3s-fs", "moto"] {
        let Some(stand) = runtime.block_on(Stand::named(name)) else { continue };
        let program = Program::with(&format!("{TINY}{}", stand.section("cloud")));
        program.write(".env", b"STAND_ID=test\nSTAND_SECRET=testtest\n");
        make_reference(&program);
        program.run(&["run", "production", "--reference", "step.mp4", "--no-variants"]).expect(0);
        let checked = Command::new("rclone")
            .env_remove("AWS_CA_BUNDLE")
            .args(["--config", "/dev/null", "check", "--download", "--s3-provider", "Other", "--s3-access-key-id", "test"])
            .args(["--s3-secret-access-key", "testtest", "--s3-region", "us-east-1", "--s3-endpoint", &stand.chaos.url()])
            .arg(program.path("home/library"))
            .arg(format!(":s3:{BUCKET}"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success() && said.contains("0 differences found"), "{name}: {said}");
        report(&format!("rclone check of {name}'s bucket"), "0 differences");
    }
}
