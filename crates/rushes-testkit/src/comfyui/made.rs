//! What follows from a graph before anything is drawn: the order of its nodes, what each is given, the size of what comes
//! out, and which models it takes.

use super::nodes::find;
use super::pictures::size_of;
use rushes_core::flow::hash;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) type Graph = Map<String, Value>;

/// What pictures and latents look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) count: u32,
    pub(super) fps: f64,
}

/// The node that an input is linked to.
pub(super) fn source<'a>(graph: &'a Graph, id: &str, input: &str) -> Option<&'a str> {
    graph.get(id)?["inputs"][input].as_array()?.first()?.as_str()
}

fn sources<'a>(graph: &'a Graph, id: &str) -> Vec<&'a str> {
    let inputs = graph.get(id).and_then(|node| node["inputs"].as_object());
    inputs.into_iter().flatten().filter_map(|(name, _)| source(graph, id, name)).collect()
}

/// The nodes that these outputs need, each after what it is linked to.
pub(super) fn order(graph: &Graph, outputs: &[String]) -> Vec<String> {
    fn add(graph: &Graph, id: &str, order: &mut Vec<String>) {
        if order.iter().any(|other| other == id) {
            return;
        }
        sources(graph, id).into_iter().for_each(|from| add(graph, from, order));
        order.push(id.to_owned());
    }
    let mut order = Vec::new();
    outputs.iter().for_each(|output| add(graph, output, &mut order));
    order
}

/// What each of these nodes is given, as one word: equal words give equal results. They come in their order.
pub(super) fn words(graph: &Graph, order: &[String], input: &Path) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    for id in order {
        let given = graph[id]["inputs"].as_object().cloned().unwrap_or_default();
        let named = given.iter().map(|(name, value)| match source(graph, id, name).and_then(|from| words.get(from)) {
            Some(word) => json!([name, word, value[1]]),
            None => json!([name, value]),
        });
        let mut told: Vec<Value> = named.collect();
        // A file that was uploaded anew under its name counts as another one.
        if let Some(file) = given.get("image").or(given.get("file")).and_then(Value::as_str) {
            told.push(json!(std::fs::read(input.join(file)).map(|bytes| hash(&bytes)).unwrap_or_default()));
        }
        words.insert(id.clone(), hash(&(&graph[id]["class_type"], told)));
    }
    words
}

/// What comes out of a node.
pub(super) fn shape(graph: &Graph, id: &str, input: &Path) -> Shape {
    let Some(node) = graph.get(id) else { return Shape { width: 64, height: 64, count: 1, fps: 16.0 } };
    let given = &node["inputs"];
    let number = |name: &str, or: u32| given[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(or);
    let from_file = |name: &str| size_of(&input.join(given[name].as_str().unwrap_or_default())).unwrap_or((64, 64));
    let class = node["class_type"].as_str().unwrap_or_default();
    let before = || {
        let links = ["latent_image", "samples", "images", "image", "video"];
        links
            .iter()
            .find_map(|link| source(graph, id, link))
            .map_or(Shape { width: 64, height: 64, count: 1, fps: 16.0 }, |from| shape(graph, from, input))
    };
    let (width, height) = (number("width", 64), number("height", 64));
    match class {
        // Latents come in eighths.
        "EmptyLatentImage" | "EmptySD3LatentImage" => {
            Shape { width: width / 8 * 8, height: height / 8 * 8, count: number("batch_size", 1), fps: 16.0 }
        }
        "EmptyImage" => Shape { width, height, count: number("batch_size", 1), fps: 16.0 },
        "WanImageToVideo" => {
            let frames = (number("length", 1) - 1) / 4 * 4 + 1;
            Shape { width: width / 16 * 16, height: height / 16 * 16, count: frames, fps: 16.0 }
        }
        "ImageScale" => Shape { width, height, ..before() },
        "LoadImage" | "LoadVideo" => {
            let (width, height) = from_file(if class == "LoadImage" { "image" } else { "file" });
            Shape { width, height, count: 1, fps: 16.0 }
        }
        "CreateVideo" | "SaveWEBM" => Shape { fps: given["fps"].as_f64().unwrap_or(16.0), ..before() },
        _ => before(),
    }
}

/// The models a node works with: the files its loaders name, upstream.
pub(super) fn models(graph: &Graph, id: &str) -> Vec<String> {
    let class = graph[id]["class_type"].as_str().unwrap_or_default();
    let loader = ["ckpt_name", "unet_name", "clip_name", "vae_name"].iter().find_map(|name| graph[id]["inputs"][name].as_str());
    if let Some(file) = loader {
        return vec![file.to_owned()];
    }
    let is_working = find(class).is_some_and(|node| node.class != "ModelSamplingSD3");
    let links = if is_working { &["model", "clip", "vae"][..] } else { &["model"] };
    links.iter().filter_map(|link| source(graph, id, link)).flat_map(|from| models(graph, from)).collect()
}
