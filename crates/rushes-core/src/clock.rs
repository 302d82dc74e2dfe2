//! Time and ids as a port, so that tests can set them.

use uuid::Uuid;

/// The time and fresh ids. Never goes backwards on purpose, but wall clocks do: leases compare, they do not subtract.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now_ms(&self) -> i64;

    /// A fresh time-ordered id.
    fn new_id(&self) -> Uuid;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How wrong this machine's clock is; in tests of wrong clocks only.
#[cfg(feature = "faults")]
fn ahead_ms() -> i64 {
    static AHEAD_MS: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    let read = || std::env::var("RUSHES_CLOCK_AHEAD_S").ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0) * 1_000;
    *AHEAD_MS.get_or_init(read)
}

#[cfg(not(feature = "faults"))]
fn ahead_ms() -> i64 {
    0
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock the others are told to ask")]
    fn now_ms(&self) -> i64 {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX) + ahead_ms()
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
