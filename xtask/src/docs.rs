//! The documents that are made from core's tables and rules, so that they cannot say anything else than the code.
//!
//! `cargo run -p xtask -- docs` writes them; a test fails while the ones checked in are older than the tables.

use crate::gpu;
use anyhow::Context;
use rushes_core::codes::CODES;
use rushes_core::event::EVENTS;
use rushes_core::kinds::{KINDS, Keep, Slot};
use rushes_core::log_lines::LOG_LINES;
use rushes_core::{FaultKind, Verdict};
use std::fmt::Write;
use std::path::Path;

/// A generated document: where it stands and how it is made.
pub type Document = (&'static str, fn() -> String);

/// Every generated document.
pub const DOCUMENTS: &[Document] = &[
    ("docs/codes.md", codes),
    ("docs/events.md", events),
    ("docs/gpu.md", gpu::page),
    ("docs/kinds.md", kinds),
    ("docs/log-lines.md", log_lines),
    ("docs/pictures/gpu.svg", gpu::picture),
    ("docs/routes.md", routes),
];

/// What the handlers say of themselves; a test of theirs fails while it is older than they are.
const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// Writes all of them below `root`; tells which.
pub fn write(root: &Path) -> anyhow::Result<Vec<&'static str>> {
    std::fs::create_dir_all(root.join("docs/pictures")).context("make the folder docs/pictures")?;
    for (path, make) in DOCUMENTS {
        #[expect(clippy::disallowed_methods, reason = "a generated document is no asset")]
        std::fs::write(root.join(path), make()).with_context(|| format!("write {path}"))?;
    }
    Ok(DOCUMENTS.iter().map(|(path, _)| *path).collect())
}

/// The error codes: what happened and what to do.
#[must_use]
pub fn codes() -> String {
    let mut out = String::from(
        "# Error codes\n\n\
         Every error carries one of these codes, in the terminal, in logs and over HTTP.\n\
         This page is made from `crates/rushes-core/src/codes.rs` by `make docs`; change it there.\n\n\
         *Again* says whether Rushes tries again by itself.\n\n\
         | code | kind | again | what happened | what to do |\n|---|---|---|---|---|\n",
    );
    for row in CODES {
        let (kind, again) = (kind_word(row.kind), again_word(row.verdict));
        row_of(&mut out, &[&format!("`{}`", row.name), kind, again, &cell(row.title), &cell(row.cure)]);
    }
    out
}

/// The sorts of facts.
#[must_use]
pub fn events() -> String {
    let mut out = String::from(
        "# Facts\n\n\
         What `GET /api/v1/events` streams and `rushes` follows: each fact once, in order. `data` has the fields named here.\n\
         This page is made from `crates/rushes-core/src/event.rs` by `make docs`; change it there.\n\n\
         | type | data | told when |\n|---|---|---|\n",
    );
    for row in EVENTS {
        let fields: Vec<String> = row.fields.iter().map(|field| format!("`{field}`")).collect();
        row_of(&mut out, &[&format!("`{}`", row.name), &fields.join(", "), &cell(row.when)]);
    }
    out
}

/// The log lines people search for.
#[must_use]
pub fn log_lines() -> String {
    let mut out = String::from(
        "# Log lines\n\n\
         These texts never change; search for them, and let alarms hang on them. What stands in braces is filled in, and a field\n\
         of its own where lines are JSON (`[log] format = \"json\"`).\n\
         This page is made from `crates/rushes-core/src/log_lines.rs` by `make docs`; change it there.\n\n\
         | text | level | fields | when |\n|---|---|---|---|\n",
    );
    for row in LOG_LINES {
        let fields: Vec<String> = row.fields.iter().map(|field| format!("`{field}`")).collect();
        row_of(&mut out, &[&format!("`{}`", row.text), row.level, &fields.join(", "), row.when]);
    }
    out
}

