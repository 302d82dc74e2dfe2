//! A server that behaves as services do that answer with what they made: Gemini (words and pictures), chat completions as
//! OpenAI speaks them, ElevenLabs' and MiniMax' music, and Lyria on Vertex. What was carried out, and so is paid for, is counted.
//! Written from their public API references.
//!
//! Left out: every other thing that they make. Their characters, pictures and pieces are always the same few bytes.

mod made;
mod routes;
mod served;

use crate::google::Google;
use crate::orders::Moment;
use crate::provider_suite::Held;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The server. Dropping it ends it.
pub struct Answers {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Who gives the tokens that Lyria takes.
    pub google: Google,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

/// What goes wrong with the next request.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// It is not carried out, and the answer has this status and body, and asks to wait for so many seconds.
    Refused(u16, Value, Option<u32>),
    /// It is not carried out, and the connection breaks.
    Dropped,
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is carried out, and half of the answer comes.
    Half,
    /// It is carried out, and answered 200 with this instead.
    Says(Value),
    /// It is never answered, and not carried out.
    Hangs,
}

/// One request that was carried out.
#[derive(Debug, Clone)]
pub struct Carried {
    /// `gemini text`, `gemini image`, `chat`, `elevenlabs`, `minimax`, `lyria`.
    pub what: &'static str,
    /// Its body.
    pub told: Value,
    /// The key it came with.
    pub key: String,
}

#[derive(Default)]
struct Inner {
    planned: VecDeque<Planned>,
    carried: Vec<Carried>,
    asked: usize,
    /// Keys whose limit is reached, and for how many seconds.
    exhausted: Vec<(String, u32)>,
    hold: Option<(Held, Moment)>,
}

struct Shared {
    accounts: Arc<crate::google::Accounts>,
    inner: Mutex<Inner>,
    arrived: tokio::sync::Notify,
    reached: tokio::sync::Notify,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    /// The keys that open Gemini; the first opens ElevenLabs, MiniMax and the chat as well, which also answers without any.
    pub const KEYS: [&str; 3] = ["answers-key-one", "answers-key-two", "answers-key-three"];

    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        let google = Google::start().await;
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (inner, arrived, reached) = (Mutex::default(), tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let shared = Arc::new(Shared { accounts: google.accounts.clone(), inner, arrived, reached });
        let router = axum::Router::new().fallback(routes::answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), google, shared, serving }
    }

    /// The next request goes wrong; plans are used up one by one.
    pub fn plan(&self, planned: Planned) {
        self.shared.inner().planned.push_back(planned);
    }

    /// The limit of this key of Gemini's is reached, for so many seconds as it says.
    pub fn exhaust(&self, key: &str, seconds: u32) {
        self.shared.inner().exhausted.push((key.to_owned(), seconds));
    }

    /// Everything that was carried out, the oldest first.
    #[must_use]
    pub fn carried(&self) -> Vec<Carried> {
        self.shared.inner().carried.clone()
    }

    /// Ends when the next request has arrived.
    pub fn arrival(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = self.shared.clone();
        async move { shared.arrived.notified().await }
    }

    /// How many requests came, carried out or not.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.inner().asked
    }

    /// The answer of Gemini that holds these words, and ended so.
    #[must_use]
    pub fn gemini_says(words: &str, end: &str) -> Value {
        made::gemini(&serde_json::json!([{"text": words}]), end)
    }

    /// The answer of a chat that holds these words, and ended so.
    #[must_use]
    pub fn chat_says(words: &str, end: &str) -> Value {
        made::chat(words, end)
    }

    /// The character that is always invented, as a model writes it.
    #[must_use]
    pub fn character() -> Value {
        made::character()
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
