//! Graphs as files: what ComfyUI saves in its API format, and beside it a list of the inputs that have a name here.
//!
//! `sdxl.json` has `sdxl.inputs.toml`, and so has somebody's own: name → `{ kind, at = ["node.input", …] }`, and which node
//! is the output. Nothing here speaks to anybody.

use rushes_core::flow::hash;
use rushes_core::{Code, Fault};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a graph is filled with, by the names of its inputs.
pub type Inputs = BTreeMap<&'static str, Value>;

/// What an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    Int,
    Float,
    /// A whole number, another for each job.
    Seed,
    /// The name of an uploaded file.
    Image,
    /// What names of files begin with, another for each job.
    Prefix,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Image | Self::Prefix => value.is_string(),
            Self::Int | Self::Seed => value.is_u64(),
            Self::Float => value.is_number(),
        }
    }

    /// Whether what stands in the file is never good enough.
    fn must_be_given(self) -> bool {
        matches!(self, Self::Seed | Self::Image | Self::Prefix)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    kind: Kind,
    /// `node.input`
    at: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    output: String,
    #[serde(default = "one")]
    side_px: u32,
    inputs: BTreeMap<String, Input>,
}

fn one() -> u32 {
    1
}

/// A graph with named inputs.
#[derive(Debug, Clone)]
pub struct Graph {
    name: String,
    nodes: Map<String, Value>,
    declared: Declared,
}

impl Graph {
    /// SDXL: a prompt becomes pictures.
    #[must_use]
    pub fn sdxl() -> Self {
        let read = Self::read("sdxl", include_str!("graphs/sdxl.json"), include_str!("graphs/sdxl.inputs.toml"));
        read.expect("a test reads the graphs that are part of the program")
    }

    /// WAN 2.2: a picture and a prompt become a film.
    #[must_use]
    pub fn wan22_i2v() -> Self {
        let read = Self::read("wan22_i2v", include_str!("graphs/wan22_i2v.json"), include_str!("graphs/wan22_i2v.inputs.toml"));
        read.expect("a test reads the graphs that are part of the program")
    }

