//! Workers beside a graphics card, by the real programs: `rushes serve`, `rushes worker` and a server that behaves as ComfyUI.

mod app;
mod changes;
mod former;

use crate::service::Served;
use crate::support::journals;
use crate::support::program::{Program, signal};
use crate::support::survivor::TINY;
use reqwest::StatusCode;
use rushes_testkit::comfyui::{ComfyUi, Machine};
use rushes_testkit::servers::claim_ports;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);
/// Two users of an app.
const USERS: [&str; 2] = ["0b6f2f3e-5d0e-4a31-9d70-5f6f0f8a1c11", "7d1a9c52-93f4-4a5c-8d43-2f1f5f1e2b22"];

/// A worker, as a process of its own.
struct Boxed {
    program: Program,
    child: Option<Child>,
    /// The address of its ComfyUI.
    comfyui: String,
}

impl Boxed {
    /// With this section `[worker]`; it is not started.
    fn with(server: &str, comfyui: &str, more: &str) -> Self {
        let config = format!("[worker]\nserver = \"{server}\"\ncomfyui = \"{comfyui}\"\npatience_s = 1\n{more}");
        Self { program: Program::with(&config), child: None, comfyui: comfyui.to_owned() }
    }

    fn start(&mut self, name: &str) {
        self.child = Some(self.program.start_told(&["worker", "--name", name], "worker.log"));
    }

