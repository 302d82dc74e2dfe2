//! Machine affairs: paths of one machine and package mirrors have no place in the repository.

use super::{Finding, House};

const RULE: &str = "machine";

/// Folders at the root of somebody's machine. Written without slashes, so that this file does not catch itself.
const FOLDERS: &[&str] = &["root", "home", "work", "Users"];

/// What chooses a package mirror, in two halves for the same reason.
const MIRRORS: &[(&str, &str)] = &[
    ("replace", "-with"),
    ("index", "-url"),
    ("CARGO_", "SOURCE_"),
    ("CARGO_", "REGISTRIES_"),
    ("PIP_", "INDEX_URL"),
    ("NPM_CONFIG_", "REGISTRY"),
    ("npm_config_", "registry"),
    ("GOPROXY", "="),
    ("RUSTUP_", "DIST_SERVER"),
];

/// The public sources a lock file may name.
const PUBLIC: &[&str] =
    &["registry+https://github.com/rust-lang/crates.io-index", "https://registry.npmjs.org/", "https://registry.yarnpkg.com/"];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in &house.files {
        for (at, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                let what = format!("a path below /{folder} of one machine; use a path from the root of the repository, ~ or a placeholder");
                found.push(Finding::at(path, at + 1, RULE, what));
            }
            if MIRRORS.iter().any(|(one, two)| line.contains(&format!("{one}{two}"))) {
                found.push(Finding::at(path, at + 1, RULE, "chooses a package mirror; that is set on the machine, not in the repository"));
            }
            if let Some(source) = foreign_source(path, line) {
                found.push(Finding::at(
                    path,
                    at + 1,
                    RULE,
                    format!("`{source}` is no public package source; make the lock file without a mirror"),
                ));
            }
        }
    }
    found
}

/// Whether the line holds `/folder/` as the beginning of a path, not as the middle of one or of an address.
fn names_folder(line: &str, folder: &str) -> bool {
    let needle = format!("/{folder}/");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '/' | '}' | '>' | ')' | '*' | '…'))
    })
}

/// What a lock file's line gets its package from, when that is not public.
fn foreign_source<'a>(path: &str, line: &'a str) -> Option<&'a str> {
    let line = line.trim();
    let value = match path.rsplit('/').next()? {
        "Cargo.lock" => line.strip_prefix("source = "),
        "package-lock.json" => line.strip_prefix("\"resolved\": "),
        _ => None,
    }?;
    let value = value.trim_matches(['"', ',']);
    (!PUBLIC.iter().any(|public| value.starts_with(public))).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&House::of(&[(path, text)])).len()
    }

    #[test]
    fn tidy_machine_catches_paths_of_a_machine() {
        for folder in FOLDERS {
            for text in [format!("see /{folder}/me/x"), format!("\"/{folder}/x\""), format!("PATH=/{folder}/bin"), format!("/{folder}/")] {
                assert_eq!(findings("a.md", &text), 1, "{text}");
            }
            for text in
                [format!("./{folder}/x"), format!("https://a.example/{folder}/x"), format!("{{tmp}}/{folder}/"), format!("a/{folder}/b")]
            {
                assert_eq!(findings("a.md", &text), 0, "{text}");
            }
        }
    }

    #[test]
    fn tidy_machine_catches_mirrors() {
        for (one, two) in MIRRORS {
            assert_eq!(findings("x.toml", &format!("{one}{two} = \"y\"")), 1);
        }
        assert_eq!(findings("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n"), 1);
        assert_eq!(findings("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"), 0);
        assert_eq!(findings("ui/package-lock.json", "  \"resolved\": \"https://mirror.example/a.tgz\",\n"), 1);
        assert_eq!(findings("ui/package-lock.json", "  \"resolved\": \"https://registry.npmjs.org/a.tgz\",\n"), 0);
    }
}
