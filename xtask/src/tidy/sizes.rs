//! Sizes: a file fits in a head. `lib.rs` is a list of what there is.

use super::rust_text::{Part, pieces};
use super::{Finding, House};

const RULE: &str = "sizes";

/// (path, most lines); other Rust files may have [`MOST_RUST`].
const PAPERS: &[(&str, usize)] = &[("README.md", 150), ("ARCHITECTURE.md", 250), ("CONTRIBUTING.md", 120)];
const MOST_RUST: usize = 500;
const MOST_LIB: usize = 80;
const MOST_MAIN: usize = 60;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in house.rust() {
        let lines = text.lines().count();
        let (most, cure) = if path.ends_with("src/lib.rs") {
            (MOST_LIB, "move what is more than a list into modules")
        } else if path.ends_with("src/main.rs") {
            (MOST_MAIN, "main only picks what to do; move the rest into modules")
        } else {
            (MOST_RUST, "split it by idea")
        };
        if lines > most {
            found.push(Finding::new(path, RULE, format!("{lines} lines, at most {most}: {cure}")));
        }
        if path.ends_with("src/lib.rs") {
            found.extend(lib_items(path, text));
        }
    }
    for (path, most) in PAPERS {
        let lines = house.text(path).unwrap_or_default().lines().count();
        if lines > *most {
            found.push(Finding::new(*path, RULE, format!("{lines} lines, at most {most}: move the rest below docs/")));
        }
    }
    found
}

/// Whatever in a `lib.rs` is neither a module without body nor a `use`.
fn lib_items(path: &str, text: &str) -> Vec<Finding> {
    let code: String = pieces(text).iter().filter(|piece| piece.part == Part::Code).map(|piece| piece.text).collect();
    let items = code.split(';').map(without_attributes).filter(|item| !item.is_empty());
    items
        .filter(|item| {
            let bare = without_visibility(item);
            !(bare.starts_with("use ") || bare.starts_with("mod ") && !bare.contains('{') || bare.starts_with("extern crate "))
        })
        .map(|item| {
            let start: String = item.chars().take(40).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
            Finding::new(path, RULE, format!("`{start}` in lib.rs: only docs, modules and re-exports stand there; move it into a module"))
        })
        .collect()
}

fn without_attributes(item: &str) -> &str {
    let mut item = item.trim();
    while item.starts_with('#') {
        let mut depth = 0_usize;
        let end = item.char_indices().find_map(|(at, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            (c == ']' && depth == 0).then_some(at + 1)
        });
        item = item[end.unwrap_or(item.len())..].trim_start();
    }
    item
}

fn without_visibility(item: &str) -> &str {
    let rest = item.strip_prefix("pub").unwrap_or(item);
    let rest = if rest.starts_with('(') { rest.split_once(')').map_or(rest, |(_, rest)| rest) } else { rest };
    rest.trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_sizes_catches_what_is_too_long() {
        let (long, middle) = ("//! x\n".repeat(601), "//! x\n".repeat(81));
        let house = House::of(&[
            ("a/src/x.rs", &long),
            ("a/src/lib.rs", &middle),
            ("a/src/main.rs", &middle),
            ("a/src/fits.rs", &middle),
            ("README.md", &long),
            ("CONTRIBUTING.md", &middle),
        ]);
        let paths: Vec<String> = check(&house).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["a/src/lib.rs", "a/src/main.rs", "a/src/x.rs", "README.md"]);
    }

    #[test]
    fn tidy_sizes_wants_a_lib_to_be_a_list() {
        let good = "//! Docs; all.\n#![cfg_attr(x, y[1])]\n\n/// one\npub mod a;\nmod b;\n#[cfg(feature = \"c;d\")]\npub(crate) mod c;\npub use a::{X, Y};\n";
        assert!(check(&House::of(&[("a/src/lib.rs", good)])).is_empty());
        for bad in ["pub fn go() {}", "struct A;", "#[cfg(test)]\nmod tests { use super::*; }", "const A: u8 = 1;"] {
            let text = format!("{good}{bad}\n");
            assert!(!check(&House::of(&[("a/src/lib.rs", &text)])).is_empty(), "{bad}");
        }
    }
}
