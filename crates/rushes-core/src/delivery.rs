//! Deliveries and the outbox: what is owed to whom, and how far it has got.

use crate::asset::{Asset, Blob};
use crate::destination::Proof;
use crate::fault::Fault;
use crate::formats::Format;
use crate::ids::{AssetId, JobId};
use crate::kinds::Kind;
use crate::subject::SubjectType;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Read back and found equal.
    Proven,
    /// Under way.
    Sending,
    /// Waiting its turn.
    Owed,
    /// Kept back by configuration; never written, see [`Routes::shown`].
    Held,
    /// The destination will not take it.
    Refused,
}

impl DeliveryState {
    /// All of them, the worse the later.
    pub const ALL: [Self; 5] = [Self::Proven, Self::Sending, Self::Owed, Self::Held, Self::Refused];

    /// As written in JSON and the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Sending => "sending",
            Self::Owed => "owed",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One asset at one destination.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Which asset.
    pub asset: AssetId,
    /// Which destination.
    pub destination: String,
    /// Under which key.
    pub key: String,
    /// How far it is.
    pub state: DeliveryState,
    /// Its address there, once proven; none any more when it is about to be removed.
    pub uri: Option<String>,
    /// The address that others can open, where the destination gives any.
    pub link: Option<Link>,
    /// What was read back, once proven.
    pub proof: Option<Proof>,
    /// What the destination holds in place of the asset's own bytes, once proven; None: those very bytes.
    pub rendition: Option<Blob>,
    /// When it was proven.
    pub proven_ms: Option<i64>,
    /// Why the last try failed.
    pub last_fault: Option<Fault>,
}

impl Delivery {
    /// What the destination holds of its asset: the bytes themselves, or the rendition it asked for.
    #[must_use]
    pub fn held<'a>(&'a self, asset: &'a Asset) -> &'a Blob {
        self.rendition.as_ref().unwrap_or(&asset.blob)
    }

    /// Whether the asset's own bytes were proven there.
    #[must_use]
    pub fn has_original(&self) -> bool {
        self.state == DeliveryState::Proven && self.rendition.is_none()
    }
}

/// An address that people and programs without an account of ours can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The address.
    pub url: String,
    /// Until when it opens, milliseconds since 1970; None: as long as the object is there.
    pub until_ms: Option<i64>,
}

/// An object as it was just proven.
#[derive(Debug, Clone)]
pub struct Held {
    /// What was read back.
    pub proof: Proof,
    /// Its address.
    pub uri: String,
    /// The address for others.
    pub link: Option<Link>,
    /// What was read back, where that is not the asset's own bytes.
    pub rendition: Option<Blob>,
}

/// An upload in parts that nobody will finish.
#[derive(Debug, Clone)]
pub struct LeftUpload {
    /// The row that asked for it.
    pub row: i64,
    /// Where.
    pub destination: String,
    /// Under which key.
    pub key: String,
    /// How far it came, in the adapter's own words.
    pub session: String,
}

/// A row of the outbox that is due, leased to a sender.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row.
    pub row: i64,
    /// The destination or catalog it is owed to.
    pub destination: String,
    /// The family of jobs that made its asset; None where it is of no asset.
    pub root: Option<JobId>,
    /// Proves that the lease is still ours.
    pub lease: i64,
    /// How often it was tried before.
    pub attempts: u32,
    /// How far an upload in parts has come, in the adapter's own words.
    pub session: Option<String>,
    /// What to do.
    pub work: Work,
}

/// Objects of more bytes than this are large: they have places of their own, so that others never wait behind them.
pub const SMALL_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// What a destination holds already is copied there, where it has more bytes than this: of less, a look at what is there
/// takes as long as sending it.
pub const COPIED_ABOVE_BYTES: u64 = 64 * 1024;

/// What a sender asks the outbox for. Folders are made before anything else is done.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// At most this many rows of up to 8 MiB, records and removals among them, but no folders to be made.
    pub small: u32,
    /// At most this many larger ones.
    pub large: u32,
    /// At most this many folders to be made.
    pub folders: u32,
    /// Those folders are leased together, and made in one go.
    pub is_batch: bool,
    /// The leases to renew; all others of this place that ran out are void then. None: not this time.
    pub held: Option<Vec<i64>>,
    /// What waits for its time need not wait any longer.
    pub at_once: bool,
}

/// What a look at the outbox gave.
#[derive(Debug, Clone, Default)]
pub struct Leased {
    /// What to pay now.
    pub rows: Vec<Due>,
    /// Whether as many small ones were found as were wanted: there may be more.
    pub more_small: bool,
    /// The same of large ones.
    pub more_large: bool,
    /// The same of folders to be made.
    pub more_folders: bool,
    /// Where not all that was wanted was found: when the next row that waits for its time is due, milliseconds since 1970.
    pub next_ms: Option<i64>,
}

