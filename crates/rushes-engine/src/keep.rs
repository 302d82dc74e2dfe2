//! What goes, and when: scratch of jobs that ended, bytes nobody registered, versions that were replaced, kinds that are
//! kept for days only, and local copies beyond the bound. Nothing goes before every destination that must hold it is
//! proven.

mod own_blobs;

use crate::loose;
use crate::parts::Parts;
use crate::view;
use crate::{lent, staging};
use rushes_core::delivery::{Delivery, DeliveryState};
use rushes_core::digest::is_sha256;
use rushes_core::faults::{self, Place};
use rushes_core::kinds::kept_days;
use rushes_core::record::Listed;
use rushes_core::store::AssetFilter;
use rushes_core::subject::SubjectType;
use rushes_core::{Asset, Blob, Cancel, Code, Fault, JobId, JobState, Kind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is young may still be on its way to a row: a file in the blob store or in scratch without one is garbage only
/// after this long.
const GARBAGE_AGE: Duration = Duration::from_hours(1);
/// Between two sweeps of a running engine.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// Between two walks through all blobs, which cost the more the more there are.
const WALK_EVERY: Duration = Duration::from_hours(24);
/// Blobs looked up or removed in one go.
const PAGE: usize = 500;
/// How long facts, and the log of webhooks, are kept for those who went away and come back.
const PAST_KEPT: Duration = Duration::from_hours(30 * 24);
/// Of those, forgotten in one transaction.
const FORGET_AT_ONCE: u32 = 2_000;

/// How much is kept on this machine.
#[derive(Debug, Clone)]
pub struct KeepRules {
    /// Local bytes beyond this may go once they are proven everywhere; None = all stay.
    pub blobs_max_bytes: Option<u64>,
    /// How long the scratch of a failed job stays, for those who want to know why: what the last attempts of its failed
    /// steps had written, and what was handed in for it.
    pub failed_scratch: Duration,
    /// Kinds that are kept for so many days after they were made; all others stay for good.
    pub days: BTreeMap<Kind, u32>,
}

impl KeepRules {
    /// A week, unless told otherwise.
    pub const FAILED_SCRATCH_DAYS: u32 = 7;
}

impl Default for KeepRules {
    fn default() -> Self {
        let failed_scratch = Duration::from_hours(u64::from(Self::FAILED_SCRATCH_DAYS) * 24);
        Self { blobs_max_bytes: None, failed_scratch, days: kept_days() }
    }
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// Scratch folders, and renditions that nobody came to deliver.
    pub scratch: u64,
    /// Blobs no asset has.
    pub garbage: u64,
    /// Blobs of versions that were replaced.
    pub retired: u64,
    /// Assets whose days are over.
    pub expired: u64,
    /// Local copies beyond the bound.
    pub evicted: u64,
    /// Addresses renewed before they ran out.
    pub links: u64,
    /// Uploads in parts removed that nobody would have finished.
    pub uploads: u64,
    /// Bytes put aside for other nodes that nobody waits for any more.
    pub staged: u64,
    /// Files lent to services whose work is over.
    pub lent: u64,
    /// Webhooks whose log is too old.
    pub messages: u64,
    /// Facts older than thirty days.
    pub events: u64,
}

/// Sweeps at the start and every hour until `stop`; and renews links in between, where some end sooner.
pub(crate) async fn run(parts: Parts, stop: Cancel) {
    tokio::join!(sweep_often(&parts, &stop), loose::renew_often(&parts, SWEEP_EVERY, &stop));
}

async fn sweep_often(parts: &Parts, stop: &Cancel) {
    loop {
        match sweep(parts, is_walk_due(parts)).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(fault) => tracing::error!(%fault, "the sweep did not end"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}

/// One sweep. `walk`: also looks through every blob for garbage. Errors: those of the store, `io`.
pub async fn sweep(parts: &Parts, walk: bool) -> Result<Swept, Fault> {
    let _alone = parts.sweeping.lock().await;
    let mut swept =
        Swept { scratch: sweep_scratch(parts).await?, expired: parts.store.expire(&parts.keep.days).await?, ..Swept::default() };
    view::clear(&parts.home.library(), &parts.blobs(), parts.store.as_ref()).await?;
    swept.retired = retired(parts).await?;
    (swept.links, swept.uploads) = (loose::renew_links(parts).await?, loose::remove_uploads(parts).await?);
    swept.messages = forget_old(parts, |before_ms, limit| parts.store.forget_messages(before_ms, limit)).await?;
    swept.events = forget_old(parts, |before_ms, limit| parts.store.forget_events(before_ms, limit)).await?;
    forget_old(parts, |before_ms, limit| parts.store.forget_work(before_ms, limit)).await?;
    swept.staged = staging::sweep(parts).await?;
    swept.lent = lent::sweep(parts).await?;
    if walk {
        swept.garbage = garbage(parts).await?;
        let mark = walked(parts);
        std::fs::File::create(&mark).map_err(|e| Fault::io("mark sweep", &mark, &e))?;
    }
    if let Some(max) = parts.keep.blobs_max_bytes {
        swept.evicted = evict(parts, max).await?;
    }
    Ok(swept)
}

/// Forgets what tells of the past and is too old, a slice in each transaction: others write in between.
async fn forget_old<F: Future<Output = Result<u64, Fault>>>(parts: &Parts, slice: impl Fn(i64, u32) -> F) -> Result<u64, Fault> {
    let before_ms = parts.clock.now_ms() - i64::try_from(PAST_KEPT.as_millis()).unwrap_or(i64::MAX);
    let mut forgotten = 0;
    loop {
        let gone = slice(before_ms, FORGET_AT_ONCE).await?;
        forgotten += gone;
        if gone < u64::from(FORGET_AT_ONCE) {
            return Ok(forgotten);
        }
    }
}

/// Whose time of change says when all blobs were last looked through.
fn walked(parts: &Parts) -> PathBuf {
    parts.home.blobs().join(".swept")
}

fn is_walk_due(parts: &Parts) -> bool {
    age(parts, &walked(parts)).is_none_or(|age| age >= WALK_EVERY)
}

/// How long ago a file was changed; None where there is none.
fn age(parts: &Parts, path: &Path) -> Option<Duration> {
    let changed = path.metadata().ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(parts.clock.now_ms().unsigned_abs());
    Some(now.saturating_sub(changed))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Fault::io("read folder", folder, &error)),
    }
}

/// Removes scratch that is nobody's any more, as that of jobs that have ended; gives how many. Errors: those of the store, `io`.
pub(crate) async fn sweep_scratch(parts: &Parts) -> Result<u64, Fault> {
    let mut removed = 0;
    // Each by itself: what is still arriving changes, its folder does not.
    let shared = [parts.home.renditions(), parts.home.fetching()];
    for folder in &shared {
        for file in entries(folder)? {
            if age(parts, &file).is_some_and(|age| age >= GARBAGE_AGE) {
                remove(&file)?;
                removed += 1;
            }
        }
    }
    for folder in entries(&parts.home.root().join("scratch"))?.into_iter().filter(|folder| !shared.contains(folder)) {
        let id: Option<JobId> = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let is_old = |limit| age(parts, &folder).is_some_and(|age| age >= limit);
        let goes = match id {
            None => is_old(GARBAGE_AGE),
            Some(id) => match parts.store.job(id).await {
                Ok(job) if job.state == JobState::Failed => is_old(parts.keep.failed_scratch),
                Ok(job) => !matches!(job.state, JobState::Queued | JobState::Running),
                Err(fault) if fault.code == Code::NotFound => is_old(GARBAGE_AGE),
                Err(fault) => return Err(fault),
            },
        };
        if goes {
            let result = if folder.is_dir() { std::fs::remove_dir_all(&folder) } else { std::fs::remove_file(&folder) };
            match result {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Fault::io("remove scratch", &folder, &error)),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

/// The hash a file of the blob store is named by.
fn hash_of(path: &Path) -> Option<String> {
    let (folder, name) = (path.parent()?.file_name()?.to_str()?, path.file_name()?.to_str()?);
    let hash = format!("{folder}{name}");
    is_sha256(&hash).then_some(hash)
}

async fn garbage(parts: &Parts) -> Result<u64, Fault> {
    let mut removed = 0;
    for folder in entries(&parts.home.blobs())?.into_iter().filter(|path| path.is_dir()) {
        let old: Vec<PathBuf> =
            entries(&folder)?.into_iter().filter(|path| age(parts, path).is_some_and(|age| age >= GARBAGE_AGE)).collect();
        for page in old.chunks(PAGE) {
            for path in page {
                // Put aside by a mending that a crash cut short, with the good bytes here since.
                if path.extension().is_some_and(|end| end == "damaged") && path.with_extension("").exists() {
                    remove(path)?;
                    removed += 1;
                }
            }
            let found = unwanted(parts, page.iter().filter_map(|path| hash_of(path)).collect()).await?;
            let claimed: Vec<_> = found.into_iter().filter_map(|hash| Some((parts.pins.claim(&hash)?, hash))).collect();
            // Asked once more, now that nobody can be registering them: a row may have come before the claim.
            for hash in unwanted(parts, claimed.iter().map(|(_, hash)| hash.clone()).collect()).await? {
                remove(&parts.blobs().path(&hash))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Of these hashes, those of bytes that should not be here: unknown, or left by a crash while they were being evicted.
async fn unwanted(parts: &Parts, mut hashes: Vec<String>) -> Result<Vec<String>, Fault> {
    if !hashes.is_empty() {
        let known = parts.store.blob_states(hashes.clone()).await?;
        // Among nodes the rows do not say whose bytes they tell of.
        let is_wanted = |hash: &String| known.get(hash).is_some_and(|is_here| *is_here || parts.node.is_some());
        hashes.retain(|hash| !is_wanted(hash));
    }
    Ok(hashes)
}

async fn retired(parts: &Parts) -> Result<u64, Fault> {
    if parts.node.is_some() {
        return own_blobs::retired(parts).await;
    }
    let mut removed = 0;
    loop {
        let blobs = parts.store.removable_blobs(true, u32::try_from(PAGE).unwrap_or(u32::MAX)).await?;
        let before = removed;
        for blob in &blobs {
            removed += u64::from(forget(parts, blob).await?);
        }
        if blobs.len() < PAGE || removed == before {
            return Ok(removed);
        }
    }
}

async fn evict(parts: &Parts, max_bytes: u64) -> Result<u64, Fault> {
    let mut held: u64 = 0;
    for folder in entries(&parts.home.blobs())? {
        held += entries(&folder).unwrap_or_default().iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum::<u64>();
    }
    if parts.node.is_some() {
        return own_blobs::evict(parts, held, max_bytes).await;
    }
    let mut removed = 0;
    while held > max_bytes {
        let blobs = parts.store.removable_blobs(false, u32::try_from(PAGE).unwrap_or(u32::MAX)).await?;
        let before = removed;
        for blob in blobs {
            if held <= max_bytes {
                break;
            }
            if forget(parts, &blob).await? {
                held = held.saturating_sub(blob.size_bytes);
                removed += 1;
            }
        }
        // What is left is in use or not yet proven everywhere; the next sweep looks again.
        if removed == before {
            break;
        }
    }
    Ok(removed)
}

/// A blob's links in the library hold its bytes too, so they go first.
fn unlink(parts: &Parts, blob: &Blob, listed: &[Listed]) -> Result<(), Fault> {
    let path = parts.blobs().path(&blob.sha256);
    for (asset, _) in listed {
        if view::is_shown(&parts.home.library(), &asset.path, &path) {
            remove(&parts.home.library().join(&asset.path))?;
        }
    }
    Ok(())
}

/// First the row, then the bytes: a crash between leaves bytes that the next fetch finds, never a row that lies. False
/// when they are in use or wanted again.
async fn forget(parts: &Parts, blob: &Blob) -> Result<bool, Fault> {
    // Whoever works from them or registers equal ones has pinned them before, or waits until they are gone.
    let Some(_claim) = parts.pins.claim(&blob.sha256) else { return Ok(false) };
    // Looked at again, now that nobody registers them: equal bytes may have come back a moment ago.
    let filter = AssetFilter { sha256: Some(blob.sha256.clone()), ..AssetFilter::default() };
    let is_everywhere = |asset: &Asset, owner: Option<SubjectType>, deliveries: &[Delivery]| {
        let is_at = |name: &str| deliveries.iter().any(|d| d.destination == name && d.state == DeliveryState::Proven);
        let has_original = |name: &str| deliveries.iter().any(|d| d.destination == name && d.has_original());
        parts.routes.of(asset.kind, owner).all(|route| is_at(&route.name)) && parts.destinations.iter().any(|site| has_original(&site.name))
    };
    let listed = parts.store.assets(&filter).await?;
    for (asset, deliveries) in &listed {
        let owner = parts.store.subject(&asset.subject).await?.map(|subject| subject.made.subject_type);
        if !is_everywhere(asset, owner, deliveries) {
            return Ok(false);
        }
    }
    unlink(parts, blob, &listed)?;
    if parts.node.is_none() {
        parts.store.set_present(&blob.sha256, false).await?;
    }
    faults::pass(Place::Evict)?;
    remove(&parts.blobs().path(&blob.sha256))?;
    Ok(true)
}

fn remove(path: &Path) -> Result<(), Fault> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Fault::io("remove file", path, &error)),
        _ => Ok(()),
    }
}
