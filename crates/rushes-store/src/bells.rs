//! The bells that ring after commits: some for everybody, one for each place that something is owed to, and one for each
//! job that somebody waits for, so that ten thousand waiters are not woken by each other's jobs.

use rushes_core::JobId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Counts that rise after a commit; wait on them instead of asking again and again.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Something became due somewhere, or was paid.
    pub outbox: watch::Receiver<u64>,
    /// A job was made, ended, or got a signal.
    pub jobs: watch::Receiver<u64>,
    /// A job may be claimed.
    pub queued: watch::Receiver<u64>,
    /// A fact was written.
    pub events: watch::Receiver<u64>,
    /// A message became due, or was tried.
    pub messages: watch::Receiver<u64>,
    each: Arc<Each>,
    places: Arc<Places>,
}

impl Watch {
    /// The bell of one job: it ended, or got a signal. As precise as the store can tell, so look by yourself now and then.
    #[must_use]
    pub fn job(&self, id: JobId) -> JobBell {
        let mut waiting = self.each.waiting();
        let bell = waiting.entry(id).or_insert_with(|| watch::channel(()).0).subscribe();
        JobBell { id, bell: Some(bell), each: self.each.clone() }
    }

    /// The bell of one destination or catalog: something became due there, or what waited for another need wait no more.
    #[must_use]
    pub fn place(&self, name: &str) -> watch::Receiver<u64> {
        let mut known = self.places.known();
        known.entry(name.to_owned()).or_insert_with(|| watch::channel(0).0).subscribe()
    }
}

/// The bell of one job, for one who waits.
#[derive(Debug)]
pub struct JobBell {
    id: JobId,
    bell: Option<watch::Receiver<()>>,
    each: Arc<Each>,
}

impl JobBell {
    /// Forgets earlier rings; look at the job after this, then wait.
    pub fn mark_unchanged(&mut self) {
        if let Some(bell) = &mut self.bell {
            bell.mark_unchanged();
        }
    }

    /// Waits for a ring after the last mark.
    pub async fn changed(&mut self) {
        if let Some(bell) = &mut self.bell {
            // It rings at the least until this end is dropped, as the sender stays while somebody listens.
            let _ = bell.changed().await;
        }
    }
}

impl Drop for JobBell {
    fn drop(&mut self) {
        let mut waiting = self.each.waiting();
        self.bell = None;
        if waiting.get(&self.id).is_some_and(|bell| bell.receiver_count() == 0) {
            waiting.remove(&self.id);
        }
    }
}

/// The bells of the jobs that are waited for; no more than there are waiters.
#[derive(Debug, Default)]
struct Each {
    waiting: Mutex<HashMap<JobId, watch::Sender<()>>>,
}

