//! The sender: pays what the outbox says is owed, one task a destination or catalog, until each is proven.
//!
//! A commit rings its bell; a scan every few seconds finds what a crash or a clock left. Work never waits here:
//! uploads have tasks of their own.

mod pay;

use crate::breaker::Breaker;
use crate::parts::{Parts, Site};
use futures_util::FutureExt;
use pay::{Pauses, Payer, ToCatalog, ToDestination};
use rushes_core::delivery::{Due, Leased, Wanted, Work};
use rushes_core::faults::{self, Place};
use rushes_core::{Cancel, Code, Fault};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The longest wait between two tries of a transient failure.
const BACKOFF_MAX: Duration = Duration::from_mins(5);

/// A sender looks at least this often, so that leases it holds never run out.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long after something was leased the next look comes, when no bell rings.
const LOOK_AFTER_WORK: Duration = Duration::from_millis(50);
/// Objects up to this are light: they cost a place more waiting than bandwidth.
const LIGHT_BYTES: u64 = 1024 * 1024;
/// What anything but a light object weighs; a sender carries this for each of its places.
const HEAVY: usize = 3;

fn weight(due: &Due) -> usize {
    match &due.work {
        Work::PutObject { asset, .. } if asset.blob.size_bytes <= LIGHT_BYTES => 1,
        _ => HEAVY,
    }
}

/// A share of what a sender carries, given back when it is dropped.
struct Share {
    carried: Arc<AtomicUsize>,
    weight: usize,
}

impl Share {
    fn of(carried: &Arc<AtomicUsize>, weight: usize) -> Self {
        carried.fetch_add(weight, Ordering::SeqCst);
        Self { carried: carried.clone(), weight }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.carried.fetch_sub(self.weight, Ordering::SeqCst);
    }
}

/// Starts one sender for each destination and catalog. They end when `stop` is cancelled, and hand back what they
/// had not proven.
pub(crate) fn start(parts: &Parts, stop: &Cancel, breaker: &Breaker) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for site in &parts.destinations {
        let payer = ToDestination { port: site.port.clone(), parts: parts.clone() };
        senders.spawn(breaker.guard("send objects", Sender::new(parts, site, payer).run(stop.clone())));
    }
    for site in &parts.catalogs {
        let payer = ToCatalog { port: site.port.clone(), store: parts.store.clone(), pauses: Pauses::default() };
        senders.spawn(breaker.guard("send records", Sender::new(parts, site, payer).run(stop.clone())));
    }
    senders
}

struct Sender<P> {
    name: String,
    parts: Parts,
    payer: Arc<P>,
    in_flight: usize,
    first_backoff: Duration,
}

impl<P: Payer> Sender<P> {
    fn new<T: ?Sized>(parts: &Parts, site: &Site<T>, payer: P) -> Self {
        Self {
            name: site.name.clone(),
            parts: parts.clone(),
            payer: Arc::new(payer),
            in_flight: site.in_flight.max(1),
            first_backoff: site.first_backoff,
        }
    }

