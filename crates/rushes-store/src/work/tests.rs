//! Tests of work and its leases: who may take what, and whose word counts.

use super::*;
use crate::Mode;
use crate::stand::{self, HandClock, new_job};
use rushes_core::Blob;
use rushes_core::delivery::Routes;
use rushes_core::inspect::{Looked, MediaInfo};
use rushes_core::store::{Jobs, Upkeep};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

struct Home {
    store: SqlStore,
    clock: Arc<HandClock>,
    _folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::at(1_000_000));
        let mode = Mode::Own { owner: "one".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, clock.clone(), Routes::default()).unwrap();
        Self { store, clock, _folder: folder }
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// A job whose work of this family, with so many files, is offered.
    async fn offer(&self, family: &str, labels: &[&str], files: u64) -> JobId {
        let job = new_job("w");
        let id = job.id;
        self.store.create(job).await.unwrap();
        let order = Order { inputs: Map::new(), seeds: (0..files).collect(), pictures: BTreeMap::new(), mime: "image/png".into() };
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let work = NewWork { family: family.into(), labels, order };
        self.store.offer_work(id, work.clone()).await.unwrap();
        self.store.offer_work(id, work).await.unwrap();
        id
    }

    async fn worker(&self, name: &str, labels: &[&str]) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let made = NewWorker { name: name.into(), families: vec!["sdxl".into()], labels, version: "1".into(), card_mb: None };
        self.store.note_worker(made).await.unwrap();
    }

    async fn waiting(&self, worker: &str) -> Vec<JobId> {
        self.store.waiting_work(worker, 100).await.unwrap().into_iter().map(|waiting| waiting.job).collect()
    }
}

fn handed(index: u32, sha256: &str) -> Handed {
    let blob = Blob { sha256: sha256.into(), md5: None, crc32c: 0, size_bytes: 1, mime: "image/png".into() };
    let info = MediaInfo {
        mime: "image/png".into(),
        extension: "png".into(),
        width: Some(8),
        height: Some(8),
        duration_ms: None,
        fps: None,
        has_audio: false,
    };
    Handed { index, looked: Looked { info, blob }, model: "m".into() }
}

fn code<T: std::fmt::Debug>(result: Result<T, Fault>) -> Code {
    result.unwrap_err().code
}

#[tokio::test]
async fn work_goes_to_whoever_has_its_family_and_labels_the_oldest_first() {
    let home = Home::new();
    home.worker("plain", &[]).await;
    home.worker("eu", &["eu", "large"]).await;
    let first = home.offer("sdxl", &[], 1).await;
    home.later(1);
    let (eu, other) = (home.offer("sdxl", &["eu"], 1).await, home.offer("wan22", &[], 1).await);
    assert_eq!(home.waiting("plain").await, [first]);
    assert_eq!(home.waiting("eu").await, [first, eu]);
    assert_eq!(code(home.store.waiting_work("nobody", 9).await), Code::NotFound);
    for job in [eu, other] {
        assert_eq!(code(home.store.lease_work("plain", job).await), Code::JobTaken);
    }
    home.store.drain_worker("eu", true).await.unwrap();
    assert!(home.waiting("eu").await.is_empty(), "it takes nothing more");
    assert_eq!(code(home.store.lease_work("eu", eu).await), Code::JobTaken);
}

