//! What stands before several programs on 127.0.0.1 that are reached by one address.

use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

/// One address before several, as a load balancer: each new connection goes to the next that takes it.
///
/// # Panics
/// Where no port is free.
pub async fn balance(targets: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            turn += 1;
            let _ = stream.set_nodelay(true);
            let first = turn % targets.len().max(1);
            let next: Vec<SocketAddr> = targets.iter().cycle().skip(first).take(targets.len()).copied().collect();
            tokio::spawn(async move {
                for target in next {
                    if let Ok(mut to) = TcpStream::connect(target).await {
                        let _ = to.set_nodelay(true);
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
                        return;
                    }
                }
            });
        }
    });
    address
}
