//! Films from one picture by a graph such as WAN 2.2's.

use super::super::in_time::{Progress, Service, Stopped};
use super::client::ComfyClient;
use super::desk::{ComfySettings, Desk, compare};
use super::graph::{Graph, Inputs};
use super::png::film_size;
use async_trait::async_trait;
use rushes_core::provider::{Call, MotionRequest, ProviderCard};
use rushes_core::{Code, Fault};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What WAN makes a second, and at most in one go: 5 s.
const FPS: u64 = 16;
const FRAMES_MAX: u64 = 81;
/// The steps of which the first half is the model's for high noise.
const STEPS: u64 = 20;

/// Animates the picture by words. The reference is not looked at: neither its movement nor its beat is followed, its sound
/// is not kept, and the film is silent. It has at most 81 frames, 16 a second. Sides are rounded up to what the model makes.
pub struct ComfyFilms(Desk);

impl ComfyFilms {
    /// Speaks to nobody yet.
    #[must_use]
    pub fn new(client: ComfyClient, graph: Graph, settings: ComfySettings) -> Self {
        Self(Desk::new(client, graph, settings))
    }
}

/// So many frames last so long, and are 4 k + 1.
fn frames(max_ms: u64) -> u64 {
    ((max_ms * FPS / 1_000).saturating_sub(1) / 4 * 4 + 1).min(FRAMES_MAX)
}

#[async_trait]
impl Service<MotionRequest> for ComfyFilms {
    fn card(&self) -> ProviderCard {
        self.0.card()
    }

    fn works_from_picture(&self) -> bool {
        true
    }

    fn looks_every(&self) -> Duration {
        self.0.settings.looks_every
    }

    fn arrives_within(&self) -> Duration {
        self.0.settings.arrives_within
    }

    async fn submit(&self, request: &MotionRequest, key: &str, _call: &Call) -> Result<String, Fault> {
        let graph = &self.0.graph;
        let picture = self.0.upload(&request.image, "png").await?;
        let prompt = format!("{}, dancing with energy on a stage, the whole body is seen, adult, fully clothed", request.concept.prompt);
        let mut inputs = Inputs::from([("prompt", json!(prompt)), ("first_frame", json!(picture)), ("seed", json!(request.seed))]);
        self.0.put(&mut inputs, [("width", json!(graph.side(request.width))), ("height", json!(graph.side(request.height)))]);
        self.0.put(&mut inputs, [("frames", json!(frames(request.max_ms))), ("fps", json!(FPS))]);
        self.0.put(&mut inputs, [("num_inference_steps", json!(STEPS)), ("switch_step", json!(STEPS / 2))]);
        self.0.put(&mut inputs, [("negative_prompt", json!(self.0.settings.negative_prompt))]);
        self.0.order(inputs, key).await
    }

    async fn find(&self, key: &str) -> Result<Option<String>, Fault> {
        self.0.find(key).await
    }

    async fn look(&self, id: &str) -> Result<Progress, Fault> {
        self.0.look(id).await
    }

    async fn fetch(&self, id: &str, call: &Call) -> Result<PathBuf, Fault> {
        let film = call.scratch.join("comfyui.mp4");
        let wanted = self.0.fetch(id, ".mp4", &film).await?;
        check(film.clone(), wanted).await?;
        Ok(film)
    }

    async fn stop(&self, id: &str) -> Result<Stopped, Fault> {
        self.0.stop(id).await
    }
}

/// Whether a file is a whole mp4 of that size, by its index alone. Errors: `provider_refused`; `io`.
pub async fn check(film: PathBuf, wanted: Option<(u32, u32)>) -> Result<(), Fault> {
    let look = move || {
        let path: &Path = &film;
        let mut file = File::open(path).map_err(|e| Fault::io("check film", path, &e))?;
        compare(wanted, film_size(&mut file), path)
    };
    tokio::task::spawn_blocking(look).await.map_err(|e| Fault::new(Code::Panicked, "check film").because(e))?
}
