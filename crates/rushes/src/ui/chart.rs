//! The chart of delivery latencies: an hour, minute by minute, drawn here as SVG, with the same facts as a table.

use super::words;
use rushes_core::store::Latency;
use std::fmt::Write;

/// Minutes shown.
pub(super) const MINUTES: usize = 60;
const MINUTE_MS: i64 = 60_000;
/// The drawing's size, in its own units; it is stretched to the room there is, its lines are not.
const SIZE: (f64, f64) = (600.0, 100.0);

/// What a page shows: the drawing, and the labels beside it, which keep their size.
pub(super) struct Chart {
    /// From the top.
    pub(super) spans: Vec<String>,
    /// Numbers and our own words only.
    pub(super) svg: String,
    /// From the left.
    pub(super) clocks: Vec<String>,
}

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
    let first_ms = first_ms(now_ms);
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
        SIZE.1 * (1.0 - share)
    }

    /// The powers, the highest first.
    fn powers(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low as i32, self.high as i32);
        (low..=high).rev().map(|power| 10f64.powi(power))
    }
}

fn x(index: usize) -> f64 {
    (index as f64 + 0.5) * SIZE.0 / MINUTES as f64
}

/// When the oldest minute shown began.
fn first_ms(now_ms: i64) -> i64 {
    now_ms - now_ms.rem_euclid(MINUTE_MS) - (MINUTES as i64 - 1) * MINUTE_MS
}

/// The chart of these minutes.
pub(super) fn draw(minutes: &[Minute], now_ms: i64) -> Chart {
    let ((width, height), scale) = (SIZE, Scale::of(minutes));
    let name = "Delivery latency in the last hour; the same figures stand in the table below";
    let mut svg =
        format!(r#"<svg class="chart" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{name}">"#);
    for span in scale.powers() {
        let _ = write!(svg, r#"<path class="grid" d="M0 {y:.1}H{width}"/>"#, y = scale.y(span));
    }
    for (class, value) in lines() {
        let (path, dots) = line(minutes, &scale, value);
        let _ = write!(svg, r#"<path class="{class}" d="{path}"/><path class="dot {class}" d="{dots}"/>"#);
    }
    let wide = width / MINUTES as f64;
    for minute in minutes {
        let ([p50, p95, p99], x) = (minute.spans(), x(minute.index) - wide / 2.0);
        let (clock, files) = (minute.clock(), words::count(minute.count as u64, "file"));
        let told = format!("{clock} UTC: {files}, p50 {p50}, p95 {p95}, p99 {p99}");
        let _ = write!(svg, r#"<rect class="hit" x="{x:.1}" y="0" width="{wide:.1}" height="{height}"><title>{told}</title></rect>"#);
    }
    svg.push_str("</svg>");
    let first_ms = first_ms(now_ms);
    let clocks = (0..4).map(|quarter| clock(first_ms + quarter * 15 * MINUTE_MS)).chain(["now".to_owned()]);
    Chart { spans: scale.powers().map(|span| words::took(span as i64)).collect(), svg, clocks: clocks.collect() }
}

type Value = fn(&Minute) -> i64;

/// The slowest first, so that the typical one lies on top.
fn lines() -> [(&'static str, Value); 3] {
    [("p99", |minute| minute.p99), ("p95", |minute| minute.p95), ("p50", |minute| minute.p50)]
}

/// The line through neighbouring minutes, and dots for those that stand alone. A gap is a gap.
fn line(minutes: &[Minute], scale: &Scale, value: Value) -> (String, String) {
    let (mut path, mut dots) = (String::new(), String::new());
    for (at, minute) in minutes.iter().enumerate() {
        let (x, y) = (x(minute.index), scale.y(value(minute) as f64));
        let follows = at > 0 && minutes[at - 1].index + 1 == minute.index;
        let goes_on = minutes.get(at + 1).is_some_and(|next| next.index == minute.index + 1);
        if follows || goes_on {
            let _ = write!(path, "{}{x:.1} {y:.1}", if follows { "L" } else { "M" });
        } else {
            let _ = write!(dots, "M{x:.1} {y:.1}h0");
        }
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
        let (path, dots) = line(&found, &Scale::of(&found), |minute| minute.p50);
        assert_eq!((path.matches('M').count(), path.matches('L').count(), dots.matches("h0").count()), (1, 1, 1), "{path} {dots}");
        let drawn = draw(&found, NOW_MS);
        assert_eq!(drawn.spans, ["1.0 s", "0.1 s", "10 ms"]);
        assert_eq!(drawn.clocks.len(), 5);
        assert!(drawn.svg.contains("p50 0.9 s") && drawn.svg.starts_with("<svg") && drawn.svg.ends_with("</svg>"), "{}", drawn.svg);
    }

    #[test]
    fn chart_of_nothing_is_still_a_chart() {
        let drawn = draw(&[], NOW_MS);
        assert!(!drawn.svg.contains("NaN") && drawn.spans.len() == 3, "{}", drawn.svg);
    }
}
