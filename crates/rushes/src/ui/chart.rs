//! The chart of delivery latencies: an hour, minute by minute, drawn here as SVG, with the same facts as a table.

use super::words;
use rushes_core::store::Latency;
use std::fmt::Write;

/// Minutes shown.
pub(super) const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;
/// The drawing's size, in its own units.
const SIZE: (f64, f64) = (760.0, 240.0);
/// Room for labels, left and below.
const LABELS: (f64, f64) = (56.0, 28.0);
/// Room above.
const ABOVE: f64 = 10.0;

/// One minute in which something was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Minute {
    /// 0 is the oldest shown.
    pub(super) index: usize,
    /// When it began.
    pub(super) at_ms: i64,
    /// Files.
    pub(super) count: usize,
    /// Half of them took at most so long, milliseconds.
    pub(super) p50: i64,
    pub(super) p95: i64,
    pub(super) p99: i64,
}

impl Minute {
    /// As `14:05`, UTC.
    pub(super) fn clock(&self) -> String {
        clock(self.at_ms)
    }

    pub(super) fn spans(&self) -> [String; 3] {
        [self.p50, self.p95, self.p99].map(words::took)
    }
}

fn clock(at_ms: i64) -> String {
    rushes_core::record::rfc3339(at_ms)[11..16].to_owned()
}

/// The value that `percent` of the sorted ones do not exceed; 0 where there are none.
pub(super) fn at_percent(sorted: &[i64], percent: usize) -> i64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// What each of the last sixty minutes took, oldest first; minutes without a delivery are left out.
pub(super) fn minutes(latencies: &[Latency], now_ms: i64) -> Vec<Minute> {
    let first_ms = now_ms - now_ms.rem_euclid(MINUTE_MS) - (MINUTES as i64 - 1) * MINUTE_MS;
    let mut took: Vec<Vec<i64>> = vec![Vec::new(); MINUTES];
    for latency in latencies {
        let index = usize::try_from((latency.done_ms - first_ms).div_euclid(MINUTE_MS)).unwrap_or(MINUTES);
        if let Some(minute) = took.get_mut(index) {
            minute.push(latency.took_ms);
        }
    }
    let filled = took.into_iter().enumerate().filter(|(_, took)| !took.is_empty());
    filled
        .map(|(index, mut took)| {
            took.sort_unstable();
            let [p50, p95, p99] = [50, 95, 99].map(|percent| at_percent(&took, percent));
            Minute { index, at_ms: first_ms + index as i64 * MINUTE_MS, count: took.len(), p50, p95, p99 }
        })
        .collect()
}

