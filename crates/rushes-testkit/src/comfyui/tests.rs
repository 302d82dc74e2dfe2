//! Its faithfulness to the transcripts, and its own rules, asked over real sockets.

mod killed;
mod replay;
mod rules;

use super::pictures::png;
use super::{ComfyUi, Machine, ModelFile};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// An answer: status, type, body.
struct Said(u16, String, Vec<u8>);

impl Said {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.2).unwrap()
    }
}

async fn send(server: &ComfyUi, line: &str, kind: &str, body: &[u8]) -> Said {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default().to_owned();
    Said(head.split(' ').nth(1).unwrap().parse().unwrap(), kind, answer.split_off(split + 4))
}

async fn ask(server: &ComfyUi, line: &str, body: &Value) -> Said {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    send(server, line, "application/json", &body).await
}

async fn upload(server: &ComfyUi, name: &str, subfolder: &str, overwrite: bool, bytes: &[u8]) -> Said {
    let field = |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let head = format!(
        "{}{}--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n",
        field("subfolder", subfolder),
        field("overwrite", if overwrite { "true" } else { "false" })
    );
    let body = [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
    send(server, "POST /upload/image", "multipart/form-data; boundary=b", &body).await
}

/// Somebody who listens.
struct Ear(WebSocketStream<TcpStream>);

impl Ear {
    async fn open(server: &ComfyUi, client: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "GET /ws?clientId={client} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 101") && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        let mut stream = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let can = json!({"type": "feature_flags", "data": {"supports_preview_metadata": true}});
        stream.send(Message::text(can.to_string())).await.unwrap();
        Self(stream)
    }

    /// The next message; a binary one as `{"type": "binary N"}`, by its first number.
    async fn next(&mut self) -> Option<Value> {
        loop {
            return match self.0.next().await?.ok()? {
                Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
                Message::Binary(bytes) => Some(json!({"type": format!("binary {}", bytes[3]), "length": bytes.len()})),
                Message::Close(_) => None,
                _ => continue,
            };
        }
    }

    /// Everything up to the end of the prompt that is worked on.
    async fn until_over(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        while let Some(message) = self.next().await {
            let is_over = message["type"] == "executing" && message["data"]["node"].is_null();
            heard.push(message);
            if is_over {
                break;
            }
        }
        heard
    }
}

fn kinds(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().unwrap()).collect()
}
