//! Addresses that run out are renewed in time: each as its own destination has it, whatever becomes of the others.

use crate::support::{Ahead, Places, TestEngine, recipes::Recipes};
use async_trait::async_trait;
use rushes_adapters::catalogs::json::JsonCatalog;
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::clock::{Clock, SystemClock};
use rushes_core::delivery::{Delivery, LENT, Link};
use rushes_core::destination::{Abilities, Condition, Destination, Links, Listing, Proof, Put};
use rushes_core::digest::digest;
use rushes_core::store::AssetFilter;
use rushes_core::{Code, Fault, JobState};
use rushes_engine::Access;
use rushes_engine::keep::sweep;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;
/// More than are looked at in one go.
const FILES: u64 = 205;

/// Objects in memory, whose addresses tell how many were given before; some keys are not signed.
#[derive(Default)]
struct Signing {
    objects: MemoryDestination,
    unsigned: Mutex<BTreeMap<String, Code>>,
    asked: AtomicU64,
}

impl Signing {
    fn refuse(&self, keys: impl Iterator<Item = String>, code: Code) {
        *self.unsigned.lock().unwrap() = keys.map(|key| (key, code)).collect();
    }
}

#[async_trait]
impl Links for Signing {
    fn public_url(&self, key: &str) -> String {
        format!("https://signing/{key}")
    }

    async fn signed_url(&self, key: &str, _: Duration) -> Result<String, Fault> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.unsigned.lock().unwrap().get(key) {
            Some(code) => Err(Fault::new(*code, "sign address").with("key", key).because("the test says so")),
            None => Ok(format!("https://signing/{key}?{asked}")),
        }
    }
}

#[async_trait]
impl Destination for Signing {
    fn abilities(&self) -> Abilities<'_> {
        Abilities { links: Some(self), ..Abilities::default() }
    }
    fn uri(&self, key: &str) -> String {
        self.objects.uri(key)
    }
    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.objects.put(put).await
    }
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.objects.stat(key).await
    }
    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        self.objects.get(key, bytes, into).await
    }
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.objects.list(prefix, cursor).await
    }
    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.objects.delete(key).await
    }
    async fn ensure_folder(&self, path: &str) -> Result<(), Fault> {
        self.objects.ensure_folder(path).await
    }
}

/// An engine whose destinations sign addresses that open for so long.
struct Stand {
    engine: TestEngine,
    clock: Arc<Ahead>,
}

impl Stand {
    fn start(folder: &Path, catalog: Arc<dyn Catalog>, signing: &[(&str, &Arc<Signing>, Duration)]) -> Self {
        let destination = |(name, port, _): &(&str, &Arc<Signing>, Duration)| ((*name).to_owned(), (*port).clone() as Arc<dyn Destination>);
        let places = Places { catalog, destinations: signing.iter().map(destination).collect(), ..Places::memory(folder) };
        let clock = Arc::new(Ahead::default());
        let engine = TestEngine::start_as(folder, &places, &Recipes::default(), clock.clone(), |mut parts| {
            for (site, (.., valid)) in parts.destinations.iter_mut().zip(signing) {
                site.access = Access::Signed(*valid);
            }
            parts
        });
        Self { engine, clock }
    }

    async fn files(&self, count: u64) {
        let job = self.engine.run("files", json!({ "count": count })).await;
        assert_eq!(job.state, JobState::Completed, "{:?}", job.fault);
        self.engine.settle().await;
    }

    /// How many addresses a sweep renews so many hours from the beginning.
    async fn renewed_at(&self, hours: i64) -> u64 {
        self.clock.0.store(hours * HOUR_MS, Ordering::SeqCst);
        sweep(self.engine.parts(), false).await.unwrap().links
    }

    /// What one destination holds, the first address to end first.
    async fn deliveries(&self, destination: &str) -> Vec<Delivery> {
        let listed = self.engine.parts().store.assets(&AssetFilter::default()).await.unwrap();
        let mut all: Vec<Delivery> = listed.into_iter().flat_map(|(_, deliveries)| deliveries).collect();
        all.retain(|delivery| delivery.destination == destination);
        all.sort_by_key(|delivery| (until_ms(delivery), delivery.asset));
        all
    }
}

fn until_ms(delivery: &Delivery) -> i64 {
    delivery.link.as_ref().unwrap().until_ms.unwrap()
}

