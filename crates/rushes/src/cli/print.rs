//! How answers look: one JSON document, or tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use rushes_core::{Fault, JobId};
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// Of a line, or of a cell of a table, people are shown so many characters; `--json` has all.
const SHOWN_MAX: usize = 4_096;

/// Why an answer could not be written.
static UNWRITTEN: OnceLock<std::io::Error> = OnceLock::new();

/// Writes to stdout. Work goes on whether or not that can be done; [`unwritten`] tells of it in the end.
pub(crate) fn whole(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Who read it has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(UNWRITTEN.set(error)),
        _ => {}
    }
}

/// Why not all of the answer could be written, where that is no wish of who reads it.
pub(crate) fn unwritten() -> Option<anyhow::Error> {
    UNWRITTEN.get().map(|error| anyhow::anyhow!("the answer could not be written: {error}"))
}

/// Text as it may be shown on a terminal: what would move it, colour it or turn its letters around is spelled out, and what
/// has no end is cut. Lines stay lines where that is meant.
fn shown(text: &str, has_lines: bool) -> String {
    let is_plain = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (has_lines && matches!(c, '\n' | '\t')) || !(c.is_control() || turns)
    };
    let mut shown = String::with_capacity(text.len().min(SHOWN_MAX));
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_MAX {
            shown.push('…');
            break;
        }
        if is_plain(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    shown
}

/// One JSON document on stdout.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    whole(&text);
    Ok(())
}

/// One line on stdout.
pub(crate) fn line(text: impl AsRef<str>) {
    whole(format!("{}\n", shown(text.as_ref(), true)).as_bytes());
}

/// One line on stderr, beside the answer.
pub(crate) fn note(text: impl AsRef<str>) {
    // Where nobody can be told, nobody is.
    let _ = std::io::stderr().lock().write_all(format!("{}\n", shown(text.as_ref(), true)).as_bytes());
}

/// An error, as the last thing on stderr; with `--json` as a document on stdout too.
pub(crate) fn fail(error: &anyhow::Error, is_json: bool) {
    let fault = error.downcast_ref::<Fault>();
    if is_json {
        let detail = format!("{error:#}");
        let answer = serde_json::json!({"error": {"code": fault.map(|f| f.code), "detail": detail, "retryable": fault.is_some_and(Fault::is_transient)}});
        whole(format!("{answer:#}\n").as_bytes());
    }
    note(format!("rushes: {error:#}"));
}

/// A table with these heads; columns named in `right` hold numbers.
pub(crate) fn table(heads: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    // Plain columns, never folded: a path stays in one piece, to be read, copied or cut by other programs.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().map(|head| head.to_uppercase()));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(|(column, text)| {
            let cell = Cell::new(shown(&text, false));
            if right.contains(&column) { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    whole(format!("{}\n", table.trim_fmt()).as_bytes());
}

/// A job id from the command line.
pub(crate) fn job_id(text: &str) -> Result<JobId, String> {
    text.parse().map_err(|_| format!("{text:?} is no job id; `rushes jobs ls` lists them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_shows_what_would_move_a_terminal() {
        let odd = "a\u{1b}[2J\u{9b}\u{202e}\u{7f}\r\u{7}b\n\tü 漢";
        assert_eq!(shown(odd, true), "a\\u{1b}[2J\\u{9b}\\u{202e}\\u{7f}\\r\\u{7}b\n\tü 漢");
        assert_eq!(shown("a\nb", false), "a\\nb");
        let endless = shown(&"ü".repeat(SHOWN_MAX + 10), true);
        assert_eq!((endless.chars().count(), endless.ends_with('…')), (SHOWN_MAX + 1, true));
    }
}
