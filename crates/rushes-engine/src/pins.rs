//! Bytes in use and bytes that go: no blob is ever both. Who works from a blob, or is just registering it, holds a pin;
//! who removes one claims it first, gets it only while nobody holds it, and has it to himself until it is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What is happening to which blob; those nothing happens to are not in it.
#[derive(Debug, Default)]
pub struct Pins {
    blobs: Mutex<HashMap<String, Use>>,
    /// Rung whenever a claim is let go of.
    released: Notify,
    /// When the use of which blob was last written down, milliseconds since 1970.
    noted: Mutex<HashMap<String, i64>>,
}

/// A use is written down when the last one noted is older than this: which of two blobs was not used for longer matters
/// after days, and each note is a transaction.
const USE_NOTED_MS: i64 = 60_000;
/// Notes remembered at most; those that are forgotten are only written down once more.
const NOTED_MAX: usize = 10_000;

#[derive(Debug)]
enum Use {
    /// Held by so many, one at least.
    Pinned(usize),
    /// Being removed.
    Claimed,
}

impl Pins {
    fn blobs(&self) -> MutexGuard<'_, HashMap<String, Use>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds these bytes here until the pin is dropped; whether there are any, is to be looked at afterwards. Waits while
    /// they are being removed, which never waits for a pin.
    pub async fn pin(self: &Arc<Self>, sha256: &str) -> Pinned {
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            // Before the look: what is let go of between look and wait must not be missed.
            released.as_mut().enable();
            if let Some(pin) = self.try_pin(sha256) {
                return pin;
            }
            released.await;
        }
    }

    fn try_pin(self: &Arc<Self>, sha256: &str) -> Option<Pinned> {
        let mut blobs = self.blobs();
        match blobs.entry(sha256.to_owned()).or_insert(Use::Pinned(0)) {
            Use::Pinned(count) => *count += 1,
            Use::Claimed => return None,
        }
        Some(Pinned { pins: self.clone(), sha256: sha256.to_owned() })
    }

    /// Whether a use now is to be written down; then it counts as noted.
    pub(crate) fn is_use_news(&self, sha256: &str, now_ms: i64) -> bool {
        let mut noted = self.noted();
        if noted.get(sha256).is_some_and(|last_ms| (0..USE_NOTED_MS).contains(&(now_ms - last_ms))) {
            return false;
        }
        if noted.len() >= NOTED_MAX {
            noted.clear();
        }
        noted.insert(sha256.to_owned(), now_ms);
        true
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These bytes, to be removed: until the claim is dropped nobody gets hold of them. None while somebody holds them.
    #[must_use]
    pub fn claim(self: &Arc<Self>, sha256: &str) -> Option<Claimed> {
        let mut blobs = self.blobs();
        if blobs.contains_key(sha256) {
            return None;
        }
        blobs.insert(sha256.to_owned(), Use::Claimed);
        // Its row may change: the next use tells that it is here.
        self.noted().remove(sha256);
        Some(Claimed { pins: self.clone(), sha256: sha256.to_owned() })
    }
}

/// Holds the bytes of one blob on this machine.
#[derive(Debug)]
pub struct Pinned {
    pins: Arc<Pins>,
    sha256: String,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut blobs = self.pins.blobs();
        match blobs.get_mut(&self.sha256) {
            Some(Use::Pinned(count)) if *count > 1 => *count -= 1,
            _ => drop(blobs.remove(&self.sha256)),
        }
    }
}

/// Keeps everybody from one blob, which is being removed.
#[derive(Debug)]
pub struct Claimed {
    pins: Arc<Pins>,
    sha256: String,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.pins.blobs().remove(&self.sha256);
        self.pins.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn pins_keep_a_blob_from_being_claimed_and_wait_while_it_is() {
        let pins = Arc::new(Pins::default());
        let (first, second) = (pins.pin("a").await, pins.pin("a").await);
        let other = pins.claim("b").expect("nobody holds it");
        drop(first);
        assert!(pins.claim("a").is_none(), "one still holds it");
        drop(second);
        let claim = pins.claim("a").expect("nobody holds it any more");
        assert!(pins.claim("a").is_none(), "one removes it");
        let mut waiting = Box::pin(pins.pin("a"));
        assert!(waiting.as_mut().now_or_never().is_none(), "it is being removed");
        drop(other);
        assert!(waiting.as_mut().now_or_never().is_none(), "that was another");
        drop(claim);
        drop(waiting.now_or_never().expect("it is gone, and may come back"));
        assert!(pins.blobs().is_empty(), "nothing is left of it");
    }

    #[test]
    fn pins_have_the_use_of_a_blob_noted_once_a_minute() {
        let pins = Arc::new(Pins::default());
        let news: Vec<bool> = [0, 1_000, 59_999, 60_000, 60_001].map(|now_ms| pins.is_use_news("a", now_ms)).into();
        assert_eq!(news, [true, false, false, true, false]);
        assert!(pins.is_use_news("b", 60_002), "each for itself");
        drop(pins.claim("a"));
        assert!(pins.is_use_news("a", 60_003), "it was to be removed");
        assert!(pins.is_use_news("a", 1), "the clock was set back");
    }
}
