//! A hundred jobs, a server killed five times, and everybody who listens: each job ends once, each fact is heard once by
//! who comes back with the last one known, and each end is told under one id.

use super::Served;
use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use rushes_testkit::webhooks::Receiver;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const JOBS: u8 = 100;
const KILLS: usize = 5;
const LONG: Duration = Duration::from_secs(120);
const CONFIG: &str =
    "[webhooks]\nallow_private = true\nretries_s = [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2, 2]\n[server]\nrequests_per_minute = 100000\n";

/// Where the server is now, and the key it asks for.
#[derive(Clone)]
struct Way {
    url: Arc<Mutex<String>>,
    key: String,
    client: Client,
}

impl Way {
    fn to(&self, path: &str) -> String {
        format!("{}{path}", self.url.lock().unwrap())
    }
}

/// A picture of its own shade, as a form with one file. The same bytes each time, as one who asks again sends them.
fn form(shade: u8) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(8, 8, image::Rgb([shade, 1, 2])).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let head = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n";
    [head.as_bytes(), png.get_ref(), b"\r\n--edge--\r\n"].concat()
}

/// Hands a picture in, again and again under one key until it is answered. Gives the job.
async fn hand_in(way: Way, shade: u8) -> String {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < LONG, "picture {shade} is never taken");
        let request = way.client.post(way.to("/api/v1/assets")).bearer_auth(&way.key);
        let request =
            request.header("Idempotency-Key", format!("picture {shade}")).header("Content-Type", "multipart/form-data; boundary=edge");
        match request.body(form(shade)).send().await {
            Ok(answer) if answer.status().is_success() => {
                if let Ok(said) = answer.json::<Value>().await {
                    return said["job"].as_str().unwrap().to_owned();
                }
            }
            Ok(answer) => {
                let status = answer.status();
                let passes = [StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
                assert!(passes, "{status}: {:?}", answer.text().await);
            }
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Every fact heard, in the order it came.
type Heard = Arc<Mutex<Vec<Value>>>;

/// Listens for good, coming back with the last fact known.
async fn listen(way: Way, heard: Heard) {
    loop {
        let last = heard.lock().unwrap().last().map_or(0, |fact: &Value| fact["seq"].as_i64().unwrap());
        let request = way.client.get(way.to("/api/v1/events")).bearer_auth(&way.key).header("Last-Event-ID", last.to_string());
        if let Ok(answer) = request.send().await {
            // Not even in the crowd after a start, when nobody's key has been seen yet.
            assert_eq!(answer.status(), StatusCode::OK);
            let (mut bytes, mut pieces) = (Vec::new(), answer.bytes_stream());
            while let Some(Ok(piece)) = pieces.next().await {
                bytes.extend_from_slice(&piece);
                // What does not end with an empty line was cut off, and is not an event.
                while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                    let event = String::from_utf8(bytes.drain(..end + 2).collect()).unwrap();
                    let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                    heard.lock().unwrap().extend(data.map(|data| serde_json::from_str::<Value>(data).unwrap()));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < LONG, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn deliveries(served: &Served, state: &str) -> Vec<Value> {
    let (status, log) = served.get(&format!("/api/v1/webhooks/deliveries?limit=200&state={state}")).await;
    assert_eq!(status, StatusCode::OK, "{log}");
    log["deliveries"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_no_end_no_fact_and_no_webhook() {
    let receiver = Receiver::start().await;
    let mut served = Served::start(CONFIG);
    let (status, _) = served.post("/api/v1/webhooks", &json!({"url": receiver.url})).await;
    assert_eq!(status, StatusCode::CREATED);
    let secret = served.get("/api/v1/webhooks/secret").await.1["secret"].as_str().unwrap().to_owned();
    let way = Way { url: Arc::new(Mutex::new(served.url.clone())), key: served.key.clone().unwrap(), client: Client::new() };
    let heard = Heard::default();
    let listening = tokio::spawn(listen(way.clone(), heard.clone()));
    let handing: Vec<_> = (0..JOBS).map(|shade| tokio::spawn(hand_in(way.clone(), shade))).collect();

    for kill in 1..=KILLS {
        let told = usize::from(JOBS) * kill / (KILLS + 2);
        until("some are told", async || receiver.received().len() >= told).await;
        served.kill();
        served.start_again();
        *way.url.lock().unwrap() = served.url.clone();
    }
    let mut jobs = BTreeSet::new();
    for one in handing {
        jobs.insert(one.await.unwrap());
    }
    assert_eq!(jobs.len(), usize::from(JOBS), "asked again, a picture is the same job");
    until("all is told", async || deliveries(&served, "done").await.len() == jobs.len()).await;
    for state in ["owed", "sending", "refused"] {
        assert_eq!(deliveries(&served, state).await, [] as [Value; 0], "{state}");
    }

    let received = receiver.received();
    let mut messages: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for one in &received {
        assert!(one.is_signed_by(&secret), "every try is signed");
        messages.entry(one.id().to_owned()).or_default().insert(one.body.clone());
    }
    assert!(messages.values().all(|bodies| bodies.len() == 1), "the same bytes in every try");
    let mut told: Vec<String> = received.iter().map(|one| one.json()["data"]["job_id"].as_str().unwrap().to_owned()).collect();
    told.sort();
    told.dedup();
    assert_eq!(told, jobs.iter().cloned().collect::<Vec<_>>(), "of every job");
    assert_eq!(messages.len(), jobs.len(), "one id each");

    let stored = facts(&served).await;
    until("the listener has heard all", async || heard.lock().unwrap().len() >= stored.len()).await;
    listening.abort();
    let heard = heard.lock().unwrap().clone();
    let numbers = |facts: &[Value]| facts.iter().map(|fact| fact["seq"].as_i64().unwrap()).collect::<Vec<_>>();
    let count = i64::try_from(stored.len()).unwrap();
    assert_eq!(numbers(&heard)[..stored.len()], (1..=count).collect::<Vec<_>>(), "each fact once, in order, without a gap");
    assert_eq!(heard[..stored.len()], stored);
    let ends: Vec<&str> = stored.iter().filter(|fact| fact["type"] == "job.completed").filter_map(|fact| fact["job"].as_str()).collect();
    assert_eq!(ends.iter().copied().collect::<BTreeSet<_>>(), jobs.iter().map(String::as_str).collect(), "each job has ended");
    assert_eq!(ends.len(), jobs.len(), "once");
    let again = received.len() - messages.len();
    println!("{} jobs, {KILLS} kills, {} facts, {} messages, {again} tries more than those", jobs.len(), stored.len(), messages.len());
}

/// All facts there are, as the stream gives them to one who begins anew.
async fn facts(served: &Served) -> Vec<Value> {
    let answer = served.ask(reqwest::Method::GET, "/api/v1/events?after=0&follow=false").send().await.unwrap();
    let text = answer.text().await.unwrap();
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|data| serde_json::from_str(data).unwrap()).collect()
}
