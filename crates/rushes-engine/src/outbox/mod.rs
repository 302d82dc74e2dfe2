//! The sender: pays what the outbox says is owed, one task a destination or catalog, until each is proven.
//!
//! A commit rings its bell, and only then, or where a look was not enough, does it look again; a scan every few seconds
//! finds what a crash or a clock left. Work never waits here: uploads have tasks of their own.

mod load;
mod md5s;
mod pace;
mod pay;
mod rendition;

use crate::halt::Halt;
use crate::parts::{Parts, Site};
use futures_util::FutureExt;
use load::{Item, Load, Most, Waiting};
use md5s::Md5s;
use pace::Pace;
use pay::{Pauses, Payer, ToCatalog, ToDestination};
use rushes_core::delivery::{Due, Leased, Wanted, Work};
use rushes_core::faults::{self, Place};
use rushes_core::log_lines::{SPANS, UPLOAD_COMPLETED, UPLOAD_WORKER_STARTED};
use rushes_core::{Cancel, Code, Fault};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch::{Receiver, error::RecvError};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time;
use tracing::Instrument;

/// The longest wait between two tries of one row. Sparing a place that is down is the business of the pace.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A sender looks at least this often, so that leases it holds never run out.
const RENEW_EVERY_MS: i64 = 5_000;
const RENEW_EVERY: Duration = Duration::from_millis(RENEW_EVERY_MS.unsigned_abs());
/// How long after a look a bell makes a place look again that takes what there is together; sooner where no other bell has
/// rung for this long: nothing more is coming.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const QUIET: Duration = Duration::from_millis(6);

/// Starts one sender for each destination and catalog. They end when `stop` is cancelled, and hand back what they
/// had not proven.
pub(crate) fn start(parts: &Parts, stop: &Cancel, halt: &Halt) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    let md5s = Arc::new(Md5s::default());
    if parts.routes.hold {
        tracing::warn!("deliveries are held: nothing is sent until `delivery.hold` is lifted");
        return senders;
    }
    for site in &parts.destinations {
        let route = parts.routes.destinations.iter().find(|route| route.name == site.name).cloned().unwrap_or_default();
        let payer = ToDestination { port: site.port.clone(), parts: parts.clone(), access: site.access, route, md5s: md5s.clone() };
        senders.spawn(halt.guard("send objects", Sender::new(parts, site, payer).run(stop.clone())));
    }
    for site in &parts.catalogs {
        let payer = ToCatalog { port: site.port.clone(), store: parts.store.clone(), pauses: Pauses::default() };
        senders.spawn(halt.guard("send records", Sender::new(parts, site, payer).run(stop.clone())));
    }
    senders
}

/// What one task is about.
struct Carried {
    lease: i64,
    item: Item,
    is_folders: bool,
}

/// Pays what is owed to one place.
struct Sender<P> {
    name: String,
    parts: Parts,
    payer: Arc<P>,
    places: usize,
    first_backoff: Duration,
    pace: Pace,
    load: Load,
    /// Leased, and waiting for a place.
    small: VecDeque<Due>,
    large: VecDeque<Due>,
    folders: VecDeque<Due>,
    under_way: JoinSet<Option<Fault>>,
    carried: HashMap<Id, Carried>,
    /// By the clock that leases run out by.
    renewed_ms: i64,
    /// Whether a look may find something, small or large; and from when on it will.
    more_small: bool,
    more_large: bool,
    more_folders: bool,
    next_ms: Option<i64>,
}

impl<P: Payer> Sender<P> {
    fn new<T: ?Sized>(parts: &Parts, site: &Site<T>, payer: P) -> Self {
        Self {
            name: site.name.clone(),
            parts: parts.clone(),
            payer: Arc::new(payer),
            places: site.in_flight,
            first_backoff: site.first_backoff,
            pace: Pace::new(site.in_flight, site.first_backoff),
            load: Load::default(),
            small: VecDeque::new(),
            large: VecDeque::new(),
            folders: VecDeque::new(),
            under_way: JoinSet::new(),
            carried: HashMap::new(),
            renewed_ms: parts.clock.now_ms(),
            more_small: true,
            more_large: true,
            more_folders: true,
            next_ms: None,
        }
    }

