//! Keys that requests carry, and what is kept of the answers.

use super::api::{form, picture, upload};
use super::{Served, answer};
use crate::support::survivor::TINY;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

async fn carrying(served: &Served, key: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    answer(served.ask(Method::POST, path).header("Idempotency-Key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn service_one_key_never_gives_the_job_of_another_request() {
    let served = Served::start(TINY);
    served.program.write("home/references/broken.mp4", b"no film");
    let hand_in = |key: &'static str| {
        let body = form(&picture(&served.program, 1), &[]);
        let request = served.ask(Method::POST, "/api/v1/assets").header(CONTENT_TYPE, "multipart/form-data; boundary=b0undary");
        answer(request.header("Idempotency-Key", key).body(body))
    };
    let (run, start) = ("/api/v1/pipeline/run", "/api/v1/workflows/production/jobs");
    let (status, made) = hand_in("a file first").await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    for (path, body) in [(run, json!({"count": 1})), (start, json!({"parameters": {"count": 1}}))] {
        let (status, said) = carrying(&served, "a file first", path, &body).await;
        assert_eq!((status, &said["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_differs")), "{path}: {said}");
    }
    let (status, started) = carrying(&served, "a production first", run, &json!({"count": 1})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let (status, said) = hand_in("a production first").await;
    assert_eq!((status, &said["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_differs")), "{said}");
    let (_, again) = carrying(&served, "a production first", run, &json!({"count": 1})).await;
    assert_eq!(again, started);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_keeps_no_secret_of_an_answer_and_its_home_to_itself() {
    let mut served = Served::start(TINY);
    let (status, made) = carrying(&served, "a key", "/api/v1/keys", &json!({"name": "ci", "scope": "run"})).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (status, again) = carrying(&served, "a key", "/api/v1/keys", &json!({"name": "ci", "scope": "run"})).await;
    assert_eq!((status, &again["id"], &again["key"]), (status, &made["id"], &Value::Null), "it is made once, and shown once");
    let rotate = "/api/v1/webhooks/secret/rotate";
    let (_, rotated) = carrying(&served, "a secret", rotate, &json!({})).await;
    let (_, replayed) = carrying(&served, "a secret", rotate, &json!({})).await;
    assert_eq!((&replayed["secret"], &replayed["key"]), (&Value::Null, &rotated["key"]), "{replayed}");
    let (_, now) = served.get("/api/v1/webhooks/secret").await;
    assert_eq!(now["secret"], rotated["secret"], "it was rotated once");
    served.stop().expect(0);
    let secret = made["key"].as_str().unwrap().as_bytes();
    for entry in std::fs::read_dir(served.program.path("home")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{} holds a key", entry.path().display());
    }
    for (path, wanted) in [("home", 0o700), ("home/rushes.db", 0o600)] {
        let mode = std::fs::metadata(served.program.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, wanted, "{path}: {mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_many_keys_that_are_right_are_no_guesses() {
    let mut served = Served::start(TINY);
    let mut keys = Vec::new();
    for n in 0..14 {
        let (_, made) = served.post("/api/v1/keys", &json!({"name": format!("k{n}"), "scope": "read"})).await;
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    for key in keys {
        served.key = Some(key);
        assert_eq!(served.get("/api/v1/jobs").await.0, StatusCode::OK);
    }
    let (status, _) = upload(&served, b"x", &[]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
