//! Where telephones of the same network reach this server, as far as it can tell.

use rushes_core::Fault;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Never answered by anybody (RFC 5737); nothing is sent there.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// `http://` and where telephones ask; and whether they can, as the server listens.
pub(crate) struct Outside {
    pub(crate) base: String,
    pub(crate) is_reachable: bool,
}

/// By what somebody was reached under, or by where the server listens.
pub(crate) fn outside(asked_as: Option<&str>, listens_at: &str) -> Outside {
    let listens: Option<SocketAddr> = listens_at.parse().ok();
    let is_reachable = listens.is_none_or(|at| !at.ip().is_loopback());
    if let Some(host) = asked_as.filter(|host| !is_own(host)) {
        return Outside { base: format!("http://{host}"), is_reachable: true };
    }
    let port = asked_as
        .and_then(|host| host.rsplit_once(':'))
        .map_or_else(|| listens.map_or_else(|| "8787".to_owned(), |at| at.port().to_string()), |(_, port)| port.to_owned());
    let host = match (listens.map(|at| at.ip()).filter(|ip| !ip.is_unspecified() && !ip.is_loopback()), is_reachable) {
        (Some(ip), _) => Some(ip),
        (None, true) => own_address().ok(),
        (None, false) => None,
    };
    let base = match host {
        Some(IpAddr::V6(ip)) => format!("http://[{ip}]:{port}"),
        Some(ip) => format!("http://{ip}:{port}"),
        None => format!("http://{}", asked_as.unwrap_or(listens_at)),
    };
    Outside { base, is_reachable }
}

/// Whether only this machine is called so.
fn is_own(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// The address others of the network know this machine by.
fn own_address() -> Result<IpAddr, Fault> {
    let unknown = |e: std::io::Error| Fault::new(rushes_core::Code::Io, "look up own address").because(e);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(unknown)?;
    // Only the way there is looked up.
    socket.connect(ELSEWHERE).map_err(unknown)?;
    Ok(socket.local_addr().map_err(unknown)?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_what_others_ask_for() {
        let of = |asked: Option<&str>, listens: &str| {
            let outside = outside(asked, listens);
            (outside.base, outside.is_reachable)
        };
        assert_eq!(of(Some("photos.example"), "127.0.0.1:8787"), ("http://photos.example".into(), true));
        assert_eq!(of(Some("127.0.0.1:99"), "127.0.0.1:99"), ("http://127.0.0.1:99".into(), false));
        assert_eq!(of(None, "10.0.0.7:8787"), ("http://10.0.0.7:8787".into(), true));
        assert_eq!(of(Some("localhost:8787"), "10.0.0.7:8787"), ("http://10.0.0.7:8787".into(), true));
        assert_eq!(of(None, "[fd00::7]:80").0, "http://[fd00::7]:80");
    }
}
