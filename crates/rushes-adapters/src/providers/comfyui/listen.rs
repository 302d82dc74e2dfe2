//! What ComfyUI says over its WebSocket while it works. Everything also goes without: it makes looks fewer and tells how
//! far a prompt is. The connection is kept up in the background, as long as somebody has the client.

use super::client::ComfyClient;
use crate::http::{Body, Client, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rushes_core::{Code, Fault};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What is said of prompts that nobody asks for any more is forgotten, the oldest first.
const RUNS_MAX: usize = 256;
/// Between two tries to reach it.
const AGAIN: Duration = Duration::from_secs(2);
/// Even while it is heard of, a prompt is looked at this often: a connection may be dead without a word.
const LOOKS_ANYWAY: Duration = Duration::from_secs(10);
/// Steps of a sampler take this much of the time for each node that does something small.
const SAMPLER_WEIGHT: f32 = 20.0;
/// RFC 6455.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What is heard of one prompt.
struct Run {
    id: String,
    /// What each node weighs, all together 1.0; empty where the graph is not known.
    weights: BTreeMap<String, f32>,
    share: Option<f32>,
    /// Whether it was heard of over the connection there is now, and is not over: then a look may be spared.
    is_heard: bool,
    looked: Instant,
}

#[derive(Default)]
struct Heard {
    runs: VecDeque<Run>,
    listening: Option<AbortHandle>,
}

/// What is heard, for all who ask.
pub(super) struct Ears {
    client_id: String,
    heard: Mutex<Heard>,
}

impl Drop for Ears {
    fn drop(&mut self) {
        if let Some(task) = self.heard.get_mut().unwrap_or_else(PoisonError::into_inner).listening.take() {
            task.abort();
        }
    }
}

impl Ears {
    pub(super) fn new(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), heard: Mutex::default() }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This prompt will be worked on.
    pub(super) fn expect(&self, id: &str, graph: &Value) {
        let weight = |node: &Value| if node["inputs"]["steps"].is_u64() { SAMPLER_WEIGHT } else { 1.0 };
        let nodes = graph.as_object().into_iter().flatten();
        let weights: BTreeMap<String, f32> = nodes.map(|(id, node)| (id.clone(), weight(node))).collect();
        let all: f32 = weights.values().sum();
        let weights = weights.into_iter().map(|(id, weight)| (id, weight / all)).collect();
        let mut heard = self.heard();
        heard.runs.retain(|run| run.id != id);
        heard.runs.push_back(Run { id: id.to_owned(), weights, share: None, is_heard: false, looked: Instant::now() });
        let over = heard.runs.len().saturating_sub(RUNS_MAX);
        heard.runs.drain(..over);
    }

    pub(super) fn forget(&self, id: &str) {
        self.heard().runs.retain(|run| run.id != id);
    }

    /// How far it is, as was heard last.
    pub(super) fn share(&self, id: &str) -> Option<f32> {
        self.heard().runs.iter().find(|run| run.id == id)?.share
    }

    /// Whether a look is needed to know how it stands; if so, one is being made.
    pub(super) fn wants_look(&self, id: &str) -> bool {
        let mut heard = self.heard();
        let Some(run) = heard.runs.iter_mut().find(|run| run.id == id) else { return true };
        if run.is_heard && run.looked.elapsed() < LOOKS_ANYWAY {
            return false;
        }
        run.looked = Instant::now();
        true
    }

    /// Whatever was heard, it may be otherwise now.
    fn deafen(&self) {
        self.heard().runs.iter_mut().for_each(|run| run.is_heard = false);
    }

    fn hear(&self, message: &Value) {
        let data = &message["data"];
        let mut heard = self.heard();
        let Some(run) = heard.runs.iter_mut().find(|run| data["prompt_id"] == run.id.as_str()) else { return };
        let share_of = |run: &Run, node: &str| run.weights.get(node).copied().unwrap_or(0.0);
        match message["type"].as_str().unwrap_or_default() {
            "execution_cached" => {
                let nodes = data["nodes"].as_array().into_iter().flatten().filter_map(Value::as_str);
                // They count as done from the start: what is left is all there is to do.
                let done: Vec<&str> = nodes.collect();
                let left = 1.0 - done.iter().map(|node| share_of(run, node)).sum::<f32>();
                run.weights.retain(|node, _| !done.contains(&node.as_str()));
                run.weights.values_mut().for_each(|weight| *weight /= left.max(f32::EPSILON));
                run.is_heard = true;
            }
            "progress_state" => {
                let states = data["nodes"].as_object().into_iter().flatten();
                #[expect(clippy::cast_possible_truncation, reason = "a share of 1.0")]
                let done: f32 = states
                    .map(|(node, state)| {
                        let (value, max) = (state["value"].as_f64().unwrap_or(0.0), state["max"].as_f64().unwrap_or(1.0));
                        share_of(run, node) * (value / max.max(1e-9)) as f32
                    })
                    .sum();
                run.share = (!run.weights.is_empty()).then(|| done.clamp(0.0, 1.0));
                run.is_heard = true;
            }
            // It is over, well or not; the history says how, now that this was said.
            "executing" if data["node"].is_null() => run.is_heard = false,
            "execution_error" | "execution_interrupted" => run.is_heard = false,
            "execution_start" | "executing" => run.is_heard = true,
            _ => {}
        }
    }
}

