//! A server that behaves as ComfyUI 0.3.64 does: it checks a graph as ComfyUI checks it, works through its nodes one prompt
//! at a time, tells about it over a WebSocket in the order measured, and keeps queue, history and what it made already in
//! memory, and its files on disk. Written from transcripts of a real one, and kept to them by a test.
//!
//! What it "makes" are pictures and films drawn from the graph and its seed, of the size the graph says. Left out: all nodes
//! but those of [`nodes`], custom nodes, subgraphs, accounts.

mod check;
mod files;
mod made;
mod nodes;
mod pictures;
mod process;
mod routes;
mod run;
mod served;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod told;

pub use process::process;

use serde_json::Value;
use state::{Inner, Shared};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const GIGABYTE: u64 = 1_000_000_000;

/// A picture of this size, as it would draw one.
#[must_use]
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    pictures::png(width, height, 1, &[])
}

/// One file of a model.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The folder it lies in: `checkpoints`, `diffusion_models`, `text_encoders`, `vae`.
    pub folder: &'static str,
    /// Its name there.
    pub name: String,
    /// What it takes of the card's memory.
    pub size_bytes: u64,
}

/// What it runs on.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The card's memory.
    pub vram_bytes: u64,
    /// What lies in its folders of models.
    pub models: Vec<ModelFile>,
    /// What it unloads stays occupied until it is started again.
    pub is_leaky: bool,
    /// How long a node takes, or a sampler's step, in milliseconds.
    pub step_ms: u64,
    /// How long a gigabyte of a model takes to load, in milliseconds.
    pub load_ms: u64,
}

impl Default for Machine {
    /// 24 GB, with the models of SDXL and WAN 2.2; takes no time.
    fn default() -> Self {
        let models = [
            ("checkpoints", "sd_xl_base_1.0.safetensors", 69),
            ("diffusion_models", "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors", 143),
            ("diffusion_models", "wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors", 143),
            ("text_encoders", "umt5_xxl_fp8_e4m3fn_scaled.safetensors", 67),
            ("vae", "wan_2.1_vae.safetensors", 3),
        ];
        let file = |(folder, name, tenths): (_, &str, u64)| ModelFile { folder, name: name.into(), size_bytes: tenths * GIGABYTE / 10 };
        Self { vram_bytes: 24 * GIGABYTE, models: models.map(file).into(), is_leaky: false, step_ms: 0, load_ms: 0 }
    }
}

/// What goes wrong with the next call of that name, or the next run.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// It is not carried out, and the answer has this status.
    Status(u16),
    /// It is not carried out, and the answer has this status and body.
    Says(u16, Vec<u8>),
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is not carried out, and the connection breaks.
    Dropped,
    /// The answer comes by half.
    Half,
    /// Nothing comes, and the connection stays.
    Stalls,
    /// The work fails with an exception of this type and these words.
    Fails(&'static str, String),
    /// The work fails because the card's memory is full.
    OutOfMemory,
    /// What is saved is of another size than was asked for.
    OtherSize,
}

/// What work waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Nothing.
    Nothing,
    /// Before it is taken out of the queue.
    Queue,
    /// Before the work of each node.
    Nodes,
    /// In each sampler, after so many steps.
    Steps(u64),
    /// After success is told and before the history knows of it.
    History,
}

/// How it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Those that wait, the next one first.
    pub pending: Vec<String>,
    /// The one that is worked on.
    pub running: Option<String>,
    /// Its node that is about to work, and where it is told to, waits before that.
    pub held: Option<String>,
    /// Those in the history, the oldest first.
    pub over: Vec<String>,
    /// How many listen.
    pub sockets: usize,
    /// The models in the card's memory.
    pub loaded: Vec<String>,
    /// The last step that a sampler of the running one has done.
    pub step: u64,
}

/// The server. Dropping it ends it.
pub struct ComfyUi {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Vec<JoinHandle<()>>,
    _folder: Option<tempfile::TempDir>,
}

impl ComfyUi {
    /// Starts it with models of SDXL and WAN, in a folder of its own.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        Self::start_on(Machine::default()).await
    }

    /// As [`ComfyUi::start`], on this machine.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start_on(machine: Machine) -> Self {
        let folder = tempfile::tempdir().expect("a folder for what it makes");
        let mut started = Self::start_at(0, folder.path(), machine).await;
        started._folder = Some(folder);
        started
    }

    /// On this port, 0 for any; its files lie below `home`, and stay.
    async fn start_at(port: u16, home: &Path, machine: Machine) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::new(home.to_owned(), machine));
        let mut started = Self { url: format!("http://{address}"), address, shared, serving: Vec::new(), _folder: None };
        started.serve(listener);
        started
    }

    fn serve(&mut self, listener: TcpListener) {
        let serving = tokio::spawn(routes::serve(listener, self.shared.clone()));
        self.serving = vec![serving, tokio::spawn(run::work(self.shared.clone()))];
    }

    /// Ends it as a kill does: connections break, and queue, history and everything in memory are forgotten. Its files stay.
    pub async fn stop(&mut self) {
        for task in self.serving.drain(..) {
            task.abort();
            // Only then is it sure that nothing of it goes on.
            let _ = task.await;
        }
        let mut inner = self.shared.inner();
        *inner = Inner { calls: std::mem::take(&mut inner.calls), ..Inner::default() };
        drop(inner);
        self.shared.moved();
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// Where its port is taken.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("its port is still free");
        self.serve(listener);
    }

    /// The next call of that name goes wrong: `prompt`, `queue`, `history`, `interrupt`, `upload`, `view`, `stats`, `info`,
    /// `free`, `ws`; or the next `run`.
    pub fn plan(&self, call: &'static str, planned: Planned) {
        self.shared.inner().planned.push_back((call, planned));
    }

    /// Work stops there until it is let go on.
    pub fn hold(&self, hold: Hold) {
        self.shared.inner().hold = hold;
        self.shared.moved();
    }

    /// Breaks the connections of all who listen.
    pub fn cut_sockets(&self) {
        self.shared.inner().sockets.clear();
        self.shared.moved();
    }

    /// The names of all calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.shared.inner().calls.clone()
    }

    /// Every graph that was taken since the start, the oldest first.
    #[must_use]
    pub fn taken(&self) -> Vec<Value> {
        self.shared.inner().taken.clone()
    }

    /// How it stands.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.inner().seen()
    }

    /// Waits until it stands so.
    pub async fn until(&self, is_so: impl Fn(&Seen) -> bool) -> Seen {
        self.shared.until(|inner| Some(inner.seen()).filter(|seen| is_so(seen))).await
    }

    /// The files it has made, below its folder, in order.
    ///
    /// # Panics
    /// Where its folder cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.shared.home.join("output")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("its folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl Drop for ComfyUi {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
        self.shared.inner().sockets.clear();
    }
}
