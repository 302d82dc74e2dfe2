//! The image holds what the set-up brings: the Rust of Cargo.toml, the packages of the set-up script, and files that exist.

use super::{Finding, House};

const RULE: &str = "image";
const FILE: &str = "Dockerfile";
const SETUP: &str = "scripts/setup.sh";

pub(super) fn check(house: &House) -> Vec<Finding> {
    let Some(text) = house.text(FILE) else { return Vec::new() };
    let mut found = Vec::new();
    let rust = house.text("Cargo.toml").and_then(|text| text.split_once("rust-version = \"")?.1.split('"').next());
    if let Some(rust) = rust.filter(|rust| !text.contains(&format!("FROM rust:{rust}-"))) {
        found.push(format!("does not build with rust:{rust}, which Cargo.toml names"));
    }
    if let Some(setup) = house.text(SETUP) {
        let fonts = setup.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(|word| word.starts_with("fonts-"));
        let wanted = fonts.chain(["ffmpeg", "ca-certificates"]);
        let has = |package: &str| text.split_whitespace().any(|word| word == package);
        found.extend(wanted.filter(|package| !has(package)).map(|package| format!("does not install {package}, which {SETUP} does")));
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.pop();
        let is_of_build = words.first().is_some_and(|word| word.starts_with("--from="));
        found.extend(
            words
                .iter()
                .filter(|word| !is_of_build && **word != "." && !house.has(word))
                .map(|word| format!("copies {word}, which does not exist")),
        );
    }
    found.sort();
    found.dedup();
    found.into_iter().map(|what| Finding::new(FILE, RULE, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_of_other_things_than_the_set_up_brings_is_found() {
        let cargo = ("Cargo.toml", "rust-version = \"1.95\"\n");
        let setup = (SETUP, "\"apt dejavu\") echo fonts-dejavu-core ;;");
        let whole = "FROM rust:1.95-slim AS build\nCOPY . .\nRUN apt-get install ffmpeg ca-certificates fonts-dejavu-core\nCOPY --from=build /src/x /x\n";
        assert!(check(&House::of(&[cargo, setup, (FILE, whole)])).is_empty());
        let other = "FROM rust:1.80-slim AS build\nCOPY nowhere.txt .\nRUN apt-get install ffmpeg\n";
        let found = check(&House::of(&[cargo, setup, (FILE, other)]));
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
