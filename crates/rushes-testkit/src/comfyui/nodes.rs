//! The nodes it knows: what each takes and gives. A graph is checked by this table, and `/object_info` is made from it.

use super::state::Shared;
use serde_json::{Map, Value, json};

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sort {
    /// What another node gives, of this type.
    Link(&'static str),
    /// Words.
    Text,
    /// A number from, to, in steps of.
    Int(u64, u64, u64),
    /// A number from, to.
    Float(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The same, told as newer nodes tell it.
    Combo(&'static [&'static str]),
    /// A file of this folder of models.
    Model(&'static str),
    /// A file that was uploaded.
    Upload,
}

use Sort::{Combo, Float, Int, Link, Model, OneOf, Text, Upload};

pub(super) struct Node {
    pub(super) class: &'static str,
    /// Names and what they take; one that ends in `?` may be left out.
    pub(super) inputs: &'static [(&'static str, Sort)],
    pub(super) gives: &'static [&'static str],
    pub(super) is_output: bool,
}

const SIDE: Sort = Int(16, 16_384, 8);
const SEED: Sort = Int(0, u64::MAX, 1);
const STEPS: Sort = Int(1, 10_000, 1);
const STEP: Sort = Int(0, 10_000, 1);
const SAMPLER: Sort = OneOf(&["euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_2m_sde", "lcm", "ddim", "uni_pc"]);
const SCHEDULER: Sort = OneOf(&["simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal"]);
const CLIPS: Sort = OneOf(&["stable_diffusion", "stable_cascade", "sd3", "stable_audio", "mochi", "ltxv", "pixart", "cosmos", "wan"]);
const ENABLE: Sort = OneOf(&["enable", "disable"]);
const PREFIX: (&str, Sort) = ("filename_prefix", Text);

