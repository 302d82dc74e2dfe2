//! The served product: how many look at a job a second and how soon they are answered, beside a bare route of the same
//! framework, asked by the same client in the same run; what one who listens costs; how soon a job begins.
//!
//! Client and servers are processes of their own and share the machine's cores, so figures are ratios within this run.

mod ask;
mod bare;

use crate::support::program::{Program, signal};
use ask::{Asker, Load};
use rushes_core::clock::SystemClock;
use rushes_core::delivery::Routes;
use rushes_core::store::Journal;
use rushes_store::{Mode, SqlStore};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use bare::was_child;

/// Connections that ask as fast as they can.
const AT_ONCE: usize = 16;
/// For so long in each round, of which the middle one counts.
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
/// Beside a running job: so many connections, each asking so often, for so long.
const LOOKERS: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(40);
const LOOK_FOR: Duration = Duration::from_secs(10);
/// Jobs of which the beginning is timed.
const JOBS: usize = 60;
const LISTENERS: usize = 1_000;

/// Nothing is refused for coming too often; and films short enough to be made in the time.
const CONFIG: &str = "[server]\nrequests_per_minute = 4000000000\njobs_at_once = 2\n";

struct Served {
    program: Program,
    child: Child,
    address: String,
    key: String,
}

impl Served {
    fn start(program: Program) -> Self {
        let key = program.run(&["keys", "new", "bench", "--scope", "admin", "--json"]).expect(0).json()["key"].as_str().unwrap().to_owned();
        let mut child = program.start_told(&["serve", "--listen", "127.0.0.1:0"], "serve.log");
        let address = listening(&mut child);
        Self { program, child, address, key }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n", self.address, self.key).into_bytes()
    }

    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n", self.address, self.key);
        format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    async fn run(&self, count: u32) -> String {
        let (status, body) =
            Asker::open(&self.address).await.ask(&self.post("/api/v1/pipeline/run", &json!({"count": count}).to_string())).await;
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).unwrap()["job_id"].as_str().unwrap().to_owned()
    }

    async fn cancel(&self, job: &str) {
        Asker::open(&self.address).await.ask(&self.post(&format!("/api/v1/pipeline/cancel/{job}"), "")).await;
    }

    fn stop(&mut self) {
        signal(&self.child, "TERM");
        self.child.wait().unwrap();
    }

    /// Bytes of memory that are its own.
    fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// What a server says it listens on.
pub(crate) fn listening(child: &mut Child) -> String {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    child.stdout = Some(out.into_inner());
    line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("it says {line:?}")).1.to_owned()
}

pub(crate) async fn measure() {
    listeners().await;
    let mut served = Served::start(Program::with(CONFIG));
    // A job that has ended: what most who look see.
    let ended = served.run(1).await;
    served.cancel(&ended).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    answers(&served, &ended).await;
    begins(&served).await;
    beside_a_job(&served).await;
    served.stop();
}

/// Requests a second and their 99th percentile, in turns with the bare route, whose answer is as long.
async fn answers(served: &Served, job: &str) {
    let request = served.get(&format!("/api/v1/pipeline/status/{job}"));
    let (status, body) = Asker::open(&served.address).await.ask(&request).await;
    assert_eq!(status, 200);
    let bare = bare::start(body.len());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(Load::full(&bare.address, &bare.request, AT_ONCE, ROUND).await);
        ours.push(Load::full(&served.address, &request, AT_ONCE, ROUND).await);
    }
    bare.stop();
    let (ours, theirs) = (middle(ours), middle(theirs));
    println!(
        "service     status: {:.0}/s, p99 {:.1} ms; a bare route of {} bytes: {:.0}/s, p99 {:.1} ms; ratio {:.2}",
        ours.rate,
        ours.p99_ms,
        body.len(),
        theirs.rate,
        theirs.p99_ms,
        ours.rate / theirs.rate
    );
}

fn middle(mut loads: Vec<Load>) -> Load {
    loads.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    loads.swap_remove(loads.len() / 2)
}

/// From the sending of a POST to the beginning of the first step, as the step's own row has it.
async fn begins(served: &Served) {
    let database = served.program.path("home/rushes.db");
    let store = SqlStore::open(&database, &Mode::Read, Arc::new(SystemClock), Routes::default()).unwrap();
    let mut took = Vec::new();
    for _ in 0..JOBS {
        let asked_ms = rushes_core::clock::Clock::now_ms(&SystemClock);
        let job = served.run(1).await;
        let id = job.parse().unwrap();
        let began = Instant::now();
        let first = loop {
            if let Some(step) = store.steps(id).await.unwrap().first() {
                break step.started_ms;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it never begins");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        took.push((first - asked_ms) as f64);
        served.cancel(&job).await;
        // The next one meets an idle server: this is about one who starts a job, not about a queue.
        while store_state(&store, id).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    took.sort_by(f64::total_cmp);
    println!(
        "service     POST to the first step: p50 {:.0} ms, p99 {:.0} ms, {} jobs one after the other",
        at(&took, 0.5),
        at(&took, 0.99),
        took.len()
    );
}

async fn store_state(store: &SqlStore, id: rushes_core::JobId) -> bool {
    !rushes_core::store::Jobs::job(store, id).await.unwrap().state.has_ended()
}

/// The value below which this share lies.
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)]
}

async fn beside_a_job(served: &Served) {
    let job = served.run(1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let request = served.get(&format!("/api/v1/pipeline/status/{job}"));
    let bare = bare::start(1_000);
    let (theirs, load) = tokio::join!(
        Load::paced(&bare.address, &bare.request, LOOKERS, LOOK_EVERY, LOOK_FOR),
        Load::paced(&served.address, &request, LOOKERS, LOOK_EVERY, LOOK_FOR)
    );
    bare.stop();
    let (_, body) = Asker::open(&served.address).await.ask(&request).await;
    let status = serde_json::from_slice::<Value>(&body).unwrap()["status"].clone();
    served.cancel(&job).await;
    println!(
        "service     status beside its own running production ({status} at the end): {:.0}/s asked, p50 {:.1} ms, p99 {:.1} ms; the bare route at the same time: p50 {:.1} ms, p99 {:.1} ms",
        load.rate, load.p50_ms, load.p99_ms, theirs.p50_ms, theirs.p99_ms
    );
}

/// On a server of its own: one that has made films has memory to spare that would be used first.
async fn listeners() {
    let mut served = Served::start(Program::with(CONFIG));
    let request = served.get("/api/v1/events");
    let mut first = Asker::open(&served.address).await;
    let status = first.begin(&request).await;
    if status != 200 {
        println!("service     listeners: left out, /api/v1/events answers {status}");
        served.stop();
        return;
    }
    // What the first ones bring is no listener's.
    let mut open = vec![first];
    for _ in 0..50 {
        let mut asker = Asker::open(&served.address).await;
        asker.begin(&request).await;
        open.push(asker);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = served.memory_bytes();
    for _ in 0..LISTENERS {
        let mut asker = Asker::open(&served.address).await;
        assert_eq!(asker.begin(&request).await, 200);
        open.push(asker);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = served.memory_bytes();
    println!("service     {LISTENERS} listeners: {:.1} KB each", after.saturating_sub(before) as f64 / 1024.0 / LISTENERS as f64);
    drop(open);
    served.stop();
}
