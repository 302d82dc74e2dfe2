//! What the document rules need of Markdown: code spans, lines of fenced code, links. No more.

/// A piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// `` `between ticks` ``
    Span(&'a str),
    /// A line of a fenced block.
    Fenced(&'a str),
    /// Where a `[link](goes)`.
    Link(&'a str),
}

/// The pieces of a document with their lines, from 1.
pub(super) fn pieces(text: &str) -> Vec<(usize, Piece<'_>)> {
    let mut out = Vec::new();
    let mut fence: Option<&str> = None;
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let ticks = ["```", "~~~"].into_iter().find(|ticks| trimmed.starts_with(ticks));
        match (fence, ticks) {
            (Some(open), Some(ticks)) if open == ticks => fence = None,
            (Some(_), _) => out.push((at + 1, Piece::Fenced(line))),
            (None, Some(ticks)) => fence = Some(ticks),
            (None, None) => inline(line, at + 1, &mut out),
        }
    }
    out
}

fn inline<'a>(line: &'a str, number: usize, out: &mut Vec<(usize, Piece<'a>)>) {
    for (at, part) in line.split('`').enumerate() {
        if at % 2 == 1 {
            out.push((number, Piece::Span(part)));
        }
    }
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("](") {
        let (target, after) = after.split_once(')').unwrap_or((after, ""));
        // A link may carry a title behind its target.
        out.push((number, Piece::Link(target.split_whitespace().next().unwrap_or(""))));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_markdown_finds_spans_fences_and_links() {
        let text = "See `a.rs` and [b](docs/b.md \"B\").\n```sh\nmake test\n```\n`c`";
        let found = pieces(text);
        let wanted = [(1, Piece::Span("a.rs")), (1, Piece::Link("docs/b.md")), (3, Piece::Fenced("make test")), (5, Piece::Span("c"))];
        assert_eq!(found, wanted);
    }
}
