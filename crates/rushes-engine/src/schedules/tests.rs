//! Tests of timetables: over changes of summer time, leap days, and what can never be.

use super::Timetable;
use jiff::Timestamp;
use rushes_core::Code;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// So many times after a moment, as UTC.
fn times(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let table = Timetable::read(cron, zone).unwrap();
    let mut at_ms = ms(from);
    let mut next = || {
        at_ms = table.after(at_ms).unwrap();
        Timestamp::from_millisecond(at_ms).unwrap().to_string()
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn schedules_come_round_at_the_time_of_their_zone() {
    assert_eq!(times("0 3 * * *", "UTC", "2026-01-01T00:00:00Z", 2), ["2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"]);
    assert_eq!(times("0 3 * * *", "Asia/Tokyo", "2026-01-01T00:00:00Z", 1), ["2026-01-01T18:00:00Z"]);
    assert_eq!(times("@daily", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-02T00:00:00Z"]);
    assert_eq!(times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
    assert_eq!(times("*/20 9-10 * * MON", "UTC", "2026-11-22T00:00:00Z", 2), ["2026-11-23T09:00:00Z", "2026-11-23T09:20:00Z"]);
}

#[test]
fn schedules_of_a_skipped_hour_come_once_at_its_end_and_of_a_doubled_hour_once() {
    // In Berlin 02:00 to 03:00 of 29 March 2026 is skipped, and of 25 October comes twice.
    let spring = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
    assert_eq!(spring, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let autumn = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    // What comes each half hour goes on through both halves.
    let each = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4);
    assert_eq!(each, ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]);
}

#[test]
fn schedules_look_back_and_forward_to_the_same_times() {
    for (cron, zone) in [("30 2 * * *", "Europe/Berlin"), ("*/7 * * * *", "America/New_York"), ("0 0 1 * *", "Australia/Lord_Howe")] {
        let table = Timetable::read(cron, zone).unwrap();
        let mut at_ms = ms("2026-03-01T00:00:00Z");
        for _ in 0..300 {
            let next = table.after(at_ms).unwrap();
            assert!(next > at_ms);
            assert_eq!(table.newest(next), Some(next), "{cron} {zone}: a time is its own newest");
            assert_eq!(table.newest(next + 1_500), Some(next), "{cron} {zone}");
            assert!(table.newest(next - 1).is_some_and(|before| before <= at_ms), "{cron} {zone}: none lies between");
            at_ms = next;
        }
    }
}

#[test]
fn schedules_that_cannot_be_read_or_never_come_are_refused_in_words() {
    for (cron, zone, says) in [
        ("0 3 * *", "UTC", "five fields"),
        ("0 0 3 * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "five fields"),
        ("@sometimes", "UTC", "five fields"),
        ("0 0 30 2 *", "UTC", "no such day"),
        ("@daily", "Europe/Bärlin", "no such zone"),
    ] {
        let fault = Timetable::read(cron, zone).unwrap_err();
        assert!(fault.code == Code::ConfigInvalid && fault.to_string().contains(says), "{cron} {zone}: {fault}");
    }
}
