//! What the proxy remembers of requests.

use std::collections::VecDeque;

/// Older requests are forgotten.
const KEPT: usize = 10_000;

/// A request as the proxy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// `PUT`
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Bytes of the request's body that went on to the server, without the framing of chunks.
    pub body_bytes: u64,
    /// What the server answered, or the proxy in its stead; `None` where there was no answer (yet).
    pub status: Option<u16>,
    /// What happened to it, in one word or two; `clear` where nothing did.
    pub weather: &'static str,
}

/// The last requests, numbered from the first.
#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<Passed>,
    forgotten: u64,
    pub(super) spoilt: u64,
}

impl Log {
    /// Remembers a request; returns its number.
    pub(super) fn begin(&mut self, method: &str, target: &str, weather: &'static str) -> u64 {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.spoilt += u64::from(weather != "clear");
        self.entries.push_back(Passed { method: method.into(), target: target.into(), body_bytes: 0, status: None, weather });
        self.forgotten + self.entries.len() as u64 - 1
    }

    /// The request of that number, unless it is forgotten.
    pub(super) fn entry(&mut self, number: u64) -> Option<&mut Passed> {
        let index = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        self.entries.get_mut(index)
    }

    pub(super) fn entries(&self) -> Vec<Passed> {
        self.entries.iter().cloned().collect()
    }

    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        let is_meant = |entry: &&Passed| (method.is_empty() || entry.method == method) && entry.target.contains(part);
        self.entries.iter().filter(is_meant).count()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.entries.len() as u64;
        self.entries.clear();
        self.spoilt = 0;
    }
}
