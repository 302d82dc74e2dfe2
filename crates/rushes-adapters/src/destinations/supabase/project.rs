//! `supabase://*`: several buckets of a project as one destination. The first name of a key is its bucket, the rest the key
//! in it. Buckets that are not there are empty; none is made.

use super::{SupabaseDestination, SupabaseSettings};
use crate::http::encode_path;
use async_trait::async_trait;
use rushes_core::destination::{Abilities, Destination, Links, Listing, Proof, Put, Uploads};
use rushes_core::{Code, Fault};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// The buckets of a project that are spoken of.
#[derive(Debug)]
pub struct SupabaseProject {
    buckets: BTreeMap<String, SupabaseDestination>,
}

impl SupabaseProject {
    /// Speaks to nobody yet. The bucket that the settings name is not looked at. Errors: `config_invalid`.
    pub fn new<'a>(settings: &SupabaseSettings, buckets: impl Iterator<Item = &'a str>) -> Result<Self, Fault> {
        let open = |bucket: &str| {
            let settings = SupabaseSettings { bucket: bucket.to_owned(), ..settings.clone() };
            Ok((bucket.to_owned(), SupabaseDestination::new(settings)?))
        };
        Ok(Self { buckets: buckets.map(open).collect::<Result<_, Fault>>()? })
    }

    /// A key's bucket, and its key there. Errors: `destination_refused`.
    fn of<'a>(&self, key: &'a str) -> Result<(&SupabaseDestination, &'a str), Fault> {
        let found = key.split_once('/').and_then(|(bucket, rest)| Some((self.buckets.get(bucket)?, rest)));
        found.ok_or_else(|| {
            let names: Vec<&str> = self.buckets.keys().map(String::as_str).collect();
            let reason = format!("the first folder of a key here is its bucket, one of: {}", names.join(", "));
            Fault::new(Code::DestinationRefused, "find bucket").with("key", key).because(reason)
        })
    }
}

/// What was looked for, where its bucket is there; None where the bucket itself is missing.
async fn unless_missing<T>(bucket: &SupabaseDestination, found: Result<Option<T>, Fault>) -> Result<Option<T>, Fault> {
    match found {
        Err(fault) if fault.code == Code::DestinationRefused && !bucket.is_there().await? => Ok(None),
        found => found,
    }
}

#[async_trait]
impl Destination for SupabaseProject {
    fn abilities(&self) -> Abilities<'_> {
        let all = || self.buckets.values().map(Destination::abilities);
        let clock_ahead_ms = all().find_map(|one| one.clock_ahead_ms);
        let proves_by_md5_up_to = all().map(|one| one.proves_by_md5_up_to).min().unwrap_or(0);
        Abilities { links: Some(self), uploads: Some(self), setup: None, folders: false, copies: None, clock_ahead_ms, proves_by_md5_up_to }
    }

    fn uri(&self, key: &str) -> String {
        format!("supabase://{}", encode_path(key))
    }

    async fn put(&self, put: Put<'_>) -> Result<Proof, Fault> {
        let (bucket, key) = self.of(put.key)?;
        bucket.put(Put { key, ..put }).await
    }

    async fn stat(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let (bucket, key) = self.of(key)?;
        unless_missing(bucket, bucket.stat(key).await).await
    }

    async fn read_back(&self, key: &str) -> Result<Option<Proof>, Fault> {
        let (bucket, key) = self.of(key)?;
        unless_missing(bucket, bucket.read_back(key).await).await
    }

    async fn get(&self, key: &str, bytes: Option<Range<u64>>, into: &Path) -> Result<(), Fault> {
        let (bucket, key) = self.of(key)?;
        bucket.get(key, bytes, into).await
    }

    /// One bucket after another; a page is of one alone, and may be empty.
    async fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Listing, Fault> {
        let begun = cursor.and_then(|cursor| cursor.split_once('/'));
        let is_meant = |name: &str| {
            let folder = format!("{name}/");
            (folder.starts_with(prefix) || prefix.starts_with(&folder)) && begun.is_none_or(|(bucket, _)| name >= bucket)
        };
        let mut meant = self.buckets.iter().filter(|(name, _)| is_meant(name));
        let Some((name, bucket)) = meant.next() else { return Ok(Listing::default()) };
        let within = prefix.strip_prefix(&format!("{name}/")).unwrap_or_default();
        let after = begun.filter(|(bucket, key)| bucket == name && !key.is_empty()).map(|(_, key)| key);
        let page = if after.is_some() || bucket.is_there().await? { bucket.list(within, after).await? } else { Listing::default() };
        let whole = |key: String| format!("{name}/{key}");
        let next = page.next.map(whole).or_else(|| meant.next().map(|(name, _)| format!("{name}/")));
        Ok(Listing { keys: page.keys.into_iter().map(whole).collect(), next })
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        let (bucket, key) = self.of(key)?;
        bucket.delete(key).await
    }

    async fn ensure_folder(&self, _key: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Links for SupabaseProject {
    fn public_url(&self, key: &str) -> String {
        self.of(key).map_or_else(|_| self.uri(key), |(bucket, key)| bucket.public_url(key))
    }

    async fn signed_url(&self, key: &str, valid: Duration) -> Result<String, Fault> {
        let (bucket, key) = self.of(key)?;
        bucket.signed_url(key, valid).await
    }
}

#[async_trait]
impl Uploads for SupabaseProject {
    async fn abandon(&self, key: &str, session: &str) -> Result<(), Fault> {
        let (bucket, key) = self.of(key)?;
        bucket.abandon(key, session).await
    }
}