/// Latencies lie far apart, so the scale is of powers: equal steps up are equal factors.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(minutes: &[Minute]) -> Self {
        let values = || minutes.iter().flat_map(|minute| [minute.p50, minute.p99]).map(|ms| (ms.max(1) as f64).log10());
        let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
        if minutes.is_empty() {
            return Self { low: 1.0, high: 3.0 };
        }
        let (low, high) = (least.floor(), most.ceil());
        Self { low, high: if high - low < 2.0 { low + 2.0 } else { high } }
    }

    fn y(&self, ms: f64) -> f64 {
        let share = ((ms.max(1.0).log10() - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        let (_, height) = SIZE;
        height - LABELS.1 - share * (height - LABELS.1 - ABOVE)
    }
}

fn x(index: usize) -> f64 {
    LABELS.0 + (index as f64 + 0.5) * (SIZE.0 - LABELS.0) / MINUTES as f64
}

/// The chart. It holds numbers and our own words only.
pub(super) fn draw(minutes: &[Minute], now_ms: i64) -> String {
    let (width, height) = SIZE;
    let scale = Scale::of(minutes);
    let mut svg = format!(r#"<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="chart-name">"#);
    svg.push_str(r#"<title id="chart-name">Delivery latency in the last hour; the same figures stand in the table below</title>"#);
    let mut power = scale.low;
    while power <= scale.high {
        let (y, label) = (scale.y(10f64.powf(power)), words::took(10f64.powf(power) as i64));
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{}" x2="{width}" y1="{y:.1}" y2="{y:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{label}</text>"#,
            LABELS.0,
            LABELS.0 - 12.0,
            y + 4.5
        );
        power += 1.0;
    }
    let first_ms = now_ms - now_ms.rem_euclid(MINUTE_MS) - (MINUTES as i64 - 1) * MINUTE_MS;
    for index in [0, 15, 30, 45, 59] {
        let anchor = if index == 0 {
            "start"
        } else if index == 59 {
            "end"
        } else {
            "middle"
        };
        let label = if index == 59 { "now".to_owned() } else { clock(first_ms + index as i64 * MINUTE_MS) };
        let at = if index == 59 {
            width
        } else if index == 0 {
            LABELS.0
        } else {
            x(index)
        };
        let _ = write!(svg, r#"<text x="{at:.1}" y="{:.1}" text-anchor="{anchor}">{label}</text>"#, height - 6.0);
    }
    for (class, dot, value) in lines() {
        let (path, dots) = line(minutes, &scale, value);
        let _ = write!(svg, r#"<path class="{class}" d="{path}"/>"#);
        for (x, y) in dots {
            let _ = write!(svg, r#"<circle class="{dot}" cx="{x:.1}" cy="{y:.1}" r="3"/>"#);
        }
    }
    let wide = (width - LABELS.0) / MINUTES as f64;
    for minute in minutes {
        let [p50, p95, p99] = minute.spans();
        let _ = write!(
            svg,
            r#"<rect class="hit" x="{:.1}" y="{ABOVE}" width="{wide:.1}" height="{:.1}"><title>{} UTC: {}, p50 {p50}, p95 {p95}, p99 {p99}</title></rect>"#,
            x(minute.index) - wide / 2.0,
            height - LABELS.1 - ABOVE,
            minute.clock(),
            words::count(minute.count as u64, "file"),
        );
    }
    svg.push_str("</svg>");
    svg
}

type Value = fn(&Minute) -> i64;

/// The slowest first, so that the typical one lies on top.
fn lines() -> [(&'static str, &'static str, Value); 3] {
    [("p99", "dot99", |minute| minute.p99), ("p95", "dot95", |minute| minute.p95), ("p50", "dot50", |minute| minute.p50)]
}

/// The line through neighbouring minutes, and a dot for those that have no neighbour. A gap is a gap.
fn line(minutes: &[Minute], scale: &Scale, value: Value) -> (String, Vec<(f64, f64)>) {
    let (mut path, mut dots) = (String::new(), Vec::new());
    for (at, minute) in minutes.iter().enumerate() {
        let (x, y) = (x(minute.index), scale.y(value(minute) as f64));
        let follows = at > 0 && minutes[at - 1].index + 1 == minute.index;
        let goes_on = minutes.get(at + 1).is_some_and(|next| next.index == minute.index + 1);
        if !follows && !goes_on {
            dots.push((x, y));
        }
        let _ = write!(path, "{}{x:.1} {y:.1}", if follows { "L" } else { "M" });
    }
    (path, dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_770_337_530_001;

    fn latency(minutes_ago: i64, took_ms: i64) -> Latency {
        Latency { done_ms: NOW_MS - minutes_ago * MINUTE_MS, took_ms }
    }

    #[test]
    fn chart_sorts_latencies_into_minutes() {
        let mut given: Vec<Latency> = (1..=100).map(|ms| latency(3, ms)).collect();
        given.extend([latency(0, 7), latency(75, 5_000)]);
        let found = minutes(&given, NOW_MS);
        assert_eq!(found.len(), 2, "what is older than an hour is not shown: {found:?}");
        assert_eq!((found[0].count, found[0].p50, found[0].p95, found[0].p99), (100, 51, 96, 100));
        assert_eq!((found[1].index, found[1].p50), (59, 7));
    }

    #[test]
    fn chart_leaves_gaps_and_dots_what_stands_alone() {
        let found = minutes(&[latency(10, 20), latency(9, 30), latency(2, 900)], NOW_MS);
        let drawn = draw(&found, NOW_MS);
        let (path, dots) = line(&found, &Scale::of(&found), |minute| minute.p50);
        assert_eq!((path.matches('M').count(), path.matches('L').count(), dots.len()), (2, 1, 1));
        assert!(drawn.contains("p50 0.9 s") && drawn.starts_with("<svg") && drawn.ends_with("</svg>"), "{drawn}");
        assert!(!drawn.contains("NaN"), "{drawn}");
    }

    #[test]
    fn chart_of_nothing_is_still_a_chart() {
        assert!(!draw(&[], NOW_MS).contains("NaN"));
    }
}
