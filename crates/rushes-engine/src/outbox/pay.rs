//! How one row is paid: an object put and proven, a record written whole.

use super::md5s::Md5s;
use super::rendition::rendition;
use crate::fetch::fetch_within;
use crate::loose::link;
use crate::parts::Access;
use crate::parts::Parts;
use async_trait::async_trait;
use rushes_core::catalog::Catalog;
use rushes_core::delivery::{Due, Held, Pictures, Route, Work};
use rushes_core::destination::{Condition, Destination, Proof, Put, Session, Shows};
use rushes_core::faults::{self, Place};
use rushes_core::folder::owner_in;
use rushes_core::log_lines::{FOLDERS_CREATED, FOLDERS_FAILED};
use rushes_core::store::Store;
use rushes_core::{Asset, Blob, Code, Fault, Verdict};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The slowest transfer still waited for, bytes a second.
const SLOWEST_BYTES_PER_S: u64 = 32 * 1024;
/// What every call may take beside the transfer.
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// Folders made in one go, where there is a way: as many as one batch of small requests carries.
const FOLDERS_AT_ONCE: u32 = 50;
const SILENT: &str = "no answer within a minute";

/// Pays rows of one sort of place.
#[async_trait]
pub(super) trait Payer: Send + Sync + 'static {
    /// Whether rows may be leased before they can be paid.
    const LEASES_AHEAD: bool;

    /// How many folders it makes in one go; 0: none.
    fn folders_at_once(&self) -> u32 {
        0
    }

    /// Does what the row asks and writes down that it is done. A fault leaves the row leased for the caller to put off.
    async fn pay(&self, due: &Due) -> Result<(), Fault>;
}

/// Keeps how far an upload has come in the row that asks for it.
struct InRow<'a> {
    store: &'a dyn Store,
    due: &'a Due,
}

#[async_trait]
impl Session for InRow<'_> {
    fn kept(&self) -> Option<String> {
        self.due.session.clone()
    }

    async fn keep(&self, text: &str) -> Result<(), Fault> {
        faults::pass(Place::PartSent)?;
        self.store.keep_session(self.due, text).await
    }
}

pub(super) struct ToDestination {
    pub(super) port: Arc<dyn Destination>,
    pub(super) parts: Parts,
    pub(super) access: Access,
    pub(super) route: Route,
    pub(super) md5s: Arc<Md5s>,
}

impl ToDestination {
    /// How this asset is wanted under this key. What was owed under another before renditions were asked for goes as it is.
    fn wanted(&self, asset: &Asset, key: &str) -> Option<Pictures> {
        self.route.pictures.filter(|_| self.route.renders(asset.kind, &asset.blob.mime) && self.route.key_of(asset) == key)
    }

    /// The blob with the MD5 that was not taken when it was registered.
    async fn with_md5(&self, file: &Path, blob: &Blob) -> Result<Blob, Fault> {
        Ok(Blob { md5: Some(self.md5s.of(file, blob).await?), ..blob.clone() })
    }

    /// Has the destination copy what it holds already under another key. None where that is not worth it or does not work:
    /// then the bytes are sent.
    async fn copied(&self, due: &Due, asset: &Asset, key: &str) -> Option<Proof> {
        let copies = self.port.abilities().copies?;
        // An upload that has begun is gone on with.
        if due.session.is_some() {
            return None;
        }
        let (from, proven) = self.parts.store.elsewhere(due).await.ok().flatten()?;
        let copied = tokio::time::timeout(CALL_LIMIT, copies.copy(&from, &proven, key, &asset.blob)).await;
        let why = match copied {
            Ok(Ok(proof)) => match proof.shows_copy(&asset.blob, &proven) {
                Shows::Same => return Some(proof.told_by(&asset.blob, Some(&proven))),
                // It might stand in the way of the right bytes, and is ours: nothing was there before.
                shows => match self.port.delete(key).await {
                    Ok(()) => format!("it was removed again: whether it has these bytes is {shows:?}"),
                    Err(fault) => fault.to_string(),
                },
            },
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => SILENT.to_owned(),
        };
        tracing::debug!(destination = due.destination, from, key, why, "not copied, so it is sent");
        None
    }

    /// Writes down what was proven.
    async fn settle(&self, due: &Due, key: &str, proof: Proof, rendition: Option<Blob>) -> Result<(), Fault> {
        let link = link(self.port.as_ref(), key, self.access, self.parts.clock.now_ms()).await?;
        self.parts.store.proven(due, &Held { proof, uri: self.port.uri(key), link, rendition }).await
    }

