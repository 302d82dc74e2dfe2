//! Headers: each Rust file begins by saying what lives in it.

use super::{Finding, House};

pub(super) fn check(house: &House) -> Vec<Finding> {
    let silent = house.rust().filter(|(_, text)| !text.starts_with("//! "));
    silent
        .map(|(path, _)| Finding::new(path, "headers", "begins without `//!`; say in a sentence what lives here and what does not"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_headers_catches_a_silent_file() {
        let house = House::of(&[("a.rs", "//! Says it.\n"), ("b.rs", "use x;\n"), ("c.rs", ""), ("d.md", "")]);
        let paths: Vec<String> = check(&house).into_iter().map(|finding| finding.path).collect();
        assert_eq!(paths, ["b.rs", "c.rs"]);
    }
}
