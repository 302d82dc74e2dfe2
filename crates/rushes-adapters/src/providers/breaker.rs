//! A service that does not answer is left alone for a while: its jobs wait instead of using up their tries on it.

use rushes_core::{Code, Fault};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures in a row open it.
const FAILURES: u32 = 3;
/// How long nobody asks after that; doubled by each further failure, up to `PAUSE_MAX`.
const PAUSE: Duration = Duration::from_secs(10);
const PAUSE_MAX: Duration = Duration::from_mins(5);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Nobody asks before.
    opens: Option<Instant>,
}

/// Of one service, in this process.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

impl Breaker {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whether it may be asked; when its pause is over, one may, and the next when that one has ended.
    /// Errors: `provider_busy`, which jobs wait out.
    pub(super) fn pass(&self, provider: &str) -> Result<(), Fault> {
        self.pass_at(provider, Instant::now())
    }

    fn pass_at(&self, provider: &str, now: Instant) -> Result<(), Fault> {
        let mut state = self.state();
        let Some(opens) = state.opens else { return Ok(()) };
        let left = opens.saturating_duration_since(now);
        if left.is_zero() {
            state.opens = Some(now + pause(state.failures));
            return Ok(());
        }
        let reason = format!("it has not answered {} times in a row", state.failures);
        Err(Fault::new(Code::ProviderBusy, "ask provider").with("provider", provider).because(reason).retry_after(left))
    }

    /// Says how a call ended: an answer of any sort closes it.
    pub(super) fn ended(&self, fault: Option<&Fault>) {
        self.ended_at(fault, Instant::now());
    }

    fn ended_at(&self, fault: Option<&Fault>, now: Instant) {
        let mut state = self.state();
        if fault.is_some_and(|fault| matches!(fault.code, Code::ProviderDown | Code::AnswerLost)) {
            state.failures = state.failures.saturating_add(1);
            state.opens = (state.failures >= FAILURES).then(|| now + pause(state.failures));
        } else if fault.is_none_or(|fault| fault.code != Code::Cancelled) {
            *state = State::default();
        }
    }
}

fn pause(failures: u32) -> Duration {
    PAUSE.saturating_mul(1 << failures.saturating_sub(FAILURES).min(16)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaker_leaves_a_silent_service_alone_and_lets_one_try_again() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let down = Fault::new(Code::ProviderDown, "ask");
        for _ in 0..FAILURES {
            assert!(breaker.pass_at("there", start).is_ok());
            breaker.ended_at(Some(&down), start);
        }
        let fault = breaker.pass_at("there", start).unwrap_err();
        assert_eq!((fault.code, fault.retry_after_ms), (Code::ProviderBusy, Some(10_000)));
        let later = start + PAUSE;
        assert!(breaker.pass_at("there", later).is_ok(), "one tries again");
        assert!(breaker.pass_at("there", later).is_err(), "one only");
        breaker.ended_at(Some(&down), later);
        assert_eq!(breaker.pass_at("there", later).unwrap_err().retry_after_ms, Some(20_000), "twice as long");
        breaker.ended_at(Some(&Fault::new(Code::Cancelled, "ask")), later);
        assert!(breaker.pass_at("there", later).is_err(), "who was stopped knows nothing of it");
        breaker.ended_at(Some(&Fault::new(Code::ProviderRefused, "ask")), later);
        assert!(breaker.pass_at("there", later).is_ok(), "it answers");
    }
}
