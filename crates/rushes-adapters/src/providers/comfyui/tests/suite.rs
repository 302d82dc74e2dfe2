//! The suite of providers, with pictures and with films.

use super::*;
use rushes_testkit::orders::Planned as Order;
use rushes_testkit::provider_suite::{Abilities, Lost, Served, Stand as Suite, Trouble, provider_suite};
use std::path::Path;

fn patient(arrives_within: Duration) -> ComfySettings {
    ComfySettings { arrives_within, ..settings() }
}

fn abilities() -> Abilities {
    Abilities { lost: Lost::Found, reads: true, ..Abilities::ORDERS }
}

/// Nobody pays for it, and it has neither keys nor limits.
fn refusal(trouble: Trouble, words: &str) -> Option<Order> {
    match trouble {
        Trouble::Content => Some(Order::Refused(400, 0, words.to_owned())),
        Trouble::Down => Some(Order::Refused(500, 0, words.to_owned())),
        Trouble::Busy | Trouble::BusyInSuccess | Trouble::Key | Trouble::Account => None,
    }
}

struct Pictures(Stand);

impl Suite for Pictures {
    type Asked = ImageRequest;

    fn server(&self) -> &dyn Served {
        &self.0.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<ImageRequest>> {
        let images = ComfyImages::new(self.0.fresh(), Graph::sdxl(), patient(arrives_within));
        Arc::new(InTime::new(images, Terms::default()))
    }

    fn request(&self) -> ImageRequest {
        portrait()
    }

    fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn abilities(&self) -> Abilities {
        abilities()
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Order> {
        refusal(trouble, words)
    }
}

struct Films(Stand);

impl Films {
    async fn new() -> Self {
        let stand = Stand::new().await;
        // What is animated; drawn here, so that nothing was ordered yet.
        let mut still = std::fs::File::create(stand.folder.path().join("still.png")).unwrap();
        std::io::Write::write_all(&mut still, &rushes_testkit::comfyui::picture(64, 96)).unwrap();
        Self(stand)
    }
}

impl Suite for Films {
    type Asked = MotionRequest;

    fn server(&self) -> &dyn Served {
        &self.0.server
    }

    fn provider(&self, arrives_within: Duration) -> Arc<dyn Provider<MotionRequest>> {
        let films = ComfyFilms::new(self.0.fresh(), Graph::wan22_i2v(), patient(arrives_within));
        Arc::new(InTime::new(films, Terms::default()))
    }

    fn request(&self) -> MotionRequest {
        self.0.dance()
    }

    fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn abilities(&self) -> Abilities {
        abilities()
    }

    fn refusal(&self, trouble: Trouble, words: &str) -> Option<Order> {
        refusal(trouble, words)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_keeps_what_providers_keep_with_pictures() {
    provider_suite("comfyui, pictures", async || Pictures(Stand::new().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comfyui_keeps_what_providers_keep_with_films() {
    provider_suite("comfyui, films", async || Films::new().await).await;
}
