//! Walks a folder: which files there are, in which state. Nothing is opened, and no link leads out of the folder.

use super::ignored::is_ignored;
use percent_encoding::percent_decode_str;
use rushes_core::destination::Destination;
use rushes_engine::{Home, Site};
use rushes_workflows::import::Mark;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files of one folder at most; beyond that it is said that there are more.
const FILES_MAX: usize = 1_000_000;
/// Folders within folders at most.
const DEPTH_MAX: usize = 64;

/// What is passed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Patterns with `*` and `?`, in small or capital letters alike: of a file's or folder's name, or with a `/` of its
    /// path below the folder.
    pub(crate) ignored: Vec<String>,
    /// Folders that are never entered: the home and whatever Rushes itself writes.
    pub(crate) excluded: Vec<PathBuf>,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Absolute, as it was walked to.
    pub(crate) path: PathBuf,
    /// Below the folder, with `/`.
    pub(crate) relative: String,
    pub(crate) mark: Mark,
}

/// The folders Rushes writes itself: the home, and destinations that are folders.
pub(crate) fn excluded(home: &Home, destinations: &[Site<dyn Destination>]) -> Vec<PathBuf> {
    let of_site = |site: &Site<dyn Destination>| {
        let address = site.port.uri("");
        let path = address.strip_prefix("file://")?;
        Some(PathBuf::from(percent_decode_str(path).decode_utf8_lossy().into_owned()))
    };
    let all = std::iter::once(home.root().to_owned()).chain(destinations.iter().filter_map(of_site));
    all.filter_map(|path| std::fs::canonicalize(path).ok()).collect()
}

/// What a walk saw.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// In the order of their paths.
    pub(crate) files: Vec<Entry>,
    /// What could not be looked at, and why.
    pub(crate) closed: Vec<(PathBuf, String)>,
    /// Files passed over by rule.
    pub(crate) ignored: u64,
}

/// Walks a folder. Errors: the folder itself cannot be read.
pub(crate) fn walk(root: &Path, rules: &Rules) -> std::io::Result<Walked> {
    let mut walked = Walked::default();
    let inside = std::fs::canonicalize(root)?;
    // Read before anything else, so that a folder that is gone is an error and no empty folder.
    let mut folders = vec![(root.to_owned(), String::new(), 0_usize, std::fs::read_dir(root)?)];
    while let Some((folder, below, depth, entries)) = folders.pop() {
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    walked.closed.push((folder.clone(), error.to_string()));
                    break;
                }
            };
            let path = folder.join(entry.file_name());
            let Some(relative) = entry.file_name().to_str().map(|name| format!("{below}{name}")) else {
                walked.closed.push((path, "its name is no UTF-8; give it another".to_owned()));
                continue;
            };
            if is_ignored(&relative, &rules.ignored) {
                walked.ignored += 1;
                continue;
            }
            match look(&path, &inside) {
                Looked::File(mark) if walked.files.len() < FILES_MAX => walked.files.push(Entry { path, relative, mark }),
                Looked::File(_) => {
                    walked.closed.push((path, format!("there are more than {FILES_MAX} files; this and later ones wait")));
                    return Ok(sorted(walked));
                }
                Looked::Folder if depth >= DEPTH_MAX => walked.closed.push((path, format!("it lies more than {DEPTH_MAX} folders deep"))),
                Looked::Folder => {
                    let is_ours = std::fs::canonicalize(&path).is_ok_and(|real| rules.excluded.contains(&real));
                    if is_ours {
                        walked.ignored += 1;
                        continue;
                    }
                    match std::fs::read_dir(&path) {
                        Ok(entries) => folders.push((path, format!("{relative}/"), depth + 1, entries)),
                        Err(error) => walked.closed.push((path, error.to_string())),
                    }
                }
                Looked::Neither => walked.ignored += 1,
                Looked::Closed(error) => walked.closed.push((path, error)),
            }
        }
    }
    Ok(sorted(walked))
}

fn sorted(mut walked: Walked) -> Walked {
    walked.files.sort_by(|a, b| a.relative.cmp(&b.relative));
    walked.closed.sort();
    walked
}

/// Looks at one file below a folder; None where it is none, or passed over.
pub(crate) fn look_at(root: &Path, path: &Path, rules: &Rules) -> Option<Entry> {
    let relative = path.strip_prefix(root).ok()?.to_str()?.to_owned();
    let mut at = String::new();
    for part in relative.split('/') {
        at.push_str(part);
        if is_ignored(&at, &rules.ignored) {
            return None;
        }
        at.push('/');
    }
    let inside = std::fs::canonicalize(root).ok()?;
    let real = std::fs::canonicalize(path).ok()?;
    // A folder on the way that is a link is not entered by a walk either.
    let is_walked = std::fs::canonicalize(path.parent()?).ok()?.as_path() == inside.join(&relative).parent()?;
    if !is_walked || rules.excluded.iter().any(|folder| real.starts_with(folder)) {
        return None;
    }
    match look(path, &inside) {
        Looked::File(mark) => Some(Entry { path: path.to_owned(), relative, mark }),
        _ => None,
    }
}

enum Looked {
    File(Mark),
    Folder,
    /// A link out of the folder, to a folder, or to nowhere; a pipe, a socket, a device.
    Neither,
    Closed(String),
}

fn look(path: &Path, inside: &Path) -> Looked {
    let meta = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        // Gone since its folder was read.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Looked::Neither,
        Err(error) => return Looked::Closed(error.to_string()),
    };
    if meta.is_dir() {
        return Looked::Folder;
    }
    if meta.is_file() {
        return Looked::File(Mark::of(&meta));
    }
    if !meta.is_symlink() || !std::fs::canonicalize(path).is_ok_and(|real| real.starts_with(inside)) {
        return Looked::Neither;
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => Looked::File(Mark::of(&meta)),
        _ => Looked::Neither,
    }
}

/// Which very folder this is; None where there is none.
pub(crate) fn folder_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir).map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap();
    }

    fn names(walked: &Walked) -> Vec<&str> {
        walked.files.iter().map(|entry| entry.relative.as_str()).collect()
    }

    #[test]
    fn walk_stays_inside_and_passes_over_what_it_was_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("in"), folder.path().join("out"));
        for name in ["a.png", "sub/b.png", ".hidden/c.png", "film.mp4.part", "home/blobs/x", "raw/d.png"] {
            put(&root.join(name));
        }
        put(&outside.join("e.png"));
        let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        link(&root, "loop");
        link(&outside, "away");
        link(&outside.join("e.png"), "leads-out.png");
        link(&root.join("sub/b.png"), "link.png");
        link(Path::new("nowhere"), "broken.png");
        let rules = Rules { ignored: vec!["raw".into()], excluded: vec![std::fs::canonicalize(root.join("home")).unwrap()] };
        let walked = walk(&root, &rules).unwrap();
        assert_eq!(names(&walked), ["a.png", "link.png", "sub/b.png"]);
        let seen = |name: &str| look_at(&root, &root.join(name), &rules).is_some();
        assert!(seen("a.png") && seen("sub/b.png") && seen("link.png"));
        for name in [
            "loop/a.png",
            "loop/link.png",
            "away/e.png",
            "leads-out.png",
            ".hidden/c.png",
            "home/blobs/x",
            "raw/d.png",
            "film.mp4.part",
            "sub",
            "none.png",
        ] {
            assert!(!seen(name), "{name}");
        }
        assert!(walk(&root.join("gone"), &rules).is_err(), "a folder that is gone is not an empty one");
    }
}
