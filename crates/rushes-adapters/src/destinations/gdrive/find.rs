//! Finding what is at a path. Of several files that two processes made at once, the oldest is the one.

use super::answers::{FIELDS, File, Page};
use super::tags::{self, KEY, has, is_ours, tag};
use super::{DriveDestination, OWN, encode_query, files};
use crate::destinations::call::{About, Call, Said};
use http::Method;
use std::collections::HashMap;

/// Paths asked for in one query: an address has some 8,000 bytes.
const PATHS: usize = 30;
/// Pages of one listing: two million files.
const PAGES_MAX: usize = 2_000;

/// Oldest first; Drive's times are those of its own clock.
fn age(file: &File) -> (&str, &str) {
    (&file.created_time, &file.id)
}

impl DriveDestination {
    /// Everything that a query finds and that is not in the trash, in no order.
    pub(super) async fn query(&self, query: &str, about: About<'_>) -> Result<Vec<File>, Said> {
        let scope = match self.drive().await? {
            Some(drive) => format!("corpora=drive&driveId={drive}&includeItemsFromAllDrives=true"),
            None => "corpora=user".to_owned(),
        };
        // Where all is called root, what others share with us is not ours.
        let own = if self.root() == OWN { " and 'me' in owners" } else { "" };
        let query = encode_query(&format!("trashed=false{own} and {query}"));
        let base = format!(
            "drive/v3/files?q={query}&{scope}&supportsAllDrives=true&pageSize=1000&fields=nextPageToken,incompleteSearch,files({FIELDS})"
        );
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let path = token.as_ref().map_or_else(|| base.clone(), |token| format!("{base}&pageToken={}", encode_query(token)));
            let page = match self.ask::<Page>(Call::new(Method::GET, path, about), "files").await {
                Err(said) if said.is_absent() => {
                    // The drive it lies in may be gone, or no longer shared with us.
                    self.look_at_root().await?;
                    return Err(about.down("Drive does not list it just now"));
                }
                page => page?,
            };
            if page.incomplete_search {
                return Err(about.down("Drive did not search everywhere"));
            }
            found.extend(page.files.into_iter().filter(|file| !self.memory.is_gone(&file.id)));
            match page.next_page_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                Some(_) => return Err(about.down("Drive says there is more, and not where")),
                None => return Ok(found),
            }
        }
        Err(about.down("there are more files than one listing may have"))
    }

    /// What of ours listings show at these paths, oldest first.
    pub(super) async fn look_up(&self, paths: &[&str], about: About<'_>) -> Result<HashMap<String, Vec<File>>, Said> {
        let mut found: HashMap<String, Vec<File>> = HashMap::new();
        for paths in paths.chunks(PATHS) {
            let tags: HashMap<String, &str> = paths.iter().map(|path| (tag(self.root(), path), *path)).collect();
            let any: Vec<String> = tags.keys().map(|tag| has(KEY, tag)).collect();
            for file in self.query(&format!("({})", any.join(" or ")), about).await? {
                let path = file.properties.get(KEY).and_then(|tag| tags.get(tag));
                if let Some(path) = path.filter(|path| is_ours(&file) && path.ends_with('/') == (file.mime == tags::FOLDER)) {
                    found.entry((*path).to_owned()).or_default().push(file);
                }
            }
        }
        found.values_mut().for_each(|files| files.sort_by(|a, b| age(a).cmp(&age(b))));
        Ok(found)
    }

    /// One file by its id, which does not lag; None where it is not there or in the trash.
    pub(super) async fn by_id(&self, id: &str, about: About<'_>) -> Result<Option<File>, Said> {
        match self.ask::<File>(Call::new(Method::GET, files(id), about), "id").await {
            Ok(file) => Ok(Some(file).filter(|file| !file.trashed)),
            Err(said) if said.is_absent() => Ok(None),
            Err(said) => Err(said),
        }
    }

    /// What is at a path. Somebody else may have put another there first; then that is the one.
    pub(super) async fn look(&self, path: &str, about: About<'_>) -> Result<Option<File>, Said> {
        if let Some(id) = self.memory.there(path) {
            if let Some(file) = self.by_id(&id, about).await? {
                return Ok(Some(file));
            }
            self.memory.forget(path);
        }
        for file in self.look_up(&[path], about).await?.remove(path).unwrap_or_default() {
            // A listing may show what is in the trash meanwhile, or older content.
            if let Some(file) = self.by_id(&file.id, about).await? {
                self.memory.found(path, &file.id);
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Whether another one than ours, as old or older, is there.
    pub(super) async fn is_late(&self, mine: &File, found: &[File], about: About<'_>) -> Result<bool, Said> {
        for other in found.iter().filter(|other| other.id != mine.id && other.created_time <= mine.created_time) {
            if self.by_id(&other.id, about).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is at a path where we have just put `mine`, or may have. Another that is as old or older stays, and ours goes
    /// to the trash: of two processes that do this at least one sees the other's. Where both go, both come back and look.
    pub(super) async fn settle(&self, path: &str, mine: &File, about: About<'_>) -> Result<Option<File>, Said> {
        let found = self.look_up(&[path], about).await?.remove(path).unwrap_or_default();
        if self.is_late(mine, &found, about).await? {
            self.trash(&mine.id, about).await?;
            self.memory.forget(path);
            return Ok(None);
        }
        Ok(Some(mine.clone()))
    }

    /// Nothing of ours is at the path any more; copies that people made stay.
    pub(super) async fn remove(&self, path: &str, about: About<'_>) -> Result<(), Said> {
        let _alone = self.memory.lock(path).await;
        let mut ids: Vec<String> = [self.memory.there(path), self.memory.meant(path)].into_iter().flatten().collect();
        let found = self.look_up(&[path], about).await?.remove(path).unwrap_or_default();
        ids.extend(found.into_iter().map(|file| file.id));
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            self.trash(&id, about).await?;
        }
        self.memory.forget(path);
        Ok(())
    }
}
