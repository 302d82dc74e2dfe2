//! `rushes health`: whether the server of this configuration answers; for those who keep it running.

use super::{Context, exit, print};
use anyhow::Context as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(4);
/// Of an answer at most this much is read.
const ANSWER_MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it listens; `server.listen` unless given.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Ask whether it can work, not only whether it lives.
    #[arg(long)]
    ready: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<u8> {
    let address = reachable(&args.listen.unwrap_or_else(|| context.loaded.config.server.address()));
    let path = if args.ready { "/readyz" } else { "/health" };
    let answer = tokio::time::timeout(LIMIT, ask(&address, path)).await;
    let answer = answer.with_context(|| format!("{address} does not answer"))?.with_context(|| format!("{address} cannot be reached"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let is_well = head.split_whitespace().nth(1) == Some("200");
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(said) if context.json => print::json(&said)?,
        _ => print::line(body),
    }
    Ok(if is_well { exit::DONE } else { exit::FAILED })
}

/// Where to ask one that listens everywhere: here.
fn reachable(address: &str) -> String {
    match address.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => address.to_owned(),
    }
}

async fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn health_of_one_that_listens_everywhere_is_asked_here() {
        assert_eq!(reachable("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80"), "[::1]:80");
        assert_eq!(reachable("10.0.0.7:80"), "10.0.0.7:80");
    }
}
