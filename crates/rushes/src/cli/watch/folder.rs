//! One watched folder: what it holds, what has settled, and what its files are to become.

use crate::cli::print;
use crate::config::WatchSection;
use crate::ways::hints::{Hints, Told};
use crate::ways::looks::{Hint, Looks};
use crate::ways::walk::{Entry, Rules, Walked, folder_id, look_at, walk};
use rushes_core::flow::hash;
use rushes_core::kinds::Names;
use rushes_core::recognise::{Recognised, recognise};
use rushes_core::{Code, Fault, Kind};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between two looks at everything at least, however much is reported.
const BREATH: Duration = Duration::from_millis(200);
/// Of what could not be looked at, so many are told; a disk of closed folders must not fill a screen.
const TOLD_MAX: usize = 1_000;

/// A file that has settled.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) entry: Entry,
    /// When it was closed or came, where that was seen; milliseconds since 1970.
    pub(super) closed_ms: Option<i64>,
    pub(super) wish: Wish,
}

/// What a file is to become, as far as its name and the folder's settings say.
#[derive(Debug)]
pub(super) enum Wish {
    /// What its name says.
    Recognised(Recognised),
    /// What the settings say.
    As { kind: Option<Kind>, subject: String, title: Option<String>, names: Names },
}

pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) every: Duration,
    pub(super) settle: Duration,
    section: WatchSection,
    rules: Rules,
    looks: Looks,
    /// When each file was last seen closed or arriving, until it is given.
    closed_ms: HashMap<PathBuf, i64>,
    hints: Option<Hints>,
    /// Which very folder the hints are of.
    heard: Option<(u64, u64)>,
    next: Instant,
    scanned: Instant,
    told: HashSet<String>,
    is_gone: bool,
}

impl Folder {
    /// Errors: `input_invalid` when there is no such folder, or it is Rushes' own.
    pub(super) fn open(section: WatchSection, own: Vec<PathBuf>) -> Result<Self, Fault> {
        let refuse =
            |reason: String| Fault::new(Code::InputInvalid, "watch folder").with("folder", section.folder.display()).because(reason);
        let root = std::path::absolute(&section.folder).map_err(|e| refuse(e.to_string()))?;
        let real = std::fs::canonicalize(&root).map_err(|e| refuse(e.to_string()))?;
        if !real.is_dir() {
            return Err(refuse("it is no folder".to_owned()));
        }
        if own.iter().any(|own| real.starts_with(own)) {
            return Err(refuse("Rushes writes there itself; what it takes in must lie elsewhere".to_owned()));
        }
        let settle = Duration::from_secs_f64(section.settle_s);
        Ok(Self {
            root,
            every: Duration::from_secs_f64(section.every_s),
            settle,
            rules: Rules { ignored: section.ignore.clone(), excluded: own },
            looks: Looks::new(settle),
            section,
            closed_ms: HashMap::new(),
            hints: None,
            heard: None,
            next: Instant::now(),
            scanned: Instant::now(),
            told: HashSet::new(),
            is_gone: false,
        })
    }

    /// Has changes reported, if the system will.
    pub(super) fn listen(&mut self, index: usize, to: &mpsc::Sender<(usize, Told)>) {
        self.heard = folder_id(&self.root);
        let every = self.every.as_secs_f64();
        match Hints::start(&self.root, index, to.clone()) {
            Ok(hints) => {
                self.hints = Some(hints);
                print::note(format!("Watching {}; changes are reported, and all is looked at every {every} s.", self.root.display()));
            }
            Err(why) => {
                self.hints = None;
                print::note(format!("Watching {}, looking every {every} s: changes are not reported ({why}).", self.root.display()));
            }
        }
    }

    /// Whether the folder is another one than the one that is listened to.
    pub(super) fn is_deaf(&self) -> bool {
        !self.is_gone && folder_id(&self.root) != self.heard
    }

