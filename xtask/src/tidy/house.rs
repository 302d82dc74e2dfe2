//! What the rules look at: the files of the repository and the packages Cargo knows. Read once, given to every rule.

use super::cargo::{self, Package};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::Path;

/// Folders that hold no sources, skipped where git cannot be asked.
const NOT_OURS: &[&str] = &[".git", "target", "rushes-home", "node_modules"];

/// Larger files are no text to read for rules.
const MAX_TEXT_BYTES: u64 = 4 << 20;

/// The workspace as the rules see it.
#[derive(Debug, Default)]
pub struct House {
    /// Path from the root, with `/`, to content; empty content for what is no text.
    pub(super) files: BTreeMap<String, String>,
    /// Every package, dependencies included.
    pub(super) packages: Vec<Package>,
}

impl House {
    /// Reads the workspace at `root`: what git tracks or would track, and `cargo metadata`.
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        let paths = match tracked(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            // git also lists links, and files deleted a moment ago.
            let Ok(facts) = std::fs::symlink_metadata(&full) else { continue };
            if facts.is_dir() {
                continue;
            }
            let text = if facts.is_file() && facts.len() <= MAX_TEXT_BYTES {
                let bytes = std::fs::read(&full).with_context(|| format!("read {path}"))?;
                String::from_utf8(bytes).unwrap_or_default()
            } else {
                String::new()
            };
            files.insert(path, text);
        }
        Ok(Self { files, packages: cargo::packages(root)? })
    }

    /// The Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ending(".rs")
    }

    /// The files whose path ends so.
    pub(super) fn ending(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter(move |(path, _)| path.ends_with(suffix)).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The content of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether a file or a folder of that path is there.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(p, _)| p.starts_with(&folder))
    }

    /// The packages of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    /// A house made of these files, for the rules' own tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, packages: Vec::new() }
    }
}

/// What git tracks or would track; None without git or outside a repository (a source archive).
fn tracked(root: &Path) -> Option<Vec<String>> {
    #[expect(clippy::disallowed_methods, reason = "a development command, no part of the product")]
    let output = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// Every file below `root`, without what is never a source.
fn walked(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).with_context(|| format!("list {folder}"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if !entry.file_type()?.is_dir() {
                paths.push(path);
            } else if !NOT_OURS.contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_house_knows_files_and_folders() {
        let house = House::of(&[("crates/a/src/lib.rs", ""), ("crates/a-b/x.rs", "")]);
        assert!(house.has("crates/a/src/lib.rs") && house.has("crates/a") && house.has("crates/a/src/"));
        assert!(!house.has("crates/a/src/lib") && !house.has("crate"));
    }

    #[test]
    fn tidy_house_is_read_without_git_too() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let paths = walked(root).unwrap();
        assert!(paths.contains(&"src/tidy/house.rs".to_owned()), "{paths:?}");
    }
}
