//! Tests of taking up one job by its id, and of handing it back.

use super::*;
use crate::Mode;
use crate::base::LEASE_MS;
use crate::stand::{self, HandClock};
use rushes_core::Wait;
use rushes_core::clock::Clock;
use rushes_core::job::{Asked, Outcome};
use rushes_core::store::{Calls, Journal, Seen, StepCommit};
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
        let (folder, clock) = (tempfile::tempdir().unwrap(), HandClock::at(1_000));
        let mode = Mode::Own { owner: "one".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, clock.clone(), Routes::default()).unwrap();
        Self { store, clock, _folder: folder }
    }

    async fn job(&self, in_turn: bool) -> JobId {
        self.create(None, in_turn).await
    }

    async fn create(&self, parent: Option<(JobId, String)>, in_turn: bool) -> JobId {
        let id = JobId(self.clock.new_id());
        let job = NewJob {
            id,
            workflow: "w".into(),
            version: 1,
            input: object!({}),
            input_hash: "h".into(),
            root: parent.as_ref().map_or(id, |(parent, _)| *parent),
            parent,
            in_turn,
            home: None,
            collection: None,
            asked: Asked::default(),
        };
        self.store.create(job).await.unwrap();
        id
    }

    async fn take(&self, owner: &str, job: JobId) -> Option<Lease> {
        self.store.claim_one(owner, job).await.unwrap().map(|claim| claim.lease)
    }

    async fn step(&self, lease: Lease, name: &str) -> Result<(), Code> {
        let commit = StepCommit {
            lease,
            step: name.into(),
            input_hash: String::new(),
            outcome: Outcome::Value(object!(1)),
            attempts: 1,
            started_ms: 0,
            provider: None,
            subjects: Vec::new(),
            renewed: Vec::new(),
            assets: Vec::new(),
            shown: Vec::new(),
            gone: Vec::new(),
            folders: Vec::new(),
            folders_gone: Vec::new(),
        };
        self.store.commit(commit).await.map(drop).map_err(|fault| fault.code)
    }
}

#[tokio::test]
async fn jobs_are_claimed_one_at_a_time_by_their_id_whether_or_not_it_is_their_turn() {
    let home = Home::new();
    let (first, second) = (home.job(true).await, home.job(true).await);
    let claim = home.store.claim_one("one", second).await.unwrap().unwrap();
    assert_eq!((claim.job.id, claim.job.state, claim.lease.fence, claim.in_turn), (second, JobState::Running, 1, true));
    assert_eq!(home.store.job(first).await.unwrap().state, JobState::Queued, "the other one waits");
    assert!(home.take("two", second).await.is_none(), "another has a valid lease");
    assert!(home.take("one", second).await.is_none(), "and so has who asks again");
    home.store.finish(claim.lease, None).await.unwrap();
    assert!(home.take("two", second).await.is_none(), "what has ended is nobody's");
    assert!(home.take("two", JobId(home.clock.new_id())).await.is_none(), "and so is what there is not");
}

#[tokio::test]
async fn jobs_of_a_lease_that_is_over_are_claimed_by_another_and_the_first_is_refused() {
    let home = Home::new();
    let job = home.job(false).await;
    // The store renews the leases of its own engine, which is `one`.
    let lost = home.take("two", job).await.unwrap();
    home.clock.0.fetch_add(LEASE_MS, Ordering::SeqCst);
    assert!(home.take("three", job).await.is_none(), "it holds until its last moment");
    home.clock.0.fetch_add(1, Ordering::SeqCst);
    let lease = home.take("three", job).await.unwrap();
    assert_eq!(lease.fence, lost.fence + 1);
    assert_eq!(home.step(lost, "late").await, Err(Code::LeaseLost));
    home.step(lease, "on").await.unwrap();
}

#[tokio::test]
async fn jobs_may_be_answered_while_they_are_taken_up_again_and_come_to_their_question() {
    let home = Home::new();
    let job = home.job(false).await;
    for (wait, is_kept) in [(Wait::Signal("choose film".into()), true), (Wait::Sleep("a while".into()), false)] {
        let lease = home.take("two", job).await.unwrap();
        home.store.waiting(lease, Some(wait.clone())).await.unwrap();
        home.clock.0.fetch_add(LEASE_MS + 1, Ordering::SeqCst);
        let again = home.take("three", job).await.unwrap();
        assert_eq!(home.store.job(job).await.unwrap().waiting_for, Some(wait).filter(|_| is_kept));
        if is_kept {
            home.store.answer(job, "choose film", object!({"take": 2})).await.unwrap();
            assert!(home.store.take_signal(again, "choose film", "1").await.unwrap().is_some());
        }
        home.store.release(again).await.unwrap();
    }
}

