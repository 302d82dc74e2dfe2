//! The proxy before a tiny server that tells what reached it.

use super::{Chaos, Only, Weather};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What one request brought: its head and as much of its body as came.
type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that answers each request with its body, or, to `GET`, with 1,000 bytes (chunked: `/chunked`).
fn tiny_server() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, heard) = (listener.local_addr().expect("an address"), Heard::default());
    let ears = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let ears = Arc::clone(&ears);
            std::thread::spawn(move || serve(&stream, &ears));
        }
    });
    (address, heard)
}

fn serve(stream: &TcpStream, heard: &Heard) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let head = read_head(&mut reader)?;
        let lower = head.to_lowercase();
        if lower.contains("expect: 100-continue") {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let mut body = Vec::new();
        if let Some(length) = length_in(&lower) {
            let whole = reader.by_ref().take(length).read_to_end(&mut body).is_ok() && body.len() as u64 == length;
            heard.lock().expect("not poisoned").push((head.clone(), body.clone()));
            if !whole {
                return None;
            }
        } else {
            while lower.contains("transfer-encoding: chunked") && !body.ends_with(b"0\r\n\r\n") {
                let mut byte = [0];
                reader.read_exact(&mut byte).ok()?;
                body.push(byte[0]);
            }
            heard.lock().expect("not poisoned").push((head.clone(), body.clone()));
        }
        let answer = if head.starts_with("GET /chunked") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n".to_vec()
        } else {
            let body = if head.starts_with("GET") { vec![b'x'; 1_000] } else { body };
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
            answer.extend(if head.starts_with("HEAD") { Vec::new() } else { body });
            answer
        };
        writer.write_all(&answer).ok()?;
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn length_in(lower: &str) -> Option<u64> {
    lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())
}

/// A client's connection, on which many requests can follow each other.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(chaos: &Chaos) -> Self {
        let stream = TcpStream::connect(chaos.address()).expect("the proxy listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Self(BufReader::new(stream))
    }

    /// One that soon gives up waiting for an answer.
    fn impatient(chaos: &Chaos) -> Self {
        let client = Self::new(chaos);
        client.0.get_ref().set_read_timeout(Some(Duration::from_millis(400))).expect("a timeout");
        client
    }

    fn send(&mut self, text: &[u8]) {
        // A cut may come while we send.
        let _ = self.0.get_mut().write_all(text);
    }

    /// The next answer: its head and whole body; an error where it breaks off.
    fn answer(&mut self) -> std::io::Result<(String, Vec<u8>)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut body = vec![0; usize::try_from(length_in(&head.to_lowercase()).unwrap_or(0)).expect("small")];
        self.0.read_exact(&mut body)?;
        Ok((head, body))
    }

    fn put(&mut self, path: &str, body: &[u8]) -> std::io::Result<(String, Vec<u8>)> {
        self.send(format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
        self.send(body);
        self.answer()
    }

    fn get(&mut self, path: &str) -> std::io::Result<(String, Vec<u8>)> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
        self.answer()
    }
}

fn bodies(heard: &Heard) -> Vec<Vec<u8>> {
    heard.lock().expect("not poisoned").iter().map(|(_, body)| body.clone()).collect()
}

