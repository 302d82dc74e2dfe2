//! Counters and histograms, by their labels. Bounded: what has too many different labels ends up under `other`.

use super::text::Text;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Seconds; from an answer out of memory to a film of an hour.
const BOUNDS: [f64; 15] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];
/// Different labels of one family.
const SERIES_MAX: usize = 1_000;

/// What is counted, under one name.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) sort: Sort,
    pub(super) labels: &'static [&'static str],
}

/// How it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Counter,
    Histogram,
}

impl Family {
    pub(super) const fn new(name: &'static str, help: &'static str, sort: Sort, labels: &'static [&'static str]) -> Self {
        Self { name, help, sort, labels }
    }
}

#[derive(Default)]
struct Series {
    count: u64,
    sum: f64,
    /// How many were at most each bound, not counting those of smaller ones.
    buckets: [u64; BOUNDS.len()],
}

/// All that was counted since the start.
#[derive(Default)]
pub(super) struct Recorder(Mutex<BTreeMap<&'static str, BTreeMap<Vec<String>, Series>>>);

impl Recorder {
    pub(super) fn count(&self, family: &Family, labels: &[&str]) {
        self.change(family, labels, |series| series.count += 1);
    }

    pub(super) fn spread(&self, family: &Family, labels: &[&str], value: f64) {
        self.change(family, labels, |series| {
            series.count += 1;
            series.sum += value;
            if let Some(index) = BOUNDS.iter().position(|bound| value <= *bound) {
                series.buckets[index] += 1;
            }
        });
    }

    fn change(&self, family: &Family, labels: &[&str], change: impl FnOnce(&mut Series)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(family.name).or_default();
        let mut labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if series.len() >= SERIES_MAX && !series.contains_key(&labels) {
            labels.fill("other".to_owned());
        }
        change(series.entry(labels).or_default());
    }

    /// Writes one family, with a head even where nothing was counted yet.
    pub(super) fn write(&self, family: &Family, text: &mut Text) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.head(family.name, family.help, if family.sort == Sort::Counter { "counter" } else { "histogram" });
        for (values, series) in all.get(family.name).into_iter().flatten() {
            let mut labels: Vec<(&str, &str)> = family.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
            let number = |count: u64| count as f64;
            if family.sort == Sort::Counter {
                text.sample(family.name, &labels, number(series.count));
                continue;
            }
            let mut below = 0;
            for (bound, count) in BOUNDS.iter().zip(series.buckets) {
                below += count;
                let bound = bound.to_string();
                text.sample(&format!("{}_bucket", family.name), &with(&labels, &bound), number(below));
            }
            text.sample(&format!("{}_bucket", family.name), &with(&labels, "+Inf"), number(series.count));
            text.sample(&format!("{}_sum", family.name), &labels, series.sum);
            text.sample(&format!("{}_count", family.name), &labels, number(series.count));
            labels.clear();
        }
    }
}

fn with<'a>(labels: &[(&'a str, &'a str)], bound: &'a str) -> Vec<(&'a str, &'a str)> {
    labels.iter().copied().chain([("le", bound)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    static TOOK: Family = Family::new("took_seconds", "What it took.", Sort::Histogram, &["what"]);
    static DONE: Family = Family::new("done_total", "What was done.", Sort::Counter, &["what"]);

    #[test]
    fn metrics_histograms_add_up() {
        let recorder = Recorder::default();
        for value in [0.0005, 0.02, 0.02, 700.0] {
            recorder.spread(&TOOK, &["a\"b\\c\nd"], value);
        }
        let mut text = Text::default();
        recorder.write(&TOOK, &mut text);
        let text = text.done();
        assert!(text.starts_with("# HELP took_seconds What it took.\n# TYPE took_seconds histogram\n"), "{text}");
        let label = r#"what="a\"b\\c\nd""#;
        for line in [
            format!("took_seconds_bucket{{{label},le=\"0.001\"}} 1"),
            format!("took_seconds_bucket{{{label},le=\"0.025\"}} 3"),
            format!("took_seconds_bucket{{{label},le=\"600\"}} 3"),
            format!("took_seconds_bucket{{{label},le=\"+Inf\"}} 4"),
            format!("took_seconds_count{{{label}}} 4"),
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\n{text}");
        }
    }

    #[test]
    fn metrics_are_bounded() {
        let recorder = Recorder::default();
        for number in 0..SERIES_MAX + 50 {
            recorder.count(&DONE, &[&number.to_string()]);
        }
        let mut text = Text::default();
        recorder.write(&DONE, &mut text);
        let text = text.done();
        assert_eq!(text.lines().count(), 2 + SERIES_MAX + 1);
        assert!(text.contains("done_total{what=\"other\"} 50"));
    }
}
