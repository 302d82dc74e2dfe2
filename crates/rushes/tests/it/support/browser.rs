//! A real browser, driven by a script of `tests/browser`.

#![expect(clippy::disallowed_methods, reason = "the browser's driver is a program of its own")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What a browser test needs: Node, the folder of its packages, a browser.
pub(crate) struct Tools {
    node: PathBuf,
    modules: PathBuf,
    chromium: PathBuf,
}

impl Tools {
    /// Runs a script of `tests/browser` with these arguments; gives what it says. Panics where it finds something wrong.
    pub(crate) fn run(&self, script: &str, args: &[&str]) -> String {
        let output = Command::new(&self.node)
            .arg(Path::new(ROOT).join("crates/rushes/tests/browser").join(script))
            .args(args)
            .args([&self.modules, &self.chromium, &Path::new(ROOT).join("target/screenshots")])
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
        said
    }
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names.iter().find_map(|name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// None where one is missing, after saying so. Panics where servers are required.
pub(crate) fn tools() -> Option<Tools> {
    let named = std::env::var_os("RUSHES_CHROMIUM").filter(|named| !named.is_empty()).map(PathBuf::from);
    let chromium = named.or_else(|| on_path(&["chromium", "chromium-browser", "google-chrome"]));
    let room = Path::new(ROOT).join("target/servers/browser");
    let (modules, node) = (room.join("node_modules"), Some(room.join("node")).filter(|node| node.exists()));
    let has_modules = modules.join("playwright-core").is_dir() && modules.join("axe-core").is_dir();
    if let (Some(node), Some(chromium), true) = (node, chromium, has_modules) {
        return Some(Tools { node, modules, chromium });
    }
    let how = "get it with scripts/setup.sh develop, or name it in RUSHES_CHROMIUM";
    let is_required = std::env::var_os("RUSHES_REQUIRE_SERVERS").is_some_and(|value| value == "1");
    assert!(!is_required, "chromium is missing and RUSHES_REQUIRE_SERVERS is set: {how}");
    eprintln!("skipped: chromium ({how})");
    None
}
