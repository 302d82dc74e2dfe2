//! A server that takes orders as services do that make things in their own time: what is ordered is fetched from the
//! addresses given, made after some looks, and kept under an address that ends. Orders are counted, and troubles planned.
//! How one service speaks of that is its own `Dialect`: Kling, fal, Replicate.

mod serve;
mod served;

pub(crate) use serve::{Asked, Dialect, Refusal, Said, Wanted, refuse};

use crate::provider_suite::Held;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What is made where no film was handed in.
pub(crate) const PICTURE: &[u8] = b"a picture that was made";
/// What is made instead, as planned.
pub(crate) const RUBBISH: &[u8] = b"<html>this is neither film nor picture</html>";

/// The server. Dropping it ends it.
pub struct OrderServer {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

/// What goes wrong with the next request of its name.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// It is not carried out, and the answer has this status, code and message.
    Refused(u16, i64, String),
    /// It is not carried out, and the answer has this status and body.
    Told(u16, Value),
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is not carried out, and the connection breaks.
    Dropped,
    /// The work fails, with these words.
    Fails(String),
    /// What was made does not open any more.
    Expired,
    /// What was made comes by half.
    HalfFetched,
    /// What is made is [`RUBBISH`].
    Rubbish,
}

/// When a request is held for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything of it is carried out.
    Before,
    /// When all of it is, and its answer is not sent.
    After,
}

/// One order.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name here.
    pub id: String,
    /// The key of whoever ordered it; empty where the service takes none.
    pub external: String,
    /// What was ordered.
    pub told: Value,
    /// Its end, where it has one: made and paid for, or why not.
    pub end: Option<Result<(), String>>,
    /// Whether somebody stopped it.
    pub is_stopped: bool,
    pub(crate) is_begun: bool,
    pub(crate) is_expired: bool,
    pub(crate) created_ms: i64,
    looks_left: u32,
    made: Vec<u8>,
}

struct Inner {
    tasks: Vec<Task>,
    planned: VecDeque<(&'static str, Planned)>,
    calls: Vec<&'static str>,
    /// So many may be unfinished at once.
    at_once: usize,
    looks: u32,
    /// Nothing begins.
    queues: bool,
    hold: Option<(Held, Moment)>,
}

struct Shared {
    dialect: Box<dyn Dialect>,
    inner: Mutex<Inner>,
    reached: Notify,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OrderServer {
    pub(crate) async fn start(dialect: impl Dialect) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let inner = Inner {
            tasks: Vec::new(),
            planned: VecDeque::new(),
            calls: Vec::new(),
            at_once: usize::MAX,
            looks: 3,
            queues: false,
            hold: None,
        };
        let shared = Arc::new(Shared { dialect: Box::new(dialect), inner: Mutex::new(inner), reached: Notify::new() });
        let router = axum::Router::new().fallback(serve::answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), shared, serving }
    }

    /// The next request of that name goes wrong: `order`, `look`, `find`, `result`, `fetch`, `stop`.
    pub fn plan(&self, call: &'static str, planned: Planned) {
        self.shared.inner().planned.push_back((call, planned));
    }

    /// Orders are made after so many looks.
    pub fn takes(&self, looks: u32) {
        self.shared.inner().looks = looks;
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

impl Drop for OrderServer {
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

/// Whether this request is the held one: then it is held no more.
pub(crate) fn is_held(hold: &mut Option<(Held, Moment)>, call: &str) -> Option<Moment> {
    let (held, moment) = hold.as_mut()?;
    let is_this = match held {
        Held::Look => call == "look",
        Held::Nth(left) => {
            *left = left.saturating_sub(1);
            *left == 0
        }
    };
    let moment = is_this.then_some(*moment);
    if is_this {
        *hold = None;
    }
    moment
}
