//! A stretch of network between two programs on 127.0.0.1, whatever they speak, that a test cuts and mends.
//!
//! ```no_run
//! # use rushes_testkit::cable::{Cable, Cut};
//! # async fn test(server: std::net::SocketAddr) {
//! let cable = Cable::to(server).await;
//! cable.cut(Cut::Silent);
//! // … whoever speaks to `cable.address()` hears nothing …
//! cable.mend();
//! # }
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a program sends at once, at most.
const PIECE_BYTES: usize = 64 * 1024;

/// How a cable is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Nothing moves in either direction, and nobody is told. What was sent meanwhile arrives once the cable is mended, and a
    /// connection that one end gave up ends at the other then, too.
    Silent,
    /// What is asked arrives; no answer does before the cable is mended.
    Answers,
    /// Connections break, with all that is on its way, and new ones break at once.
    Reset,
    /// As if the server's process were killed: connections break, and new ones are refused.
    Gone,
}

/// The cable. Dropping it breaks every connection.
pub struct Cable {
    address: SocketAddr,
    state: watch::Sender<State>,
    laid: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    cut: Option<Cut>,
    /// How often connections were broken: one that is mended at once has broken them all the same.
    breaks: u64,
}

impl State {
    fn lets(&self, way: Way) -> bool {
        match self.cut {
            None => true,
            Some(Cut::Answers) => way == Way::There,
            Some(Cut::Silent | Cut::Reset | Cut::Gone) => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Cable {
    /// A whole cable to the server at `upstream`. Needs a tokio runtime.
    pub async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = watch::Sender::new(State::default());
        let laid = tokio::spawn(accept(listener, upstream, state.subscribe()));
        Self { address, state, laid }
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it is cut this way.
    pub fn cut(&self, cut: Cut) {
        self.state.send_modify(|state| {
            state.cut = Some(cut);
            state.breaks += u64::from(matches!(cut, Cut::Reset | Cut::Gone));
        });
    }

    /// From now on it is whole.
    pub fn mend(&self) {
        self.state.send_modify(|state| state.cut = None);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.laid.abort();
    }
}

/// Takes connections until it is aborted; then all of them break.
async fn accept(mut listener: TcpListener, upstream: SocketAddr, state: watch::Receiver<State>) {
    let address = listener.local_addr().expect("a bound socket has an address");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = until(state.clone(), |state| state.cut == Some(Cut::Gone)) => {
                drop(listener);
                until(state.clone(), |state| state.cut != Some(Cut::Gone)).await;
                listener = TcpListener::bind(address).await.expect("its port is still free");
            }
            taken = listener.accept() => {
                let Ok((near, _)) = taken else { continue };
                connections.spawn(carry(near, upstream, state.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection to its end. Whatever is not shut down in order breaks.
async fn carry(near: TcpStream, upstream: SocketAddr, state: watch::Receiver<State>) {
    let (breaks, is_reset) = (state.borrow().breaks, state.borrow().cut == Some(Cut::Reset));
    let _ = near.set_zero_linger();
    if is_reset {
        return;
    }
    let both_ways = async {
        until(state.clone(), |state| state.lets(Way::There)).await;
        let Ok(far) = TcpStream::connect(upstream).await else { return };
        for end in [&near, &far] {
            let _ = end.set_nodelay(true);
        }
        let _ = far.set_zero_linger();
        let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
        // One that broke at one end breaks at the other.
        let _ = tokio::try_join!(pass(from_near, to_far, state.clone(), Way::There), pass(from_far, to_near, state.clone(), Way::Back));
    };
    let mut breaking = state.clone();
    tokio::select! {
        _ = breaking.wait_for(|state| state.breaks > breaks) => {}
        () = both_ways => {}
    }
}

async fn until(mut state: watch::Receiver<State>, is_so: impl FnMut(&State) -> bool) {
    // Whose cable is gone is aborted anyway.
    let _ = state.wait_for(is_so).await;
}

/// Carries bytes one way, then the end of them.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: watch::Receiver<State>, way: Way) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = from.read(&mut piece).await;
        until(state.clone(), |state| state.lets(way)).await;
        match read? {
            0 => return to.shutdown().await,
            count => to.write_all(&piece[..count]).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, word: &str) -> std::io::Result<String> {
        stream.write_all(word.as_bytes()).await?;
        let mut said = vec![0; word.len()];
        stream.read_exact(&mut said).await?;
        Ok(String::from_utf8(said).unwrap())
    }

    #[tokio::test]
    async fn cable_carries_and_holds_what_is_sent_while_it_is_cut() {
        let cable = Cable::to(echo().await).await;
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        assert_eq!(says(&mut stream, "one").await.unwrap(), "one");
        for cut in [Cut::Silent, Cut::Answers] {
            cable.cut(cut);
            let mut later = TcpStream::connect(cable.address()).await.unwrap();
            let (mut first, mut second) = (std::pin::pin!(says(&mut stream, "two")), std::pin::pin!(says(&mut later, "three")));
            // Every other task has had its turns; an answer would be here by now.
            for _ in 0..1_000 {
                assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
                tokio::task::yield_now().await;
            }
            cable.mend();
            assert_eq!((first.await.unwrap(), second.await.unwrap()), ("two".into(), "three".into()));
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "an end in order is carried, too");
    }

    #[tokio::test]
    async fn cable_that_breaks_takes_its_connections_along_and_no_new_ones() {
        let cable = Cable::to(echo().await).await;
        let mut stream = TcpStream::connect(cable.address()).await.unwrap();
        assert_eq!(says(&mut stream, "one").await.unwrap(), "one");
        cable.cut(Cut::Reset);
        assert!(says(&mut stream, "two").await.is_err());
        let mut later = TcpStream::connect(cable.address()).await.unwrap();
        assert!(says(&mut later, "three").await.is_err());
        cable.mend();
        let mut after = TcpStream::connect(cable.address()).await.unwrap();
        assert_eq!(says(&mut after, "four").await.unwrap(), "four");
        cable.cut(Cut::Gone);
        assert!(says(&mut after, "four").await.is_err());
        // The listener is closed by another task.
        while let Ok(mut still) = TcpStream::connect(cable.address()).await {
            assert!(says(&mut still, "four").await.is_err(), "nobody is there");
        }
        cable.mend();
        let mut after = loop {
            if let Ok(again) = TcpStream::connect(cable.address()).await {
                break again;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(says(&mut after, "four").await.unwrap(), "four");
        // Held and then lost: what was sent never arrives.
        cable.cut(Cut::Silent);
        after.write_all(b"five").await.unwrap();
        cable.cut(Cut::Reset);
        cable.mend();
        assert!(after.read(&mut [0]).await.map_or(true, |count| count == 0));
    }
}
