//! What an engine is put together from; the app's `wire.rs` makes it.

use crate::blobs::Blobs;
use crate::costs::Budgets;
use crate::estimate::Known;
use crate::home::Home;
use crate::keep::KeepRules;
use crate::lanes::Lanes;
use crate::pins::Pins;
use crate::schedules::Schedule;
use crate::webhooks::Webhooks;
use rushes_core::Fault;
use rushes_core::catalog::Catalog;
use rushes_core::clock::Clock;
use rushes_core::compress::Compress;
use rushes_core::delivery::{CatalogRoute, Routes};
use rushes_core::destination::Destination;
use rushes_core::inspect::Inspect;
use rushes_core::queue::TaskQueue;
use rushes_core::store::Store;
use rushes_store::Watch;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One configured place: its name, what it is, and how much goes there at once.
pub struct Site<T: ?Sized> {
    /// As configured.
    pub name: String,
    /// Goes before each path; empty or ending in `/`. Catalogs have none.
    pub prefix: String,
    /// The adapter.
    pub port: Arc<T>,
    /// Uploads or writes in flight at most, one or more; of two and more, each may be three objects of up to 1 MiB.
    pub in_flight: usize,
    /// The first backoff; it doubles with each failure.
    pub first_backoff: Duration,
    /// Who may open what is there. Catalogs have none.
    pub access: Access,
}

impl Site<dyn Catalog> {
    /// As the store needs to know it.
    #[must_use]
    pub fn route(&self) -> CatalogRoute {
        CatalogRoute { name: self.name.clone(), collections: self.port.collections() }
    }

    /// Whether documents of this collection go there.
    pub(crate) fn takes(&self, collection: &str) -> bool {
        self.port.collections().is_none_or(|collections| collections.contains(&collection))
    }
}

/// Who may open what is at a destination, by the address its records carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Those with an account; records carry no address for others.
    #[default]
    Private,
    /// Everybody.
    Public,
    /// Whoever has an address that runs out after this long; it is renewed in time.
    Signed(Duration),
}

// Derived, it would ask the port itself to be `Clone`.
impl<T: ?Sized> Clone for Site<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            prefix: self.prefix.clone(),
            port: self.port.clone(),
            in_flight: self.in_flight,
            first_backoff: self.first_backoff,
            access: self.access,
        }
    }
}

/// Who sees to it that jobs are driven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Driver {
    /// The engine looks for work by itself.
    #[default]
    Own,
    /// Somebody outside asks for each job: [`crate::Desk::drive`]. The engine claims none by itself.
    Asked,
}

/// The bounds of jobs; none by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobRules {
    /// Who sees to it that they are driven.
    pub driver: Driver,
    /// Driven at once of those that wait for their turn; what they consist of comes on top. A queue that asks for
    /// each job heeds it over all engines, or not at all.
    pub at_once: Option<usize>,
    /// The longest a topmost one may run, from when an engine first took it up.
    pub longest: Option<Duration>,
    /// What one character of a production takes, as long as none was made here.
    pub first_guess: Option<Duration>,
}

/// Everything an engine works with.
#[derive(Clone)]
pub struct Parts {
    /// The folder.
    pub home: Home,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Bytes put aside for other nodes that no row tells of, each with when they were seen first.
    pub strays: Arc<Mutex<HashMap<String, i64>>>,
    /// Files lent to services that belong to no work that is known, each with when they were seen first.
    pub lent: Arc<Mutex<HashMap<String, i64>>>,
    /// The name of this node, where others work on the same rows, each with files of its own; None where it is alone.
    pub node: Option<String>,
    /// Its bells.
    pub watch: Watch,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// Looks at files before they become assets.
    pub inspect: Arc<dyn Inspect>,
    /// Makes what destinations ask for in place of large files.
    pub compress: Arc<dyn Compress>,
    /// Which assets go where.
    pub routes: Routes,
    /// Where objects go, the primary one first.
    pub destinations: Vec<Site<dyn Destination>>,
    /// Where records go.
    pub catalogs: Vec<Site<dyn Catalog>>,
    /// How much runs at once.
    pub lanes: Lanes,
    /// Seconds between the safety scans of the outbox.
    pub scan_every: Duration,
    /// How ends of jobs are told.
    pub webhooks: Webhooks,
    /// How much is kept here.
    pub keep: KeepRules,
    /// What may be spent at providers.
    pub budgets: Budgets,
    /// How many jobs, and how long each.
    pub jobs: JobRules,
    /// What asks for the jobs of [`Driver::Asked`], where that is a queue of tasks.
    pub tasks: Option<Arc<dyn TaskQueue>>,
    /// What is started by the clock, where somebody serves.
    pub schedules: Arc<[Schedule]>,
    /// What earlier jobs took.
    pub known: Arc<Known>,
    /// Held by the one sweep there is at a time.
    pub sweeping: Arc<tokio::sync::Mutex<()>>,
    /// What is worked from or registered just now, and is not removed; and what is just being removed.
    pub pins: Arc<Pins>,
}

impl Parts {
    /// Notes that bytes are here and were used just now. Among nodes the file itself says so, for this node alone.
    pub(crate) async fn used(&self, sha256: &str) -> Result<(), Fault> {
        if self.node.is_none() {
            return self.store.set_present(sha256, true).await;
        }
        let path = self.blobs().path(sha256);
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let now = rustix::fs::Timespec { tv_sec: now_s, tv_nsec: 0 };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        // Read-only for everybody, it is still its owner's to touch; what cannot be is used up sooner.
        let _ = rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty());
        Ok(())
    }

    /// The blob store of this home.
    #[must_use]
    pub fn blobs(&self) -> Blobs {
        Blobs::at(self.home.blobs())
    }
}
