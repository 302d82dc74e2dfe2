//! How often guests may ask: by address, and by shoot for what costs work or could be guessed.

use super::Refusal;
use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter, state::keyed::HashMapStateStore};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use tokio::sync::Semaphore;

/// Pages and pictures of one address in a minute: several phones may stand behind one.
const ASKS: u32 = 3_000;
/// Addresses that open nothing, from one address in a minute.
const GUESSES: u32 = 20;
/// Who joins from one address in a minute, and to one shoot.
const JOINS: u32 = 60;
const JOINS_OF_SHOOT: u32 = 300;
/// Wrong PINs from one address in a minute, and for one shoot.
const PINS: u32 = 6;
const PINS_OF_SHOOT: u32 = 30;
/// Selfies from one address in a minute.
const SELFIES: u32 = 30;
/// Addresses and shoots counted at most before those who are quiet are let go.
const COUNTED: usize = 4_096;

struct Limiter<K: Hash + Eq + Clone>(RateLimiter<K, HashMapStateStore<K>, DefaultClock>);

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn a_minute(n: u32) -> Self {
        Self(RateLimiter::hashmap(Quota::per_minute(NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN))))
    }

    fn count(&self, who: &K) -> Result<(), Refusal> {
        if self.0.len() > COUNTED {
            self.0.retain_recent();
        }
        self.0.check_key(who).map_err(|until| Refusal::Slow(until.wait_time_from(DefaultClock::default().now())))
    }
}

/// All of it.
pub(crate) struct Gate {
    asks: Limiter<IpAddr>,
    guesses: Limiter<IpAddr>,
    joins: Limiter<IpAddr>,
    joins_of: Limiter<String>,
    pins: Limiter<IpAddr>,
    pins_of: Limiter<String>,
    selfies: Limiter<IpAddr>,
    /// Selfies looked at, and archives written, at once.
    pub(super) looking: Semaphore,
    pub(super) packing: std::sync::Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            asks: Limiter::a_minute(ASKS),
            guesses: Limiter::a_minute(GUESSES),
            joins: Limiter::a_minute(JOINS),
            joins_of: Limiter::a_minute(JOINS_OF_SHOOT),
            pins: Limiter::a_minute(PINS),
            pins_of: Limiter::a_minute(PINS_OF_SHOOT),
            selfies: Limiter::a_minute(SELFIES),
            looking: Semaphore::new(2),
            packing: std::sync::Arc::new(Semaphore::new(8)),
        }
    }
}

impl Gate {
    pub(super) fn ask(&self, peer: IpAddr) -> Result<(), Refusal> {
        self.asks.count(&peer)
    }

    /// What somebody gets whose address opens nothing.
    pub(super) fn guessed(&self, peer: IpAddr) -> Refusal {
        self.guesses.count(&peer).err().unwrap_or(Refusal::Gone)
    }

    pub(super) fn join(&self, peer: IpAddr, shoot: &str) -> Result<(), Refusal> {
        self.joins.count(&peer)?;
        self.joins_of.count(&shoot.to_owned())
    }

    /// Before a PIN is compared: whoever tries them all has to be slow.
    pub(super) fn pin(&self, peer: IpAddr, shoot: &str) -> Result<(), Refusal> {
        self.pins.count(&peer)?;
        self.pins_of.count(&shoot.to_owned())
    }

    pub(super) fn selfie(&self, peer: IpAddr) -> Result<(), Refusal> {
        self.selfies.count(&peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gate_slows_those_who_guess_and_nobody_else() {
        let gate = Gate::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..GUESSES {
            assert!(matches!(gate.guessed(one), Refusal::Gone));
        }
        assert!(matches!(gate.guessed(one), Refusal::Slow(_)));
        assert!(matches!(gate.guessed(other), Refusal::Gone));
        assert!(gate.ask(one).is_ok(), "what opens something still does");
        for _ in 0..PINS {
            assert!(gate.pin(one, "a").is_ok());
        }
        assert!(gate.pin(one, "a").is_err() && gate.pin(other, "a").is_ok());
    }
}
