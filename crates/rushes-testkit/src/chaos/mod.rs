//! A proxy that breaks things: it stands before a real server on 127.0.0.1 and spoils requests as a test says.
//!
//! It speaks plain HTTP/1.1 and knows where a request and an answer begin and end (`Content-Length`, chunked,
//! `Expect: 100-continue`, keep-alive), so that the weather is chosen per request. What passes, passes byte by byte.
//!
//! ```no_run
//! # use rushes_testkit::chaos::{Chaos, Only, Weather};
//! # async fn test(server: std::net::SocketAddr) {
//! let chaos = Chaos::before(server).await;
//! chaos.set(Weather::Slow { bytes_per_s: 100_000 });
//! chaos.set_for(Only::requests("PUT", "/photos/").first(2), Weather::LostAnswer);
//! // … requests to `chaos.url()` …
//! assert_eq!(chaos.count("PUT", "/photos/"), 3);
//! # }
//! ```

mod body;
mod connection;
mod head;
mod log;
#[cfg(test)]
mod tests;
mod weather;

pub use log::Passed;
pub use weather::{Only, Weather};

use log::Log;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use weather::Forecast;

/// The proxy. Dropping it cuts every connection.
pub struct Chaos {
    address: SocketAddr,
    sky: Arc<Sky>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What all connections share.
struct Sky {
    upstream: SocketAddr,
    forecast: Mutex<Forecast>,
    log: Mutex<Log>,
    /// Whether everything is cut.
    is_down: watch::Sender<bool>,
}

impl Chaos {
    /// A proxy before the server at `upstream`, on a port of its own; the weather is clear. Needs a tokio runtime.
    pub async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let sky = Arc::new(Sky {
            upstream,
            forecast: Mutex::new(Forecast::default()),
            log: Mutex::new(Log::default()),
            is_down: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&sky)));
        Self { address, sky, accepting }
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, every request meets this weather; what was set before is forgotten.
    pub fn set(&self, weather: Weather) {
        let is_down = matches!(weather, Weather::Down);
        self.sky.forecast().set(weather);
        self.sky.is_down.send_replace(is_down);
    }

    /// From now on, these requests meet this weather, before any that was set earlier; others meet what they met so far.
    pub fn set_for(&self, only: Only, weather: Weather) {
        self.sky.forecast().add(only, weather);
    }

    /// The last 10,000 requests, in the order in which they began, those under way included.
    pub fn log(&self) -> Vec<Passed> {
        self.sky.log().entries()
    }

    /// How many of the logged requests have this method (empty: any) and this text in their path or query.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.sky.log().count(method, part)
    }

    /// How many requests were spoilt, of all since the start or the last [`Self::forget`].
    pub fn spoilt(&self) -> u64 {
        self.sky.log().spoilt
    }

    /// Empties the log.
    pub fn forget(&self) {
        self.sky.log().clear();
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Sky {
    fn forecast(&self) -> MutexGuard<'_, Forecast> {
        self.forecast.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until it is aborted; then all of them end with it.
async fn accept(listener: TcpListener, sky: Arc<Sky>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept() => {
                let Ok((stream, _)) = taken else { continue };
                connections.spawn(connection::serve(stream, Arc::clone(&sky)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