const fn node(class: &'static str, inputs: &'static [(&'static str, Sort)], gives: &'static [&'static str]) -> Node {
    Node { class, inputs, gives, is_output: gives.is_empty() }
}

pub(super) const NODES: &[Node] = &[
    node("CheckpointLoaderSimple", &[("ckpt_name", Model("checkpoints"))], &["MODEL", "CLIP", "VAE"]),
    node("UNETLoader", &[("unet_name", Model("diffusion_models")), ("weight_dtype", OneOf(&["default", "fp8_e4m3fn"]))], &["MODEL"]),
    node("CLIPLoader", &[("clip_name", Model("text_encoders")), ("type", CLIPS), ("device?", OneOf(&["default", "cpu"]))], &["CLIP"]),
    node("VAELoader", &[("vae_name", Model("vae"))], &["VAE"]),
    node("CLIPTextEncode", &[("text", Text), ("clip", Link("CLIP"))], &["CONDITIONING"]),
    node("EmptyLatentImage", &[("width", SIDE), ("height", SIDE), ("batch_size", Int(1, 4096, 1))], &["LATENT"]),
    node("EmptySD3LatentImage", &[("width", SIDE), ("height", SIDE), ("batch_size", Int(1, 4096, 1))], &["LATENT"]),
    node(
        "KSampler",
        &[
            ("model", Link("MODEL")),
            ("seed", SEED),
            ("steps", STEPS),
            ("cfg", Float(0.0, 100.0)),
            ("sampler_name", SAMPLER),
            ("scheduler", SCHEDULER),
            ("positive", Link("CONDITIONING")),
            ("negative", Link("CONDITIONING")),
            ("latent_image", Link("LATENT")),
            ("denoise", Float(0.0, 1.0)),
        ],
        &["LATENT"],
    ),
    node(
        "KSamplerAdvanced",
        &[
            ("model", Link("MODEL")),
            ("add_noise", ENABLE),
            ("noise_seed", SEED),
            ("steps", STEPS),
            ("cfg", Float(0.0, 100.0)),
            ("sampler_name", SAMPLER),
            ("scheduler", SCHEDULER),
            ("positive", Link("CONDITIONING")),
            ("negative", Link("CONDITIONING")),
            ("latent_image", Link("LATENT")),
            ("start_at_step", STEP),
            ("end_at_step", STEP),
            ("return_with_leftover_noise", ENABLE),
        ],
        &["LATENT"],
    ),
    node("ModelSamplingSD3", &[("model", Link("MODEL")), ("shift", Float(0.0, 100.0))], &["MODEL"]),
    node(
        "WanImageToVideo",
        &[
            ("positive", Link("CONDITIONING")),
            ("negative", Link("CONDITIONING")),
            ("vae", Link("VAE")),
            ("width", Int(16, 16_384, 16)),
            ("height", Int(16, 16_384, 16)),
            ("length", Int(1, 16_384, 4)),
            ("batch_size", Int(1, 4096, 1)),
            ("clip_vision_output?", Link("CLIP_VISION_OUTPUT")),
            ("start_image?", Link("IMAGE")),
        ],
        &["CONDITIONING", "CONDITIONING", "LATENT"],
    ),
    node("VAEDecode", &[("samples", Link("LATENT")), ("vae", Link("VAE"))], &["IMAGE"]),
    node("LoadImage", &[("image", Upload)], &["IMAGE", "MASK"]),
    node("SaveImage", &[("images", Link("IMAGE")), PREFIX], &[]),
    node("CreateVideo", &[("images", Link("IMAGE")), ("fps", Float(1.0, 120.0)), ("audio?", Link("AUDIO"))], &["VIDEO"]),
    node("SaveVideo", &[("video", Link("VIDEO")), PREFIX, ("format", Combo(&["auto", "mp4"])), ("codec", Combo(&["auto", "h264"]))], &[]),
    node(
        "SaveWEBM",
        &[("images", Link("IMAGE")), PREFIX, ("codec", OneOf(&["vp9", "av1"])), ("fps", Float(0.01, 1_000.0)), ("crf", Float(0.0, 63.0))],
        &[],
    ),
    node("LoadVideo", &[("file", Upload)], &["VIDEO"]),
    node("GetVideoComponents", &[("video", Link("VIDEO"))], &["IMAGE", "AUDIO", "FLOAT"]),
    node(
        "EmptyImage",
        &[("width", Int(1, 16_384, 1)), ("height", Int(1, 16_384, 1)), ("batch_size", Int(1, 4096, 1)), ("color", Int(0, 0xff_ffff, 1))],
        &["IMAGE"],
    ),
    node(
        "ImageScale",
        &[
            ("image", Link("IMAGE")),
            ("upscale_method", OneOf(&["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])),
            ("width", Int(0, 16_384, 1)),
            ("height", Int(0, 16_384, 1)),
            ("crop", OneOf(&["disabled", "center"])),
        ],
        &["IMAGE"],
    ),
    node("ImageInvert", &[("image", Link("IMAGE"))], &["IMAGE"]),
    node("ImageBlur", &[("image", Link("IMAGE")), ("blur_radius", Int(1, 31, 1)), ("sigma", Float(0.1, 10.0))], &["IMAGE"]),
];

/// Nodes of the transcripts that no output needs, so that nothing else is known of them.
const PASSED_OVER: &[&str] = &["ImageCrop", "JoinImageWithAlpha", "SolidMask", "ImageCompositeMasked", "PorterDuffImageComposite"];

pub(super) fn is_passed_over(class: &str) -> bool {
    PASSED_OVER.contains(&class)
}

pub(super) fn find(class: &str) -> Option<&'static Node> {
    NODES.iter().find(|node| node.class == class)
}

impl Node {
    /// Its inputs: name, what it takes, and whether it must be there.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&'static str, Sort, bool)> {
        self.inputs.iter().map(|(name, sort)| (name.strip_suffix('?').unwrap_or(name), *sort, !name.ends_with('?')))
    }
}

impl Sort {
    /// As `/object_info` and refusals tell it: the type, or the list of values, and what else is known.
    pub(super) fn told(self, shared: &Shared) -> Value {
        match self {
            Link(what) => json!([what]),
            Text => json!(["STRING", {"multiline": true}]),
            Int(min, max, step) => json!(["INT", {"default": min, "min": min, "max": max, "step": step}]),
            Float(min, max) => json!(["FLOAT", {"default": min, "min": min, "max": max}]),
            OneOf(words) => json!([words]),
            Combo(words) => json!(["COMBO", {"options": words, "default": "auto"}]),
            Model(folder) => json!([self.values(shared), {"tooltip": format!("The name of the model, in {folder}.")}]),
            Upload => json!([self.values(shared), {"image_upload": true}]),
        }
    }

    /// The values it takes, where they are a list.
    pub(super) fn values(self, shared: &Shared) -> Vec<String> {
        match self {
            OneOf(words) | Combo(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            Model(folder) => shared.machine.models.iter().filter(|file| file.folder == folder).map(|file| file.name.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

/// What `/object_info` says of one.
pub(super) fn told(node: &Node, shared: &Shared) -> Value {
    let (mut required, mut optional) = (Map::new(), Map::new());
    for (name, sort, is_required) in node.inputs() {
        let side = if is_required { &mut required } else { &mut optional };
        side.insert(name.to_owned(), sort.told(shared));
    }
    let order = json!({"required": required.keys().collect::<Vec<_>>(), "optional": optional.keys().collect::<Vec<_>>()});
    json!({
        "input": {"required": required, "optional": optional}, "input_order": order,
        "output": node.gives, "output_is_list": vec![false; node.gives.len()], "output_name": node.gives,
        "name": node.class, "display_name": node.class, "description": "", "python_module": "nodes", "category": "",
        "output_node": node.is_output,
    })
}
