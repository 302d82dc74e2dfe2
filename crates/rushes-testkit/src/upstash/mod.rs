//! A Redis as Upstash speaks it over HTTP: lists and hashes, one command a request or several at once in `/multi-exec`. What goes
//! wrong is planned, or happens by dice. Written from Upstash's public reference.
//!
//! Left out: every other command, pipelines, and commands as paths but `rpush`.

mod commands;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use commands::Keys;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bodies up to this size are taken, as there.
const LARGEST: usize = 1024 * 1024;

/// What goes wrong with the next request.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// It is not carried out, and answered with this status and error.
    Refused(u16, String),
    /// It is not carried out, and the connection breaks.
    Dropped,
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is carried out, and answered so much later.
    Slow(Duration),
    /// It is carried out so much later, also where who asked has gone.
    Late(Duration),
}

#[derive(Default)]
struct Inner {
    keys: Keys,
    planned: VecDeque<Planned>,
    /// State of the dice, and how many of a thousand requests go wrong by them.
    dice: (u64, u64),
    is_down: bool,
    asked: usize,
}

type Shared = Arc<Mutex<Inner>>;

/// The server. Dropping it ends it.
pub struct Upstash {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    shared: Shared,
    serving: tokio::task::JoinHandle<()>,
}

fn inner(shared: &Shared) -> MutexGuard<'_, Inner> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstash {
    /// The token that opens it.
    pub const TOKEN: &str = "upstash-token-of-the-tests";

    /// Starts it.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Shared::default();
        let router = axum::Router::new().fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving does not end") });
        Self { url: format!("http://{address}"), shared, serving }
    }

    /// The next request goes wrong; plans are used up one by one.
    pub fn plan(&self, planned: Planned) {
        inner(&self.shared).planned.push_back(planned);
    }

    /// From now on so many of a thousand requests go wrong, in each way there is, by dice of this seed.
    pub fn torment(&self, seed: u64, per_mille: u64) {
        inner(&self.shared).dice = (seed, per_mille);
    }

    /// Whether nothing is carried out, and everything answered with 503.
    pub fn set_down(&self, is_down: bool) {
        inner(&self.shared).is_down = is_down;
    }

    /// Carries out a command, whatever is planned; gives its result.
    ///
    /// # Panics
    /// Where the command is refused.
    pub fn run(&self, command: &[&str]) -> Value {
        let command: Vec<Value> = command.iter().map(|word| json!(word)).collect();
        inner(&self.shared).keys.run(&command).expect("a command that is carried out")
    }

    /// The items of a list, from left to right.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        inner(&self.shared).keys.list(name)
    }

    /// The names of all keys.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        inner(&self.shared).keys.names()
    }

    /// How many requests came.
    #[must_use]
    pub fn asked(&self) -> usize {
        inner(&self.shared).asked
    }
}

impl Drop for Upstash {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Inner {
    /// What goes wrong with the request that just came.
    fn trouble(&mut self) -> Option<Planned> {
        self.asked += 1;
        if self.is_down {
            return Some(Planned::Refused(503, "ERR the database is not there".into()));
        }
        if let Some(planned) = self.planned.pop_front() {
            return Some(planned);
        }
        let (state, per_mille) = self.dice;
        let mut roll = || {
            // xorshift64: any seed but 0.
            let mut x = self.dice.0.max(1);
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            self.dice.0 = x;
            x >> 11
        };
        if per_mille == 0 || state == 0 || roll() % 1_000 >= per_mille {
            return None;
        }
        Some(match roll() % 5 {
            0 => Planned::Refused(500, "ERR inside".into()),
            1 => Planned::Dropped,
            2 => Planned::AnswerLost,
            3 => Planned::Slow(Duration::from_millis(roll() % 300)),
            _ => Planned::Late(Duration::from_millis(roll() % 300)),
        })
    }
}

/// Every request. One that has arrived is finished even if its client goes away.
async fn answer(State(shared): State<Shared>, request: axum::extract::Request) -> Response<Body> {
    tokio::spawn(serve(shared, request)).await.expect("the server does not panic")
}

async fn serve(shared: Shared, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if bearer != format!("Bearer {}", Upstash::TOKEN) {
        return sent(401, &json!({"error": "WRONGPASS invalid or missing auth token"}));
    }
    let trouble = inner(&shared).trouble();
    match &trouble {
        Some(Planned::Refused(status, error)) => return sent(*status, &json!({ "error": error })),
        Some(Planned::Dropped) => return broken(),
        Some(Planned::Late(by)) => tokio::time::sleep(*by).await,
        _ => {}
    }
    let (status, json) = carry_out(&shared, parts.uri.path(), &bytes);
    match trouble {
        Some(Planned::AnswerLost) => broken(),
        Some(Planned::Slow(by)) => {
            tokio::time::sleep(by).await;
            sent(status, &json)
        }
        _ => sent(status, &json),
    }
}

fn carry_out(shared: &Shared, path: &str, bytes: &[u8]) -> (u16, Value) {
    let broken = || (400, json!({"error": "ERR failed to parse command"}));
    let keys = &mut inner(shared).keys;
    let told = |done: Result<Value, String>| match done {
        Ok(result) => (200, json!({ "result": result })),
        Err(error) => (400, json!({ "error": error })),
    };
    if let Some(list) = path.strip_prefix("/rpush/") {
        // As a path, the body is the last argument as it stands.
        return told(keys.run(&[json!("RPUSH"), json!(list), json!(String::from_utf8_lossy(bytes))]));
    }
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return broken() };
    match (path, body.as_array()) {
        ("/", Some(command)) => told(keys.run(command)),
        ("/multi-exec", Some(commands)) => {
            let each = |command: &Value| {
                let done = command.as_array().ok_or_else(|| "ERR failed to parse command".to_owned()).and_then(|words| keys.run(words));
                told(done).1
            };
            (200, commands.iter().map(each).collect())
        }
        _ => broken(),
    }
}

fn sent(status: u16, json: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(json.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status of the protocol");
    answer
}

/// The head promises what the connection then breaks off.
fn broken() -> Response<Body> {
    let pieces = futures_util::stream::iter([Ok(Vec::new()), Err(std::io::Error::other("planned"))]);
    Response::new(Body::from_stream(pieces))
}
