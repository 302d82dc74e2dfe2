//! What looking, claiming and starting cost as a home grows, on databases filled with what years of work leave: flat or
//! linear. The exponent says by how much: 0 flat, 1 linear, 2 would be a fault.

use crate::figures;
use crate::support::recipes::Recipes;
use crate::support::{Places, TestEngine};
use crate::truth::Truth;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::Routes;
use rushes_core::job::NewJob;
use rushes_core::store::{AssetFilter, Jobs, Room};
use rushes_core::{Asset, JobId};
use rushes_engine::{Home, Parts};
use rushes_store::fill::{SIZE_BYTES, evict_all, fill};
use rushes_store::{Mode, SqlStore};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
/// Beyond this the audit is not measured: its files alone would take longer to make than all else here.
const AUDITED_MAX: u32 = 100_000;
/// Tries of which the best counts; the first after filling finds cold caches.
const TRIES: u32 = 3;
/// Jobs claimed at once.
const CLAIMED: u32 = 256;

/// Milliseconds by what was measured, for the sizes so far.
type Costs = BTreeMap<&'static str, Vec<f64>>;

pub(crate) async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(&folder.path().join("home"));
    home.prepare().unwrap();
    let (mut filled, mut costs) = (0, Costs::new());
    for size in SIZES {
        let began = Instant::now();
        fill(&home.database(), filled, size, ("remote", "base/"), "records").unwrap();
        println!("growth      {size} assets filled in {:.1} s", began.elapsed().as_secs_f64());
        starts(folder.path(), &mut costs).await;
        looks(folder.path(), &mut costs).await;
        if size <= AUDITED_MAX {
            audits(folder.path(), true, "audit (1 M not measured: its files would take too long to make)", &mut costs).await;
        }
        evict_all(&home.database()).unwrap();
        audits(folder.path(), false, "audit, all bytes evicted", &mut costs).await;
        claims(&home, &mut costs).await;
        filled = size;
    }
    for (what, costs) in costs {
        for (size, ms) in SIZES.iter().zip(&costs) {
            figures::note("growth", what, &size.to_string(), *ms);
        }
        let shown: Vec<String> = costs.iter().map(|ms| format!("{ms:.2} ms")).collect();
        let slopes: Vec<String> = costs.windows(2).map(|pair| format!("{:.2}", (pair[1] / pair[0]).log10())).collect();
        println!("growth      {what} at 10 k, 100 k, 1 M: {}; exponents {}", shown.join(", "), slopes.join(", "));
    }
}

fn note(costs: &mut Costs, what: &'static str, tries_ms: &[f64]) {
    costs.entry(what).or_default().push(tries_ms.iter().copied().fold(f64::MAX, f64::min));
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// From nothing to a job of one step that has ended.
async fn starts(folder: &Path, costs: &mut Costs) {
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let began = Instant::now();
        let engine = TestEngine::start(folder, &Places::memory(folder), &Recipes::default());
        engine.run("steps", json!({"count": 1})).await;
        tries.push(ms(began));
        engine.engine.stop().await;
    }
    note(costs, "start-up, until a first job has ended", &tries);
}

async fn looks(folder: &Path, costs: &mut Costs) {
    let engine = TestEngine::start(folder, &Places::memory(folder), &Recipes::default());
    let store = &engine.parts().store;
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        let began = Instant::now();
        let page = store.assets(&AssetFilter { limit: Some(50), ..AssetFilter::default() }).await.unwrap();
        first.push(ms(began));
        assert_eq!(page.len(), 50);
    }
    for _ in 0..2 {
        let began = Instant::now();
        store.assets(&AssetFilter::default()).await.unwrap();
        whole.push(ms(began));
    }
    note(costs, "assets ls, the first 50", &first);
    note(costs, "assets ls, whole", &whole);
    engine.engine.stop().await;
}

async fn claims(home: &Home, costs: &mut Costs) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mode = Mode::Own { owner: "bench".into() };
    let store = SqlStore::open(&home.database(), &mode, clock.clone(), Routes::default()).unwrap();
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        for _ in 0..CLAIMED {
            let id = JobId(clock.new_id());
            let (workflow, input_hash) = ("steps".to_owned(), "none".to_owned());
            let job = NewJob {
                id,
                workflow,
                version: 0,
                input: json!({}),
                input_hash,
                parent: None,
                root: id,
                collection: None,
                in_turn: true,
                home: None,
                asked: rushes_core::job::Asked::default(),
            };
            store.create(job).await.unwrap();
        }
        let began = Instant::now();
        let claims = store.claim("bench", Room { all: CLAIMED, in_turn: CLAIMED, own_files_only: false }).await.unwrap();
        tries.push(ms(began));
        assert_eq!(claims.len(), CLAIMED as usize);
        for claim in claims {
            store.finish(claim.lease, None).await.unwrap();
        }
    }
    note(costs, "claim of 256 jobs", &tries);
}

/// The audit's own cost: every place answers at once from what the store says, every file is there.
async fn audits(folder: &Path, has_files: bool, what: &'static str, costs: &mut Costs) {
    let engine = TestEngine::start(folder, &Places::memory(folder), &Recipes::default());
    let listed = engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
    if has_files {
        show(engine.parts(), listed.iter().map(|(asset, _)| asset));
    }
    let truth = Arc::new(Truth::of(listed, &engine.parts().store.subjects().await.unwrap(), &engine.parts().routes));
    engine.engine.stop().await;
    let places =
        Places { destinations: vec![("remote".into(), truth.clone())], kinds: BTreeMap::new(), pictures: BTreeMap::new(), catalog: truth };
    let engine = TestEngine::start(folder, &places, &Recipes::default());
    let mut tries = Vec::new();
    for _ in 0..2 {
        let began = Instant::now();
        let audit = rushes_engine::audit::audit(engine.parts(), false).await.unwrap();
        tries.push(ms(began));
        assert!(audit.clean, "{:#?}", &audit.findings[..audit.findings.len().min(3)]);
    }
    note(costs, what, &tries);
    engine.engine.stop().await;
}

/// Blobs of the right size, without bytes, and the library's links to them.
fn show<'a>(parts: &Parts, assets: impl Iterator<Item = &'a Asset>) {
    for asset in assets {
        let blob = parts.blobs().path(&asset.blob.sha256);
        if blob.exists() {
            continue;
        }
        std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
        File::create(&blob).unwrap().set_len(u64::from(SIZE_BYTES)).unwrap();
        rushes_engine::view::link(&parts.home.library(), &asset.path, &blob).unwrap();
    }
}