/// What a due row asks its sender to do.
#[derive(Debug, Clone)]
pub enum Work {
    /// Put these bytes under this key; `replaces` is what we last proved there.
    PutObject {
        /// What to send.
        asset: Arc<Asset>,
        /// Where.
        key: String,
        /// The proof of the version before, when there is one.
        replaces: Option<Proof>,
        /// Whether the destination had these bytes under another key when the row was leased, and they are worth copying.
        is_elsewhere: bool,
    },
    /// Write this document whole; the rows it settles are those of the key up to now.
    PutRecord {
        /// The collection: `characters`, `pipeline_jobs`, …
        collection: String,
        /// The document.
        id: String,
        /// Whether a job waits for this that has run its course and whose objects have arrived: nothing more comes from it.
        is_last: bool,
    },
    /// Remove what is under this key; its asset has expired.
    DeleteObject {
        /// Where.
        key: String,
    },
    /// Make these folders exist.
    EnsureFolders {
        /// Where, without a separator at the end.
        keys: Vec<String>,
    },
    /// Remove this folder, if nothing lies in it any more.
    RemoveFolder {
        /// Where, without a separator at the end.
        key: String,
    },
    /// Remove this document; its asset has expired.
    DeleteRecord {
        /// The collection.
        collection: String,
        /// The document.
        id: String,
    },
}

/// Where new assets and records are owed, as configured.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    /// Every destination, the primary one first.
    pub destinations: Vec<Route>,
    /// Every catalog.
    pub catalogs: Vec<CatalogRoute>,
    /// Nothing is sent: what is owed waits until this is lifted.
    pub hold: bool,
    /// What failed so often is an alarm, though it is tried further; 0 = never.
    pub alarm_after: u32,
    /// Where the ends of the workspace's jobs are told, if anywhere.
    pub callback_url: Option<String>,
    /// The destination that holds the former buckets, if any: what is there and of no asset is nobody's mistake.
    pub former: Option<String>,
}

/// One catalog as the store needs to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CatalogRoute {
    /// Its name in the configuration.
    pub name: String,
    /// Only documents of these collections go there; None: all.
    pub collections: Option<&'static [&'static str]>,
}

impl CatalogRoute {
    /// Whether documents of this collection go there.
    #[must_use]
    pub fn takes(&self, collection: &str) -> bool {
        self.collections.is_none_or(|collections| collections.contains(&collection))
    }
}

impl From<&str> for CatalogRoute {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), collections: None }
    }
}

/// How a destination wants its pictures: as JPEG of this quality, scaled down to this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Pictures {
    /// Of the longest side; smaller pictures keep their size.
    pub max_px: u32,
    /// Of 100.
    pub quality: u8,
}

/// One destination as the store needs to know it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Route {
    /// Its name in the configuration.
    pub name: String,
    /// Goes before each path; empty or ending in `/`.
    pub prefix: String,
    /// Only these kinds go there; None: all.
    pub kinds: Option<Vec<Kind>>,
    /// Only what belongs to subjects of these types goes there; None: everything.
    pub subjects: Option<Vec<SubjectType>>,
    /// Pictures go there as renditions; None: as they are.
    pub pictures: Option<Pictures>,
}

impl Route {
    /// Whether an asset of this kind, belonging to such a subject (None: to something that is none), goes there.
    #[must_use]
    pub fn takes(&self, kind: Kind, owner: Option<SubjectType>) -> bool {
        !kind.stays_here()
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
            && self.subjects.as_ref().is_none_or(|types| owner.is_some_and(|owner| types.contains(&owner)))
    }

    /// Whether such an asset goes there as a rendition. Stickers never do: they live by their transparency.
    #[must_use]
    pub fn renders(&self, kind: Kind, mime: &str) -> bool {
        self.pictures.is_some()
            && (matches!(mime, "image/png" | "image/jpeg" | "image/webp") || Format::of_mime(mime).is_some())
            && !matches!(kind, Kind::IconSticker | Kind::NameSticker)
    }

    /// Where such an asset goes. A rendition's key ends in `.jpg`; where the path ends otherwise that is added, not put in
    /// its place, so that `a.png` and `a.jpg`, which are two assets, stay two objects.
    #[must_use]
    pub fn key(&self, path: &str, kind: Kind, mime: &str) -> String {
        let end = if self.renders(kind, mime) && !path.ends_with(".jpg") { ".jpg" } else { "" };
        format!("{}{path}{end}", self.prefix)
    }

