//! Manifests: versions and features are declared once, in the root; lints hold everywhere.

use super::{Finding, House};
use toml::{Table, Value};

const RULE: &str = "manifests";
const SECTIONS: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let manifests = house.ending("Cargo.toml").filter(|(path, _)| *path != "Cargo.toml");
    manifests.flat_map(|(path, text)| member(path, text)).collect()
}

fn member(path: &str, text: &str) -> Vec<Finding> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![Finding::new(path, RULE, format!("cannot be read: {error}"))],
    };
    // A workspace of its own, which nothing here is built with.
    if table.contains_key("workspace") {
        return Vec::new();
    }
    let mut found = sections(path, &table);
    let targets = table.get("target").and_then(Value::as_table).into_iter().flatten();
    found.extend(targets.filter_map(|(_, target)| target.as_table()).flat_map(|target| sections(path, target)));
    if table.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        found.push(Finding::new(path, RULE, "has no `[lints] workspace = true`; add it"));
    }
    found
}

fn sections(path: &str, table: &Table) -> Vec<Finding> {
    let mut found = Vec::new();
    for section in SECTIONS {
        for (name, value) in table.get(*section).and_then(Value::as_table).into_iter().flatten() {
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                let what = format!("`{name}` is declared here; declare it in the root Cargo.toml and write `{name}.workspace = true`");
                found.push(Finding::new(path, RULE, what));
            } else if *section != "dev-dependencies" && (value.get("features").is_some() || value.get("default-features").is_some()) {
                // A test may switch on what production must not have, such as a clock that can be set.
                found.push(Finding::new(path, RULE, format!("`{name}` gets features here; declare them in the root Cargo.toml")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        check(&House::of(&[("crates/a/Cargo.toml", text), ("Cargo.toml", "[workspace]")]))
    }

    #[test]
    fn tidy_manifests_catches_a_second_declaration() {
        let lints = "[lints]\nworkspace = true\n";
        for bad in [
            "[dependencies]\nserde = \"1\"\n",
            "[dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n",
            "[dependencies]\nx = { path = \"../x\" }\n",
            "[dev-dependencies]\nserde = { version = \"1\" }\n",
            "[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n",
        ] {
            assert_eq!(findings(&format!("{bad}{lints}")).len(), 1, "{bad}");
        }
        let good = "[dependencies]\na.workspace = true\nb = { workspace = true, optional = true }\n\
                    [dev-dependencies]\nc = { workspace = true, features = [\"test-util\"] }\n";
        assert_eq!(findings(&format!("{good}{lints}")), []);
    }

    #[test]
    fn tidy_manifests_leaves_other_workspaces_to_themselves() {
        assert_eq!(findings("[workspace]\n[dependencies]\nserde = \"1\"\n"), []);
    }

    #[test]
    fn tidy_manifests_catches_missing_lints_and_broken_files() {
        assert_eq!(findings("[package]\n").len(), 1);
        assert_eq!(findings("[package\n").len(), 1);
    }
}