    /// Whether everything is to be looked at.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if self.hints.as_ref().is_some_and(Hints::was_overrun) {
            self.next = self.next.min(self.scanned + BREATH);
        }
        now >= self.next
    }

    /// Looks where it is told to.
    pub(super) fn hear(&mut self, told: Told, now_ms: i64) -> Vec<Settled> {
        match told {
            Told::Everything => {
                self.next = self.next.min(self.scanned + BREATH);
                Vec::new()
            }
            Told::Lost(why) => {
                self.next = self.next.min(self.scanned + BREATH);
                self.say(format!("{}: reports of changes are incomplete ({why}); looking goes on", self.root.display()));
                Vec::new()
            }
            Told::File(path, hint) => {
                let Some(entry) = look_at(&self.root, &path, &self.rules) else { return Vec::new() };
                if matches!(hint, Some(Hint::Closed | Hint::Renamed)) {
                    self.closed_ms.insert(path, now_ms);
                }
                self.see(entry, hint, Instant::now()).into_iter().collect()
            }
        }
    }

    /// The second look at what is due for it.
    pub(super) fn look_again(&mut self, now: Instant) -> Vec<Settled> {
        let mut settled = Vec::new();
        for relative in self.looks.due(now) {
            match look_at(&self.root, &self.root.join(&relative), &self.rules) {
                Some(entry) => settled.extend(self.see(entry, None, now)),
                None => self.looks.forget(&relative),
            }
        }
        settled
    }

    /// Looks at everything. Errors: the folder is not there.
    pub(super) async fn scan(&mut self) -> Result<Vec<Settled>, Fault> {
        let (root, rules) = (self.root.clone(), self.rules.clone());
        let walked = tokio::task::spawn_blocking(move || walk(&root, &rules).map_err(|e| Fault::io("look at folder", &root, &e))).await;
        self.scanned = Instant::now();
        self.next = self.scanned + self.every;
        let Walked { files, closed, .. } = walked.map_err(|e| Fault::new(Code::Panicked, "look at folder").because(e))??;
        for (path, why) in closed {
            self.say(format!("{}: {why}", path.display()));
        }
        self.looks.keep(&files);
        self.closed_ms.retain(|path, _| path.exists());
        let now = Instant::now();
        Ok(files.into_iter().filter_map(|entry| self.see(entry, None, now)).collect())
    }

    /// As [`Folder::scan`]; a folder that is gone is waited for.
    pub(super) async fn scan_or_wait(&mut self) -> Vec<Settled> {
        match self.scan().await {
            Ok(settled) => {
                if self.is_gone {
                    self.is_gone = false;
                    print::note(format!("{} is back.", self.root.display()));
                }
                settled
            }
            Err(fault) => {
                if !self.is_gone {
                    self.is_gone = true;
                    (self.hints, self.heard) = (None, None);
                    self.looks.keep(&[]);
                    print::note(format!("{} cannot be looked at, and is waited for: {fault}", self.root.display()));
                }
                Vec::new()
            }
        }
    }

    /// Those that have not settled.
    pub(super) fn waiting(&self) -> Vec<PathBuf> {
        self.looks.waiting().map(|relative| self.root.join(relative)).collect()
    }

    /// Has a file looked at again that was given, and then was another.
    pub(super) fn forget(&mut self, relative: &str) {
        self.looks.forget(relative);
    }

    fn see(&mut self, entry: Entry, hint: Option<Hint>, now: Instant) -> Option<Settled> {
        if !self.looks.see(&entry, hint, now) {
            return None;
        }
        let closed_ms = self.closed_ms.remove(&entry.path);
        let wish = self.wish(&entry);
        Some(Settled { entry, closed_ms, wish })
    }

    /// Says a thing once.
    fn say(&mut self, text: String) {
        if self.told.len() < TOLD_MAX && self.told.insert(text.clone()) {
            print::note(text);
        }
    }

    fn wish(&self, entry: &Entry) -> Wish {
        let kind = self.section.kind.as_deref().and_then(Kind::named);
        if let (None, Some(found)) = (kind, recognise(&entry.path.to_string_lossy())) {
            return Wish::Recognised(found);
        }
        let subject = self.section.subject.clone().unwrap_or_else(|| "local".to_owned());
        let stem = entry.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // A workspace path has a job in it: here the file itself, so that its next content is its next version.
        let own =
            [("job", hash(&entry.path)[..16].to_owned()), ("idx", "0".to_owned()), ("user", subject.clone()), ("shoot", subject.clone())];
        let mut names: Names = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for name in ["ref", "variant", "name", "person", "photo"] {
            names.insert(name.to_owned(), stem.clone());
        }
        names.insert("group".to_owned(), "Solo".to_owned());
        names.extend(self.section.names.clone());
        Wish::As { kind, subject, title: self.section.title.clone(), names }
    }
}