    /// Makes folders, several in one go where that is what the row asks. What is refused of several is asked of each by itself.
    async fn ensure(&self, due: &Due, keys: &[String]) -> Result<(), Fault> {
        faults::pass(Place::ObjectPut)?;
        let all: Vec<&str> = keys.iter().map(String::as_str).collect();
        let ensure = match &all[..] {
            [one] => tokio::time::timeout(CALL_LIMIT, self.port.ensure_folder(one)).await,
            all => tokio::time::timeout(CALL_LIMIT, self.port.ensure_folders(all)).await,
        };
        let names: BTreeSet<&str> = all.iter().map(|key| owner_in(key)).collect();
        if let Err(fault) = ensure.unwrap_or_else(|_| Err(Fault::new(Code::DestinationDown, "make folder").because(SILENT))) {
            let name = names.into_iter().collect::<Vec<_>>().join(", ");
            tracing::error!(name, destination = due.destination, %fault, "{}", FOLDERS_FAILED.text);
            return Err(if keys.len() > 1 { fault.verdict(Verdict::Transient) } else { fault });
        }
        faults::pass(Place::ObjectThere)?;
        self.parts.store.recorded(due).await?;
        for name in names {
            tracing::info!(name, destination = due.destination, "{}", FOLDERS_CREATED.say(&[&name]));
        }
        Ok(())
    }

    /// Puts a file and gives what was read back, if that is the file.
    async fn put(&self, due: &Due, put: Put<'_>) -> Result<Proof, Fault> {
        let (key, file, blob) = (put.key, put.file, put.blob);
        let limit = CALL_LIMIT + Duration::from_secs(blob.size_bytes / SLOWEST_BYTES_PER_S);
        let kept = InRow { store: self.parts.store.as_ref(), due };
        let put = self.port.put(Put { session: &kept, ..put });
        let proof = tokio::time::timeout(limit, put).await.map_err(|_| {
            Fault::new(Code::DestinationDown, "put object").with("key", key).because(format!("no answer within {} s", limit.as_secs()))
        })??;
        let mut shows = proof.shows(blob, None);
        if shows == Shows::Unclear && proof.may_be_md5() {
            shows = proof.shows(&self.with_md5(file, blob).await?, None);
        }
        if shows != Shows::Same {
            return Err(Fault::new(Code::ProofFailed, "prove object")
                .with("key", key)
                .because(format!("it holds {} bytes with {:?}", proof.size_bytes, proof.hash)));
        }
        Ok(proof)
    }
}

#[async_trait]
impl Payer for ToDestination {
    const LEASES_AHEAD: bool = true;

    fn folders_at_once(&self) -> u32 {
        if self.port.abilities().folders { FOLDERS_AT_ONCE } else { 1 }
    }

    async fn pay(&self, due: &Due) -> Result<(), Fault> {
        let (asset, key, replaces, is_elsewhere) = match &due.work {
            Work::PutObject { asset, key, replaces, is_elsewhere } => (asset, key, replaces, *is_elsewhere),
            Work::DeleteObject { key } => {
                faults::pass(Place::ObjectRemove)?;
                let delete = tokio::time::timeout(CALL_LIMIT, self.port.delete(key)).await;
                delete.map_err(|_| Fault::new(Code::DestinationDown, "delete object").with("key", key).because(SILENT))??;
                faults::pass(Place::ObjectRemoved)?;
                return self.parts.store.recorded(due).await;
            }
            Work::EnsureFolders { keys } => return self.ensure(due, keys).await,
            Work::RemoveFolder { key } => {
                faults::pass(Place::ObjectRemove)?;
                let remove = tokio::time::timeout(CALL_LIMIT, self.port.remove_folder(key)).await;
                remove.map_err(|_| Fault::new(Code::DestinationDown, "remove folder").with("key", key).because(SILENT))??;
                faults::pass(Place::ObjectRemoved)?;
                return self.parts.store.recorded(due).await;
            }
            _ => return Err(misplaced(due)),
        };
        let wanted = self.wanted(asset, key);
        if wanted.is_none() && replaces.is_none() {
            faults::pass(Place::ObjectPut)?;
            if is_elsewhere && let Some(proof) = self.copied(due, asset, key).await {
                faults::pass(Place::ObjectThere)?;
                return self.settle(due, key, proof, None).await;
            }
        }
        let (file, _pin, rendition) = match wanted {
            None => {
                let (file, pin) = fetch_within(&self.parts, &asset.blob, Duration::ZERO).await?;
                (file, Some(pin), None)
            }
            Some(how) => {
                let (file, blob) = rendition(&self.parts, asset, how, due.row).await?;
                (file, None, Some(blob))
            }
        };
        let mut blob = rendition.as_ref().unwrap_or(&asset.blob);
        let is_by_md5 = blob.size_bytes <= self.port.abilities().proves_by_md5_up_to && blob.md5.is_none();
        let with_md5 = if is_by_md5 { Some(self.with_md5(&file, blob).await?) } else { None };
        blob = with_md5.as_ref().unwrap_or(blob);
        let condition = match replaces {
            Some(proof) if !proof.proves(blob) => Condition::Replace(proof),
            _ => Condition::CreateOnly,
        };
        faults::pass(Place::ObjectPut)?;
        let proof = self.put(due, Put::new(key, &file, blob, condition)).await?;
        faults::pass(Place::ObjectThere)?;
        let is_rendition = rendition.is_some();
        self.settle(due, key, proof, rendition).await?;
        if is_rendition {
            // Left by a crash or a refusal, it is swept in time.
            let _ = tokio::fs::remove_file(&file).await;
        }
        Ok(())
    }
}