    fn send(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    async fn ended(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(begun.elapsed() < LONG, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.program.path("worker.log")).unwrap_or_default()
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// A served home; tests look more often than people.
fn served() -> Served {
    Served::start_at(&format!("{TINY}[server]\nrequests_per_minute = 100000\n"), &claim_ports(1)[0].to_string())
}

/// A worker with a key, which is not started.
fn boxed(served: &Served, comfyui: &ComfyUi) -> Boxed {
    let mut worker = Boxed::with(&served.url, &comfyui.url, "key = \"env:WORKER\"\n");
    worker.program.variables.push(("WORKER", served.key.clone().unwrap()));
    worker
}

/// Small pictures, so that a job takes moments.
fn image(user: &str, images: u32, seed: u64) -> Value {
    json!({"type": "sdxl_image_fast", "user_id": user, "prompt": "an adult in a teal coat, full figure", "metadata": {"project": 7},
        "config": {"num_images": images, "seed": seed, "resolution": "128x192", "num_inference_steps": 4}})
}

fn film(user: &str, first_frame: &str) -> Value {
    json!({"type": "video_fast", "user_id": user, "prompt": "the adult turns around",
        "config": {"seed": 5, "resolution": "128x192", "num_inference_steps": 4, "frames": 9, "first_frame": first_frame}})
}

async fn start(served: &Served, parameters: &Value) -> String {
    let (status, job) = served.post("/api/v1/workflows/workspace/jobs", &json!({"parameters": parameters})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    job["id"].as_str().unwrap().to_owned()
}

/// The job once it has ended so.
async fn ends(served: &Served, job: &str, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let (_, now) = served.get(&format!("/api/v1/jobs/{job}")).await;
        if now["state"] == state {
            return now;
        }
        let is_over = ["completed", "failed", "cancelled"].iter().any(|end| now["state"] == *end);
        assert!(!is_over && begun.elapsed() < LONG, "{now}\n{}", served.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Writes the journal of a job whose work was done.
pub(crate) async fn record() {
    let comfyui = ComfyUi::start().await;
    let served = served();
    let mut worker = boxed(&served, &comfyui);
    let job = start(&served, &image(USERS[0], 3, 7)).await;
    worker.start("one");
    ends(&served, &job, "completed").await;
    journals::record_of(&served.program, "workspace").await;
    former::record().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_make_pictures_and_films_and_what_is_told_of_them_was_measured() {
    let comfyui = ComfyUi::start_on(Machine { step_ms: 2, ..Machine::default() }).await;
    let served = served();
    let key = crate::service::new_key(&served.program, "work");
    let mut worker = Boxed::with(&served.url, &comfyui.url, "key = \"env:WORKER\"\n");
    worker.program.variables.push(("WORKER", key.clone()));
    let jobs = [start(&served, &image(USERS[0], 3, 100)).await, start(&served, &image(USERS[1], 1, 200)).await];
    let (_, waits) = served.get(&format!("/api/v1/jobs/{}", jobs[0])).await;
    assert_ne!(waits["state"], "failed");
    worker.start("one");
    for job in &jobs {
        ends(&served, job, "completed").await;
    }
    // A film from a picture that was made before, by the path pages know.
    let job = start(&served, &film(USERS[0], &format!("workspace-temp/{}/{}/1.png", USERS[0], jobs[0]))).await;
    ends(&served, &job, "completed").await;
    let remote = served.program.path("home/remote");
    let mut wanted: Vec<String> = (0..3)
        .flat_map(|index| ["png", "thumb.webp"].map(|end| format!("{}/{}/{index}.{end}", USERS[0], jobs[0])))
        .chain(["0.png", "0.thumb.webp"].map(|name| format!("{}/{}/{name}", USERS[1], jobs[1])))
        .chain(["0.mp4", "0.thumb.webp"].map(|name| format!("{}/{job}/{name}", USERS[0])))
        .collect();
    wanted.sort();
    let there: Vec<String> =
        files(&remote).into_iter().filter(|path| !path.starts_with("records/") && !path.starts_with(".rushes")).collect();
    assert_eq!(there, wanted);
    let (_, made) = served.get(&format!("/api/v1/assets?subject={}&limit=100", USERS[0])).await;
    let made: Vec<&Value> = made["assets"].as_array().unwrap().iter().collect();
    let picture = made.iter().find(|asset| asset["path"] == format!("{}/{}/2.png", USERS[0], jobs[0])).unwrap();
    assert_eq!((&picture["width"], &picture["height"]), (&json!(128), &json!(192)), "{picture}");
    let record = format!("records/workspace_assets/{}.json", picture["id"].as_str().unwrap());
    let record: Value =
        serde_json::from_slice(&std::fs::read(remote.join(&record)).unwrap_or_else(|e| panic!("{record}: {e}: {:?}", files(&remote))))
            .unwrap();
    assert_eq!(
        (&record["seed"], &record["meta"]["asset_index"], &record["meta"]["metadata"]["project"]),
        (&json!(102), &json!(2), &json!(7)),
        "{record}"
    );
    let moving = made.iter().find(|asset| asset["kind"] == "workspace_video").unwrap();
    assert!(moving["duration_ms"].as_u64().unwrap() > 400, "{moving}");
    let bytes = std::fs::read(remote.join(&wanted[wanted.len() - 2])).unwrap();
    assert!(!bytes.windows(6).any(|six| six == b"prompt"), "what ComfyUI writes into its files is not handed on");
    // The worker's key opens nothing else.
    let other = served.ask(reqwest::Method::GET, "/api/v1/jobs").bearer_auth(&key).send().await;
    drop(other);
    let client = reqwest::Client::new();
    let status = |path: &str| client.get(format!("{}{path}", served.url)).bearer_auth(&key).send();
    assert_eq!(status("/api/v1/jobs").await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(status("/api/v1/workers").await.unwrap().status(), StatusCode::OK);
    let (_, workers) = served.get("/api/v1/workers").await;
    assert_eq!(workers["workers"][0]["families"], json!(["sdxl", "wan22"]));
    worker.send("TERM");
    assert_eq!(worker.ended().await, 0, "{}", worker.log());
    let audit = tokio::task::block_in_place(|| served.program.run(&["audit", "--json"])).expect(0).json();
    assert_eq!(audit["clean"], true, "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_refuse_what_cannot_be_and_say_what_would_help() {
    let served = served();
    let refused = async |parameters: Value, says: &str| {
        let (status, problem) = served.post("/api/v1/workflows/workspace/jobs", &json!({"parameters": parameters})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    };
    refused(json!({"type": "image_fast", "prompt": "x"}), "user_id is missing").await;
    refused(json!({"type": "image_fast", "prompt": "x", "user_id": "../other"}), "part of a path").await;
    refused(json!({"type": "image_slow", "prompt": "x", "user_id": "u"}), "sdxl_image_fast").await;
    refused(json!({"type": "video_fast", "prompt": "x", "user_id": "u", "config": {}}), "first_frame is missing").await;
    // Another user's picture is as good as none.
    let job = start(&served, &film(USERS[0], &format!("{}/some/0.png", USERS[1]))).await;
    let failed = ends(&served, &job, "failed").await;
    assert!(failed["error"].to_string().contains("POST /api/v1/assets"), "{failed}");
    // The app's id makes two requests one, and another request under it is refused.
    let mut parameters = image(USERS[0], 1, 1);
    parameters["id"] = json!("app-job-1");
    let first = start(&served, &parameters).await;
    assert_eq!(start(&served, &parameters).await, first);
    parameters["prompt"] = json!("somebody else");
    let (status, problem) = served.post("/api/v1/workflows/workspace/jobs", &json!({"parameters": parameters})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_differs")), "{problem}");
    let (status, _) = served.post(&format!("/api/v1/jobs/{first}/cancel"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    ends(&served, &first, "cancelled").await;
    // A worker that lacks the models says which file, and ends.
    let bare = ComfyUi::start_on(Machine { models: Vec::new(), ..Machine::default() }).await;
    let mut worker = boxed(&served, &bare);
    worker.start("bare");
    assert_eq!(worker.ended().await, 1);
    assert!(worker.log().contains("sd_xl_base_1.0.safetensors") || worker.log().contains("umt5"), "{}", worker.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_leave_what_their_card_cannot_hold_to_others() {
    let card = async |gigabytes: u64| ComfyUi::start_on(Machine { vram_bytes: gigabytes * 1_000_000_000, ..Machine::default() }).await;
    let (served, small, tiny) = (served(), card(12).await, card(4).await);
    let mut worker = boxed(&served, &small);
    worker.start("small");
    let job = start(&served, &image(USERS[0], 1, 3)).await;
    ends(&served, &job, "completed").await;
    let (_, workers) = served.get("/api/v1/workers").await;
    assert_eq!((&workers["workers"][0]["families"], &workers["workers"][0]["card_mb"]), (&json!(["sdxl"]), &json!(12_000)));
    let path = format!("{}/{job}/0.png", USERS[0]);
    let moving = start(&served, &film(USERS[0], &path)).await;
    // Asked to take nothing more, it takes nothing more.
    let (status, told) = served.post("/api/v1/workers/small/drain", &json!({"draining": true})).await;
    assert_eq!((status, &told["draining"]), (StatusCode::OK, &json!(true)));
    let left = start(&served, &image(USERS[0], 1, 4)).await;
    let large = card(24).await;
    let mut other = boxed(&served, &large);
    other.start("large");
    for job in [&moving, &left] {
        ends(&served, job, "completed").await;
    }
    assert!(small.taken().len() == 1 && large.taken().len() == 2, "the film and what came after went elsewhere");
    let mut none = boxed(&served, &tiny);
    none.start("tiny");
    assert_eq!(none.ended().await, 1);
    assert!(none.log().contains("10500 MB"), "{}", none.log());
}
