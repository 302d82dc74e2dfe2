//! Google Cloud Tasks, for tests: takes tasks over its REST interface (v2) and posts each to its address until it is answered
//! with 2xx, with waits that double and a limit for each answer. It may send a task twice, late, or out of order, break off
//! while it is being answered, or lose an answer, as a seed says: all of that the real one may do.
//! Written from Google's public reference of `projects.locations.queues.tasks`.
//!
//! An address may lead to several instances, any of which gets the request, as behind a load balancer: [`Queue::lead`].

mod dispatch;
mod read;
#[cfg(test)]
mod tests;

use crate::google::Accounts;
use crate::webhooks::{self, Received};
use dispatch::Waiting;
use rushes_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What the queue does beside what it is there for; nothing by default.
#[derive(Debug, Clone)]
pub struct Habits {
    /// What all chances follow from.
    pub seed: u64,
    /// Of a hundred tasks, so many are sent a second time, whatever became of the first.
    pub twice: u64,
    /// Each task is up to this late.
    pub late: Duration,
    /// Whether any task that is due may be next, not the oldest.
    pub is_unordered: bool,
    /// Of a hundred requests, so many are broken off while they are answered.
    pub cut: u64,
    /// Of a hundred answers, so many are taken for none.
    pub lost: u64,
    /// Of a hundred tasks that are taken, so many are not acknowledged.
    pub unacknowledged: u64,
    /// Requests under way at once.
    pub at_once: usize,
    /// The first wait after a failure; it doubles up to the second.
    pub backoff: (Duration, Duration),
}

impl Default for Habits {
    fn default() -> Self {
        let backoff = (Duration::from_millis(50), Duration::from_millis(800));
        Self { seed: 0, twice: 0, late: Duration::ZERO, is_unordered: false, cut: 0, lost: 0, unacknowledged: 0, at_once: 8, backoff }
    }
}

/// One time a task was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The path it asked for.
    pub path: String,
    /// What was answered; None: nothing, or it was lost.
    pub status: Option<u16>,
}

/// A task as it was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Where it asks.
    pub url: String,
    /// With these headers, by name in lower case.
    pub headers: HashMap<String, String>,
    /// How long it waits for an answer.
    pub answered_within: Duration,
    /// Not before; milliseconds since 1970.
    pub not_before_ms: Option<i64>,
}

struct State {
    habits: Habits,
    dice: u64,
    accounts: Option<Arc<Accounts>>,
    instances: Vec<SocketAddr>,
    waiting: Vec<Waiting>,
    under_way: usize,
    taken: Vec<Taken>,
    sent: Vec<Sent>,
}

impl State {
    /// One of so many.
    fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    fn chance(&mut self, of_a_hundred: u64) -> bool {
        self.below(100) < of_a_hundred
    }

    /// Up to this long.
    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX) + 1))
    }
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server. Dropping it ends it.
pub struct Queue {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    shared: Arc<Shared>,
    working: [JoinHandle<()>; 2],
}

impl Queue {
    /// The one queue there is.
    pub const NAME: &str = "projects/rushes-test/locations/europe-west1/queues/drive";

    /// Starts it on a free port of 127.0.0.1. With `accounts`, whoever makes a task needs a token of theirs. Needs a tokio runtime.
    pub async fn start(habits: Habits, accounts: Option<Arc<Accounts>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = State {
            dice: habits.seed,
            habits,
            accounts,
            instances: Vec::new(),
            waiting: Vec::new(),
            under_way: 0,
            taken: Vec::new(),
            sent: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() });
        let (taking, sending) = (shared.clone(), shared.clone());
        let working = [
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(take(stream, taking.clone()));
                }
            }),
            tokio::spawn(dispatch::run(sending)),
        ];
        Self { url: format!("http://{address}"), shared, working }
    }

    /// From now on all tasks go to these instances, whatever host their addresses name; none: to that host.
    pub fn lead(&self, instances: Vec<SocketAddr>) {
        self.shared.state().instances = instances;
    }

    /// From now on it behaves itself; what was planned to go wrong still does.
    pub fn behave(&self) {
        let mut state = self.shared.state();
        let (at_once, backoff) = (state.habits.at_once, state.habits.backoff);
        state.habits = Habits { at_once, backoff, ..Habits::default() };
    }

    /// Every task taken so far, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.state().taken.clone()
    }

    /// Every request sent so far that has come to an end, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.state().sent.clone()
    }

    /// How many tasks wait or are under way.
    #[must_use]
    pub fn pending(&self) -> usize {
        let state = self.shared.state();
        state.waiting.len() + state.under_way
    }

    /// Forgets all that waits, as a queue that is purged.
    pub fn purge(&self) {
        self.shared.state().waiting.clear();
    }

    /// Waits until nothing waits or is under way; false after `limit`.
    pub async fn is_empty_within(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.pending() > 0 {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.working.iter().for_each(JoinHandle::abort);
    }
}

/// Answers one request to make a task.
async fn take(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(request) = webhooks::read(&mut stream).await else { return };
    let answer = make(&request, &shared);
    let is_unacknowledged = {
        let mut state = shared.state();
        let chance = state.habits.unacknowledged;
        answer.is_ok() && state.chance(chance)
    };
    shared.changed.notify_one();
    if is_unacknowledged {
        return;
    }
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err((status, word, message)) => (status, json!({"error": {"code": status, "message": message, "status": word}})),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} As documented\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

type Refused = (u16, &'static str, String);

fn make(request: &Received, shared: &Shared) -> Result<Value, Refused> {
    let mut state = shared.state();
    if let Some(accounts) = &state.accounts {
        let bearer = request.header("authorization").strip_prefix("Bearer ");
        accounts.who(bearer, &[]).map_err(|denied| (401, "UNAUTHENTICATED", format!("{denied:?}")))?;
    }
    if request.path != format!("/v2/{}/tasks", Queue::NAME) {
        return Err((404, "NOT_FOUND", "Requested entity was not found.".to_owned()));
    }
    let now_ms = SystemClock.now_ms();
    let taken = read::task(&request.body, now_ms).map_err(|why| (400, "INVALID_ARGUMENT", why))?;
    let (late, twice) = (state.habits.late, state.habits.twice);
    let wait_ms = u64::try_from(taken.not_before_ms.unwrap_or(now_ms) - now_ms).unwrap_or(0);
    let times = if state.chance(twice) { 2 } else { 1 };
    for _ in 0..times {
        let due = Instant::now() + Duration::from_millis(wait_ms) + state.up_to(late);
        state.waiting.push(Waiting { task: taken.clone(), due, tries: 0 });
    }
    let name = format!("{}/tasks/{}", Queue::NAME, state.taken.len());
    let url = taken.url.clone();
    state.taken.push(taken);
    Ok(json!({"name": name, "httpRequest": {"url": url, "httpMethod": "POST"}, "dispatchCount": 0}))
}
