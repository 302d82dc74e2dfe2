//! The resources: what is handed in, listed, read in parts, tried again, and followed without a gap.

use super::{Served, answer};
use crate::support::program::{Program, ffmpeg};
use crate::support::survivor::{LONG, TINY};
use reqwest::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A form with a file and fields, by hand: what is sent is what is written here.
pub(super) fn form(file: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    body.extend_from_slice(b"--b0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x.png\"\r\n\r\n");
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--b0undary--\r\n");
    body
}

pub(super) async fn upload(served: &Served, file: &[u8], fields: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = served.ask(Method::POST, "/api/v1/assets").header(CONTENT_TYPE, "multipart/form-data; boundary=b0undary");
    answer(request.body(form(file, fields))).await
}

/// A small picture, another for each number.
pub(super) fn picture(program: &Program, number: u32) -> Vec<u8> {
    let path = program.path(&format!("picture{number}.png"));
    let source = format!("color=c=0x{:06x}:size=64x64", number * 4_001 + 17);
    ffmpeg(&["-f", "lavfi", "-i", &source, "-frames:v", "1"], &path);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    bytes
}

/// Asks until it is so.
pub(super) async fn until(served: &Served, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let (_, found) = served.get(path).await;
        if is_so(&found) {
            return found;
        }
        assert!(began.elapsed() < LONG, "{path}: {found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_takes_a_file_and_gives_it_back_whole_and_in_parts() {
    let mut served = Served::start(TINY);
    let bytes = picture(&served.program, 1);
    let (status, made) = upload(&served, &bytes, &[("subject", "ann"), ("title", "a <b>\"title\"</b>")]).await;
    assert_eq!(
        (status, &made["asset"]["kind"], &made["asset"]["title"]),
        (StatusCode::CREATED, &json!("workspace_image"), &json!("a <b>\"title\"</b>")),
        "{made}"
    );
    let id = made["asset"]["id"].as_str().unwrap();
    let shown = until(&served, &format!("/api/v1/assets/{id}"), |asset| asset["state"] == "proven").await;
    assert!(shown["url"].as_str().unwrap().starts_with("file://") && shown["width"] == 64 && shown["parents"] == json!([]), "{shown}");
    let content = format!("/api/v1/assets/{id}/content");
    let tag = format!("\"{}\"", shown["sha256"].as_str().unwrap());

    let get = |name: &str, value: &str| served.ask(Method::GET, &content).header(name.to_owned(), value.to_owned()).send();
    let whole = get("Accept", "*/*").await.unwrap();
    let header = |response: &reqwest::Response, name| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (whole.status(), header(&whole, CONTENT_TYPE), header(&whole, ACCEPT_RANGES)),
        (StatusCode::OK, "image/png".into(), "bytes".into())
    );
    assert_eq!((header(&whole, ETAG), whole.headers()["x-content-type-options"].to_str().unwrap()), (tag.clone(), "nosniff"));
    assert!(header(&whole, CONTENT_DISPOSITION).starts_with("inline; filename=\"0.png\""));
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let last = bytes.len() - 1;
    for (range, part) in
        [("bytes=0-0", 0..1), ("bytes=5-9", 5..10), ("bytes=-4", bytes.len() - 4..bytes.len()), ("bytes=10-", 10..bytes.len())]
    {
        let response = get("Range", range).await.unwrap();
        assert_eq!(
            (response.status(), header(&response, CONTENT_LENGTH)),
            (StatusCode::PARTIAL_CONTENT, part.len().to_string()),
            "{range}"
        );
        assert_eq!(header(&response, CONTENT_RANGE), format!("bytes {}-{}/{}", part.start, part.end - 1, last + 1));
        assert_eq!(response.bytes().await.unwrap(), bytes[part]);
    }
    let beyond = get("Range", &format!("bytes={}-", bytes.len())).await.unwrap();
    assert_eq!((beyond.status(), header(&beyond, CONTENT_RANGE)), (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{}", bytes.len())));
    let many = format!("bytes={}", vec!["0-0"; 2_000].join(","));
    assert_eq!(get("Range", &many).await.unwrap().bytes().await.unwrap(), bytes, "many ranges are answered with the whole");
    assert_eq!(get("If-None-Match", &tag).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    let ranged = |tag: &str| served.ask(Method::GET, &content).header("Range", "bytes=0-0").header("If-Range", tag.to_owned()).send();
    assert_eq!(ranged(&tag).await.unwrap().status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(ranged("\"other\"").await.unwrap().status(), StatusCode::OK);
    let head = served.ask(Method::HEAD, &content).send().await.unwrap();
    assert_eq!((head.status(), header(&head, CONTENT_LENGTH)), (StatusCode::OK, bytes.len().to_string()));
    assert!(head.bytes().await.unwrap().is_empty());

    // No longer on this machine: it comes back from where it was delivered.
    let (first, rest) = shown["sha256"].as_str().unwrap().split_at(2);
    std::fs::remove_file(served.program.path("home/blobs").join(first).join(rest)).unwrap();
    assert_eq!(get("Accept", "*/*").await.unwrap().bytes().await.unwrap(), bytes);

    let (status, said) = served.get(&format!("/api/v1/assets/{id}/url")).await;
    assert!(
        status == StatusCode::BAD_REQUEST && said["detail"].as_str().unwrap().contains("no destination that gives addresses"),
        "{said}"
    );
    let (_, family) = served.get(&format!("/api/v1/assets/{id}/lineage")).await;
    assert_eq!((family["lineage"].as_array().unwrap().len(), &family["lineage"][0]["generation"]), (1, &json!(0)));
    let (_, steps) = served.get(&format!("/api/v1/jobs/{}/steps", made["job"].as_str().unwrap())).await;
    assert_eq!((&steps["steps"][0]["name"], &steps["steps"][0]["state"]), (&json!("put"), &json!("done")));
    let delivery = shown["deliveries"][0]["id"].as_str().unwrap();
    let (status, said) = answer(served.ask(Method::POST, &format!("/api/v1/deliveries/{delivery}/retry"))).await;
    assert!(status == StatusCode::BAD_REQUEST && said["detail"].as_str().unwrap().contains("proven already"), "{said}");
    // Its record follows its object.
    until(&served, "/api/v1/audit", |audit| audit["clean"] == true).await;
    served.stop().expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_decodes_a_film_that_is_handed_in_once() {
    let program = Program::with(TINY);
    let film = program.path("film.mp4");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1", "-pix_fmt", "yuv420p"], &film);
    let bytes = std::fs::read(&film).unwrap();
    program.watch_tools();
    let served = Served::open(program);
    for (kind, name) in [(&[][..], "workspace_video"), (&[("kind", "dance_video"), ("name", "ref=ref1")], "dance_video")] {
        let (started, probed) = served.program.tools_started();
        let (status, made) = upload(&served, &bytes, kind).await;
        assert_eq!((status, &made["asset"]["kind"]), (StatusCode::CREATED, &json!(name)), "{made}");
        assert_eq!(made["asset"]["duration_ms"], 1_000, "{made}");
        assert_eq!(served.program.tools_started(), (started + 1, probed + 1), "of ffmpeg and ffprobe");
    }
    let blob = |entry: std::fs::DirEntry| std::fs::read_dir(entry.path()).into_iter().flatten();
    let blobs = std::fs::read_dir(served.program.path("home/blobs")).unwrap().flatten().flat_map(blob).flatten();
    assert!(blobs.map(|entry| std::fs::read(entry.path()).unwrap()).all(|held| held == bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn service_refuses_files_that_are_none_and_names_that_lead_elsewhere() {
    let mut served = Served::start(&format!("{TINY}[server]\nupload_max_mb = 1\n"));
    let good = picture(&served.program, 2);
    let (status, said) = upload(&served, &vec![7; 1_100_000], &[]).await;
    assert_eq!((status, &said["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large")), "{said}");
    for (file, fields, wanted) in [
        (&b"no picture"[..], &[][..], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (b"<script>alert(1)</script>", &[], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (b"", &[], StatusCode::BAD_REQUEST),
        (&good[..good.len() / 2], &[], StatusCode::BAD_REQUEST),
        (&good, &[("kind", "nothing")], StatusCode::BAD_REQUEST),
        (&good, &[("colour", "red")], StatusCode::BAD_REQUEST),
        (&good, &[("subject", "a"), ("subject", "b")], StatusCode::BAD_REQUEST),
        (&good, &[("subject", "")], StatusCode::BAD_REQUEST),
        (&good, &[("kind", "poster"), ("name", "beside=../../../x")], StatusCode::BAD_REQUEST),
        (&good, &[("kind", "poster"), ("name", "beside=/etc/x")], StatusCode::BAD_REQUEST),
        (&good, &[("kind", "poster")], StatusCode::BAD_REQUEST),
        (&good, &[("name", "ref")], StatusCode::BAD_REQUEST),
    ] {
        let (status, said) = upload(&served, file, fields).await;
        assert_eq!(status, wanted, "{fields:?}: {said}");
        assert!(!said.to_string().contains("scratch") && !said.to_string().contains("/tmp"), "it does not say where files lie: {said}");
    }
    let (status, _) = answer(served.ask(Method::POST, "/api/v1/assets").body("x")).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(served.get("/api/v1/assets").await.1["assets"], json!([]));
    let scratch = std::fs::read_dir(served.program.path("home/scratch")).unwrap().flatten();
    assert_eq!(scratch.filter(|entry| entry.file_name().len() == 36).count(), 0, "what was refused is gone");

    // Names that only look dangerous become plain ones.
    let (status, made) = upload(&served, &good, &[("subject", "../../../tmp/<script>")]).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert!(made["asset"]["path"].as_str().unwrap().split('/').all(|part| !part.starts_with('.') && !part.contains('<')), "{made}");
    let once = || {
        let request = served.ask(Method::POST, "/api/v1/assets").header(CONTENT_TYPE, "multipart/form-data; boundary=b0undary");
        request.header("Idempotency-Key", "upload")
    };
    let (_, first) = answer(once().body(form(&good, &[("subject", "ann")]))).await;
    let (_, second) = answer(once().body(form(&good, &[("subject", "ann")]))).await;
    assert_eq!(first["job"], second["job"], "handed in twice under one key is once");
    let (status, said) = answer(once().body(form(&good, &[("subject", "bob")]))).await;
    assert_eq!((status, &said["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_differs")));
    let log = served.stop().expect(0).stderr;
    assert!(!log.contains("a request failed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_lists_go_on_where_the_page_before_ended() {
    let served = Served::start(TINY);
    for number in 0..7 {
        let (status, made) = upload(&served, &picture(&served.program, number), &[]).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
    until(&served, "/api/v1/jobs?state=completed", |page| page["jobs"].as_array().is_some_and(|jobs| jobs.len() == 7)).await;
    for (path, list) in [
        ("/api/v1/jobs?workflow=put", "jobs"),
        ("/api/v1/jobs?state=completed&workflow=put", "jobs"),
        ("/api/v1/assets?kind=workspace_image", "assets"),
        ("/api/v1/assets?order=oldest&state=proven", "assets"),
        ("/api/v1/assets?subject=local", "assets"),
        ("/api/v1/deliveries?destination=remote", "deliveries"),
        ("/api/v1/deliveries?state=proven", "deliveries"),
    ] {
        let mut ids: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = served.get(&format!("{path}&limit=3{cursor}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            ids.extend(page[list].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut once = ids.clone();
        once.sort();
        once.dedup();
        assert_eq!((ids.len(), once.len()), (7, 7), "{path}");
    }
    let (_, page) = served.get("/api/v1/assets?limit=1").await;
    let job = page["assets"][0]["job"].as_str().unwrap().to_owned();
    assert_eq!(served.get(&format!("/api/v1/assets?job={job}")).await.1["assets"].as_array().unwrap().len(), 1);
    for bad in [
        "jobs?cursor=x",
        "assets?cursor=%25",
        "deliveries?cursor=YWJj",
        "characters?limit=201",
        "assets?kind=x",
        "assets?order=up",
        "assets?job=x",
        "deliveries?state=x",
    ] {
        assert_eq!(served.get(&format!("/api/v1/{bad}")).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_says_why_a_delivery_waits_and_tries_it_again() {
    let nowhere = "[[destinations]]\nname = \"my place\"\nuri = \"file:///dev/null/nowhere\"\n";
    let served = Served::start(&format!("{}{nowhere}", TINY.replace("first_backoff_s = 0.05", "first_backoff_s = 60")));
    let (_, made) = upload(&served, &picture(&served.program, 1), &[]).await;
    let asset = made["asset"]["id"].as_str().unwrap().to_owned();
    let has_failed = |page: &Value| page["deliveries"][0]["attempts"].as_u64().is_some_and(|attempts| attempts > 0);
    let page = until(&served, "/api/v1/deliveries?destination=my%20place", has_failed).await;
    let delivery = &page["deliveries"][0];
    assert_eq!((delivery["id"].as_str().unwrap(), &delivery["asset"]), (format!("{asset}@my%20place").as_str(), &json!(asset)));
    assert!(!delivery["reason"]["message"].as_str().unwrap().is_empty(), "{delivery}");
    assert_eq!((&delivery["state"], &delivery["next_attempt_at"]), (&json!("refused"), &Value::Null), "{delivery}");
    let (status, retried) = answer(served.ask(Method::POST, &format!("/api/v1/deliveries/{asset}@my%20place/retry"))).await;
    assert_eq!((status, &retried["deliveries"][0]["asset"]), (StatusCode::OK, &json!(asset)), "{retried}");
    let refusals = |events: &Value| events.as_str().is_some_and(|text| text.matches("event: delivery.refused").count() == 2);
    until(&served, "/api/v1/events?after=0&follow=false", refusals).await;
    let (status, _) = answer(served.ask(Method::POST, &format!("/api/v1/deliveries/{asset}@elsewhere/retry"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, state) = served.get("/api/v1/status").await;
    assert_eq!(
        state["destinations"]["my place"]["owed"].as_u64().unwrap() + state["destinations"]["my place"]["refused"].as_u64().unwrap(),
        1,
        "{state}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_says_what_a_workflow_takes_and_will_do() {
    let served = Served::start(TINY);
    let (_, listed) = served.get("/api/v1/workflows").await;
    let production = listed["workflows"].as_array().unwrap().iter().find(|one| one["name"] == "production").unwrap();
    assert_eq!((&production["startable"], &production["parameters"]["required"]), (&json!(true), &json!(["count"])));
    let (status, plan) = served.post("/api/v1/workflows/production/plan", &json!({"parameters": {"count": 2, "seed": 3}})).await;
    assert_eq!((status, &plan["cost"]), (StatusCode::OK, &json!({"amount": 0.0, "currency": "USD"})), "{plan}");
    let steps = plan["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["name"] == "dance alternate_2" && step["times"] == 2), "{plan}");
    assert_eq!(plan["parameters"]["seed"], 3);
    assert_eq!(served.get("/api/v1/jobs").await.1["jobs"], json!([]), "a plan starts nothing");
    for (name, body, wanted) in [
        ("nothing", json!({"parameters": {}}), StatusCode::NOT_FOUND),
        ("put", json!({"parameters": {"file": "/etc/hostname"}}), StatusCode::BAD_REQUEST),
        ("production", json!({"parameters": {"count": 99}}), StatusCode::BAD_REQUEST),
        ("production", json!({"parameters": {"count": 1}, "more": 1}), StatusCode::BAD_REQUEST),
        ("production", json!({}), StatusCode::BAD_REQUEST),
    ] {
        for route in ["jobs", "plan"] {
            let (status, said) = served.post(&format!("/api/v1/workflows/{name}/{route}"), &body).await;
            assert_eq!(status, wanted, "{name} {route} {body}: {said}");
        }
    }
    served.program.write("home/references/broken.mp4", b"no film");
    let (status, job) = served.post("/api/v1/workflows/production/jobs", &json!({"parameters": {"count": 1}})).await;
    assert_eq!((status, &job["workflow"]), (StatusCode::ACCEPTED, &json!("production")), "{job}");
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let job = until(&served, &path, |job| job["state"] == "failed").await;
    assert!(job["error"]["message"].as_str().is_some_and(|said| !said.is_empty()), "{job}");
    let (status, again) = answer(served.ask(Method::POST, &format!("{path}/retry"))).await;
    assert_eq!(status, StatusCode::OK, "{again}");
    until(&served, &path, |job| job["state"] == "failed").await;
    let (status, said) = served.post(&format!("{path}/signals/go"), &json!({"on": true})).await;
    assert!(status == StatusCode::BAD_REQUEST && said["detail"].as_str().unwrap().contains("has ended"), "{said}");
    let (status, _) = answer(served.ask(Method::POST, &format!("{path}/cancel"))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

/// Reads a stream of events until `count` came; gives their numbers.
async fn read_events(response: &mut reqwest::Response, count: usize) -> Vec<i64> {
    let (mut text, mut ids) = (String::new(), Vec::new());
    while ids.len() < count {
        let piece = tokio::time::timeout(LONG, response.chunk()).await.expect("facts come").unwrap();
        let Some(piece) = piece else { break };
        text.push_str(&String::from_utf8_lossy(&piece));
        while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned())) {
            text = rest;
            ids.extend(event.lines().find_map(|line| line.strip_prefix("id: ")).and_then(|id| id.parse::<i64>().ok()));
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn service_events_come_once_each_through_disconnects_and_restarts() {
    let mut served = Served::start(TINY);
    let mut ids: Vec<i64> = Vec::new();
    for round in 0..4 {
        let last = ids.last().copied().unwrap_or(0);
        let mut stream = served.ask(Method::GET, "/api/v1/events?after=0").header("Last-Event-ID", last).send().await.unwrap();
        assert_eq!((stream.status(), stream.headers()[CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, "text/event-stream"));
        for number in 0..2 {
            upload(&served, &picture(&served.program, round * 2 + number), &[]).await;
        }
        ids.extend(read_events(&mut stream, 9).await);
        drop(stream);
        if round % 2 == 0 {
            served.kill();
            served.start_again();
        }
    }
    until(&served, "/api/v1/jobs?state=completed", |page| page["jobs"].as_array().is_some_and(|jobs| jobs.len() == 8)).await;
    let last = *ids.last().unwrap();
    let mut rest = served.ask(Method::GET, &format!("/api/v1/events?after={last}&follow=false")).send().await.unwrap();
    ids.extend(read_events(&mut rest, usize::MAX).await);
    let wanted: Vec<i64> = (1..=*ids.last().unwrap()).collect();
    assert_eq!(ids, wanted, "each once, in order");

    let mut live = served.ask(Method::GET, "/api/v1/events").send().await.unwrap();
    upload(&served, &picture(&served.program, 99), &[]).await;
    assert_eq!(read_events(&mut live, 1).await[0], ids.len() as i64 + 1, "without a number it begins now");
    let began = Instant::now();
    served.stop().expect(0);
    assert!(began.elapsed() < Duration::from_secs(10), "a listener holds no end up: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_events_too_old_say_where_to_begin() {
    let program = Program::with(TINY);
    program.run(&["init"]).expect(0);
    // Facts of 2023: the sweep of the start forgets all but the newest.
    rushes_store::fill::fill(&program.path("home/rushes.db"), 0, 100, ("remote", ""), "records").unwrap();
    let mut served = Served::open(program);
    let said = until(&served, "/api/v1/events?after=1&follow=false", |said| said["status"] == 410).await;
    let (_, begin) = said["detail"].as_str().unwrap().rsplit_once("after=").unwrap();
    let mut stream = served.ask(Method::GET, &format!("/api/v1/events?follow=false&after={begin}")).send().await.unwrap();
    assert_eq!(read_events(&mut stream, usize::MAX).await[0], begin.parse::<i64>().unwrap() + 1);
    let (status, said) = served.get("/api/v1/events?after=99999999").await;
    assert_eq!((status, &said["code"]), (StatusCode::GONE, &json!("events_gone")), "a number of another log");
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn service_a_thousand_listeners_are_cheap() {
    const LISTENERS: u64 = 300;
    let served = Served::start(TINY);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
        status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    upload(&served, &picture(&served.program, 1), &[]).await;
    let before = resident();
    let mut streams = Vec::new();
    for _ in 0..LISTENERS {
        streams.push(served.ask(Method::GET, "/api/v1/events?after=0").send().await.unwrap());
    }
    upload(&served, &picture(&served.program, 2), &[]).await;
    let mut seen = std::collections::BTreeSet::new();
    for stream in &mut streams {
        seen.insert(read_events(stream, 8).await[..8].to_vec());
    }
    assert_eq!(seen.len(), 1, "all see the same");
    let each = resident().saturating_sub(before) / LISTENERS;
    println!("{each} kB for each listener");
    assert!(each <= 50, "{each} kB for each listener");
}
