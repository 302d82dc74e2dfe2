//! What an app asks for: the types of jobs, and the fields of `config`.

use super::Input;
use crate::outside::{SEED_MAX, refuse};
use rushes_core::provider::ChatMessage;
use rushes_core::work::FILES_MAX;
use rushes_core::{Fault, Kind};
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;

/// What `config` takes, for people.
pub(super) const CONFIG: &str = "Any of num_images (1 to 16), seed, resolution (such as 1024x1024), num_inference_steps, guidance_scale, and for \
films frames (4 k + 1), fps, first_frame and last_frame: the id of an asset of this user, or its path or address in the workspace. \
for chat_conversation messages, each with role and content. \
Whatever else it holds is kept with the results.";

/// Sides of pictures, pixels.
const SIDE_PX: RangeInclusive<u64> = 64..=4_096;

/// What a language model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A richer prompt.
    Enhanced,
    /// The next message of a conversation.
    Reply,
}

/// A type of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) name: &'static str,
    /// The family of models that makes it; empty for answers.
    pub(super) family: &'static str,
    pub(super) is_film: bool,
    /// A language model enriches the prompt first.
    pub(super) is_enhanced: bool,
    /// What a language model answers, where that is all.
    pub(super) answer: Option<Answer>,
    steps: u32,
    size: (u32, u32),
}

impl Type {
    const fn image(name: &'static str, steps: u32) -> Self {
        Self { name, family: "sdxl", is_film: false, is_enhanced: false, answer: None, steps, size: (1024, 1024) }
    }

    const fn film(name: &'static str, steps: u32, size: (u32, u32)) -> Self {
        Self { name, family: "wan22", is_film: true, is_enhanced: false, answer: None, steps, size }
    }

    const fn answer(name: &'static str, answer: Answer) -> Self {
        Self { name, family: "", is_film: false, is_enhanced: false, answer: Some(answer), steps: 0, size: (0, 0) }
    }

    const fn enhanced(self) -> Self {
        Self { is_enhanced: true, ..self }
    }

    pub(super) fn mime(&self) -> &'static str {
        if self.is_film { "video/mp4" } else { "image/png" }
    }

    pub(super) fn kind(&self) -> Kind {
        if self.is_film { Kind::WorkspaceVideo } else { Kind::WorkspaceImage }
    }
}

/// Every type there is; `fast` and `high` differ in steps and size, where nothing is said of these.
const TYPES: &[Type] = &[
    Type::image("sdxl_image_fast", 25),
    Type::image("sdxl_image_high", 50),
    Type::image("image_fast", 25),
    Type::image("image_high", 50),
    Type::film("video_fast", 20, (832, 480)),
    Type::film("video_high", 40, (1280, 720)),
    Type::image("image7b_fast_enhanced", 25).enhanced(),
    Type::image("image7b_high_enhanced", 50).enhanced(),
    Type::film("video7b_fast_enhanced", 20, (832, 480)).enhanced(),
    Type::film("video7b_high_enhanced", 40, (1280, 720)).enhanced(),
    Type::answer("chat_enhance", Answer::Enhanced),
    Type::answer("chat_conversation", Answer::Reply),
];

pub(super) fn names() -> Vec<&'static str> {
    TYPES.iter().map(|of| of.name).collect()
}

/// What is wanted, checked.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) of: &'static Type,
    pub(super) count: u32,
    /// None: drawn.
    pub(super) seed: Option<u64>,
    /// By the names of the graph's inputs, as they were said.
    pub(super) frames: Vec<(&'static str, String)>,
    /// A conversation so far; empty: the prompt is its first message.
    pub(super) messages: Vec<ChatMessage>,
    width: u32,
    height: u32,
    steps: u32,
    guidance: Option<f64>,
    frames_count: Option<u64>,
    fps: Option<u64>,
}

