//! Styles from files: which files, what stands in them, and where what is wrong with them stands.

use super::{Style, rules};
use rushes_core::{Code, Fault};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A style takes some 5 KB.
const LARGEST_BYTES: u64 = 64 * 1024;
/// Styles of a person's own at most.
const MOST: usize = 200;
const LONGEST_NAME: usize = 40;

/// What is wrong with a style.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) field: Option<String>,
    pub(super) line: Option<usize>,
    pub(super) reason: String,
}

impl Wrong {
    /// As a fault of the file.
    pub(super) fn fault(self, file: &Path) -> Fault {
        let mut fault = invalid(file, self.reason);
        if let Some(line) = self.line {
            fault = fault.with("line", line);
        }
        if let Some(field) = self.field {
            fault = fault.with("field", field);
        }
        fault
    }
}

fn invalid(file: &Path, reason: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ConfigInvalid, "read style").with("file", file.display()).because(reason)
}

/// The `*.toml` of a folder, by name; none where there is no such folder. Hidden ones are editors' own.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(invalid(folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| invalid(folder, error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
        if found.len() > MOST {
            return Err(invalid(folder, format!("it holds more than {MOST} styles")));
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name as a style, and its text.
pub(super) fn text(file: &Path) -> Result<(String, String), Fault> {
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let reason = format!("a style's name is 1 to {LONGEST_NAME} lower-case letters, digits and _; rename the file");
        return Err(invalid(file, reason));
    }
    // What is no regular file might be waited for without end.
    let about = std::fs::metadata(file).map_err(|error| invalid(file, error))?;
    if !about.is_file() || about.len() > LARGEST_BYTES {
        return Err(invalid(file, format!("a style is a regular file of at most {LARGEST_BYTES} bytes")));
    }
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| invalid(file, error))?;
    opened.take(LARGEST_BYTES).read_to_string(&mut text).map_err(|error| invalid(file, error))?;
    Ok((name.to_owned(), text))
}

/// A style that keeps every rule.
pub(super) fn style(text: &str) -> Result<Style, Wrong> {
    let style: Style = toml::from_str(text).map_err(|error| {
        // A table that lacks something has its own place; the whole has none worth naming.
        let at = error.span().filter(|span| span.end > span.start && *span != (0..text.len()));
        let line = at.as_ref().map(|span| text[..span.start].matches('\n').count());
        let key = line.and_then(|line| key_of(text.lines().nth(line)?));
        Wrong { field: key.map(str::to_owned), line: line.map(|line| line + 1), reason: error.message().to_owned() }
    })?;
    rules::check(&style).map_err(|breach| Wrong {
        line: line_of(text, &breach.field),
        field: Some(breach.field),
        reason: breach.reason,
    })?;
    Ok(style)
}

/// The key a line sets.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    Some(key.trim()).filter(|key| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// The line, from 1, on which a field such as `bpm`, `bass.q` or `full[1].kick` is set; None where it is written in some
/// other way than a table's header and a key per line.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let (table, key) = field.rsplit_once('.').unwrap_or(("", field));
    let key = key.split('[').next().unwrap_or(key);
    let (table, turn) = match table.split_once('[') {
        Some((name, rest)) => (format!("[[{name}]]"), rest.trim_end_matches(']').parse().ok()?),
        None if table.is_empty() => (String::new(), 0),
        None => (format!("[{table}]"), 0usize),
    };
    let (mut within, mut seen) = (table.is_empty(), 0);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or(line).trim();
        if line.starts_with('[') && line.ends_with(']') && !line.contains(['"', ',']) {
            within = line == table && seen == turn;
            seen += usize::from(line == table);
        } else if within && key_of(line) == Some(key) {
            return Some(index + 1);
        }
    }
    None
}
