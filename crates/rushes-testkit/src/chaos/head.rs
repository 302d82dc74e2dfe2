//! Heads of requests and answers: read whole, passed on as they are, and how the body behind one is framed.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A head beyond this is not passed on.
const LARGEST: usize = 64 * 1024;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// Only answers: with the connection.
    ToTheEnd,
}

/// A head, and its bytes as they came.
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
    first_line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The next head; `None` when the other side has nothing more to say, or says something else than HTTP.
    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut lines = Vec::new();
        loop {
            let start = bytes.len();
            from.read_until(b'\n', &mut bytes).await.ok()?;
            let line = std::str::from_utf8(&bytes[start..]).ok()?.strip_suffix('\n')?.trim_end_matches('\r').to_owned();
            if bytes.len() > LARGEST {
                return None;
            }
            match (line.is_empty(), lines.is_empty()) {
                (true, true) => bytes.clear(),
                (true, false) => break,
                (false, _) => lines.push(line),
            }
        }
        let mut lines = lines.into_iter();
        let first_line = lines.next()?;
        let headers = lines.filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())));
        Some(Self { bytes, first_line, headers: headers.collect() })
    }

    /// Of a request.
    pub(super) fn method(&self) -> &str {
        self.first_line.split(' ').next().unwrap_or_default()
    }

    /// Path and query, of a request.
    pub(super) fn target(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap_or_default()
    }

    /// Of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.first_line.split(' ').nth(1)?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str, word: &str) -> bool {
        self.header(name).is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    }

    /// Whether the sender waits for `100 Continue` before its body.
    pub(super) fn expects_continue(&self) -> bool {
        self.has("expect", "100-continue")
    }

    /// Whether the connection ends behind this exchange.
    pub(super) fn closes(&self) -> bool {
        self.has("connection", "close") || self.first_line.contains("HTTP/1.0")
    }

    pub(super) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::Length(0))
    }

    /// The framing of the answer to a request of `method`.
    pub(super) fn answer_framing(&self, method: &str) -> Framing {
        match self.status() {
            _ if method == "HEAD" => Framing::Length(0),
            Some(100..200 | 204 | 304) => Framing::Length(0),
            _ => self.framing().unwrap_or(Framing::ToTheEnd),
        }
    }

    fn framing(&self) -> Option<Framing> {
        if self.has("transfer-encoding", "chunked") {
            return Some(Framing::Chunked);
        }
        self.header("content-length").and_then(|value| value.parse().ok()).map(Framing::Length)
    }
}
