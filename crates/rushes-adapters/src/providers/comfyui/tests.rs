//! ComfyUI against a server that behaves so: one file for each order, whatever is lost, forgotten or cut in between.

mod files;
mod graphs;
mod making;
mod suite;
mod troubles;

use super::*;
use crate::http::HttpOptions;
use crate::providers::in_time::InTime;
use rushes_core::ledger::{AttemptState, Ledger, Terms};
use rushes_core::provider::{Call, Concept, ImageRequest, MotionRequest, Outfit, Picture, Provider, Request};
use rushes_core::{Cancel, Code, Fault};
use rushes_testkit::comfyui::{ComfyUi as Server, Hold, Machine, Planned};
use rushes_testkit::ledger::MemoryLedger;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A ComfyUI, and the steps that ask it.
struct Stand {
    server: Server,
    folder: tempfile::TempDir,
    client: ComfyClient,
    ledgers: Mutex<BTreeMap<&'static str, Arc<MemoryLedger>>>,
    calls: Mutex<u32>,
    /// The largest share that was told.
    share: Arc<Mutex<f32>>,
}

fn settings() -> ComfySettings {
    ComfySettings { arrives_within: Duration::ZERO, looks_every: Duration::from_millis(250), ..ComfySettings::default() }
}

fn concept() -> Concept {
    Concept {
        name: "Mika Sol".into(),
        tagline: String::new(),
        traits: vec!["long wavy hair".into()],
        prompt: "an adult dancer with teal hair".into(),
        seed: 1,
        style: "kpop_dance".into(),
    }
}

fn portrait() -> ImageRequest {
    let (outfit, like) = (Outfit::signature(), None);
    ImageRequest { concept: concept(), picture: Picture::Anime, outfit, width: 60, height: 96, like }
}

impl Stand {
    async fn new() -> Self {
        Self::on(Machine::default()).await
    }

    async fn on(machine: Machine) -> Self {
        let server = Server::start_on(machine).await;
        let client = ComfyClient::new(&server.url, HttpOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { server, folder, client, ledgers: Mutex::default(), calls: Mutex::default(), share: Arc::default() }
    }

    fn ledger(&self, key: &'static str) -> Arc<MemoryLedger> {
        self.ledgers.lock().unwrap().entry(key).or_default().clone()
    }

    fn states(&self, key: &'static str) -> Vec<AttemptState> {
        self.ledger(key).states().into_iter().map(|(state, _)| state).collect()
    }

    /// One attempt of a step, as the engine makes them.
    async fn make<R: Request>(&self, provider: &impl Provider<R>, request: &R, key: &'static str) -> Result<R::Made, Fault> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        let scratch = self.folder.path().join(format!("scratch {number}"));
        std::fs::create_dir(&scratch).unwrap();
        let share = self.share.clone();
        let progress = Arc::new(move |told: f32, _: &str| {
            let mut share = share.lock().unwrap();
            *share = share.max(told);
        });
        let ledger: Arc<dyn Ledger> = self.ledger(key);
        provider
            .make(request, &Call { key: key.into(), kept: scratch.join("kept"), scratch, cancel: Cancel::new(), progress, ledger })
            .await
    }

    fn service(&self) -> ComfyImages {
        ComfyImages::new(self.client.clone(), Graph::sdxl(), settings())
    }

    fn images(&self) -> InTime<ComfyImages> {
        InTime::new(self.service(), Terms::default())
    }

    async fn picture(&self, key: &'static str) -> Result<PathBuf, Fault> {
        self.make(&self.images(), &portrait(), key).await
    }

    /// A client as a program that just started has it.
    fn fresh(&self) -> ComfyClient {
        ComfyClient::new(&self.server.url, HttpOptions::default()).unwrap()
    }

    fn dance(&self) -> MotionRequest {
        MotionRequest {
            concept: concept(),
            outfit: Outfit::signature(),
            image: self.folder.path().join("still.png"),
            reference: self.folder.path().join("not looked at.mp4"),
            seed: 7,
            width: 64,
            height: 96,
            fps: 30,
            max_ms: 1_000,
        }
    }

    async fn film(&self, key: &'static str) -> Result<PathBuf, Fault> {
        let films = InTime::new(ComfyFilms::new(self.client.clone(), Graph::wan22_i2v(), settings()), Terms::default());
        self.make(&films, &self.dance(), key).await
    }

    /// How often something was called.
    fn called(&self, call: &str) -> usize {
        self.server.calls().iter().filter(|other| **other == call).count()
    }
}

fn says(fault: &Fault, words: &str) {
    assert!(fault.to_string().contains(words), "{fault}");
}