impl Each {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, watch::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bells of places; no more than are configured.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Places {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who must look again after this commit.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Wakes {
    pub(crate) outbox: bool,
    pub(crate) jobs: bool,
    pub(crate) queued: bool,
    pub(crate) events: bool,
    pub(crate) messages: bool,
    /// Jobs whose own bells ring.
    each: Vec<JobId>,
    /// Places where something may be due; or all of them.
    places: BTreeSet<String>,
    everywhere: bool,
    /// The bells of all jobs ring.
    each_of_all: bool,
}

impl Wakes {
    /// Everybody: for who may have missed something.
    pub(crate) fn all() -> Self {
        Self {
            outbox: true,
            jobs: true,
            queued: true,
            events: true,
            messages: true,
            everywhere: true,
            each_of_all: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        !(self.outbox || self.jobs || self.queued || self.events || self.messages)
    }

    /// As other nodes are told.
    pub(crate) fn said(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What another node said; everybody, where it speaks otherwise.
    pub(crate) fn of(said: &str) -> Self {
        serde_json::from_str(said).unwrap_or_else(|_| Self::all())
    }

    /// A job ended or got a signal.
    pub(crate) fn job(&mut self, id: JobId) {
        self.jobs = true;
        self.each.push(id);
    }

    /// Something may be due at a place.
    pub(crate) fn place(&mut self, name: &str) {
        self.outbox = true;
        if !self.places.contains(name) {
            self.places.insert(name.to_owned());
        }
    }

    /// Something may be due at any place.
    pub(crate) fn everywhere(&mut self) {
        self.outbox = true;
        self.everywhere = true;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.outbox |= other.outbox;
        self.jobs |= other.jobs;
        self.queued |= other.queued;
        self.events |= other.events;
        self.messages |= other.messages;
        self.each.extend(other.each);
        self.places.extend(other.places);
        self.everywhere |= other.everywhere;
        self.each_of_all |= other.each_of_all;
    }
}

/// The ringing ends.
pub(crate) struct Bells {
    outbox: watch::Sender<u64>,
    jobs: watch::Sender<u64>,
    queued: watch::Sender<u64>,
    events: watch::Sender<u64>,
    messages: watch::Sender<u64>,
    each: Arc<Each>,
    places: Arc<Places>,
}

impl Bells {
    pub(crate) fn new() -> (Self, Watch) {
        let [outbox, jobs, queued, events, messages] = std::array::from_fn(|_| watch::channel(0).0);
        let (each, places) = (Arc::new(Each::default()), Arc::new(Places::default()));
        let watch = Watch {
            outbox: outbox.subscribe(),
            jobs: jobs.subscribe(),
            queued: queued.subscribe(),
            events: events.subscribe(),
            messages: messages.subscribe(),
            each: each.clone(),
            places: places.clone(),
        };
        (Self { outbox, jobs, queued, events, messages, each, places }, watch)
    }

    pub(crate) fn ring(&self, wakes: &Wakes) {
        let bells = [
            (wakes.outbox, &self.outbox),
            (wakes.jobs, &self.jobs),
            (wakes.queued, &self.queued),
            (wakes.events, &self.events),
            (wakes.messages, &self.messages),
        ];
        let places = self.places.known();
        let rung = places.iter().filter(|(name, _)| wakes.everywhere || wakes.places.contains(*name));
        for (is_due, bell) in bells.into_iter().chain(rung.map(|(_, bell)| (true, bell))) {
            if is_due {
                bell.send_modify(|count| *count += 1);
            }
        }
        let waiting = self.each.waiting();
        let all = waiting.values().filter(|_| wakes.each_of_all);
        for bell in wakes.each.iter().filter_map(|id| waiting.get(id)).chain(all) {
            bell.send_modify(|()| {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bells_of_one_job_wake_those_who_wait_for_it_and_leave_nothing() {
        let (bells, watch) = Bells::new();
        let job = |n: u32| format!("00000000-0000-7000-8000-{n:012}").parse::<JobId>().unwrap();
        let (one, other) = (job(1), job(2));
        let (mut first, mut second, mut third) = (watch.job(one), watch.job(one), watch.job(other));
        let mut wakes = Wakes::default();
        wakes.job(one);
        bells.ring(&wakes);
        first.changed().await;
        second.changed().await;
        let is_quiet = tokio::time::timeout(std::time::Duration::from_millis(20), third.changed()).await.is_err();
        assert!(is_quiet, "the other job's bell did not ring");
        drop((first, third));
        assert_eq!(watch.each.waiting().len(), 1);
        drop(second);
        assert!(watch.each.waiting().is_empty());
    }

    #[test]
    fn bells_of_a_place_ring_for_it_and_for_everywhere_and_for_no_other_place() {
        let (bells, watch) = Bells::new();
        let (drive, records, all) = (watch.place("drive"), watch.place("records"), watch.outbox.clone());
        let heard = || (*drive.borrow(), *records.borrow(), *all.borrow());
        let mut wakes = Wakes::default();
        wakes.place("drive");
        wakes.place("drive");
        wakes.place("somewhere else");
        bells.ring(&wakes);
        assert_eq!(heard(), (1, 0, 1));
        let mut more = Wakes::default();
        more.everywhere();
        wakes.add(more);
        bells.ring(&wakes);
        assert_eq!(heard(), (2, 1, 2));
        bells.ring(&Wakes { events: true, queued: true, ..Wakes::default() });
        assert_eq!((heard(), *watch.jobs.borrow(), *watch.queued.borrow()), ((2, 1, 2), 0, 1));
    }
}
