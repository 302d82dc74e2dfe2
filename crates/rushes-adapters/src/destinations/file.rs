//! `file://`: a folder that plays the bucket. Objects appear whole, are synced, and are proven by reading them back.

use crate::catalogs::json::MARK;
use crate::folder::{Folders, UNFINISHED, Unfinished, blocking, fault, inside};
use async_trait::async_trait;
use rushes_core::destination::{Abilities, Condition, Copies, Destination, Listing, Proof, ProofHash, Put};
use rushes_core::digest::sha256;
use rushes_core::faults::{self, Place};
use rushes_core::folder::is_marker;
use rushes_core::{Blob, Code, Fault};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Keys on one page of a listing.
const PAGE: usize = 1_000;

/// A folder as a destination.
#[derive(Debug, Clone)]
pub struct FileDestination {
    folders: Folders,
}

impl FileDestination {
    /// The folder, which is made when something is first put there.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { folders: Folders::below(root) }
    }
}

fn down(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> Fault {
    move |error| fault(Code::DestinationDown, operation, path, &error)
}

fn read_proof(path: &Path) -> io::Result<Option<Proof>> {
    match File::open(path).and_then(sha256) {
        Ok((sha256, size_bytes)) => Ok(Some(Proof { size_bytes, hash: ProofHash::Sha256(sha256), etag: None })),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether two names are of one file, which is then no copy of itself.
fn are_one(path: &Path, other: &Path) -> io::Result<bool> {
    let (path, other) = (path.metadata()?, other.metadata()?);
    Ok((path.dev(), path.ino()) == (other.dev(), other.ino()))
}

fn put(folders: &Folders, path: &Path, key: &str, file: &Path, blob: &Blob, replaces: Option<&Proof>) -> Result<Proof, Fault> {
    let failed = down("put object", path);
    let there = read_proof(path).map_err(&failed)?;
    let conflict = || {
        Fault::new(Code::DestinationConflict, "put object")
            .with("key", key)
            .because("the object there is neither the old nor the new version")
    };
    if there.is_some() && are_one(path, file).map_err(&failed)? {
        return Err(Fault::new(Code::DestinationRefused, "put object")
            .with("key", key)
            .because("what is there is the home's own file by another name, and no copy; choose a folder of its own"));
    }
    match &there {
        Some(proof) if proof.proves(blob) => {
            Unfinished::clear(path);
            folders.keep(path).map_err(&failed)?;
            return Ok(proof.clone());
        }
        Some(proof) if replaces.is_none_or(|old| old.hash != proof.hash) => {
            Unfinished::clear(path);
            return Err(conflict());
        }
        _ => {}
    }
    faults::pass(Place::ObjectWrite)?;
    let mut unfinished = Unfinished::of(path, folders).map_err(&failed)?;
    let mut source = File::open(file).map_err(|e| Fault::new(Code::BlobMissing, "put object").with("path", file.display()).because(e))?;
    io::copy(&mut source, unfinished.file()).and_then(|_| unfinished.file().sync_all()).map_err(&failed)?;
    // What was written is read back before it gets its name, so that no reader ever sees a wrong object.
    let proof = read_proof(unfinished.path()).map_err(&failed)?.filter(|proof| proof.proves(blob));
    let proof = proof.ok_or_else(|| Fault::new(Code::ProofFailed, "put object").with("key", key))?;
    faults::pass(Place::ObjectWritten)?;
    let placed = if there.is_some() { unfinished.replace(path) } else { unfinished.create(path) };
    match placed {
        Ok(()) => Ok(proof),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read_proof(path).map_err(&failed)? {
            Some(proof) if proof.proves(blob) => folders.keep(path).map(|()| proof).map_err(&failed),
            _ => Err(conflict()),
        },
        Err(error) => Err(failed(error)),
    }
}

fn copy(path: &Path, bytes: Option<Range<u64>>, into: &Path) -> io::Result<u64> {
    let Some(range) = bytes else { return std::fs::copy(path, into) };
    let mut source = File::open(path)?;
    source.seek(io::SeekFrom::Start(range.start))?;
    io::copy(&mut source.take(range.end.saturating_sub(range.start)), &mut File::create_new(into)?)
}

/// Collects keys in byte order after `cursor`, leaving out what cannot hold any. A catalog may lie in the bucket, and
/// objects beside its records, which all end in `.json`, as no object does.
fn walk(folder: &Path, at: &str, (prefix, cursor): (&str, &str), in_catalog: bool, keys: &mut Vec<String>) -> io::Result<()> {
    let in_catalog = in_catalog || folder.join(MARK).exists();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut names: Vec<(String, bool)> = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = entry.file_type()?.is_dir();
        let is_record = in_catalog && !is_folder && name.ends_with(".json");
        if !name.starts_with(UNFINISHED) && !is_record && !is_marker(&name) {
            names.push((if is_folder { format!("{at}{name}/") } else { format!("{at}{name}") }, is_folder));
        }
    }
    // A folder sorts by its name with the separator, as its keys do.
    names.sort_unstable();
    for (key, is_folder) in names {
        if keys.len() > PAGE {
            return Ok(());
        }
        let may_match = key.starts_with(prefix) || (is_folder && prefix.starts_with(&key));
        if !may_match {
            continue;
        }
        if is_folder {
            if key.as_str() > cursor || cursor.starts_with(&key) {
                walk(&folder.join(&key[at.len()..key.len() - 1]), &key, (prefix, cursor), in_catalog, keys)?;
            }
        } else if key.as_str() > cursor {
            keys.push(key);
        }
    }
    Ok(())
}

#[async_trait]
impl Destination for FileDestination {
    fn abilities(&self) -> Abilities<'_> {
        Abilities { copies: Some(self), folders: true, ..Abilities::default() }
    }

    fn uri(&self, key: &str) -> String {
        let path = self.folders.root().join(key);
        let mut uri = String::from("file://");
        for byte in path.to_string_lossy().bytes() {
            // RFC 3986: a path keeps its unreserved characters and sub-delimiters.
            let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
            if is_plain { uri.push(char::from(byte)) } else { uri.push_str(&format!("%{byte:02X}")) }
        }
        uri
    }

    async fn put(&self, object: Put<'_>) -> Result<Proof, Fault> {
        let path = inside(self.folders.root(), object.key)?;
        let replaces = match object.condition {
            Condition::CreateOnly => None,
            Condition::Replace(proof) => Some(proof.clone()),
        };
        let (folders, key, file, blob) = (self.folders.clone(), object.key.to_owned(), object.file.to_owned(), object.blob.clone());
        blocking(move || put(&folders, &path, &key, &file, &blob, replaces.as_ref())).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let path = inside(self.folders.root(), key)?;
        blocking(move || read_proof(&path).map_err(down("look at object", &path))).await
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let (path, key, into) = (inside(self.folders.root(), key)?, key.to_owned(), into.to_owned());
        blocking(move || match copy(&path, bytes, &into) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => {
                Err(Fault::new(Code::NotFound, "get object").with("key", key))
            }
            Err(error) => Err(down("get object", &path)(error)),
        })
        .await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let (root, prefix, cursor) = (self.folders.root().to_owned(), prefix.to_owned(), cursor.unwrap_or_default().to_owned());
        blocking(move || {
            let mut keys = Vec::new();
            walk(&root, "", (&prefix, &cursor), false, &mut keys).map_err(down("list objects", &root))?;
            let is_more = keys.len() > PAGE;
            keys.truncate(PAGE);
            Ok(Listing { next: if is_more { keys.last().cloned() } else { None }, keys })
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        let path = inside(self.folders.root(), key)?;
        blocking(move || {
            // What a killed process was writing there would keep its folder, too.
            Unfinished::clear(&path);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(down("delete object", &path)(error)),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn ensure_folder(&self, key: &str) -> Result<(), Fault> {
        let path = inside(self.folders.root(), key)?;
        let folders = self.folders.clone();
        // As durable as an object in it would be.
        blocking(move || folders.make(&path).map_err(down("make folder", &path))).await
    }

    async fn remove_folder(&self, key: &str) -> Result<(), Fault> {
        use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
        let (path, folders) = (inside(self.folders.root(), key)?, self.folders.clone());
        blocking(move || match std::fs::remove_dir(&path) {
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory | DirectoryNotEmpty) => Err(down("remove folder", &path)(error)),
            Err(_) => Ok(()),
            Ok(()) => {
                folders.went(&path);
                Ok(())
            }
        })
        .await
    }
}

#[async_trait]
impl Copies for FileDestination {
    /// A file of its own, whose bytes are shared where the disk can do that: people may write into either.
    async fn copy(&self, from: &str, _proven: &Proof, to: &str, blob: &Blob) -> Result<Proof, Fault> {
        let source = inside(self.folders.root(), from)?;
        self.put(Put::new(to, &source, blob, Condition::CreateOnly)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn file_keeps_the_destination_contract() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("bucket");
        let destination = FileDestination::new(root.clone());
        rushes_testkit::destination_suite(&destination).await;
        rushes_testkit::copies_suite(&destination).await;
        destination.ensure_folder("People/John Doe/Solo").await.unwrap();
        assert!(root.join("People/John Doe/Solo").is_dir());
        destination.remove_folder("People/John Doe").await.unwrap();
        assert!(root.join("People/John Doe/Solo").is_dir(), "another folder lies in it");
        destination.remove_folder("People/John Doe/Solo").await.unwrap();
        destination.remove_folder("People/John Doe").await.unwrap();
        assert!(!root.join("People/John Doe").exists() && root.join("People").is_dir());
    }

    #[tokio::test]
    async fn file_removes_with_an_object_what_a_killed_process_was_writing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let destination = FileDestination::new(folder.path().to_owned());
        destination.ensure_folder("People/Ana").await.unwrap();
        std::io::Write::write_all(&mut File::create(crate::folder::unfinished(&folder.path().join("People/Ana/1.jpg"))).unwrap(), b"half")
            .unwrap();
        destination.delete("People/Ana/1.jpg").await.unwrap();
        destination.remove_folder("People/Ana").await.unwrap();
        assert!(!folder.path().join("People/Ana").exists(), "nothing holds the folder");
    }

    #[tokio::test]
    async fn file_leaves_nothing_unfinished_and_hides_catalogs() {
        let folder = tempfile::tempdir().unwrap();
        let destination = FileDestination::new(folder.path().to_owned());
        rushes_testkit::destination_suite(&destination).await;
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().into_string().ok())
            .filter(|n| n.starts_with(UNFINISHED))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let records = crate::catalogs::json::JsonCatalog::new(folder.path().join("records"));
        let record =
            rushes_core::catalog::Record { collection: "characters".into(), id: "a".into(), rev: 1, fields: serde_json::json!({}) };
        rushes_core::catalog::Catalog::put(&records, &record).await.unwrap();
        assert!(destination.list("records", None).await.unwrap().keys.is_empty());
        // An object below the same name is one all the same.
        let source = folder.path().join(".rushes-source");
        std::io::Write::write_all(&mut File::create(&source).unwrap(), b"bytes").unwrap();
        let blob = rushes_core::digest::digest(&b"bytes"[..], "").unwrap();
        destination.put(Put::new("records/job/0.png", &source, &blob, Condition::CreateOnly)).await.unwrap();
        assert_eq!(destination.list("records", None).await.unwrap().keys, ["records/job/0.png"]);
    }

    #[tokio::test]
    async fn file_is_down_for_a_key_that_another_process_writes_just_now() {
        let folder = tempfile::tempdir().unwrap();
        let destination = FileDestination::new(folder.path().join("bucket"));
        let source = folder.path().join("source");
        std::io::Write::write_all(&mut File::create(&source).unwrap(), b"bytes").unwrap();
        let blob = rushes_core::digest::digest(&b"bytes"[..], "").unwrap();
        let folders = Folders::below(folder.path().join("bucket"));
        let theirs = Unfinished::of(&folder.path().join("bucket/a.bin"), &folders).unwrap();
        let fault = destination.put(Put::new("a.bin", &source, &blob, Condition::CreateOnly)).await.unwrap_err();
        assert!(fault.code == Code::DestinationDown && fault.is_transient(), "{fault}");
        drop(theirs);
        destination.put(Put::new("a.bin", &source, &blob, Condition::CreateOnly)).await.unwrap();
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a folder that shows the home's own files")]
    async fn file_takes_no_other_name_of_the_file_for_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (own, shown) = (folder.path().join("own"), folder.path().join("bucket/a.bin"));
        std::io::Write::write_all(&mut File::create(&own).unwrap(), b"bytes").unwrap();
        std::fs::create_dir(shown.parent().unwrap()).unwrap();
        std::fs::hard_link(&own, &shown).unwrap();
        let blob = rushes_core::digest::digest(&b"bytes"[..], "").unwrap();
        let destination = FileDestination::new(folder.path().join("bucket"));
        let fault = destination.put(Put::new("a.bin", &own, &blob, Condition::CreateOnly)).await.unwrap_err();
        assert!(fault.code == Code::DestinationRefused && fault.to_string().contains("no copy"), "{fault}");
        destination.put(Put::new("b.bin", &own, &blob, Condition::CreateOnly)).await.unwrap();
    }

    #[test]
    fn file_uris_are_percent_encoded() {
        let destination = FileDestination::new("/bucket".into());
        assert_eq!(destination.uri("a b/[kpop]#1%é.mp4"), "file:///bucket/a%20b/%5Bkpop%5D%231%25%C3%A9.mp4");
    }

    #[tokio::test]
    async fn file_refuses_keys_that_leave_its_folder() {
        let destination = FileDestination::new("/bucket".into());
        for key in ["../x", "a/../../x", "/x", "a//b", ""] {
            assert_eq!(destination.stat(key).await.unwrap_err().code, Code::DestinationRefused, "{key:?}");
        }
    }
}
