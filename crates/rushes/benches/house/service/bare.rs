//! What it is compared with: a process with one route of axum's, which answers bytes it was started with.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use std::process::{Child, Stdio};

const NAME: &str = "bare-route";

pub(super) struct Bare {
    child: Child,
    pub(super) address: String,
    /// For its one route.
    pub(super) request: Vec<u8>,
}

impl Bare {
    pub(super) fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Starts it; each answer has so many bytes.
#[expect(clippy::disallowed_methods, reason = "a bench starts programs")]
pub(super) fn start(bytes: usize) -> Bare {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let mut child = command.args([NAME, &bytes.to_string()]).stdout(Stdio::piped()).spawn().unwrap();
    let address = super::listening(&mut child);
    let request = format!("GET /status/one HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer nothing\r\n\r\n").into_bytes();
    Bare { child, address, request }
}

/// Whether this process is the bare server; then it serves until it is killed.
pub(crate) fn was_child() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, bytes] = arguments.as_slice() else { return false };
    if name != NAME {
        return false;
    }
    let body = bytes::Bytes::from("x".repeat(bytes.parse().unwrap()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = move || std::future::ready(([(CONTENT_TYPE, "application/json")], body.clone()));
        let routes = Router::new().route("/status/{id}", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), routes).await.unwrap();
    });
    true
}