/// The asset kinds: where they lie, where their record names them, how long they are kept.
#[must_use]
pub fn kinds() -> String {
    let mut out = String::from(
        "# Asset kinds\n\n\
         Every file Rushes keeps is of one of these kinds.\n\
         This page is made from `crates/rushes-core/src/kinds.rs` by `make docs`; change it there.\n\n\
         Paths stand below the library and below each destination's prefix. They get the extension their content asks for.\n\
         `{id}` is the subject's id, `{dance}` is `dance_{id}_cosplay_on_{ref}`, `{beside}` is the path of the file it belongs to.\n\
         In the record, `{title}` is the set the asset belongs to, such as `primary`.\n\
         How long a kind is kept can be set: `[keep.days]` in `rushes.toml`, such as `poster = 30`; 0 is for good.\n\n\
         | kind | path | in the record | kept |\n|---|---|---|---|\n",
    );
    for row in KINDS {
        row_of(&mut out, &[&format!("`{}`", row.name), &format!("`{}`", cell(row.path)), &slot_words(row.slot), &keep_words(row.keep)]);
    }
    out
}

/// The routes of the HTTP interface.
#[must_use]
pub fn routes() -> String {
    let mut out = String::from(
        "# Routes\n\n\
         Every route of the HTTP interface; [how to call them](api.md).\n\
         This page is made from [openapi.json](openapi.json) by `make docs`.\n\n\
         | route | what it does |\n|---|---|\n",
    );
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap_or_default();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let about = operation["summary"].as_str().unwrap_or_default();
            row_of(&mut out, &[&format!("`{} {path}`", method.to_uppercase()), &cell(&about.replace('\n', " "))]);
        }
    }
    out
}

fn row_of(out: &mut String, cells: &[&str]) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn kind_word(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::NotFound => "not found",
        FaultKind::AlreadyExists => "already exists",
        FaultKind::InvalidInput => "invalid input",
        FaultKind::ConfigInvalid => "configuration",
        FaultKind::Unauthorized => "unauthorized",
        FaultKind::Refused => "refused",
        FaultKind::RateLimited => "rate limited",
        FaultKind::Unavailable => "unavailable",
        FaultKind::Conflict => "conflict",
        FaultKind::Corrupt => "corrupt",
        FaultKind::Cancelled => "cancelled",
        FaultKind::Unsupported => "unsupported",
        FaultKind::Unexpected => "unexpected",
    }
}

fn again_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Transient => "yes",
        Verdict::Permanent | Verdict::Exhausted => "no",
    }
}

fn slot_words(slot: Slot) -> String {
    match slot {
        Slot::Titled(field) => format!("`{{title}}.{field}`"),
        Slot::Fixed(title, field) => format!("`{title}.{field}`"),
        Slot::Twice((title, field), (again, other)) => format!("`{title}.{field}`, `{again}.{other}`"),
        Slot::Row(collection) => format!("a row in `{collection}`"),
        Slot::Unlisted => "not named".to_owned(),
    }
}

fn keep_words(keep: Keep) -> String {
    match keep {
        Keep::Forever => "for good".to_owned(),
        Keep::Days(days) => format!("{days} days"),
        Keep::ByShoot => "as its shoot says".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_checked_in_are_what_the_tables_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (path, make) in DOCUMENTS {
            let there = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(there == make(), "{path} is older than its table: run `make docs`");
        }
    }

    #[test]
    fn docs_have_a_row_for_each_code_and_kind() {
        let (codes, kinds) = (codes(), kinds());
        assert_eq!(codes.lines().filter(|line| line.starts_with("| `")).count(), CODES.len());
        assert_eq!(kinds.lines().filter(|line| line.starts_with("| `")).count(), KINDS.len());
        assert!(kinds.contains("| `thumbnail` |") && kinds.contains("| 7 days |"));
        assert!(routes().contains("| `POST /api/v1/pipeline/run` | Starts a production. |"));
    }
}
