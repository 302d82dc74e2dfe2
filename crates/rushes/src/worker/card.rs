//! The graphics card as the policy sees it: which families there are, which were run last, and how much memory is free.

use super::Worker;
use super::child::Child;
use crate::config::WorkerSection;
use rushes_adapters::HttpOptions;
use rushes_adapters::providers::comfyui::{ComfyClient, Graph};
use rushes_core::gpu::{Declared, Limits, Memory};
use rushes_core::{Cancel, Code, Fault};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `/free` is answered before memory is free: it is measured until two looks in a row say the same.
const STILL_AFTER: Duration = Duration::from_millis(400);
/// And no longer than this.
const STILL_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks at a ComfyUI that starts.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const MEGABYTE: u64 = 1_000_000;

/// The families a worker has, each with its graph.
pub(crate) struct Families {
    declared: Declared,
    graphs: BTreeMap<String, Graph>,
}

impl Families {
    /// As configured; paths of graphs are meant from `folder`. Errors: `config_invalid`, `file_missing`, `io`.
    pub(crate) fn of(section: &WorkerSection, folder: &Path) -> Result<Self, Fault> {
        let graph = |name: &str| match name {
            "sdxl" => Ok(Graph::sdxl()),
            "wan22_i2v" => Ok(Graph::wan22_i2v()),
            path => Graph::open(&folder.join(path)),
        };
        let graphs = section.families().into_iter().map(|(family, section)| Ok((family, graph(&section.graph)?)));
        let limits = Limits { max_wait_s: section.max_wait_s, turn_s: section.turn_s, patience_s: section.patience_s };
        Ok(Self { declared: Declared { profiles: section.profiles(), limits }, graphs: graphs.collect::<Result<_, Fault>>()? })
    }

    /// Those that a card of this memory can hold: work of the others is left to whoever has a larger one. Errors: `card_small`
    /// where it holds none.
    pub(super) fn that_fit(&self, total_mb: u32) -> Result<Vec<String>, Fault> {
        let profiles = &self.declared.profiles;
        let fit: Vec<String> = profiles.iter().filter(|one| one.vram_mb <= total_mb).map(|one| one.family.clone()).collect();
        if fit.is_empty() {
            let least = profiles.iter().map(|one| one.vram_mb).min().unwrap_or_default();
            let reason = format!("it has {total_mb} MB, and the smallest family needs {least} MB (vram_mb)");
            return Err(Fault::new(Code::CardSmall, "start worker").because(reason));
        }
        Ok(fit)
    }

    pub(super) fn graph(&self, family: &str) -> Option<&Graph> {
        self.graphs.get(family)
    }
}

/// The card behind one ComfyUI.
pub(super) struct Card {
    client: ComfyClient,
    child: Option<Child>,
    declared: Declared,
    graphs: Vec<Graph>,
    /// Families that were run since the last `/free` or start.
    loaded: Vec<String>,
    /// Which start of the child that was.
    start: u32,
    /// Whether this start was found to have what the graphs need.
    is_checked: bool,
    starts_within: Duration,
}

impl Card {
    pub(super) fn new(worker: &Worker) -> Result<Self, Fault> {
        let client = ComfyClient::new(&worker.comfyui, HttpOptions::default())?;
        let log: PathBuf = worker.folder.join("comfyui.log");
        let child = worker.command.clone().map(|command| Child::start(command, log)).transpose()?;
        let families = &worker.families;
        Ok(Self {
            client,
            child,
            declared: families.declared.clone(),
            graphs: families.graphs.values().cloned().collect(),
            loaded: Vec::new(),
            start: 0,
            is_checked: false,
            starts_within: worker.starts_within,
        })
    }

    pub(super) fn client(&self) -> &ComfyClient {
        &self.client
    }

    pub(super) fn declared(&self) -> &Declared {
        &self.declared
    }

    pub(super) fn loaded(&self) -> &[String] {
        &self.loaded
    }

    /// ComfyUI loads a family with the first prompt that needs it.
    pub(super) fn runs(&mut self, family: &str) {
        if !self.loaded.iter().any(|loaded| loaded == family) {
            self.loaded.push(family.to_owned());
        }
    }

    /// Waits until ComfyUI answers; gives the card's memory. None when told to leave meanwhile. One that was started and does
    /// not answer in time is started anew. Errors: `config_invalid` where it lacks what the graphs need; `provider_down` where
    /// it does not answer and is not this worker's to start.
    pub(super) async fn ready(&mut self, leave: &Cancel) -> Result<Option<Memory>, Fault> {
        let mut since = Instant::now();
        loop {
            match (self.measure().await, &self.child) {
                (Ok(memory), _) => {
                    self.check().await?;
                    return Ok(Some(memory));
                }
                (Err(fault), None) => return Err(fault),
                (Err(fault), Some(child)) if since.elapsed() > self.starts_within => {
                    tracing::warn!(%fault, "ComfyUI does not answer; it is started anew");
                    child.restart();
                    since = Instant::now();
                }
                (Err(_), Some(_)) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = leave.cancelled() => return Ok(None),
            }
        }
    }

    /// Whether this start of ComfyUI has what the graphs need, and whether it is the one that was known.
    async fn check(&mut self) -> Result<(), Fault> {
        let start = self.child.as_ref().map_or(self.start, Child::starts);
        if start != self.start {
            self.start = start;
            self.loaded.clear();
            self.is_checked = false;
        }
        if !self.is_checked {
            for graph in &self.graphs {
                self.client.check(graph).await?;
            }
            self.is_checked = true;
        }
        Ok(())
    }

    async fn measure(&self) -> Result<Memory, Fault> {
        let memory = self.client.memory().await?;
        let mb = |bytes: u64| u32::try_from(bytes / MEGABYTE).unwrap_or(u32::MAX);
        Ok(Memory { total_mb: mb(memory.total_bytes), free_mb: mb(memory.free_bytes) })
    }

    /// Has ComfyUI unload its models, and waits until that shows. Errors: `provider_down`.
    pub(super) async fn free(&mut self) -> Result<(), Fault> {
        self.client.free().await?;
        self.loaded.clear();
        let (begun, mut last) = (Instant::now(), None);
        while begun.elapsed() < STILL_WITHIN {
            tokio::time::sleep(STILL_AFTER).await;
            let now = self.measure().await?;
            if last == Some(now) {
                break;
            }
            last = Some(now);
        }
        Ok(())
    }

    /// Starts ComfyUI anew, where this worker started it. Where it did not, its memory stays as it is, and the policy refuses.
    pub(super) fn restart(&mut self) {
        self.loaded.clear();
        match &self.child {
            Some(child) => child.restart(),
            None => tracing::warn!("after /free too little is free; start ComfyUI anew, or let the worker do that (worker.command)"),
        }
    }
}