    async fn run(mut self, stop: Cancel) {
        tracing::info!(destination = self.name, "{}", UPLOAD_WORKER_STARTED.text);
        let mut bell = self.parts.watch.place(&self.name);
        let mut heard = 0;
        while !stop.is_cancelled() {
            let rings = *bell.borrow_and_update();
            if std::mem::replace(&mut heard, rings) != rings {
                self.expect_more();
            }
            let wait = self.look().await;
            let not_before = time::Instant::now() + if P::LEASES_AHEAD { Duration::ZERO } else { LOOK_AGAIN };
            self.start_what_fits();
            if wait.is_zero() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                changed = rung(&mut bell, not_before) => if changed.is_err() { break },
                Some(ended) = self.under_way.join_next_with_id(), if !self.under_way.is_empty() => {
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        self.ended(ended);
                        next = self.under_way.try_join_next_with_id();
                    }
                }
                () = time::sleep(wait) => self.expect_more(),
            }
        }
        self.under_way.shutdown().await;
    }

    /// The next look is worth its while.
    fn expect_more(&mut self) {
        (self.more_small, self.more_large, self.more_folders) = (true, true, true);
    }

    /// Leases what there is room for, and renews the leases held; gives how long to wait for something to happen.
    async fn look(&mut self) -> Duration {
        let idle = self.parts.scan_every.min(RENEW_EVERY);
        let rest = self.pace.rests(Instant::now());
        let now_ms = self.parts.clock.now_ms();
        let is_renewal = now_ms - self.renewed_ms >= RENEW_EVERY_MS;
        if is_renewal || self.next_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.next_ms = None;
            self.expect_more();
        }
        let (small, large, folders) = if rest.is_some() { (0, 0, 0) } else { self.room() };
        let (small, large) = (if self.more_small { small } else { 0 }, if self.more_large { large } else { 0 });
        let folders = if self.more_folders { folders } else { 0 };
        if small + large + folders == 0 && !is_renewal {
            return rest.unwrap_or_else(|| self.until_next()).min(idle);
        }
        let held = is_renewal.then(|| {
            self.renewed_ms = now_ms;
            let waiting = self.folders.iter().chain(&self.small).chain(&self.large).map(|due| due.lease);
            waiting.chain(self.carried.values().map(|carried| carried.lease)).collect()
        });
        let count = |room: usize| u32::try_from(room).unwrap_or(1);
        let at_once = small + large + folders > 0 && self.pace.hurries();
        let is_batch = self.payer.folders_at_once() > 1;
        let wanted = Wanted { small: count(small), large: count(large), folders: count(folders), is_batch, held, at_once };
        match self.parts.store.due(&self.name, wanted).await {
            Ok(Leased { rows, more_small, more_large, more_folders, next_ms }) => {
                for due in rows {
                    let is_folders = matches!(due.work, Work::EnsureFolders { .. });
                    let queue = if is_folders { &mut self.folders } else { &mut self.small };
                    if Item::of(&due).is_large { self.large.push_back(due) } else { queue.push_back(due) }
                }
                self.next_ms = next_ms.or(self.next_ms);
                // What was not looked for may still be there.
                (self.more_small, self.more_large) = (more_small && self.more_small, more_large && self.more_large);
                self.more_folders = if folders > 0 { more_folders } else { self.more_folders };
                let is_full = small > 0 && more_small || large > 0 && more_large || folders > 0 && more_folders;
                if is_full { Duration::ZERO } else { rest.unwrap_or_else(|| self.until_next()).min(idle) }
            }
            Err(fault) => {
                tracing::error!(destination = self.name, %fault, "outbox could not be read");
                self.parts.scan_every
            }
        }
    }

    /// In the order of leasing: nothing that weighs little passes by what is waiting for its turn.
    fn start_what_fits(&mut self) {
        if self.pace.rests(Instant::now()).is_some() {
            return;
        }
        // A small one first: what is sent to see whether a place is up again should not take long.
        let most = self.pace.carries();
        // Folders wait behind nothing: they are little, and what lies in them waits for them.
        while let Some(due) = self.folders.pop_front_if(|due| most != Most::One || self.load.takes(Item::of(due), 0, most)) {
            self.start(due);
        }
        if most == Most::One {
            self.start_small(most);
        }
        while self.large.front().is_some_and(|due| self.load.takes(Item::of(due), self.large.len(), most))
            && let Some(due) = self.large.pop_front()
        {
            self.start(due);
        }
        self.start_small(most);
    }

    fn start_small(&mut self, most: Most) {
        let waiting = self.large.len();
        while let Some(due) = self.small.pop_front_if(|due| self.load.takes(Item::of(due), waiting, most)) {
            self.start(due);
        }
    }

    fn start(&mut self, due: Due) {
        let is_folders = matches!(due.work, Work::EnsureFolders { .. });
        let carried = Carried { lease: due.lease, item: Item::of(&due), is_folders };
        self.load.begun(carried.item);
        let span = tracing::info_span!(target: SPANS, "upload", destination = self.name, row = due.row, fault = tracing::field::Empty);
        let pay = pay_one(self.payer.clone(), self.parts.clone(), due, self.name.clone(), self.first_backoff);
        let task = self.under_way.spawn(pay.instrument(span));
        self.carried.insert(task.id(), carried);
    }

    /// One that did not end well is renewed no more; its row is due again when its lease has run out.
    fn ended(&mut self, ended: Result<(Id, Option<Fault>), JoinError>) {
        match ended {
            Ok((id, fault)) => {
                self.forget(id);
                let was_down = self.pace.is_probing();
                self.pace.ended(fault.as_ref(), Instant::now());
                if was_down || self.pace.is_probing() {
                    self.expect_more();
                }
                match (was_down, self.pace.is_probing(), fault) {
                    (false, true, Some(fault)) => {
                        tracing::warn!(destination = self.name, %fault, "it is down; one is sent now and then to see")
                    }
                    (true, false, _) => tracing::info!(destination = self.name, "it is up again"),
                    _ => {}
                }
            }
            Err(error) => self.forget(error.id()),
        }
    }

    fn forget(&mut self, task: Id) {
        if let Some(carried) = self.carried.remove(&task) {
            self.load.ended(carried.item);
        }
    }

    /// How many rows to lease now, small and large, and of folders.
    fn room(&self) -> (usize, usize, usize) {
        let (waiting, most) = (Waiting::of(self.small.iter().chain(&self.folders), self.large.len()), self.pace.carries());
        let (small, large) = self.load.room(waiting, most, self.places, P::LEASES_AHEAD);
        let folders = match self.payer.folders_at_once() as usize {
            0 => 0,
            _ if most == Most::One => small,
            1 => self.places.saturating_sub(self.carried.values().filter(|carried| carried.is_folders).count() + self.folders.len()),
            batch => batch,
        };
        (small, large, folders)
    }

    /// Until the next row is due by its backoff. One that is due and yet not leased waits for another; its bell will ring.
    fn until_next(&self) -> Duration {
        let wait_ms = self.next_ms.map_or(i64::MAX, |at_ms| at_ms - self.parts.clock.now_ms());
        Duration::from_millis(wait_ms.max(1).unsigned_abs())
    }
}

