//! Listings. Drive knows no paths, so everything of this destination is read when a listing is begun.

use super::answers::File;
use super::tags::{FOLDER, of_root, path_of};
use super::{DriveDestination, files};
use crate::destinations::call::Said;
use rushes_core::destination::Listing;
use std::collections::BTreeSet;

impl DriveDestination {
    pub(super) async fn list_page(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Said> {
        self.listings.page(prefix, cursor, self.all(prefix)).await
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