impl ComfyClient {
    /// Listens in the background from now on.
    pub(super) fn listen(&self) {
        let mut heard = self.ears.heard();
        if heard.listening.as_ref().is_none_or(AbortHandle::is_finished) {
            let (http, base, ears) = (self.http.clone(), self.base.clone(), Arc::downgrade(&self.ears));
            heard.listening = Some(tokio::spawn(keep_listening(http, base, ears)).abort_handle());
        }
    }
}

async fn keep_listening(http: Client, base: String, ears: Weak<Ears>) {
    loop {
        let Some(client_id) = ears.upgrade().map(|ears| ears.client_id.clone()) else { return };
        let ended = listen_once(&http, &base, &client_id, &ears).await;
        let Some(ears) = ears.upgrade() else { return };
        ears.deafen();
        drop(ears);
        tracing::debug!(service = "comfyui", why = ended.err().map(tracing::field::display), "not heard any more; looks go on");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(http: &Client, base: &str, client_id: &str, ears: &Weak<Ears>) -> Result<(), Fault> {
    let key = STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
    let words: [(HeaderName, &str); 4] = [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
        (header::SEC_WEBSOCKET_KEY, &key),
    ];
    let headers: HeaderMap = words.into_iter().filter_map(|(name, word)| Some((name, HeaderValue::from_str(word).ok()?))).collect();
    let url = format!("{base}/ws?clientId={client_id}");
    let request = Request { method: Method::GET, url, headers, body: Body::Empty, operation: "listen to ComfyUI", answers_within: None };
    let answer = http.send(request).await?;
    let accept = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), GUID].concat());
    if answer.status != StatusCode::SWITCHING_PROTOCOLS || answer.header("sec-websocket-accept") != STANDARD.encode(accept) {
        return Err(Fault::new(Code::ProviderDown, "listen to ComfyUI").because(format!("it answers {}", answer.status)));
    }
    let mut stream = WebSocketStream::from_raw_socket(answer.upgraded().await?, Role::Client, None).await;
    while let Some(message) = stream.next().await {
        let message = message.map_err(|e| Fault::new(Code::ProviderDown, "listen to ComfyUI").because(e))?;
        let Some(ears) = ears.upgrade() else { return Ok(()) };
        // Previews come as binary messages, and are of no use here.
        if let Message::Text(text) = message
            && let Ok(told) = serde_json::from_str(&text)
        {
            ears.hear(&told);
        }
    }
    Ok(())
}
