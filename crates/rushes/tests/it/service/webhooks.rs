//! Webhooks over HTTP and on the command line; killed servers; hostile addresses.

use super::{Served, answer, new_key};
use crate::support::program::{Program, end};
use crate::support::survivor::TINY;
use reqwest::{Method, StatusCode};
use rushes_testkit::webhooks::{Received, Receiver, Reply};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// Receivers of tests are on this machine, and failures come again soon.
const HERE: &str = "[webhooks]\nallow_private = true\nretries_s = [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]\n";

/// A small picture of its own shade; its path.
fn picture(program: &Program, shade: u8) -> String {
    let path = program.path(&format!("picture{shade}.png"));
    image::RgbImage::from_pixel(8, 8, image::Rgb([shade, 0, 0])).save(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_registered_tried_rotated_and_removed_over_http() {
    let receiver = Receiver::start().await;
    let served = Served::start(HERE);
    let (status, made) = served.post("/api/v1/webhooks", &json!({"url": receiver.url, "types": ["pipeline.failed"]})).await;
    assert_eq!((status, &made["enabled"]), (StatusCode::CREATED, &json!(true)), "{made}");
    let at = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(served.get(&at).await.1, made);
    assert_eq!(served.get("/api/v1/webhooks").await.1["webhooks"], json!([made]));

    let (_, secret) = served.get("/api/v1/webhooks/secret").await;
    assert_eq!(secret["key"], made["key"], "the key that asks");
    let (status, sent) = answer(served.ask(Method::POST, &format!("{at}/test"))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    let received = receiver.wait_for(1, LONG).await.remove(0);
    assert_eq!((received.id(), &received.json()["type"]), (sent["message"].as_str().unwrap(), &json!("webhook.test")));
    assert!(received.is_signed_by(secret["secret"].as_str().unwrap()));

    let (status, rotated) = answer(served.ask(Method::POST, "/api/v1/webhooks/secret/rotate")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(rotated["secret"] != secret["secret"] && rotated["previous_until"].is_string(), "{rotated}");
    let (status, again) = answer(served.ask(Method::POST, &format!("/api/v1/webhooks/deliveries/{}/redeliver", received.id()))).await;
    assert_eq!((status, &again), (StatusCode::ACCEPTED, &sent));
    let second = receiver.wait_for(2, LONG).await.remove(1);
    assert_eq!((second.id(), &second.body), (received.id(), &received.body));
    assert!([&secret, &rotated].iter().all(|secret| second.is_signed_by(secret["secret"].as_str().unwrap())));

    let (status, off) = answer(served.ask(Method::PATCH, &at).json(&json!({"enabled": false}))).await;
    assert_eq!((status, &off["enabled"]), (StatusCode::OK, &json!(false)));
    assert_eq!(answer(served.ask(Method::POST, &format!("{at}/test"))).await.0, StatusCode::BAD_REQUEST);
    let (_, log) = served.get(&format!("{at}/deliveries")).await;
    assert_eq!(log["deliveries"][0]["id"], sent["message"]);
    let (_, one) = served.get(&format!("/api/v1/webhooks/deliveries/{}", received.id())).await;
    assert_eq!((&one["type"], &one["tries"][0]["said"]), (&json!("webhook.test"), &json!("said 200")));
    assert_eq!(answer(served.ask(Method::DELETE, &at)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(served.get(&at).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_for_those_who_may_everything_and_refuse_what_is_wrong() {
    let mut served = Served::start("");
    for (body, word) in [
        (json!({"url": "http://127.0.0.1:9/"}), "loopback"),
        (json!({"url": "http://169.254.169.254/latest"}), "link-local"),
        (json!({"url": "http://[::ffff:10.1.2.3]/"}), "private"),
        (json!({"url": "http://0x7f000001/"}), "loopback"),
        (json!({"url": "https://user:pass@a.example/"}), "password"),
        (json!({"url": "file:///etc/passwd"}), "https://"),
        (json!({"url": "https://a.example/", "types": ["job.done"]}), "job.completed"),
        (json!({"url": "https://a.example/", "more": 1}), "more"),
    ] {
        let (status, refused) = served.post("/api/v1/webhooks", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    let start = json!({"count": 1, "webhook_url": "http://127.0.0.1:9/"});
    let (status, refused) = served.post("/api/v1/pipeline/run", &start).await;
    assert!(status.is_client_error(), "{refused}");
    for path in ["/x", "/x/deliveries", "/deliveries/x", "/deliveries/msg_00000000-0000-7000-8000-000000000001", "/secret?key=nobody"] {
        assert_eq!(served.get(&format!("/api/v1/webhooks{path}")).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for query in ["limit=0", "limit=201", "state=lost", "job=x", "cursor=x", "more=1"] {
        assert_eq!(served.get(&format!("/api/v1/webhooks/deliveries?{query}")).await.0, StatusCode::BAD_REQUEST, "{query}");
    }
    served.key = Some(new_key(&served.program, "run"));
    for path in ["", "/deliveries", "/secret"] {
        assert_eq!(served.get(&format!("/api/v1/webhooks{path}")).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_managed_by_the_command_line() {
    let receiver = Receiver::start().await;
    let program = Program::with(&format!("{TINY}{HERE}"));
    let run = |args: &[&str], code| program.run(&[&["webhooks"], args, &["--json"]].concat()).expect(code).json();
    let added = run(&["add", &receiver.url], 0);
    let id = added["id"].as_str().unwrap();
    assert_eq!(run(&["ls"], 0)["webhooks"][0]["id"], added["id"]);
    let secret = run(&["secret"], 0)["secret"].as_str().unwrap().to_owned();
    let tested = run(&["test", id], 0);
    assert_eq!((&tested["state"], &tested["tries"][0]["status"]), (&json!("done"), &json!(200)), "{tested}");
    assert!(receiver.received()[0].is_signed_by(&secret));

    // A command that runs one job and ends has told of it.
    program.run(&["put", &picture(&program, 1)]).expect(0);
    let told = receiver.wait_for(2, LONG).await.remove(1);
    assert_eq!(told.json()["type"], "job.completed");
    let newest = run(&["log"], 0)["deliveries"][0].clone();
    assert_eq!((&newest["state"], newest["id"].as_str().unwrap()), (&json!("done"), told.id()));

    receiver.plan([Reply::Whole(302, vec![format!("Location: {}", receiver.url)], Vec::new())]);
    let redirected = run(&["redeliver", told.id()], 3);
    assert!(redirected["tries"][0]["said"].as_str().unwrap().contains("not followed"), "{redirected}");
    assert_eq!(run(&["disable", id], 0)["disabled_why"], "it was disabled");
    assert_eq!(run(&["enable", id], 0)["disabled_why"], Value::Null);
    assert_ne!(run(&["secret", "--rotate"], 0)["secret"], json!(secret));
    run(&["rm", id], 0);
    assert_eq!(run(&["ls"], 0)["webhooks"], json!([]));
    let refused = Program::with("").run(&["webhooks", "add", "http://localhost/"]);
    assert!(refused.code == 2 && refused.stderr.contains("allow_private"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_survive_a_kill_before_and_after_the_answer() {
    let receiver = Receiver::start().await;
    let program = Program::with(HERE);
    program.run(&["webhooks", "add", &receiver.url]).expect(0);
    for (number, (place, seen)) in [("message_leased", 0), ("message_answered", 1)].into_iter().enumerate() {
        let before = receiver.received().len();
        let file = picture(&program, number as u8);
        let killed = end(program.start_with(&["put", &file], &[("RUSHES_FAULTS", &format!("{place}=kill"))]));
        assert_eq!((killed.code, receiver.received().len() - before), (-1, seen), "{place}: {}", killed.stderr);
        program.run(&["init"]).expect(0);
        let sent = program.run(&["sync", "--records"]).expect(0);
        let received = receiver.received();
        let ids: Vec<&str> = received[before..].iter().map(Received::id).collect();
        assert_eq!(ids.len(), seen + 1, "{place}: {}", sent.stderr);
        assert!(ids.iter().all(|id| *id == ids[0]), "{place}: {ids:?}");
        assert!(received[before..].iter().all(|one| one.body == received[before].body));
    }
    let log = program.run(&["webhooks", "log", "--json"]).expect(0).json();
    assert!(log["deliveries"].as_array().unwrap().iter().all(|one| one["state"] == "done"), "{log}");
}
