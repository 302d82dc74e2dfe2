//! The listening end: bounded connections, bounded waits, and an end in which what was begun is answered.

use super::app::App;
use super::caller::Peer;
use super::router;
use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rushes_core::{Code, Fault};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at once; who comes then waits to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a client may take for the head of a request, and keep a connection without asking.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// The head of a request at most.
const HEAD_MAX_BYTES: usize = 32 * 1024;
/// How long requests under way may go on once the server is asked to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// After an accept that failed, as when no file may be opened any more.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// A server that listens.
pub(crate) struct Listening {
    listener: TcpListener,
    app: App,
}

impl Listening {
    /// Binds. Errors: `config_invalid` when it would listen beyond this machine without a key, or the address is taken.
    pub(crate) async fn bind(address: &str, app: App) -> Result<Self, Fault> {
        let refuse = |reason: String| Fault::new(Code::ConfigInvalid, "listen").with("setting", "server.listen").because(reason);
        let listener = TcpListener::bind(address).await.map_err(|e| refuse(format!("{address}: {e}")))?;
        let bound = listener.local_addr().map_err(|e| refuse(e.to_string()))?;
        if !bound.ip().is_loopback() && app.doorkeeper.is_open(app.parts()).await? {
            return Err(refuse(format!(
                "{bound} can be reached from elsewhere, and there is no key yet; make one with `rushes keys new`, set PIPELINE_API_KEY, or listen on 127.0.0.1"
            )));
        }
        Ok(Self { listener, app })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `App::stop`; then ends streams, answers what is under way, and gives up after some seconds.
    pub(crate) async fn serve(self) {
        let routes = router::routes(&self.app);
        let (talks, room) = (TaskTracker::new(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        loop {
            let accepted = tokio::select! {
                () = self.app.stop.cancelled() => break,
                accepted = async {
                    let place = room.clone().acquire_owned().await.ok();
                    self.listener.accept().await.map(|(stream, peer)| (stream, peer, place))
                } => accepted,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let (routes, app) = (routes.clone(), self.app.clone());
                    talks.spawn(async move {
                        converse(stream, peer, routes, &app).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_WAIT).await;
                }
            }
        }
        // Who comes now is refused at once rather than left waiting.
        drop(self.listener);
        talks.close();
        let _ = tokio::time::timeout(END_LIMIT, talks.wait()).await;
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, routes: Router, app: &App) {
    // Small answers go at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        routes.clone().oneshot(request.map(Body::new))
    });
    let talk = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut talk = std::pin::pin!(talk);
    tokio::select! {
        // A client that broke off has its reasons.
        _ = talk.as_mut() => return,
        () = app.stop.cancelled() => talk.as_mut().graceful_shutdown(),
    }
    let _ = talk.await;
}
