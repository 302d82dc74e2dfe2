//! The audit of a home of many pages: it finds what is where, and holds a page of it at a time.

use crate::support::{Places, TestEngine, recipes::Recipes};
use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::catalog::Record;
use rushes_core::destination::{Abilities, Destination, Listing, Proof, ProofHash, Put};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Holds what `fill` says is there, made up when it is asked for; but for these.
#[derive(Default)]
struct Filled {
    assets: u64,
    gone: Vec<u64>,
    cut: Vec<u64>,
    foreign: Option<String>,
}

impl Filled {
    fn key(number: u64) -> String {
        format!("base/dances/dance_filled_{:07}_cosplay_on_ref{}.bin", number / 100, number % 100)
    }

    fn number(key: &str) -> Option<u64> {
        let (group, rest) = key.strip_prefix("base/dances/dance_filled_")?.split_once("_cosplay_on_ref")?;
        Some(group.parse::<u64>().ok()? * 100 + rest.strip_suffix(".bin")?.parse::<u64>().ok()?)
    }
}

#[async_trait]
impl Destination for Filled {
    fn abilities(&self) -> Abilities<'_> {
        Abilities::default()
    }

    fn uri(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    async fn put(&self, _: Put<'_>) -> Result<Proof, Fault> {
        unreachable!("everything is proven already")
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let Some(i) = Self::number(key).filter(|i| *i < self.assets && !self.gone.contains(i)) else { return Ok(None) };
        let sha256 = format!("{:08x}{i:056x}", (i * 2_654_435_761) % 4_294_967_296);
        let size_bytes = u64::from(rushes_store::fill::SIZE_BYTES) - u64::from(self.cut.contains(&i));
        Ok(Some(Proof { size_bytes, hash: ProofHash::Sha256(sha256), etag: None }))
    }

    async fn get(&self, _: &str, _: Option<std::ops::Range<u64>>, _: &Path) -> Result<(), Fault> {
        unreachable!("an audit reads no bytes")
    }

    /// A thousand keys a page, in the opposite order to that of the assets: the cursor is the number to go down from.
    async fn list(&self, _: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let to = cursor.map_or(self.assets, |at| at.parse::<u64>().unwrap());
        let from = to.saturating_sub(1_000);
        let mut keys: Vec<String> = (from..to).rev().filter(|i| !self.gone.contains(i)).map(Self::key).collect();
        keys.extend(self.foreign.clone().filter(|_| from == 0));
        Ok(Listing { keys, next: (from > 0).then(|| from.to_string()) })
    }

    async fn delete(&self, _: &str) -> Result<(), Fault> {
        unreachable!("an audit changes nothing")
    }

    async fn ensure_folder(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// An engine on a home of so many assets, none of whose bytes are here any more.
fn engine(folder: &Path, places: Filled) -> TestEngine {
    let mut of_memory = Places::memory(folder);
    std::fs::create_dir_all(folder.join("home")).unwrap();
    let database = folder.join("home/rushes.db");
    // Little by little: what filling takes at once, this process keeps.
    for from in (0..u32::try_from(places.assets).unwrap()).step_by(1_000) {
        let to = (from + 1_000).min(u32::try_from(places.assets).unwrap());
        rushes_store::fill::fill(&database, from, to, ("remote", "base/"), "records").unwrap();
    }
    rushes_store::fill::evict_all(&database).unwrap();
    of_memory.destinations = vec![("remote".into(), Arc::new(places))];
    TestEngine::start(folder, &of_memory, &Recipes::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_finds_the_same_on_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = Some("base/dances/not ours.bin".to_owned());
    let engine = engine(folder.path(), Filled { assets: 2_300, gone: vec![7, 777, 2_299], cut: vec![900], foreign });
    // Of a subject, of nobody, and of an asset that has none of its own.
    let asset = "asset_01900000-0000-7000-8000-000000000007";
    for (collection, id) in [("characters", "filled_0000003"), ("characters", "stranger"), ("workspace_assets", asset)] {
        let record = Record { collection: collection.into(), id: id.into(), rev: 1, fields: serde_json::json!({}) };
        engine.parts().catalogs[0].port.put(&record).await.unwrap();
    }
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in &audit.findings {
        found.entry(finding.code).or_default().push(finding.key.as_deref().unwrap());
    }
    assert_eq!(found["missing"], [7, 777, 2_299].map(Filled::key));
    assert_eq!((&found["changed"], &found["orphaned"]), (&vec![Filled::key(900).as_str()], &vec!["base/dances/not ours.bin"]));
    let subjects = (0..23).filter(|i| *i != 3).map(|i| format!("characters/filled_{i:07}"));
    assert_eq!(found["record_missing"], subjects.collect::<Vec<_>>(), "one a subject");
    assert_eq!(found["record_stale"], ["characters/filled_0000003"]);
    assert_eq!(found["record_orphaned"], ["characters/stranger".to_owned(), format!("workspace_assets/{asset}")]);
    assert_eq!(found.len(), 6, "{found:?}");
    let line = audit.kinds.iter().find(|line| line.kind == "dance_video").unwrap();
    let held = &line.destinations["remote"];
    assert_eq!((line.local, held.objects, held.proven, held.missing, held.changed), (2_300, 2_297, 2_296, 3, 1));
    assert_eq!(audit.kinds.iter().find(|line| line.kind == "unknown").unwrap().destinations["remote"].orphaned, 1);
    engine.engine.stop().await;
}

/// A line of `/proc/self/status`, kB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures this process: to be run alone"]
async fn audit_of_forty_thousand_assets_holds_a_page_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), Filled { assets: 40_000, ..Filled::default() });
    let before = memory("VmRSS:");
    // From here on the highest counts.
    std::fs::OpenOptions::new().write(true).open("/proc/self/clear_refs").unwrap().write_all(b"5").unwrap();
    let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
    let grown = memory("VmHWM:").saturating_sub(before);
    println!("an audit of 40,000 assets: {before} kB before, {grown} kB more at the most; {} findings", audit.findings.len());
    assert!(grown < 40_000, "{grown} kB");
    engine.engine.stop().await;
}