impl Wanted {
    /// Errors: `input_invalid`, naming the field and what it may be.
    pub(super) fn of(input: &Input) -> Result<Self, Fault> {
        let of = TYPES.iter().find(|of| of.name == input.kind);
        let of = of.ok_or_else(|| refuse(format!("there is no type {:?}; there are: {}", input.kind, names().join(", "))))?;
        let config = &input.config;
        let count = whole(config, "num_images", 1..=u64::from(FILES_MAX))?.unwrap_or(1);
        if of.is_film && count > 1 {
            return Err(refuse("config.num_images is of pictures; a film is one"));
        }
        let (width, height) = resolution(config)?.unwrap_or(of.size);
        let steps = whole(config, "num_inference_steps", 1..=200)?.unwrap_or(u64::from(of.steps));
        let guidance = match said(config, "guidance_scale") {
            None => None,
            Some(scale) => match scale.as_f64().filter(|scale| (0.0..=50.0).contains(scale)) {
                None => return Err(refuse(format!("config.guidance_scale is {scale}, and may be 0 to 50"))),
                scale => scale,
            },
        };
        let frames_count = whole(config, "frames", 5..=401)?;
        if frames_count.is_some_and(|frames| frames % 4 != 1) {
            return Err(refuse("config.frames is 4 k + 1, such as 81"));
        }
        // The last of a job's seeds must be one that every reader of JSON keeps exactly.
        let seed = whole(config, "seed", 0..=SEED_MAX - u64::from(FILES_MAX))?;
        let mut frames = Vec::new();
        for name in ["first_frame", "last_frame"] {
            match said(config, name) {
                None => {}
                Some(Value::String(text)) if !text.trim().is_empty() => frames.push((name, text.clone())),
                Some(other) => return Err(refuse(format!("config.{name} is {other}, and may be an asset's id, path or address"))),
            }
        }
        if of.is_film && frames.iter().all(|(name, _)| *name != "first_frame") {
            return Err(refuse(format!("config.first_frame is missing: {} begins with a picture", of.name)));
        }
        let fps = whole(config, "fps", 1..=60)?;
        let messages = said(config, "messages").filter(|_| of.answer.is_some()).map_or(Ok(Vec::new()), |messages| {
            let wrong = |why| refuse(format!("config.messages is a list of objects with role (user or assistant) and content: {why}"));
            serde_json::from_value(messages.clone()).map_err(wrong)
        })?;
        Ok(Self { of, count: count as u32, seed, frames, messages, width, height, steps: steps as u32, guidance, frames_count, fps })
    }

    /// What fills the graph beside seed and pictures.
    pub(super) fn inputs(&self, input: &Input) -> Map<String, Value> {
        let all = [
            ("prompt", json!(input.prompt)),
            ("negative_prompt", json!(input.negative_prompt)),
            ("width", json!(self.width)),
            ("height", json!(self.height)),
            ("num_inference_steps", json!(self.steps)),
            // Where the model for high noise hands over to the one for low noise.
            ("switch_step", json!(self.steps / 2)),
            ("guidance_scale", json!(self.guidance)),
            ("frames", json!(self.frames_count)),
            ("fps", json!(self.fps)),
        ];
        all.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn said<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    config.get(name).filter(|value| !value.is_null())
}

fn whole(config: &Map<String, Value>, name: &str, within: RangeInclusive<u64>) -> Result<Option<u64>, Fault> {
    match said(config, name) {
        None => Ok(None),
        Some(value) => match value.as_u64().filter(|n| within.contains(n)) {
            None => Err(refuse(format!("config.{name} is {value}, and may be {} to {}", within.start(), within.end()))),
            n => Ok(n),
        },
    }
}

/// `1024x768`, also with `*` or `×`.
fn resolution(config: &Map<String, Value>) -> Result<Option<(u32, u32)>, Fault> {
    let Some(value) = said(config, "resolution") else { return Ok(None) };
    let size = value.as_str().and_then(|text| {
        let (width, height) = text.split_once(['x', 'X', '*', '×'])?;
        let side = |text: &str| text.trim().parse::<u64>().ok().filter(|px| SIDE_PX.contains(px)).map(|px| px as u32);
        Some((side(width)?, side(height)?))
    });
    let wrong = || refuse(format!("config.resolution is {value}, and may be WIDTHxHEIGHT of 64 to 4096 pixels, such as 1024x1024"));
    size.map(Some).ok_or_else(wrong)
}
