//! One connection of a client: request after request, each over a new connection to the server.

use super::Sky;
use super::body::{End, Gate, pass};
use super::head::{Framing, Head};
use super::weather::Weather;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A stalled connection is cut after this, so that a test without a limit of its own ends.
const LONGEST_STALL: Duration = Duration::from_secs(600);
/// How long a client may take to hear an answer that came before its body was through.
const LINGER: Duration = Duration::from_secs(2);

/// What becomes of the connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Next,
    /// The usual end.
    Close,
    Cut,
    Stall,
}

impl From<End> for After {
    fn from(end: End) -> Self {
        match end {
            End::Stall => Self::Stall,
            End::Cut | End::SenderGone | End::ReceiverGone => Self::Cut,
        }
    }
}

struct Client {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, sky: Arc<Sky>) {
    let _ = stream.set_nodelay(true);
    // What is not ended with a shutdown below is cut: the client sees a reset.
    let _ = stream.set_zero_linger();
    let (from, to) = stream.into_split();
    let mut client = Client { from: BufReader::new(from), to };
    let mut is_down = sky.is_down.subscribe();
    let after = tokio::select! {
        _ = is_down.wait_for(|is_down| *is_down) => After::Cut,
        after = requests(&mut client, &sky) => after,
    };
    if after == After::Close {
        let _ = client.to.shutdown().await;
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(LINGER, async {
            while client.from.read_buf(&mut rest).await.is_ok_and(|n| n > 0) {
                rest.clear()
            }
        })
        .await;
    }
}

async fn requests(client: &mut Client, sky: &Sky) -> After {
    loop {
        let Some(head) = Head::read(&mut client.from).await else { return After::Close };
        let weather = sky.forecast().next(head.method(), head.target());
        let number = sky.log().begin(head.method(), head.target(), weather.name());
        let exchange = Exchange { client, sky, number, head: &head, weather };
        match exchange.run().await {
            After::Next if head.closes() => return After::Close,
            After::Next => {}
            After::Stall => {
                tokio::time::sleep(LONGEST_STALL).await;
                return After::Cut;
            }
            after => return after,
        }
    }
}

/// One request and what comes of it.
struct Exchange<'a> {
    client: &'a mut Client,
    sky: &'a Sky,
    number: u64,
    head: &'a Head,
    weather: Weather,
}

impl Exchange<'_> {
    async fn run(mut self) -> After {
        match &self.weather {
            Weather::Down => After::Cut,
            Weather::Stall { after_bytes: 0 } => After::Stall,
            Weather::Answer { status, headers, body } => {
                let (status, headers, body) = (*status, headers.clone(), body.clone());
                self.answer(status, &headers, &body).await
            }
            _ => self.pass_on().await,
        }
    }

    fn note_status(&self, status: Option<u16>) {
        if let Some(entry) = self.sky.log().entry(self.number) {
            entry.status = status;
        }
    }

    /// Answers in the server's stead.
    async fn answer(&mut self, status: u16, headers: &[(String, String)], body: &str) -> After {
        self.note_status(Some(status));
        let early = self.head.expects_continue();
        if !early {
            let taken = pass(&mut self.client.from, &mut tokio::io::sink(), self.head.request_framing(), &Gate::default()).await;
            if taken.is_err() {
                return After::Cut;
            }
        }
        let mut text = format!("HTTP/1.1 {status} Chaos\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        // A client that waits before its body must not send it now.
        text += if early { "Connection: close\r\n" } else { "" };
        text += &format!("Content-Length: {}\r\n\r\n", body.len());
        if self.head.method() != "HEAD" {
            text += body;
        }
        match self.client.to.write_all(text.as_bytes()).await {
            Ok(()) if early => After::Close,
            Ok(()) => After::Next,
            Err(_) => After::Cut,
        }
    }

    /// The request to the server and the answer back, at the same time.
    async fn pass_on(self) -> After {
        let Ok(server) = TcpStream::connect(self.sky.upstream).await else { return After::Cut };
        let _ = server.set_nodelay(true);
        let (from_server, mut to_server) = server.into_split();
        let mut from_server = BufReader::new(from_server);
        let gate = self.request_gate();
        let Client { from, to } = &mut *self.client;
        let up = async {
            to_server.write_all(&self.head.bytes).await.map_err(|_| End::ReceiverGone)?;
            pass(from, &mut to_server, self.head.request_framing(), &gate).await
        };
        let exchange = Answering { sky: self.sky, number: self.number, method: self.head.method(), weather: &self.weather, sent: &gate };
        let down = exchange.run(&mut from_server, to);
        tokio::pin!(up, down);
        let after = tokio::select! {
            biased;
            sent = &mut up => match sent {
                // A server that stops listening may still have answered.
                Ok(()) | Err(End::ReceiverGone) => down.await,
                Err(end) => end.into(),
            },
            // Answered before the body was through: nobody can say where the next request would begin.
            after = &mut down => if after == After::Next { After::Close } else { after },
        };
        if let Some(entry) = self.sky.log().entry(self.number) {
            entry.body_bytes = gate.passed.load(Ordering::Relaxed);
        }
        after
    }

    fn request_gate(&self) -> Gate {
        let mut gate = Gate::default();
        match self.weather {
            Weather::CutBody { after_bytes } => gate.until = Some((after_bytes, End::Cut)),
            Weather::Stall { after_bytes } => gate.until = Some((after_bytes, End::Stall)),
            Weather::Slow { bytes_per_s } => gate.pace = Some(bytes_per_s.max(1)),
            Weather::Corrupt => {
                gate.corrupt_at = Some(if let Framing::Length(length) = self.head.request_framing() { length / 2 } else { 0 })
            }
            _ => {}
        }
        gate
    }
}

