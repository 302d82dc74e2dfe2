//! The services of the tests of kills: how each is configured, what is asked of it, and what it has carried out.

use rushes_testkit::answers::Answers;
use rushes_testkit::comfyui::{ComfyUi, Machine};
use rushes_testkit::fal::Fal;
use rushes_testkit::kling::Kling;
use rushes_testkit::orders::Planned;
use rushes_testkit::provider_suite::{Pace, Served};
use rushes_testkit::replicate::Replicate;
use serde_json::Value;

/// A service, and what it is asked for.
pub(super) struct Row {
    /// As the configuration names it.
    pub(super) provider: &'static str,
    /// As `[make]` names what it makes.
    pub(super) makes: &'static str,
    /// Steps of a job that are sent there.
    pub(super) steps: usize,
    /// Files that a job ends with.
    pub(super) assets: usize,
    /// A lost order is found again, or may be asked for again: then every job ends with its files.
    pub(super) is_certain: bool,
    /// Nothing is paid there.
    pub(super) is_free: bool,
    /// What was lost is asked for again.
    pub(super) asks_again: bool,
    /// The rest of its section.
    pub(super) more: &'static str,
}

const USUAL: Row =
    Row { provider: "", makes: "motion", steps: 1, assets: 0, is_certain: false, is_free: false, asks_again: false, more: "" };
/// Those of a character: the anime image and the cosplay image.
const CHARACTER: Row = Row { makes: "image", steps: 2, assets: 2, ..USUAL };
/// The film, and the film with music.
const MUSIC: Row = Row { makes: "music", assets: 2, ..USUAL };

/// Every provider there is.
pub(super) const ROWS: &[Row] = &[
    Row { provider: "kling", is_certain: true, ..USUAL },
    Row { provider: "fal", ..USUAL },
    Row {
        provider: "replicate",
        is_certain: true,
        more: "options = { motion_model = \"owner/name\", motion_inputs = { image = \"image\", reference = \"video\", prompt = \"prompt\" } }\n",
        ..USUAL
    },
    Row { provider: "comfyui", is_certain: true, is_free: true, ..CHARACTER },
    Row { provider: "comfyui", is_certain: true, is_free: true, ..USUAL },
    Row { provider: "gemini", makes: "text", steps: 1, ..CHARACTER },
    Row { provider: "gemini", ..CHARACTER },
    Row {
        provider: "openai_chat",
        makes: "text",
        steps: 1,
        is_certain: true,
        is_free: true,
        asks_again: true,
        more: "options = { model = \"test-model\" }\n",
        ..CHARACTER
    },
    Row { provider: "elevenlabs", ..MUSIC },
    Row { provider: "lyria", ..MUSIC },
    Row { provider: "minimax", ..MUSIC },
];

/// A service at work.
pub(super) enum Service {
    Kling(Kling),
    Fal(Fal),
    Replicate(Replicate),
    Answers(Box<Answers>),
    Comfy(Box<ComfyUi>),
}

impl Service {
    pub(super) async fn start(row: &Row) -> Self {
        match row.provider {
            "kling" => Self::Kling(Kling::start().await),
            "fal" => Self::Fal(Fal::start().await),
            "replicate" => Self::Replicate(Replicate::start().await),
            // It takes some time over its work, so that kills come in the middle.
            "comfyui" => Self::Comfy(Box::new(ComfyUi::start_on(Machine { step_ms: 15, ..Machine::default() }).await)),
            _ => Self::Answers(Box::new(Answers::start().await)),
        }
    }

    fn served(&self) -> &dyn Served {
        match self {
            Self::Kling(server) => &**server,
            Self::Fal(server) => &**server,
            Self::Replicate(server) => &**server,
            Self::Answers(server) => &**server,
            Self::Comfy(server) => &**server,
        }
    }

    /// What speaks its language, without `http://`.
    pub(super) fn address(&self) -> &str {
        let url = match self {
            Self::Kling(server) => &server.url,
            Self::Fal(server) => &server.url,
            Self::Replicate(server) => &server.url,
            Self::Answers(server) => &server.url,
            Self::Comfy(server) => &server.url,
        };
        url.trim_start_matches("http://")
    }

    /// What comes behind its address.
    pub(super) fn base(&self) -> &'static str {
        if matches!(self, Self::Replicate(_)) { "/v1" } else { "" }
    }

    /// What opens it.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Kling(_) => Kling::KEY.to_owned(),
            Self::Fal(_) => Fal::KEY.to_owned(),
            Self::Replicate(_) => Replicate::KEY.to_owned(),
            Self::Answers(_) | Self::Comfy(_) => Answers::KEYS[0].to_owned(),
        }
    }

    /// The account that opens Lyria.
    pub(super) fn account(&self) -> Option<String> {
        if let Self::Answers(server) = self { Some(server.google.service_account()) } else { None }
    }

    /// Something goes wrong with one of the next requests, or nothing does.
    pub(super) fn trouble(&self, which: u64, looks: u32) {
        let later = |status| Planned::Refused(status, 0, "try later".into());
        let served = self.served();
        served.forget_plans();
        served.pace(Pace::Looks(looks));
        match which {
            0 => served.plan("order", Planned::AnswerLost),
            1 => served.plan("order", Planned::Dropped),
            2 => served.plan("order", later(503)),
            3 => served.plan("look", later(502)),
            4 => served.plan("fetch", Planned::HalfFetched),
            _ => {}
        }
    }

    pub(super) fn calm(&self) {
        self.served().forget_plans();
        self.served().pace(Pace::Finish);
    }

    /// What was carried out, the oldest first; of ComfyUI since it was started last, without the names of files.
    pub(super) fn carried(&self) -> Vec<Value> {
        match self {
            Self::Kling(server) => server.tasks().into_iter().map(|task| task.told).collect(),
            Self::Fal(server) => server.tasks().into_iter().map(|task| task.told).collect(),
            Self::Replicate(server) => server.tasks().into_iter().map(|task| task.told).collect(),
            Self::Answers(server) => server.carried().into_iter().map(|one| one.told).collect(),
            Self::Comfy(server) => server.taken().into_iter().map(nameless).collect(),
        }
    }

    /// Ends and starts again with nothing in memory, where it is one that forgets; whether it is.
    pub(super) async fn forget(&mut self) -> bool {
        let Self::Comfy(server) = self else { return false };
        server.stop().await;
        server.start_again().await;
        true
    }
}

/// A graph, but for what its files are called.
fn nameless(mut graph: Value) -> Value {
    for node in graph.as_object_mut().into_iter().flat_map(|nodes| nodes.values_mut()) {
        if let Some(inputs) = node["inputs"].as_object_mut() {
            inputs.remove("filename_prefix");
        }
    }
    graph
}
