//! What those who run a server need: its log, its figures, its traces, bounds, and commands beside it.

use super::{Served, answer};
use crate::support::program::{Program, end, signal};
use crate::support::survivor::{LONG, TINY, make_reference};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A server that logs JSON and delivers to a configured place; `more` is further configuration.
fn served(more: &str) -> Served {
    let folder = tempfile::tempdir().unwrap().keep();
    let places = format!("[[destinations]]\nname = \"bucket\"\nuri = \"file://{}\"\n", folder.display());
    Served::start(&format!("{TINY}[log]\nformat = \"json\"\n{more}{places}"))
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_log_is_json_with_the_texts_people_search_for() {
    let mut served = served("");
    make_reference(&served.program);
    served.program.run(&["put", "step.mp4", "--subject", "ana"]).expect(0);
    let traced = served.ask(Method::GET, "/api/v1/pipeline/jobs?limit=5").header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    assert_eq!(answer(traced).await.0, StatusCode::OK);
    let log = served.stop().expect(0).stderr;
    // What is said to the person who stops it is no log line.
    let lines: Vec<Value> = log.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["severity", "time", "message"] {
            assert!(line[name].is_string(), "{line}");
        }
    }
    let find = |text: &str| {
        lines.iter().find(|line| line["message"].as_str().unwrap().starts_with(text)).unwrap_or_else(|| panic!("{text}: {log}"))
    };
    assert_eq!(find("Cloud: Enabled")["destinations"], "bucket");
    // The one of records starts at the same time.
    let is_started = |line: &Value| line["message"].as_str().unwrap().starts_with("Upload queue worker started");
    let mut started = lines.iter().filter(|line| is_started(line));
    assert!(started.any(|line| line["logging.googleapis.com/labels"]["destination"] == "bucket"), "{log}");
    let arrived = find("Upload ");
    assert_eq!(
        find("Upload asset_")["message"],
        format!("Upload {} completed: {}", find("Upload asset_")["id"].as_str().unwrap(), find("Upload asset_")["file"].as_str().unwrap())
    );
    assert!(arrived["severity"] == "INFO", "{arrived}");
    let request = lines.iter().find(|line| line["logging.googleapis.com/trace"] == TRACE).expect("the request is in the log, by its trace");
    let http = &request["httpRequest"];
    assert_eq!(
        (&http["requestMethod"], &http["requestUrl"], &http["status"]),
        (&json!("GET"), &json!("/api/v1/pipeline/jobs"), &json!(200))
    );
    assert!(request["logging.googleapis.com/labels"]["key"].as_str().unwrap().starts_with("key_"), "{request}");
    assert!(!log.contains(served.key.as_ref().unwrap().as_str()), "no secret is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_refusals_carry_the_number_they_are_found_by() {
    let served = Served::start(TINY);
    let asked = served.ask(Method::GET, "/api/v1/pipeline/status/nothing").header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    let answered = asked.send().await.unwrap();
    assert_eq!(answered.headers()["x-trace-id"], TRACE);
    assert_eq!(answered.json::<Value>().await.unwrap()["trace_id"], TRACE);
    let (_, refused) = served.get("/nowhere").await;
    assert_eq!(refused["trace_id"].as_str().unwrap().len(), 32, "one of its own: {refused}");
    until("its line is written", || served.log().contains(TRACE)).await;
}

/// The figures of an exposition, each line of which must be as the format has it.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let (mut figures, mut sorts) = (BTreeMap::new(), BTreeMap::new());
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
            && !text.starts_with(|c: char| c.is_ascii_digit())
    };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, sort) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && ["counter", "gauge", "histogram"].contains(&sort), "{line}");
            assert!(sorts.insert(name.to_owned(), sort.to_owned()).is_none(), "twice: {line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|name| sorts.get(*name).is_some_and(|sort| sort == "histogram")));
        assert!(is_name(name) && sorts.contains_key(family.unwrap_or(name)), "no head before {line}");
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let inside = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix("\"}")).unwrap_or_else(|| panic!("{line}"));
            for pair in inside.split("\",") {
                let (label, text) = pair.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(is_name(label) && !text.contains('\n'), "{line}");
            }
        }
        assert!(figures.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    figures
}

