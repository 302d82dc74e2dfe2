//! Documents name only what exists: paths, links and crates. They never cite lines, which move.
//!
//! A path is taken for one of this repository when it begins with one of its folders or crates, or ends like a source.
//! What begins otherwise (`library/`, `dances/x.mp4`) belongs to a home on somebody's disk.

use super::markdown::{Piece, pieces};
use super::{Finding, House};

const RULE: &str = "documents";

/// Files a person writes or Rushes makes outside the repository.
const ELSEWHERE: &[&str] = &["rushes.toml", "rushes-home"];
const SOURCES: &[&str] = &[".rs", ".toml", ".md"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in house.ending(".md") {
        for (at, line) in text.lines().enumerate() {
            if cites_a_line(line) {
                found.push(Finding::at(path, at + 1, RULE, "cites a line number; name the function or type, numbers move"));
            }
        }
        for (line, piece) in pieces(text) {
            let what = match piece {
                Piece::Span(span) => wrong_span(house, span),
                Piece::Link(target) => wrong_link(house, path, target),
                Piece::Fenced(_) => None,
            };
            found.extend(what.map(|what| Finding::at(path, line, RULE, what)));
        }
    }
    found
}

/// `x.rs:12` or `x.rs#L12`.
fn cites_a_line(line: &str) -> bool {
    [".rs:", ".rs#L", ".toml:", ".md#L", ".sh:"]
        .iter()
        .any(|mark| line.match_indices(mark).any(|(at, _)| line[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit())))
}

fn wrong_span(house: &House, span: &str) -> Option<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./<>{}*…".contains(c);
    if span.is_empty() || !span.chars().all(is_word) || span.starts_with('/') || ELSEWHERE.contains(&span) {
        return None;
    }
    if span.starts_with("rushes-") && !span.contains(['/', '.']) {
        let is_member = house.members().any(|member| member.name == span);
        return (!is_member && !has_hole(span)).then(|| format!("`{span}` is no crate of this workspace; name one that exists"));
    }
    let first = span.trim_start_matches("./").split('/').next().unwrap_or(span);
    let is_source = SOURCES.iter().any(|end| span.ends_with(end));
    let is_ours = span.contains('/') && (house.has(first) || house.has(&format!("crates/{first}")));
    (is_source || is_ours).then(|| missing(house, span)).flatten()
}

/// What is missing of a path: from the root, from `crates/`, or, for sources, the end of some file's path.
fn missing(house: &House, path: &str) -> Option<String> {
    let path = path.trim_start_matches("./");
    // `src/<name>.rs`: only what stands before the hole can be checked.
    let known: Vec<&str> = path.split('/').take_while(|segment| !has_hole(segment)).collect();
    let known = known.join("/");
    let ends_so = |tail: &str| house.files.keys().any(|file| file.ends_with(tail) || file.contains(&format!("{tail}/")));
    let is_there = house.has(&known) || house.has(&format!("crates/{known}")) || ends_so(&format!("/{}", known.trim_end_matches('/')));
    (!is_there).then(|| format!("`{path}` does not exist; name what does"))
}

/// Whether the text is a pattern: `<name>.rs`, `*.rs`, `{id}`, `NNNN-title.md`.
fn has_hole(text: &str) -> bool {
    text.contains(['<', '{', '*', '…']) || text.contains("NNNN") || text.contains("...")
}

fn wrong_link(house: &House, document: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or(target);
    if path.is_empty() || path.contains(':') || path.starts_with("//") {
        return None;
    }
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut segments: Vec<&str> = if path.starts_with('/') { vec![] } else { folder.split('/').filter(|s| !s.is_empty()).collect() };
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.pop().is_none() => return Some(format!("the link `{target}` leaves the repository")),
            ".." => {}
            segment => segments.push(segment),
        }
    }
    let full = segments.join("/");
    (!house.has(&full)).then(|| format!("the link `{target}` leads to {full}, which does not exist; mend or remove it"))
}

#[cfg(test)]
mod tests {
    use super::super::cargo::Package;
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut house = House::of(&[
            ("docs/a.md", text),
            ("docs/codes.md", ""),
            ("README.md", ""),
            ("crates/rushes-core/src/kinds.rs", ""),
            ("crates/rushes/src/cli/mod.rs", ""),
        ]);
        house.packages.push(Package { name: "rushes-core".into(), is_member: true, ..Package::default() });
        check(&house).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tidy_documents_catches_what_does_not_exist() {
        for bad in [
            "`crates/rushes-core/src/gone.rs`",
            "`rushes-core/src/gone/`",
            "`gone.rs`",
            "`cli/gone.rs`",
            "`docs/gone.md`",
            "`crates/gone/<name>.rs`",
            "`rushes-attic`",
            "[x](gone.md)",
            "[x](../gone/y.md#z)",
            "[x](../../x.md)",
            "kinds.rs:12",
            "[x](../crates/rushes-core/src/kinds.rs#L3)",
        ] {
            assert_eq!(findings(bad).len(), 1, "{bad}: {:?}", findings(bad));
        }
    }

    #[test]
    fn tidy_documents_lets_the_rest_pass() {
        for good in [
            "`crates/rushes-core/src/kinds.rs`, `rushes-core/src/kinds.rs`, `kinds.rs`, `cli/mod.rs`, `crates/rushes-core/src/<name>.rs`",
            "`docs/`, `./docs/codes.md`, `docs/NNNN-title.md`, `rushes-core`, `rushes-home`, `rushes.toml`",
            "`library/`, `dances/{dance}.mp4`, `s3://bucket/x.md`, `/api/v1/jobs`, `text/html`, `a b/c.rs`, `~/x.toml`, `remix_main.deliverable`",
            "[x](codes.md#y) [x](../README.md) [x](https://a.example/b.md) [x](#here) [x](/docs/codes.md)",
            "```\n`gone.rs`\n```",
        ] {
            assert_eq!(findings(good), Vec::<String>::new(), "{good}");
        }
    }
}
