//! Public means used: what a library crate shows, another crate, a test, a benchmark or an example must name.
//!
//! By name only: an item that shares its name with something else may slip through; one that is named nowhere cannot. What
//! stands in the signature of a public item is public with it.

use super::rust_text::{Part, pieces};
use super::{Finding, House};
use std::collections::{BTreeMap, BTreeSet};

const RULE: &str = "public";
/// Rooms with a library that others use.
const PREFIX: &str = "crates/rushes-";

/// One `pub` item.
#[derive(Debug, PartialEq, Eq)]
struct Item<'a> {
    line: usize,
    sort: &'a str,
    name: &'a str,
    /// Its signature; with the body, where that is public too.
    face: &'a str,
}

pub(super) fn check(house: &House) -> Vec<Finding> {
    let codes: Vec<(&str, String)> = house.rust().map(|(path, text)| (path, code_of(text))).collect();
    let mut outside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, code) in &codes {
        outside.entry(room_of(path)).or_default().extend(words(code));
    }
    let mut faces: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, code) in codes.iter().filter(|(path, _)| !room_of(path).is_empty()) {
        faces.entry(room_of(path)).or_default().extend(items(code).into_iter().map(|item| (item.name, item.face)));
    }
    let mut found = Vec::new();
    for (path, code) in codes.iter().filter(|(path, _)| !room_of(path).is_empty()) {
        let room = room_of(path);
        for item in items(code) {
            let is_named = outside.iter().any(|(other, words)| *other != room && words.contains(item.name));
            let is_shown = || faces[room].iter().any(|(name, face)| *name != item.name && words(face).any(|word| word == item.name));
            if !is_named && (item.sort == "mod" || !is_shown()) {
                let what = format!("nothing outside of {room} names `{}`; make it `pub(crate)`, or remove it", item.name);
                found.push(Finding::at(path, item.line, RULE, what));
            }
        }
    }
    found
}

/// The crate whose library a file is part of; nothing for tests, benchmarks, examples, the app and xtask.
fn room_of(path: &str) -> &str {
    match path.split_once("/src/") {
        Some((room, _)) if path.starts_with(PREFIX) => room,
        _ => "",
    }
}

/// The code alone, line for line: comments and literals are blanked.
fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    for piece in pieces(source) {
        match piece.part {
            Part::Code => code.push_str(piece.text),
            Part::Comment | Part::Literal => code.extend(piece.text.chars().map(|c| if c == '\n' { c } else { ' ' })),
        }
    }
    code
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The `pub` items of a file, but not what is only re-exported.
fn items(code: &str) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let rest = line.trim_start();
        if let Some(declared) = rest.strip_prefix("pub ") {
            let mut names = words(declared).skip_while(|word| ["const", "async", "unsafe"].contains(word) && declared.contains(" fn "));
            let (sort, name) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
            if ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"].contains(&sort) {
                let begin = at + line.len() - rest.len();
                found.push(Item { line: index + 1, sort, name, face: face_of(&code[begin..], sort) });
            }
        }
        at += line.len();
    }
    found
}

/// Up to the body or the end; of what shows its body, to that body's end.
fn face_of<'a>(code: &'a str, sort: &str) -> &'a str {
    let head = code.find(['{', ';']).unwrap_or(code.len());
    if !["enum", "trait", "struct"].contains(&sort) || !code[head..].starts_with('{') {
        return &code[..head];
    }
    let mut depth = 0_usize;
    for (at, c) in code[head..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return &code[..head + at],
            '}' => depth -= 1,
            _ => {}
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&House::of(files)).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn tidy_public_catches_what_nobody_outside_names() {
        let shows = "pub struct Used(Inner);\npub enum Inner { A(Deep) }\npub struct Deep;\npub fn lonely() {}\n// lonely()\nfn own() { lonely() }\n";
        let uses = "fn main() { let _: Used; \"lonely\" }\n";
        let files =
            [("crates/rushes-core/src/a.rs", shows), ("crates/rushes-core/src/b.rs", "use lonely;"), ("crates/rushes/src/main.rs", uses)];
        assert_eq!(found(&files), ["crates/rushes-core/src/a.rs:4"]);
    }

    #[test]
    fn tidy_public_lets_tests_examples_and_other_rooms_use_it() {
        let item = ("crates/rushes-core/src/a.rs", "impl X {\n    pub const fn tried() {}\n}\n");
        for user in
            ["crates/rushes-core/tests/it.rs", "crates/rushes-core/examples/look.rs", "crates/rushes-store/src/lib.rs", "xtask/src/docs.rs"]
        {
            assert_eq!(found(&[item, (user, "fn f() { tried() }")]), [] as [&str; 0], "{user}");
        }
        assert_eq!(found(&[item]).len(), 1);
        assert_eq!(found(&[("crates/rushes/src/a.rs", "pub fn of_the_app() {}")]), [] as [&str; 0]);
    }
}