    async fn run(self, stop: Cancel) {
        let mut bell = self.parts.watch.outbox.clone();
        let mut under_way: JoinSet<i64> = JoinSet::new();
        let carried = Arc::new(AtomicUsize::new(0));
        let mut leased: VecDeque<Due> = VecDeque::new();
        // The leases of what waits here and of what is under way.
        let mut held: BTreeSet<i64> = BTreeSet::new();
        let mut renewed = Instant::now();
        while !stop.is_cancelled() {
            bell.mark_unchanged();
            let room = self.room(&leased, carried.load(Ordering::SeqCst));
            let due = if room == 0 && renewed.elapsed() < RENEW_EVERY {
                Ok(Leased::default())
            } else {
                renewed = Instant::now();
                let wanted = Wanted { limit: u32::try_from(room).unwrap_or(1), held: held.iter().copied().collect(), at_once: false };
                self.parts.store.due(&self.name, wanted).await
            };
            let wait = match due {
                Ok(Leased { rows, next_ms }) => {
                    let count = rows.len();
                    held.extend(rows.iter().map(|due| due.lease));
                    leased.extend(rows);
                    match count {
                        _ if room == 0 => self.parts.scan_every.min(RENEW_EVERY),
                        0 => self.until(next_ms),
                        _ if count == room => Duration::ZERO,
                        // Others will come soon; a look at the clock of all that is put off can wait a little.
                        _ => LOOK_AFTER_WORK.min(self.parts.scan_every),
                    }
                }
                Err(fault) => {
                    tracing::error!(destination = self.name, %fault, "outbox could not be read");
                    self.parts.scan_every
                }
            };
            // In the order of leasing: nothing that weighs little passes by what is waiting for its turn.
            while let Some(due) = leased.pop_front_if(|due| carried.load(Ordering::SeqCst) + weight(due) <= HEAVY * self.in_flight) {
                let share = Share::of(&carried, weight(&due));
                let paying = pay_one(self.payer.clone(), self.parts.clone(), due, self.first_backoff);
                under_way.spawn(async move {
                    let _share = share;
                    paying.await
                });
            }
            if wait.is_zero() {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                changed = bell.changed() => if changed.is_err() { break },
                Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                    let mut next = Some(ended);
                    while let Some(ended) = next {
                        // One that did not end well is renewed no more; its row is due again when its lease has run out.
                        match ended {
                            Ok(lease) => drop(held.remove(&lease)),
                            Err(_) => held = leased.iter().map(|due| due.lease).collect(),
                        }
                        next = under_way.try_join_next();
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        under_way.shutdown().await;
    }

    /// How many rows to lease now, at most as many as there are places. Light ones are leased ahead, so that no sending
    /// waits for a transaction, and several together, when half of those have gone.
    fn room(&self, leased: &VecDeque<Due>, carried: usize) -> usize {
        let waiting: usize = leased.iter().map(weight).sum();
        let free = (HEAVY * self.in_flight).saturating_sub(carried + waiting);
        // A heavy one could wait longer than its lease; a document leased early would be told of too early.
        if !P::LEASES_AHEAD || waiting > leased.len() {
            return free / HEAVY;
        }
        if leased.len() > self.in_flight / 2 { 0 } else { (free + self.in_flight - leased.len()).min(self.in_flight) }
    }

    /// Until the next row is due by its backoff, at most until the next scan.
    fn until(&self, next_ms: Option<i64>) -> Duration {
        let wait_ms = next_ms.map_or(i64::MAX, |at_ms| at_ms - self.parts.clock.now_ms());
        // A row that is due and yet not leased waits for another; its bell will ring.
        if wait_ms <= 0 {
            self.parts.scan_every.min(RENEW_EVERY)
        } else {
            Duration::from_millis(wait_ms.unsigned_abs()).min(self.parts.scan_every).min(RENEW_EVERY)
        }
    }
}

/// Pays one row, or puts it off; gives its lease back.
async fn pay_one<P: Payer>(payer: Arc<P>, parts: Parts, due: Due, first_backoff: Duration) -> i64 {
    let pay = async {
        faults::pass(Place::Leased)?;
        payer.pay(&due).await
    };
    let paid = std::panic::AssertUnwindSafe(pay).catch_unwind().await;
    let panicked = |_| Err(Fault::new(Code::Panicked, "pay outbox row").with("row", due.row));
    let Err(fault) = paid.unwrap_or_else(panicked) else { return due.lease };
    faults::pass_quietly(Place::PutOff);
    let again = fault.is_transient().then(|| backoff(&due, &fault, first_backoff, parts.clock.new_id().as_u128()));
    if let Err(error) = parts.store.failed(&due, &fault, again.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))).await {
        // The row stays leased until the lease runs out; then it is sent again.
        tracing::error!(%fault, %error, "a failed delivery could not be written down");
    }
    due.lease
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
        Due { row: 1, lease: 1, attempts, session: None, work: Work::PutRecord { collection: "characters".into(), id: "mira_1".into() } }
    }

    #[test]
    fn outbox_backoff_doubles_is_bounded_and_obeys_the_other_side() {
        let (first, down) = (Duration::from_secs(1), Fault::new(Code::DestinationDown, "put object"));
        for (attempts, least_s) in [(0, 1), (1, 2), (3, 8), (8, 256), (9, 300), (4_000, 300)] {
            let least = Duration::from_secs(least_s);
            assert_eq!(backoff(&tried(attempts), &down, first, 0), least, "{attempts} attempts without jitter");
            let most = backoff(&tried(attempts), &down, first, u128::MAX);
            assert!(most > least && most <= least.mul_f64(1.25), "{attempts} attempts with all jitter: {most:?}");
        }
        let asked = down.retry_after(Duration::from_secs(90));
        assert_eq!(backoff(&tried(0), &asked, first, 0), Duration::from_secs(90));
    }
}
