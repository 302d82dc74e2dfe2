//! What the server holds in memory, and how one waits for a change of it.

use super::{Hold, Machine, Planned, Seen};
use crate::orders::Moment;
use crate::provider_suite::Held;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

/// What it remembers of the past.
const HISTORY_MAX: usize = 10_000;

pub(super) struct Shared {
    pub(super) home: PathBuf,
    pub(super) machine: Machine,
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    /// The held request is there.
    pub(super) reached: Notify,
}

/// One prompt, as it is queued.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) graph: Map<String, Value>,
    pub(super) extra: Map<String, Value>,
    pub(super) outputs: Vec<String>,
}

impl Entry {
    pub(super) fn told(&self) -> Value {
        serde_json::json!([self.number, self.id, self.graph, self.extra, self.outputs])
    }

    pub(super) fn client(&self) -> Option<&str> {
        self.extra.get("client_id")?.as_str()
    }
}

/// Somebody who listens.
pub(super) struct Socket {
    pub(super) sid: String,
    pub(super) sends: mpsc::UnboundedSender<Message>,
    /// Whether it asked for previews that say whose they are.
    pub(super) wants_metadata: bool,
}

pub(super) struct Inner {
    pub(super) number: i64,
    pub(super) pending: Vec<Entry>,
    pub(super) running: Option<Entry>,
    pub(super) is_interrupted: bool,
    pub(super) held_node: Option<String>,
    pub(super) step: u64,
    pub(super) history: Vec<(String, Value)>,
    /// What the last prompt's nodes gave, by what they were given.
    pub(super) cache: BTreeMap<String, Value>,
    pub(super) loaded: Vec<(String, u64)>,
    pub(super) leaked_bytes: u64,
    pub(super) sockets: Vec<Socket>,
    pub(super) planned: VecDeque<(&'static str, Planned)>,
    pub(super) calls: Vec<&'static str>,
    pub(super) taken: Vec<Value>,
    pub(super) hold: Hold,
    /// A request that is never answered.
    pub(super) held: Option<(Held, Moment)>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            number: 0,
            pending: Vec::new(),
            running: None,
            is_interrupted: false,
            held_node: None,
            step: 0,
            history: Vec::new(),
            cache: BTreeMap::new(),
            loaded: Vec::new(),
            leaked_bytes: 0,
            sockets: Vec::new(),
            planned: VecDeque::new(),
            calls: Vec::new(),
            taken: Vec::new(),
            hold: Hold::Nothing,
            held: None,
        }
    }
}

impl Inner {
    pub(super) fn next_planned(&mut self, call: &str) -> Option<Planned> {
        let at = self.planned.iter().position(|(name, _)| *name == call)?;
        self.planned.remove(at).map(|(_, planned)| planned)
    }

    /// To one listener, or to all.
    pub(super) fn send(&mut self, to: Option<&str>, message: &Message) {
        self.sockets.retain(|socket| to.is_some_and(|sid| sid != socket.sid) || socket.sends.send(message.clone()).is_ok());
    }

    pub(super) fn tell(&mut self, to: Option<&str>, kind: &str, data: &Value) {
        self.send(to, &Message::text(serde_json::json!({"type": kind, "data": data}).to_string()));
    }

    /// To all: how many prompts there are.
    pub(super) fn tell_queue(&mut self) {
        let status = self.status();
        self.tell(None, "status", &status);
    }

    pub(super) fn status(&self) -> Value {
        let remaining = self.pending.len() + usize::from(self.running.is_some());
        serde_json::json!({"status": {"exec_info": {"queue_remaining": remaining}}})
    }

    pub(super) fn remember(&mut self, id: &str, told: Value) {
        // An id that comes twice stands for the later one.
        self.history.retain(|(other, _)| other != id);
        self.history.push((id.to_owned(), told));
        let over = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..over);
    }

    pub(super) fn free_bytes(&self, machine: &Machine) -> u64 {
        let used = self.loaded.iter().map(|(_, bytes)| bytes).sum::<u64>() + self.leaked_bytes;
        machine.vram_bytes.saturating_sub(used)
    }

    /// Takes the first of the loaded models out of memory; its name.
    pub(super) fn unload_one(&mut self, machine: &Machine) -> Option<String> {
        let (name, bytes) = (!self.loaded.is_empty()).then(|| self.loaded.remove(0))?;
        if machine.is_leaky {
            self.leaked_bytes += bytes;
        }
        Some(name)
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            pending: self.pending.iter().map(|entry| entry.id.clone()).collect(),
            running: self.running.as_ref().map(|entry| entry.id.clone()),
            held: self.held_node.clone(),
            over: self.history.iter().map(|(id, _)| id.clone()).collect(),
            sockets: self.sockets.len(),
            loaded: self.loaded.iter().map(|(name, _)| name.clone()).collect(),
            step: self.step,
        }
    }
}

impl Shared {
    pub(super) fn new(home: PathBuf, machine: Machine) -> Self {
        for folder in ["input", "output", "temp"] {
            std::fs::create_dir_all(home.join(folder)).expect("a folder of its own");
        }
        Self { home, machine, inner: Mutex::default(), changes: watch::Sender::new(0), reached: Notify::new() }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has changed.
    pub(super) fn moved(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Waits until the state gives something.
    pub(super) async fn until<T>(&self, mut wanted: impl FnMut(&mut Inner) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = wanted(&mut self.inner()) {
                return found;
            }
            changes.changed().await.expect("its sender lives as long");
        }
    }
}