    /// Where a folder of the library is.
    #[must_use]
    pub fn folder_key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// [`Route::key`] of an asset.
    #[must_use]
    pub fn key_of(&self, asset: &Asset) -> String {
        self.key(&asset.path, asset.kind, &asset.blob.mime)
    }
}

impl Routes {
    /// A state as people see it: what is owed is held while nothing is sent.
    #[must_use]
    pub fn shown(&self, state: DeliveryState) -> DeliveryState {
        if self.hold && matches!(state, DeliveryState::Owed | DeliveryState::Sending) { DeliveryState::Held } else { state }
    }

    /// The states, as they are written, that people see as this one.
    #[must_use]
    pub fn written(&self, shown: DeliveryState) -> Vec<DeliveryState> {
        let kept = DeliveryState::ALL.into_iter().filter(|state| *state != DeliveryState::Held);
        kept.filter(|state| self.shown(*state) == shown).collect()
    }

    /// Where such an asset goes, its primary destination first.
    pub fn of(&self, kind: Kind, owner: Option<SubjectType>) -> impl Iterator<Item = &Route> {
        self.destinations.iter().filter(move |route| route.takes(kind, owner))
    }

    /// The delivery to the primary destination among those of one asset: the first that is no rendition, since records
    /// tell of originals.
    #[must_use]
    pub fn primary<'a>(&self, deliveries: &'a [Delivery]) -> Option<&'a Delivery> {
        self.destinations
            .iter()
            .find_map(|route| deliveries.iter().find(|delivery| delivery.destination == route.name && delivery.rendition.is_none()))
    }
}

/// What one destination or catalog still owes, and how fast it has been.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Backlog {
    /// Rows not yet proven.
    pub owed: u64,
    /// Rows given up.
    pub refused: u64,
    /// Of those owed: tried so often that somebody should look.
    pub alarms: u64,
    /// Age of the oldest row owed, seconds.
    pub oldest_s: f64,
    /// From commit to proof, milliseconds, over the last 1,000.
    pub p50_ms: u64,
    /// As above.
    pub p95_ms: u64,
    /// As above.
    pub p99_ms: u64,
    /// Proven among what ended last (up to 1,000) and what is refused, 0–1.
    pub success_rate: f64,
}

/// What one job and its children still owe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// Rows not yet proven.
    pub open: u64,
    /// Rows given up.
    pub refused: u64,
    /// Rows proven.
    pub proven: u64,
}

/// Below a destination's prefix: bytes that one node has put there for the others, by their hash, until they are delivered.
pub const STAGED: &str = ".rushes/bytes/";

/// The key under which bytes wait for delivery, where nodes share no disk.
#[must_use]
pub fn staged_key(prefix: &str, sha256: &str) -> String {
    format!("{prefix}{STAGED}{sha256}")
}

/// Below a destination's prefix: files that a service fetches by itself, for the time of one piece of work.
pub const LENT: &str = ".rushes/lent/";

/// Whether a key is one of those that are there for a while and of no asset: [`STAGED`], [`LENT`].
#[must_use]
pub fn is_passing(prefix: &str, key: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(STAGED) || rest.starts_with(LENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_what_is_owed_is_held_while_nothing_is_sent() {
        use DeliveryState::{Owed, Proven, Refused, Sending};
        let of = |hold| DeliveryState::ALL.map(|shown| Routes { hold, ..Routes::default() }.written(shown));
        assert_eq!(of(false), [vec![Proven], vec![Sending], vec![Owed], vec![], vec![Refused]]);
        assert_eq!(of(true), [vec![Proven], vec![], vec![], vec![Sending, Owed], vec![Refused]]);
    }

    #[test]
    fn delivery_keys_of_renditions_end_in_jpg_and_never_meet() {
        let mut route = Route { prefix: "base/".into(), ..Route::default() };
        let keys = |route: &Route| {
            let key = |end: &str, mime: &str| route.key(&format!("a/b.{end}"), Kind::Photo, mime);
            [key("png", "image/png"), key("jpg", "image/jpeg"), key("webp", "image/webp"), key("mp4", "video/mp4")]
        };
        assert_eq!(keys(&route), ["base/a/b.png", "base/a/b.jpg", "base/a/b.webp", "base/a/b.mp4"]);
        route.pictures = Some(Pictures { max_px: 2048, quality: 85 });
        assert_eq!(keys(&route), ["base/a/b.png.jpg", "base/a/b.jpg", "base/a/b.webp.jpg", "base/a/b.mp4"]);
        assert_eq!(route.key("icon.png", Kind::IconSticker, "image/png"), "base/icon.png");
    }
}