#[tokio::test(flavor = "multi_thread")]
async fn service_tells_figures_to_those_with_a_key() {
    let mut served = served("");
    make_reference(&served.program);
    let key = served.key.take();
    assert_eq!(served.get("/metrics").await.0, StatusCode::UNAUTHORIZED);
    served.key = key;
    served.program.run(&["put", "step.mp4", "--subject", "ana"]).expect(0);
    let proven = r#"rushes_deliveries_total{destination="bucket",outcome="proven"}"#;
    let began = Instant::now();
    let figures = loop {
        let answered = served.ask(Method::GET, "/metrics").send().await.unwrap();
        assert_eq!(answered.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let figures = parse(&answered.text().await.unwrap());
        if figures.contains_key(proven) {
            break figures;
        }
        assert!(began.elapsed() < LONG, "{figures:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let at_least = |series: &str, least: f64| assert!(figures.get(series).is_some_and(|value| *value >= least), "{series}: {figures:#?}");
    at_least(proven, 1.0);
    at_least(r#"rushes_delivery_seconds_count{destination="bucket"}"#, 1.0);
    at_least(r#"rushes_step_seconds_count{workflow="put",step="put",provider=""}"#, 1.0);
    at_least(r#"rushes_http_requests_total{method="GET",route="/metrics",status="401"}"#, 1.0);
    at_least(r#"rushes_http_request_seconds_bucket{method="GET",route="/metrics",le="+Inf"}"#, 1.0);
    at_least(r#"rushes_jobs{state="completed"}"#, 1.0);
    at_least(r#"rushes_owed{destination="bucket"}"#, 0.0);
    at_least(r#"rushes_oldest_owed_seconds{destination="bucket"}"#, 0.0);
    at_least("rushes_webhooks_owed", 0.0);
    at_least("process_cpu_seconds_total", 0.0);
    at_least("process_resident_memory_bytes", 1e6);
    assert_eq!(figures["rushes_sse_listeners"], 0.0);
    let (below, all) = (
        figures[r#"rushes_delivery_seconds_bucket{destination="bucket",le="600"}"#],
        figures[r#"rushes_delivery_seconds_bucket{destination="bucket",le="+Inf"}"#],
    );
    assert!(below <= all);
}

/// A collector of spans, as far as it matters here: takes `POST /v1/traces` and keeps what came.
async fn collector() -> (String, Arc<Mutex<Vec<Value>>>) {
    async fn take(State(kept): State<Arc<Mutex<Vec<Value>>>>, Json(body): Json<Value>) -> Json<Value> {
        for resource in body["resourceSpans"].as_array().unwrap() {
            assert_eq!(resource["resource"]["attributes"][0], json!({"key": "service.name", "value": {"stringValue": "rushes"}}));
            for scope in resource["scopeSpans"].as_array().unwrap() {
                kept.lock().unwrap().extend(scope["spans"].as_array().unwrap().clone());
            }
        }
        Json(json!({"partialSuccess": {}}))
    }
    let kept = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/v1/traces", post(take)).with_state(kept.clone());
    // A server of the test's own: it ends with it.
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let routes = routes.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    tower::ServiceExt::oneshot(routes.clone(), request.map(axum::body::Body::new))
                });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(stream), service).await;
            });
        }
    });
    (url, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn service_sends_spans_where_it_is_told() {
    let (url, kept) = collector().await;
    let mut served = served(&format!("[otlp]\nendpoint = \"{url}\"\n"));
    make_reference(&served.program);
    let put = served.program.run(&["put", "step.mp4", "--subject", "ana", "--json"]).expect(0).json();
    let traced = served.ask(Method::GET, "/api/v1/pipeline/jobs").header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    assert_eq!(answer(traced).await.0, StatusCode::OK);
    served.stop().expect(0);
    let spans = kept.lock().unwrap().clone();
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    let request = named("GET /api/v1/pipeline/jobs");
    assert_eq!((&request["traceId"], &request["parentSpanId"], &request["kind"]), (&json!(TRACE), &json!(SPAN), &json!(2)));
    let (job, step) = (named("job put"), named("step put"));
    assert_eq!(job["traceId"], json!(put["job_id"].as_str().unwrap().replace('-', "")), "a job's trace is its own id");
    assert_eq!((&step["traceId"], &step["parentSpanId"]), (&job["traceId"], &job["spanId"]));
    let ns = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(
        ns(step, "startTimeUnixNano") >= ns(job, "startTimeUnixNano")
            && ns(step, "endTimeUnixNano") <= ns(job, "endTimeUnixNano") + 2_000_000
    );
    named("upload to bucket");
    named("upload to records");
}

#[tokio::test(flavor = "multi_thread")]
async fn service_does_the_runs_of_the_command_line() {
    let mut served = Served::start(TINY);
    make_reference(&served.program);
    let run = ["run", "production", "--seed", "3", "--reference", "step.mp4", "--no-variants", "--json"];
    let done = served.program.run(&run).expect(0);
    assert!(done.stderr.contains("Handed to process"), "{}", done.stderr);
    let said = done.json();
    assert_eq!((&said["status"], said["errors"].as_array().unwrap().len()), (&json!("completed"), 0));
    assert!(said["results"][0]["assets"]["deliverables"][2]["url"].as_str().unwrap().starts_with("file://"), "{said}");
    let (_, job) = served.get(&format!("/api/v1/pipeline/status/{}", said["job_id"].as_str().unwrap())).await;
    assert_eq!(job["results"], said["results"], "the same job, asked of the server");
    assert_eq!(job["estimated_completion"], Value::Null);
    served.stop().expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_cancels_the_run_of_who_interrupts_the_command() {
    let mut served = Served::start(&TINY.replace("dance_max_s = 1", "dance_max_s = 60"));
    make_reference(&served.program);
    let run = ["run", "production", "--count", "2", "--reference", "step.mp4", "--json"];
    let first = served.program.start(&run);
    let running = || served.program.run(&["jobs", "ls", "--json"]).expect(0).json()["jobs"].as_array().unwrap().clone();
    until("it runs", || running().first().is_some_and(|job| job["state"] == "running")).await;
    let second = served.program.start(&run);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(running().len(), 1, "an equal one goes on with it");
    let (_, status) = served.get(&format!("/api/v1/pipeline/status/{}", running()[0]["id"].as_str().unwrap())).await;
    assert!(status["estimated_completion"].is_string(), "{status}");
    signal(&first, "INT");
    let ended = end(first).expect(130);
    assert_eq!(ended.json()["status"], "cancelled");
    let other = end(second).expect(130);
    assert!(other.stderr.contains("Going on with the unfinished job"), "{}", other.stderr);
    served.stop().expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_runs_so_many_jobs_at_once_and_none_too_long() {
    let long = TINY.replace("dance_max_s = 1", "dance_max_s = 60");
    let mut served = Served::start(&format!("{long}[server]\njobs_at_once = 1\njob_limit_s = 2\n"));
    make_reference(&served.program);
    std::fs::create_dir_all(served.program.path("home/references")).unwrap();
    // Long enough that the limit is met, whatever the machine.
    crate::support::program::ffmpeg(
        &["-f", "lavfi", "-i", "testsrc2=size=64x112:rate=8:duration=60", "-pix_fmt", "yuv420p"],
        &served.program.path("home/references/step.mp4"),
    );
    let body = json!({"count": 3, "reference_videos": ["step"]});
    let (status, first) = served.post("/api/v1/pipeline/run", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let words = first["estimated_duration"].as_str().unwrap();
    assert!(words.ends_with(" per character") && words.starts_with(|c: char| c.is_ascii_digit()), "{words}");
    let (_, second) = served.post("/api/v1/pipeline/run", &body).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let shown = |id: &Value| served.program.run(&["jobs", "show", id.as_str().unwrap(), "--json"]).expect(0).json();
    assert_eq!(shown(&second["job_id"])["waiting_for"], "its turn");
    // A file from outside needs no turn.
    let began = Instant::now();
    served.program.run(&["put", "step.mp4", "--subject", "ana"]).expect(0);
    assert!(began.elapsed() < Duration::from_secs(15), "it waited for the others: {:?}", began.elapsed());
    until("the first is stopped", || shown(&first["job_id"])["state"] == "failed").await;
    assert_eq!(shown(&first["job_id"])["error"]["code"], "job_limit");
    served.stop().expect(0);
}

#[test]
fn service_that_is_gone_leaves_a_run_to_be_gone_on_with() {
    let program = Program::with(&TINY.replace("dance_max_s = 1", "dance_max_s = 60"));
    make_reference(&program);
    let mut served = Served::open(program);
    let run = served.program.start(&["run", "production", "--count", "3", "--reference", "step.mp4"]);
    let began = Instant::now();
    while served.program.run(&["jobs", "ls", "--json"]).json()["jobs"][0]["state"] != "running" {
        assert!(began.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(20));
    }
    served.kill();
    let ended = end(run).expect(1);
    assert!(ended.stderr.contains("the same command goes on"), "{}", ended.stderr);
}

/// A home whose deliveries never arrive: nobody listens there.
fn undelivered() -> Program {
    let place = "[[destinations]]\nname = \"far\"\nuri = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:9\"\naccess_key = \"env:A\"\nsecret_key = \"env:A\"\n";
    let program = Program::with(&format!("{TINY}{place}"));
    make_reference(&program);
    program.write(".env", b"A=test\n");
    program
}

fn newest(program: &Program) -> Value {
    program.run(&["jobs", "ls", "--json"]).expect(0).json()["jobs"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn service_cancels_the_put_of_who_interrupts_the_command() {
    let mut served = Served::open(undelivered());
    let put = served.program.start(&["put", "step.mp4", "--subject", "ana"]);
    until("it delivers", || newest(&served.program)["state"] == "delivering").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal(&put, "INT");
    end(put).expect(130);
    assert_eq!(newest(&served.program)["state"], "cancelled");
    served.stop().expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_is_gone_leaves_a_put_to_be_gone_on_with() {
    let mut served = Served::open(undelivered());
    let put = served.program.start(&["put", "step.mp4", "--subject", "ana"]);
    until("it delivers", || newest(&served.program)["state"] == "delivering").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    served.kill();
    let began = Instant::now();
    let ended = end(put).expect(1);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(ended.stderr.contains("the same command goes on"), "{}", ended.stderr);
}

#[test]
fn service_that_is_killed_before_it_answers_leaves_the_work_to_who_asked() {
    let mut served = Served::open(Program::with(TINY));
    make_reference(&served.program);
    signal(served.child.as_ref().unwrap(), "STOP");
    let put = served.program.start(&["put", "step.mp4", "--subject", "ana", "--json"]);
    std::thread::sleep(Duration::from_secs(2));
    served.kill();
    assert_eq!(end(put).expect(0).json()["status"], "completed");
    assert_eq!(served.program.assets().len(), 1);
}

#[test]
fn service_does_what_is_asked_eight_times_at_once_one_time() {
    let mut served = Served::open(undelivered());
    let puts: Vec<_> = (0..8).map(|_| served.program.start(&["put", "step.mp4", "--subject", "ana", "--no-wait", "--json"])).collect();
    let ended: Vec<Value> = puts.into_iter().map(|put| end(put).expect(0).json()["job_id"].clone()).collect();
    assert!(ended.iter().all(|job| job.is_string() && *job == ended[0]), "{ended:?}");
    assert_eq!(served.program.run(&["jobs", "ls", "--json"]).json()["jobs"].as_array().unwrap().len(), 1);
    served.stop().expect(0);
}

#[test]
fn service_deliveries_are_held_when_they_are_told_to_be() {
    let program = Program::with(TINY);
    make_reference(&program);
    program.write(".env", b"UPLOAD_QUEUE_ENABLED=false\n");
    program.run(&["put", "step.mp4", "--subject", "ana"]).expect(3);
    let assets = program.run(&["assets", "ls", "--json"]).expect(0).json();
    assert_eq!(assets["assets"][0]["state"], "held", "{assets}");
    assert_eq!(program.run(&["jobs", "ls", "--json"]).json()["jobs"][0]["state"], "delivering");
    assert_eq!(program.run(&["status", "--json"]).json()["held"], true);
    assert!(program.run(&["status"]).expect(0).stdout.contains("Deliveries are held"));
    program.write(".env", b"UPLOAD_QUEUE_ENABLED=true\n");
    program.run(&["put", "step.mp4", "--subject", "ana"]).expect(0);
    assert_eq!(program.run(&["jobs", "ls", "--json"]).json()["jobs"][0]["state"], "completed");
}

#[test]
fn service_health_is_asked_by_a_command() {
    let mut served = Served::open(Program::with(TINY));
    let address = served.url.strip_prefix("http://").unwrap().to_owned();
    served.program.run(&["health", "--listen", &address]).expect(0);
    let ready = served.program.run(&["health", "--ready", "--listen", &address, "--json"]).expect(0).json();
    assert_eq!(ready["ready"], true, "{ready}");
    served.stop().expect(0);
    let gone = served.program.run(&["health", "--listen", &address]).expect(1);
    assert!(gone.stderr.contains("cannot be reached"), "{}", gone.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_says_loudly_what_keeps_failing() {
    // Nobody listens there.
    let place = "[[destinations]]\nname = \"far\"\nuri = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:9\"\naccess_key = \"env:A\"\nsecret_key = \"env:A\"\n";
    let program = Program::with(&format!("{TINY}alarm_after = 2\n{place}"));
    make_reference(&program);
    program.write(".env", b"A=test\n");
    let mut served = Served::open(program);
    served.program.run(&["put", "step.mp4", "--subject", "ana", "--no-wait"]).expect(0);
    let status = || served.program.run(&["status", "--json"]).expect(0).json();
    until("it is an alarm", || status()["destinations"]["far"]["alarms"] == 1).await;
    assert!(served.program.run(&["status"]).expect(0).stdout.contains("Alarm: 1 of what far is owed"));
    assert_eq!(status()["destinations"]["far"]["owed"], 1, "and it is still tried");
    let log = served.stop().expect(0).stderr;
    assert!(log.contains("a delivery keeps failing"), "{log}");
}
