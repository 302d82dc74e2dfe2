//! Places stand apart: from the home, whose own files an object there would be, and from each other. A destination that
//! is the blob store by another name proves everything, and keeps nothing.

use crate::config::Config;
use rushes_core::{Code, Fault};
use rushes_engine::Home;
use std::path::{Component, Path, PathBuf};

/// Where a place puts what it is given.
struct Place<'a> {
    name: &'a str,
    at: PathBuf,
    is_folder: bool,
}

/// Looks at every folder by its true name. Errors: `config_invalid`, naming the place and what it overlaps.
pub(super) fn check(home: &Home, config: &Config) -> Result<(), Fault> {
    let destinations: Vec<Place<'_>> = config.destinations.iter().filter_map(destination).collect();
    let (root, remote) = (real(home.root()), real(home.root()).join("remote"));
    let mut folders: Vec<(&str, &str, PathBuf)> =
        destinations.iter().filter(|place| place.is_folder).map(|place| ("destinations", place.name, place.at.clone())).collect();
    // Also where nothing is configured: `remote` may be a link.
    folders.push(("destinations", "remote", real(&home.remote())));
    let catalogs = config.catalogs.iter().filter_map(|place| Some(("catalogs", place.name.as_str(), real(folder_of(&place.uri)?))));
    for (section, name, at) in folders.into_iter().chain(catalogs) {
        let refuse = |reason: String| Err(invalid(section, name, reason));
        if at.starts_with(&root) && !at.starts_with(&remote) {
            return refuse(format!(
                "{} lies within the home {}, and its files would be the home's own; choose a folder outside of it, or its folder remote",
                at.display(),
                root.display()
            ));
        }
        if root.starts_with(&at) {
            let reason = format!("the home {} lies within {}; choose a folder beside it, or a prefix", root.display(), at.display());
            return refuse(reason);
        }
    }
    for (n, place) in destinations.iter().enumerate() {
        let is_same = |other: &&Place<'_>| {
            place.at == other.at
                || place.is_folder && other.is_folder && (place.at.starts_with(&other.at) || other.at.starts_with(&place.at))
        };
        if let Some(other) = destinations[..n].iter().find(is_same) {
            let reason = format!(
                "it puts its objects where {:?} puts its own, at {}; give each a folder or prefix of its own",
                other.name,
                place.at.display()
            );
            return Err(invalid("destinations", place.name, reason));
        }
    }
    Ok(())
}

fn invalid(section: &str, name: &str, reason: String) -> Fault {
    Fault::new(Code::ConfigInvalid, "read configuration").with("setting", format!("{section}.{name}.uri")).because(reason)
}

/// None for what is of no other kind than itself: memory.
fn destination(place: &crate::config::DestinationSection) -> Option<Place<'_>> {
    let (name, prefix) = (place.name.as_str(), place.prefix.trim_matches('/'));
    if let Some(folder) = folder_of(&place.uri) {
        return Some(Place { name, at: real(&folder.join(prefix)), is_folder: true });
    }
    let (scheme, bucket) = place.uri.split_once("://").filter(|(scheme, _)| *scheme != "memory")?;
    let endpoint = place.endpoint.as_deref().unwrap_or(scheme);
    let at = Path::new(endpoint.trim_end_matches('/')).join(scheme).join(bucket.trim_matches('/')).join(prefix);
    Some(Place { name, at, is_folder: false })
}

fn folder_of(uri: &str) -> Option<&Path> {
    uri.strip_prefix("file://").map(Path::new).filter(|path| path.is_absolute())
}

/// A path without links and dots, as far as it is there; beyond that as it is written.
fn real(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            part => {
                real.push(part);
                if let Ok(there) = std::fs::canonicalize(&real) {
                    real = there;
                }
            }
        }
    }
    real
}
