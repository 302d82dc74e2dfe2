//! Real servers that look for no work by themselves: a queue of tasks asks for each job, sends some twice, late and out of
//! order, and loses answers, while the servers are killed; and servers that work only while a request is open.
//!
//! `RUSHES_JOBS` says how many jobs, `RUSHES_SEED` repeats a run.

use crate::support::program::{Program, signal};
use crate::support::survivor::{Dice, TINY, make_reference, number, report};
use reqwest::{Client, Method, StatusCode};
use rushes_testkit::queue::{Habits, Queue};
use rushes_testkit::servers::{Postgres, postgres};
use rushes_testkit::webhooks::Receiver;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

const LONG: Duration = Duration::from_secs(240);
const KEY: &str = "a-key-for-the-tests-of-the-queue";
const LOG: &str = "serve.log";

/// How many servers work together, on the store they share; without one there is one server with its own.
struct Together {
    instances: usize,
    server: Option<Postgres>,
}

impl Together {
    fn alone() -> Self {
        Self { instances: 1, server: None }
    }

    /// None where there is no Postgres to be had.
    fn three() -> Option<Self> {
        Some(Self { instances: 3, server: Some(postgres()?) })
    }
}

/// One server and its home.
struct Instance {
    program: Program,
    child: Option<Child>,
    address: SocketAddr,
}

impl Instance {
    fn new(program: Program, plan: &str) -> Self {
        let mut instance = Self { program, child: None, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        instance.start(plan);
        instance
    }

    /// Starts it on its home, at another port, under a plan of faults.
    fn start(&mut self, plan: &str) {
        let log = std::fs::File::options().create(true).append(true).open(self.program.path(LOG)).unwrap();
        let env = [("RUSHES_FAULTS", plan), ("RUST_BACKTRACE", "0"), ("RUST_LOG", "info")];
        let mut child = self.program.start_with(&["serve", "--listen", "127.0.0.1:0"], &env);
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut { log }));
        let (mut line, mut out) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        out.read_line(&mut line).unwrap();
        let at = line.trim().strip_prefix("Listening on http://").unwrap_or_else(|| panic!("it says {line:?}: {}", self.log()));
        (self.address, self.child) = (at.parse().unwrap(), Some(child));
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.program.path(LOG)).unwrap_or_default()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Servers with one place to deliver to and one queue that asks.
struct Fleet {
    instances: Vec<Instance>,
    queue: Queue,
    /// The destination and its records.
    place: tempfile::TempDir,
    client: Client,
    /// Where requests from outside go; none = to any instance.
    door: Option<SocketAddr>,
}

impl Fleet {
    async fn start(together: &Together, habits: Habits, drive_s: u32, plan: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (queue, place) = (Queue::start(habits, None).await, tempfile::tempdir().unwrap());
        let at = place.path().display();
        let mut config = format!(
            "{TINY}[server]\nrequests_per_minute = 1000000\n[webhooks]\nallow_private = true\nretries_s = [0.1, 0.2, 0.4, 1, 1, 2, 2, 2]\n\
             [engine.tasks]\nqueue = \"{}\"\nurl = \"http://127.0.0.1:1\"\nendpoint = \"{}\"\ndrive_s = {drive_s}\n\
             [[destinations]]\nname = \"bucket\"\nuri = \"file://{at}/bucket\"\n[[catalogs]]\nname = \"records\"\nuri = \"file://{at}/records\"\n",
            Queue::NAME,
            queue.url,
        );
        if let Some(server) = &together.server {
            config.push_str(&format!("[store]\nuri = \"{}\"\n", server.url()));
        }
        let one = |_| {
            let program = Program::with(&config);
            // A library of its own would take longer to render than a request lasts.
            make_reference(&program);
            program.write("home/references/step.mp4", &std::fs::read(program.path("step.mp4")).unwrap());
            program.write(".env", format!("PIPELINE_API_KEY={KEY}\n").as_bytes());
            Instance::new(program, plan)
        };
        let fleet = Self { instances: (0..together.instances).map(one).collect(), queue, place, client: Client::new(), door: None };
        fleet.lead();
        fleet
    }