#[tokio::test]
async fn work_of_a_lease_that_ran_out_is_anothers_and_the_first_can_say_nothing_more() {
    let home = Home::new();
    home.worker("one", &[]).await;
    home.worker("two", &[]).await;
    let job = home.offer("sdxl", &[], 2).await;
    let first = home.store.lease_work("one", job).await.unwrap();
    assert!(home.waiting("two").await.is_empty());
    home.store.hand_in(first.token, handed(0, "a")).await.unwrap();
    home.later(20_000);
    assert!(home.store.renew_work(first.token, Some(0.5)).await.unwrap());
    home.later(20_000);
    assert!(home.waiting("two").await.is_empty(), "it was renewed");
    home.later(20_000);
    // Nobody has taken it yet: it is still the first one's.
    home.store.hand_in(first.token, handed(0, "b")).await.unwrap();
    let second = home.store.lease_work("two", job).await.unwrap();
    assert_eq!(second.have, [0], "what was handed in is not made again");
    assert_eq!(code(home.store.hand_in(first.token, handed(1, "late")).await), Code::LeaseLost);
    assert_eq!(code(home.store.renew_work(first.token, None).await), Code::LeaseLost);
    assert_eq!(code(home.store.complete_work(first.token).await), Code::LeaseLost);
    let fault = Fault::new(Code::ProviderRefused, "x");
    assert_eq!(code(home.store.fail_work(first.token, &fault, false).await), Code::LeaseLost);
    assert_eq!(code(home.store.complete_work(second.token).await), Code::InputInvalid, "file 1 is missing");
    home.store.hand_in(second.token, handed(1, "c")).await.unwrap();
    assert_eq!(code(home.store.hand_in(second.token, handed(2, "d")).await), Code::InputInvalid);
    home.store.complete_work(second.token).await.unwrap();
    let of = async |index| home.store.handed_in(job, index).await.unwrap().map(|handed| handed.blob().sha256.clone());
    assert_eq!((of(0).await, of(1).await, of(2).await), (Some("a".into()), Some("c".into()), None), "the first of each stays");
    assert_eq!(code(home.store.leased_work(second.token).await), Code::LeaseLost);
    let states = home.store.blob_states(vec!["a".into(), "late".into()]).await.unwrap();
    assert_eq!(states.get("a"), Some(&true), "no sweep takes it before its job has it");
    assert_eq!(states.get("late"), None);
}

#[tokio::test]
async fn work_that_fails_says_so_once_and_is_offered_anew_when_asked_again() {
    let home = Home::new();
    home.worker("one", &[]).await;
    let job = home.offer("sdxl", &[], 1).await;
    home.store.go_on_with_work(job).await.unwrap();
    let passing = Fault::new(Code::CardFull, "load").retry_after(Duration::from_secs(60));
    let lease = home.store.lease_work("one", job).await.unwrap();
    home.store.fail_work(lease.token, &passing, false).await.unwrap();
    assert!(home.waiting("one").await.is_empty(), "not before its time");
    home.later(60_000);
    assert_eq!(home.waiting("one").await, [job]);
    let lease = home.store.lease_work("one", job).await.unwrap();
    home.store.fail_work(lease.token, &Fault::new(Code::ProviderRefused, "make"), false).await.unwrap();
    assert!(home.waiting("one").await.is_empty());
    assert_eq!(code(home.store.go_on_with_work(job).await), Code::ProviderRefused);
    home.store.go_on_with_work(job).await.unwrap();
    assert_eq!(home.waiting("one").await, [job], "somebody has asked for another try");
    home.later(25 * 60 * 60 * 1_000);
    assert_eq!(code(home.store.go_on_with_work(job).await), Code::WorkerMissing);
}

#[tokio::test]
async fn work_that_takes_its_workers_down_ends_and_what_is_given_back_counts_as_not_begun() {
    let home = Home::new();
    home.worker("one", &[]).await;
    let job = home.offer("sdxl", &[], 1).await;
    for _ in 0..2 * BEGUN_MAX {
        let lease = home.store.lease_work("one", job).await.unwrap();
        home.store.fail_work(lease.token, &Fault::new(Code::Cancelled, "drain"), true).await.unwrap();
    }
    for _ in 0..BEGUN_MAX {
        home.store.lease_work("one", job).await.unwrap();
        home.later(30_001);
    }
    assert_eq!(code(home.store.lease_work("one", job).await), Code::JobTaken);
    assert_eq!(code(home.store.go_on_with_work(job).await), Code::WorkerLost);
}

#[tokio::test]
async fn work_of_a_cancelled_job_is_wanted_by_nobody() {
    let home = Home::new();
    home.worker("one", &[]).await;
    let (held, open) = (home.offer("sdxl", &[], 1).await, home.offer("sdxl", &[], 1).await);
    let lease = home.store.lease_work("one", held).await.unwrap();
    assert_eq!(home.store.workers().await.unwrap()[0].job, Some(held));
    home.store.cancel(held).await.unwrap();
    home.store.cancel(open).await.unwrap();
    assert!(!home.store.renew_work(lease.token, None).await.unwrap());
    assert!(home.waiting("one").await.is_empty());
    home.later(40_000);
    assert!(home.waiting("one").await.is_empty(), "also once its lease ran out");
    assert_eq!(home.store.forget_work(i64::MAX, 10).await.unwrap(), 2);
    assert_eq!(code(home.store.leased_work(lease.token).await), Code::LeaseLost);
}
