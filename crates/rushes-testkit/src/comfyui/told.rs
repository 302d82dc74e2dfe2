//! What one run tells its client, and what of it goes into the history.

use super::state::{Entry, Shared};
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

/// An image with words on whose it is.
const PREVIEW_WITH_METADATA: u32 = 4;
/// An image alone.
const PREVIEW: u32 = 1;

/// One run.
pub(super) struct Run<'a> {
    pub(super) shared: &'a Shared,
    pub(super) entry: &'a Entry,
    /// How far each node is that it came to.
    states: Map<String, Value>,
    /// Of the history.
    messages: Vec<Value>,
    pub(super) outputs: Map<String, Value>,
}

impl<'a> Run<'a> {
    pub(super) fn new(shared: &'a Shared, entry: &'a Entry) -> Self {
        Self { shared, entry, states: Map::new(), messages: Vec::new(), outputs: Map::new() }
    }

    fn tell(&self, kind: &str, data: &Value) {
        // Without a client it is told to all, as the real one does.
        self.shared.inner().tell(self.entry.client(), kind, data);
    }

    /// Tells of the run itself; the history keeps it.
    pub(super) fn note(&mut self, kind: &str, mut data: Value) {
        data["prompt_id"] = json!(self.entry.id);
        data["timestamp"] = json!(SystemClock.now_ms());
        self.tell(kind, &data);
        self.messages.push(json!([kind, data]));
    }

    /// How far a node is.
    pub(super) fn progress(&mut self, node: &str, value: Value, max: Value, state: &str) {
        let id = &self.entry.id;
        let told = json!({
            "value": value, "max": max, "state": state, "node_id": node, "prompt_id": id,
            "display_node_id": node, "parent_node_id": null, "real_node_id": node,
        });
        self.states.insert(node.to_owned(), told);
        self.tell("progress_state", &json!({"prompt_id": id, "nodes": self.states}));
    }

    pub(super) fn begin(&mut self, node: &str) {
        self.progress(node, json!(0.0), json!(1.0), "running");
        self.tell("executing", &json!({"node": node, "display_node": node, "prompt_id": self.entry.id}));
    }

    /// A node is through, with what it saved.
    pub(super) fn end(&mut self, node: &str, output: Option<&Value>) {
        if let Some(output) = output {
            self.tell("executed", &json!({"node": node, "display_node": node, "output": output, "prompt_id": self.entry.id}));
            self.outputs.insert(node.to_owned(), output.clone());
        }
        let max = self.states.get(node).map_or(json!(1.0), |state| state["max"].clone());
        self.progress(node, max.clone(), max, "finished");
    }

    /// A sampler has done one more step.
    pub(super) fn step(&mut self, node: &str, done: u64, of: u64, image: &[u8]) {
        self.progress(node, json!(done), json!(of), "running");
        self.preview(node, image);
        self.tell("progress", &json!({"value": done, "max": of, "prompt_id": self.entry.id, "node": node}));
    }

    fn preview(&self, node: &str, image: &[u8]) {
        let words = json!({
            "node_id": node, "prompt_id": self.entry.id, "display_node_id": node,
            "parent_node_id": null, "real_node_id": node, "image_type": "image/jpeg",
        });
        let words = words.to_string();
        let length = u32::try_from(words.len()).expect("a few words");
        let with = [&PREVIEW_WITH_METADATA.to_be_bytes()[..], &length.to_be_bytes(), words.as_bytes(), image].concat();
        let without = [&PREVIEW.to_be_bytes()[..], &1_u32.to_be_bytes(), image].concat();
        let inner = self.shared.inner();
        for socket in inner.sockets.iter().filter(|socket| self.entry.client().is_none_or(|client| client == socket.sid)) {
            let _ = socket.sends.send(Message::binary(if socket.wants_metadata { with.clone() } else { without.clone() }));
        }
    }

    /// The run is over: the history knows of it, then its client.
    pub(super) fn over(self, is_good: bool) {
        let meta: Map<String, Value> = self
            .outputs
            .keys()
            .map(|node| (node.clone(), json!({"node_id": node, "display_node": node, "parent_node": null, "real_node_id": node})))
            .collect();
        let status = json!({"status_str": if is_good { "success" } else { "error" }, "completed": is_good, "messages": self.messages});
        let told = json!({"prompt": self.entry.told(), "outputs": self.outputs, "status": status, "meta": meta});
        let mut inner = self.shared.inner();
        inner.running = None;
        inner.remember(&self.entry.id, told);
        inner.tell_queue();
        inner.tell(self.entry.client(), "executing", &json!({"node": null, "prompt_id": self.entry.id}));
        drop(inner);
        self.shared.moved();
    }
}
