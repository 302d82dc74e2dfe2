//! What both kinds of work at ComfyUI share: a graph is filled, ordered under an id of ours, looked at, and its file fetched.

use super::super::in_time::{Progress, Stopped};
use super::client::{ComfyClient, MadeFile, Standing, prompt_id};
use super::graph::{Graph, Inputs};
use super::words::is_out_of_memory;
use rushes_core::digest::digest;
use rushes_core::flow::Lane;
use rushes_core::provider::ProviderCard;
use rushes_core::{Code, Fault, Verdict};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Where what is ours lies there, among inputs and outputs.
const FOLDER: &str = "rushes";

/// How work is ordered.
#[derive(Debug, Clone)]
pub struct ComfySettings {
    /// What should not be seen, where the graph takes that.
    pub negative_prompt: String,
    /// What was sent and is not found this long afterwards never arrived.
    pub arrives_within: Duration,
    /// The longest wait between two looks.
    pub looks_every: Duration,
}

impl Default for ComfySettings {
    fn default() -> Self {
        Self {
            negative_prompt: "child, minor, nudity, text, watermark, deformed hands, extra limbs, blurry".into(),
            arrives_within: Duration::from_secs(10),
            looks_every: Duration::from_secs(1),
        }
    }
}

/// One graph at one ComfyUI.
pub(super) struct Desk {
    client: ComfyClient,
    pub(super) graph: Graph,
    pub(super) settings: ComfySettings,
    model: &'static str,
    /// Whether this ComfyUI can work through the graph; asked once.
    checked: OnceCell<()>,
}

impl Desk {
    pub(super) fn new(client: ComfyClient, graph: Graph, settings: ComfySettings) -> Self {
        // Cards are of constants; a graph is read once in the life of a program.
        let model = graph.model().leak();
        Self { client, graph, settings, model, checked: OnceCell::new() }
    }

    pub(super) fn card(&self) -> ProviderCard {
        ProviderCard { name: "comfyui", model: self.model, version: 1, lane: Lane::Net }
    }

    /// Puts the inputs that the graph takes; those it does not name are left out.
    pub(super) fn put(&self, inputs: &mut Inputs, wanted: impl IntoIterator<Item = (&'static str, Value)>) {
        inputs.extend(wanted.into_iter().filter(|(name, _)| self.graph.takes(name)));
    }

    /// Uploads a file under a name that only its bytes have; gives it as graphs name it.
    pub(super) async fn upload(&self, file: &Path, end: &str) -> Result<String, Fault> {
        let read = file.to_owned();
        let hashed = tokio::task::spawn_blocking(move || {
            File::open(&read).and_then(|opened| digest(opened, "")).map_err(|e| Fault::io("read what is uploaded", &read, &e))
        });
        let blob = hashed.await.map_err(|e| Fault::new(Code::Panicked, "upload file").because(e))??;
        self.client.upload(FOLDER, &format!("{}.{end}", &blob.sha256[..32]), file).await
    }

    /// Orders the graph filled with these and what no two orders share; gives its name there.
    pub(super) async fn order(&self, mut inputs: Inputs, key: &str) -> Result<String, Fault> {
        self.checked.get_or_try_init(|| self.check()).await?;
        let id = prompt_id(key);
        inputs.insert("prefix", json!(format!("{FOLDER}/{id}")));
        let filled = self.graph.filled(&inputs)?;
        self.client.order(&id, &filled).await?;
        Ok(id)
    }

    async fn check(&self) -> Result<(), Fault> {
        self.client.check(&self.graph).await
    }

    pub(super) async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        let id = prompt_id(key);
        Ok((self.client.standing(&id).await? != Standing::Nowhere).then_some(id))
    }

    pub(super) async fn look(&self, id: &str) -> Result<Progress, Fault> {
        self.client.listen();
        if !self.client.ears.wants_look(id) {
            return Ok(Progress::Working(self.client.ears.share(id)));
        }
        Ok(match self.client.standing(id).await? {
            Standing::Waiting | Standing::Running => Progress::Working(self.client.ears.share(id)),
            Standing::Made { .. } => {
                self.client.ears.forget(id);
                Progress::Made { cost_micros: None }
            }
            Standing::Nowhere => Progress::Failed(forgotten()),
            Standing::Failed(fault) => {
                if is_out_of_memory(&fault)
                    && let Err(in_vain) = self.client.free().await
                {
                    tracing::warn!(service = "comfyui", %in_vain, "its memory was not freed");
                }
                self.client.ears.forget(id);
                Progress::Failed(fault)
            }
        })
    }

    pub(super) async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        self.client.stop(id).await?;
        let is_made = matches!(self.client.standing(id).await?, Standing::Made { .. });
        Ok(if is_made { Stopped::GoesOn } else { Stopped::Ended })
    }

    /// Fetches the first file of the output node whose name ends so; gives the size it was asked to have.
    pub(super) async fn fetch(&self, id: &str, end: &str, into: &Path) -> Result<Option<(u32, u32)>, Fault> {
        let (files, graph) = match self.client.standing(id).await? {
            Standing::Made { files, graph } => (files, graph),
            Standing::Failed(fault) => return Err(fault),
            _ => return Err(forgotten()),
        };
        let is_wanted = |file: &&MadeFile| file.node == self.graph.output() && file.name.to_ascii_lowercase().ends_with(end);
        let Some(file) = files.iter().find(is_wanted) else {
            let reason = format!("node {} of the graph saved no {end}; the output must be a node that does", self.graph.output());
            return Err(Fault::new(Code::ProviderRefused, "fetch what was made").because(reason));
        };
        self.client.fetch(file, into).await?;
        let side = |name: &str| u32::try_from(self.graph.value(&graph, name).as_u64()?).ok();
        Ok(side("width").zip(side("height")))
    }
}

/// Nothing stands there, and nothing was paid: it may be ordered again.
fn forgotten() -> Fault {
    let fault = Fault::new(Code::ProviderDown, "look at prompt").verdict(Verdict::Transient);
    fault.because("ComfyUI does not know it any more: it was started again, or somebody removed it")
}

/// That what came is not what was asked for; `found`: None where it cannot be read.
pub(super) fn compare(wanted: Option<(u32, u32)>, found: Option<(u32, u32)>, file: &Path) -> Result<(), Fault> {
    let fault = |code| Fault::new(code, "check what was made").with("path", file.display());
    match (wanted, found) {
        (_, None) => Err(fault(Code::ProviderRefused).because("what ComfyUI made is damaged, or of another type than asked for")),
        (Some((width, height)), Some((other_width, other_height))) if (width, height) != (other_width, other_height) => {
            let reason = format!("{width} × {height} pixels were asked for, and it has {other_width} × {other_height}");
            Err(fault(Code::ProviderRefused).because(reason))
        }
        _ => Ok(()),
    }
}
