//! Log lines that people search for. Their texts are promised: a change breaks somebody's alarm.

/// The target of spans: what a request, a job, a step or an upload took, for those who trace.
pub const SPANS: &str = "rushes::spans";

/// One line: its text, with names in braces that are fields too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine {
    /// As it is searched for.
    pub text: &'static str,
    /// When it is written.
    pub when: &'static str,
    /// How grave it is: `info` or `error`.
    pub level: &'static str,
    /// The fields it carries.
    pub fields: &'static [&'static str],
}

/// A start that finds somewhere to deliver to beside the home itself.
pub const CLOUD_ENABLED: LogLine = LogLine {
    text: "Cloud: Enabled",
    when: "`rushes serve` starts and a destination or a catalog is configured.",
    level: "info",
    fields: &["destinations"],
};
/// One place is being sent to.
pub const UPLOAD_WORKER_STARTED: LogLine = LogLine {
    text: "Upload queue worker started",
    when: "The engine starts, once for each destination and catalog.",
    level: "info",
    fields: &["destination"],
};
/// A folder people browse in was made.
pub const FOLDERS_CREATED: LogLine = LogLine {
    text: "Cloud folders created for: {name}",
    when: "A folder that people see was made: for `name`, or of that path in Google Drive where a file needed it.",
    level: "info",
    fields: &["name"],
};
/// A folder people browse in could not be made.
pub const FOLDERS_FAILED: LogLine = LogLine {
    text: "Failed to create cloud folders",
    when: "A folder could not be made; it is tried again, and what belongs into it waits.",
    level: "error",
    fields: &["name", "fault"],
};
/// An object is at its destination, and proven.
pub const UPLOAD_COMPLETED: LogLine = LogLine {
    text: "Upload {id} completed: {file}",
    when: "An object was read back and found equal. `id` is the asset, `file` its key.",
    level: "info",
    fields: &["id", "file", "destination"],
};

/// The table.
pub const LOG_LINES: &[LogLine] = &[CLOUD_ENABLED, UPLOAD_WORKER_STARTED, FOLDERS_CREATED, FOLDERS_FAILED, UPLOAD_COMPLETED];

impl LogLine {
    /// The text with its names filled in, in their order.
    #[must_use]
    pub fn say(&self, values: &[&dyn std::fmt::Display]) -> String {
        let (mut said, mut rest) = (String::new(), self.text);
        let mut values = values.iter();
        while let Some((before, after)) = rest.split_once('{') {
            let (_, behind) = after.split_once('}').unwrap_or((after, ""));
            said.push_str(before);
            if let Some(value) = values.next() {
                said.push_str(&value.to_string());
            }
            rest = behind;
        }
        said + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_say_what_is_searched_for() {
        assert_eq!(UPLOAD_COMPLETED.say(&[&"asset_1", &"a/{b}.png"]), "Upload asset_1 completed: a/{b}.png");
        assert_eq!(CLOUD_ENABLED.say(&[]), CLOUD_ENABLED.text);
        for line in LOG_LINES {
            assert!(["info", "error"].contains(&line.level) && line.when.ends_with('.'), "{}", line.text);
        }
    }
}
