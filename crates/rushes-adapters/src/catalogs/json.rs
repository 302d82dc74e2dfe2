//! Records as JSON files: `{collection}/{id}.json`, each written whole and guarded by its `rev`.

use crate::folder::{Folders, Unfinished, blocking, fault, inside};
use async_trait::async_trait;
use rushes_core::catalog::{Catalog, Record};
use rushes_core::faults::{self, Place};
use rushes_core::{Code, Fault};
use serde_json::{Map, Value};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Marks a folder as a catalog, so that a destination around it does not take records for objects.
pub(crate) const MARK: &str = ".rushes-catalog";
/// Ids on one page of a listing.
const PAGE: usize = 1_000;
/// More than are ever written at once.
const LOCKS: usize = 64;

/// A folder of JSON files as a catalog.
#[derive(Debug, Clone)]
pub struct JsonCatalog {
    folders: Folders,
    writing: Arc<Writing>,
}

/// Reading the old `rev` of a document and writing the new file must not interleave within this process. A document has
/// one of these for its own; several may share it.
#[derive(Debug)]
struct Writing([Mutex<()>; LOCKS]);

impl Writing {
    fn of(&self, path: &Path) -> MutexGuard<'_, ()> {
        let mut hash = DefaultHasher::new();
        path.hash(&mut hash);
        let index = usize::try_from(hash.finish() % LOCKS as u64).unwrap_or_default();
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Writing {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl JsonCatalog {
    /// The folder, which is made and marked when something is first put there.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { folders: Folders::below(root), writing: Arc::default() }
    }

    fn mark(root: &Path) -> Result<(), Fault> {
        let mark = root.join(MARK);
        if mark.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(root)
            .and_then(|()| std::fs::File::create(&mark))
            .map_err(|e| fault(Code::CatalogDown, "open catalog", root, &e))?;
        Ok(())
    }

    fn path(&self, collection: &str, id: &str) -> Result<PathBuf, Fault> {
        if id.contains('/') {
            return Err(Fault::new(Code::DestinationRefused, "read record id").with("id", id));
        }
        inside(self.folders.root(), &format!("{collection}/{id}.json"))
    }
}

fn read(path: &Path) -> Result<Option<Map<String, Value>>, Fault> {
    match std::fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(fields) => Ok(Some(fields)),
            Err(error) => Err(Fault::new(Code::DestinationRefused, "read record")
                .with("path", path.display())
                .because(format!("it is no JSON object: {error}"))),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(fault(Code::CatalogDown, "read record", path, &error)),
    }
}

fn rev_of(fields: &Map<String, Value>) -> u64 {
    fields.get("rev").and_then(Value::as_u64).unwrap_or(0)
}

fn write(folders: &Folders, path: &Path, record: Record) -> Result<(), Fault> {
    let mut fields = read(path)?.unwrap_or_default();
    if rev_of(&fields) >= record.rev {
        return Ok(());
    }
    if let Value::Object(given) = record.fields {
        fields.extend(given);
    }
    fields.insert("rev".into(), record.rev.into());
    let failed = |error: io::Error| fault(Code::CatalogDown, "write record", path, &error);
    let text = serde_json::to_vec_pretty(&fields).map_err(|e| failed(e.into()))?;
    faults::pass(Place::RecordWrite)?;
    let mut unfinished = Unfinished::of(path, folders).map_err(failed)?;
    let file = unfinished.file();
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    faults::pass(Place::RecordWritten)?;
    unfinished.replace(path).map_err(failed)
}

#[async_trait]
impl Catalog for JsonCatalog {
    async fn put(&self, record: &Record) -> Result<(), Fault> {
        let (path, record, writing, folders) =
            (self.path(&record.collection, &record.id)?, record.clone(), self.writing.clone(), self.folders.clone());
        blocking(move || {
            Self::mark(folders.root())?;
            let _alone = writing.of(&path);
            write(&folders, &path, record)
        })
        .await
    }

