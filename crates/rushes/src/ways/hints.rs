//! What the system reports of a folder, as hints: reasons to look, never facts. Without them the looks at everything still
//! find all there is.

use super::looks::Hint;
use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Hints kept for one who is slow to look; beyond that everything is looked at instead.
pub(crate) const KEPT: usize = 8_192;

/// A reason to look.
#[derive(Debug)]
pub(crate) enum Told {
    /// At one file.
    File(PathBuf, Option<Hint>),
    /// At everything: reports were lost, or a folder came.
    Everything,
    /// Nothing more is reported, and why.
    Lost(String),
}

/// Reports of one folder, as long as it is kept.
pub(crate) struct Hints {
    _watcher: RecommendedWatcher,
    is_overrun: Arc<AtomicBool>,
}

impl Hints {
    /// Has a folder's changes told as `index`. Errors: why the system will not, in words.
    pub(crate) fn start(folder: &Path, index: usize, to: mpsc::Sender<(usize, Told)>) -> Result<Self, String> {
        let is_overrun = Arc::new(AtomicBool::new(false));
        let overrun = is_overrun.clone();
        let handler = move |event: notify::Result<Event>| {
            let told = match event {
                Ok(event) => of(&event),
                Err(error) => vec![Told::Lost(error.to_string())],
            };
            for told in told {
                if to.try_send((index, told)).is_err() {
                    overrun.store(true, Ordering::Relaxed);
                }
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(handler, config).map_err(|e| e.to_string())?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(|e| e.to_string())?;
        Ok(Self { _watcher: watcher, is_overrun })
    }

    /// Whether hints were dropped since this was last asked.
    pub(crate) fn was_overrun(&self) -> bool {
        self.is_overrun.swap(false, Ordering::Relaxed)
    }
}

fn of(event: &Event) -> Vec<Told> {
    if event.need_rescan() {
        return vec![Told::Everything];
    }
    let hint = match event.kind {
        EventKind::Create(CreateKind::Folder) => return vec![Told::Everything],
        EventKind::Create(_) => None,
        EventKind::Modify(ModifyKind::Data(_)) => Some(Hint::Writing),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Closed),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Hint::Renamed),
        _ => return Vec::new(),
    };
    let told =
        |path: &PathBuf| if hint == Some(Hint::Renamed) && path.is_dir() { Told::Everything } else { Told::File(path.clone(), hint) };
    event.paths.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{DataChange, Flag};

    #[test]
    fn hints_are_read_from_events() {
        let event = |kind: EventKind| Event::new(kind).add_path(PathBuf::from("/w/a.png"));
        let hint = |kind: EventKind| match &of(&event(kind))[..] {
            [Told::File(_, hint)] => *hint,
            other => panic!("{other:?}"),
        };
        assert_eq!(hint(EventKind::Create(CreateKind::File)), None, "a link is made without being written");
        assert_eq!(hint(EventKind::Modify(ModifyKind::Data(DataChange::Any))), Some(Hint::Writing));
        assert_eq!(hint(EventKind::Access(AccessKind::Close(AccessMode::Write))), Some(Hint::Closed));
        assert_eq!(hint(EventKind::Modify(ModifyKind::Name(RenameMode::To))), Some(Hint::Renamed));
        assert!(of(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)))).is_empty(), "we open files ourselves");
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(matches!(of(&overflow)[..], [Told::Everything]));
    }

    #[tokio::test]
    async fn hints_that_nobody_takes_are_dropped_and_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (to, mut from) = mpsc::channel(1);
        let hints = Hints::start(folder.path(), 0, to).unwrap();
        for n in 0..20 {
            std::fs::File::create(folder.path().join(format!("{n}.png"))).unwrap();
        }
        assert!(from.recv().await.is_some());
        let began = std::time::Instant::now();
        while !hints.was_overrun() {
            assert!(began.elapsed() < std::time::Duration::from_secs(10), "twenty files, and room for one hint");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
