//! Makes the list of workflows from the modules that `src/lib.rs` names: a module is a workflow when its file has a `CARD`.
//! So a new one is its file and its `mod` line, and none of them can be forgotten.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

fn main() -> io::Result<()> {
    let source = Path::new("src");
    let modules = fs::read_to_string(source.join("lib.rs"))?;
    let named = modules.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let card = " const CARD: Card =";
    let has_card = |module: &&str| fs::read_to_string(source.join(format!("{module}.rs"))).is_ok_and(|text| text.contains(card));
    let workflows: Vec<&str> = named.filter(has_card).collect();
    let folder = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    let mut list = File::create(Path::new(&folder).join("workflows.rs"))?;
    writeln!(list, "workflows!({});", workflows.join(", "))
}
