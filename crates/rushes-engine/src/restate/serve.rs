//! The listening end of a node for Restate: HTTP/2, whose pings tell either side that the other is gone.

use super::endpoint::Node;
use hyper::Uri;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rushes_core::queue::{HANDLER, STRAYS};
use rushes_core::{Cancel, Code, Fault};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A Restate that does not answer a ping within the second of these is gone.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_LIMIT: Duration = Duration::from_secs(10);
/// How long invocations under way may take to be answered once the server is asked to end: what they drive is being handed back.
const END_LIMIT: Duration = Duration::from_millis(1_500);
/// After an accept that failed, as when no file may be opened any more.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);
/// A rolling restart takes no longer to lead a job to an engine of its version, where there is one.
const PATIENCE: Duration = Duration::from_mins(1);
/// Connections at once; Restate has a few for each of its nodes.
const CONNECTIONS_MAX: usize = 4_096;

/// A port where Restate finds this engine.
pub struct Listening {
    listener: TcpListener,
    patience: Duration,
}

impl Listening {
    /// Binds. Errors: `config_invalid` when the address is taken, or none.
    pub fn bind(address: &str) -> Result<Self, Fault> {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        let refuse = |e: std::io::Error| {
            Fault::new(Code::ConfigInvalid, "listen").with("setting", "engine.restate.listen").because(format!("{address}: {e}"))
        };
        Ok(Self { listener: bound.map_err(refuse)?, patience: PATIENCE })
    }

    /// Refuses a job whose version of its workflow is not here for so long, as another engine behind the same address may have it.
    #[must_use]
    pub fn refusing_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Where it listens. Errors: `io`.
    pub fn address(&self) -> Result<SocketAddr, Fault> {
        self.listener.local_addr().map_err(|e| Fault::new(Code::Io, "listen").because(e))
    }

    /// Answers until `stop`; then takes no more, and waits while what is under way is handed back.
    pub(crate) async fn serve(self, node: Arc<Node>, stop: Cancel) {
        let mut talks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept(), if talks.len() < CONNECTIONS_MAX => accepted,
                Some(_) = talks.join_next(), if !talks.is_empty() => continue,
            };
            match accepted {
                Ok((stream, _)) => drop(talks.spawn(converse(stream, node.clone(), stop.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a connection of Restate could not be accepted");
                    tokio::time::sleep(ACCEPT_WAIT).await;
                }
            }
        }
        // Who comes now is refused at once, and goes to another node.
        drop(self.listener);
        let ended = async { while talks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(END_LIMIT, ended).await;
    }
}

async fn converse(stream: TcpStream, node: Arc<Node>, stop: Cancel) {
    // Each step of the protocol is a small message that the other side waits for.
    let _ = stream.set_nodelay(true);
    let is_led_astray = Cancel::new();
    let service = service_fn(|mut request| {
        if lead(&node, &mut request) {
            is_led_astray.cancel();
        }
        let answer = node.endpoint.handle(request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let talk = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut talk = std::pin::pin!(talk);
    tokio::select! {
        // A Restate that broke off asks again.
        _ = talk.as_mut() => return,
        () = stop.cancelled() => talk.as_mut().graceful_shutdown(),
        // What is under way here ends in its own time.
        () = is_led_astray.cancelled() => talk.as_mut().graceful_shutdown(),
    }
    let _ = talk.await;
}

/// Where nothing is: the endpoint takes no shorter path apart.
const NOWHERE: &str = "/none/of/ours";

/// Leads what is called by a name that is not here to where that is explained. True where whoever asks should ask again by
/// another connection: behind the address of this node may be one that is meant, and this connection leads here for ever.
fn lead<B>(node: &Node, request: &mut hyper::Request<B>) -> bool {
    let path = request.uri().path();
    let called = path.rsplit_once("/invoke/").and_then(|(_, call)| call.split('/').next());
    let is_stray = called.is_some_and(|name| name == STRAYS || !node.has(name));
    let is_other = node.is_other(path);
    if is_stray {
        *request.uri_mut() = format!("/invoke/{STRAYS}/{HANDLER}").parse().unwrap_or_else(|_| Uri::default());
    } else if is_other || called.is_none() && !path.ends_with("/discover") && !path.ends_with("/health") {
        // Whoever asks for another program must not hear what there is here: Restate would take it for what that one has.
        *request.uri_mut() = Uri::from_static(NOWHERE);
    }
    is_stray || is_other
}
