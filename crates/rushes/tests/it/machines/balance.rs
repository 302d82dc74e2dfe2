//! What stands before several nodes that Restate calls by one address.

use rushes_testkit::servers::Restate;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// The configuration of each of so many nodes that this server calls by one address.
pub(super) async fn called_by(restate: &Restate, count: usize) -> Vec<String> {
    let mut ports = Vec::new();
    for _ in 0..count {
        ports.push(free_port().await);
    }
    let balanced = balance(ports.clone()).await;
    let (ingress, admin) = (restate.ingress(0), restate.admin(0));
    let engine = |port| {
        format!(
            "[engine]\nkind = \"restate\"\n[engine.restate]\ningress = \"{ingress}\"\nadmin = \"{admin}\"\nlisten = \"{port}\"\n\
             advertise = \"http://{balanced}\"\n"
        )
    };
    ports.into_iter().map(engine).collect()
}

/// One address before several: a new connection goes to the next that takes it.
pub(super) async fn balance(targets: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            turn += 1;
            let targets: Vec<SocketAddr> = targets.iter().cycle().skip(turn % targets.len()).take(targets.len()).copied().collect();
            tokio::spawn(async move {
                for target in targets {
                    if let Ok(mut to) = TcpStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
                        return;
                    }
                }
            });
        }
    });
    address
}

/// A port that was free a moment ago.
pub(super) async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
