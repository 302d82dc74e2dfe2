//! Callbacks of providers, at the served program: what is asked to call, who may, and what that changes.

use crate::service::Served;
use crate::support::program::Program;
use crate::support::survivor::{TINY, make_film};
use reqwest::{Method, StatusCode};
use rushes_testkit::answers::Answers;
use rushes_testkit::gcs::Gcs;
use rushes_testkit::kling::Kling;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// By the clock alone, as many looks as there are rings take twice as long.
const RUNG: Duration = Duration::from_secs(25);
const RINGS: usize = 16;
const REPLICATE: &str = "[providers.replicate]\nkey = \"env:KLING\"\noptions = { image_model = \"owner/name\" }\n";

async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A served home that dances at Kling, and is reached from outside by an address. `more`: lines behind.
fn serve(store: &Gcs, kling: &Kling, more: &str) -> Served {
    store.make_bucket("bucket", false);
    let (image, more) = more.split_once('\n').unwrap_or_default();
    let program = Program::with(&format!(
        "{TINY}[server]\ncallback_base = \"https://rushes.example/\"\n\
         [[destinations]]\nname = \"cloud\"\nuri = \"gs://bucket\"\nendpoint = \"{}\"\ncredentials = \"file:key.json\"\naccess = \"signed\"\n\
         [make]\nmotion = \"kling\"\n{image}\n[providers.kling]\nkey = \"env:KLING\"\nendpoint = \"{}\"\n{more}",
        store.url, kling.url
    ));
    program.write("key.json", store.google.service_account().as_bytes());
    program.write(".env", format!("KLING={}\n", Kling::KEY).as_bytes());
    std::fs::create_dir_all(program.path("home/references")).unwrap();
    make_film(3, &program.path("home/references/step.mp4"));
    tokio::task::block_in_place(|| Served::open(program))
}

async fn posts(served: &Served, provider: &str, body: Vec<u8>) -> StatusCode {
    let request = served.ask(Method::POST, &format!("/api/v1/callbacks/{provider}"));
    request.header("content-type", "application/json").body(body).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_call_are_looked_at_and_not_believed() {
    let (store, kling) = (Gcs::start().await, Kling::start().await);
    let served = serve(&store, &kling, &format!("image = \"replicate\"\n{REPLICATE}endpoint = \"{}\"\n", kling.url));
    for (provider, status) in [("nobody", 404), ("fal", 404), ("builtin", 404), ("replicate", 401), ("kling", 200)] {
        assert_eq!(posts(&served, provider, b"{\"task_id\": \"task-1\"}".to_vec()).await, status, "{provider}");
    }
    for strange in [&b""[..], b"no json", b"[]", b"{\"data\": {\"id\": 5}}", b"\xff\xfe"] {
        assert_eq!(posts(&served, "kling", strange.to_vec()).await, 200, "it tells of nothing that is waited for");
    }
    assert_eq!(posts(&served, "kling", vec![b' '; 1024 * 1024 + 1]).await, 413);
    assert_eq!(served.ask(Method::GET, "/api/v1/callbacks/kling").send().await.unwrap().status(), 405);
    assert!(kling.calls().is_empty(), "nobody is asked for what nobody ordered");
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_ring_and_whoever_waits_looks_at_once() {
    let (store, kling) = (Gcs::start().await, Kling::start().await);
    kling.takes(u32::MAX);
    let mut served = serve(&store, &kling, "");
    served.key = Some(tokio::task::block_in_place(|| crate::service::new_key(&served.program, "admin")));
    let (status, started) = served
        .post(
            "/api/v1/workflows/production/jobs",
            &json!({"parameters": {"count": 1, "reference_videos": ["step"], "generate_variants": false}}),
        )
        .await;
    assert!(status.is_success(), "{status} {started}");
    until("it is ordered", Duration::from_secs(90), async || !kling.tasks().is_empty()).await;
    let task = kling.tasks().remove(0);
    assert_eq!(task.told["options"]["callback_url"], "https://rushes.example/api/v1/callbacks/kling");
    let looks = || kling.calls().iter().filter(|call| **call == "look").count();
    let start = Instant::now();
    for nth in 0..RINGS {
        let before = looks();
        let body =
            json!({"data": {"id": task.id, "status": "succeeded", "outputs": [{"url": "http://127.0.0.1:1/forged.mp4"}], "nth": nth}});
        assert_eq!(posts(&served, "kling", body.to_string().into_bytes()).await, 200);
        until("somebody looks", RUNG.saturating_sub(start.elapsed()), async || looks() > before).await;
    }
    let (_, job) = served.get(&format!("/api/v1/jobs/{}", started["job_id"].as_str().or(started["id"].as_str()).unwrap())).await;
    assert!(job["state"] == "running" || job["status"] == "running", "what was forged is not believed: {job}");
    assert_eq!(kling.tasks().len(), 1);
    kling.takes(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_pictures_of_another_size_become_the_size_asked_for() {
    // What it draws has two by three pixels.
    let answers = Answers::start().await;
    let settings = format!("{TINY}[make]\nimage = \"gemini\"\n[providers.gemini]\nkey = \"env:GEMINI\"\nendpoint = \"{}\"\n", answers.url);
    let program = Program::with(&settings);
    program.write(".env", format!("GEMINI={}\n", Answers::KEYS[0]).as_bytes());
    let shown: Vec<Value> = tokio::task::block_in_place(|| {
        program.run(&["run", "character", "--seed", "3"]).expect(0);
        let pictures = program.assets().into_iter().filter(|asset| asset["kind"] == "anime_image" || asset["kind"] == "cosplay_image");
        pictures.map(|asset| program.run(&["assets", "show", asset["id"].as_str().unwrap(), "--json"]).expect(0).json()).collect()
    });
    let sizes: Vec<_> = shown.iter().map(|asset| (&asset["width"], &asset["height"], &asset["mime"])).collect();
    assert_eq!(sizes, [(&json!(64), &json!(112), &json!("image/png")); 2], "{shown:?}");
    assert_eq!(answers.carried().len(), 2);
}
