//! Licences, bans and sources of everything we build on. `deny.toml` is the only list; cargo-deny reads the same one.

use super::cargo::Package;
use super::{Finding, House};
use toml::{Table, Value};

const RULE: &str = "licences";
const LIST: &str = "deny.toml";

pub(super) fn check(house: &House) -> Vec<Finding> {
    let Some(text) = house.text(LIST) else {
        return vec![Finding::new(LIST, RULE, "is missing; it lists the licences, bans and sources")];
    };
    match text.parse::<Table>() {
        Ok(list) => house.packages.iter().filter(|package| !package.is_member).flat_map(|package| one(package, &list)).collect(),
        Err(error) => vec![Finding::new(LIST, RULE, format!("cannot be read: {error}"))],
    }
}

fn one(package: &Package, list: &Table) -> Vec<Finding> {
    let name = format!("{} {}", package.name, package.version);
    let mut found = Vec::new();
    let allowed = allowed_for(package, list);
    match clarified(package, list).or(package.licence.as_deref()) {
        None => found.push(format!("`{name}` names no licence; read it, then clarify it in {LIST} or take another crate")),
        Some(expression) if !is_allowed(expression, &allowed) => {
            found.push(format!("`{name}` is under {expression}, which {LIST} does not allow; take another crate"));
        }
        Some(_) => {}
    }
    if words(list, "bans", "deny").contains(&package.name.as_str()) {
        found.push(format!("`{name}` is banned in {LIST}; see what needs it with `cargo tree -i {}`", package.name));
    }
    if let Some(what) = foreign(package, list) {
        found.push(format!("`{name}` comes from {what}; use a release on crates.io"));
    }
    found.into_iter().map(|what| Finding::new("Cargo.lock", RULE, what)).collect()
}

/// A list of names in `[section] key`, whose entries are texts or tables with `crate` or `name`.
fn words<'a>(list: &'a Table, section: &str, key: &str) -> Vec<&'a str> {
    let entries = list.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(|entry| entry.as_str().or_else(|| crate_of(entry))).collect()
}

fn crate_of(entry: &Value) -> Option<&str> {
    entry.get("crate").or_else(|| entry.get("name")).and_then(Value::as_str)
}

/// The entries of `[[licenses.key]]` about this package.
fn about<'a>(package: &'a Package, list: &'a Table, key: &str) -> impl Iterator<Item = &'a Value> {
    let entries = list.get("licenses").and_then(|section| section.get(key)).and_then(Value::as_array);
    entries.into_iter().flatten().filter(|entry| crate_of(entry) == Some(&package.name))
}

fn allowed_for<'a>(package: &'a Package, list: &'a Table) -> Vec<&'a str> {
    let more = about(package, list, "exceptions").filter_map(|entry| entry.get("allow")).filter_map(Value::as_array).flatten();
    words(list, "licenses", "allow").into_iter().chain(more.filter_map(Value::as_str)).collect()
}

fn clarified<'a>(package: &'a Package, list: &'a Table) -> Option<&'a str> {
    about(package, list, "clarify").find_map(|entry| entry.get("expression")).and_then(Value::as_str)
}

/// What is wrong with where the package comes from.
fn foreign<'a>(package: &'a Package, list: &Table) -> Option<&'a str> {
    let Some(source) = package.source.as_deref() else { return Some("a path outside the workspace") };
    let bare = source.split(['?', '#']).next().unwrap_or(source);
    let (kind, address) = bare.split_once('+').unwrap_or(("", bare));
    let allowed = words(list, "sources", if kind == "git" { "allow-git" } else { "allow-registry" });
    (!allowed.contains(&address)).then_some(source)
}

/// Whether an SPDX expression can be fulfilled with these licences. Old crates write `/` for OR.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    // What cannot be read is not allowed.
    either(&mut rest, allowed).unwrap_or(false) && rest.is_empty()
}

fn either(tokens: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut verdict = both(tokens, allowed)?;
    while take(tokens, "OR") {
        verdict |= both(tokens, allowed)?;
    }
    Some(verdict)
}

fn both(tokens: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut verdict = single(tokens, allowed)?;
    while take(tokens, "AND") {
        verdict &= single(tokens, allowed)?;
    }
    Some(verdict)
}

fn single(tokens: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    if take(tokens, "(") {
        let verdict = either(tokens, allowed)?;
        return take(tokens, ")").then_some(verdict);
    }
    let (name, rest) = tokens.split_first()?;
    *tokens = rest;
    if !take(tokens, "WITH") {
        return Some(allowed.contains(name));
    }
    let (exception, rest) = tokens.split_first()?;
    *tokens = rest;
    // An exception only gives more freedom than the licence itself.
    Some(allowed.contains(name) || allowed.contains(&format!("{name} WITH {exception}").as_str()))
}

fn take(tokens: &mut &[&str], word: &str) -> bool {
    match tokens.split_first() {
        Some((first, rest)) if first.eq_ignore_ascii_case(word) => {
            *tokens = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "Unicode-3.0"]
        [[licenses.exceptions]]
        crate = "special"
        allow = ["OFL-1.1"]
        [[licenses.clarify]]
        crate = "silent"
        expression = "MIT"
        [bans]
        deny = [{ crate = "openssl", reason = "x" }, "native-tls"]
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
        allow-git = []
    "#;

    fn findings(name: &str, licence: Option<&str>, source: Option<&str>) -> usize {
        let mut house = House::of(&[("deny.toml", LISTED)]);
        let (licence, source) = (licence.map(str::to_owned), source.map(str::to_owned));
        house.packages.push(Package { name: name.into(), licence, source, ..Package::default() });
        check(&house).len()
    }

    const INDEX: Option<&str> = Some("registry+https://github.com/rust-lang/crates.io-index");

    #[test]
    fn tidy_licences_reads_expressions() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"];
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 OR (MIT AND Unicode-3.0)",
            "GPL-3.0 AND BSD-1 OR MIT",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in
            ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND OpenSSL", "", "MIT OR", "(MIT", "MIT Apache-2.0", "LGPL-2.1 WITH x"]
        {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn tidy_licences_catches_licences_bans_and_sources() {
        assert_eq!(findings("a", Some("MIT"), INDEX), 0);
        assert_eq!(findings("a", Some("GPL-3.0"), INDEX), 1);
        assert_eq!(findings("a", None, INDEX), 1);
        assert_eq!(findings("silent", None, INDEX), 0);
        assert_eq!(findings("special", Some("OFL-1.1"), INDEX), 0);
        assert_eq!(findings("a", Some("OFL-1.1"), INDEX), 1);
        assert_eq!(findings("openssl", Some("MIT"), INDEX), 1);
        assert_eq!(findings("native-tls", Some("MIT"), INDEX), 1);
        assert_eq!(findings("a", Some("MIT"), Some("git+https://github.com/x/a?rev=1#1")), 1);
        assert_eq!(findings("a", Some("MIT"), Some("registry+https://mirror.example")), 1);
        assert_eq!(findings("a", Some("MIT"), None), 1);
        assert_eq!(check(&House::default()).len(), 1);
    }

    #[test]
    fn tidy_licences_the_real_list_bans_what_the_house_bans() {
        let list: Table = include_str!("../../../deny.toml").parse().unwrap();
        let banned = words(&list, "bans", "deny");
        for name in ["openssl", "openssl-sys", "native-tls", "aubio", "aubio-rs", "aubio-sys"] {
            assert!(banned.contains(&name), "{name}");
        }
        assert!(words(&list, "sources", "allow-git").is_empty() && words(&list, "licenses", "allow").contains(&"MIT"));
    }
}