    fn lead(&self) {
        let there = self.instances.iter().filter(|instance| instance.child.is_some()).map(|instance| instance.address).collect();
        self.queue.lead(self.door.map_or(there, |door| vec![door]));
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<(StatusCode, Value)> {
        let at = self.door.unwrap_or(self.instances[0].address);
        let request = self.client.request(method, format!("http://{at}{path}")).header("X-Rushes-Key", KEY);
        // A bearer of somebody else, as Cloud Run's own door leaves it.
        let request = request.header("Authorization", "Bearer of-somebody-else");
        let answer = body.map_or(request.try_clone().unwrap(), |body| request.json(&body)).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.json().await.ok()?))
    }

    /// Starts a job, asked again under one key until it is answered.
    async fn submit(&self, workflow: &str, parameters: &Value) -> String {
        let began = Instant::now();
        let idem = format!("{workflow} {parameters}");
        loop {
            assert!(began.elapsed() < LONG, "never taken: {idem}");
            let at = self.door.unwrap_or(self.instances[0].address);
            let request = self.client.post(format!("http://{at}/api/v1/workflows/{workflow}/jobs")).header("X-Rushes-Key", KEY);
            let sent = request.header("Idempotency-Key", &idem).json(&json!({ "parameters": parameters })).send().await;
            if let Ok(answer) = sent {
                let status = answer.status();
                let said = answer.json::<Value>().await.unwrap_or_default();
                if status.is_success() {
                    let id = said["job"].as_str().or_else(|| said["id"].as_str()).or_else(|| said["job_id"].as_str());
                    return id.unwrap_or_else(|| panic!("no id in {said}")).to_owned();
                }
                assert!(status == StatusCode::CONFLICT || status.is_server_error(), "{status}: {said}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until something holds.
    async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            if began.elapsed() > LONG {
                let logs: Vec<String> = self.instances.iter().map(Instance::log).collect();
                panic!("not in time: {what}; {} tasks left\n{}", self.queue.pending(), logs.join("\n---\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn job(&self, id: &str) -> Option<Value> {
        let (status, job) = self.ask(Method::GET, &format!("/api/v1/jobs/{id}"), None).await?;
        (status == StatusCode::OK).then_some(job)
    }

    async fn has_ended(&self, id: &str) -> bool {
        self.job(id).await.is_some_and(|job| ["completed", "failed", "cancelled"].contains(&job["state"].as_str().unwrap()))
    }

    /// Each of these has completed once, and none of their steps was done twice.
    async fn ended_once(&self, jobs: &[String], seed: u64) {
        let facts = self.facts().await;
        let of = |job: &str, ends: &[&str]| {
            facts.iter().filter(|fact| fact["job"] == job && ends.iter().any(|end| fact["type"] == *end)).count()
        };
        for job in jobs {
            let ends = [of(job, &["job.completed"]), of(job, &["job.failed", "job.cancelled"])];
            assert_eq!(ends, [1, 0], "{job}: {:?}, seed {seed}", self.job(job).await);
        }
        let mut steps: BTreeMap<(String, String), u32> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| fact["type"] == "step.done") {
            *steps.entry((fact["job"].to_string(), fact["data"]["step"].to_string())).or_default() += 1;
        }
        assert!(!steps.is_empty() && steps.values().all(|times| *times == 1), "no step is done twice");
    }

    /// All facts there are.
    async fn facts(&self) -> Vec<Value> {
        let url = format!("http://{}/api/v1/events?after=0&follow=false", self.instances[0].address);
        let text = self.client.get(url).header("X-Rushes-Key", KEY).send().await.unwrap().text().await.unwrap();
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_every_job_ends_once_while_a_server_is_killed_and_tasks_go_astray() {
    every_job_ends_once(&Together::alone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_every_job_ends_once_while_three_servers_on_one_store_are_killed_and_tasks_go_astray() {
    if let Some(together) = Together::three() {
        every_job_ends_once(&together).await;
    }
}

async fn every_job_ends_once(together: &Together) {
    let mut dice = Dice::roll("jobs asked for by a queue");
    let count = number("RUSHES_JOBS", 16);
    let habits = Habits {
        seed: dice.seed,
        twice: 25,
        late: Duration::from_millis(600),
        is_unordered: true,
        cut: 8,
        lost: 8,
        unacknowledged: 8,
        at_once: 6,
        ..Habits::default()
    };
    let mut fleet = Fleet::start(together, habits, 12, "").await;
    let mut jobs = Vec::new();
    for seed in 0..count {
        jobs.push(fleet.submit("character", &json!({ "seed": seed })).await);
    }
    // One whose characters are jobs of their own, and one that waits for somebody.
    let family =
        fleet.submit("production", &json!({"count": 2, "seed": 9_000, "generate_variants": false, "create_soundtracks": false})).await;
    let chooser = fleet.submit("character", &json!({"seed": 9_500, "takes": 2})).await;
    jobs.extend([family.clone(), chooser.clone()]);

    let (mut kills, mut is_chosen, began) = (0, false, Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(150) + dice.moment() / 4).await;
        if !is_chosen && fleet.job(&chooser).await.is_some_and(|job| job["choice"].is_object()) {
            let chosen = fleet.ask(Method::POST, &format!("/api/v1/jobs/{chooser}/choose"), Some(json!({"take": 2}))).await;
            is_chosen = chosen.is_some_and(|(status, _)| status.is_success());
        }
        let mut left = 0;
        for job in &jobs {
            left += u64::from(!fleet.has_ended(job).await);
        }
        if left == 0 && is_chosen {
            break;
        }
        assert!(
            began.elapsed() < LONG + Duration::from_secs(6 * count),
            "{left} jobs have not ended after {kills} kills, seed {}",
            dice.seed
        );
        if kills < 6 + count / 10 && left > 1 {
            let which = usize::try_from(dice.below(fleet.instances.len() as u64)).unwrap();
            fleet.instances[which].kill();
            fleet.lead();
            fleet.instances[which].start("");
            fleet.lead();
            kills += 1;
        }
    }
    fleet.queue.behave();
    assert!(fleet.queue.is_empty_within(LONG).await, "a task of an ended job is answered well: {:?}", fleet.queue.sent().last());

    fleet.ended_once(&jobs, dice.seed).await;
    let (_, audit) = fleet.ask(Method::GET, "/api/v1/audit", None).await.unwrap();
    assert_eq!(audit["clean"], true, "{audit}");
    let sent = fleet.queue.sent();
    let (good, again) = (sent.iter().filter(|one| one.status.is_some_and(|s| s < 300)).count(), sent.len());
    assert!(kills > 0 && good > jobs.len(), "{kills} kills, {good} good answers");
    assert!(fleet.instances.iter().all(|instance| !instance.log().contains(KEY)), "no log shows the key");
    let seen = format!("{} jobs, {kills} kills, {again} requests of tasks, {good} answered well, seed {}", jobs.len(), dice.seed);
    let what = format!("kill -9 of {} servers that a queue asks", fleet.instances.len());
    report(&what, &seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_a_job_whose_task_was_never_asked_for_is_found_by_the_next_look() {
    for plan in ["call:1=kill", "called:1=kill"] {
        let mut fleet = Fleet::start(&Together::alone(), Habits::default(), 5, plan).await;
        let parameters = json!({"parameters": {"seed": 1}});
        let cut = fleet.ask(Method::POST, "/api/v1/workflows/character/jobs", Some(parameters)).await;
        assert!(cut.is_none(), "it was killed: {cut:?}");
        fleet.queue.purge();
        fleet.instances[0].kill();
        fleet.instances[0].start("");
        fleet.lead();
        fleet
            .until("it has ended", async || {
                let Some((_, listed)) = fleet.ask(Method::GET, "/api/v1/jobs", None).await else { return false };
                let states: Vec<&str> = listed["jobs"].as_array().unwrap().iter().filter_map(|job| job["state"].as_str()).collect();
                assert_eq!(states.len(), 1, "{listed}");
                states == ["completed"]
            })
            .await;
    }
}

/// What stands before an instance that is only there for requests: it may compute while one is open, and is frozen otherwise.
struct Gate {
    address: SocketAddr,
    open: Arc<Mutex<(usize, u64)>>,
}

impl Gate {
    async fn before(upstream: SocketAddr, pid: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(Mutex::new((0, 0))));
        freeze(pid, true);
        let gate = Self { address, open: open.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, upstream, pid, open.clone()));
            }
        });
        gate
    }

    /// How many requests there were.
    fn passed(&self) -> u64 {
        self.open.lock().unwrap().1
    }

    async fn is_closed(&self) -> bool {
        self.open.lock().unwrap().0 == 0
    }
}

fn freeze(pid: u32, is_frozen: bool) {
    let signal = if is_frozen { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT };
    let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
}

async fn pass(mut stream: TcpStream, upstream: SocketAddr, pid: u32, open: Arc<Mutex<(usize, u64)>>) {
    {
        let mut open = open.lock().unwrap();
        *open = (open.0 + 1, open.1 + 1);
        freeze(pid, false);
    }
    if let Ok(mut to) = TcpStream::connect(upstream).await {
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
    }
    let mut open = open.lock().unwrap();
    open.0 -= 1;
    freeze(pid, open.0 == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_an_instance_that_is_there_for_requests_only_leaves_nothing_undone() {
    let mut fleet = Fleet::start(&Together::alone(), Habits::default(), 20, "").await;
    // One request a connection: an idle connection is no request.
    fleet.client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let receiver = Receiver::start().await;
    let (status, said) = fleet.ask(Method::POST, "/api/v1/webhooks", Some(json!({"url": receiver.url}))).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let instance = &fleet.instances[0];
    let gate = Gate::before(instance.address, instance.child.as_ref().unwrap().id()).await;
    fleet.door = Some(gate.address);
    fleet.lead();

    let run = json!({"count": 1, "seed": 5, "generate_variants": false, "create_soundtracks": false});
    let job = fleet.submit("production", &run).await;
    let other = fleet.submit("character", &json!({"seed": 77})).await;
    assert!(fleet.queue.is_empty_within(LONG).await, "{} tasks left", fleet.queue.pending());
    fleet.until("no request is open", async || gate.is_closed().await).await;
    let passed = gate.passed();

    // Nobody wakes it any more: everything must be there.
    let told: Vec<String> = receiver.received().iter().map(|one| one.json()["data"]["job_id"].as_str().unwrap().to_owned()).collect();
    let sent = || fleet.queue.sent().into_iter().map(|one| format!("{} {:?}", one.path, one.status)).collect::<Vec<_>>().join("\n");
    assert!([&job, &other].iter().all(|job| told.contains(job)), "both ends were told: {told:?} of {job} {other}\n{}", sent());
    let record = std::fs::read_to_string(fleet.place.path().join(format!("records/pipeline_jobs/{job}.json"))).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert!(record.to_string().contains("\"completed\""), "its mirror says so: {record}");
    assert_eq!(gate.passed(), passed);

    // And it says the same when it is asked again, by the clock that looks each minute too.
    let (status, look) = fleet.ask(Method::POST, "/api/v1/jobs/drive", None).await.unwrap();
    assert_eq!((status, &look["asked"], &look["owed"]), (StatusCode::OK, &json!(0), &json!(0)), "{look}");
    for job in [&job, &other] {
        assert_eq!(fleet.job(job).await.unwrap()["state"], "completed");
        let (status, again) = fleet.ask(Method::POST, &format!("/api/v1/jobs/{job}/drive"), None).await.unwrap();
        assert_eq!((status, &again["became"], &again["state"]), (StatusCode::OK, &json!("ended"), &json!("completed")));
    }
    let (_, audit) = fleet.ask(Method::GET, "/api/v1/audit", None).await.unwrap();
    assert_eq!(audit["clean"], true, "{audit}");
    let (status, _) = fleet.ask(Method::POST, "/api/v1/jobs/00000000-0000-7000-8000-000000000001/drive", None).await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
    signal(fleet.instances[0].child.as_ref().unwrap(), "CONT");
}
