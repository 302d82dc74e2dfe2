//! The client: connections kept open, requests as bytes, answers read by their length. It costs as little as it can, so
//! that what is measured is the server.

use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub(super) struct Asker {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Asker {
    pub(super) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::with_capacity(16 * 1024) }
    }

    /// Asks; gives status and body.
    pub(super) async fn ask(&mut self, request: &[u8]) -> (u16, Vec<u8>) {
        let (status, length, head) = self.head(request).await;
        while self.read.len() < head + length {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "it hung up");
        }
        let body = self.read[head..head + length].to_vec();
        self.read.drain(..head + length);
        (status, body)
    }

    /// Asks for what has no end; gives the status.
    pub(super) async fn begin(&mut self, request: &[u8]) -> u16 {
        self.head(request).await.0
    }

    async fn head(&mut self, request: &[u8]) -> (u16, usize, usize) {
        self.stream.write_all(request).await.unwrap();
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "it hung up");
        };
        let text = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        let status = text.split_whitespace().nth(1).unwrap().parse().unwrap();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |text| text.trim().parse().unwrap());
        (status, length, end)
    }
}

/// What a load of requests met.
pub(super) struct Load {
    pub(super) rate: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Load {
    /// As fast as it goes.
    pub(super) async fn full(address: &str, request: &[u8], connections: usize, lasting: Duration) -> Self {
        Self::of(address, request, connections, None, lasting).await
    }

    /// Each connection asks once in each interval, whether or not the last answer was late.
    pub(super) async fn paced(address: &str, request: &[u8], connections: usize, every: Duration, lasting: Duration) -> Self {
        Self::of(address, request, connections, Some(every), lasting).await
    }

    async fn of(address: &str, request: &[u8], connections: usize, every: Option<Duration>, lasting: Duration) -> Self {
        let mut askers = tokio::task::JoinSet::new();
        let began = Instant::now();
        for _ in 0..connections {
            let (address, request) = (address.to_owned(), request.to_vec());
            askers.spawn(async move {
                let mut asker = Asker::open(&address).await;
                let (mut took, mut due) = (Vec::new(), Instant::now());
                while began.elapsed() < lasting {
                    if every.is_some() {
                        tokio::time::sleep_until(due.into()).await;
                    } else {
                        due = Instant::now();
                    }
                    let (status, _) = asker.ask(&request).await;
                    assert_eq!(status, 200);
                    // From when it was due: who waits behind a slow answer waits too.
                    took.push(due.elapsed().as_secs_f64() * 1e3);
                    due += every.unwrap_or_default();
                }
                took
            });
        }
        let mut took: Vec<f64> = askers.join_all().await.concat();
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        took.sort_by(f64::total_cmp);
        Self { rate, p50_ms: super::at(&took, 0.5), p99_ms: super::at(&took, 0.99) }
    }
}
