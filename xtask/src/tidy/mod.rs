//! The house rules as a test. One rule, one file; each rule's own tests hold a small text it must catch.
//!
//! What does not live here: anything the compiler, clippy or rustfmt can say.

mod banned;
mod cargo;
mod commands;
mod documents;
mod edges;
mod headers;
mod house;
mod image;
mod licences;
mod machine;
mod manifests;
mod markdown;
mod public;
mod registers;
mod rust_text;
mod sizes;
mod sql;

pub use house::House;

use std::fmt;
use std::path::Path;

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the workspace; with `:line` where a line is meant.
    pub path: String,
    /// The rule's short name.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl Finding {
    fn new(path: impl Into<String>, rule: &'static str, what: impl Into<String>) -> Self {
        Self { path: path.into(), rule, what: what.into() }
    }

    fn at(path: &str, line: usize, rule: &'static str, what: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), rule, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path, self.rule, self.what)
    }
}

/// Every rule, in the order a newcomer would meet them.
const RULES: &[fn(&House) -> Vec<Finding>] = &[
    sizes::check,
    headers::check,
    banned::check,
    machine::check,
    public::check,
    registers::check,
    sql::check,
    edges::check,
    manifests::check,
    licences::check,
    documents::check,
    commands::check,
    image::check,
];

/// Checks the workspace at `root`. An error means that the house could not be looked at, not that it is untidy.
pub fn check(root: &Path) -> anyhow::Result<Vec<Finding>> {
    Ok(check_house(&House::load(root)?))
}

fn check_house(house: &House) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(house)).collect();
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_the_house_is_in_order() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let house = House::load(root).unwrap();
        assert!(house.files.len() > 20 && house.packages.len() > 50, "the house was not looked at");
        let findings: Vec<String> = check_house(&house).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    }

    #[test]
    fn tidy_findings_say_where_what_and_why() {
        let finding = Finding::at("a.rs", 3, "sizes", "too long; split it");
        assert_eq!(finding.to_string(), "a.rs:3: sizes: too long; split it");
    }
}
