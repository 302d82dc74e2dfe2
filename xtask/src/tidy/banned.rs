//! Banned words: names that say nothing, and second names for an idea that already has one.
//!
//! Only names this house gives are looked at: files, and what Rust code declares. Names of other crates
//! (`tokio::task`, a pool's `Manager`) and prose are free.

use super::rust_text::{Part, pieces};
use super::{Finding, House};

const RULE: &str = "banned words";

/// Banned as a word anywhere in a declared name or a file name, with what to say instead.
const WORDS: &[(&str, &str)] = &[
    ("manager", "name what it does"),
    ("helper", "name what it does"),
    ("helpers", "name what it does"),
    ("util", "put it where it is used, or name the idea"),
    ("utils", "put it where it is used, or name the idea"),
    ("handler2", "say how it differs from the first"),
];

/// Banned as a whole name, since parts of longer names are fine (`most_common`).
const WHOLE: &[(&str, &str)] = &[("common", "put it where it is used, or name the idea"), ("misc", "name the idea")];

/// Banned in file names only: the word has other, good uses in code.
const FILES: &[(&str, &str)] = &[("task", "say job or step"), ("tasks", "say jobs or steps")];

/// Banned as neighbours in any identifier.
const PAIRS: &[(&str, &str, &str)] = &[("bucket", "path", "say key"), ("sync", "manager", "say outbox")];

/// After these words a name is declared.
const DECLARING: &[&str] = &["struct", "enum", "union", "trait", "type", "mod", "fn", "const", "static", "let", "macro_rules"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut found: Vec<Finding> = house.files.keys().filter_map(|path| file_name(path)).collect();
    for (path, text) in house.rust() {
        found.extend(declared(path, text));
    }
    found
}

fn file_name(path: &str) -> Option<Finding> {
    path.split('/').find_map(|segment| {
        let stem = segment.split('.').find(|part| !part.is_empty()).unwrap_or(segment);
        let words = words(stem);
        let by_word = WORDS.iter().chain(FILES).find(|(word, _)| words.iter().any(|w| w == word));
        let (word, cure) = by_word.or_else(|| WHOLE.iter().find(|(word, _)| stem == *word))?;
        Some(Finding::new(path, RULE, format!("`{word}` in a file's name; {cure}")))
    })
}

fn declared(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for piece in pieces(text).iter().filter(|piece| piece.part == Part::Code) {
        let mut declares = false;
        for (line, name) in identifiers(piece.text, piece.line) {
            if let Some(cure) = wrong(name, declares) {
                found.push(Finding::at(path, line, RULE, format!("`{name}`; {cure}")));
            }
            declares = DECLARING.contains(&name) || declares && matches!(name, "mut" | "ref" | "unsafe" | "async");
        }
    }
    found
}

/// What to do about this identifier, if it is wrong.
fn wrong(name: &str, declares: bool) -> Option<&'static str> {
    let words = words(name);
    let pair = PAIRS.iter().find(|(one, two, _)| words.windows(2).any(|w| w[0] == *one && w[1] == *two));
    if let Some((_, _, cure)) = pair {
        return Some(cure);
    }
    let by_word = || WORDS.iter().find(|(word, _)| words.iter().any(|w| w == word));
    let whole = || WHOLE.iter().find(|(word, _)| name == *word);
    if declares { by_word().or_else(whole).map(|(_, cure)| *cure) } else { None }
}

/// The identifiers and keywords of a piece of code, each with its line.
fn identifiers(code: &str, first_line: usize) -> impl Iterator<Item = (usize, &str)> {
    code.split('\n').enumerate().flat_map(move |(n, line)| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).map(move |word| (first_line + n, word))
    })
}

/// `SyncManager`, `sync_manager`, `sync-manager` → sync, manager. Digits stay with their word.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let splits = c == '_' || c == '-' || c.is_uppercase() && was_lower;
        if splits {
            words.push(String::new());
        }
        if let (true, Some(last)) = (c.is_alphanumeric(), words.last_mut()) {
            last.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_banned_catches_names_we_give() {
        for bad in [
            "struct JobManager;",
            "fn open_helper() {}",
            "mod utils;",
            "mod common;",
            "let mut helper = 1;",
            "struct S { bucket_path: u8 }",
            "fn handler2() {}",
            "enum SyncManager {}",
            "const PATH_UTIL: u8 = 1;",
        ] {
            assert_eq!(declared("a.rs", bad).len(), 1, "{bad}");
        }
        for bad in ["src/sync_manager.rs", "src/utils/mod.rs", "tests/common/x.rs", "src/task.rs", "docs/helper.md", "src/upload_tasks.rs"]
        {
            assert!(file_name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn tidy_banned_leaves_the_rest_alone() {
        for good in [
            "use deadpool::Manager; let pool = Manager::new();",
            "let task = tokio::task::spawn(x);",
            "// the helper of a manager\nlet most_common = \"utils\";",
            "fn path_of(bucket: &str, path: &str) {}",
            "let item = items.next();",
        ] {
            assert!(declared("a.rs", good).is_empty(), "{good}");
        }
        for good in ["src/outbox/sender.rs", ".gitignore", "Makefile", "docs/decisions/0001-sqlite.md"] {
            assert!(file_name(good).is_none(), "{good}");
        }
    }

    #[test]
    fn tidy_banned_names_the_line() {
        assert_eq!(declared("a.rs", "//! x\n\nfn a() {}\nfn b_utils() {}\n")[0].path, "a.rs:4");
    }
}