    async fn get(&self, collection: &str, id: &str) -> Result<Option<Record>, Fault> {
        let (path, collection, id) = (self.path(collection, id)?, collection.to_owned(), id.to_owned());
        blocking(move || {
            Ok(read(&path)?.map(|mut fields| {
                let rev = rev_of(&fields);
                fields.remove("rev");
                Record { collection, id, rev, fields: Value::Object(fields) }
            }))
        })
        .await
    }

    async fn list(&self, collection: &str, cursor: Option<&str>) -> Result<Vec<String>, Fault> {
        let (folder, cursor) = (inside(self.folders.root(), collection)?, cursor.unwrap_or_default().to_owned());
        blocking(move || {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(fault(Code::CatalogDown, "list records", &folder, &error)),
            };
            let mut ids: Vec<String> = entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
                .filter(|id| *id > cursor)
                .collect();
            ids.sort_unstable();
            ids.truncate(PAGE);
            Ok(ids)
        })
        .await
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<(), Fault> {
        let path = self.path(collection, id)?;
        blocking(move || {
            // What a killed process was writing tells the same as the record.
            Unfinished::clear(&path);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault(Code::CatalogDown, "delete record", &path, &error)),
                _ => Ok(()),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn json_keeps_the_catalog_contract() {
        let folder = tempfile::tempdir().unwrap();
        rushes_testkit::catalog_suite(&JsonCatalog::new(folder.path().join("records"))).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn json_ends_with_the_last_of_many_writers() {
        let folder = tempfile::tempdir().unwrap();
        // One process at a time works on a home, so these share what keeps them apart.
        let catalog = JsonCatalog::new(folder.path().to_owned());
        rushes_testkit::writers(|| Arc::new(catalog.clone()), 0..rushes_testkit::WRITERS).await;
        rushes_testkit::writers_ended(&catalog, &[]).await;
    }

    #[tokio::test]
    async fn json_writes_one_document_while_another_waits() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = JsonCatalog::new(folder.path().to_owned());
        let record = |id: &str| Record { collection: "characters".into(), id: id.into(), rev: 1, fields: serde_json::json!({"x": 1}) };
        catalog.put(&record("quick")).await.unwrap();
        // Whoever reads it waits until somebody writes there.
        let slow = folder.path().join("characters/slow.json");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &slow, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let waiting = tokio::spawn({
            let (catalog, record) = (catalog.clone(), record("slow"));
            async move { catalog.put(&record).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let quick = Record { rev: 2, ..record("quick") };
        let written = tokio::time::timeout(std::time::Duration::from_secs(5), catalog.put(&quick)).await;
        assert!(!waiting.is_finished());
        std::fs::OpenOptions::new().write(true).open(&slow).unwrap();
        assert_eq!(waiting.await.unwrap().unwrap_err().code, Code::DestinationRefused, "nothing came, which is no document");
        written.expect("it does not wait for the other").unwrap();
    }

    #[tokio::test]
    async fn json_removes_with_a_record_what_a_killed_process_was_writing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = JsonCatalog::new(folder.path().to_owned());
        let record = Record { collection: "people".into(), id: "a".into(), rev: 1, fields: serde_json::json!({"name": "Ana"}) };
        catalog.put(&record).await.unwrap();
        let path = folder.path().join("people/a.json");
        std::fs::copy(&path, crate::folder::unfinished(&path)).unwrap();
        catalog.delete("people", "a").await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("people")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn json_does_not_overwrite_what_it_cannot_read() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = JsonCatalog::new(folder.path().to_owned());
        let record = Record { collection: "characters".into(), id: "a".into(), rev: 1, fields: serde_json::json!({"x": 1}) };
        catalog.put(&record).await.unwrap();
        let path = folder.path().join("characters/a.json");
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"not json").unwrap();
        let fault = catalog.put(&Record { rev: 2, ..record }).await.unwrap_err();
        assert_eq!(fault.code, Code::DestinationRefused);
        assert_eq!(std::fs::read(&path).unwrap(), b"not json");
    }
}
