//! How a model is asked that only its user knows: its name, what its inputs are called, and what else goes with them.

use rushes_core::flow::hash;
use rushes_core::provider::{ImageRequest, MotionRequest, Picture};
use rushes_core::{Code, Fault};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a dance can be asked with; the first three are needed.
pub(super) const MOTION_INPUTS: &[&str] = &["image", "reference", "prompt", "seed", "width", "height", "fps", "seconds"];
/// What a picture can be asked with; the first is needed.
pub(super) const IMAGE_INPUTS: &[&str] = &["prompt", "like", "seed", "width", "height"];

/// One model.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// As the service names it.
    pub model: String,
    /// What the model calls each of ours; what is not named is not sent.
    pub inputs: BTreeMap<String, String>,
    /// What else is put in, always the same.
    pub with: Map<String, Value>,
    /// The longest reference it takes, milliseconds; None: any.
    pub reference_max_ms: Option<u64>,
}

impl Recipe {
    /// Errors: `config_invalid` where an input has a name that is none of these, or one of the first `needed` has none.
    pub(super) fn check(&self, service: &str, known: &[&str], needed: usize) -> Result<(), Fault> {
        let refuse = |reason: String| Err(Fault::new(Code::ConfigInvalid, "read configuration").with("setting", service).because(reason));
        if let Some(strange) = self.inputs.keys().find(|name| !known.contains(&name.as_str())) {
            return refuse(format!("no input of ours is called {strange:?}; there are: {}", known.join(", ")));
        }
        match known.iter().take(needed).find(|name| !self.inputs.contains_key(**name)) {
            Some(missing) => refuse(format!("say what {} calls its input for {missing:?}", self.model)),
            None => Ok(()),
        }
    }

    /// Its name, and what else makes its results what they are.
    pub(super) fn shown(&self) -> String {
        if self.with.is_empty() { self.model.clone() } else { format!("{} {}", self.model, &hash(&self.with)[..8]) }
    }

    /// What is put in, of what there is.
    fn filled(&self, there: &[(&str, Value)]) -> Value {
        let mut input = self.with.clone();
        for (ours, value) in there {
            if let Some(theirs) = self.inputs.get(*ours) {
                input.insert(theirs.clone(), value.clone());
            }
        }
        Value::Object(input)
    }

    /// For a dance of the picture and after the reference at these addresses.
    pub(super) fn motion(&self, request: &MotionRequest, addresses: &[String]) -> Value {
        self.filled(&[
            ("prompt", json!(request.concept.prompt)),
            ("image", json!(addresses.first())),
            ("reference", json!(addresses.get(1))),
            ("seed", json!(small(request.seed))),
            ("width", json!(request.width)),
            ("height", json!(request.height)),
            ("fps", json!(request.fps)),
            ("seconds", json!(request.max_ms.div_ceil(1_000))),
        ])
    }

    /// For a picture, like the one at this address.
    pub(super) fn image(&self, request: &ImageRequest, like: Option<&str>) -> Value {
        let mut there = vec![
            ("prompt", json!(words_for(request))),
            ("seed", json!(small(request.concept.seed))),
            ("width", json!(request.width)),
            ("height", json!(request.height)),
        ];
        there.extend(like.map(|address| ("like", json!(address))));
        self.filled(&there)
    }

    pub(super) fn takes(&self, ours: &str) -> bool {
        self.inputs.contains_key(ours)
    }
}

/// Most models take seeds of 31 bits.
fn small(seed: u64) -> u64 {
    seed & 0x7fff_ffff
}

/// A picture in words.
fn words_for(request: &ImageRequest) -> String {
    let concept = &request.concept;
    let look = match request.picture {
        Picture::Anime => "full figure, cel-shaded anime drawing, plain backdrop",
        Picture::Cosplay => "full figure, the same person as a soft, realistic picture in studio light",
        Picture::IconSticker => "round head-and-shoulders sticker on a transparent background",
        Picture::NameSticker => return format!("the name {:?} as a lettered sticker on a transparent background", concept.name),
    };
    let outfit = match request.outfit.0.as_str() {
        "signature" => String::new(),
        other => format!(", wearing a {} outfit", other.replace('_', " ")),
    };
    format!("{}{outfit}, an adult, fully clothed, {look}", concept.prompt)
}
