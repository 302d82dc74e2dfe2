//! How fast a sender goes: how many at once, and when it waits, learned from how the last ones ended. Pure: time is given.

use super::load::{Most, Weight};
use rushes_core::{Code, Fault};
use std::time::{Duration, Instant};

/// So many failures of the place itself, without one answer between them, and it counts as down.
const DOWN_AFTER: u32 = 5;
/// The longest wait between two looks whether it is up again.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// A place that asks for a longer rest (`Retry-After` and the like) is asked again after this one: what is owed waits on it.
const PLACE_RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The pace of one sender.
#[derive(Debug)]
pub(super) struct Pace {
    /// Carried at once at most, and just now, in light objects.
    most: f64,
    now: f64,
    first_pause: Duration,
    /// Failures of the place in a row.
    failures: u32,
    /// Nothing is sent before.
    paused_until: Option<Instant>,
    pause: Duration,
    /// It is down: after each pause one is sent to see.
    is_down: bool,
    /// It has just come up again: what waits need wait no longer.
    has_come_up: bool,
}

impl Pace {
    /// Carries what fits so many places.
    pub(super) fn new(places: usize, first_pause: Duration) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let most = Weight::of_places(places).lights() as f64;
        Self { most, now: most, first_pause, failures: 0, paused_until: None, pause: first_pause, is_down: false, has_come_up: true }
    }

    /// How much may be carried at once: one row, where there is one place or less, or to see whether the place is up again.
    pub(super) fn carries(&self) -> Most {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least one, at most a few dozen")]
        if self.is_down { Most::One } else { Most::of(Weight::of_lights(self.now as usize)) }
    }

    /// How long nothing is to be sent.
    pub(super) fn rests(&self, at: Instant) -> Option<Duration> {
        self.paused_until.and_then(|until| until.checked_duration_since(at)).filter(|rest| !rest.is_zero())
    }

    /// Whether one only is to be sent, to see whether the place is up again.
    pub(super) fn is_probing(&self) -> bool {
        self.is_down
    }

    /// Whether what waits for its time may go at once: for a probe, and once after the place has come up again.
    pub(super) fn hurries(&mut self) -> bool {
        std::mem::take(&mut self.has_come_up) || self.is_down
    }

    /// One has ended. An answer of any sort shows that the place is there; one that asks to go slower is obeyed.
    pub(super) fn ended(&mut self, fault: Option<&Fault>, at: Instant) {
        let asked = fault.and_then(|fault| fault.retry_after_ms).map(|ms| Duration::from_millis(ms).min(PLACE_RETRY_AFTER_MAX));
        if let Some(asked) = asked {
            self.paused_until = self.paused_until.max(Some(at + asked));
        }
        match fault.map(|fault| fault.code) {
            Some(Code::DestinationDown | Code::CatalogDown) => self.failed(at),
            Some(Code::DestinationBusy) => self.now = (self.now / 2.0).max(1.0),
            _ => self.answered(),
        }
    }

    fn failed(&mut self, at: Instant) {
        self.failures += 1;
        if self.failures < DOWN_AFTER {
            return;
        }
        // Those that were under way when it was found down tell nothing new.
        if self.rests(at).is_none() {
            self.paused_until = Some(at + self.pause);
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
        self.is_down = true;
    }

    fn answered(&mut self) {
        self.failures = 0;
        self.pause = self.first_pause;
        if std::mem::take(&mut self.is_down) {
            self.has_come_up = true;
            self.paused_until = None;
        }
        // One more for each round of what is carried.
        self.now = (self.now + 1.0 / self.now).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn down() -> Fault {
        Fault::new(Code::DestinationDown, "put object")
    }

    #[test]
    fn pace_halves_when_asked_and_grows_back() {
        let (mut pace, at) = (Pace::new(8, SECOND), Instant::now());
        let places = |places| Most::Weight(Weight::of_places(places));
        assert_eq!((pace.carries(), pace.hurries(), pace.hurries()), (places(8), true, false), "the first look hurries");
        let busy = Fault::new(Code::DestinationBusy, "put object");
        pace.ended(Some(&busy), at);
        assert_eq!((pace.carries(), pace.rests(at)), (places(4), None));
        for _ in 0..10 {
            pace.ended(Some(&busy), at);
        }
        assert_eq!(pace.carries(), Most::One, "never below one");
        for _ in 0..400 {
            pace.ended(None, at);
        }
        assert_eq!(pace.carries(), places(8), "and never above what is configured");
        pace.ended(Some(&busy.retry_after(SECOND * 7)), at);
        assert_eq!(pace.rests(at), Some(SECOND * 7), "what the place asks for is obeyed");
        assert_eq!(pace.rests(at + SECOND * 7), None);
        for (asked, rests) in [(299, 299), (300, 300), (301, 300), (86_400, 300)] {
            let mut pace = Pace::new(8, SECOND);
            pace.ended(Some(&Fault::new(Code::DestinationBusy, "put object").retry_after(SECOND * asked)), at);
            assert_eq!(pace.rests(at), Some(SECOND * rests), "{asked} s, of five minutes at most");
        }
    }

    #[test]
    fn pace_stops_before_a_place_that_is_down_and_looks_ever_more_seldom() {
        let (mut pace, mut at) = (Pace::new(8, SECOND), Instant::now());
        for _ in 0..4 {
            pace.ended(Some(&down()), at);
        }
        assert!(pace.rests(at).is_none() && !pace.is_probing(), "a few failures are weather");
        pace.ended(Some(&down()), at);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let rest = pace.rests(at).unwrap();
            assert!(pace.is_probing() && pace.hurries());
            pauses.push(rest.as_secs());
            at += rest;
            pace.ended(Some(&down()), at);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
        pace.ended(None, at);
        assert!(!pace.is_probing() && pace.rests(at).is_none(), "an answer ends it");
        assert!(pace.hurries() && !pace.hurries(), "what waits goes at once, once");
        assert_eq!(pace.carries(), Most::Weight(Weight::of_places(8)));
        assert_eq!(Pace::new(1, SECOND).carries(), Most::One, "one place is one object, though it be light");
    }

    #[test]
    fn pace_takes_a_refusal_for_an_answer() {
        let (mut pace, at) = (Pace::new(8, SECOND), Instant::now());
        for _ in 0..20 {
            pace.ended(Some(&down()), at);
            pace.ended(Some(&Fault::new(Code::DestinationRefused, "put object")), at);
        }
        assert!(!pace.is_probing());
    }
}
