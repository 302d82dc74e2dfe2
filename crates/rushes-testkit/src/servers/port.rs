//! Ports of 127.0.0.1 that no other test takes meanwhile.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below the range from which the kernel gives ports to outgoing connections.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port that was free a moment ago; other test processes leave it alone while this lives.
pub(super) struct Port {
    pub(super) number: u16,
    _claim: File,
}

/// A free port. Panics when a thousand in a row are taken.
pub(super) fn claim() -> Port {
    let folder = std::env::temp_dir().join("rushes-test-ports");
    let made = std::fs::create_dir_all(&folder);
    let start = RandomState::new().hash_one(std::process::id()) % u64::from(COUNT);
    for step in 0..1_000 {
        let number = FIRST + u16::try_from((start + step) % u64::from(COUNT)).expect("below COUNT");
        let Ok(claim) = File::create(folder.join(number.to_string())) else { continue };
        if claim.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
            return Port { number, _claim: claim };
        }
    }
    panic!("no free port of 127.0.0.1 found (claims lie in {}, made: {made:?})", folder.display());
}

/// So many free ports, for programs that a test starts more than once: no other test takes them as long as this process lives.
///
/// # Panics
/// When a thousand in a row are taken.
#[must_use]
pub fn claim_ports(count: usize) -> Vec<SocketAddr> {
    let claimed: Vec<Port> = (0..count).map(|_| claim()).collect();
    let addresses = claimed.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port.number))).collect();
    // The claims are given back with the process.
    std::mem::forget(claimed);
    addresses
}
