//! A server that behaves as the content publishing part of Instagram's Graph API does for reels: films are fetched from
//! their address and looked at, containers become ready, run out, and become one post each; what is published is counted
//! over 24 hours; who shows no token, or one that has run out, is refused. Written from Meta's public pages on content
//! publishing, containers, publishing limits and error codes.
//!
//! Left out: pictures, carousels, stories, tags, resumable uploads. Time is its own and is moved by [`Instagram::pass`].

mod errors;
mod routes;
#[cfg(test)]
mod tests;

pub use crate::film::film_of_ms;
use rushes_core::clock::{Clock, SystemClock};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

const DAY: Duration = Duration::from_hours(24);

/// The server. Dropping it ends it.
pub struct Instagram {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Where it listens, for a proxy before it.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Planned {
    /// It is not carried out, with this status, code, subcode and message.
    Refused(u16, i64, i64, String),
    /// As `Refused`, and the answer says that it takes so many minutes.
    Busy(u64),
    /// It is not carried out, and a page of a server in between says so.
    Page(u16),
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is carried out, and the answer says that something went wrong.
    DoneAndRefused,
}

/// A film that is shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// The words below it.
    pub caption: String,
    /// What was said when it was handed over.
    pub told: Value,
    /// By the server's clock.
    at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InProgress,
    Finished,
    Published,
    /// With the subcode that tells why.
    Error(u32),
}

struct Container {
    id: String,
    state: State,
    told: Value,
    made: Duration,
}

struct Inner {
    token: String,
    quota: usize,
    ids: u64,
    /// Since 1970, by the server's clock.
    now: Duration,
    containers: Vec<Container>,
    posts: Vec<Shown>,
    planned: Vec<(&'static str, Planned)>,
    calls: Vec<String>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Whether films are made ready; those handed over meanwhile wait.
    works: watch::Sender<bool>,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instagram {
    /// The only account there is.
    pub const USER: &str = "17841400000000001";
    /// Its token.
    pub const TOKEN: &str = "IGAAtesttoken";

    /// Starts it, at the machine's time, where its clock then stands.
    pub async fn start() -> Self {
        let inner = Inner {
            token: Self::TOKEN.to_owned(),
            quota: 50,
            ids: 17_900_000_000_000_000,
            now: Duration::from_millis(SystemClock.now_ms().unsigned_abs()),
            containers: Vec::new(),
            posts: Vec::new(),
            planned: Vec::new(),
            calls: Vec::new(),
        };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), works: watch::Sender::new(true) });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let router = axum::Router::new().fallback(routes::answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), address, shared, serving }
    }

    /// The next request of that name goes wrong: `media`, `media_publish`, `container`, `content_publishing_limit`, `list`, `post`.
    pub fn plan(&self, call: &'static str, planned: Planned) {
        self.shared.inner().planned.push((call, planned));
    }

    /// The names of all requests so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.shared.inner().calls.clone()
    }

    /// So much time passes.
    pub fn pass(&self, time: Duration) {
        self.shared.inner().now += time;
    }

    /// Its clock, milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        i64::try_from(self.shared.inner().now.as_millis()).unwrap_or(i64::MAX)
    }

    /// From now on films stay in progress, or are made ready again.
    pub fn works(&self, works: bool) {
        self.shared.works.send_replace(works);
    }

    /// The token known so far has run out.
    pub fn expire_token(&self) {
        self.shared.inner().token = "IGAAanothertoken".to_owned();
    }

    /// How much may be published within a day.
    pub fn allow(&self, quota: usize) {
        self.shared.inner().quota = quota;
    }

    /// Somebody else publishes, by another program.
    pub fn post_by_another(&self, caption: &str) {
        self.shared.inner().show(caption.to_owned(), Value::Null);
    }

    /// What is shown, the oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Shown> {
        self.shared.inner().posts.clone()
    }
}

impl Drop for Instagram {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    fn next_id(&mut self) -> String {
        self.ids += 1;
        self.ids.to_string()
    }

    fn next_planned(&mut self, call: &str) -> Option<Planned> {
        let at = self.planned.iter().position(|(name, _)| *name == call)?;
        Some(self.planned.remove(at).1)
    }

    fn container(&mut self, id: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|container| container.id == id)
    }

    /// How many posts count now.
    fn used(&self) -> usize {
        self.posts.iter().filter(|post| post.at + DAY > self.now).count()
    }

    fn show(&mut self, caption: String, told: Value) -> String {
        let id = self.next_id();
        self.posts.push(Shown { id: id.clone(), caption, told, at: self.now });
        id
    }
}
