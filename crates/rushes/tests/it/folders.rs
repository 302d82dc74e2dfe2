//! Folders are there before any file: in the library and at destinations, whatever else is under way.

use crate::support::{Places, TestEngine, recipes::Recipes};
use async_trait::async_trait;
use rushes_adapters::destinations::memory::MemoryDestination;
use rushes_core::destination::{Abilities, Destination, Listing, Proof, Put};
use rushes_core::{Code, Fault, JobState};
use serde_json::json;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A destination at which puts wait until the test lets them through, and that refuses folders of one name.
struct Gated {
    inner: MemoryDestination,
    gate: Semaphore,
    began: Semaphore,
}

#[async_trait]
impl Destination for Gated {
    fn abilities(&self) -> Abilities<'_> {
        // As one that makes several folders in one go.
        Abilities { folders: true, ..self.inner.abilities() }
    }
    fn uri(&self, key: &str) -> String {
        self.inner.uri(key)
    }
    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        self.began.add_permits(1);
        let _through = self.gate.acquire().await.unwrap();
        self.inner.put(put).await
    }
    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        self.inner.stat(key).await
    }
    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        self.inner.get(key, bytes, into).await
    }
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.inner.list(prefix, cursor).await
    }
    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.inner.delete(key).await
    }
    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        if key.contains("Refused") {
            return Err(Fault::new(Code::DestinationRefused, "make folder").because("no such names here"));
        }
        self.inner.ensure_folder(key).await
    }
    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        self.inner.remove_folder(key).await
    }
}

const SOLO: &str = "shoot/People/John_Doe/Solo";
const GROUP: &str = "shoot/People/John_Doe/Group";

async fn is_there(places: &Places, path: &str) -> bool {
    places.destinations[0].1.stat(&format!("base/{path}/")).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_in_the_library_and_at_destinations_and_go_again() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let library = engine.parts().home.library();
    let job = engine.run("folders", json!({"made": [SOLO, GROUP]})).await;
    assert_eq!(job.state, JobState::Completed);
    for path in [SOLO, GROUP] {
        assert!(library.join(path).is_dir() && is_there(&places, path).await, "{path}");
    }
    // Whoever audits a bucket sees files only.
    engine.settle().await;
    engine.run("folders", json!({"made": ["shoot/People/Jane_Doe/Solo"], "gone": ["shoot/People/John_Doe", SOLO, GROUP]})).await;
    assert!(library.join("shoot/People/Jane_Doe/Solo").is_dir() && !library.join("shoot/People/John_Doe").exists());
    assert!(!is_there(&places, SOLO).await && is_there(&places, "shoot/People/Jane_Doe/Solo").await);
    engine.settle().await;
    let job = engine.run("folders", json!({"made": ["../outside"]})).await;
    assert_eq!((job.state, job.fault.unwrap().code), (JobState::Failed, Code::InputInvalid));
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_a_crash_left_out_are_made_and_what_lies_in_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places::memory(folder.path());
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    let library = engine.parts().home.library();
    engine.run("folders", json!({"made": [SOLO, GROUP]})).await;
    std::fs::remove_dir(library.join(SOLO)).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(library.join(GROUP).join("theirs.txt")).unwrap(), b"theirs").unwrap();
    engine.run("folders", json!({"gone": [GROUP]})).await;
    assert!(library.join(GROUP).join("theirs.txt").exists(), "somebody has put something there");
    engine.engine.stop().await;
    let next = TestEngine::start(folder.path(), &places, &Recipes::default());
    next.until("the library is mended", || async { library.join(SOLO).is_dir() }).await;
    assert!(library.join(GROUP).join("theirs.txt").exists());
    let parts = next.parts();
    assert_eq!(rushes_engine::view::mend(&library, &parts.blobs(), parts.store.as_ref()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_wait_for_no_file_and_files_wait_for_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let gated = Arc::new(Gated { inner: MemoryDestination::default(), gate: Semaphore::new(0), began: Semaphore::new(0) });
    let places = Places { destinations: vec![("remote".into(), gated.clone())], ..Places::memory(folder.path()) };
    let engine = TestEngine::start(folder.path(), &places, &Recipes::default());
    // More than can be under way at once, and heavy enough for a place each.
    let files = engine.submit("files", json!({"count": 20, "bytes": 2_000_000})).await;
    let busy = tokio::time::timeout(std::time::Duration::from_secs(60), gated.began.acquire_many(8)).await;
    busy.expect("every place is busy").unwrap().forget();
    assert_eq!(engine.run("folders", json!({"made": [SOLO, GROUP]})).await.state, JobState::Completed);
    assert!(is_there(&places, SOLO).await && is_there(&places, GROUP).await);
    gated.gate.add_permits(1_000);
    assert_eq!(engine.ended(files).await.state, JobState::Completed);
    let refused = engine.run("folders", json!({"made": ["shoot/People/Refused/Solo", "shoot/People/Ana/Solo"]})).await;
    assert_eq!((refused.state, refused.fault.unwrap().code), (JobState::Failed, Code::DestinationRefused));
    assert!(is_there(&places, "shoot/People/Ana/Solo").await, "one that is refused keeps no other from it");
}
