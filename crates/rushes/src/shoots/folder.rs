//! One folder that photos of a shoot are taken from, as it is seen from look to look.

use crate::ways::hints::Hints;
use crate::ways::looks::Looks;
use rushes_workflows::photos;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file that nobody was seen closing has settled when it stays the same for so long.
const SETTLE: Duration = Duration::from_secs(2);

/// The `Incoming/` of a shoot, or a folder it was pointed at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) shoot: String,
    pub(super) root: PathBuf,
}

/// One folder that is there.
pub(super) struct Folder {
    /// Where it really is, and which very folder that is: under its path another may lie one day.
    pub(super) real: PathBuf,
    pub(super) id: Option<(u64, u64)>,
    /// It is the shoot's own.
    pub(super) is_own: bool,
    pub(super) looks: Looks,
    pub(super) hints: Option<Hints>,
    pub(super) next: Instant,
    pub(super) is_walked: bool,
    /// What cannot be looked at, and stands in `Admin/Errors` therefore.
    closed: BTreeSet<PathBuf>,
}

impl Folder {
    /// One that nobody has looked at.
    pub(super) fn new(real: PathBuf, id: Option<(u64, u64)>, is_own: bool, hints: Option<Hints>) -> Self {
        Self { real, id, is_own, looks: Looks::new(SETTLE), hints, next: Instant::now(), is_walked: false, closed: BTreeSet::new() }
    }

    /// What a file below it is called in the album: by its whole path where the folder is not the shoot's own, so that the same
    /// name in two folders is two photos.
    pub(super) fn name(&self, place: &Place, relative: &str) -> String {
        if self.is_own { relative.to_owned() } else { format!("{}/{relative}", place.root.display()) }
    }

    /// As long as something cannot be looked at, it is set aside below `own`, with the reason.
    pub(super) fn say(&mut self, place: &Place, own: &Path, closed: Vec<(PathBuf, String)>) {
        let is_own = self.is_own;
        let name = |path: &Path| -> OsString {
            let below = path.strip_prefix(&place.root).ok().filter(|_| is_own);
            below.unwrap_or(path).as_os_str().to_owned()
        };
        let mut said = BTreeSet::new();
        for (path, why) in closed {
            let is_said = self.closed.contains(&path) || {
                let set = photos::set_aside(own, &path, &name(&path), &why);
                set.inspect_err(|fault| tracing::warn!(%fault, "what cannot be looked at is said by the next look")).is_ok()
            };
            said.extend(is_said.then_some(path));
        }
        for path in self.closed.difference(&said) {
            if let Err(fault) = photos::clear(own, &name(path)) {
                tracing::warn!(%fault, "what can be looked at again is still set aside");
            }
        }
        self.closed = said;
    }

    /// Looked at as if it had never been there.
    pub(super) fn again(&mut self, relative: &str) {
        self.looks.forget(relative);
        (self.next, self.is_walked) = (Instant::now(), false);
    }
}