#[tokio::test]
async fn jobs_that_are_handed_back_are_free_at_once_and_their_lease_counts_no_more() {
    let home = Home::new();
    let job = home.job(false).await;
    let lease = home.take("one", job).await.unwrap();
    home.step(lease, "done").await.unwrap();
    let mut bell = home.store.watch().queued;
    bell.mark_unchanged();
    home.store.release(lease).await.unwrap();
    // Whoever looks for work hears of it.
    bell.changed().await.unwrap();
    assert_eq!(home.step(lease, "late").await, Err(Code::LeaseLost));
    assert_eq!(home.store.release(lease).await.map_err(|fault| fault.code), Err(Code::LeaseLost));
    let back = home.store.job(job).await.unwrap();
    assert_eq!((back.state, back.cancel, back.fault), (JobState::Running, false, None), "it counts as no failure and nobody's wish");
    let again = home.take("two", job).await.expect("it waits for no lease");
    home.store.release(again).await.unwrap();
    // The look of an engine that claims by itself finds it, too.
    let room = Room { all: 1, in_turn: 1, own_files_only: false };
    let claims = home.store.claim("one", room).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.job.id).collect::<Vec<_>>(), [job]);
    assert_eq!(home.store.steps(job).await.unwrap().len(), 1, "what was done is done");
}

impl Home {
    async fn undriven(&self) -> Vec<JobId> {
        self.store.undriven(10, None).await.unwrap().into_iter().map(|seen| seen.job).collect()
    }

    async fn child(&self, parent: JobId, name: &str) -> JobId {
        self.create(Some((parent, name.into())), false).await
    }
}

#[tokio::test]
async fn jobs_nobody_drives_are_found_until_they_were_called_for_and_again_when_something_happens() {
    let home = Home::new();
    let job = home.job(true).await;
    let seen = home.store.undriven(10, None).await.unwrap().remove(0);
    assert_eq!(seen, Seen { job, fence: 0, wake_at_ms: 0 });
    home.store.put_off(seen, 60_000).await.unwrap();
    assert!(home.undriven().await.is_empty(), "it was called for");
    home.clock.0.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(home.undriven().await, [job], "nobody came");

    let lease = home.take("one", job).await.unwrap();
    assert!(home.undriven().await.is_empty(), "somebody drives it");
    home.store.put_off(seen, 60_000).await.unwrap();
    home.store.release(lease).await.unwrap();
    assert_eq!(home.undriven().await, [job], "a call of before it was taken up puts nothing off");

    home.store.put_off(Seen::handed_back(lease), 60_000).await.unwrap();
    assert!(home.undriven().await.is_empty(), "it has nothing to do for a minute");
    home.store.send_signal(job, "go", object!(1)).await.unwrap();
    assert_eq!(home.undriven().await, [job], "what it was sent ends that");

    let lease = home.take("two", job).await.unwrap();
    home.store.cancel(job).await.unwrap();
    home.store.release(lease).await.unwrap();
    home.store.put_off(Seen::handed_back(lease), 60_000).await.unwrap();
    assert_eq!(home.undriven().await, [job], "what happened while it was driven may not have been seen");
    let lease = home.take("one", job).await.unwrap();
    home.store.finish(lease, None).await.unwrap();
    assert!(home.undriven().await.is_empty(), "it has ended");
}

#[tokio::test]
async fn jobs_that_wait_for_children_are_called_for_when_the_last_of_them_has_ended() {
    let home = Home::new();
    let parent = home.job(false).await;
    let lease = home.take("one", parent).await.unwrap();
    let children = [home.child(parent, "a").await, home.child(parent, "b").await];
    home.store.release(lease).await.unwrap();
    for seen in home.store.undriven(10, None).await.unwrap() {
        home.store.put_off(seen, 60_000).await.unwrap();
    }
    for (n, child) in children.into_iter().enumerate() {
        let lease = home.take("one", child).await.unwrap();
        home.store.finish(lease, Some(Ok(object!(n)))).await.unwrap();
        let expected: &[JobId] = if n == 1 { &[parent] } else { &[] };
        assert_eq!(home.undriven().await, expected, "after child {n}");
    }
    // Nothing was made, so nothing is owed, and the job ends with its workflow.
    let lease = home.take("one", parent).await.unwrap();
    let ended = home.store.finish(lease, Some(Ok(object!(2)))).await.unwrap();
    assert_eq!(ended.state, JobState::Completed);
}