/// Waits for the bell, and then until this moment or until it is quiet.
async fn rung(bell: &mut Receiver<u64>, not_before: time::Instant) -> Result<(), RecvError> {
    bell.changed().await?;
    while time::Instant::now() < not_before {
        let until = not_before.min(time::Instant::now() + QUIET);
        match time::timeout_at(until, bell.changed()).await {
            Ok(changed) => changed?,
            Err(_) => break,
        }
    }
    Ok(())
}

/// Pays one row, or puts it off and says why.
async fn pay_one<P: Payer>(payer: Arc<P>, parts: Parts, due: Due, destination: String, first_backoff: Duration) -> Option<Fault> {
    let pay = async {
        faults::pass(Place::Leased)?;
        payer.pay(&due).await
    };
    let paid = std::panic::AssertUnwindSafe(pay).catch_unwind().await;
    let panicked = |_| Err(Fault::new(Code::Panicked, "pay outbox row").with("row", due.row));
    let Err(fault) = paid.unwrap_or_else(panicked) else {
        if let Work::PutObject { asset, key, .. } = &due.work {
            tracing::info!(id = %asset.id, file = key, destination, "{}", UPLOAD_COMPLETED.say(&[&asset.id, key]));
        }
        return None;
    };
    tracing::Span::current().record("fault", fault.code.name());
    faults::pass_quietly(Place::PutOff);
    if fault.is_transient() && due.attempts + 1 == parts.routes.alarm_after {
        let after = parts.routes.alarm_after;
        tracing::error!(destination, row = due.row, %fault, attempts = after, "a delivery keeps failing; it is still tried");
    }
    let again = fault.is_transient().then(|| backoff(&due, &fault, first_backoff, parts.clock.new_id().as_u128()));
    if let Err(error) = parts.store.failed(&due, &fault, again.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))).await {
        // The row stays leased until the lease runs out; then it is sent again.
        tracing::error!(%fault, %error, "a failed delivery could not be written down");
    }
    Some(fault)
}