/// The way back.
struct Answering<'a> {
    sky: &'a Sky,
    number: u64,
    method: &'a str,
    weather: &'a Weather,
    /// The request's body, on its way.
    sent: &'a Gate,
}

impl Answering<'_> {
    async fn run(self, from: &mut BufReader<OwnedReadHalf>, to: &mut OwnedWriteHalf) -> After {
        loop {
            let Some(head) = Head::read(from).await else { return After::Cut };
            if head.status().is_some_and(|status| (100..200).contains(&status)) {
                if to.write_all(&head.bytes).await.is_err() {
                    return After::Cut;
                }
                continue;
            }
            if let Some(entry) = self.sky.log().entry(self.number) {
                entry.status = head.status();
            }
            return match self.last(&head, from, to).await {
                Ok(()) if head.closes() || head.answer_framing(self.method) == Framing::ToTheEnd => After::Close,
                Ok(()) => After::Next,
                Err(end) => end.into(),
            };
        }
    }

    /// The answer itself, with what the weather does to it.
    async fn last(&self, head: &Head, from: &mut BufReader<OwnedReadHalf>, to: &mut OwnedWriteHalf) -> Result<(), End> {
        let framing = head.answer_framing(self.method);
        let mut gate = Gate::default();
        match self.weather {
            Weather::LostAnswer => {
                // The server has done all of it before the cut.
                pass(from, &mut tokio::io::sink(), framing, &gate).await?;
                return Err(End::Cut);
            }
            Weather::HalfAnswer => match framing {
                Framing::Length(length) if length > 0 => gate.until = Some((length / 2, End::Cut)),
                Framing::Length(_) => {
                    let _ = to.write_all(&head.bytes[..head.bytes.len() / 2]).await;
                    return Err(End::Cut);
                }
                Framing::Chunked | Framing::ToTheEnd => gate.until = Some((1, End::Cut)),
            },
            Weather::Stall { after_bytes } => {
                gate.until = Some((after_bytes.saturating_sub(self.sent.passed.load(Ordering::Relaxed)), End::Stall));
            }
            Weather::Slow { bytes_per_s } => gate.pace = Some((*bytes_per_s).max(1)),
            _ => {}
        }
        to.write_all(&head.bytes).await.map_err(|_| End::ReceiverGone)?;
        pass(from, to, framing, &gate).await
    }
}