#[tokio::test]
async fn jobs_that_wait_for_their_turn_are_called_for_while_fewer_run_than_may() {
    let home = Home::new();
    let jobs = [home.job(true).await, home.job(true).await, home.job(true).await];
    let short = home.job(false).await;
    let due = async || home.store.undriven(10, Some(2)).await.unwrap();
    let ids = async || due().await.into_iter().map(|seen| seen.job).collect::<Vec<_>>();
    assert_eq!(ids().await, [short, jobs[0], jobs[1]], "what needs no turn, and two in order");
    for seen in due().await {
        home.store.put_off(seen, 60_000).await.unwrap();
    }
    assert!(ids().await.is_empty(), "those who were called for hold their places");
    let lease = home.take("one", jobs[0]).await.unwrap();
    home.take("one", jobs[1]).await.unwrap();
    assert!(ids().await.is_empty(), "two run");
    home.store.release(lease).await.unwrap();
    assert_eq!(ids().await, [jobs[0]], "who was begun needs no other turn");
    let lease = home.take("two", jobs[0]).await.unwrap();
    home.store.finish(lease, None).await.unwrap();
    assert_eq!(ids().await, [jobs[2]]);
}

impl Home {
    /// From now on its program has this version of the workflow.
    fn having(self, version: u32) -> Self {
        Self { store: self.store.having([("w", version)].into_iter(), Duration::from_millis(PATIENCE_MS.unsigned_abs())), ..self }
    }

    async fn version(&self, job: JobId) -> u32 {
        self.store.job(job).await.unwrap().version
    }

    async fn claimed(&self) -> Vec<JobId> {
        let claims = self.store.claim("two", Room { all: 9, in_turn: 9, own_files_only: false }).await.unwrap();
        claims.into_iter().map(|claim| claim.job.id).collect()
    }
}

const PATIENCE_MS: i64 = 60_000;

#[tokio::test]
async fn jobs_begun_with_another_version_are_left_to_those_who_have_it_for_a_while() {
    let home = Home::new();
    let begun = home.job(true).await;
    let lease = home.take("one", begun).await.unwrap();
    home.store.release(lease).await.unwrap();
    let home = home.having(2);
    assert!(home.take("two", begun).await.is_none(), "its version is not here");
    home.clock.0.fetch_add(PATIENCE_MS, Ordering::SeqCst);
    assert!(home.claimed().await.is_empty(), "others may still come");
    home.clock.0.fetch_add(1, Ordering::SeqCst);
    assert_eq!(home.claimed().await, [begun], "nobody came");
    assert_eq!(home.version(begun).await, 1, "what was begun keeps its version");
    let home = home.having(1);
    let other = home.job(true).await;
    assert_eq!(home.claimed().await, [other], "and whoever has it waits for nothing");
}

#[tokio::test]
async fn jobs_nobody_has_begun_are_begun_by_a_newer_program_with_its_version() {
    let home = Home::new();
    let asked = home.job(true).await;
    let parent = home.job(false).await;
    let lease = home.take("one", parent).await.unwrap();
    let child = home.child(parent, "a").await;
    let home = home.having(2);
    assert_eq!(home.claimed().await, [asked]);
    assert_eq!((home.version(asked).await, home.version(child).await), (2, 1), "its parent waits for the value of the older one");
    home.clock.0.fetch_add(PATIENCE_MS + 1, Ordering::SeqCst);
    assert!(home.take("two", child).await.is_some());
    assert_eq!(home.version(child).await, 2, "no older program is left");
    home.store.finish(lease, None).await.unwrap();
}

#[tokio::test]
async fn jobs_of_a_newer_program_are_not_begun_by_an_older_one_while_the_newer_may_come() {
    let home = Home::new();
    let job = home.job(true).await;
    let home = home.having(0);
    assert!(home.claimed().await.is_empty());
    home.clock.0.fetch_add(PATIENCE_MS + 1, Ordering::SeqCst);
    assert_eq!(home.claimed().await, [job]);
    assert_eq!(home.version(job).await, 0);
}
