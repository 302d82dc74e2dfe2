//! When a file of a watched folder has settled: when two looks at it are equal, some time apart, or it came by a rename.
//! Each state of each file is given once.

use super::walk::Entry;
use rushes_workflows::import::Mark;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Between two looks at a file that somebody was seen closing.
pub(crate) const QUICK: Duration = Duration::from_millis(100);
/// Who was seen writing, and never closing, is waited for so long: what the system reports may be lost.
const WRITING_MAX: Duration = Duration::from_mins(1);

/// What the system said of a file. Never believed, only a reason to look sooner or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Somebody writes it.
    Writing,
    /// Somebody has written it and closed it.
    Closed,
    /// It came here whole, under another name before.
    Renamed,
}

struct Seen {
    mark: Mark,
    since: Instant,
    hint: Option<Hint>,
    is_given: bool,
}

/// What a folder was last seen to hold, by path below it.
pub(crate) struct Looks {
    settle: Duration,
    seen: HashMap<String, Seen>,
    /// Those of them that have not settled; few, where the others may be very many.
    unsettled: HashSet<String>,
}

impl Looks {
    /// Of files that settle within this long, where nothing is reported of them.
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, seen: HashMap::new(), unsettled: HashSet::new() }
    }

    /// Looks at a file; whether it has settled with this look.
    pub(crate) fn see(&mut self, entry: &Entry, hint: Option<Hint>, now: Instant) -> bool {
        let new = || Seen { mark: entry.mark, since: now, hint: None, is_given: false };
        let seen = self.seen.entry(entry.relative.clone()).or_insert_with(new);
        if seen.mark != entry.mark {
            // Whoever was writing still does.
            let writing = seen.hint.filter(|hint| *hint == Hint::Writing);
            *seen = Seen { hint: writing, ..new() };
        }
        seen.hint = hint.or(seen.hint);
        if seen.is_given {
            return false;
        }
        if now.duration_since(seen.since) < wait(seen.hint, self.settle) {
            self.unsettled.insert(entry.relative.clone());
            return false;
        }
        seen.is_given = true;
        self.unsettled.remove(&entry.relative);
        true
    }

    /// Forgets what a look at everything did not find.
    pub(crate) fn keep(&mut self, files: &[Entry]) {
        let there: HashSet<&str> = files.iter().map(|entry| entry.relative.as_str()).collect();
        self.seen.retain(|relative, _| there.contains(relative.as_str()));
        self.unsettled.retain(|relative| there.contains(relative.as_str()));
    }

    /// Forgets one that is gone.
    pub(crate) fn forget(&mut self, relative: &str) {
        self.seen.remove(relative);
        self.unsettled.remove(relative);
    }

    /// Those whose second look is due.
    pub(crate) fn due(&self, now: Instant) -> Vec<String> {
        let is_due = |seen: &Seen| now.duration_since(seen.since) >= wait(seen.hint, self.settle);
        self.unsettled.iter().filter(|relative| self.seen.get(*relative).is_some_and(is_due)).cloned().collect()
    }

    /// Those that have not settled.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &str> {
        self.unsettled.iter().map(String::as_str)
    }
}

fn wait(hint: Option<Hint>, settle: Duration) -> Duration {
    match hint {
        None => settle,
        Some(Hint::Writing) => WRITING_MAX.max(settle),
        Some(Hint::Closed) => QUICK,
        Some(Hint::Renamed) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const SETTLE: Duration = Duration::from_secs(2);

    fn file(size_bytes: u64) -> Entry {
        let mark = Mark { inode: 1, size_bytes, changed_ns: 1 };
        Entry { path: PathBuf::from("/w/a.png"), relative: "a.png".into(), mark }
    }

    fn at(began: Instant, ms: u64) -> Instant {
        began + Duration::from_millis(ms)
    }

    #[test]
    fn looks_give_a_file_once_when_two_are_equal() {
        let (mut looks, began) = (Looks::new(SETTLE), Instant::now());
        assert!(!looks.see(&file(1), None, began));
        assert!(!looks.see(&file(1), None, at(began, 500)), "not yet apart enough");
        assert!(!looks.see(&file(2), None, at(began, 2_500)), "it grows");
        assert!(looks.due(at(began, 4_000)).is_empty());
        assert_eq!(looks.due(at(began, 4_500)), ["a.png"]);
        assert!(looks.see(&file(2), None, at(began, 4_500)));
        assert!(!looks.see(&file(2), None, at(began, 9_000)), "given once");
        assert!(!looks.see(&file(3), None, at(began, 9_500)), "another content is another state");
        assert!(looks.see(&file(3), None, at(began, 12_000)));
        looks.keep(&[]);
        assert!(!looks.see(&file(3), None, at(began, 13_000)), "it came back and is looked at anew");
        assert_eq!(looks.waiting().collect::<Vec<_>>(), ["a.png"]);
    }

    #[test]
    fn looks_are_hastened_and_put_off_by_what_the_system_says() {
        let (mut looks, began) = (Looks::new(SETTLE), Instant::now());
        assert!(looks.see(&file(1), Some(Hint::Renamed), began), "it came whole");
        assert!(!looks.see(&file(2), Some(Hint::Writing), at(began, 10)));
        assert!(!looks.see(&file(2), None, at(began, 30_000)), "a pause in writing is no end");
        assert!(!looks.see(&file(3), None, at(began, 31_000)));
        assert!(!looks.see(&file(3), None, at(began, 34_000)), "also where a scan saw it grow");
        assert!(looks.see(&file(3), Some(Hint::Closed), at(began, 34_100)));
        assert!(!looks.see(&file(4), Some(Hint::Closed), at(began, 40_000)));
        assert!(looks.see(&file(4), None, at(began, 40_100)), "closed: a tenth of a second is enough");
        assert!(!looks.see(&file(5), Some(Hint::Writing), at(began, 50_000)));
        assert!(looks.see(&file(5), None, at(began, 110_000)), "what is reported may be lost");
    }
}