/// Doubles from `first` with up to a quarter of jitter; what the other side asked for counts as the least.
fn backoff(due: &Due, fault: &Fault, first: Duration, random: u128) -> Duration {
    let doubled = first.saturating_mul(1 << due.attempts.min(16)).min(BACKOFF_MAX);
    let jitter = doubled.mul_f64(f64::from(u32::try_from(random & 0xffff).unwrap_or(0)) / 65_536.0 / 4.0);
    (doubled + jitter).max(Duration::from_millis(fault.retry_after_ms.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(attempts: u32) -> Due {
        let work = Work::PutRecord { collection: "characters".into(), id: "mira_1".into(), is_last: false };
        Due { row: 1, destination: "records".into(), root: None, lease: 1, attempts, session: None, work }
    }

    #[test]
    fn outbox_backoff_doubles_is_bounded_and_obeys_the_other_side() {
        let (first, down) = (Duration::from_secs(1), Fault::new(Code::DestinationDown, "put object"));
        for (attempts, least_s) in [(0, 1), (1, 2), (3, 8), (4, 16), (5, 30), (4_000, 30)] {
            let least = Duration::from_secs(least_s);
            assert_eq!(backoff(&tried(attempts), &down, first, 0), least, "{attempts} attempts without jitter");
            let most = backoff(&tried(attempts), &down, first, u128::MAX);
            assert!(most > least && most <= least.mul_f64(1.25), "{attempts} attempts with all jitter: {most:?}");
        }
        let asked = down.retry_after(Duration::from_secs(90));
        assert_eq!(backoff(&tried(0), &asked, first, 0), Duration::from_secs(90));
    }

    #[tokio::test]
    async fn outbox_waits_no_longer_for_others_when_a_bell_has_rung_alone() {
        let (ringer, mut bell) = tokio::sync::watch::channel(0);
        ringer.send_replace(1);
        let not_before = time::Instant::now() + Duration::from_secs(60);
        time::timeout(Duration::from_secs(20), rung(&mut bell, not_before)).await.expect("no other bell rings").unwrap();
        drop(ringer);
        assert!(rung(&mut bell, not_before).await.is_err(), "nobody is left who could ring");
    }
}