fn records(folder: &Path) -> Arc<dyn Catalog> {
    Arc::new(JsonCatalog::new(folder.join("records")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_renewed_in_the_time_of_their_own_destination() {
    let folder = tempfile::tempdir().unwrap();
    let (week, day) = (Arc::default(), Arc::default());
    let signing = [("week", &week, Duration::from_hours(168)), ("day", &day, Duration::from_hours(24))];
    let stand = Stand::start(folder.path(), records(folder.path()), &signing);
    stand.files(FILES).await;
    assert_eq!(stand.renewed_at(1).await, 0, "none ends soon");
    assert_eq!(stand.renewed_at(17).await, FILES, "a day is nearly over");
    assert_eq!(stand.renewed_at(18).await, 0, "once is enough");
    assert_eq!(stand.renewed_at(113).await, 2 * FILES, "a week is nearly over, however many have but a day");
    assert_eq!(stand.renewed_at(114).await, 0);
    let now_ms = stand.clock.now_ms();
    assert!(stand.deliveries("week").await.iter().all(|delivery| until_ms(delivery) > now_ms + 166 * HOUR_MS));
    assert!(stand.deliveries("day").await.iter().all(|delivery| until_ms(delivery) > now_ms + 22 * HOUR_MS));
    stand.engine.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_renewed_beside_those_that_cannot_be_signed() {
    let folder = tempfile::tempdir().unwrap();
    let day = Arc::new(Signing::default());
    let stand = Stand::start(folder.path(), records(folder.path()), &[("day", &day, Duration::from_hours(24))]);
    stand.files(FILES).await;
    let mut all = stand.deliveries("day").await;
    let last = all.pop().unwrap();
    day.refuse(all.iter().map(|delivery| delivery.key.clone()), Code::NotFound);
    assert_eq!(stand.renewed_at(17).await, 1, "the last to end, after all that cannot be signed");
    assert!(until_ms(stand.deliveries("day").await.last().unwrap()) > until_ms(&last));
    assert_eq!(stand.renewed_at(18).await, 0);
    day.refuse(std::iter::empty(), Code::NotFound);
    assert_eq!(stand.renewed_at(18).await, FILES - 1, "and these when they can be");
    stand.engine.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_renewed_elsewhere_while_one_destination_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let (down, up) = (Arc::new(Signing::default()), Arc::default());
    let signing = [("down", &down, Duration::from_hours(24)), ("up", &up, Duration::from_hours(24))];
    let stand = Stand::start(folder.path(), records(folder.path()), &signing);
    stand.files(20).await;
    down.refuse(stand.deliveries("down").await.into_iter().map(|delivery| delivery.key), Code::DestinationDown);
    let before = down.asked.load(Ordering::SeqCst);
    assert_eq!(stand.renewed_at(17).await, 20);
    assert_eq!(down.asked.load(Ordering::SeqCst) - before, 5, "each asking may last a minute");
    down.refuse(std::iter::empty(), Code::DestinationDown);
    assert_eq!(stand.renewed_at(18).await, 20);
    stand.engine.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_renewed_between_sweeps_where_they_end_sooner() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = Arc::default();
    let stand = Stand::start(folder.path(), records(folder.path()), &[("seconds", &seconds, Duration::from_secs(9))]);
    stand.engine.run("files", json!({"count": 1})).await;
    let first = until_ms(&stand.deliveries("seconds").await[0]);
    stand.engine.until("it is renewed", || async { until_ms(&stand.deliveries("seconds").await[0]) > first }).await;
}

/// Writes the first record it is given, and says that it is down; so it does until it may answer, without writing.
struct Unpaid {
    records: Arc<dyn Catalog>,
    answers: AtomicBool,
    puts: AtomicU64,
}

#[async_trait]
impl Catalog for Unpaid {
    async fn put(&self, record: &Record) -> Result<(), Fault> {
        let answers = self.answers.load(Ordering::SeqCst);
        if self.puts.fetch_add(1, Ordering::SeqCst) == 0 || answers {
            self.records.put(record).await?;
        }
        if answers { Ok(()) } else { Err(Fault::new(Code::CatalogDown, "put record").because("the answer is lost")) }
    }
    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        self.records.get(collection, id).await
    }
    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        self.records.list(collection, cursor).await
    }
    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        self.records.delete(collection, id).await
    }
}

/// The record of a single file, whose number only the outbox keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_renewed_in_a_record_that_was_written_and_not_paid() {
    let folder = tempfile::tempdir().unwrap();
    let (day, puts) = (Arc::default(), AtomicU64::default());
    let catalog = Arc::new(Unpaid { records: records(folder.path()), answers: AtomicBool::default(), puts });
    let stand = Stand::start(folder.path(), catalog.clone(), &[("day", &day, Duration::from_hours(24))]);
    let job = stand.engine.submit("workspace", json!({})).await;
    // By then it is waited longer than it is written.
    stand.engine.until("it is tried again", || async { catalog.puts.load(Ordering::SeqCst) >= 4 }).await;
    let delivery = stand.deliveries("day").await.remove(0);
    let link = Link { url: "https://signing/fresh".into(), until_ms: Some(SystemClock.now_ms() + 24 * HOUR_MS) };
    stand.engine.parts().store.relink(&delivery, &link).await.unwrap();
    catalog.answers.store(true, Ordering::SeqCst);
    stand.engine.ended(job).await;
    stand.engine.settle().await;
    let record = catalog.get("workspace_assets", &delivery.asset.to_string()).await.unwrap().unwrap();
    assert_eq!(record.fields["signed_url"], "https://signing/fresh", "{:#}", record.fields);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_of_what_was_lent_for_work_that_is_over_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let site = Arc::default();
    let stand = Stand::start(folder.path(), records(folder.path()), &[("site", &site, Duration::from_hours(24))]);
    let job = stand.engine.submit("post", json!({"hangs": true})).await;
    stand.engine.until("it was posted", || async { stand.engine.recipes.runs("posted") == 1 }).await;
    let lent = |call: &str| format!("base/{LENT}{}/image.png", rushes_core::flow::hash(&call));
    let (under_way, over) = (lent(&format!("{job}/post")), lent("another/post"));
    let file = folder.path().join("image.png");
    std::fs::File::create(&file).unwrap();
    let blob = digest(std::fs::File::open(&file).unwrap(), "image/png").unwrap();
    for key in [&under_way, &over] {
        site.put(Put::new(key, &file, &blob, Condition::CreateOnly)).await.unwrap();
    }
    let swept_at = async |hours: i64| {
        stand.clock.0.store(hours * HOUR_MS, Ordering::SeqCst);
        sweep(stand.engine.parts(), false).await.unwrap().lent
    };
    assert_eq!(swept_at(0).await, 0, "it is seen for the first time");
    assert_eq!(swept_at(2).await, 1, "nobody fetches it any more");
    assert!(site.stat(&over).await.unwrap().is_none() && site.stat(&under_way).await.unwrap().is_some());
    stand.engine.engine.cancel(job).await.unwrap();
    stand.engine.ended(job).await;
    assert_eq!((swept_at(3).await, swept_at(5).await), (0, 1));
}
