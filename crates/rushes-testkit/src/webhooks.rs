//! One who receives webhooks, for tests: answers as planned, remembers every request as it came, and checks signatures by
//! its own reading of Standard Webhooks 1.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The longest request read.
const REQUEST_MAX: usize = 8 * 1024 * 1024;

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With this status and a few words.
    Status(u16),
    /// With this status, these header lines, and this body.
    Whole(u16, Vec<String>, Vec<u8>),
    /// Not at all for so long, then with 200.
    Late(Duration),
    /// The request is taken and the connection closed: the answer is lost.
    Lost,
    /// With fewer bytes than are announced.
    Cut(u64, Vec<u8>),
    /// With a body that never ends.
    Endless,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path and query.
    pub path: String,
    /// By name in lower case.
    pub headers: HashMap<String, String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// When it had come whole.
    pub at: Instant,
}

impl Received {
    /// One header; empty where it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What `webhook-id` says.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The body as JSON. Panics where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("webhooks are JSON")
    }

    /// Whether one of its signatures is by this secret.
    #[must_use]
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let Ok(key) = STANDARD.decode(secret.trim_start_matches("whsec_")) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
        mac.update(format!("{}.{}.", self.id(), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

#[derive(Default)]
struct State {
    planned: VecDeque<Reply>,
    always: Option<Reply>,
    received: Vec<Received>,
    connections: u32,
}

/// The receiver. Dropping it ends it.
pub struct Receiver {
    /// `http://127.0.0.1:PORT/hook`
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts one on a free port of 127.0.0.1, which answers 200. Needs a tokio runtime.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// As [`Receiver::start`], at this address.
    pub async fn start_at(address: SocketAddr) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                lock(&shared).connections += 1;
                tokio::spawn(converse(stream, shared.clone()));
            }
        });
        Self { url: format!("http://{address}/hook"), address, state, serving }
    }

    /// The next requests are answered so, in this order; those after them as before.
    pub fn plan(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).planned.extend(replies);
    }

    /// All requests without another plan are answered so.
    pub fn always(&self, reply: Reply) {
        lock(&self.state).always = Some(reply);
    }

    /// Everything received so far, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> u32 {
        lock(&self.state).connections
    }

    /// Waits until so many requests have come. Panics after `limit`.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(began.elapsed() < limit, "{} of {count} webhooks came within {limit:?}", received.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(received) = read(&mut stream).await else { return };
    let reply = {
        let mut state = lock(&state);
        state.received.push(received);
        state.planned.pop_front().or_else(|| state.always.clone()).unwrap_or(Reply::Status(200))
    };
    let (status, headers, body) = match reply {
        Reply::Status(status) => (status, Vec::new(), format!("said {status}").into_bytes()),
        Reply::Whole(status, headers, body) => (status, headers, body),
        Reply::Late(wait) => {
            tokio::time::sleep(wait).await;
            (200, Vec::new(), Vec::new())
        }
        Reply::Lost => return,
        Reply::Cut(announced, body) => {
            let head = format!("HTTP/1.1 200 As planned\r\nContent-Length: {announced}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            let _ = stream.shutdown().await;
            return;
        }
        Reply::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n").await;
            while stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {}
            return;
        }
    };
    let mut head = format!("HTTP/1.1 {status} As planned\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for line in headers {
        head.push_str(&line);
        head.push_str("\r\n");
    }
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).await;
    let _ = stream.shutdown().await;
}

pub(crate) async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > REQUEST_MAX {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse()).ok()?;
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length.min(REQUEST_MAX) {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { path, headers, body, at: Instant::now() })
}