pub(super) struct ToCatalog {
    pub(super) port: Arc<dyn Catalog>,
    pub(super) store: Arc<dyn Store>,
    pub(super) pauses: Pauses,
}

/// How many times as long as a document's last writing took the next one waits: a document that always has something
/// new is written a tenth of the time, and each writing tells of all that came meanwhile.
const PAUSE: u32 = 9;
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Nobody reads a document twice within this; of a hundred files that arrive together it is written a few times.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Documents remembered, at most, beyond those that pause now.
const PAUSES_MAX: usize = 1_000;

/// When documents were written, and how long that took.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<String, (Instant, Duration)>>);

impl Pauses {
    /// Until when a document written a moment ago waits. With the last of a job half of the time at most goes into writing: it
    /// need not wait for what else is coming, and the job waits for it.
    fn of(&self, document: &str, is_last: bool) -> Option<Instant> {
        let pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(document).map(|&(written, took)| written + if is_last { took.min(PAUSE_MAX) } else { pause(took) })
    }

    fn set(&self, document: String, took: Duration) {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if pauses.len() >= PAUSES_MAX {
            pauses.retain(|_, (written, took)| *written + pause(*took) > now);
        }
        pauses.insert(document, (now, took));
    }
}

fn pause(took: Duration) -> Duration {
    took.saturating_mul(PAUSE).clamp(PAUSE_MIN, PAUSE_MAX)
}

#[async_trait]
impl Payer for ToCatalog {
    // The later a document is leased, the more of what is owed one write of it pays.
    const LEASES_AHEAD: bool = false;

    async fn pay(&self, due: &Due) -> Result<(), Fault> {
        let (collection, id, is_last) = match &due.work {
            Work::PutRecord { collection, id, is_last } => (collection, id, *is_last),
            Work::DeleteRecord { collection, id } => {
                faults::pass(Place::RecordRemove)?;
                let delete = tokio::time::timeout(CALL_LIMIT, self.port.delete(collection, id)).await;
                delete.map_err(|_| Fault::new(Code::CatalogDown, "delete record").with("id", id).because(SILENT))??;
                faults::pass(Place::RecordRemoved)?;
                return self.store.recorded(due).await;
            }
            _ => return Err(misplaced(due)),
        };
        let document = format!("{collection}/{id}");
        if let Some(until) = self.pauses.of(&document, is_last) {
            tokio::time::sleep_until(until).await;
        }
        let began = Instant::now();
        faults::pass(Place::RecordTake)?;
        let Some(record) = self.store.snapshot(due).await? else { return self.store.recorded(due).await };
        let put = tokio::time::timeout(CALL_LIMIT, self.port.put(&record)).await;
        put.map_err(|_| Fault::new(Code::CatalogDown, "put record").with("id", &record.id).because(SILENT))??;
        faults::pass(Place::RecordThere)?;
        self.store.recorded(due).await?;
        self.pauses.set(document, began.elapsed());
        Ok(())
    }
}

fn misplaced(due: &Due) -> Fault {
    Fault::new(Code::Unexpected, "pay outbox row").with("row", due.row).because("it asks for what this sender cannot do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbox_documents_pause_for_what_is_coming_and_the_last_of_a_job_for_as_long_as_the_writing_took() {
        let waits = |took_ms: u64, is_last: bool| {
            let pauses = Pauses::default();
            assert!(pauses.of("characters/a", is_last).is_none(), "never written");
            pauses.set("characters/a".into(), Duration::from_millis(took_ms));
            let (written, took) = pauses.0.lock().unwrap()["characters/a"];
            assert_eq!(took, Duration::from_millis(took_ms));
            (pauses.of("characters/a", is_last).unwrap() - written).as_millis()
        };
        assert_eq!([0, 50, 400].map(|took_ms| waits(took_ms, false)), [100, 450, 1_000]);
        assert_eq!([0, 50, 400, 5_000].map(|took_ms| waits(took_ms, true)), [0, 50, 400, 1_000]);
    }
}
