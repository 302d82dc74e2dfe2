//! When a schedule comes round: five fields of cron in a time zone. What a change to or from summer time does to it is the
//! crate's: a fixed time that is skipped comes at the end of the gap, one that comes twice is taken once.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rushes_core::{Code, Fault};

/// The times of a schedule.
#[derive(Debug, Clone)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
    words: String,
}

impl Timetable {
    /// Five fields, or a nickname such as `@daily`, in a zone by its IANA name. Errors: `config_invalid`, which says what is
    /// wrong; also for times that never come.
    pub fn read(cron: &str, time_zone: &str) -> Result<Self, Fault> {
        let invalid = |what: &str, reason: String| {
            Err(Fault::new(Code::ConfigInvalid, "read timetable").with(what, if what == "cron" { cron } else { time_zone }).because(reason))
        };
        let zone = match TimeZone::get(time_zone) {
            Ok(zone) => zone,
            Err(_) => return invalid("time_zone", "there is no such zone; names are like Europe/Berlin, or UTC".to_owned()),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = match parser.parse(cron) {
            Ok(parsed) => parsed,
            Err(error) => return invalid("cron", format!("{error}; five fields are minute, hour, day, month, weekday: 0 3 * * *")),
        };
        let table = Self { cron: parsed, zone, words: format!("{} {time_zone}", cron.trim()) };
        // Any moment does: what comes at all comes within the 28 years after which the calendar begins anew.
        if table.after(0).is_none() {
            return invalid("cron", "there is no such day in any year".to_owned());
        }
        Ok(table)
    }

    /// Fields and zone, as they were given.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The first time after a moment; milliseconds since 1970. None beyond the end of the calendar.
    #[must_use]
    pub fn after(&self, at_ms: i64) -> Option<i64> {
        let next = self.cron.find_next_occurrence(&self.at(at_ms)?, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }

    /// The last time up to a moment, that moment included.
    #[must_use]
    pub fn newest(&self, at_ms: i64) -> Option<i64> {
        let newest = self.cron.find_previous_occurrence(&self.at(at_ms)?, true).ok()?;
        Some(newest.timestamp().as_millisecond())
    }

    fn at(&self, at_ms: i64) -> Option<Zoned> {
        // Whole seconds: times of cron have no others.
        Some(Timestamp::from_second(at_ms.div_euclid(1_000)).ok()?.to_zoned(self.zone.clone()))
    }
}
