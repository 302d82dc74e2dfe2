//! The pipeline contract, from start to delivered films.

use super::api::{picture, upload};
use super::{Served, answer, new_key};
use crate::support::program::Program;
use crate::support::survivor::{LONG, TINY, make_reference};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Waits until a job has ended; gives the last status.
async fn ended(served: &Served, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let (status, job) = served.get(&format!("/api/v1/pipeline/status/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{job}");
        if !["queued", "running"].contains(&job["status"].as_str().unwrap()) {
            return job;
        }
        assert!(began.elapsed() < LONG, "it never ends: {job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn library(served: &Served) {
    make_reference(&served.program);
    std::fs::create_dir_all(served.program.path("home/references")).unwrap();
    std::fs::copy(served.program.path("step.mp4"), served.program.path("home/references/step.mp4")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn service_runs_a_production_by_the_contract() {
    let mut served = Served::start(TINY);
    library(&served);
    let (status, started) = served.post("/api/v1/pipeline/run", &json!({"count": 1, "reference_videos": ["step"]})).await;
    assert_eq!((status, &started["success"], &started["status"]), (StatusCode::ACCEPTED, &json!(true), &json!("queued")), "{started}");
    let id = started["job_id"].as_str().unwrap().to_owned();
    let job = ended(&served, &id).await;
    assert_eq!((&job["status"], &job["progress"]["percent_complete"]), (&json!("completed"), &json!(100)), "{job}");
    let assets = &job["results"][0]["assets"];
    for uri in [
        &assets["anime_image"],
        &assets["cosplay_image"],
        &assets["dances"][0],
        &assets["remixes"]["kpop"],
        &assets["deliverables"][2]["url"],
    ] {
        assert!(uri.as_str().is_some_and(|uri| uri.starts_with("file://")), "{assets}");
    }
    let (_, listed) = served.get("/api/v1/pipeline/jobs?status=completed&limit=10").await;
    assert_eq!((&listed["count"], &listed["jobs"][0]["job_id"]), (&json!(1), &json!(id)));
    let (status, refused) = answer(served.ask(Method::POST, &format!("/api/v1/pipeline/cancel/{id}"))).await;
    assert_eq!((status, &refused["success"]), (StatusCode::BAD_REQUEST, &json!(false)), "{refused}");
    served.stop().expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_cancels_within_a_second_and_hands_back_when_asked_to_end() {
    let mut served = Served::start(&TINY.replace("dance_max_s = 1", "dance_max_s = 60"));
    library(&served);
    let start = json!({"count": 2, "reference_videos": ["step"]});
    let (_, first) = served.post("/api/v1/pipeline/run", &start).await;
    let (_, second) = served.post("/api/v1/pipeline/run", &start).await;
    assert_ne!(first["job_id"], second["job_id"], "two askings are two jobs");
    let id = first["job_id"].as_str().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (status, cancelled) = answer(served.ask(Method::POST, &format!("/api/v1/pipeline/cancel/{id}"))).await;
    assert_eq!((status, cancelled), (StatusCode::OK, json!({"success": true, "status": "cancelled"})));
    assert_eq!(ended(&served, id).await["status"], "cancelled");
    let began = Instant::now();
    served.stop().expect(0);
    assert!(began.elapsed() < Duration::from_secs(10), "it hands back within 10 s: {:?}", began.elapsed());
    served.start_again();
    assert_eq!(ended(&served, second["job_id"].as_str().unwrap()).await["status"], "completed", "the other went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_asks_for_keys_by_scope_and_does_things_once() {
    let program = Program::with(TINY);
    let [read, run] = ["read", "run"].map(|scope| new_key(&program, scope));
    let mut served = Served::open(program);
    library(&served);
    let body = json!({"count": 1, "reference_videos": ["step"], "options": {"generate_variants": false}});
    assert_eq!(served.post("/api/v1/pipeline/run", &body).await.0, StatusCode::UNAUTHORIZED);
    served.key = Some(read);
    let (status, refused) = served.post("/api/v1/pipeline/run", &body).await;
    assert_eq!((status, &refused["code"], &refused["success"]), (StatusCode::FORBIDDEN, &json!("scope_missing"), &json!(false)));
    assert_eq!(served.get("/api/v1/pipeline/jobs").await.1["count"], 0);
    served.key = Some(run.clone());
    assert_eq!(served.get("/api/v1/keys").await.0, StatusCode::FORBIDDEN, "keys are for those who may everything");
    let once = |body: Value| answer(served.ask(Method::POST, "/api/v1/pipeline/run").header("Idempotency-Key", "monday").json(&body));
    let (status, first) = once(body.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    assert_eq!(once(body).await, (status, first), "asked again, answered the same");
    let (status, refused) = once(json!({"count": 2})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_differs")));
    assert_eq!(served.get("/api/v1/pipeline/jobs").await.1["count"], 1);
    let stream = served.ask(Method::GET, "/api/v1/events").send().await.unwrap();
    let revoked = served.program.run(&["keys", "revoke", "run key"]).expect(0);
    assert!(revoked.stdout.contains("opens nothing"));
    let heard = tokio::time::timeout(Duration::from_secs(20), stream.text()).await.expect("what the key opened ends with it");
    assert!(heard.unwrap().contains("key.revoked"));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(served.get("/api/v1/pipeline/jobs").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_lists_productions_whatever_else_was_made_since() {
    let served = Served::start(TINY);
    served.program.write("home/references/broken.mp4", b"no film");
    let (status, started) = served.post("/api/v1/pipeline/run", &json!({"count": 1})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let id = started["job_id"].as_str().unwrap();
    assert_eq!(ended(&served, id).await["status"], "failed");
    for number in 0..3 {
        let (status, made) = upload(&served, &picture(&served.program, number), &[]).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
    for query in ["limit=3", "limit=1&status=failed"] {
        let (_, listed) = served.get(&format!("/api/v1/pipeline/jobs?{query}")).await;
        assert_eq!((&listed["count"], &listed["jobs"][0]["job_id"]), (&json!(1), &json!(id)), "{query}: {listed}");
    }
}

#[test]
fn service_refuses_to_listen_beyond_this_machine_without_a_key() {
    let program = Program::with(TINY);
    let refused = program.run(&["serve", "--listen", "0.0.0.0:0"]).expect(1);
    assert!(refused.stderr.contains("rushes keys new"), "{}", refused.stderr);
}