/// Waits for what happens in the server's threads.
fn settle(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(5), "it never came so");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_clear_passes_all_kinds_of_framing_on_one_connection() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    let mut client = Client::new(&chaos);
    let large = vec![7; 3_000_000];
    assert_eq!(client.put("/a?b=c", b"hello").expect("an answer").1, b"hello");
    assert_eq!(client.put("/large", &large).expect("an answer").1, large);
    assert_eq!(client.get("/x").expect("an answer").1.len(), 1_000);
    client.send(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        client.0.read_line(&mut head).expect("a line of the head");
    }
    client.send(b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    client.answer().expect("an answer to chunks");
    client.send(b"PUT /e HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.answer().expect("leave to go on").0.starts_with("HTTP/1.1 100"));
    client.send(b"ok");
    assert_eq!(client.answer().expect("an answer").1, b"ok");
    client.send(b"GET /chunked HTTP/1.1\r\nHost: h\r\n\r\n");
    client.answer().expect("a head");
    let mut rest = vec![0; 30];
    client.0.read_exact(&mut rest).expect("the chunks as they were");
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    let log = chaos.log();
    assert_eq!(log.len(), 7);
    assert_eq!((log[0].method.as_str(), log[0].target.as_str(), log[0].body_bytes, log[0].status), ("PUT", "/a?b=c", 5, Some(200)));
    assert_eq!(log[4].body_bytes, 3, "of chunks only the data count");
    assert_eq!(heard.lock().expect("not poisoned").len(), 7);
    assert_eq!(chaos.spoilt(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_cuts_the_body_of_a_request() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    chaos.set(Weather::CutBody { after_bytes: 100 });
    assert!(Client::new(&chaos).put("/a", &[1; 5_000]).is_err());
    settle(|| bodies(&heard) == [vec![1; 100]]);
    assert_eq!(Client::new(&chaos).put("/b", &[1; 99]).expect("a small one passes").1.len(), 99);
    assert_eq!(chaos.log()[0].body_bytes, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_stalls_without_a_word() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    for (after_bytes, reached) in [(0, 0), (100, 100)] {
        chaos.set(Weather::Stall { after_bytes });
        let mut client = Client::impatient(&chaos);
        let error = client.put("/a", &[1; 5_000]).expect_err("no answer");
        assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "still open: {error}");
        settle(|| chaos.log().last().is_some_and(|entry| entry.body_bytes == reached));
    }
    let mut client = Client::impatient(&chaos);
    client.get("/a").expect_err("the answer stalls in its body");
    chaos.set(Weather::Down);
    let mut rest = Vec::new();
    let _ = client.0.read_to_end(&mut rest);
    assert!(rest.len() <= 100, "down ends what was stalled");
    settle(|| bodies(&heard).iter().any(|body| body == &vec![1; 100]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_is_down_and_up_again() {
    let (server, _) = tiny_server();
    let chaos = Chaos::before(server).await;
    let mut open = Client::new(&chaos);
    open.get("/a").expect("up");
    chaos.set(Weather::Down);
    assert!(open.get("/a").is_err(), "an open connection is cut");
    assert!(Client::new(&chaos).get("/a").is_err());
    chaos.set(Weather::Clear);
    Client::new(&chaos).get("/a").expect("up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_is_slow_at_the_wanted_pace() {
    let (server, _) = tiny_server();
    let chaos = Chaos::before(server).await;
    chaos.set(Weather::Slow { bytes_per_s: 4_000 });
    let started = Instant::now();
    Client::new(&chaos).get("/a").expect("slow, but whole");
    let taken = started.elapsed();
    assert!(taken > Duration::from_millis(200), "1,000 bytes at 4,000 a second: {taken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_loses_answers_whole_or_half() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    chaos.set(Weather::LostAnswer);
    let mut client = Client::new(&chaos);
    client.send(b"PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\ndone");
    let mut got = Vec::new();
    let _ = client.0.read_to_end(&mut got);
    assert!(got.is_empty(), "not a byte of the answer");
    assert_eq!(bodies(&heard), [b"done"], "the server has done it");
    assert_eq!(chaos.log()[0].status, Some(200), "the log knows the answer");
    chaos.set(Weather::HalfAnswer);
    let mut client = Client::new(&chaos);
    client.send(b"GET /a HTTP/1.1\r\n\r\n");
    let _ = client.0.read_to_end(&mut got);
    let text = String::from_utf8_lossy(&got);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert_eq!(text.matches('x').count(), 500, "half of 1,000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_answers_itself_and_the_connection_goes_on() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    let mut client = Client::new(&chaos);
    chaos.set_for(Only::requests("PUT", "/photos/").first(1), Weather::too_many(Some(3)));
    client.put("/other/1", b"x").expect("not meant");
    let (head, _) = client.put("/photos/1", b"x").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("Retry-After: 3\r\n"), "{head}");
    let (head, _) = client.put("/photos/1", b"x").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "only the first was meant: {head}");
    assert_eq!(heard.lock().expect("not poisoned").len(), 2);
    assert_eq!((chaos.count("PUT", "/photos/"), chaos.count("", ""), chaos.spoilt()), (2, 3, 1));
    chaos.set(Weather::s3_error(503, "SlowDown"));
    client.send(b"PUT /e HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    let (head, body) = client.answer().expect("an answer instead of leave to go on");
    assert!(head.starts_with("HTTP/1.1 503") && body.ends_with(b"</Error>"), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_corrupts_one_byte() {
    let (server, heard) = tiny_server();
    let chaos = Chaos::before(server).await;
    chaos.set(Weather::Corrupt);
    Client::new(&chaos).put("/a", &[0; 40_000]).expect("nobody notices");
    let wrong: Vec<usize> = bodies(&heard)[0].iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
    assert_eq!(wrong, [20_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn chaos_storms_are_the_same_for_the_same_seed() {
    let (server, _) = tiny_server();
    let mut courses = Vec::new();
    for seed in [1, 1, 2] {
        let chaos = Chaos::before(server).await;
        chaos.set(Weather::Storm { seed, percent: 40, of: vec![Weather::too_many(None), Weather::json(500, &serde_json::json!({}))] });
        let mut client = Client::new(&chaos);
        for _ in 0..200 {
            client.get("/a").expect("these storms cut nothing");
        }
        courses.push(chaos.log().iter().map(|entry| entry.status.expect("answered")).collect::<Vec<_>>());
    }
    assert_eq!(courses[0], courses[1]);
    assert_ne!(courses[0], courses[2]);
    let spoilt = courses[0].iter().filter(|status| **status != 200).count();
    assert!((50..110).contains(&spoilt), "about 80 of 200: {spoilt}");
    assert!(courses[0].contains(&429) && courses[0].contains(&500));
}
