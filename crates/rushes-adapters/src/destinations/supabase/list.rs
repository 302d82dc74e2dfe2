//! Listings. Supabase lists by its own keys, whose order is not that of ours, so a listing is read to its end when it is begun.

use super::SupabaseDestination;
use super::keys::{decode, encode};
use crate::destinations::call::{Call, Said};
use http::Method;
use rushes_core::destination::Listing;
use rushes_core::folder::is_marker;
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde_json::json;
use std::sync::atomic::Ordering;

/// Keys on one page of theirs.
const PAGE: usize = 1_000;
/// The most keys one listing may have: some hundred megabytes.
const KEYS_MAX: usize = 2_000_000;

/// One page of a flat listing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Flat {
    objects: Vec<Named>,
    has_next: bool,
    next_cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    /// None for a folder.
    id: Option<String>,
}

/// Our keys among theirs.
fn ours(found: &[String], prefix: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        found.iter().filter(|name| !is_marker(name)).filter_map(|name| decode(name)).filter(|key| key.starts_with(prefix)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl SupabaseDestination {
    pub(super) async fn list_page(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        self.listings.page(prefix, cursor, async { Ok(ours(&self.all(prefix).await?, prefix)) }).await
    }

    /// Every one of their keys that may begin with this prefix of ours, in no order.
    async fn all(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        if !self.is_old.load(Ordering::Relaxed) {
            match self.all_flat(prefix).await {
                // An older server takes the address for an object's, in a bucket `list-v2`; or the project has not moved on.
                Err(said) if said.status == 404 || &*said.code == "FeatureNotEnabled" => self.is_old.store(true, Ordering::Relaxed),
                found => return Ok(found?),
            }
        }
        let found = self.all_by_folder(prefix).await?;
        self.is_old.store(true, Ordering::Relaxed);
        Ok(found)
    }

    async fn list_call<T: for<'de> Deserialize<'de>>(&self, path: &str, body: &serde_json::Value, field: &str) -> Result<T, Said> {
        let about = self.about("list objects", "SELECT", "");
        self.ask(Call::new(Method::POST, format!("object/{path}/{}", self.encoded_bucket()), about).json(body), field).await
    }

    fn check_bound(&self, found: &[String]) -> Result<(), Said> {
        if found.len() <= KEYS_MAX {
            return Ok(());
        }
        let reason = format!("more than {KEYS_MAX} keys begin so; list by a longer prefix");
        Err(Fault::new(Code::DestinationRefused, "list objects").with("bucket", self.bucket()).because(reason).into())
    }

    async fn all_flat(&self, prefix: &str) -> Result<Vec<String>, Said> {
        let (mut found, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let mut body = json!({"prefix": encode(prefix), "limit": PAGE, "with_delimiter": false});
            if let Some(cursor) = &cursor {
                body["cursor"] = json!(cursor);
            }
            let page: Flat = self.list_call("list-v2", &body, "objects").await?;
            let is_empty = page.objects.is_empty();
            found.extend(page.objects.into_iter().map(|object| object.name));
            self.check_bound(&found)?;
            match page.next_cursor {
                _ if !page.has_next => return Ok(found),
                Some(next) if !is_empty && cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => {
                    let fault = Fault::new(Code::DestinationDown, "list objects").with("bucket", self.bucket());
                    return Err(fault.because("the server says there is more, and not where").into());
                }
            }
        }
    }

    /// Folder by folder, as servers without flat listings have it. These tell neither `A/` from `a/` nor, some of them,
    /// `_` in a folder's name from any other sign: with names so alike they list more than there is.
    async fn all_by_folder(&self, prefix: &str) -> Result<Vec<String>, Said> {
        let prefix = encode(prefix);
        let first = prefix.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let (mut found, mut folders) = (Vec::new(), vec![first]);
        while let Some(folder) = folders.pop() {
            for offset in (0..).step_by(PAGE) {
                let sort = json!({"column": "name", "order": "asc"});
                let body = json!({"prefix": folder, "limit": PAGE, "offset": offset, "sortBy": sort});
                let page: Vec<Named> = self.list_call("list", &body, "").await?;
                let count = page.len();
                for entry in page {
                    let name = format!("{folder}{}", entry.name);
                    match entry.id {
                        Some(_) => found.push(name),
                        None if prefix.starts_with(&format!("{name}/")) || name.starts_with(&prefix) => folders.push(format!("{name}/")),
                        None => {}
                    }
                }
                self.check_bound(&found)?;
                if count < PAGE {
                    break;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_listings_are_in_the_order_of_our_keys() {
        let mut keys = ["a/A", "a/[b", "a/é", "a/#", "a/=", "a/z", "a-b", "b"].map(str::to_owned).to_vec();
        let mut theirs: Vec<String> = keys.iter().map(|key| encode(key)).collect();
        theirs.sort_unstable();
        theirs.push("a/.emptyFolderPlaceholder".into());
        theirs.push("a/not=ours".into());
        keys.retain(|key| key.starts_with('a'));
        keys.sort_unstable();
        assert_eq!(ours(&theirs, "a"), keys);
    }
}
