//! Tries to get in, to get out of the library, or to wear the server down.

use super::{Served, answer, new_key};
use crate::support::program::Program;
use crate::support::survivor::TINY;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn address(served: &Served) -> &str {
    served.url.strip_prefix("http://").unwrap()
}

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(address(served)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream
}

/// Sends these very bytes on a connection of their own; gives all that comes back.
fn raw(served: &Served, bytes: &[u8]) -> String {
    let mut stream = connect(served);
    // It may be refused before all of it is sent.
    let _ = stream.write_all(bytes);
    read_all(&mut stream)
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn with_key(served: &Served, head: &str) -> String {
    let key = served.key.as_deref().unwrap();
    format!("{head}Host: {}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n", address(served))
}

/// The status of an answer; 0 where the connection was just closed.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

async fn assert_well(served: &Served) {
    let began = Instant::now();
    assert_eq!(served.get("/api/v1/pipeline/jobs").await.0, StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(5), "it answers others meanwhile: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_guessing_of_keys_is_slowed_down_and_holds_nobody_else_back() {
    let mut guesser = Served::start(TINY);
    let key = new_key(&guesser.program, "run");
    let mut codes = Vec::new();
    for n in 0..30 {
        guesser.key = Some(format!("rushes_guess_{n:04}"));
        let response = guesser.ask(Method::GET, "/api/v1/jobs").send().await.unwrap();
        let waits = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        assert_eq!(response.status() == StatusCode::TOO_MANY_REQUESTS, waits.is_some_and(|wait| wait >= 1));
        codes.push(response.status().as_u16());
    }
    // Ten at once, and one more for each six seconds that these thirty take.
    let shown = codes.iter().filter(|code| **code == 401).count();
    assert!(codes[..10].iter().all(|code| *code == 401) && shown <= 15, "{codes:?}");
    assert!(codes.iter().all(|code| [401, 429].contains(code)), "{codes:?}");
    for key in [key, new_key(&guesser.program, "read")] {
        guesser.key = Some(key);
        assert_eq!(guesser.get("/api/v1/jobs").await.0, StatusCode::OK, "who has a key waits for nobody who guesses");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_names_lead_nowhere() {
    let served = Served::start(TINY);
    served.program.write("secret.txt", b"the secret");
    let ups = [
        "..",
        "%2e%2e",
        "..%2f..%2fsecret.txt",
        "%2e%2e%2f%2e%2e%2fsecret.txt",
        "..%5c..%5csecret.txt",
        "%00",
        "a%00b",
        "%ff%fe",
        "%0d%0aX-Evil:%201",
        "'%20OR%201=1--",
    ];
    let places = [
        "/api/v1/jobs/{}",
        "/api/v1/jobs/{}/steps",
        "/api/v1/assets/{}",
        "/api/v1/assets/{}/content",
        "/api/v1/assets/{}/lineage",
        "/api/v1/assets/{}/url",
        "/api/v1/characters/{}",
        "/api/v1/people/{}",
        "/api/v1/pipeline/status/{}",
        "/{}",
        "/api/v1/{}",
        "/docs/{}",
        "/static/{}",
    ];
    for place in places {
        for up in ups {
            let head = with_key(&served, &format!("GET {} HTTP/1.1\r\n", place.replace("{}", up)));
            let answer = raw(&served, format!("{head}\r\n").as_bytes());
            assert!([400, 404].contains(&status(&answer)), "{place} {up}: {answer}");
            assert!(!answer.contains("the secret") && !answer.contains("root:"), "{place} {up}");
            assert!(!answer.to_ascii_lowercase().contains("\r\nx-evil"), "{place} {up}: {answer}");
        }
    }
    for (method, place) in [
        ("POST", "/api/v1/jobs/{}/cancel"),
        ("POST", "/api/v1/jobs/{}/retry"),
        ("POST", "/api/v1/deliveries/{}/retry"),
        ("DELETE", "/api/v1/keys/{}"),
    ] {
        for up in ups {
            let head = with_key(&served, &format!("{method} {} HTTP/1.1\r\nContent-Length: 0\r\n", place.replace("{}", up)));
            let answer = raw(&served, format!("{head}\r\n").as_bytes());
            assert!([400, 404].contains(&status(&answer)), "{place} {up}: {answer}");
        }
    }
    for name in ["../production", "..%2fproduction", "put", "import", "character"] {
        let (status, _) = served.post(&format!("/api/v1/workflows/{name}/jobs"), &json!({"parameters": {"file": "/etc/passwd"}})).await;
        assert!([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&status), "{name}: {status}");
    }
    let files = std::fs::read_dir(served.program.path(".")).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    files.sort();
    assert_eq!(files, ["home", "rushes.toml", "secret.txt", "serve.log"], "nothing was written beside the home");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_no_route_but_the_open_ones_answers_without_a_key() {
    let mut served = Served::start(TINY);
    let read = new_key(&served.program, "read");
    served.key = None;
    let (_, document) = served.get("/openapi.json").await;
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, operation)| !operation["security"].is_array()) {
            let path = path.replace(['{', '}'], "x");
            let method: Method = method.to_uppercase().parse().unwrap();
            served.key = None;
            let (status, said) = answer(served.ask(method.clone(), &path)).await;
            assert_eq!((status, &said["code"]), (StatusCode::UNAUTHORIZED, &json!("key_missing")), "{method} {path}");
            served.key = Some(read.clone());
            if method != Method::GET {
                let (status, said) = answer(served.ask(method.clone(), &path)).await;
                assert_eq!(
                    (status, &said["code"]),
                    (StatusCode::FORBIDDEN, &json!("scope_missing")),
                    "{method} {path} {}",
                    operation["summary"]
                );
            }
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_revoking_the_last_key_opens_nothing() {
    let served = Served::start(TINY);
    let (_, keys) = served.get("/api/v1/keys").await;
    let id = keys["keys"][0]["id"].as_str().unwrap();
    assert_eq!(answer(served.ask(Method::DELETE, &format!("/api/v1/keys/{id}"))).await.0, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    let response = reqwest::get(format!("{}/api/v1/jobs", served.url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "no key is left, and still nobody comes in");
    assert_eq!(served.get("/api/v1/jobs").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_bodies_are_refused_within_bounds() {
    let served = Served::start(TINY);
    let before = peak_kb(&served);
    let run = |length: usize, body: &[u8]| {
        let head = with_key(&served, "POST /api/v1/pipeline/run HTTP/1.1\r\nContent-Type: application/json\r\n");
        let mut bytes = format!("{head}Content-Length: {length}\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        raw(&served, &bytes)
    };
    let large = vec![b' '; 100_000_000];
    let began = Instant::now();
    // What is refused while it is still being sent may be cut off before its answer is read.
    assert!([413, 0].contains(&status(&run(large.len(), &large))));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(peak_kb(&served) < before + 60_000, "it did not keep it: {} kB, then {} kB", before, peak_kb(&served));
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        let answer = run(deep.len(), deep.as_bytes());
        assert_eq!(status(&answer), 400, "{answer}");
        let deep = format!("{{\"parameters\": {deep}");
        let (refused, _) = answer_text(&served, "/api/v1/workflows/production/plan", deep).await;
        assert_eq!(refused, StatusCode::BAD_REQUEST);
    }
    for text in [
        "\u{0}\u{1}",
        "",
        "[1]",
        "[1, \"kpop_dance\", [], null]",
        "{\"count\": 1, \"options\": [true, true, true, true]}",
        "{\"count\": 1} {\"count\": 1}",
    ] {
        assert_eq!(answer_text(&served, "/api/v1/pipeline/run", text.to_owned()).await.0, StatusCode::BAD_REQUEST, "{text:?}");
    }
    let many: Vec<String> = (0..10_000).map(|_| "step".to_owned()).collect();
    let (refused, said) = served.post("/api/v1/pipeline/run", &json!({"count": 1, "reference_videos": many})).await;
    assert!(refused == StatusCode::BAD_REQUEST && said["detail"].as_str().unwrap().contains("may be 20"), "{said}");
    assert_well(&served).await;
}

async fn answer_text(served: &Served, path: &str, body: String) -> (StatusCode, serde_json::Value) {
    answer(served.ask(Method::POST, path).header("Content-Type", "application/json").body(body)).await
}

/// The most memory the server ever had, kB.
fn peak_kb(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_slow_clients_are_let_go_and_hold_nobody_up() {
    let served = Served::start(TINY);
    let mut heads: Vec<TcpStream> = (0..200).map(|_| connect(&served)).collect();
    for stream in &mut heads {
        stream.write_all(b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    }
    let slow_body = |path: &str, mime: &str, begin: &str| {
        let mut stream = connect(&served);
        let head = with_key(&served, &format!("POST {path} HTTP/1.1\r\nContent-Type: {mime}\r\nContent-Length: 100000\r\n"));
        stream.write_all(format!("{head}\r\n{begin}").as_bytes()).unwrap();
        stream
    };
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nabc";
    let mut bodies = vec![
        slow_body("/api/v1/pipeline/run", "application/json", "{\"count\""),
        slow_body("/api/v1/assets", "multipart/form-data; boundary=b", form),
    ];
    let began = Instant::now();
    // One byte a second is no progress.
    while began.elapsed() < Duration::from_secs(12) {
        for stream in &mut heads {
            let _ = stream.write_all(b"a");
        }
        assert_well(&served).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for stream in &mut heads {
        let answer = read_all(stream);
        assert!([0, 408].contains(&status(&answer)), "{answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(25), "heads are waited for 15 s: {:?}", began.elapsed());
    for stream in &mut bodies {
        let answer = read_all(stream);
        assert_eq!(status(&answer), 408, "{answer}");
    }
    assert!(began.elapsed() < Duration::from_secs(38), "bodies are waited for 20 s: {:?}", began.elapsed());
    let scratch: Vec<_> = std::fs::read_dir(served.program.path("home/scratch")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(scratch.iter().all(|path| std::fs::read_dir(path).unwrap().next().is_none()), "nothing of the slow file is left: {scratch:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_heads_are_bounded_and_inject_nothing() {
    let served = Served::start(TINY);
    let huge = "x".repeat(100_000);
    for head in [format!("GET /{huge} HTTP/1.1\r\n"), format!("GET /api/v1/jobs HTTP/1.1\r\nX-Huge: {huge}\r\n")] {
        let answer = raw(&served, format!("{}\r\n", with_key(&served, &head)).as_bytes());
        assert!([0, 400, 414, 431].contains(&status(&answer)), "{}", &answer[..answer.len().min(300)]);
    }
    let many: String = (0..1_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let answer = raw(&served, format!("{}\r\n", with_key(&served, &format!("GET /api/v1/jobs HTTP/1.1\r\n{many}"))).as_bytes());
    assert!([0, 400, 431].contains(&status(&answer)), "{}", &answer[..answer.len().min(300)]);
    // Two lengths, or a length and chunks: where two servers read two requests.
    for twice in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ] {
        let head = with_key(&served, &format!("POST /api/v1/pipeline/run HTTP/1.1\r\nContent-Type: application/json\r\n{twice}"));
        let answer = raw(&served, format!("{head}\r\n0\r\n\r\nGET /api/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        assert!(answer.matches("HTTP/1.1 ").count() <= 1 && [0, 400].contains(&status(&answer)), "{twice}: {answer}");
    }
    for (name, value) in [("Idempotency-Key", "a\tb"), ("Idempotency-Key", &"k".repeat(300)), ("Idempotency-Key", "ü")] {
        let head = with_key(
            &served,
            &format!("POST /api/v1/pipeline/run HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n{name}: {value}\r\n"),
        );
        let answer = raw(&served, format!("{head}\r\n{{}}").as_bytes());
        assert_eq!(status(&answer), 400, "{value}: {answer}");
    }
    for value in ["-1", "x", "99999999999999999999", "1; drop"] {
        let (status, _) = answer_of(&served, "Last-Event-ID", value, "/api/v1/events?follow=false").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{value}");
    }
    assert_well(&served).await;
}

async fn answer_of(served: &Served, name: &str, value: &str, path: &str) -> (StatusCode, serde_json::Value) {
    answer(served.ask(Method::GET, path).header(name, value)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_pages_of_elsewhere_are_refused() {
    let served = Served::start(TINY);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", &format!("{}.evil.example", served.url)] {
        let request = served.ask(Method::POST, "/api/v1/keys").header("Origin", origin).json(&json!({"name": "n", "scope": "admin"}));
        let (status, said) = answer(request).await;
        assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &json!("origin_foreign")), "{origin}");
    }
    let response = served.ask(Method::GET, "/api/v1/jobs").header("Origin", "https://evil.example").send().await.unwrap();
    assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")), "no page of elsewhere may read");
    let own = served.ask(Method::POST, "/api/v1/keys").header("Origin", &served.url).json(&json!({"name": "own", "scope": "read"}));
    assert_eq!(answer(own).await.0, StatusCode::CREATED);

    let open = Served::open(Program::with(TINY));
    assert_eq!(open.get("/api/v1/jobs").await.0, StatusCode::OK, "no key at all: this machine's own");
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io"] {
        let (status, said) = answer(open.ask(Method::GET, "/api/v1/jobs").header("Host", host)).await;
        assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &json!("origin_foreign")), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_hostile_many_connections_hold_nobody_up() {
    let served = Served::start(TINY);
    let idle: Vec<TcpStream> = (0..800).map(|_| connect(&served)).collect();
    for _ in 0..5 {
        assert_well(&served).await;
    }
    drop(idle);
    assert_well(&served).await;
}
