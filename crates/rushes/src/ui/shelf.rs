//! What the dashboard keeps at hand: small pictures with their colours, silent previews of references, samples of
//! styles, how far steps are, the last audit. All of it can be made again; all of it is bounded.

use bytes::Bytes;
use rushes_core::JobId;
use rushes_engine::Live;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes kept at most, in all.
const KEPT_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Steps whose progress is remembered at most.
const STEPS_MAX: usize = 1_024;
/// A step that told nothing for this long may have ended otherwise.
const TOLD_FOR: Duration = Duration::from_secs(30);

/// The colours of a picture, two beside each other in three rows, as `#rrggbb`.
pub(super) type Colours = [String; 6];

/// Something made for pages.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) mime: &'static str,
    pub(super) bytes: Bytes,
    pub(super) colours: Option<Colours>,
}

#[derive(Default)]
struct Store {
    kept: HashMap<String, (Kept, Instant)>,
    total_bytes: usize,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Doing {
    pub(super) step: String,
    /// 0.0–1.0.
    pub(super) fraction: f32,
    pub(super) note: String,
}

/// Where the last audit stands.
#[derive(Clone, Default)]
pub(super) enum Looked {
    /// None was made since the start.
    #[default]
    Never,
    /// One is under way.
    UnderWay,
    /// It ended then, and this was seen, and mended if that was asked for.
    Seen(i64, Arc<super::audit::Kept>, Option<u64>),
    /// It could not be made.
    Failed(i64, String),
}

/// All of it.
#[derive(Default)]
pub(crate) struct Shelf {
    store: Mutex<Store>,
    steps: Mutex<HashMap<(JobId, String), (Doing, Instant)>>,
    pub(super) audit: Mutex<Looked>,
    /// Held while something large is made, so that it is made once.
    pub(super) making: tokio::sync::Mutex<()>,
}

fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// What is kept under this name.
    pub(super) fn get(&self, name: &str) -> Option<Kept> {
        let mut store = open(&self.store);
        let (kept, used) = store.kept.get_mut(name)?;
        *used = Instant::now();
        Some(kept.clone())
    }

    /// Keeps it; what was not used for longest goes where there is no room.
    pub(super) fn put(&self, name: &str, kept: Kept) {
        let mut store = open(&self.store);
        store.total_bytes += kept.bytes.len();
        if let Some((old, _)) = store.kept.insert(name.to_owned(), (kept, Instant::now())) {
            store.total_bytes -= old.bytes.len();
        }
        while store.total_bytes > KEPT_MAX_BYTES {
            let Some(oldest) = store.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone()) else { return };
            if let Some((gone, _)) = store.kept.remove(&oldest) {
                store.total_bytes -= gone.bytes.len();
            }
        }
    }

    /// The colours of a picture, once it was made small.
    pub(super) fn colours(&self, sha256: &str) -> Option<Colours> {
        open(&self.store).kept.get(sha256).and_then(|(kept, _)| kept.colours.clone())
    }

    /// Hears how far a step is.
    pub(super) fn hear(&self, live: Live) {
        let mut steps = open(&self.steps);
        let key = (live.job, live.step.clone());
        if live.fraction >= 1.0 {
            steps.remove(&key);
            return;
        }
        if steps.len() >= STEPS_MAX {
            steps.retain(|_, (_, told)| told.elapsed() < TOLD_FOR);
        }
        if steps.len() < STEPS_MAX {
            steps.insert(key, (Doing { step: live.step, fraction: live.fraction.clamp(0.0, 1.0), note: live.note }, Instant::now()));
        }
    }

    /// What a job is doing just now, by name.
    pub(super) fn doing(&self, job: JobId) -> Vec<Doing> {
        let steps = open(&self.steps);
        let mut doing: Vec<Doing> = steps
            .iter()
            .filter(|((of, _), (_, told))| *of == job && told.elapsed() < TOLD_FOR)
            .map(|(_, (doing, _))| doing.clone())
            .collect();
        doing.sort_by(|a, b| a.step.cmp(&b.step));
        doing
    }

    /// Where the last audit stands.
    pub(super) fn looked(&self) -> Looked {
        open(&self.audit).clone()
    }

    pub(super) fn set_looked(&self, looked: Looked) {
        *open(&self.audit) = looked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> Kept {
        Kept { mime: "image/jpeg", bytes: vec![0; bytes].into(), colours: None }
    }

    #[test]
    fn shelf_lets_the_longest_unused_go() {
        let shelf = Shelf::default();
        for name in ["a", "b", "c"] {
            shelf.put(name, kept(KEPT_MAX_BYTES / 4));
        }
        assert!(shelf.get("a").is_some());
        shelf.put("d", kept(KEPT_MAX_BYTES / 2));
        assert!(shelf.get("b").is_none(), "it was not used for longest");
        assert!(shelf.get("a").is_some() && shelf.get("d").is_some());
        shelf.put("d", kept(1));
        assert!(open(&shelf.store).total_bytes <= KEPT_MAX_BYTES / 4 * 2 + 1, "what is replaced is not counted");
    }

    #[test]
    fn shelf_knows_how_far_steps_are_until_they_end() {
        let (shelf, job) = (Shelf::default(), JobId(uuid::Uuid::from_u128(7)));
        let live = |step: &str, fraction: f32| Live { job, step: step.into(), fraction, note: "drawing".into() };
        shelf.hear(live("dance primary", 0.4));
        shelf.hear(live("concept", 0.1));
        assert_eq!(shelf.doing(job).iter().map(|doing| doing.step.as_str()).collect::<Vec<_>>(), ["concept", "dance primary"]);
        shelf.hear(live("dance primary", 1.0));
        assert_eq!(shelf.doing(job).len(), 1);
    }
}
