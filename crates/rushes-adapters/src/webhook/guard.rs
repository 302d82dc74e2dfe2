//! Which addresses are not spoken to, and the looking up of names that heeds it.
//!
//! Sources: the special-purpose address registries of IANA (RFC 6890) as of November 2026.

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why an address is not spoken to; None for those that are.
pub(super) type Forbids = fn(IpAddr) -> Option<&'static str>;
/// Names looked up at once.
const LOOKS_MAX: usize = 64;

/// Looks a name up.
pub(super) type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

const NETS_V4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "unspecified"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a carrier's customers"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 88, 99, 0], 24, "a relay's"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// Of what is global unicast, 2000::/3; all else is refused below.
const NETS_V6: &[([u16; 3], u32, &str)] = &[
    ([0x2001, 0, 0], 32, "a tunnel's"),
    ([0x2001, 0x0002, 0], 48, "for benchmarks"),
    ([0x2001, 0x0010, 0], 28, "reserved"),
    ([0x2001, 0x0020, 0], 28, "reserved"),
    ([0x2001, 0x0db8, 0], 32, "for documentation"),
    ([0x3fff, 0, 0], 20, "for documentation"),
];

/// Why an address is not one of the public internet; None where it is.
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |net: &[u8; 4], bits: u32| (u32::from(address) ^ u32::from_be_bytes(*net)) >> (32 - bits) == 0;
    NETS_V4.iter().find(|(net, bits, _)| is_in(net, *bits)).map(|(.., why)| *why)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let v4_at = |at: usize| {
        let [a, b] = segments[at].to_be_bytes();
        let [c, d] = segments[at + 1].to_be_bytes();
        forbidden_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // IPv4 in IPv6: mapped, and translated by NAT64. What is behind is what counts.
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => v4_at(6),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some("private"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("multicast"),
        [first, ..] if first & 0xe000 != 0x2000 => Some("reserved"),
        // 6to4 has its IPv4 address in front; ISATAP behind a mark of its own.
        [0x2002, ..] if v4_at(1).is_some() => v4_at(1),
        [.., 0x0000 | 0x0200, 0x5efe, _, _] if v4_at(6).is_some() => v4_at(6),
        _ => {
            let is_in = |net: &[u16; 3], bits: u32| {
                let whole = Ipv6Addr::new(net[0], net[1], net[2], 0, 0, 0, 0, 0);
                (u128::from(address) ^ u128::from(whole)) >> (128 - bits) == 0
            };
            NETS_V6.iter().find(|(net, bits, _)| is_in(net, *bits)).map(|(.., why)| *why)
        }
    }
}

/// What is told of a host whose address is not spoken to.
pub(super) fn words(host: &str, why: &str) -> String {
    format!("the address of {host} is {why}; only public addresses are sent to, unless webhooks.allow_private = true")
}

/// The guard's refusal, to be found again among a client's errors.
#[derive(Debug)]
pub(super) struct Forbidden(pub(super) String);

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

/// The machine's own way to look names up: each look holds a thread until the system answers, which cannot be cut short. So
/// there is a bound on them; the database reads on threads of the same pool.
pub(super) fn of_the_machine() -> LookUp {
    let places = Arc::new(Semaphore::new(LOOKS_MAX));
    Arc::new(move |name| {
        let places = places.clone();
        Box::pin(async move {
            let place = places.acquire_owned().await.map_err(std::io::Error::other)?;
            // A task of its own: one that is no longer waited for keeps its place until its thread is free.
            let look = async move {
                let _place = place;
                Ok(tokio::net::lookup_host((name, 0)).await?.collect())
            };
            tokio::spawn(look).await.map_err(std::io::Error::other)?
        })
    })
}

/// Looks names up and gives only what may be spoken to: the client connects to these very addresses.
pub(super) struct Resolver {
    pub(super) forbids: Forbids,
    pub(super) look_up: LookUp,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (forbids, name) = (self.forbids, name.as_str().to_owned());
        let found = (self.look_up)(name.clone());
        Box::pin(async move {
            let found = found.await?;
            // One that is forbidden among others is no accident: none of them is spoken to.
            match found.iter().find_map(|address| forbids(address.ip())) {
                Some(why) => Err(Box::new(Forbidden(words(&name, why))) as _),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}
