//! What Cargo knows of the packages, in the few fields the rules need.

use anyhow::{Context, bail};
use serde_json::Value;
use std::path::Path;

/// One package: ours or a dependency.
#[derive(Debug, Clone, Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// The SPDX expression as its author wrote it.
    pub(super) licence: Option<String>,
    /// None = by path.
    pub(super) source: Option<String>,
    pub(super) is_member: bool,
    /// Its `Cargo.toml`, from the root of the workspace for members.
    pub(super) manifest: String,
    pub(super) needs: Vec<Need>,
}

/// One dependency as declared.
#[derive(Debug, Clone)]
pub(super) struct Need {
    pub(super) name: String,
    pub(super) is_dev: bool,
}

/// Tried in turn: the first needs no network, the second fetches what other platforms' packages are missing, the third
/// does without them.
const WAYS: &[&[&str]] = &[&["--offline", "--all-features"], &["--all-features"], &["--offline"]];

/// Every package of the workspace at `root`.
pub(super) fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let mut said = String::new();
    for way in WAYS {
        match metadata(root, way)? {
            Ok(json) => return parse(&json, root),
            Err(why) => said = why,
        }
    }
    bail!("cargo metadata: {}", said.trim_end())
}

fn metadata(root: &Path, way: &[&str]) -> anyhow::Result<Result<Value, String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = if way.contains(&"--all-features") { vec![] } else { vec!["--filter-platform".to_owned(), host(root)?] };
    #[expect(clippy::disallowed_methods, reason = "a development command, no part of the product")]
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--color", "never"])
        .args(way)
        .args(platform)
        .current_dir(root)
        .output()
        .context("start cargo")?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(Ok(serde_json::from_slice(&output.stdout).context("read cargo metadata")?))
}

fn host(root: &Path) -> anyhow::Result<String> {
    #[expect(clippy::disallowed_methods, reason = "a development command, no part of the product")]
    let output = std::process::Command::new("rustc").arg("-vV").current_dir(root).output().context("start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

fn parse(json: &Value, root: &Path) -> anyhow::Result<Vec<Package>> {
    // Cargo resolves links in paths, so the workspace's own word for its root is used first.
    let root = json["workspace_root"].as_str().map_or_else(|| root.display().to_string(), str::to_owned);
    let members: Vec<&str> = json["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let packages = json["packages"].as_array().context("cargo metadata without packages")?;
    Ok(packages.iter().map(|package| parse_one(package, &root, &members)).collect())
}

fn parse_one(package: &Value, root: &str, members: &[&str]) -> Package {
    let word = |key: &str| package[key].as_str().map(str::to_owned);
    let manifest = word("manifest_path").unwrap_or_default();
    let needs = package["dependencies"].as_array().into_iter().flatten();
    Package {
        name: word("name").unwrap_or_default(),
        version: word("version").unwrap_or_default(),
        licence: word("license"),
        source: word("source"),
        is_member: package["id"].as_str().is_some_and(|id| members.contains(&id)),
        manifest: manifest.strip_prefix(root).unwrap_or(&manifest).trim_start_matches('/').to_owned(),
        needs: needs
            .map(|need| Need { name: need["name"].as_str().unwrap_or_default().to_owned(), is_dev: need["kind"].as_str() == Some("dev") })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy_cargo_metadata_is_read() {
        let json = serde_json::json!({
            "workspace_root": "/r", "workspace_members": ["id-a"],
            "packages": [
                {"id": "id-a", "name": "a", "version": "1.0.0", "license": "MIT", "source": null, "manifest_path": "/r/crates/a/Cargo.toml",
                 "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
                {"id": "id-b", "name": "b", "version": "2.0.0", "license": null, "source": "git+https://x", "manifest_path": "/c/b/Cargo.toml",
                 "dependencies": []}
            ]
        });
        let packages = parse(&json, Path::new("/elsewhere")).unwrap();
        assert!(packages[0].is_member && packages[0].manifest == "crates/a/Cargo.toml");
        assert!(!packages[0].needs[0].is_dev && packages[0].needs[1].is_dev);
        assert!(!packages[1].is_member && packages[1].licence.is_none());
    }
}
