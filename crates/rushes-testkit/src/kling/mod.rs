//! A server that behaves as Kling's motion control does, in both generations of its API: what is ordered is fetched from
//! the addresses given, made after some looks, and kept under an address that ends; orders are counted, and so is what is
//! paid for. Written from Kling's public API reference.
//!
//! Left out: every other thing that Kling makes, callbacks. What it "makes" is the reference film itself.

mod routes;

use serde_json::Value;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The server. Dropping it ends it.
pub struct Kling {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

/// What goes wrong with the next order, look or fetch.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// It is not carried out, and the answer has this status, code and message.
    Refused(u16, i64, String),
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is not carried out, and the connection breaks.
    Dropped,
    /// The work fails, with these words.
    Fails(String),
    /// The address of what was made does not open any more.
    Expired,
    /// What was made comes by half.
    HalfFetched,
}

/// One task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name here.
    pub id: String,
    /// The key of whoever ordered it.
    pub external: String,
    /// What was ordered.
    pub told: Value,
    /// Its end, where it has one.
    pub end: Option<Result<(), String>>,
    is_expired: bool,
    looks_left: u32,
    film: Vec<u8>,
}

struct Inner {
    tasks: Vec<Task>,
    planned: VecDeque<(&'static str, Planned)>,
    calls: Vec<&'static str>,
    /// So many may be unfinished at once.
    at_once: usize,
    looks: u32,
}

struct Shared {
    address: SocketAddr,
    inner: Mutex<Inner>,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kling {
    /// Opens the current API.
    pub const KEY: &str = "kling-test-key";
    /// The pair that opens the older one.
    pub const PAIR: (&str, &str) = ("access-test", "secret-test");

    /// Starts it. Each task is made at its third look.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let inner = Inner { tasks: Vec::new(), planned: VecDeque::new(), calls: Vec::new(), at_once: usize::MAX, looks: 3 };
        let shared = Arc::new(Shared { address, inner: Mutex::new(inner) });
        let router = axum::Router::new().fallback(routes::answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), shared, serving }
    }

    /// The next request of that name goes wrong: `order`, `look`, `fetch`.
    pub fn plan(&self, call: &'static str, planned: Planned) {
        self.shared.inner().planned.push_back((call, planned));
    }

    /// So many may be unfinished at once.
    pub fn allow(&self, at_once: usize) {
        self.shared.inner().at_once = at_once;
    }

    /// Tasks are made after so many looks.
    pub fn takes(&self, looks: u32) {
        self.shared.inner().looks = looks;
    }

    /// Everything that is under way is made.
    pub fn finish(&self) {
        let mut inner = self.shared.inner();
        inner.looks = 1;
        inner.tasks.iter_mut().for_each(|task| task.looks_left = 1);
    }

    /// The names of all requests so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.shared.inner().calls.clone()
    }

    /// Everything that was ordered, the oldest first.
    #[must_use]
    pub fn tasks(&self) -> Vec<Task> {
        self.shared.inner().tasks.clone()
    }
}

impl Drop for Kling {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    fn next_planned(&mut self, call: &str) -> Option<Planned> {
        let at = self.planned.iter().position(|(name, _)| *name == call)?;
        self.planned.remove(at).map(|(_, planned)| planned)
    }
}
