//! Listings of places whose own order is not that of our keys: read to their end when they are begun, sorted, and handed
//! out page by page from memory. A page asked for after a restart reads again.

use rushes_core::destination::Listing;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Keys on one page.
const PAGE: usize = 1_000;
/// Listings remembered at once, and for how long.
const LISTINGS_MAX: usize = 4;
const REMEMBERED: Duration = Duration::from_mins(10);

/// The listings that are being handed out.
#[derive(Debug, Default)]
pub(super) struct Listings(Mutex<Vec<Begun>>);

#[derive(Debug)]
struct Begun {
    prefix: String,
    at: Instant,
    keys: Arc<Vec<String>>,
}

impl Listings {
    /// The keys after `cursor`; `read` gives all of them, in order, where they are not remembered.
    pub(super) async fn page<E>(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        read: impl Future<Output = Result<Vec<String>, E>>,
    ) -> Result<Listing, E> {
        let keys = match cursor.and_then(|_| self.recall(prefix)) {
            Some(keys) => keys,
            None => Arc::new(read.await?),
        };
        let start = cursor.map_or(0, |at| keys.partition_point(|key| key.as_str() <= at));
        let end = (start + PAGE).min(keys.len());
        let page = keys[start..end].to_vec();
        let next = page.last().filter(|_| end < keys.len()).cloned();
        self.forget(prefix);
        if next.is_some() {
            self.remember(prefix, keys);
        }
        Ok(Listing { keys: page, next })
    }

    /// What is still remembered.
    fn begun(&self) -> MutexGuard<'_, Vec<Begun>> {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|one| one.at.elapsed() < REMEMBERED);
        begun
    }

    fn remember(&self, prefix: &str, keys: Arc<Vec<String>>) {
        let mut begun = self.begun();
        if begun.len() == LISTINGS_MAX {
            begun.remove(0);
        }
        begun.push(Begun { prefix: prefix.to_owned(), at: Instant::now(), keys });
    }

    fn recall(&self, prefix: &str) -> Option<Arc<Vec<String>>> {
        self.begun().iter().find(|one| one.prefix == prefix).map(|one| one.keys.clone())
    }

    fn forget(&self, prefix: &str) {
        self.begun().retain(|one| one.prefix != prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listings_under_way_are_remembered_within_bounds_and_gone_at_their_end() {
        let (listings, all) = (Listings::default(), (0..2_500).map(|n| format!("{n:04}")).collect::<Vec<_>>());
        let first = |prefix: &'static str| listings.page(prefix, None, async { Ok::<_, ()>(all.clone()) });
        for prefix in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(first(prefix).await.unwrap().next.as_deref(), Some("0999"));
        }
        // The oldest two had to go: a page of theirs reads again.
        let unread = |prefix: &'static str, after: &'static str| listings.page(prefix, Some(after), async { Err(()) });
        assert_eq!((unread("a", "0999").await.is_err(), unread("b", "0999").await.is_err()), (true, true));
        assert_eq!(unread("c", "0999").await.unwrap().keys.first().unwrap(), "1000");
        let last = unread("c", "1999").await.unwrap();
        assert_eq!((last.keys.len(), last.next), (500, None));
        assert!(unread("c", "1999").await.is_err(), "at its end it is forgotten");
    }
}
