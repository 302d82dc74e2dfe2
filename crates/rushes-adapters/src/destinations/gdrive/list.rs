//! Listings. Drive knows no paths, so everything of this destination is read when a listing is begun, sorted by key, and
//! handed out page by page from memory; a page asked for after a restart reads it again.

use super::answers::{File, Said};
use super::tags::{FOLDER, of_root, path_of};
use super::{DriveDestination, files};
use rushes_core::destination::Listing;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAGE: usize = 1_000;
/// Listings remembered at once, and for how long.
const LISTINGS_MAX: usize = 4;
const REMEMBERED: Duration = Duration::from_mins(10);

/// A prefix, since when, and the keys.
type Begun = (String, Instant, Arc<Vec<String>>);

/// The listings that are being handed out.
#[derive(Debug, Default)]
pub(super) struct Listings(Mutex<Vec<Begun>>);

impl Listings {
    fn remember(&self, prefix: &str, keys: Arc<Vec<String>>) {
        self.forget(prefix);
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() == LISTINGS_MAX {
            begun.remove(0);
        }
        begun.push((prefix.to_owned(), Instant::now(), keys));
    }

    fn recall(&self, prefix: &str) -> Option<Arc<Vec<String>>> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.iter().find(|(known, at, _)| known == prefix && at.elapsed() < REMEMBERED).map(|(_, _, keys)| keys.clone())
    }

    fn forget(&self, prefix: &str) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|(known, at, _)| known != prefix && at.elapsed() < REMEMBERED);
    }
}

impl DriveDestination {
    pub(super) async fn list_page(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Said> {
        let keys = match cursor.and_then(|_| self.listings.recall(prefix)) {
            Some(keys) => keys,
            None => Arc::new(self.all(prefix).await?),
        };
        let start = cursor.map_or(0, |at| keys.partition_point(|key| key.as_str() <= at));
        let end = (start + PAGE).min(keys.len());
        let page = keys[start..end].to_vec();
        let next = page.last().filter(|_| end < keys.len()).cloned();
        if next.is_some() {
            self.listings.remember(prefix, keys);
        } else {
            self.listings.forget(prefix);
        }
        Ok(Listing { keys: page, next })
    }

    /// Every key of ours that begins so, in order; also those that Drive does not list yet.
    async fn all(&self, prefix: &str) -> Result<Vec<String>, Said> {
        let about = self.about("list objects", "");
        let query = format!("mimeType!='{FOLDER}' and {}", of_root(self.root()));
        let found = self.query(&query, about).await?;
        let mut paths: BTreeSet<String> = found.iter().filter_map(|file| path_of(self.root(), file)).collect();
        let begins = self.path(prefix);
        let late: Vec<(String, String)> = self.memory.fresh(&begins).into_iter().filter(|(path, _)| !paths.contains(path)).collect();
        let looks: Vec<_> = late.iter().map(|(_, id)| ("GET", files(id), None)).collect();
        for answer in self.many::<File>(&looks, "id", about).await? {
            match answer {
                Ok(file) if !file.trashed => paths.extend(path_of(self.root(), &file)),
                Err(said) if !said.is_absent() => return Err(said),
                _ => {}
            }
        }
        let keys = paths.into_iter().filter(|path| path.starts_with(&begins));
        Ok(keys.filter_map(|path| path.strip_prefix(&self.base).map(str::to_owned)).collect())
    }
}
