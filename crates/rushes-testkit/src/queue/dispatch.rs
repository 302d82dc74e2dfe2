//! The sending side: what is due goes out, and comes back until it was answered well.

use super::{Sent, Shared, Taken};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How often it looks for what is due while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A request that is broken off is within this.
const CUT_WITHIN: Duration = Duration::from_secs(2);
/// The head of an answer at most.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// A task that is to be sent.
pub(super) struct Waiting {
    pub(super) task: Taken,
    pub(super) due: Instant,
    pub(super) tries: u32,
}

/// How one request is to end, whatever is answered.
struct Fate {
    /// Broken off after this.
    cut: Option<Duration>,
    is_lost: bool,
}

pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        while let Some((waiting, to, fate)) = next(&shared) {
            tokio::spawn(one(shared.clone(), waiting, to, fate));
        }
        let _ = tokio::time::timeout(LOOK_EVERY, shared.changed.notified()).await;
    }
}

/// Takes one that is due, if there is room.
fn next(shared: &Shared) -> Option<(Waiting, SocketAddr, Fate)> {
    let mut state = shared.state();
    if state.under_way >= state.habits.at_once {
        return None;
    }
    let now = Instant::now();
    let due: Vec<usize> = (0..state.waiting.len()).filter(|at| state.waiting[*at].due <= now).collect();
    let oldest = due.iter().copied().min_by_key(|at| state.waiting[*at].due)?;
    let at = if state.habits.is_unordered { due[state.below(due.len() as u64) as usize % due.len()] } else { oldest };
    let waiting = state.waiting.swap_remove(at);
    let instances = state.instances.clone();
    let to = if instances.is_empty() {
        host_of(&waiting.task.url)
    } else {
        Some(instances[state.below(instances.len() as u64) as usize % instances.len()])
    };
    let (cut, lost) = (state.habits.cut, state.habits.lost);
    let cut = state.chance(cut).then(|| state.up_to(CUT_WITHIN));
    let is_lost = state.chance(lost);
    state.under_way += 1;
    // An address that leads nowhere is one where nobody answers.
    Some((waiting, to.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 1))), Fate { cut, is_lost }))
}

async fn one(shared: Arc<Shared>, mut waiting: Waiting, to: SocketAddr, fate: Fate) {
    let limit = fate.cut.unwrap_or(waiting.task.answered_within);
    let answered = tokio::time::timeout(limit, post(&waiting, to)).await.ok().flatten();
    let status = answered.filter(|_| !fate.is_lost);
    let mut state = shared.state();
    state.under_way -= 1;
    state.sent.push(Sent { path: path_of(&waiting.task.url).to_owned(), status });
    if !status.is_some_and(|status| (200..300).contains(&status)) {
        let (first, most) = state.habits.backoff;
        waiting.due = Instant::now() + first.saturating_mul(1 << waiting.tries.min(16)).min(most);
        waiting.tries += 1;
        state.waiting.push(waiting);
    }
    drop(state);
    shared.changed.notify_one();
}

/// Sends it; gives the status, once the whole head of an answer came.
async fn post(waiting: &Waiting, to: SocketAddr) -> Option<u16> {
    let mut stream = TcpStream::connect(to).await.ok()?;
    let mut head =
        format!("POST {} HTTP/1.1\r\nHost: {to}\r\nUser-Agent: Google-Cloud-Tasks\r\nContent-Length: 0\r\n", path_of(&waiting.task.url));
    for (name, value) in &waiting.task.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("X-CloudTasks-TaskRetryCount: {}\r\nConnection: close\r\n\r\n", waiting.tries));
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await.ok()? == 0 || answer.len() > HEAD_MAX_BYTES {
            return None;
        }
    }
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn host_of(url: &str) -> Option<SocketAddr> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next()?.parse().ok()
}