    /// Somebody's own: `NAME.json`, beside it `NAME.inputs.toml`. Errors: `config_invalid`; `file_missing`, `io`.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let text = |path: &Path| std::fs::read_to_string(path).map_err(|e| Fault::io("read graph", path, &e));
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::read(&name, &text(path)?, &text(&path.with_extension("inputs.toml"))?)
    }

    fn read(name: &str, graph: &str, inputs: &str) -> Result<Self, Fault> {
        let refuse = |reason: String| Fault::new(Code::ConfigInvalid, "read graph").with("graph", name).because(reason);
        let nodes: Map<String, Value> = serde_json::from_str(graph).map_err(|e| refuse(format!("it is not what ComfyUI exports: {e}")))?;
        if let Some((id, _)) = nodes.iter().find(|(_, node)| !node["class_type"].is_string() || !node["inputs"].is_object()) {
            return Err(refuse(format!("node {id} has no class_type or no inputs; export it by \"Export (API)\"")));
        }
        let declared: Declared = toml::from_str(inputs).map_err(|e| refuse(format!("its inputs cannot be read: {}", e.message())))?;
        let read = Self { name: name.to_owned(), nodes, declared };
        if !read.nodes.contains_key(&read.declared.output) {
            return Err(refuse(format!("its output is node {}, and there is none", read.declared.output)));
        }
        if !read.declared.inputs.values().any(|input| input.kind == Kind::Prefix) {
            return Err(refuse("it names no input of kind prefix: what two jobs make would bear one name".into()));
        }
        for (input, place) in read.places() {
            let is_there =
                place.split_once('.').is_some_and(|(node, name)| read.nodes.get(node).is_some_and(|node| !node["inputs"][name].is_null()));
            if !is_there {
                return Err(refuse(format!("its input {input} stands at {place}, and there is none")));
            }
        }
        Ok(read)
    }

    fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.declared.inputs.iter().flat_map(|(name, input)| input.at.iter().map(|at| (name.as_str(), at.as_str())))
    }

    /// Its name and what tells it from others of that name: another graph makes other things.
    #[must_use]
    pub fn model(&self) -> String {
        format!("{}-{}", self.name, &hash(&self.nodes)[..8])
    }

    /// The node whose files are what is made.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.declared.output
    }

    /// Whether it has an input of that name.
    #[must_use]
    pub fn takes(&self, input: &str) -> bool {
        self.declared.inputs.contains_key(input)
    }

    /// A side as this graph can make it: the next larger one, in pixels.
    #[must_use]
    pub fn side(&self, px: u32) -> u32 {
        px.next_multiple_of(self.declared.side_px.max(1))
    }

    /// As `POST /prompt` takes it. What is not given stays as the file has it; seed, image and prefix must be given.
    /// Errors: `config_invalid` where it has no such input, or one of another kind, or lacks one.
    pub fn filled(&self, inputs: &Inputs) -> Result<Value, Fault> {
        let refuse = |input: &str, reason: String| {
            Fault::new(Code::ConfigInvalid, "fill graph").with("graph", &self.name).with("input", input).because(reason)
        };
        let mut nodes = self.nodes.clone();
        for (name, value) in inputs {
            let Some(input) = self.declared.inputs.get(*name) else {
                return Err(refuse(name, "the graph names no such input".into()));
            };
            if !input.kind.takes(value) {
                return Err(refuse(name, format!("{value} is not of its kind")));
            }
            for (node, field) in input.at.iter().filter_map(|at| at.split_once('.')) {
                nodes[node]["inputs"][field] = value.clone();
            }
        }
        let lacking = self.declared.inputs.iter().find(|(name, input)| input.kind.must_be_given() && !inputs.contains_key(name.as_str()));
        match lacking {
            Some((name, _)) => Err(refuse(name, "each job needs its own, and none is given".into())),
            None => Ok(Value::Object(nodes)),
        }
    }

    /// What a filled graph has at a named input; null where it has none.
    #[must_use]
    pub fn value<'a>(&self, filled: &'a Value, input: &str) -> &'a Value {
        let at = self.declared.inputs.get(input).and_then(|input| input.at.first()?.split_once('.'));
        at.map_or(&Value::Null, |(node, field)| &filled[node]["inputs"][field])
    }

    /// The classes of its nodes, each once.
    pub(super) fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.nodes.values().filter_map(|node| node["class_type"].as_str()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Whether a ComfyUI that says this of its nodes can work through it once filled. `info`: as `/object_info` has it.
    /// Errors: `config_invalid`, naming the node, the input, or the file that is missing.
    pub fn check(&self, info: &Map<String, Value>) -> Result<(), Fault> {
        for (id, node) in &self.nodes {
            let class = node["class_type"].as_str().unwrap_or_default();
            let refuse = |reason: String| {
                let fault = Fault::new(Code::ConfigInvalid, "check graph").with("graph", &self.name);
                fault.with("node", format!("{id} ({class})")).because(reason)
            };
            let Some(known) = info.get(class) else {
                return Err(refuse("this ComfyUI knows no such node; install what brings it, or use another graph".into()));
            };
            let spec = |name: &str| {
                [&known["input"]["required"][name], &known["input"]["optional"][name]].into_iter().find(|spec| spec.is_array())
            };
            let given = node["inputs"].as_object();
            for (name, value) in given.into_iter().flatten() {
                let Some(spec) = spec(name) else {
                    return Err(refuse(format!("this ComfyUI knows no input {name} of it; its version is another than the graph's")));
                };
                let is_filled = self.places().any(|(_, at)| at == format!("{id}.{name}")) && value == &json!("");
                let (Some(values), Some(word), false) = (choices(spec), value.as_str(), is_filled) else { continue };
                if !values.contains(&word) {
                    return Err(refuse(missing(name, word, &values)));
                }
            }
            let required = known["input"]["required"].as_object();
            if let Some((name, _)) = required.into_iter().flatten().find(|(name, _)| node["inputs"][name.as_str()].is_null()) {
                return Err(refuse(format!("its input {name} is missing in the graph")));
            }
        }
        Ok(())
    }
}

/// The values an input may have, where they are a list; older nodes list them, newer ones keep them in `options`. Uploads
/// are listed too, and are no choice.
fn choices(spec: &Value) -> Option<Vec<&str>> {
    let (kind, more) = (&spec[0], &spec[1]);
    if more["image_upload"] == true || more["video_upload"] == true {
        return None;
    }
    let list = kind.as_array().or_else(|| more["options"].as_array())?;
    Some(list.iter().filter_map(Value::as_str).collect())
}

/// That a value is not there; most often it is the file of a model.
pub(super) fn missing(input: &str, value: &str, others: &[&str]) -> String {
    let there = match others {
        [] => "it has none at all".to_owned(),
        _ => format!("it has {}", others.iter().take(8).copied().collect::<Vec<_>>().join(", ")),
    };
    format!("ComfyUI has no {input} \"{value}\" ({there}); put the file where it looks for it, or name one it has")
}
