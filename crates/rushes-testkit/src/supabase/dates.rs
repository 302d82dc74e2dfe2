//! Moments as headers write them.

use rushes_core::record::rfc3339;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sat, 21 Nov 2026 10:19:08 GMT`, from seconds since 1970.
pub(super) fn header(seconds: i64) -> String {
    let text = rfc3339(seconds * 1_000);
    let weekday = DAYS[usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).expect("below 7")];
    let month: usize = text[5..7].parse().expect("a month is a number");
    format!("{weekday}, {} {} {} {} GMT", &text[8..10], MONTHS[month - 1], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supabase_dates_are_those_of_the_calendar() {
        assert_eq!(header(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(header(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
    }
}
