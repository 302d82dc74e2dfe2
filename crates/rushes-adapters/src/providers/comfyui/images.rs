//! Still pictures by a graph such as SDXL's.

use super::super::in_time::{Progress, Service, Stopped};
use super::client::ComfyClient;
use super::desk::{ComfySettings, Desk, compare};
use super::graph::{Graph, Inputs};
use super::png::bare;
use async_trait::async_trait;
use rushes_core::flow::hash;
use rushes_core::provider::{Call, ImageRequest, Picture, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A picture in memory is at most this large.
const PICTURE_MAX_BYTES: u64 = 200_000_000;

/// Draws from the concept's words; of an earlier picture it sees nothing, so likeness is what the words and the seed give.
/// A sticker comes on a plain ground. Sides are rounded up to what the model makes.
pub struct ComfyImages(Desk);

impl ComfyImages {
    /// Speaks to nobody yet.
    #[must_use]
    pub fn new(client: ComfyClient, graph: Graph, settings: ComfySettings) -> Self {
        Self(Desk::new(client, graph, settings))
    }
}

/// Adults, fully dressed, whatever the words are.
fn prompt(request: &ImageRequest) -> String {
    let concept = &request.concept;
    let outfit = match request.outfit.0.as_str() {
        "signature" => String::new(),
        other => format!(", wearing {}", other.replace('_', " ")),
    };
    let who = format!("{}, {}{outfit}, adult, fully clothed", concept.prompt, concept.traits.join(", "));
    match request.picture {
        Picture::Anime => format!("full body anime illustration, cel shading, plain backdrop, {who}"),
        Picture::Cosplay => format!("full body studio photograph of a cosplayer, soft light, plain backdrop, {who}"),
        Picture::IconSticker => format!("round sticker, head and shoulders, anime illustration, plain white background, {who}"),
        Picture::NameSticker => format!("sticker with the words \"{}\" in bold letters, plain white background", concept.name),
    }
}

#[async_trait]
impl Service<ImageRequest> for ComfyImages {
    fn card(&self) -> ProviderCard {
        self.0.card()
    }

    fn looks_every(&self) -> Duration {
        self.0.settings.looks_every
    }

    fn arrives_within(&self) -> Duration {
        self.0.settings.arrives_within
    }

    async fn submit(&self, request: &ImageRequest, key: &str, _call: &Call) -> Result<String, Fault> {
        let graph = &self.0.graph;
        // Each picture of a character has its own, and the same whenever it is drawn again.
        let seed = hash(&(request.concept.seed, request.picture, &request.outfit));
        let seed = u64::from_str_radix(&seed[..16], 16).unwrap_or_default();
        let mut inputs = Inputs::from([("prompt", json!(prompt(request))), ("seed", json!(seed))]);
        let sides = [("width", json!(graph.side(request.width))), ("height", json!(graph.side(request.height)))];
        self.0.put(&mut inputs, sides);
        self.0.put(&mut inputs, [("num_images", json!(1)), ("negative_prompt", json!(self.0.settings.negative_prompt))]);
        self.0.order(inputs, key).await
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        self.0.find(key).await
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        self.0.look(id).await
    }

    async fn fetch(&self, id: &str, call: &Call) -> Result<PathBuf, Fault> {
        let (raw, picture) = (call.scratch.join("comfyui-as-it-came.png"), call.scratch.join("comfyui.png"));
        let wanted = self.0.fetch(id, ".png", &raw).await?;
        strip(raw, picture.clone(), wanted).await?;
        Ok(picture)
    }

    async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        self.0.stop(id).await
    }
}

/// Frees a PNG of everything but its picture: it carries the whole prompt. The file it was is removed. Errors:
/// `provider_refused` where it is no PNG, or not of that size; `file_too_large`; `io`, `disk_full`.
pub async fn strip(raw: PathBuf, into: PathBuf, wanted: Option<(u32, u32)>) -> Result<(), Fault> {
    let stripped = tokio::task::spawn_blocking(move || strip_now(&raw, &into, wanted));
    stripped.await.map_err(|e| Fault::new(Code::Panicked, "strip picture").because(e))?
}

fn strip_now(raw: &Path, into: &Path, wanted: Option<(u32, u32)>) -> Result<(), Fault> {
    let io = |path: &Path, e: &std::io::Error| Fault::io("strip picture", path, e);
    if raw.metadata().map_err(|e| io(raw, &e))?.len() > PICTURE_MAX_BYTES {
        return Err(Fault::new(Code::FileTooLarge, "strip picture").with("path", raw.display()));
    }
    let bare = bare(&std::fs::read(raw).map_err(|e| io(raw, &e))?);
    compare(wanted, bare.as_ref().map(|(_, size)| *size), raw)?;
    let (bytes, _) = bare.unwrap_or_default();
    std::fs::File::create_new(into).and_then(|mut file| file.write_all(&bytes)).map_err(|e| io(into, &e))?;
    std::fs::remove_file(raw).map_err(|e| io(raw, &e))
}
