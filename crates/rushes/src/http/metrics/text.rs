//! The text format of Prometheus, version 0.0.4; and what the system says of this process.

use std::fmt::Write;

/// Figures being written.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// What comes next.
    pub(super) fn head(&mut self, name: &str, help: &str, sort: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {sort}");
    }

    /// One figure.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A figure of its own.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// Figures that differ in one label.
    pub(super) fn gauges<'a>(&mut self, name: &str, help: &str, label: &str, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.head(name, help, "gauge");
        for (text, value) in values {
            self.sample(name, &[(label, text)], value);
        }
    }

    /// What Linux says of this process; elsewhere nothing.
    pub(super) fn process(&mut self) {
        let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
        // pid (name) state …: the name may hold anything, so the fields begin behind its last bracket.
        let fields: Vec<f64> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(1).map(|text| text.parse().unwrap_or(0.0)).collect();
        let field = |number: usize| fields.get(number - 4).copied().unwrap_or(0.0);
        // Linux counts in hundredths of a second for everybody.
        const TICKS: f64 = 100.0;
        #[expect(clippy::cast_precision_loss, reason = "a page is 4 KiB to 64 KiB")]
        let page = rustix::param::page_size() as f64;
        self.head("process_cpu_seconds_total", "Processor time used.", "counter");
        self.sample("process_cpu_seconds_total", &[], (field(14) + field(15)) / TICKS);
        self.gauge("process_resident_memory_bytes", "Memory used.", field(24) * page);
        self.gauge("process_threads", "Threads.", field(20));
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as f64;
        self.gauge("process_open_fds", "Files and connections open.", open);
    }

    pub(super) fn done(self) -> String {
        self.0
    }
}
