//! What the tests share: engines over temporary homes, and the real program.

pub(crate) mod browser;
pub(crate) mod journals;
pub(crate) mod library;
pub(crate) mod messy;
pub(crate) mod outside;
pub(crate) mod program;
pub(crate) mod recipes;
pub(crate) mod stores;
pub(crate) mod survivor;

use async_trait::async_trait;
use recipes::Recipes;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_adapters::webhook::Poster;
use rushes_core::catalog::Catalog;
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{DeliveryState, Pictures, Route, Routes};
use rushes_core::destination::{Abilities, Compared, Destination, Listing, Proof, Put, compare};
use rushes_core::inspect::{Inspect, MediaInfo};
use rushes_core::store::AssetFilter;
use rushes_core::{Code, Fault, Job, JobId, Kind};
use rushes_engine::{Access, Engine, Home, JobRules, KeepRules, Lanes, NewJobRequest, Parts, Site, Webhooks};
use rushes_media::compress::MediaCompressor;
use rushes_media::inspect::MediaInspector;
use rushes_store::SqlStore;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here should take on a busy machine; `RUSHES_SOON_S` for runs with many files.
pub(crate) fn soon() -> Duration {
    let told = std::env::var("RUSHES_SOON_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(90))
}

/// The machine's clock, so many milliseconds ahead.
#[derive(Default)]
pub(crate) struct Ahead(pub(crate) std::sync::atomic::AtomicI64);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn new_id(&self) -> uuid::Uuid {
        SystemClock.new_id()
    }
}

/// Takes every file for plain bytes, but pictures.
pub(crate) struct AnyFile;

#[async_trait]
impl Inspect for AnyFile {
    async fn inspect(&self, path: &Path) -> Result<MediaInfo, Fault> {
        let mut head = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
        read.map_err(|e| Fault::io("inspect", path, &e))?;
        if head == b"\x89PNG" {
            return MediaInspector.inspect(path).await;
        }
        Ok(MediaInfo {
            mime: "application/octet-stream".into(),
            extension: "bin".into(),
            width: None,
            height: None,
            duration_ms: None,
            fps: None,
            has_audio: false,
        })
    }
}

/// As [`AnyFile`]; a file that begins with `slow` is looked at until the test lets go.
#[derive(Default)]
pub(crate) struct Slow {
    pub(crate) is_asked: std::sync::atomic::AtomicBool,
    pub(crate) lets_go: tokio::sync::Notify,
}

#[async_trait]
impl Inspect for Slow {
    async fn inspect(&self, path: &Path) -> Result<MediaInfo, Fault> {
        if std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"slow")) {
            self.is_asked.store(true, std::sync::atomic::Ordering::SeqCst);
            self.lets_go.notified().await;
        }
        AnyFile.inspect(path).await
    }
}

/// A destination that never answers well.
pub(crate) struct Down;

#[async_trait]
impl Destination for Down {
    fn abilities(&self) -> Abilities<'_> {
        Abilities::default()
    }
    fn uri(&self, key: &str) -> String {
        format!("down://{key}")
    }
    async fn put(&self, _: Put<'_>) -> Result<Proof, Fault> {
        Err(down())
    }
    async fn stat(&self, _: &str) -> Result<Option<Proof>, Fault> {
        Err(down())
    }
    async fn get(&self, _: &str, _: Option<Range<u64>>, _: &Path) -> Result<(), Fault> {
        Err(down())
    }
    async fn list(&self, _: &str, _: Option<&str>) -> Result<Listing, Fault> {
        Err(down())
    }
    async fn delete(&self, _: &str) -> Result<(), Fault> {
        Err(down())
    }
    async fn ensure_folder(&self, _: &str) -> Result<(), Fault> {
        Err(down())
    }
}

fn down() -> Fault {
    Fault::new(Code::DestinationDown, "ask destination").because("the test says so")
}

/// An engine over a temporary home, with workflows of the tests' own.
pub(crate) struct TestEngine {
    pub(crate) engine: Engine<Recipes>,
    pub(crate) recipes: Recipes,
}

/// The places a test engine delivers to; outlive the engine, as clouds do.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) destinations: Vec<(String, Arc<dyn Destination>)>,
    /// By destination: only these kinds go there.
    pub(crate) kinds: BTreeMap<String, Vec<Kind>>,
    /// By destination: how it wants its pictures.
    pub(crate) pictures: BTreeMap<String, Pictures>,
    pub(crate) catalog: Arc<dyn Catalog>,
}

impl Places {
    pub(crate) fn memory(folder: &Path) -> Self {
        Self {
            destinations: vec![("remote".into(), Arc::new(MemoryDestination::default()))],
            kinds: BTreeMap::new(),
            pictures: BTreeMap::new(),
            catalog: Arc::new(JsonCatalog::new(folder.join("records"))),
        }
    }
}

/// An engine's parts on a home of its own, where files are taken for what they are called; and who owns it.
pub(crate) fn parts(home: Home, clock: Arc<dyn Clock>, routes: Routes, sites: Sites) -> (Parts, String) {
    let owner = clock.new_id().to_string();
    let store = stores::open(&home, &owner, clock.clone(), routes.clone());
    (parts_on(store, home, clock, routes, sites), owner)
}

