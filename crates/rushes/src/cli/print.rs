//! How answers look: one JSON document, or tables for people.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where answers are printed")]

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use rushes_core::{Fault, JobId};
use serde::Serialize;
use std::io::Write;

/// One JSON document on stdout.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    Ok(writeln!(out)?)
}

/// One line on stdout.
pub(crate) fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// One line on stderr, beside the answer.
pub(crate) fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// An error, as the last thing on stderr; with `--json` as a document on stdout too.
pub(crate) fn fail(error: &anyhow::Error, is_json: bool) {
    let fault = error.downcast_ref::<Fault>();
    if is_json {
        let detail = format!("{error:#}");
        let answer = serde_json::json!({"error": {"code": fault.map(|f| f.code), "detail": detail, "retryable": fault.is_some_and(Fault::is_transient)}});
        println!("{answer:#}");
    }
    eprintln!("rushes: {error:#}");
}

/// A table with these heads; columns named in `right` hold numbers.
pub(crate) fn table(heads: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    // Plain columns, never folded: a path stays in one piece, to be read, copied or cut by other programs.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().map(|head| head.to_uppercase()));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(|(column, text)| {
            let cell = Cell::new(text);
            if right.contains(&column) { cell.set_alignment(CellAlignment::Right) } else { cell }
        }));
    }
    println!("{}", table.trim_fmt());
}

/// `1.2 MB`, in powers of ten as disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bytes_f = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", bytes_f / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes_f / 1e6),
        _ => format!("{:.2} GB", bytes_f / 1e9),
    }
}

/// `12 ms`, `0.4 s`, `3 min 20 s`.
pub(crate) fn duration(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
    }
}

/// A job id from the command line.
pub(crate) fn job_id(text: &str) -> Result<JobId, String> {
    text.parse().map_err(|_| format!("{text:?} is no job id; `rushes jobs ls` lists them"))
}