/// The same over a store that is open already.
pub(crate) fn parts_on(store: SqlStore, home: Home, clock: Arc<dyn Clock>, routes: Routes, (destinations, catalogs): Sites) -> Parts {
    Parts {
        home,
        watch: store.watch(),
        node: None,
        strays: Arc::default(),
        lent: Arc::default(),
        store: Arc::new(store),
        clock,
        inspect: Arc::new(AnyFile),
        compress: Arc::new(MediaCompressor::new(2)),
        routes,
        destinations,
        catalogs,
        lanes: Lanes::new(2, 8, 1),
        scan_every: Duration::from_millis(200),
        webhooks: Webhooks { post: Arc::new(Poster::new(true)), retries: [20, 40, 80].map(Duration::from_millis).into() },
        keep: KeepRules::default(),
        budgets: Default::default(),
        jobs: JobRules::default(),
        tasks: None,
        schedules: Arc::default(),
        known: Arc::default(),
        pins: Arc::default(),
        sweeping: Arc::default(),
    }
}

/// Where objects go, and where records go.
pub(crate) type Sites = (Vec<Site<dyn Destination>>, Vec<Site<dyn Catalog>>);

impl TestEngine {
    /// Starts an engine on a home that nobody else works on.
    pub(crate) fn start(folder: &Path, places: &Places, recipes: &Recipes) -> Self {
        Self::start_with(folder, places, recipes, Arc::new(SystemClock), KeepRules::default())
    }

    /// As [`TestEngine::start`], with bounds of jobs.
    pub(crate) fn start_bounded(folder: &Path, places: &Places, recipes: &Recipes, clock: Arc<dyn Clock>, jobs: JobRules) -> Self {
        Self::start_as(folder, places, recipes, clock, |parts| Parts { jobs, ..parts })
    }

    /// As [`TestEngine::start`], at a time and with bounds of the test's own.
    pub(crate) fn start_with(folder: &Path, places: &Places, recipes: &Recipes, clock: Arc<dyn Clock>, keep: KeepRules) -> Self {
        Self::start_as(folder, places, recipes, clock, |parts| Parts { keep, ..parts })
    }

    /// As [`TestEngine::start`], with some part changed.
    pub(crate) fn start_as(
        folder: &Path,
        places: &Places,
        recipes: &Recipes,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(Parts) -> Parts,
    ) -> Self {
        let home = Home::at(&folder.join("home"));
        home.prepare().unwrap();
        let site = |name: &str| (name.to_owned(), 8, Duration::from_millis(20));
        let destinations: Vec<Site<dyn Destination>> = places
            .destinations
            .iter()
            .map(|(name, port)| {
                let (name, in_flight, first_backoff) = site(name);
                Site { name, prefix: "base/".into(), port: port.clone(), in_flight, first_backoff, access: Access::Private }
            })
            .collect();
        let (name, in_flight, first_backoff) = site("records");
        let catalogs =
            vec![Site { name, prefix: String::new(), port: places.catalog.clone(), in_flight, first_backoff, access: Access::Private }];
        let route = |site: &Site<dyn Destination>| Route {
            name: site.name.clone(),
            prefix: site.prefix.clone(),
            kinds: places.kinds.get(&site.name).cloned(),
            subjects: None,
            pictures: places.pictures.get(&site.name).copied(),
        };
        let routes =
            Routes { destinations: destinations.iter().map(route).collect(), catalogs: vec!["records".into()], ..Routes::default() };
        let (parts, owner) = parts(home, clock, routes, (destinations, catalogs));
        let parts = change(parts);
        Self { engine: Engine::start(parts, recipes.clone(), owner), recipes: recipes.clone() }
    }

    pub(crate) fn parts(&self) -> &Parts {
        self.engine.parts()
    }

    pub(crate) async fn submit(&self, workflow: &str, input: Value) -> JobId {
        self.engine.submit(NewJobRequest { workflow: workflow.into(), input, ..Default::default() }).await.unwrap().id
    }

    pub(crate) async fn ended(&self, job: JobId) -> Job {
        tokio::time::timeout(soon(), self.engine.ended(job)).await.expect("the job ends soon").unwrap()
    }

    pub(crate) async fn run(&self, workflow: &str, input: Value) -> Job {
        let job = self.submit(workflow, input).await;
        self.ended(job).await
    }

    /// Waits until something holds.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, mut holds: impl FnMut() -> F) {
        let end = tokio::time::Instant::now() + soon();
        while !holds().await {
            assert!(tokio::time::Instant::now() < end, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing is owed, then checks the promise: every current asset proven at every destination, with
    /// the bytes it was made of, and named in its subject's record.
    pub(crate) async fn settle(&self) {
        let store = self.parts().store.clone();
        self.until("nothing is owed", || async { store.backlog().await.unwrap().values().all(|backlog| backlog.owed == 0) }).await;
        for (asset, deliveries) in store.assets(&AssetFilter::default()).await.unwrap() {
            assert_eq!(deliveries.len(), self.parts().destinations.len(), "{} is owed to every destination", asset.path);
            for delivery in deliveries {
                assert_eq!(delivery.state, DeliveryState::Proven, "{} at {}", asset.path, delivery.destination);
                let site = self.parts().destinations.iter().find(|site| site.name == delivery.destination).unwrap();
                let held = delivery.held(&asset);
                let there = patiently(|| compare(site.port.as_ref(), &delivery.key, held, delivery.proof.as_ref())).await;
                assert!(matches!(there, Compared::Same(_)), "{} holds the bytes of its asset: {there:?}", delivery.key);
            }
        }
        let audit = patiently(|| rushes_engine::audit::audit(self.parts(), false)).await;
        assert!(audit.clean, "{:#?}", audit.findings);
    }
}

/// A look is not tried again by anybody; here the weather has only just cleared, and servers share a busy machine.
async fn patiently<T, F: Future<Output = Result<T, Fault>>>(mut look: impl FnMut() -> F) -> T {
    let end = tokio::time::Instant::now() + soon();
    loop {
        match look().await {
            Err(fault) if fault.is_transient() && tokio::time::Instant::now() < end => tokio::time::sleep(Duration::from_millis(100)).await,
            looked => return looked.unwrap(),
        }
    }
}
